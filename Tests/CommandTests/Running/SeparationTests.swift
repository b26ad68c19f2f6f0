internal import Glibc
internal import RunModel
internal import Testing

/// Raw bytes live in one process, and nothing raw leaves it.
@Suite struct SeparationTests {
    /// Everything that a run leaves behind: what came out, and every file.
    private func remains(_ project: Project, _ result: Child.Result) -> String {
        var text = result.text + result.error
        func collect(_ path: String) {
            for name in Directory(existing: path).names {
                let full = path + "/" + name
                var status = stat()
                lstat(full, &status)
                if status.st_mode & S_IFMT == S_IFDIR { collect(full) } else { text += Processes.contents(full) }
            }
        }
        collect(project.directory.path + "/.pipeline")
        return text
    }

    struct Leak: Sendable, CustomTestStringConvertible {
        var what: String
        var script: String
        var options: [String] = []
        var testDescription: String { what }
    }

    @Test(arguments: [
        Leak(what: "whole", script: "echo $T; echo $CANARY_VALUE >&2"),
        Leak(
            what: "byte by byte",
            script:
                "for s in $T $CANARY_VALUE; do { printf %s $s; echo; } | fold -w 1 | while read -r c; do printf %s \"$c\"; done; echo; done"
        ),
        Leak(
            what: "split by pauses",
            script: "printf %s ${T%????????????????}; sleep 0.2; echo ${T#${T%????????????????}}"),
        Leak(
            what: "in colours",
            script: #"printf '\033[31m%s\033[0m%s\n' ${T%????????????????} ${T#${T%????????????????}}"#),
        Leak(
            what: "through a terminal with progress bars",
            script:
                #"i=0; while [ $i -lt 20 ]; do printf '\r%s %d%% token=%s' $CANARY_VALUE $i $T; i=$((i+1)); done; echo"#,
            options: ["--tty"]),
        Leak(
            what: "on both streams at once",
            script:
                "(i=0; while [ $i -lt 200 ]; do echo $T; i=$((i+1)); done) & (i=0; while [ $i -lt 200 ]; do echo $CANARY_VALUE >&2; i=$((i+1)); done); wait"
        ),
        Leak(
            what: "to the agents' events",
            script: #"printf '{"type":"agent.note","data":{"text":"%s %s"}}\n' $T $CANARY_VALUE >&$PIPEMASON_EVENTS_FD"#
        ),
        Leak(what: "without a line end, at the end", script: "printf %s $T; printf %s $CANARY_VALUE >&2"),
        Leak(what: "in base64", script: "printf %s $CANARY_VALUE | base64"),
        Leak(what: "as the command's name", script: "exec /nowhere/$T"),
    ])
    func `no canary is left anywhere`(_ leak: Leak) throws {
        let project = Project()
        let result = try project.run(
            leak.script, leak.options + ["--mask-env", "T"],
            environment: ["T": Canary.token, "CANARY_VALUE": Canary.value, "CANARY_PASSWORD": Canary.value])
        let text = remains(project, result)
        #expect(!text.contains(Canary.token))
        #expect(!text.contains(Canary.token.suffix(16)))
        #expect(!text.contains(Canary.value))
        #expect(!text.contains("Y2FuYXJ5LXBsb3Zlci"))
        #expect(text.contains("[REDACTED:"))
        #expect(try project.verify().status == 0)
    }

    @Test func `values of .env files are masked`() throws {
        let project = Project()
        let name = "DEPLOY_PASS" + "PHRASE"
        project.directory.write(".env", "\(name)='\(Canary.value)'\n")
        let result = try project.run("cat .env")
        #expect(result.text == "\(name)='[REDACTED:known:\(name)]'\n")
    }

    @Test func `a scrubbing process that ends stops the command, and nothing raw passes`() throws {
        let project = Project()
        let word = "96.\(UInt32.random(in: 1000...9999))"
        let child = try project.start("echo ready; sleep 0.5; echo \(Canary.token); sleep \(word)")
        _ = child.output { $0.contains("ready") }
        let scrubber = try #require(Processes.scrubber(of: child.id))
        kill(scrubber, SIGKILL)
        let result = child.finish()
        #expect(result.status == 125)
        #expect(result.error.contains("the scrubbing process ended by signal 9"))
        #expect(result.text == "ready\n")
        #expect(Processes.ids(with: word) == [])
        #expect(!remains(project, result).contains(Canary.token))
        #expect(try project.events().map(\.body.type).contains("log.lost"))
        #expect(try project.verify().status == 0)
    }

    @Test func `nobody reads the scrubbing process's memory or environment`() throws {
        let project = Project()
        let child = try project.start(
            "echo $CANARY_PASSWORD; echo ready; sleep 5", environment: ["CANARY_PASSWORD": Canary.value])
        _ = child.output { $0.contains("ready") }
        let scrubber = try #require(Processes.scrubber(of: child.id))
        #expect(Processes.contents("/proc/\(scrubber)/environ") == "")
        #expect(!Processes.contents("/proc/\(scrubber)/cmdline").contains(Canary.value))
        let status = Processes.contents("/proc/\(scrubber)/status")
        #expect(status.contains("NoNewPrivs:\t1"))
        #expect(status.contains("Seccomp:\t2"))
        #expect(
            Processes.contents("/proc/\(scrubber)/limits").contains("Max core file size        0                    0"))
        // What another process of the same user may look at belongs to root when a process is not dumpable.
        child.send(signal: SIGTERM)
        _ = child.finish()
    }

