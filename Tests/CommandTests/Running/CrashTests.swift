internal import Foundation
internal import Glibc
internal import Testing

/// What a crash leaves behind, on disk and on the terminal: nothing that the command wrote.
///
/// Cores are permitted and Swift's backtraces asked for; the token is put together by the command, so that only what read its output
/// could know it.
@Suite(.serialized) struct CrashTests {
    enum Role: String, Sendable, CaseIterable { case runner, scrubber }

    struct Crash: Sendable, CustomTestStringConvertible {
        var role: Role
        var signal: Int32
        var name: String
        var options: [String]

        var testDescription: String { "\(role.rawValue), \(name)\(options.isEmpty ? "" : ", with a terminal")" }

        static let all = Role.allCases.flatMap { role in
            [(SIGSEGV, "SIGSEGV"), (SIGABRT, "SIGABRT"), (SIGTRAP, "SIGTRAP")].flatMap { crash in
                [[], ["--tty"]].map { Crash(role: role, signal: crash.0, name: crash.1, options: $0) }
            }
        }
    }

    /// Prints the token for ever: on both streams at once, in pieces, in colours, and in a progress bar.
    ///
    /// Pieces are not printed while another process writes: on a terminal, both streams are one.
    private static let script = """
        a=\(Canary.token.prefix(2)); b=\(Canary.token.dropFirst(2).prefix(14)); c=\(Canary.token.dropFirst(16).prefix(12))
        d=\(Canary.token.dropFirst(28))
        lines() { for i in 1 2 3 4 5; do echo "$a$b$c$d"; done; }
        while :; do
            lines >&2 & lines; wait
            printf %s "$a$b$c"; sleep 0.01; echo "$d"
            printf '\\033[31m%s\\033[1m%s\\033[0m%s\\n' "$a$b" "$c" "$d"
            printf '\\r10%% token=%s\\r20%% token=%s' "$a$b$c$d" "$a$b$c$d"; echo
        done
        """

    /// What nobody but the command and the scrubbing process may know: the token, and any two neighbouring parts of it.
    private static let traces = [
        String(Canary.token), String(Canary.token.dropFirst(2).prefix(26)), String(Canary.token.dropFirst(16)),
    ]

    /// A project in which a crash would leave all that it can.
    private final class Scene {
        let project = Project()
        /// `env` and a shell that permits cores, before the program.
        let environment: [String: String]

        init() {
            project.directory.write("script.sh", CrashTests.script)
            project.directory.makeDirectory("tmp")
            var settings = "enable=yes,interactive=no,color=no,threads=all,registers=all"
            if let program = Self.backtracer { settings += ",swift-backtrace=\(program)" }
            environment = ["SWIFT_BACKTRACE": settings, "TMPDIR": project.directory.path + "/tmp"]
        }

        /// The program that Swift's runtime starts when a process crashes, of the toolchain in PATH.
        private static let backtracer: String? = {
            let places = (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":")
            for place in places where access(place + "/swiftc", X_OK) == 0 {
                guard let resolved = realpath(place + "/swiftc", nil) else { continue }
                defer { free(resolved) }
                let root = URL(fileURLWithPath: String(cString: resolved)).deletingLastPathComponent()
                    .deletingLastPathComponent().path
                let program = root + "/libexec/swift/linux/swift-backtrace-static"
                if access(program, X_OK) == 0 { return program }
            }
            return nil
        }()

        /// Starts `words` where cores are permitted.
        func start(_ words: [String]) throws -> Child {
            try Child(
                ["-c", "ulimit -c unlimited; exec \"$@\"", "sh"] + words, program: "/bin/sh",
                environment: environment, directory: project.directory.path)
        }

        /// All that is left, but for the script.
        func remains(_ result: Child.Result) -> [(name: String, bytes: Data)] {
            var found = [(name: "the terminal", bytes: Data(result.output) + Data(result.error.utf8))]
            let root = project.directory.path
            for case let name as String in FileManager.default.enumerator(atPath: root)! where name != "script.sh" {
                guard let bytes = FileManager.default.contents(atPath: root + "/" + name) else { continue }
                found.append((name, bytes))
            }
            return found
        }
    }

