internal import Glibc
internal import Synchronization

/// The real program, running.
///
/// Its standard streams are pipes unless a test asks for something else. `finish()` collects what is left; a child that
/// is never finished is killed.
final class Child {
    /// What became of it.
    struct Result {
        /// The exit status, or 128 + signal for a program that a signal ended, as shells count.
        var status: Int32
        var output: [UInt8]
        var error: String

        var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// What a standard stream is connected to.
    enum Stream {
        case pipe
        case closed
        case file(String)
        /// A pipe whose writing end does not block.
        case nonBlockingPipe
    }

    private(set) var id: pid_t = 0
    private var input: Int32 = -1
    private var outputEnd: Int32 = -1
    private var errorEnd: Int32 = -1
    /// Writing end of descriptor 3 in the child, if it was asked for.
    private var channel: Int32 = -1
    private var output: [UInt8] = []
    private var error: [UInt8] = []
    /// Bytes that came out, also those that `keepsOutput` threw away.
    private(set) var outputCount = 0
    /// False: what comes out is counted only.
    var keepsOutput = true

    /// The program under test: the one that `PIPEMASON_BINARY` names, or the one built beside these tests.
    static let program: String = {
        if let named = getenv("PIPEMASON_BINARY") { return String(cString: named) }
        return built
    }()

