internal import JSONText
internal import RunModel

/// The run of the vectors in docs/formats/iterations-log.md.
enum Sample {
    static let time = Timestamp("2026-01-31T12:34:56.123456Z")!
    static let run = RunID("019c140c-99fb-7001-8002-030405060708")!
    static let rules = ChainHash([UInt8](0..<32))!

    static func event(
        _ body: RunEvent.Body, sequence: Int = 1, monotonic: Int = 0, phase: String? = nil, iteration: Int? = nil,
        hits: [String: Int] = [:]
    ) -> RunEvent {
        RunEvent(
            run: run, sequence: sequence, time: time, monotonic: monotonic, phase: phase, iteration: iteration,
            body: body, scrub: ScrubStamp(rules: rules, hits: hits))
    }

    /// One event of each kind.
    static let bodies: [RunEvent.Body] = [
        .runStarted(
            RunStarted(
                runner: "pipemason 0.1.0", branch: "main", command: ["make", "test"], epoch: 1,
                protections: ["seccomp"])),
        .runStarted(RunStarted(runner: "r", branch: nil, command: [], epoch: 2, protections: [])),
        .phaseStarted(PhaseStarted(kind: .test)),
        .iterationStarted(IterationStarted(limit: 5)),
        .commandStarted(CommandStarted(command: ["sh", "-c", "é\n\"\\"])),
        .commandStarted(CommandStarted(command: ["vi"], terminal: TerminalSize(columns: 80, rows: 24))),
        .commandOutput(CommandOutput(stream: .stdout, bytes: Array("ok \u{1B}[32mgreen\u{1B}[0m\r\n".utf8))),
        .commandOutput(CommandOutput(stream: .stderr, bytes: [0xFF, 0xFE, 0, 10])),
        .commandOutput(CommandOutput(stream: .tty, bytes: [])),
        .commandResized(TerminalSize(columns: 132, rows: 43)),
        .commandFinished(
            CommandFinished(status: .succeeded, exit: 0, outputBytes: 5, processorTime: 1000, peakMemory: 2048)),
        .commandFinished(
            CommandFinished(
                status: .timedOut, signal: 9, reason: "time limit", outputBytes: 0, processorTime: 0, peakMemory: 0)),
        .agentMessage(AgentMessage(role: .assistant, text: "done")),
        .agentUsage(
            AgentUsage(
                provider: "acme", model: "m-1", inputTokens: 1200, outputTokens: 34,
                cost: Cost(micros: 1500, currency: "EUR", isEstimate: true))),
        .agentUsage(AgentUsage(inputTokens: 0, outputTokens: 0)),
        .agentOther(
            AgentEvent(
                type: "agent.tool_call",
                data: .object([("name", .string("edit")), ("lines", .array([.number("1.50"), .null, .bool(true)]))]))),
        .artifactOffered(
            Artifact(name: "screen.png", digest: ChainHash([UInt8](1...32))!, size: 77, mediaType: "image/png")),
        .logLost(LogLost(reason: .diskFull, events: 3, bytes: 900)),
        .logRepaired(LogRepaired(epoch: 2, dropped: 17)),
        .iterationFinished(Ending(.failed, exit: 1)),
        .phaseFinished(Ending(.skipped, reason: "setup failed")),
        .runFinished(Ending(.succeeded, exit: 0)),
    ]

    /// A log of `bodies`.
    static func log() throws -> [EventLine] {
        var lines: [EventLine] = []
        for (index, body) in bodies.enumerated() {
            let event = event(body, sequence: index + 1, monotonic: index * 1000, hits: index == 6 ? ["jwt": 1] : [:])
            lines.append(try EventLine(event, after: lines.last?.hash ?? .zero))
        }
        return lines
    }

    static func bytes(_ lines: [EventLine]) -> [UInt8] { lines.flatMap { $0.bytes + [10] } }
}

/// Reads a log cut into pieces of `size` bytes.
func read(_ log: [UInt8], by size: Int) -> (events: [RunEvent], failure: LogError?) {
    var reader = LogReader()
    var events: [RunEvent] = []
    do throws(LogError) {
        for start in stride(from: 0, to: log.count, by: size) {
            let piece = log.span.extracting(start..<min(log.count, start + size))
            try reader.write(piece) { (event, _) throws(LogError) in events.append(event) }
        }
        try reader.finish()
        return (events, nil)
    } catch {
        return (events, error)
    }
}
