internal import RunModel
internal import Testing

@testable import RedactionKit
@testable import RunnerKit

@Suite struct LineTests {
    static let run = RunID("019c140c-99fb-7001-8002-030405060708")!
    static let rules = ChainHash([UInt8](0..<32))!

    /// The fast writer of output lines and its slow twin.
    @Test(arguments: [UInt64](1...8))
    func `the composer writes what EventLine writes`(_ seed: UInt64) throws {
        let redactor = try Redactor()
        var composer = OutputLineComposer(run: Self.run, rules: Self.rules)
        var generator = Generator(state: seed)
        var head = ChainHash.zero
        for sequence in 1...60 {
            let bytes = redactor.scrubbed(Self.text(&generator))
            let hits = [("jwt", 3), ("a \"rule\"", 1), ("known:é", 2)].prefix(Int.random(in: 0...3, using: &generator))
            let phase = [nil, "test", "a\"b\nö"].randomElement(using: &generator)!
            let iteration = [nil, 1, 77].randomElement(using: &generator)!
            let stream = CommandOutput.Stream.allCases.randomElement(using: &generator)!
            let time = Timestamp(
                microseconds: Int.random(in: -1_000_000_000_000_000...3_000_000_000_000_000, using: &generator))
            let piece = GatheredOutput.Piece(
                stream: stream, phase: phase, iteration: iteration, time: 0, bytes: bytes,
                hits: hits.map { (redactor.scrubbed($0.0), $0.1) })
            var lines = ScrubbedBytes()
            let hash = composer.append(
                piece, sequence: sequence, time: time, monotonic: sequence * 1000, previous: head, to: &lines,
                redactor: redactor)
            let event = RunEvent(
                run: Self.run, sequence: sequence, time: time, monotonic: sequence * 1000, phase: phase,
                iteration: iteration, body: .commandOutput(CommandOutput(stream: stream, bytes: bytes.bytes)),
                scrub: ScrubStamp(rules: Self.rules, hits: Dictionary(uniqueKeysWithValues: hits.map { ($0.0, $0.1) })))
            let line = try EventLine(event, after: head)
            #expect(lines.bytes == line.bytes + [10])
            #expect(hash == line.hash)
            head = hash
        }
    }

    private static func text(_ generator: inout Generator) -> [UInt8] {
        let pieces: [[UInt8]] = [
            Array("plain words and 123 ".utf8), Array("é ü 漢字 \u{1F600} \u{2028}\u{2029}".utf8), [0xFF, 0xC3],
            [0, 27, 91, 109],
            Array("\r\n\t\"\\ \u{7F}".utf8),
        ]
        var result: [UInt8] = []
        for _ in 0..<Int.random(in: 0...40, using: &generator) { result += pieces.randomElement(using: &generator)! }
        return result
    }

    @Test func `small pieces that follow each other become one event, cut between characters`() {
        let redactor = try! Redactor()
        func frame(_ bytes: [UInt8], at time: Int) -> ScrubbedFrame {
            ScrubbedFrame(kind: .stdout, time: time, inputBytes: 0, hits: [], bytes: redactor.scrubbed(bytes))
        }
        var gathered = GatheredOutput()
        let start = MonotonicClock.microseconds
        let euro = Array("€".utf8)
        gathered.add(frame([97] + euro.prefix(2), at: start), .stdout, phase: nil, iteration: nil)
        #expect(gathered.due == start)
        #expect(gathered.take()?.bytes.bytes == [97])
        gathered.add(frame(Array(euro.suffix(1)) + [98], at: start + 10), .stdout, phase: nil, iteration: nil)
        #expect(gathered.due == start + 10 + GatheredOutput.window)
        #expect(gathered.accepts(frame([99], at: start + 20), .stdout, phase: nil, iteration: nil))
        #expect(!gathered.accepts(frame([99], at: start + 20), .stderr, phase: nil, iteration: nil))
        #expect(!gathered.accepts(frame([99], at: start + 20), .stdout, phase: "x", iteration: nil))
        #expect(gathered.take()?.bytes.bytes == euro + [98])
        gathered.add(frame([0xE2], at: start + 30), .stdout, phase: nil, iteration: nil)
        #expect(gathered.take() == nil)
        #expect(gathered.takeTails().map(\.bytes.bytes) == [[0xE2]])
        #expect(gathered.takeTails().isEmpty)
    }

    @Test func `control messages survive the way, however they are cut`() throws {
        let messages: [ControlMessage] = [
            .value(name: "A_TOKEN", bytes: [0, 1, 255]), .value(name: "", bytes: []), .begin,
            .resize(columns: 300, rows: 24), .close(.stderr), .end,
            .value(name: "big", bytes: [UInt8](repeating: 7, count: KnownValue.maximumLength)),
        ]
        let bytes = messages.flatMap(\.encoded)
        for size in [1, 3, 1000, bytes.count] {
            var buffer: [UInt8] = []
            var received: [ControlMessage] = []
            for start in stride(from: 0, to: bytes.count, by: size) {
                buffer += bytes[start..<min(bytes.count, start + size)]
                while let message = try ControlMessage.take(from: &buffer) { received.append(message) }
            }
            #expect(received == messages)
        }
        for bad: [UInt8] in [
            [9, 0, 0, 0, 0], [1, 255, 255, 255, 255], [2, 1, 0, 0, 0, 0], [1, 2, 0, 0, 0, 9, 9], [4, 1, 0, 0, 0, 99],
        ] {
            var buffer = bad
            #expect(throws: ControlError.self) { _ = try ControlMessage.take(from: &buffer) }
        }
    }

    @Test func `only what an agent may report is an event`() {
        func parse(_ text: String) -> RunEvent.Body? { AgentEvents.parse(Array(text.utf8)) }
        #expect(
            parse(#"{"type":"agent.message","data":{"role":"assistant","text":"hi"}}"#)
                == .agentMessage(AgentMessage(role: .assistant, text: "hi")))
        #expect(parse(#" {"data":{"x":[1]},"type":"agent.plan"} "#) != nil)
        for bad in [
            "", "x", "[]", #"{"type":"run.finished","data":{"status":"succeeded"}}"#, #"{"type":"agent.plan"}"#,
            #"{"type":"agent.plan","data":1}"#, #"{"type":"agent.plan","data":{},"seq":1}"#,
            #"{"type":"agent.usage","data":{"gen_ai.usage.input_tokens":-1,"gen_ai.usage.output_tokens":1}}"#,
            #"{"type":"agent.message","data":{"role":"nobody","text":"hi"}}"#, #"{"type":"agent.plan","data":{}}x"#,
        ] { #expect(parse(bad) == nil) }
        var events = AgentEvents()
        var received = 0
        let redactor = try! Redactor()
        let long = String(repeating: "x", count: AgentEvents.maximumLine * 3)
        for text in ["{\"type\":\"agent.a\",", "\"data\":{}}\n\n junk\n", long, "\n{\"type\":\"agent.b\",\"data\":{}}"]
        {
            events.receive(redactor.scrubbed(text)) { _ in received += 1 }
        }
        events.finish { _ in received += 1 }
        #expect(received == 2)
        #expect(events.takeRejected() == 2)
    }
}

/// splitmix64.
struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