    /// The one built beside these tests, which is a dynamic executable.
    static let built: String = {
        var path = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        let text = String(decoding: path[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            + "/pipemason"
    }()

    /// True if the program was built for release, as `make test` arranges.
    static var isRelease: Bool { getenv("PIPEMASON_BINARY") != nil }

    /// Descriptors are created and inherited under this lock: a pipe that leaks into another child never ends.
    private static let spawning = Mutex(())

    init(
        _ arguments: [String], program: String = Child.program, environment: [String: String] = [:],
        input: Stream = .pipe, output: Stream = .pipe, hasChannel: Bool = false, directory: String? = nil
    ) throws {
        signal(SIGPIPE, SIG_IGN)
        try Child.spawning.withLock { _ in
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            var childEnds: [Int32] = []
            defer { for end in childEnds { close(end) } }

            func connect(_ number: Int32, _ stream: Stream, childWrites: Bool) -> Int32 {
                switch stream {
                case .closed:
                    posix_spawn_file_actions_addclose(&actions, number)
                    return -1
                case .file(let path):
                    let flags = childWrites ? O_WRONLY | O_CREAT : O_RDONLY
                    posix_spawn_file_actions_addopen(&actions, number, path, flags, 0o600)
                    return -1
                case .pipe, .nonBlockingPipe:
                    let (reading, writing) = Child.pipe()
                    if case .nonBlockingPipe = stream { _ = fcntl(writing, F_SETFL, O_WRONLY | O_NONBLOCK) }
                    let theirs = childWrites ? writing : reading
                    posix_spawn_file_actions_adddup2(&actions, theirs, number)
                    childEnds.append(theirs)
                    return childWrites ? reading : writing
                }
            }
            self.input = connect(0, input, childWrites: false)
            outputEnd = connect(1, output, childWrites: true)
            errorEnd = connect(2, .pipe, childWrites: true)
            if hasChannel { channel = connect(3, .pipe, childWrites: false) }
            // The child's ends are open files of their own, and stay as they are.
            Child.doNotBlock(self.input)
            Child.doNotBlock(channel)

            var attributes = posix_spawnattr_t()
            posix_spawnattr_init(&attributes)
            defer { posix_spawnattr_destroy(&attributes) }
            // This process ignores SIGPIPE; the child must not inherit that.
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGPIPE)
            posix_spawnattr_setsigdefault(&attributes, &signals)
            // The threads that run tests block signals, and a mask is inherited.
            var none = sigset_t()
            sigemptyset(&none)
            posix_spawnattr_setsigmask(&attributes, &none)
            posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

            var variables = ["PATH": "/usr/bin:/bin"]
            variables.merge(environment) { _, new in new }
            // env becomes the program, in its directory.
            let inDirectory = directory.map { ["/usr/bin/env", "-C", $0] } ?? []
            var argv = (inDirectory + [program] + arguments).map { strdup($0) } + [nil]
            var envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
            defer { for text in argv + envp { free(text) } }
            let failure = posix_spawn(&id, inDirectory.first ?? program, &actions, &attributes, &argv, &envp)
            guard failure == 0 else { throw SpawnError(program: program, number: failure) }
        }
    }

    deinit {
        for end in [input, outputEnd, errorEnd, channel] where end >= 0 { close(end) }
        if id != 0 {
            kill(id, SIGKILL)
            waitpid(id, nil, 0)
        }
    }

    struct SpawnError: Error {
        var program: String
        var number: Int32
    }

    /// Runs to the end with all of `input`.
    static func run(
        _ arguments: [String], input: String = "", environment: [String: String] = [:], output: Stream = .pipe,
        directory: String? = nil
    ) throws -> Result {
        let child = try Child(arguments, environment: environment, output: output, directory: directory)
        child.write(Array(input.utf8))
        return child.finish()
    }

    /// Sends bytes, collecting output meanwhile, so that neither side waits for the other.
    func write(_ bytes: [UInt8]) { send(bytes, to: input) }

    func write(_ text: String) { write(Array(text.utf8)) }

    /// Sends bytes for as long as the child takes them within the time given, reading nothing that comes out.
    func writeWithoutCollecting(_ bytes: [UInt8], seconds: Double) {
        let start = Child.now
        var sent = 0
        while sent < bytes.count, Child.now - start < seconds {
            var ready = pollfd(fd: input, events: Int16(POLLOUT), revents: 0)
            guard poll(&ready, 1, 50) > 0 else { continue }
            let count = bytes.withUnsafeBytes { Glibc.write(input, $0.baseAddress! + sent, $0.count - sent) }
            if count < 0, errno != EAGAIN { return }
            sent += max(0, count)
        }
    }

    /// Waits until the child has ended, reading nothing that comes out.
    func waitForEnd(seconds: Double) {
        let start = Child.now
        var info = siginfo_t()
        while Child.now - start < seconds {
            waitid(P_PID, id_t(id), &info, WEXITED | WNOHANG | WNOWAIT)
            if info.si_signo == SIGCHLD { return }
            usleep(20_000)
        }
    }

    /// Sends a text to descriptor 3.
    func writeToChannel(_ text: String) { send(Array(text.utf8), to: channel) }

    /// Stops reading the output, as `head` does.
    func closeOutput() {
        // A child that is being spawned holds a copy of every descriptor until it becomes another program.
        Child.spawning.withLock { _ in _ = close(outputEnd) }
        outputEnd = -1
    }

    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// What came out so far, once it satisfies `condition` or `seconds` have passed.
    func output(within seconds: Double = 10, until condition: (String) -> Bool) -> String {
        let start = Child.now
        while true {
            let text = String(decoding: output, as: UTF8.self)
            if condition(text) || Child.now - start > seconds { return text }
            collect(timeout: 20)
        }
    }

    func send(signal: Int32) { kill(id, signal) }

    /// The largest resident set so far, in KiB: `VmHWM`. Not wait4's, which counts what the parent had when it forked.
    var peakMemory: Int {
        guard let file = fopen("/proc/\(id)/status", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasPrefix("VmHWM:") else { continue }
            return text.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0
        }
        return 0
    }

    /// Ends the input, collects the rest and waits.
    func finish() -> Result {
        closeInput()
        if channel >= 0 { close(channel) }
        channel = -1
        while isOpen { collect(timeout: 1000) }
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
        id = 0
        let signal = status & 0x7F
        return Result(
            status: signal == 0 ? status >> 8 & 0xFF : 128 + signal, output: output,
            error: String(decoding: error, as: UTF8.self))
    }

    /// Whether more may come out.
    var isOpen: Bool { outputEnd >= 0 || errorEnd >= 0 }

    // MARK: Pipes

    private func send(_ bytes: [UInt8], to descriptor: Int32) {
        guard descriptor >= 0 else { return }
        var sent = 0
        while sent < bytes.count {
            var ready = [pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)]
            ready += collectable
            _ = poll(&ready, nfds_t(ready.count), 10_000)
            if ready[0].revents & Int16(POLLERR) != 0 { return }
            if ready[0].revents & Int16(POLLOUT) != 0 {
                let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + sent, $0.count - sent) }
                if count < 0, errno != EAGAIN { return }
                sent += max(0, count)
            }
            if ready.dropFirst().contains(where: { $0.revents != 0 }) { collect(timeout: 0) }
        }
    }

    private var collectable: [pollfd] {
        [outputEnd, errorEnd].filter { $0 >= 0 }.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    }

    func collect(timeout: Int32) {
        var ready = collectable
        guard poll(&ready, nfds_t(ready.count), timeout) > 0 else { return }
        for entry in ready where entry.revents != 0 {
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(entry.fd, &chunk, chunk.count)
            if count <= 0 {
                close(entry.fd)
                if entry.fd == outputEnd { outputEnd = -1 } else { errorEnd = -1 }
            } else if entry.fd == outputEnd {
                outputCount += count
                if keepsOutput { output += chunk[..<count] }
            } else {
                error += chunk[..<count]
            }
        }
    }

    /// A descriptor that takes what it can and never blocks this process.
    private static func doNotBlock(_ descriptor: Int32) {
        if descriptor >= 0 { _ = fcntl(descriptor, F_SETFL, O_WRONLY | O_NONBLOCK) }
    }

    /// A pipe whose ends are out of the way of the numbers that children use, and that children do not inherit.
    private static func pipe() -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [0, 0]
        precondition(Glibc.pipe(&ends) == 0, "no pipe")
        let moved = ends.map { fcntl($0, F_DUPFD_CLOEXEC, 10) }
        for end in ends { close(end) }
        return (moved[0], moved[1])
    }

    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
