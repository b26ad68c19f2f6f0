/// Base64 (RFC 4648), strict: no white space, no missing or stray padding, no non-zero trailing bits.
public enum Base64 {
    /// Which of the RFC's alphabets, and whether `=` fills the last group.
    public enum Form: Sendable {
        /// Section 4 with padding.
        case padded
        /// Section 4 without padding, as age's header uses it.
        case unpadded
        /// Section 5 without padding, for text fields.
        case urlSafe
    }

    /// The length of the encoding of `count` bytes.
    public static func encodedCount(_ count: Int, _ form: Form) -> Int {
        form == .padded ? (count + 2) / 3 * 4 : (count * 4 + 2) / 3
    }

    /// An upper bound of the number of bytes that `count` characters stand for.
    public static func decodedCapacity(_ count: Int) -> Int { count / 4 * 3 + 2 }

    /// Appends the encoding of `bytes` to `output`. Traps when it has no room.
    public static func encode(_ bytes: Span<UInt8>, _ form: Form, into output: inout OutputSpan<UInt8>) {
        let alphabet = form == .urlSafe ? urlSafeAlphabet : standardAlphabet
        var offset = 0
        while offset < bytes.count {
            let remaining = bytes.count - offset
            let second = remaining > 1 ? bytes[offset + 1] : 0
            let third = remaining > 2 ? bytes[offset + 2] : 0
            let group = UInt32(bytes[offset]) << 16 | UInt32(second) << 8 | UInt32(third)
            output.append(alphabet.utf8Start[Int(group >> 18)])
            output.append(alphabet.utf8Start[Int(group >> 12 & 63)])
            if remaining > 1 { output.append(alphabet.utf8Start[Int(group >> 6 & 63)]) }
            if remaining > 2 { output.append(alphabet.utf8Start[Int(group & 63)]) }
            if remaining < 3, form == .padded {
                for _ in remaining..<3 { output.append(UInt8(ascii: "=")) }
            }
            offset += 3
        }
    }

    /// Returns the encoding of `bytes`. Not for secrets: the result is a `String`.
    public static func encode(_ bytes: Span<UInt8>, _ form: Form) -> String {
        let text = [UInt8](appending: encodedCount(bytes.count, form)) { encode(bytes, form, into: &$0) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the bytes that `text` stands for to `output`.
    ///
    /// Returns false, with an unspecified part appended, when `text` is not the canonical encoding of anything or
    /// the output has no room (`decodedCapacity`).
    public static func decode(_ text: Span<UInt8>, _ form: Form, into output: inout OutputSpan<UInt8>) -> Bool {
        var count = text.count
        if form == .padded {
            guard count % 4 == 0 else { return false }
            if count > 0, text[count - 1] == UInt8(ascii: "=") { count -= 1 }
            if count > 0, count % 4 == 3, text[count - 1] == UInt8(ascii: "=") { count -= 1 }
        }
        guard count % 4 != 1, output.freeCapacity >= count / 4 * 3 + max(0, count % 4 - 1) else { return false }
        let table = form == .urlSafe ? urlSafeValues : standardValues
        return table.withUnsafeBufferPointer { table in
            var offset = 0
            while offset < count {
                let size = min(4, count - offset)
                var group: UInt32 = 0
                for position in 0..<4 {
                    // In bounds: the table has one entry for every byte.
                    let value = position < size ? table[Int(text[offset + position])] : 0
                    guard value < 64 else { return false }
                    group = group << 6 | UInt32(value)
                }
                output.append(UInt8(truncatingIfNeeded: group >> 16))
                if size > 2 { output.append(UInt8(truncatingIfNeeded: group >> 8)) }
                if size > 3 { output.append(UInt8(truncatingIfNeeded: group)) }
                // The bits that stand for no byte must be zero.
                if size == 2, group & 0xFFFF != 0 { return false }
                if size == 3, group & 0xFF != 0 { return false }
                offset += 4
            }
            return true
        }
    }

    /// Returns the bytes that `text` stands for, or nil.
    public static func decode(_ text: Span<UInt8>, _ form: Form) -> [UInt8]? {
        var valid = false
        let result = [UInt8](appending: decodedCapacity(text.count)) { output in
            valid = decode(text, form, into: &output)
        }
        return valid ? result : nil
    }

    private static let standardAlphabet: StaticString =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    private static let urlSafeAlphabet: StaticString =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    private static let standardValues = inverse(standardAlphabet)
    private static let urlSafeValues = inverse(urlSafeAlphabet)

    private static func inverse(_ alphabet: StaticString) -> [UInt8] {
        var table = [UInt8](repeating: 255, count: 256)
        for index in 0..<alphabet.utf8CodeUnitCount { table[Int(alphabet.utf8Start[index])] = UInt8(index) }
        return table
    }
}
