internal import JSONText

/// rsyslog's `mmexternal` (https://www.rsyslog.com/doc/configuration/modules/mmexternal.html): a message a line comes in, a JSON object a
/// line goes out with the properties to change.
package struct SyslogModifier {
    /// What rsyslog sends: `interface.input` of its action.
    package enum Input: String, Sendable, CaseIterable {
        case message = "msg"
        case raw = "rawmsg"
        case json = "fulljson"
    }

    /// Bytes of a line; a longer one is answered with a mark.
    package static let maximumLine = 1 << 20

    private let input: Input
    private var records: RecordScrubber

    package init(_ input: Input, _ records: RecordScrubber) {
        self.input = input
        self.records = records
    }

    /// The answer to a line, with its line feed.
    package mutating func answer(_ line: [UInt8]) -> [UInt8] {
        switch input {
        case .message: return Self.object([("msg", changed(line))])
        case .raw: return Self.object([("rawmsg", changed(line))])
        case .json:
            var reader = JSONReader<Failure>()
            guard case .object(let members)? = try? reader.value(line.span), (try? reader.expectEnd(line.span)) != nil
            else {
                // It cannot be known what rsyslog has there.
                return Self.object([("msg", Self.unreadable), ("rawmsg", Self.unreadable)])
            }
            // Messages of one program belong together.
            let source = Self.text("syslogtag", members).map { Array($0.utf8) } ?? []
            let changes = ["msg", "rawmsg", "syslogtag", "programname", "app-name"].map { name in
                (name, Self.text(name, members).flatMap { changed(Array($0.utf8), source: source + name.utf8) })
            }
            return Self.object(changes)
        }
    }

    private static let unreadable = "[REDACTED:unreadable]"
    private struct Failure: JSONFailure { init(jsonOffset offset: Int) {} }

    /// The scrubbed text; nil: nothing was in it.
    private mutating func changed(_ text: [UInt8], source: [UInt8] = []) -> String? {
        let output = text.count <= Self.maximumLine ? records.scrub(text, source: source) : JournalExport.tooLarge
        return output == text ? nil : String(decoding: output, as: UTF8.self)
    }

    private static func text(_ name: String, _ members: [(name: String, value: JSONValue)]) -> String? {
        guard case .string(let text)? = members.first(where: { $0.name == name })?.value else { return nil }
        return text
    }

    private static func object(_ members: [(String, String?)]) -> [UInt8] {
        Array((JSON.object(members.map { ($0.0, $0.1.map { JSON.string($0) }) }) + "\n").utf8)
    }
}

/// Cuts a stream into lines, without their ends, in bounded memory.
package struct LineSplitter {
    private let limit: Int
    private var line: [UInt8] = []

    /// Of a line that is longer than `limit`, one byte more is kept, so that its reader sees that it is.
    package init(limit: Int) { self.limit = limit }

    package mutating func write(_ chunk: some Sequence<UInt8>, _ body: ([UInt8]) -> Void) {
        for byte in chunk {
            if byte == 0x0A {
                body(line)
                line.removeAll(keepingCapacity: true)
            } else if line.count <= limit {
                line.append(byte)
            }
        }
    }

    package mutating func finish(_ body: ([UInt8]) -> Void) {
        if !line.isEmpty { body(line) }
        line = []
    }
}
