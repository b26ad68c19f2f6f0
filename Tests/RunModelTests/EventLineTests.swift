internal import JSONText
internal import RunModel
internal import Testing

@Suite struct EventLineTests {
    @Test func `every kind of event is read as it was written`() throws {
        for line in try Sample.log() {
            let again = try EventLine(parsing: line.bytes.span)
            #expect(again == line)
        }
    }

    /// docs/formats/iterations-log.md, "Vectors".
    @Test func `vectors`() throws {
        let first = try EventLine(
            Sample.event(
                .runStarted(
                    RunStarted(
                        runner: "pipemason 0.1.0", branch: "main", command: ["make", "test"], epoch: 1,
                        protections: []))), after: .zero)
        let rules = "000102030405060708090a0b0c0d0e0f" + "101112131415161718191a1b1c1d1e1f"
        let zero = String(repeating: "0", count: 64)
        #expect(
            String(decoding: first.bytes, as: UTF8.self)
                == #"{"v":1,"run":"019c140c-99fb-7001-8002-030405060708","seq":1,"ts":"2026-01-31T12:34:56.123456Z","#
                + #""mono":0,"type":"run.started","phase":null,"iter":null,"data":{"runner":"pipemason 0.1.0","#
                + #""branch":"main","command":["make","test"],"epoch":1,"protections":[]},"#
                + #""scrub":{"rules":"sha256:\#(rules)","hits":{}},"prev":"\#(zero)","hash":"\#(Self.firstHash)"}"#)
        let second = try EventLine(
            Sample.event(
                .commandOutput(CommandOutput(stream: .stdout, bytes: Array("ok\u{1B}[0m\r\n".utf8))), sequence: 2,
                monotonic: 1500, phase: "test", iteration: 3, hits: ["jwt": 1]), after: first.hash)
        #expect(
            String(decoding: second.bytes, as: UTF8.self)
                == #"{"v":1,"run":"019c140c-99fb-7001-8002-030405060708","seq":2,"ts":"2026-01-31T12:34:56.123456Z","#
                + #""mono":1500,"type":"command.output","phase":"test","iter":3,"data":{"stream":"stdout","#
                + #""text":"ok\u001b[0m\r\n"},"scrub":{"rules":"sha256:\#(rules)","hits":{"jwt":1}},"#
                + #""prev":"\#(Self.firstHash)","hash":"\#(Self.secondHash)"}"#)
    }

    /// Computed with Python's hashlib, as the document says.
    static let firstHash = "87da2be570661959329847a67ae3716a92d4c8833f4048af9a3c51fd2e2d1faa"
    static let secondHash = "f4274c2eb0c064a83ee6909c8421537d00e6be8d879a16c030ec530d68dfe6b6"

    struct Bad: Sendable, CustomTestStringConvertible {
        var what: String
        var replace: String
        var with: String
        var code: EventLineError.Code
        var testDescription: String { what }
    }

