/// The exit statuses of every command, as the manual page documents them.
package struct ExitStatus: Equatable, Sendable {
    package let code: Int32

    package init(code: Int32) { self.code = code }

    /// Done. With `--check`: nothing was found.
    package static let success = ExitStatus(code: 0)
    /// `--check` found something, or a sample of `rules test` failed.
    package static let found = ExitStatus(code: 1)
    /// The command line, a rule file, a key file or a list of values is wrong. Nothing was read.
    package static let usage = ExitStatus(code: 2)
    /// An input could not be read, or a file could not be replaced. The other inputs were processed.
    package static let input = ExitStatus(code: 3)
    /// The output or the report could not be written.
    package static let output = ExitStatus(code: 4)
    /// The scrubber failed. Bytes it held back were dropped.
    package static let `internal` = ExitStatus(code: 5)
    /// The reader of the output went away: the status of a program that SIGPIPE ended, in the shell's counting.
    package static let readerGone = ExitStatus(code: 128 + 13)

    /// The graver of two statuses: a failure outranks a finding.
    package func orWorse(_ other: ExitStatus) -> ExitStatus { other.code > code ? other : self }
}

/// A reason to stop, told to the user in one sentence that never holds a secret.
package struct Failure: Error, Equatable {
    package var status: ExitStatus
    /// Empty: the user knows already, as when the reader of a pipe went away.
    package var message: String

    package init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}
