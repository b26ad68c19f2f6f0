internal import JSONText
internal import RunModel
internal import RunPlayback
internal import Testing

@Suite struct PlaybackClockTests {
    @Test func `events are due as long after each other as they were`() {
        var clock = PlaybackClock(wall: 1000)
        clock.expect(0, wall: 1000)
        #expect(clock.due(0) == 1000)
        clock.expect(500, wall: 1000)
        #expect(clock.due(500) == 1500)
        #expect(clock.position(wall: 1200) == 200)
    }

    @Test func `speed divides, and can change on the way`() {
        var clock = PlaybackClock(speed: 2, wall: 0)
        clock.expect(1000, wall: 0)
        #expect(clock.due(1000) == 500)
        clock.faster(wall: 100)
        #expect(clock.speed == 4)
        // 200 are done, 800 are left.
        #expect(clock.due(1000) == 300)
        clock.slower(wall: 200)
        #expect(clock.speed == 2)
        #expect(clock.due(1000) == 400)
    }

    @Test func `long pauses are cut, short ones are not`() {
        var clock = PlaybackClock(idleLimit: 1000, wall: 0)
        clock.expect(500, wall: 0)
        #expect(clock.due(500) == 500)
        clock.expect(100_500, wall: 500)
        #expect(clock.due(100_500) == 1500)
        clock.expect(101_000, wall: 1500)
        #expect(clock.due(101_000) == 2000)
    }

    @Test func `nothing is due while paused, and no time is lost`() {
        var clock = PlaybackClock(wall: 0)
        clock.expect(1000, wall: 0)
        clock.pause(wall: 400)
        #expect(clock.due(1000) == nil)
        #expect(clock.position(wall: 99_000) == 400)
        clock.resume(wall: 100_000)
        #expect(clock.due(1000) == 100_600)
    }

    @Test func `what lies before the place one jumps to is due at once`() {
        var clock = PlaybackClock(idleLimit: 1000, wall: 0)
        clock.jump(to: 5000, wall: 70)
        clock.expect(4000, wall: 70)
        #expect(clock.due(4000) == 70)
        clock.expect(5500, wall: 70)
        #expect(clock.due(5500) == 570)
    }

    @Test func `at infinite speed everything is due`() {
        var clock = PlaybackClock(speed: .infinity, wall: 10)
        clock.expect(1_000_000, wall: 10)
        #expect(clock.due(1_000_000) == 10)
    }

    @Test(arguments: [
        ("q", [PlaybackKey.quit]), ("\u{3}", [.quit]), ("\u{1B}", [.quit]), (" ", [.pause]),
        ("\u{1B}[C\u{1B}OD", [.seek(5_000_000), .seek(-5_000_000)]),
        ("\u{1B}[A", [.seek(60_000_000)]), ("+-.", [.faster, .slower, .step]), ("\u{1B}[1;5Xx", []),
        ("]N0?", [.nextPhase, .previousPhase, .start, .help]),
    ])
    func `keys are read`(bytes: String, keys: [PlaybackKey]) { #expect(PlaybackKey.read(bytes.utf8) == keys) }
}

@Suite struct TranscriptTests {
    private func write(_ log: SampleLog, _ change: (inout Transcript.Options) -> Void) -> String {
        var options = Transcript.Options()
        options.isTerminal = false
        change(&options)
        var transcript = Transcript(options)
        var output: [UInt8] = []
        for event in log.events { transcript.write(event, to: &output) }
        transcript.finish(to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test func `a pipeline reads from top to bottom`() {
        let text = write(.pipeline) { $0.iteration = 1 }
        #expect(
            text == """
                ── iteration 1 of at most 3
                ── agent
                $ agent '--fix it'
                ── assistant:
                   I change <b>one</b> line.
                   Done.
                1,200 tokens in, 34 out, 0.0123 USD (estimate), m-1, acme
                token [REDACTED:github-pat] used
                ── agent succeeded: exit status 0, 800 ms
                ── test
                $ make test
                running\rFAIL one
                ── command failed: exit status 2
                ── test failed: exit status 2, 2.2 s
                ── iteration 1 failed

                """)
    }

    @Test func `one phase, one stream`() {
        #expect(write(.pipeline) { $0.stream = .stderr } == "FAIL one\nFAIL one\n")
        let text = write(.pipeline) { $0.phase = "test" }
        #expect(!text.contains("agent"))
    }

    @Test func `every line can begin with its place`() {
        var log = SampleLog()
        log.output("one\ntw")
        log.output("o\n\nthree", after: 1500)
        #expect(write(log) { $0.showsPlaces = true } == "00:00.000 one\n00:00.000 two\n\n00:01.500 three")
    }

    @Test func `names and messages cannot reach the terminal`() {
        var log = SampleLog()
        log.phase = "x\u{1B}]52;c;cm0=\u{7}y"
        log.add(.phaseStarted(PhaseStarted(kind: .custom)))
        log.add(.commandStarted(CommandStarted(command: ["a\u{1B}[2J", "b\nc"])))
        log.add(.agentMessage(AgentMessage(role: .tool, text: "\u{9B}6n\u{202E}")))
        log.add(.agentOther(AgentEvent(type: "agent.x", data: .object([("k", .string("\u{1B}c"))]))))
        let text = write(log) { $0.isTerminal = true }
        #expect(
            !text.contains("\u{1B}]") && !text.contains("\u{1B}[2J") && !text.contains("\u{9B}")
                && !text.contains("\u{202E}"))
        #expect(text.contains("xy"))
    }

