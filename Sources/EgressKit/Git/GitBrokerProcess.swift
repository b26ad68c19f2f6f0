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
        var toChild: [Int32] = [0, 0]
        var fromChild: [Int32] = [0, 0]
        guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else { throw Failure(.input, Diagnostics.reason(errno)) }
        for number in toChild + fromChild { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], STDOUT_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        let values = Self.variables.compactMap { name in Environment[name].map { "\(name)=\($0)" } }
        var words = (["pipemason"] + arguments).map { strdup($0) } + [nil]
        var environment = values.map { strdup($0) } + [nil]
        defer { for text in words + environment { free(text) } }
        var id: pid_t = 0
        let status = posix_spawn(&id, "/proc/self/exe", &actions, &attributes, &words, &environment)
        close(toChild[0])
        close(fromChild[1])
        process = id
        input = toChild[1]
        output = fromChild[0]
        guard status == 0 else {
            hasFinished = true
            close(input)
            close(output)
            throw Failure(.input, "the git broker cannot be started: \(Diagnostics.reason(status))")
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
