internal import CommandSupport
internal import Pipelines
internal import RunModel
internal import Testing

@Suite struct PipelineFileTests {
    static let document = """
        version = 1
        name = "webshop"

        [iterate]
        phases = ["agent", "lint", "unit"]
        limit = 3

        [[phase]]
        name = "setup"
        command = "npm ci"
        timeout = "10m"
        retries = 2

        [[phase]]
        name = "agent"
        command = ["agent", "--task", "fix it"]
        environment = ["ACME_*", "CI"]
        set = { CI = "1", MODE = "fast" }

        [[phase]]
        name = "lint"
        commands = ["npm run lint", ["npx", "tsc"]]

        [[phase]]
        name = "unit"
        kind = "test"
        command = "npm test"
        artifacts = ["screenshots/*.png"]

        [[phase]]
        name = "build"
        command = "npm run build"
        """

    @Test func `a file is read`() throws {
        let pipeline = try Pipeline(parsing: Self.document)
        #expect(pipeline.name == "webshop")
        #expect(pipeline.phases.map(\.name) == ["setup", "agent", "lint", "unit", "build"])
        #expect(pipeline.phases.map(\.kind) == [.setup, .agent, .lint, .test, .build])
        #expect(pipeline.phases[0].timeout == 600 && pipeline.phases[0].retries == 2)
        #expect(pipeline.phases[0].commands == [.shell("npm ci")])
        #expect(pipeline.phases[0].commands[0].words == ["/bin/sh", "-c", "npm ci"])
        #expect(pipeline.phases[1].commands == [.words(["agent", "--task", "fix it"])])
        #expect(pipeline.phases[1].environment?.map(\.pattern) == ["ACME_*", "CI"])
        #expect(pipeline.phases[1].variables.map { "\($0.name)=\($0.value)" } == ["CI=1", "MODE=fast"])
        #expect(pipeline.phases[2].commands.count == 2 && pipeline.phases[2].environment == nil)
        #expect(pipeline.phases[3].artifacts.map(\.pattern) == ["screenshots/*.png"])
        #expect(pipeline.loop?.phases == 1..<4 && pipeline.loop?.limit == 3)
        #expect(pipeline.phases.map(\.line) == [8, 14, 20, 24, 30])
    }

