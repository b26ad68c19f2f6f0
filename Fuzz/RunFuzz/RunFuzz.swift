internal import JSONText
internal import RunModel

/// Entry points for the readers of logs and of JSON. A fuzzer and `swift test` both call them.
///
/// Each takes any bytes, must not trap by itself, and traps when an invariant is broken.
public enum RunFuzz {
    /// All entry points, by name.
    public static let all: [(name: String, run: @Sendable (Span<UInt8>) -> Void)] = [
        ("event-line", eventLine), ("resealed-line", resealedLine), ("log", log), ("json", json), ("text", text),
        ("terminal-filter", terminalFilter), ("transcript", transcript), ("keys", keys), ("report", report),
    ]

    /// A line that is accepted can be written again, and reads as the same event.
    public static func eventLine(_ bytes: Span<UInt8>) {
        guard let line = try? EventLine(parsing: bytes) else { return }
        // Escapes and white space may differ, so it can become longer, but only output comes near the limit.
        guard let written = try? EventLine(line.event, after: line.previous) else { return }
        guard let again = try? EventLine(parsing: written.bytes.span) else {
            preconditionFailure("a line that was written cannot be read")
        }
        precondition(again.event == line.event && again.previous == line.previous)
    }

    /// As `eventLine`, for input that cannot know hashes: the right one is put behind it.
    public static func resealedLine(_ bytes: Span<UInt8>) {
        let content = copy(bytes)
        let hash = ChainHash(after: .zero, content.span)
        eventLine((content + Array(EventLine.ending(hash).utf8)).span)
    }

    /// However a log is cut into pieces, it is read as the same events with the same error at the end.
    public static func log(_ bytes: Span<UInt8>) {
        func read(by size: Int) -> ([RunEvent], LogError?) {
            var reader = LogReader()
            var events: [RunEvent] = []
            do throws(LogError) {
                var start = 0
                while start < bytes.count {
                    let end = min(bytes.count, start + size)
                    try reader.write(bytes.extracting(start..<end)) { (event, _) throws(LogError) in
                        events.append(event)
                    }
                    start = end
                }
                try reader.finish()
                return (events, nil)
            } catch {
                return (events, error)
            }
        }
        let whole = read(by: max(1, bytes.count))
        for size in [1, 7, 4096] {
            let cut = read(by: size)
            precondition(cut.0 == whole.0 && cut.1 == whole.1)
        }
    }

    /// A value that is accepted survives being written and read.
    public static func json(_ bytes: Span<UInt8>) {
        var reader = JSONReader<EventLineError>()
        guard let value = try? reader.value(bytes), (try? reader.expectEnd(bytes)) != nil else { return }
        var again = JSONReader<EventLineError>()
        let text = Array(value.text.utf8)
        precondition((try? again.value(text.span)) == value)
    }

    /// The fast writer of strings agrees with the slow one.
    public static func text(_ bytes: Span<UInt8>) {
        let content = copy(bytes)
        var fast: [UInt8] = []
        let isText = content.withUnsafeBytes { JSON.appendText($0, to: &fast, limit: .max) }
        let string = String(validating: content, as: UTF8.self)
        precondition(isText == (string != nil))
        if let string { precondition(Array(JSON.string(string).utf8) == [0x22] + fast + [0x22]) }
        var limited: [UInt8] = [1]
        let limit = content.count
        let fits = content.withUnsafeBytes { JSON.appendText($0, to: &limited, limit: limit) }
        precondition(fits == (isText && fast.count <= limit))
        precondition(limited == [1] + (fits ? fast : []))
    }

    private static func copy(_ bytes: Span<UInt8>) -> [UInt8] { bytes.withUnsafeBufferPointer { Array($0) } }
}