    /// The proof: every system call of all three, with the bytes.
    @Test func `strace sees no raw byte enter the runner, and no file or socket opened by the scrubber`() throws {
        try #require(access("/usr/bin/strace", X_OK) == 0, "scripts/install-peers.sh installs strace")
        let project = Project()
        let trace = project.directory.path + "/trace"
        let script =
            "echo $CANARY_PASSWORD; echo $CANARY_PASSWORD >&2; echo \(Canary.token.prefix(20)); printf '%s\\n' '\(Canary.token)'"
        // The token is written by the script itself, and the script is an argument: it stands in a file that only the shell reads.
        let file = project.directory.write("script.sh", script)
        let child = try Child(
            ["-ff", "-o", trace, "-s", "1000000", "-xx", Child.program, "run", "--", "/bin/sh", file],
            program: "/usr/bin/strace",
            environment: ["CANARY_PASSWORD": Canary.value], directory: project.directory.path)
        let result = child.finish()
        #expect(result.status == 0)
        #expect(result.text.contains("[REDACTED:known:CANARY_PASSWORD]"))
        let token = Self.hex(Canary.token)
        let value = Self.hex(Canary.value)
        var runners = 0
        var scrubbers = 0
        var commandsWroteIt = false
        for name in project.directory.names where name.hasPrefix("trace.") {
            let text = project.directory.read(name) ?? ""
            let lines = text.split(separator: "\n")
            let reads = lines.filter { $0.hasPrefix("read") || $0.hasPrefix("pread") || $0.hasPrefix("recv") }
            if text.contains(Self.hex("scrubbing-process")), text.contains("execve("),
                text.contains("seccomp(SECCOMP_SET_MODE_FILTER")
            {
                scrubbers += 1
                #expect(reads.contains { $0.contains(token) }, "the scrubber reads what the command wrote")
                // libseccomp asks what the kernel has before it loads the filter.
                let loads = lines.lastIndex { $0.hasPrefix("seccomp(SECCOMP_SET_MODE_FILTER") } ?? lines.endIndex
                let confined = lines[loads...].dropFirst()
                let before = lines[..<loads]
                #expect(!before.contains { $0.hasPrefix("read") && ($0.contains(token) || $0.contains(value)) })
                let calls = Set(confined.compactMap { $0.split(separator: "(").first.map(String.init) })
                let allowed: Set<String> = [
                    "read", "write", "poll", "close", "mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "futex",
                    "gettid",
                    "exit_group", "getrandom", "clock_gettime", "rt_sigprocmask",
                ]
                #expect(
                    calls.filter { !$0.hasPrefix("+") && !$0.hasPrefix("<") }.subtracting(allowed).isEmpty, "\(calls)")
            } else if text.contains("PR_SET_CHILD_SUBREAPER") {
                runners += 1
                #expect(!reads.contains { $0.contains(token) || $0.contains(value) }, "the runner reads raw bytes")
                let writes = lines.filter { $0.hasPrefix("write") || $0.hasPrefix("pwrite") }
                #expect(!writes.contains { $0.contains(token) })
                // The one place to which a value goes: the scrubbing process, before the command starts.
                #expect(writes.filter { $0.contains(value) }.count <= 3)
            } else if lines.contains(where: { $0.hasPrefix("write(1") && $0.contains(token) }) {
                commandsWroteIt = true
            }
        }
        #expect(runners == 1)
        #expect(scrubbers == 1)
        #expect(commandsWroteIt)
    }

    private static func hex(_ text: String) -> String {
        text.utf8.map { byte in
            let digits = String(byte, radix: 16)
            return "\\x" + (digits.count == 1 ? "0" + digits : digits)
        }.joined()
    }
}
