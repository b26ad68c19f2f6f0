internal import RunModel

/// Builds logs: events with consecutive numbers.
struct SampleLog {
    static let run = RunID("019c140c-99fb-7001-8002-030405060708")!
    private static let time = Timestamp("2026-01-31T12:34:56.000000Z")!

    private(set) var events: [RunEvent] = []
    /// Milliseconds since the run began.
    var clock = 0
    var phase: String?
    var iteration: Int?

    mutating func add(_ body: RunEvent.Body, after milliseconds: Int = 0, hits: [String: Int] = [:]) {
        clock += milliseconds
        events.append(
            RunEvent(
                run: Self.run, sequence: events.count + 1,
                time: Timestamp(microseconds: Self.time.microseconds + clock * 1000), monotonic: clock * 1000,
                phase: phase, iteration: iteration, body: body,
                scrub: ScrubStamp(rules: ChainHash([UInt8](0..<32))!, hits: hits)))
    }

    mutating func output(
        _ text: String, _ stream: CommandOutput.Stream = .stdout, after milliseconds: Int = 0, hits: [String: Int] = [:]
    ) {
        add(.commandOutput(CommandOutput(stream: stream, bytes: Array(text.utf8))), after: milliseconds, hits: hits)
    }

    /// The lines of the log.
    func bytes() throws -> [UInt8] {
        var result: [UInt8] = []
        var head = ChainHash.zero
        for event in events {
            let line = try EventLine(event, after: head)
            head = line.hash
            result += line.bytes + [10]
        }
        return result
    }

    static func finished(_ status: RunStatus = .succeeded, exit: Int? = 0) -> RunEvent.Body {
        .commandFinished(
            CommandFinished(status: status, exit: exit, outputBytes: 0, processorTime: 0, peakMemory: 0))
    }

    /// A pipeline whose test fails once.
    static let pipeline: SampleLog = {
        var log = SampleLog()
        log.add(
            .runStarted(
                RunStarted(
                    runner: "pipemason 0.1.0", branch: "main", command: ["pipeline", "demo"], epoch: 1, protections: [])
            ))
        for iteration in 1...2 {
            log.iteration = iteration
            log.add(.iterationStarted(IterationStarted(limit: 3)))
            log.phase = "agent"
            log.add(.phaseStarted(PhaseStarted(kind: .agent)))
            log.add(.commandStarted(CommandStarted(command: ["agent", "--fix it"])))
            log.add(.agentMessage(AgentMessage(role: .assistant, text: "I change <b>one</b> line.\nDone.")), after: 500)
            log.add(
                .agentUsage(
                    AgentUsage(
                        provider: "acme", model: "m-1", inputTokens: 1200, outputTokens: 34,
                        cost: Cost(micros: 12_300, currency: "USD", isEstimate: true))))
            log.output("token [REDACTED:github-pat] used\n", hits: ["github-pat": 1])
            log.add(finished(), after: 300)
            log.add(.phaseFinished(Ending(.succeeded, exit: 0)))
            log.phase = "test"
            log.add(.phaseStarted(PhaseStarted(kind: .test)))
            log.add(.commandStarted(CommandStarted(command: ["make", "test"])))
            log.output("running\r", after: 100)
            log.output("\u{1B}[31mFAIL\u{1B}[0m one\n", .stderr, after: 100)
            let failed = iteration == 1
            log.add(finished(failed ? .failed : .succeeded, exit: failed ? 2 : 0), after: 2000)
            log.add(.phaseFinished(Ending(failed ? .failed : .succeeded, exit: failed ? 2 : 0)))
            log.phase = nil
            log.add(.iterationFinished(Ending(failed ? .failed : .succeeded)))
        }
        log.iteration = nil
        log.add(.runFinished(Ending(.succeeded, exit: 0)), after: 5)
        return log
    }()
}