    @Test(arguments: [
        ("a = ", 1, "a value is missing (column 5)"),
        ("", 0, "there is no [[phase]]"),
        ("version = 2\n[[phase]]\nname='a'\ncommand='x'", 1, "version must be 1"),
        ("phase = 1", 1, "phase is an integer; phases are written [[phase]]"),
        ("[[phase]]\ncommand = 'x'", 1, "the phase has no name"),
        ("[[phase]]\nname = 'a b'\ncommand = 'x'", 2, "a name has letters, digits, hyphens and underscores only"),
        ("[[phase]]\nname = 'a'", 1, "the phase has no command"),
        ("[[phase]]\nname = 'a'\ncommand = ' '", 3, "command is blank"),
        ("[[phase]]\nname = 'a'\ncommand = []", 3, "command names no program"),
        (
            "[[phase]]\nname = 'a'\ncommand = 7", 3,
            "command is an integer; write a line for the shell, or an array of words"
        ),
        ("[[phase]]\nname = 'a'\ncommands = []", 3, "commands is empty"),
        ("[[phase]]\nname = 'a'\ncommand = 'x'\ncommands = ['y']", 4, "command and commands exclude each other"),
        ("[[phase]]\nname = 'a'\ncommand = \"x\\u0000\"", 3, "command has a NUL, or more than 65536 bytes"),
        (
            "[[phase]]\nname = 'a'\ncommand = 'x'\nkind = 'tests'", 4,
            "\"tests\" is no kind of phase; there are setup, agent, lint, test, build, custom"
        ),
        (
            "[[phase]]\nname = 'a'\ncommand = 'x'\ntimeout = '10'", 4,
            "\"10\" is no duration; write \"90s\", \"10m\" or \"1.5h\""
        ),
        ("[[phase]]\nname = 'a'\ncommand = 'x'\nretries = 11", 4, "retries is a number from 0 to 10"),
        (
            "[[phase]]\nname = 'a'\ncommand = 'x'\nenvironment = ['A-B']", 4,
            "\"A-B\" is no name of a variable, nor a pattern of one"
        ),
        ("[[phase]]\nname = 'a'\ncommand = 'x'\nset = { 'A*' = '1' }", 4, "\"A*\" is no name of a variable"),
        ("[[phase]]\nname = 'a'\ncommand = 'x'\nset = { A = 1 }", 4, "A is an integer, not a string"),
        (
            "[[phase]]\nname = 'a'\ncommand = 'x'\nartifacts = ['../x']", 4,
            "\"../x\" leads out of the working directory"
        ),
        ("[[phase]]\nname = 'a'\ncommand = 'x'\ntimeuot = '1s'", 4, "\"timeuot\" is no key of a phase"),
        (
            "[[phase]]\nname = 'a'\ncommand = 'x'\n[[phase]]\nname = 'a'\ncommand = 'x'", 5,
            "the name \"a\" is used before"
        ),
        (
            "[[phase]]\nname = 'a'\ncommand = 'x'\n[iterate]\nlimit = 2", 4,
            "[iterate] names its phases: phases = [\"agent\", \"test\"]"
        ),
        ("[iterate]\nphases = ['b']\n[[phase]]\nname = 'a'\ncommand = 'x'", 2, "there is no phase \"b\""),
        (
            "[iterate]\nphases = ['b', 'a']\n[[phase]]\nname = 'a'\ncommand = 'x'\n[[phase]]\nname = 'b'\ncommand = 'x'",
            2, "the phases of [iterate] must follow each other in the file, in this order"
        ),
        (
            "[iterate]\nphases = ['a']\nlimit = 0\n[[phase]]\nname = 'a'\ncommand = 'x'", 3,
            "limit is a number from 1 to 100"
        ),
    ])
    func `a mistake has its line and its reason`(document: String, line: Int, reason: String) {
        do throws(PipelineError) {
            _ = try Pipeline(parsing: document)
            Issue.record("accepted")
        } catch {
            #expect(error.problems.first?.line == line && error.problems.first?.reason == reason, "\(error)")
        }
    }

    @Test func `all mistakes are told at once, in order`() {
        let document = "bad = 1\n[[phase]]\nname = 'a'\ntimeout = 'x'\n[[phase]]\ncommand = 'y'\nother = 2"
        do throws(PipelineError) {
            _ = try Pipeline(parsing: document)
            Issue.record("accepted")
        } catch {
            #expect(error.problems.map(\.line) == [1, 2, 4, 5, 7])
        }
    }

    @Test func `phases can be chosen, and the agent replaced`() throws {
        let pipeline = try Pipeline(parsing: Self.document)
        let chosen = try pipeline.selecting(["build", "lint"])
        #expect(chosen.phases.map(\.name) == ["lint", "build"] && chosen.loop == nil)
        #expect(throws: PipelineError.self) { try pipeline.selecting(["lnit"]) }
        #expect(try pipeline.replacingAgent(with: .shell("other")).phases[1].commands == [.shell("other")])
        #expect(throws: PipelineError.self) { try chosen.replacingAgent(with: .shell("other")) }
    }

    @Test(arguments: [("90s", 90), ("500ms", 0.5), ("1.5h", 5400), ("2m", 120)] as [(String, Double)])
    func `durations`(text: String, seconds: Double) { #expect(Pipeline.seconds(text) == seconds) }

    @Test(arguments: ["", "s", "-1s", "1d", "0s", "1e3s", "1..5s", "10000000s", "nans"])
    func `what is no duration`(text: String) { #expect(Pipeline.seconds(text) == nil) }

    @Test func `any text is read or refused, and what is accepted ends`() {
        var generator = SystemRandomNumberGenerator()
        let seed = Array(Self.document.utf8)
        for _ in 0..<1500 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[place] = .random(in: 0...255, using: &generator)
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + 20))
                default:
                    bytes.insert(
                        contentsOf: seed[place % seed.count..<min(seed.count, place % seed.count + 20)], at: place)
                }
            }
            fuzzPipeline(bytes)
        }
    }
}

