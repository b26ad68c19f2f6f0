/// Hexadecimal, lower case on output.
public enum Hex {
    /// Returns two digits for each byte. Not for secrets: the result is a `String`.
    public static func encode(_ bytes: Span<UInt8>) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { target in
            for index in bytes.indices {
                target[2 * index] = digit(bytes[index] >> 4)
                target[2 * index + 1] = digit(bytes[index] & 15)
            }
            return bytes.count * 2
        }
    }

    /// The digit of a value below 16.
    @inlinable public static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "a") &- 10 &+ value
    }

    /// Appends the bytes that `text` stands for to `output`; accepts both cases.
    ///
    /// Returns false when the text has an odd length, another character, or the output no room.
    public static func decode(_ text: Span<UInt8>, into output: inout OutputSpan<UInt8>) -> Bool {
        guard text.count % 2 == 0, output.freeCapacity >= text.count / 2 else { return false }
        var offset = 0
        while offset < text.count {
            guard let high = value(text[offset]), let low = value(text[offset + 1]) else { return false }
            output.append(high << 4 | low)
            offset += 2
        }
        return true
    }

    /// Returns the bytes that `text` stands for, or nil.
    public static func decode(_ text: String) -> [UInt8]? {
        var valid = false
        let text = Array(text.utf8)
        let result = [UInt8](appending: text.count / 2) { output in valid = decode(text.span, into: &output) }
        return valid ? result : nil
    }

    /// The value of a digit of either case, or nil.
    public static func value(_ digit: UInt8) -> UInt8? {
        lowercaseValue((UInt8(ascii: "A")...UInt8(ascii: "F")).contains(digit) ? digit | 0x20 : digit)
    }

    /// The value of a digit, or nil; capital letters are none.
    @inlinable public static func lowercaseValue(_ digit: UInt8) -> UInt8? {
        let value = lowercaseValueOrMore(digit)
        return value < 16 ? value : nil
    }

    /// The value of a digit, or 255; capital letters are none. Without a branch, so that many can be read and then looked at once.
    @inlinable static func lowercaseValueOrMore(_ digit: UInt8) -> UInt8 {
        let (number, letter) = (digit &- UInt8(ascii: "0"), digit &- UInt8(ascii: "a"))
        return number < 10 ? number : letter < 6 ? letter &+ 10 : 255
    }

    /// Returns the bytes that digits in small letters stand for, or nil.
    public static func decodeLowercase(_ digits: Span<UInt8>) -> [UInt8]? {
        guard digits.count % 2 == 0 else { return nil }
        var all: UInt8 = 0
        let result = [UInt8](unsafeUninitializedCapacity: digits.count / 2) { target, count in
            for index in 0..<digits.count / 2 {
                let (high, low) = (lowercaseValueOrMore(digits[2 * index]), lowercaseValueOrMore(digits[2 * index + 1]))
                all |= high | low
                target[index] = high << 4 | low
            }
            count = digits.count / 2
        }
        return all < 16 ? result : nil
    }
}
