internal import Glibc
internal import RunModel
internal import Testing

/// `pipemason run` as a person uses it.
@Suite struct RunCommandTests {
    @Test(arguments: [
        ("exit 0", 0, RunStatus.succeeded), ("exit 3", 3, .failed), ("exit 255", 255, .failed),
        ("kill -9 $$", 137, .failed), ("kill -TERM $$", 143, .failed),
    ])
    func `the command's status is passed on`(script: String, status: Int32, recorded: RunStatus) throws {
        let project = Project()
        #expect(try project.run(script).status == status)
        guard case .runFinished(let ending)? = try project.events().last?.body else {
            Issue.record("no end")
            return
        }
        #expect(ending.status == recorded)
        #expect(ending.exit == Int(status))
    }

    @Test func `what cannot be executed has its status, and an end in the log`() throws {
        let project = Project()
        for (words, status) in [
            (["no-such-command-here"], 127), (["/no/such/file"], 127), (["/etc/passwd"], 126), (["/etc"], 126),
        ] {
            let result = try Child.run(["run", "--"] + words, directory: project.directory.path)
            #expect(result.status == Int32(status), "\(words)")
            #expect(result.error.contains(words[0]))
            #expect(try project.events().last?.body.type == "run.finished")
        }
        #expect(try Child.run(["run"], directory: project.directory.path).status == 2)
        let mistyped = try Child.run(["run", "--timeuot", "1s", "--", "true"], directory: project.directory.path)
        #expect(mistyped.status == 2 && mistyped.error.contains("no option --timeuot"))
        let valued = try Child.run(["run", "--tokn=\(Canary.value)", "--", "true"], directory: project.directory.path)
        #expect(valued.error.contains("no option --tokn;") && !valued.error.contains(Canary.value))
        #expect(try Child.run(["run", "--", "--timeuot"], directory: project.directory.path).status == 127)
        #expect(
            try Child.run(["run", "--timeout", "soon", "--", "true"], directory: project.directory.path).status == 2)
    }

    @Test func `standard output stays standard output, errors stay errors, bytes stay bytes`() throws {
        let project = Project()
        let result = try project.run(#"printf 'a\0b\r\n\377\376 x'; printf 'oops\n' >&2; printf 'no end'"#)
        let expected = Array("a\0b\r\n".utf8) + [0xFF, 0xFE] + Array(" xno end".utf8)
        #expect(result.output == expected)
        #expect(result.error == "oops\n")
        #expect(try project.output(.stdout) == expected)
        #expect(try project.output(.stderr) == Array("oops\n".utf8))
    }

    @Test func `standard input is passed on`() throws {
        let project = Project()
        let result = try Child.run(
            ["run", "--", "tr", "a-z", "A-Z"], input: "hello\n", directory: project.directory.path)
        #expect(result.text == "HELLO\n")
    }

    @Test func `a prompt without a line end is there at once`() throws {
        let project = Project()
        let child = try project.start("printf 'Name? '; read name; echo \"Hello $name.\"")
        #expect(child.output { $0 == "Name? " } == "Name? ")
        child.write("Ada\n")
        #expect(child.finish().text == "Name? Hello Ada.\n")
    }

    @Test func `with a terminal, the command has one`() throws {
        let project = Project()
        let child = try project.start(
            "test -t 0 && test -t 1 && test -t 2 && stty size; read line; echo \"got $line\" >&2; read rest || echo end",
            ["--tty"])
        _ = child.output { $0.contains("24 80") }
        child.write("word\n")
        let result = child.finish()
        #expect(result.text.replacing("\r\n", with: "\n") == "24 80\nword\ngot word\nend\n")
        #expect(result.error == "")
        #expect(result.status == 0)
        #expect(String(decoding: try project.output(.tty), as: UTF8.self).contains("got word"))
    }

    @Test func `the key that suspends stops command and runner, and fg continues them`() throws {
        try #require(access("/usr/bin/script", X_OK) == 0, "scripts/install-peers.sh installs script")
        let project = Project()
        let word = "95.\(UInt32.random(in: 1000...9999))"
        project.directory.write(
            "wait.sh", "echo rea''dy; i=0; while [ $i -lt 20 ]; do sleep 0.1; i=$((i+1)); done; echo en''d\n")
        project.directory.write(
            "trap.sh", "trap 'echo cau''ght' TSTP; echo rea''dy; while [ ! -e over ]; do sleep 0.1; done; echo en''d\n")
        let shell = try Child(
            ["-qfc", "/bin/bash --norc --noprofile -i", "/dev/null"], program: "/usr/bin/script",
            environment: ["TERM": "dumb"], directory: project.directory.path)
        func shown(_ text: String, times: Int = 1) -> Bool {
            shell.output(within: 30) { $0.components(separatedBy: text).count > times }
                .components(separatedBy: text).count > times
        }
        /// The states of runner and command, as /proc/PID/stat has them.
        func states() -> Set<String> {
            Set(
                Processes.ids(with: word).compactMap { id in
                    Processes.contents("/proc/\(id)/stat").split(separator: ")").last?.split(separator: " ").first
                        .map(String.init)
                })
        }
        shell.write("\(Child.program) run -- /bin/sh wait.sh \(word)\n")
        #expect(shown("ready"))
        shell.write("\u{1A}")
        #expect(shown("Stopped"))
        // A shell that is stopped between `vfork` and the child's `exec` waits for the child, in D (vfork(2)).
        #expect(states().contains("T") && states().isSubset(of: ["T", "D"]))
        usleep(2_500_000)
        #expect(!shell.output(within: 0) { _ in true }.contains("end"))
        shell.write("fg\n")
        #expect(shown("end"))
        // What is typed before the runner has ended is for the command.
        for _ in 0..<1000 where !states().isEmpty { usleep(10_000) }
        // What does something about the signal itself is left to it.
        shell.write("\(Child.program) run -- /bin/sh trap.sh \(word)\n")
        #expect(shown("ready", times: 2))
        shell.write("\u{1A}")
        #expect(shown("caught"))
        #expect(!states().contains("T"))
        project.directory.write("over", "")
        #expect(shown("end", times: 2))
        for _ in 0..<1000 where !states().isEmpty { usleep(10_000) }
        shell.write("exit\n")
        #expect(shell.finish().text.components(separatedBy: "Stopped").count == 2)
    }

    @Test func `a background child that keeps the output open does not hold up the end`() throws {
        let project = Project()
        let start = Child.now
        let word = "31.\(UInt32.random(in: 1000...9999))"
        let result = try project.run("sleep \(word) & echo started")
        #expect(result.text == "started\n")
        #expect(result.status == 0)
        #expect(Child.now - start < 10)
        // It goes on, as it would without pipemason.
        let left = Processes.ids(with: word)
        #expect(left.count == 1)
        for id in left { kill(id, SIGKILL) }
    }

    @Test func `a time limit ends the command`() throws {
        let project = Project()
        let start = Child.now
        let result = try project.run("sleep 600", ["--timeout", "300ms"])
        #expect(result.status == 124)
        #expect(Child.now - start < 8)
        guard case .commandFinished(let data) = try project.events().dropLast().last?.body else {
            Issue.record("no end")
            return
        }
        #expect(data.status == .timedOut)
    }

    @Test func `an interrupt is passed on; the second kills whatever ignores the first, and all that it has started`()
        throws
    {
        let project = Project()
        let word = "97.\(UInt32.random(in: 1000...9999))"
        let child = try project.start(
            "trap 'echo caught' INT; setsid sleep \(word) & (setsid sh -c 'sleep \(word) & wait' &) ; echo ready; while :; do sleep 0.05; done"
        )
        _ = child.output { $0.contains("ready") }
        #expect(Processes.ids(with: word).count >= 2)
        child.send(signal: SIGINT)
        #expect(child.output { $0.contains("caught") }.contains("caught"))
        child.send(signal: SIGINT)
        let result = child.finish()
        #expect(result.status == 137)
        #expect(Processes.ids(with: word) == [])
        guard case .runFinished(let ending)? = try project.events().last?.body else {
            Issue.record("no end")
            return
        }
        #expect(ending.status == .cancelled)
    }

    @Test func `a request to end reaches the command, and leaves nothing behind`() throws {
        let project = Project()
        let word = "98.\(UInt32.random(in: 1000...9999))"
        let child = try project.start("(setsid sh -c 'sleep \(word) & wait' &); echo ready; sleep \(word)")
        _ = child.output { $0.contains("ready") }
        child.send(signal: SIGTERM)
        #expect(child.finish().status == 143)
        #expect(Processes.ids(with: word) == [])
    }

    @Test func `a reader that goes away is gone for the command as well`() throws {
        let project = Project()
        let child = try project.start("trap '' TERM; yes")
        _ = child.output { $0.count > 1000 }
        child.closeOutput()
        #expect(child.finish().status == 141)
    }

    @Test func `descriptors are inherited, and the command gets one more`() throws {
        let project = Project()
        let list = "for n in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && printf %s, $n; done; echo"
        let script = project.directory.write(
            "list.sh", "\(list)\n\(Child.program) run -- /bin/sh -c 'cat <&3; \(list); echo $PIPEMASON_EVENTS_FD'\n")
        let child = try Child([script], program: "/bin/sh", hasChannel: true, directory: project.directory.path)
        child.writeToChannel("through\n")
        let lines = child.finish().text.split(separator: "\n").map(String.init)
        try #require(lines.count == 4)
        #expect(lines[1] == "through")
        // The shell that reads a script has that open too.
        let here = Set(lines[0].split(separator: ","))
        let there = Set(lines[2].split(separator: ","))
        #expect(there.subtracting(here).isSubset(of: [Substring(lines[3])]), "\(lines)")
        #expect(there.contains(Substring(lines[3])))
        #expect(there.contains("3"))
    }

    @Test func `agents report events`() throws {
        let project = Project()
        let result = try project.run(
            #"""
            echo '{"type":"agent.usage","data":{"gen_ai.request.model":"m","gen_ai.usage.input_tokens":5,"gen_ai.usage.output_tokens":7}}' >&$PIPEMASON_EVENTS_FD
            echo '{"type":"agent.message","data":{"role":"assistant","text":"used \#(Canary.token)"}}' >&$PIPEMASON_EVENTS_FD
            echo '{"type":"run.finished","data":{"status":"succeeded"}}' >&$PIPEMASON_EVENTS_FD
            """#)
        #expect(result.error.contains("1 lines on PIPEMASON_EVENTS_FD were no events"))
        let events = try project.events().map(\.body)
        #expect(events.contains(.agentUsage(AgentUsage(model: "m", inputTokens: 5, outputTokens: 7))))
        #expect(events.contains(.agentMessage(AgentMessage(role: .assistant, text: "used [REDACTED:github-pat]"))))
        #expect(events.contains(.logLost(LogLost(reason: .agentEvent, events: 1, bytes: 0))))
    }

    @Test func `a run within a run keeps to itself`() throws {
        let project = Project()
        let result = try project.run("echo outer; \(Child.program) run -- echo inner; echo end")
        #expect(result.text == "outer\ninner\nend\n")
        let text = String(decoding: try project.output(.stdout), as: UTF8.self)
        #expect(text == "outer\ninner\nend\n")
        #expect(try project.verify(["--all"]).status == 0)
        #expect(try project.verify(["--all"]).text.split(separator: "\n").count == 4)
    }

    @Test func `arguments reach the command as bytes`() throws {
        let project = Project()
        let script = directoryScript(project)
        #expect(
            try Child.run([script], program: "/bin/sh", directory: project.directory.path).output == [0xFF, 0xFE, 10])
    }

    private func directoryScript(_ project: Project) -> String {
        project.directory.write("bytes.sh", "exec \(Child.program) run -- printf '%s\\n' \"$(printf '\\377\\376')\"\n")
    }

    @Test func `the log says which protections held, as doctor does`() throws {
        let project = Project()
        let doctor = try Child.run(["doctor"]).text
        let holding = doctor.split(separator: "\n").prefix { !$0.contains("What it tried") }
            .filter { $0.contains("yes ") }.compactMap { $0.split(separator: " ").dropFirst().first.map(String.init) }
        #expect(holding.contains("seccomp"))
        func protections() throws -> [String] {
            guard case .runStarted(let data)? = try project.events().first?.body else { return [] }
            return data.protections
        }
        #expect(try project.run("true").status == 0)
        #expect(try protections() == holding)
        project.directory.write(".pipeline/pipeline.toml", "[[phase]]\nname = 'a'\ncommand = 'true'\n")
        #expect(try Child.run(["pipeline", "run"], directory: project.directory.path).status == 0)
        #expect(try protections() == holding)
    }

    @Test func `old runs are removed when asked to, and never one that goes on`() throws {
        let project = Project()
        for _ in 0..<3 { #expect(try project.run("true").status == 0) }
        let child = try project.start("echo ready; read line")
        _ = child.output { $0.contains("ready") }
        func prune(_ options: String..., environment: [String: String] = [:]) throws -> Child.Result {
            try Child.run(["runs", "prune"] + options, environment: environment, directory: project.directory.path)
        }
        func runs() throws -> Int {
            try Child.run(["status", "--all"], directory: project.directory.path).text.split(separator: "\n").count
        }
        #expect(try prune().status == 2)
        #expect(try prune("--keep", "-1").status == 2)
        #expect(try prune("--older-than", "soon").status == 2)
        #expect(try prune("--older-than", "1h").text == "0 runs removed, 0 bytes\n")
        #expect(try prune("--keep", "0", "--older-than", "1h").text.hasPrefix("0 runs"))
        #expect(try prune("--keep", "2", "--dry-run").text.split(separator: "\n").count == 2)
        #expect(try runs() == 4)
        // On a machine that is paired, what the server does not have stays.
        project.directory.makeDirectory("home")
        project.directory.makeDirectory("home/.pipemason")
        project.directory.write("home/.pipemason/credentials.json", "{}")
        let paired = try prune("--keep", "2", environment: ["HOME": project.directory.path + "/home"])
        #expect(paired.text.hasPrefix("0 runs") && paired.error.contains("2 runs are kept"))
        #expect(try prune("--keep", "2").text.hasPrefix("2 runs removed, "))
        #expect(try runs() == 2)
        #expect(try prune("--keep", "0").text.hasPrefix("1 runs removed, "))
        child.write("go\n")
        #expect(child.finish().status == 0)
        #expect(try runs() == 1)
        #expect(try project.verify().status == 0)
        #expect(try prune("--keep", "0").text.hasPrefix("1 runs removed, "))
        #expect(try project.verify().status == 3)
    }

    @Test func `a clock that is set while a command runs changes neither order nor durations`() throws {
        let project = Project()
        // libfaketime needs a dynamic executable: the one built beside these tests.
        let program = Child.built
        let script = """
            echo one; sleep 0.3; echo "+3600" > offset; sleep 0.3; echo two; sleep 0.3; echo "-86400" > offset
            sleep 0.3; echo three
            """
        project.directory.write("offset", "+0\n")
        let libraries = ["x86_64-linux-gnu", "aarch64-linux-gnu"].map { "/usr/lib/\($0)/faketime/libfaketimeMT.so.1" }
        let found = libraries.first { name in access(name, R_OK) == 0 }
        let library = try #require(found, "needs Debian's faketime")
        let child = try Child(
            ["run", "--", "/bin/sh", "-c", script], program: program,
            environment: [
                "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": project.directory.path + "/offset",
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            ], directory: project.directory.path)
        #expect(child.finish().text == "one\ntwo\nthree\n")
        let events = try project.events()
        let outputs = events.filter { $0.body.type == "command.output" }
        #expect(outputs.count == 3)
        // The dates jump: an hour forward, then a day back.
        let jumps = zip(outputs, outputs.dropFirst()).map { ($1.time.microseconds - $0.time.microseconds) / 1_000_000 }
        try #require(jumps.count == 2)
        #expect((3599...3660).contains(jumps[0]) && (-90_002 ... -89_940).contains(jumps[1]), "\(jumps)")
        // Everything else does not.
        #expect(events.map(\.sequence) == Array(1...events.count))
        let places = outputs.map(\.monotonic)
        #expect(places[1] - places[0] >= 550_000 && places[2] - places[1] >= 550_000)
        #expect(events.last!.monotonic < 60_000_000)
        let status = try Child.run(["status", "--json"], directory: project.directory.path).text
        #expect(status.contains("\"duration_us\":\(events.last!.monotonic),"))
        #expect(try project.verify().status == 0)
        let timed = try Child.run(["log", "--times"], directory: project.directory.path).text
        #expect(timed.contains("\n00:01.") || timed.contains("\n00:00."), "\(timed)")
    }

    @Test func `doctor says what holds, and tries it`() throws {
        let result = try Child.run(["doctor"])
        #expect(result.status == 0 || result.status == 1)
        #expect(result.text.contains("seccomp"))
        #expect(result.text.contains("open a socket"))
        // The filter is not optional on any machine that builds this.
        #expect(result.text.contains("yes seccomp"))
        #expect(!result.text.contains("possible"))
    }
}

extension Child {
    /// Runs another program to its end.
    static func run(_ arguments: [String], program: String, directory: String) throws -> Result {
        try Child(arguments, program: program, directory: directory).finish()
    }
}
