internal import Glibc
internal import Testing

/// `pipeline run` and `check` in a directory of their own.
@Suite struct PipelineCommandTests {
    private let directory = Directory()

    private func run(_ pipeline: String, _ arguments: [String], environment: [String: String] = [:]) throws
        -> Child.Result
    {
        directory.makeDirectory(".pipeline")
        directory.write(".pipeline/pipeline.toml", pipeline)
        return try pipemason(["pipeline"] + arguments, environment: environment)
    }

    private func pipemason(_ arguments: [String], environment: [String: String] = [:]) throws -> Child.Result {
        let child = try Child(
            ["-C", directory.path, Child.program] + arguments, program: "/usr/bin/env", environment: environment)
        return child.finish()
    }

    private static let looping = """
        [iterate]
        phases = ["agent", "test"]
        limit = 3
        [[phase]]
        name = "agent"
        command = "echo x >> tries; echo it=$PIPEMASON_ITERATION failed=$PIPEMASON_FAILED_PHASE"
        [[phase]]
        name = "test"
        command = "test $(wc -l < tries) -ge 2"
        [[phase]]
        name = "build"
        command = ["echo", "built $HOME"]
        """

    @Test func `phases repeat until they succeed`() throws {
        let result = try run(Self.looping, ["run"])
        #expect(result.status == 0, "\(result.error)")
        #expect(result.text == "it=1 failed=\nit=2 failed=test\nbuilt $HOME\n")
        #expect(result.error.contains("── pipeline succeeded after 2 iterations"))
        let log = try pipemason(["log"]).text
        #expect(log.hasPrefix("run ") && log.contains("\n── iteration 1 of at most 3\n── agent\n"))
        #expect(
            log.contains("── iteration 1 failed: exit status 1, test failed\n")
                && log.contains("── iteration 2 succeeded\n"))
        #expect(try pipemason(["verify"]).status == 0)
        #expect(try pipemason(["status", "--json"]).text.contains("\"status\":\"succeeded\",\"exit\":0,"))
    }

    @Test func `a loop that does not get green ends with the status of what failed`() throws {
        let result = try run(Self.looping.replacing("-ge 2", with: "-ge 9 || exit 7"), ["run", "--limit", "2"])
        #expect(result.status == 7)
        #expect(result.text == "it=1 failed=\nit=2 failed=test\n")
        #expect(result.error.contains("not green after 2 iterations"))
        let log = try pipemason(["log"]).text
        #expect(log.contains("── build skipped\n"))
    }

    @Test func `phases can be named, and the agent replaced`() throws {
        #expect(try run(Self.looping, ["run", "build"]).text == "built $HOME\n")
        #expect(try run(Self.looping, ["run", "nothing"]).status == 2)
        let result = try run(Self.looping, ["run", "--agent-command", "echo other; echo x > tries; echo x >> tries"])
        #expect(result.text == "other\nbuilt $HOME\n")
    }

    @Test func `a phase gets the variables that it names, and secrets are masked all the same`() throws {
        let pipeline = """
            [[phase]]
            name = "env"
            command = "echo ${DEMO_A}.${DEMO_B}.${OWN_SECRET}.$HOME; cat .env"
            environment = ["DEMO_A"]
            set = { OWN_SECRET = "green\("-horse")" }
            """
        directory.write(".env", "FILE_PASSWORD=red" + "-owl-9\n")
        let result = try run(
            pipeline, ["run"], environment: ["DEMO_A": "one", "DEMO_B": "two", "B_TOKEN": "one", "HOME": "/h"])
        #expect(result.text == "one..[REDACTED:known:OWN_SECRET]./h\nFILE_PASSWORD=[REDACTED:known:FILE_PASSWORD]\n")
    }

    @Test func `a phase is tried again, and its time can be over`() throws {
        let pipeline = """
            [[phase]]
            name = "flaky"
            command = "echo x >> n; test $(wc -l < n) -ge 3"
            retries = 2
            [[phase]]
            name = "slow"
            command = "sleep 30"
            timeout = "300ms"
            """
        let start = Child.now
        let result = try run(pipeline, ["run"])
        #expect(result.status == 124)
        #expect(Child.now - start < 20)
        #expect(result.error.contains("── flaky, attempt 3\n"))
        #expect(try pipemason(["status", "--json"]).text.contains("\"status\":\"timed-out\",\"exit\":124,"))
    }

    @Test func `a command that is not there ends the run`() throws {
        let result = try run(
            "[[phase]]\nname = 'a'\ncommand = ['pipemason-no-such-program']\n[[phase]]\nname = 'b'\ncommand = 'x'",
            ["run"])
        #expect(result.status == 127)
        #expect(result.error.contains("pipemason-no-such-program: command not found"))
    }

    @Test func `an interrupt ends the run`() throws {
        directory.makeDirectory(".pipeline")
        directory.write(
            ".pipeline/pipeline.toml",
            "[[phase]]\nname = 'a'\ncommand = 'echo ready; sleep 30'\n[[phase]]\nname = 'b'\ncommand = 'echo no'")
        let child = try Child(["-C", directory.path, Child.program, "pipeline", "run"], program: "/usr/bin/env")
        #expect(child.output { $0.contains("ready") } == "ready\n")
        child.send(signal: SIGINT)
        let result = child.finish()
        #expect(result.status == 130)
        #expect(result.text == "ready\n")
        #expect(try pipemason(["status", "--json"]).text.contains("\"status\":\"cancelled\""))
    }

    /// A text chunk "a comment", and one pixel with it.
    private static let textChunk = bytes("0000001174455874436f6d6d656e74006120636f6d6d656e74eb3bd3cc")
    private static let picture =
        bytes("89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55") + textChunk
        + bytes("0000000a49444154789c63a8070000810080d394534a0000000049454e44ae426082")

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.utf8.map { $0 < 0x40 ? $0 - 0x30 : $0 - 0x57 }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    @Test func `images are offered as artifacts, other files are not`() throws {
        let pipeline = """
            [[phase]]
            name = "shots"
            command = "mkdir -p shots; cp picture shots/a.png; echo text > shots/b.png; ln -s a.png shots/c.png"
            artifacts = ["shots/*.png"]
            """
        // What is offered is the picture without its text.
        directory.write("picture", Self.picture)
        let result = try run(pipeline, ["run"])
        #expect(result.status == 0)
        #expect(result.error.contains("shots/b.png: ") && result.error.contains("; not offered\n"))
        let log = try pipemason(["log"]).text
        let size = Self.picture.count - Self.textChunk.count
        #expect(log.contains("artifact shots/a.png, image/png, \(size) bytes\n") && !log.contains("c.png, image"))
    }

    @Test func `check says what would run, and what is wrong with its line`() throws {
        let result = try run(Self.looping, ["check"])
        #expect(result.status == 0)
        #expect(result.text.contains("  until all succeed, at most 3 times:\n    agent (agent)\n"))
        let wrong = try run("[[phase]]\nname = 'a'\ntimeuot = '1s'\n", ["check"])
        #expect(wrong.status == 2)
        #expect(
            wrong.error == """
                pipemason: .pipeline/pipeline.toml:1: the phase has no command
                pipemason: .pipeline/pipeline.toml:3: "timeuot" is no key of a phase

                """)
        #expect(
            try pipemason(["pipeline", "run", "--file", "none.toml"]).error
                == "pipemason: none.toml: No such file or directory\n")
    }
}
