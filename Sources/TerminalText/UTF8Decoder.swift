/// Decodes UTF-8 byte by byte; what is malformed becomes U+FFFD, one for each maximal part of a character (the Unicode
/// Standard, 3.9, "U+FFFD Substitution of Maximal Subparts"), as browsers do (WHATWG Encoding, "UTF-8 decoder").
struct UTF8Decoder: Sendable {
    private var value: UInt32 = 0
    /// Continuation bytes that are still missing.
    private var missing = 0
    /// What the next continuation byte may be.
    private var allowed: ClosedRange<UInt8> = 0x80...0xBF

    /// Whether no character has been begun.
    var isIdle: Bool { missing == 0 }

    /// Returns what the byte completes: nothing, a character, or a replacement and then perhaps a character.
    mutating func decode(_ byte: UInt8) -> (Unicode.Scalar?, Unicode.Scalar?) {
        if missing > 0 {
            guard allowed.contains(byte) else {
                missing = 0
                let (next, _) = decode(byte)
                return (Self.replacement, next)
            }
            allowed = 0x80...0xBF
            value = value << 6 | UInt32(byte & 0x3F)
            missing -= 1
            return (missing == 0 ? Unicode.Scalar(value) : nil, nil)
        }
        allowed = 0x80...0xBF
        switch byte {
        case 0x00...0x7F: return (Unicode.Scalar(byte), nil)
        case 0xC2...0xDF: begin(byte & 0x1F, 1)
        case 0xE0...0xEF:
            if byte == 0xE0 { allowed = 0xA0...0xBF }
            if byte == 0xED { allowed = 0x80...0x9F }
            begin(byte & 0x0F, 2)
        case 0xF0...0xF4:
            if byte == 0xF0 { allowed = 0x90...0xBF }
            if byte == 0xF4 { allowed = 0x80...0x8F }
            begin(byte & 0x07, 3)
        default: return (Self.replacement, nil)
        }
        return (nil, nil)
    }

    /// Returns the replacement for a character that was begun and not ended.
    mutating func finish() -> Unicode.Scalar? {
        defer { missing = 0 }
        return missing > 0 ? Self.replacement : nil
    }

    private mutating func begin(_ bits: UInt8, _ count: Int) {
        value = UInt32(bits)
        missing = count
    }

    private static let replacement: Unicode.Scalar = "\u{FFFD}"
}