    @Test(arguments: [
        Bad(what: "later version", replace: "\"v\":1", with: "\"v\":2", code: .unknownVersion),
        Bad(what: "run id in capitals", replace: "019c140c", with: "019C140C", code: .badField),
        Bad(what: "not version 7", replace: "-7001-", with: "-4001-", code: .badField),
        Bad(what: "sequence 0", replace: "\"seq\":7", with: "\"seq\":0", code: .badField),
        Bad(what: "negative sequence", replace: "\"seq\":7", with: "\"seq\":-7", code: .badField),
        Bad(what: "huge sequence", replace: "\"seq\":7", with: "\"seq\":99999999999999999999", code: .malformed),
        Bad(what: "no date", replace: "2026-01-31", with: "2026-02-30", code: .badField),
        Bad(what: "no time", replace: "T12:", with: "T24:", code: .badField),
        Bad(what: "negative clock", replace: "\"mono\":6000", with: "\"mono\":-1", code: .badField),
        Bad(what: "unknown type", replace: "command.output", with: "command.outputs", code: .unknownType),
        Bad(what: "white space", replace: ",\"phase\"", with: ", \"phase\"", code: .badField),
        Bad(what: "empty phase", replace: "\"phase\":null", with: "\"phase\":\"\"", code: .badField),
        Bad(what: "iteration 0", replace: "\"iter\":null", with: "\"iter\":0", code: .badField),
        Bad(what: "unknown stream", replace: "\"stdout\"", with: "\"stdwhat\"", code: .badField),
        Bad(what: "two contents", replace: "\"text\":", with: "\"b64\":\"AAAA\",\"text\":", code: .badField),
        Bad(
            what: "no content", replace: ",\"text\":\"ok \\u001b[32mgreen\\u001b[0m\\r\\n\"", with: "", code: .badField),
        Bad(
            what: "a member twice", replace: "\"stream\":\"stdout\"",
            with: "\"stream\":\"stdout\",\"stream\":\"stderr\"", code: .malformed),
        Bad(what: "bad escape", replace: "\\u001b", with: "\\x1b", code: .malformed),
        Bad(what: "half a surrogate", replace: "\\u001b", with: "\\ud801", code: .malformed),
        Bad(what: "other digest", replace: "sha256:", with: "sha512:", code: .badField),
        Bad(what: "no hits", replace: "{\"jwt\":1}", with: "{\"jwt\":0}", code: .badField),
        Bad(what: "changed text", replace: "green", with: "greed", code: .wrongHash),
    ])
    func `bad lines are refused`(_ bad: Bad) throws {
        let line = String(decoding: try Sample.log()[6].bytes, as: UTF8.self)
        let range = try #require(line.firstRange(of: bad.replace))
        let changed = Array(line.replacingCharacters(in: range, with: bad.with).utf8)
        let error = #expect(throws: EventLineError.self) { _ = try EventLine(parsing: changed.span) }
        #expect(error?.code == bad.code)
    }

    @Test func `output is text when it can be, and base64 when it cannot`() throws {
        func data(_ bytes: [UInt8]) throws -> String {
            String(
                decoding: try RunEvent.Body.commandOutput(CommandOutput(stream: .tty, bytes: bytes)).encodedData(),
                as: UTF8.self)
        }
        #expect(try data(Array("é\u{7F}\u{2028}".utf8)) == #"{"stream":"tty","text":"é\u007f\u2028"}"#)
        #expect(try data([0xC3]) == #"{"stream":"tty","b64":"ww=="}"#)
        #expect(try data(Array("abcdef\0".utf8)) == #"{"stream":"tty","text":"abcdef\u0000"}"#)
        let most = 1024 / 4
        #expect(try data(Array(repeating: 0, count: most)).contains("\"text\":"))
        #expect(try data(Array(repeating: 0, count: most + 1)).contains("\"b64\":\"AAAA"))
    }

    @Test func `the largest output fits into a line, whatever it is`() throws {
        var generator = SystemRandomNumberGenerator()
        let worst: [[UInt8]] = [
            Array(repeating: 0, count: EventLimits.output), Array(repeating: 0x22, count: EventLimits.output),
            Array(repeating: 0xFF, count: EventLimits.output),
            (0..<EventLimits.output).map { _ in UInt8.random(in: 0...255, using: &generator) },
        ]
        let hits = Dictionary(
            uniqueKeysWithValues: (0..<EventLimits.rules).map {
                (String($0 + 10) + String(repeating: "r", count: EventLimits.ruleID - 2), Int.max)
            })
        for bytes in worst {
            let event = Sample.event(
                .commandOutput(CommandOutput(stream: .stdout, bytes: bytes)), sequence: .max, monotonic: .max,
                phase: String(repeating: "\u{1}", count: EventLimits.text), iteration: .max, hits: hits)
            let line = try EventLine(event, after: .zero)
            #expect(try EventLine(parsing: line.bytes.span).event == event)
        }
        let tooMuch = CommandOutput(stream: .stdout, bytes: Array(repeating: 65, count: EventLimits.output + 1))
        #expect(throws: EventLineError(.tooLarge, "data")) {
            _ = try EventLine(Sample.event(.commandOutput(tooMuch)), after: .zero)
        }
    }

    @Test func `an agent may name its own types, within limits`() {
        for type in ["agent.x", "agent.tool_call", "agent.a-b.c9"] { #expect(AgentEvent.isType(type)) }
        for type in [
            "agent.", "agent", "agent.X", "agent.é", "run.started", "agent.\(String(repeating: "a", count: 65))",
        ] {
            #expect(!AgentEvent.isType(type))
        }
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
        String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
    }
}