    @Test(arguments: Crash.all)
    func `a crash in the middle of a stream leaves nothing of the token`(_ crash: Crash) throws {
        let scene = Scene()
        let child = try scene.start(
            [Child.program, "run"] + crash.options + ["--", "/bin/sh", "script.sh"])
        let shown = child.output(within: 30) { $0.components(separatedBy: Samples.mark).count > 40 }
        #expect(shown.components(separatedBy: Samples.mark).count > 40)
        let scrubber = try #require(Processes.scrubber(of: child.id))
        kill(crash.role == .runner ? child.id : scrubber, crash.signal)
        let result = child.finish()
        #expect(result.status == 125)
        #expect(!result.error.contains("Program crashed") && !result.error.contains("Backtrac"), "\(result.error)")
        for (name, bytes) in scene.remains(result) {
            for trace in Self.traces { #expect(bytes.range(of: Data(trace.utf8)) == nil, "\(name)") }
            #expect(!name.hasPrefix("core"), "\(name) is left")
        }
        #expect(try scene.project.verify(["--repair"]).status == 0)
    }

    @Test(.enabled(if: coresLieBeside, "cores go elsewhere on this machine (/proc/sys/kernel/core_pattern)"))
    func `a program that does not forbid it leaves a core, in which the token is found`() throws {
        let scene = Scene()
        let word = Canary.token.prefix(2)
        let child = try scene.start(
            ["/bin/sh", "-c", "t=\(word); t=${t}\(Canary.token.dropFirst(2)); kill -SEGV $$; echo $t"])
        let result = child.finish()
        #expect(result.status == 128 + SIGSEGV)
        let core = try #require(scene.remains(result).first { $0.name.hasPrefix("core") })
        #expect(core.bytes.range(of: Data(Canary.token.utf8)) != nil)
    }

    static var coresLieBeside: Bool {
        let pattern = Processes.contents("/proc/sys/kernel/core_pattern")
        return !pattern.hasPrefix("|") && !pattern.contains("/") && pattern.hasPrefix("core")
    }

    /// What can be read of a process while it works, and by whom.
    @Test func `memory, environment and arguments of the runner know nothing of the token`() throws {
        try #require(getuid() == 0, "needs root, to read the memory of a process that is not dumpable")
        let scene = Scene()
        for options in [[], ["--tty"]] {
            let child = try scene.start([Child.program, "run"] + options + ["--", "/bin/sh", "script.sh"])
            _ = child.output(within: 30) { $0.components(separatedBy: Samples.mark).count > 40 }
            let scrubber = try #require(Processes.scrubber(of: child.id))
            func traces(_ process: pid_t) throws -> Int {
                var count = 0
                for file in ["environ", "cmdline", "maps"] {
                    let text = Processes.contents("/proc/\(process)/\(file)")
                    count += Self.traces.count { text.contains($0) }
                }
                let memory = try Self.memory(of: process)
                #expect(memory.count > 1 << 20)
                return count + Self.traces.count { memory.range(of: Data($0.utf8)) != nil }
            }
            // Whoever reads must be able to find it: the scrubbing process has it, for root.
            var found = 0
            for _ in 0..<20 where found == 0 { found = try traces(scrubber) }
            #expect(found > 0)
            for _ in 0..<5 {
                #expect(try traces(child.id) == 0)
                child.collect(timeout: 20)
            }
            child.send(signal: SIGTERM)
            _ = child.finish()
        }
    }

    @Test func `another process of the same user reads neither memory nor anything else of the scrubbing process`()
        throws
    {
        try #require(getuid() == 0, "needs root, to become somebody else")
        let scene = Scene()
        chmod(scene.project.directory.path, 0o777)
        let other = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        // Where that user reaches it.
        let program = "/tmp/pipemason-crash-\(getpid())"
        try? FileManager.default.removeItem(atPath: program)
        try FileManager.default.copyItem(atPath: Child.program, toPath: program)
        defer { try? FileManager.default.removeItem(atPath: program) }
        let child = try scene.start(other + [program, "run", "--", "/bin/sh", "script.sh"])
        _ = child.output(within: 30) { $0.components(separatedBy: Samples.mark).count > 40 }
        let scrubber = try #require(Processes.scrubber(of: child.id))
        func read(_ file: String, of process: pid_t) throws -> Child.Result {
            try Child.run(
                Array(other.dropFirst()) + ["/bin/sh", "-c", "cat /proc/\(process)/\(file) | wc -c"],
                program: other[0], directory: "/")
        }
        for process in [scrubber, child.id] {
            for file in ["mem", "environ", "maps", "auxv", "fd/5", "stack"] {
                let result = try read(file, of: process)
                #expect(result.text == "0\n" && result.error.contains("ermission denied"), "\(file): \(result.error)")
            }
        }
        // It is that user's all the same, and the shell that it has started can be read.
        #expect(Processes.contents("/proc/\(scrubber)/status").contains("Uid:\t65534"))
        let command = try #require(Processes.children(of: child.id).first { $0 != scrubber })
        #expect(try read("environ", of: command).text != "0\n")
        child.send(signal: SIGTERM)
        _ = child.finish()
    }

    /// Everything that a process has in memory of its own, as root reads it.
    private static func memory(of process: pid_t) throws -> Data {
        let file = open("/proc/\(process)/mem", O_RDONLY)
        try #require(file >= 0)
        defer { close(file) }
        var result = Data()
        for line in Processes.contents("/proc/\(process)/maps").split(separator: "\n") {
            let fields = line.split(separator: " ", maxSplits: 2)
            let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard ends.count == 2, fields[1].hasPrefix("rw"), ends[1] - ends[0] < 1 << 30 else { continue }
            var chunk = [UInt8](repeating: 0, count: Int(ends[1] - ends[0]))
            let count = pread(file, &chunk, chunk.count, off_t(ends[0]))
            if count > 0 { result += chunk[..<count] }
        }
        return result
    }
}
