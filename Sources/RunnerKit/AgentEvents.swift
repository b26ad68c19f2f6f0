internal import JSONText
internal import RedactionKit
internal import RunModel

/// What an agent reports on `PIPEMASON_EVENTS_FD`: JSON Lines, `{"type":"agent.…","data":{…}}`, scrubbed on their way.
struct AgentEvents {
    private var line: [UInt8] = []
    /// The rest of a line that is too long is passed over.
    private var isSkipping = false
    /// Lines that were no event, since they were last told.
    private(set) var rejected = 0

    /// Bytes of a line.
    static let maximumLine = EventLimits.data + 256

    /// Takes the next bytes and calls `body` with each event.
    mutating func receive(_ bytes: ScrubbedBytes, _ body: (RunEvent.Body) -> Void) {
        for byte in bytes.bytes {
            if byte == UInt8(ascii: "\n") {
                end(body)
            } else if line.count < Self.maximumLine {
                line.append(byte)
            } else {
                isSkipping = true
            }
        }
    }

    /// Ends the last line.
    mutating func finish(_ body: (RunEvent.Body) -> Void) { end(body) }

    /// How many lines were no event; it counts anew.
    mutating func takeRejected() -> Int {
        defer { rejected = 0 }
        return rejected
    }

    private mutating func end(_ body: (RunEvent.Body) -> Void) {
        defer {
            line = []
            isSkipping = false
        }
        guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) else { return }
        guard !isSkipping, let event = Self.parse(line) else {
            rejected += 1
            return
        }
        body(event)
    }

    /// Reads one event; only an agent's types are an agent's to report.
    static func parse(_ line: [UInt8]) -> RunEvent.Body? {
        var reader = JSONReader<EventLineError>()
        guard case .object(let members)? = try? reader.value(line.span), (try? reader.expectEnd(line.span)) != nil,
            members.count == 2, let type = members.first(where: { $0.name == "type" })?.value,
            let data = members.first(where: { $0.name == "data" })?.value, case .string(let type) = type,
            type.hasPrefix("agent."), case .object = data
        else { return nil }
        return try? RunEvent.Body(type: type, data)
    }
}
