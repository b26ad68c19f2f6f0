package import CommandSupport
internal import Glibc

/// The git broker of a run, seen from the process that runs commands (`pipemason git-broker`).
package final class GitBrokerProcess {
    package let process: Int32
    /// Where its messages come from.
    package let output: Int32
    private let input: Int32
    private var buffer: [UInt8] = []
    package private(set) var socket = ""
    /// What the repositories' addresses begin with.
    package private(set) var bases: [String] = []
    private var hasFinished = false

    /// How long it may take to be ready, in milliseconds.
    private static let startTime = 10_000

    /// What it needs of the environment: the credentials, the way to the server, and what tells git which repository it is in.
    private static let variables = [
        "HOME", "PATH", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "PIPEMASON_SERVER", "PIPEMASON_CA_FILE", "HTTPS_PROXY",
        "https_proxy",
    ]

    /// Starts the broker if this machine is paired; nil when it is not, or when there is no repository to answer for.
    /// - Parameters:
    ///   - run: The run's id.
    ///   - repositories: `owner/name` or addresses, besides the remotes of the working directory.
    /// - Throws: `Failure` when it cannot be started.
    package static func start(run: String, repositories: [String]) throws(Failure) -> GitBrokerProcess? {
        guard let home = Environment["HOME"], access(home + "/.pipemason/credentials.json", F_OK) == 0 else {
            return nil
        }
        let broker = try GitBrokerProcess(
            ["git-broker", "--run", run] + repositories.flatMap { ["--github-repo", $0] })
        guard try broker.isReady() else { return nil }
        return broker
    }

    private init(_ arguments: [String]) throws(Failure) {
        do throws(Failure) {
            let program = try PipedProgram(again: arguments, variables: Self.variables)
            (process, input, output) = (program.process, program.input, program.output)
        } catch {
            throw Failure(.input, "the git broker cannot be started: \(error.message)")
        }
    }

    /// Waits until it listens; false when it has nothing to do and has ended.
    private func isReady() throws(Failure) -> Bool {
        let deadline = Monotonic.milliseconds + Self.startTime
        while true {
            for message in receive() ?? [] {
                guard case .ready(let socket, let bases) = message else { continue }
                (self.socket, self.bases) = (socket, bases)
                return !bases.isEmpty
            }
            guard !hasEnded else { return false }
            var wait = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            let left = deadline - Monotonic.milliseconds
            guard left > 0 else { throw Failure(.input, "the git broker does not start") }
            _ = poll(&wait, 1, Int32(clamping: left))
        }
    }

    /// Whether nothing comes any more.
    package private(set) var hasEnded = false

    /// Takes what has come, without waiting; nil when nothing has.
    package func receive() -> [BrokerMessage]? {
        var wait = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
        guard !hasEnded, poll(&wait, 1, 0) > 0 else { return nil }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(output, &chunk, chunk.count)
        if count < 0, errno == EINTR { return nil }
        guard count > 0 else {
            hasEnded = true
            return nil
        }
        buffer += chunk[..<count]
        var messages: [BrokerMessage] = []
        do { while let message = try BrokerMessage.take(from: &buffer) { messages.append(message) } } catch {
            hasEnded = true
        }
        return messages
    }

    /// Says that the last value is masked.
    package func acknowledge() {
        var byte: UInt8 = 1
        _ = write(input, &byte, 1)
    }

    /// Tells it that the run is over, and waits until it has given everything back.
    package func finish() {
        guard !hasFinished else { return }
        hasFinished = true
        close(input)
        // The end of its output, also when somebody else has collected it already.
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(output, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
        }
        close(output)
        waitpid(process, nil, WNOHANG)
    }

    deinit { finish() }
}
