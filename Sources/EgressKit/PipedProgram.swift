internal import CommandSupport
internal import Glibc

/// A program that was started with pipes as its standard input and output.
struct PipedProgram {
    let process: pid_t
    /// Writes its standard input, whose end is what tells it to end. The caller closes it.
    let input: Int32
    /// Reads its standard output. The caller closes it.
    let output: Int32

    /// What a program gets besides its words.
    struct Surroundings {
        /// `NAME=value`, without NUL; nothing else of this process's environment.
        var environment: [[UInt8]] = []
        /// A process group of its own, and no signal ignored or blocked: a ^C at the terminal is for the command, not for it.
        var isApart = true
        /// Its standard error goes nowhere.
        var dropsErrors = false

        /// The named variables of this process, as far as they are set.
        static func variables(_ names: [String]) -> [[UInt8]] {
            names.compactMap { name in Environment[name].map { Array("\(name)=\($0)".utf8) } }
        }
    }

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - program: Its path, or a name that is looked for in PATH.
    ///   - words: Its arguments, with what it is called.
    /// - Throws: `Failure` with the system's reason alone; then nothing is left open.
    init(_ program: String, _ words: [String], _ surroundings: Surroundings) throws(Failure) {
        var toProgram = try PipeEnds()
        var fromProgram = try PipeEnds()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toProgram.reading, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromProgram.writing, STDOUT_FILENO)
        if surroundings.dropsErrors {
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        if surroundings.isApart {
            var none = sigset_t()
            sigemptyset(&none)
            posix_spawnattr_setsigmask(&attributes, &none)
            var all = sigset_t()
            sigfillset(&all)
            posix_spawnattr_setsigdefault(&attributes, &all)
            posix_spawnattr_setpgroup(&attributes, 0)
            posix_spawnattr_setflags(
                &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        }
        var arguments = words.map { strdup($0) } + [nil]
        var variables = surroundings.environment.map { entry in
            Path.withCString(entry) { strdup($0) }
        }
        variables.append(nil)
        defer { for text in arguments + variables { free(text) } }
        var id: pid_t = 0
        let status = posix_spawnp(&id, program, &actions, &attributes, &arguments, &variables)
        guard status == 0 else { throw Failure(.input, Diagnostics.reason(status)) }
        process = id
        input = toProgram.takeWriting()
        output = fromProgram.takeReading()
    }

    /// A program of ours: this one again, called with `arguments`.
    init(again arguments: [String], variables: [String]) throws(Failure) {
        try self.init(
            "/proc/self/exe", ["pipemason"] + arguments,
            Surroundings(environment: Surroundings.variables(variables)))
    }
}

/// A pipe whose ends other programs do not inherit; they are closed here unless they are taken.
struct PipeEnds: ~Copyable {
    private(set) var reading: Int32
    private(set) var writing: Int32

    /// - Throws: `Failure` with the system's reason.
    init() throws(Failure) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Failure(.input, Diagnostics.reason(errno)) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reading, writing) = (ends[0], ends[1])
    }

    mutating func takeReading() -> Int32 {
        defer { reading = -1 }
        return reading
    }

    mutating func takeWriting() -> Int32 {
        defer { writing = -1 }
        return writing
    }

    deinit { for end in [reading, writing] where end >= 0 { close(end) } }
}