    @Test(arguments: [
        (["make", "test"], "make test"), (["a b", "", "it's", "x=1", "é"], "'a b' '' 'it'\\''s' x=1 é"), ([], ""),
    ])
    func `words are quoted for a shell`(words: [String], text: String) { #expect(Transcript.words(words) == text) }

    @Test(arguments: [
        (0, "0 ms"), (999_999, "999 ms"), (3_250_000, "3.2 s"), (123_000_000, "2 min 03 s"),
        (3_723_000_000, "1 h 02 min"), (-5, "0 ms"),
    ])
    func `durations`(microseconds: Int, text: String) { #expect(Quantity.duration(microseconds) == text) }

    @Test func `numbers`() {
        #expect(
            Quantity.count(0) == "0" && Quantity.count(999) == "999" && Quantity.count(1_234_567) == "1,234,567"
                && Quantity.count(-1234) == "-1,234")
        #expect(
            Quantity.bytes(1) == "1 byte" && Quantity.bytes(1536) == "1.5 KiB" && Quantity.bytes(1 << 30) == "1.0 GiB")
        #expect(Quantity.money(12_300, "USD") == "0.0123 USD" && Quantity.money(12_345_000, "EUR") == "12.35 EUR")
        #expect(Quantity.place(62_003_450_000 / 1000) == "01:02.003" && Quantity.place(3_600_000_000) == "1:00:00.000")
        #expect(Quantity.fixed(-0.5, 1) == "-0.5" && Quantity.fixed(2.999, 2) == "3.00")
    }
}

@Suite struct CastTests {
    private struct Failure: JSONFailure { init(jsonOffset offset: Int) {} }

    private func cast(_ log: SampleLog, _ version: CastWriter.Version, size: TerminalSize? = nil) throws -> [JSONValue]
    {
        var output: [UInt8] = []
        var writer = CastWriter(version, start: log.events[0], size: size, options: Transcript.Options(), to: &output)
        for event in log.events { writer.write(event, to: &output) }
        writer.finish(to: &output)
        return try output.split(separator: 10).map { line in
            var reader = JSONReader<Failure>()
            let line = Array(line)
            let value = try reader.value(line.span)
            try reader.expectEnd(line.span)
            return value
        }
    }

    private func event(_ value: JSONValue) -> (seconds: Double, code: String, data: String)? {
        guard case .array(let parts) = value, parts.count == 3, case .number(let time) = parts[0],
            case .string(let code) = parts[1], case .string(let data) = parts[2]
        else { return nil }
        return (Double(time) ?? -1, code, data)
    }

    private var log: SampleLog {
        var log = SampleLog()
        log.add(
            .runStarted(RunStarted(runner: "r", branch: nil, command: ["sh", "-c", "x y"], epoch: 1, protections: [])))
        log.add(.commandStarted(CommandStarted(command: ["sh"], terminal: TerminalSize(columns: 100, rows: 30))))
        log.output("é", .tty, after: 250)
        log.output("\u{1B}]0;title\u{7}b\n", .stdout, after: 750)
        log.add(.commandResized(TerminalSize(columns: 90, rows: 20)), after: 500)
        log.add(.runFinished(Ending(.failed, exit: 3)), after: 500)
        return log
    }

    @Test func `version 2 counts from the beginning`() throws {
        let lines = try cast(log, .two, size: TerminalSize(columns: 100, rows: 30))
        #expect(
            lines[0].text
                == #"{"version":2,"width":100,"height":30,"timestamp":1769862896,"command":"sh -c 'x y'","title":"run 019c140c-99fb-7001-8002-030405060708"}"#
        )
        let events = lines.dropFirst().compactMap(event)
        #expect(events.count == lines.count - 1)
        #expect(events.map(\.seconds) == [0, 0, 0.25, 1, 1.5, 2])
        #expect(events.map(\.code) == ["o", "o", "o", "o", "r", "o"])
        #expect(events[2].data == "é" && events[3].data == "b\r\n" && events[4].data == "90x20")
    }

    @Test func `version 3 counts from event to event and has the exit status`() throws {
        let lines = try cast(log, .three)
        #expect(lines[0].text.hasPrefix(#"{"version":3,"term":{"cols":80,"rows":24},"timestamp":1769862896,"#))
        let events = lines.dropFirst().compactMap(event)
        #expect(events.map(\.seconds) == [0, 0, 0.25, 0.75, 0.5, 0.5, 0])
        #expect(events.last?.code == "x" && events.last?.data == "3")
    }

    @Test func `phases are markers`() throws {
        let events = try cast(.pipeline, .two).compactMap(event)
        #expect(
            events.filter { $0.code == "m" }.map(\.data) == [
                "agent, iteration 1", "test, iteration 1", "agent, iteration 2", "test, iteration 2",
            ])
    }
}
