internal import RedactionKit

/// What the runner tells a scrubbing process (docs/formats/scrubbed-frames.md, "Control").
enum ControlMessage: Sendable, Equatable {
    /// A value to mask from now on, in what has been read already as well.
    case value(name: String, bytes: [UInt8])
    /// All values that are known beforehand have been sent: say that you are ready, and read.
    case begin
    /// The terminal has a new size.
    case resize(columns: UInt16, rows: UInt16)
    /// Nobody wants this stream any more: close it, so that its writer learns.
    case close(ScrubbedFrame.Kind)
    /// The command has ended: what has not arrived by now does not count.
    case end

    /// Bytes of a message's content: a name and the longest value.
    static let maximumSize = KnownValue.maximumLength + 4096

    var encoded: [UInt8] {
        switch self {
        case .value(let name, let bytes):
            let name = Array(name.utf8.prefix(1024))
            return Self.message(1, [UInt8(name.count & 255), UInt8(name.count >> 8)] + name + bytes)
        case .begin: return Self.message(2, [])
        case .resize(let columns, let rows):
            return Self.message(3, [columns, rows].flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
        case .close(let kind): return Self.message(4, [kind.rawValue])
        case .end: return Self.message(5, [])
        }
    }

    private static func message(_ kind: UInt8, _ content: [UInt8]) -> [UInt8] {
        [kind] + (0..<4).map { UInt8(content.count >> (8 * $0) & 255) } + content
    }

    /// Takes the first whole message off `buffer`; nil if there is none yet.
    ///
    /// - Throws: what is no message; the sender cannot be relied on.
    static func take(from buffer: inout [UInt8]) throws(ControlError) -> ControlMessage? {
        guard buffer.count >= 5 else { return nil }
        let size = (0..<4).reduce(0) { $0 | Int(buffer[1 + $1]) << (8 * $1) }
        guard size <= maximumSize else { throw ControlError() }
        guard buffer.count >= 5 + size else { return nil }
        let content = Array(buffer[5..<(5 + size)])
        defer { buffer.removeFirst(5 + size) }
        switch buffer[0] {
        case 1:
            guard size >= 2 else { throw ControlError() }
            let length = Int(content[0]) | Int(content[1]) << 8
            guard size >= 2 + length else { throw ControlError() }
            return .value(
                name: String(decoding: content[2..<(2 + length)], as: UTF8.self), bytes: Array(content[(2 + length)...])
            )
        case 2 where size == 0: return .begin
        case 3 where size == 4:
            return .resize(
                columns: UInt16(content[0]) | UInt16(content[1]) << 8,
                rows: UInt16(content[2]) | UInt16(content[3]) << 8)
        case 4 where size == 1:
            guard let kind = ScrubbedFrame.Kind(rawValue: content[0]) else { throw ControlError() }
            return .close(kind)
        case 5 where size == 0: return .end
        default: throw ControlError()
        }
    }
}

struct ControlError: Error {}

/// The descriptors of a scrubbing process. Those of streams are there only if the command has them.
enum ScrubberDescriptor {
    static let control: Int32 = 3
    static let frames: Int32 = 4
    static let stdout: Int32 = 5
    static let stderr: Int32 = 6
    /// The master of the command's terminal.
    static let tty: Int32 = 7
    static let events: Int32 = 8
    /// What is typed, for the terminal.
    static let input: Int32 = 9
}
