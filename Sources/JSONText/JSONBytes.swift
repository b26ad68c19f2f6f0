/// Bytes as the contents of a JSON string, at the speed of a log.
extension JSON {
    /// Appends `bytes` to `result` with the escapes of `JSON.string`, without quotation marks.
    ///
    /// Returns false, and leaves `result` as it was, when the bytes are not UTF-8 (Unicode 15, table 3-7), or become
    /// more than `limit`. Complexity: linear.
    package static func appendText(_ bytes: UnsafeRawBufferPointer, to result: inout [UInt8], limit: Int) -> Bool {
        let start = result.count
        result.reserveCapacity(start + bytes.count + bytes.count / 8)
        var plain = 0
        var index = 0
        while index < bytes.count {
            index = endOfPlain(bytes, from: index)
            guard index < bytes.count else { break }
            let byte = bytes[index]
            var length = 1
            if byte >= 0x80 {
                length = sequence(bytes, at: index)
                let isSeparator =
                    length == 3 && byte == 0xE2 && bytes[index + 1] == 0x80 && bytes[index + 2] | 1 == 0xA9
                if length > 0, !isSeparator {
                    index += length
                    continue
                }
            }
            result.append(contentsOf: bytes[plain..<index])
            guard length > 0, result.count - start <= limit else {
                result.removeSubrange(start...)
                return false
            }
            appendEscape(of: byte, last: bytes[index + length - 1], to: &result)
            index += length
            plain = index
        }
        result.append(contentsOf: bytes[plain..<bytes.count])
        guard result.count - start <= limit else {
            result.removeSubrange(start...)
            return false
        }
        return true
    }

    /// The first place from `index` on that is not printable ASCII, or is a quotation mark or a backslash.
    private static func endOfPlain(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let ones: UInt64 = 0x0101_0101_0101_0101
            let found = stops(word) | zeros(word ^ (ones &* 0x7F)) | word & 0x8080_8080_8080_8080
            guard found == 0 else {
                // Lower bytes than the first one found are right, whatever a borrow did to those above it.
                return index + found.trailingZeroBitCount / 8
            }
            index += 8
        }
        while index < bytes.count, isPlain(bytes[index]) { index += 1 }
        return index
    }

    /// Has the high bit set for the first byte of `word`, from the least significant, that ends the plain part of a string: a quotation
    /// mark, a backslash, what is below space. Bits of bytes above that one mean nothing, bits of bytes below are not set.
    @inlinable public static func stops(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let control = (word &- (ones &* 0x20)) & ~word & 0x8080_8080_8080_8080
        return zeros(word ^ (ones &* 0x22)) | zeros(word ^ (ones &* 0x5C)) | control
    }

    /// Has the high bit set for the first byte of `word` that is zero; as `stops`.
    @inlinable static func zeros(_ word: UInt64) -> UInt64 {
        (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// The length of the UTF-8 sequence of several bytes at `index`, or 0.
    private static func sequence(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Int {
        let lead = bytes[index]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return 0
        }
        guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { return 0 }
        for offset in 2..<max(2, length) where bytes[index + offset] & 0xC0 != 0x80 { return 0 }
        return length
    }

    private static func appendEscape(of byte: UInt8, last: UInt8, to result: inout [UInt8]) {
        result.append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): result.append(byte)
        case UInt8(ascii: "\n"): result.append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): result.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): result.append(UInt8(ascii: "t"))
        case 0xE2: result.append(contentsOf: "u202".utf8 + [last == 0xA8 ? UInt8(ascii: "8") : UInt8(ascii: "9")])
        default:
            let digits: StaticString = "0123456789abcdef"
            result.append(contentsOf: "u00".utf8)
            result.append(digits.utf8Start[Int(byte >> 4)])
            result.append(digits.utf8Start[Int(byte & 15)])
        }
    }
}