@Suite struct PipelineProgressTests {
    /// What a pipeline does when its commands end as `outcomes` say; a letter for each command.
    private func trace(_ document: String, _ outcomes: String) throws -> String {
        let pipeline = try Pipeline(parsing: document)
        var progress = PipelineProgress(pipeline)
        var outcomes = outcomes[...]
        var words: [String] = []
        while true {
            switch progress.next() {
            case .beginIteration(let limit): words.append("(\(progress.iteration ?? 0)/\(limit)")
            case .endIteration(let ending): words.append("\(ending.status.rawValue))")
            case .beginPhase(let phase, let attempt):
                words.append(pipeline.phases[phase].name + (attempt > 1 ? "#\(attempt)" : "") + ":")
            case .run(_, let command):
                let outcome = outcomes.popFirst() ?? "s"
                words.append(String(command))
                let status: RunStatus =
                    outcome == "s"
                    ? .succeeded
                    : outcome == "f" ? .failed : outcome == "t" ? .timedOut : outcome == "e" ? .error : .cancelled
                progress.commandEnded(status, exit: status == .succeeded ? 0 : 7, reason: nil)
            case .endPhase(_, let ending): words.append(ending.status.rawValue + ";")
            case .skip(let phase): words.append("skip " + pipeline.phases[phase].name)
            case .finish(let ending):
                words.append("= \(ending.status.rawValue) \(ending.exit ?? -1)\(ending.reason.map { " " + $0 } ?? "")")
                return words.joined(separator: " ")
            }
        }
    }

    private static let simple = "[[phase]]\nname='a'\ncommands=['x','y']\nretries=1\n[[phase]]\nname='b'\ncommand='z'\n"
    private static let looping = """
        [iterate]
        phases = ["agent", "test"]
        limit = 2
        [[phase]]
        name = "setup"
        command = "x"
        [[phase]]
        name = "agent"
        command = "x"
        [[phase]]
        name = "test"
        command = "x"
        [[phase]]
        name = "build"
        command = "x"
        """

    @Test(arguments: [
        (simple, "sss", "a: 0 1 succeeded; b: 0 succeeded; = succeeded 0"),
        (simple, "sfsss", "a: 0 1 failed; a#2: 0 1 succeeded; b: 0 succeeded; = succeeded 0"),
        (simple, "ff", "a: 0 failed; a#2: 0 failed; skip b = failed 7"),
        (simple, "tss", "a: 0 timed-out; a#2: 0 1 succeeded; b: 0 succeeded; = succeeded 0"),
        (simple, "e", "a: 0 error; skip b = error 7"),
        (simple, "c", "a: 0 cancelled; skip b = cancelled 7"),
        (
            looping, "ssss",
            "setup: 0 succeeded; (1/2 agent: 0 succeeded; test: 0 succeeded; succeeded) build: 0 succeeded; = succeeded 0"
        ),
        (
            looping, "ssfsss",
            "setup: 0 succeeded; (1/2 agent: 0 succeeded; test: 0 failed; failed) (2/2 agent: 0 succeeded; test: 0 succeeded; succeeded) build: 0 succeeded; = succeeded 0"
        ),
        (
            looping, "ssfsf",
            "setup: 0 succeeded; (1/2 agent: 0 succeeded; test: 0 failed; failed) (2/2 agent: 0 succeeded; test: 0 failed; failed) skip build = failed 7 not green after 2 iterations"
        ),
        (looping, "sc", "setup: 0 succeeded; (1/2 agent: 0 cancelled; cancelled) skip build = cancelled 7"),
        (looping, "se", "setup: 0 succeeded; (1/2 agent: 0 error; error) skip build = error 7"),
        (looping, "f", "setup: 0 failed; skip agent skip test skip build = failed 7"),
    ])
    func `phases follow each other`(document: String, outcomes: String, expected: String) throws {
        #expect(try trace(document, outcomes) == expected)
    }
}
