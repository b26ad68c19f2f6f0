/// The exit statuses of every command, as the manual page documents them.
struct ExitStatus: Equatable, Sendable {
    let code: Int32

    /// Done. With `--check`: nothing was found.
    static let success = ExitStatus(code: 0)
    /// `--check` found something, or a sample of `rules test` failed.
    static let found = ExitStatus(code: 1)
    /// The command line, a rule file, a key file or a list of values is wrong. Nothing was read.
    static let usage = ExitStatus(code: 2)
    /// An input could not be read, or a file could not be replaced. The other inputs were processed.
    static let input = ExitStatus(code: 3)
    /// The output or the report could not be written.
    static let output = ExitStatus(code: 4)
    /// The scrubber failed. Bytes it held back were dropped.
    static let `internal` = ExitStatus(code: 5)
    /// The reader of the output went away: the status of a program that SIGPIPE ended, in the shell's counting.
    static let readerGone = ExitStatus(code: 128 + 13)

    /// The graver of two statuses: a failure outranks a finding.
    func orWorse(_ other: ExitStatus) -> ExitStatus { other.code > code ? other : self }
}

/// A reason to stop, told to the user in one sentence that never holds a secret.
struct Failure: Error, Equatable {
    var status: ExitStatus
    /// Empty: the user knows already, as when the reader of a pipe went away.
    var message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}
