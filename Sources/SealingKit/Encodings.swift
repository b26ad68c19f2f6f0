internal import OpenSSLEngine
internal import TextEncodings

/// Base32 (RFC 4648, section 6) in lower case without padding, for tags.
public enum Base32 {
    /// Returns the encoding of `bytes`: 16 characters for 10 bytes.
    public static func encode(_ bytes: Span<UInt8>) -> String {
        let alphabet: StaticString = "abcdefghijklmnopqrstuvwxyz234567"
        var text: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for index in bytes.indices {
            bits = bits << 8 | UInt32(bytes[index])
            count += 8
            while count >= 5 {
                count -= 5
                text.append(alphabet.utf8Start[Int(bits >> UInt32(count) & 31)])
            }
        }
        if count > 0 { text.append(alphabet.utf8Start[Int(bits << UInt32(5 - count) & 31)]) }
        return String(decoding: text, as: UTF8.self)
    }
}

/// CRC-32 (ISO-HDLC: polynomial 0x04C11DB7 reflected), as in zlib.
public enum CRC32 {
    /// Returns the checksum of `bytes`. Bitwise: meant for short inputs.
    public static func checksum(_ bytes: Span<UInt8>) -> UInt32 {
        var remainder: UInt32 = 0xFFFF_FFFF
        for index in bytes.indices {
            remainder ^= UInt32(bytes[index])
            for _ in 0..<8 { remainder = remainder >> 1 ^ (remainder & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        return ~remainder
    }
}

/// Base62 with a fixed width, in the alphabet `0-9A-Za-z`, most significant digit first.
enum Base62 {
    /// The width of 32 bytes: 43 × log2 62 = 256.03 bits.
    static let width256 = 43
    /// The width of a CRC-32.
    static let width32 = 6

    /// Appends the 43 digits of the big-endian integer in `bytes` (32 of them), which is zero afterwards.
    static func encode(consuming bytes: inout MutableSpan<UInt8>, into output: inout MutableSpan<UInt8>, at start: Int)
    {
        precondition(bytes.count == 32)
        for position in stride(from: width256 - 1, through: 0, by: -1) {
            var remainder: UInt32 = 0
            for index in bytes.indices {
                let value = remainder << 8 | UInt32(bytes[index])
                bytes[index] = UInt8(value / 62)
                remainder = value % 62
            }
            output[start + position] = digit(remainder)
        }
    }

    /// Whether 43 digits stand for an integer below 2^256. The digits' validity is checked too.
    static func fits256(_ digits: Span<UInt8>) throws(SealingError) -> Bool {
        guard digits.count == width256 else { return false }
        var overflow: UInt32 = 0
        // The accumulator is a secret: the whole token follows from it.
        let accumulator: Secret
        do {
            accumulator = try Secret(count: 32) { (integer) throws(CryptoError) in
                for position in digits.indices {
                    guard let value = value(digits[position]) else {
                        overflow = 1
                        return
                    }
                    var carry = UInt32(value)
                    for index in stride(from: 31, through: 0, by: -1) {
                        let sum = UInt32(integer[index]) * 62 + carry
                        integer[index] = UInt8(truncatingIfNeeded: sum)
                        carry = sum >> 8
                    }
                    overflow |= carry
                }
            }
        } catch { throw SealingError(error) }
        _ = accumulator.count
        return overflow == 0
    }

    /// Returns the 6 digits of a CRC-32, padded with `0` on the left.
    static func encode(_ checksum: UInt32) -> [UInt8] {
        var remaining = checksum
        var digits = [UInt8](repeating: 0, count: width32)
        for position in stride(from: width32 - 1, through: 0, by: -1) {
            digits[position] = digit(remaining % 62)
            remaining /= 62
        }
        return digits
    }

    private static func digit(_ value: UInt32) -> UInt8 {
        let alphabet: StaticString = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        return alphabet.utf8Start[Int(value)]
    }

    static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 36
        default: nil
        }
    }
}

/// Bech32 (BIP 173) without its limit of 90 characters, as age uses it for recipients and identities.
enum Bech32 {
    private static let alphabet: StaticString = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

    /// The length of the encoding of `count` bytes under a prefix of `prefixCount` characters.
    static func encodedCount(prefixCount: Int, _ count: Int) -> Int { prefixCount + 1 + (count * 8 + 4) / 5 + 6 }

    /// Appends the encoding of `bytes` under the lower-case `prefix`; `uppercase` changes the case of everything.
    static func encode(
        prefix: StaticString, _ bytes: Span<UInt8>, uppercase: Bool, into output: inout OutputSpan<UInt8>
    ) {
        var checksum = Checksum(prefix: prefix)
        func cased(_ character: UInt8) -> UInt8 {
            uppercase && character >= UInt8(ascii: "a") && character <= UInt8(ascii: "z") ? character - 32 : character
        }
        for index in 0..<prefix.utf8CodeUnitCount { output.append(cased(prefix.utf8Start[index])) }
        output.append(UInt8(ascii: "1"))
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for index in bytes.indices {
            bits = (bits << 8 | UInt32(bytes[index])) & 0xFFF
            count += 8
            while count >= 5 {
                count -= 5
                let value = bits >> count & 31
                checksum.add(value)
                output.append(cased(alphabet.utf8Start[Int(value)]))
            }
        }
        if count > 0 {
            let value = bits << (5 - count) & 31
            checksum.add(value)
            output.append(cased(alphabet.utf8Start[Int(value)]))
        }
        let final = checksum.finish()
        for position: UInt32 in 0..<6 {
            output.append(cased(alphabet.utf8Start[Int(final >> (5 * (5 - position)) & 31)]))
        }
    }

    /// Appends the bytes of `text`, which must carry `prefix`, one case throughout and a right checksum.
    ///
    /// Returns false, with an unspecified part appended, when it does not, or when padding bits are set.
    static func decode(_ text: Span<UInt8>, prefix: StaticString, into output: inout OutputSpan<UInt8>) -> Bool {
        let prefixCount = prefix.utf8CodeUnitCount
        guard text.count >= prefixCount + 7 else { return false }
        var hasLower = false
        var hasUpper = false
        for index in text.indices {
            if text[index] >= UInt8(ascii: "a"), text[index] <= UInt8(ascii: "z") { hasLower = true }
            if text[index] >= UInt8(ascii: "A"), text[index] <= UInt8(ascii: "Z") { hasUpper = true }
        }
        guard !(hasLower && hasUpper) else { return false }
        func lower(_ byte: UInt8) -> UInt8 { byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte + 32 : byte }
        for index in 0..<prefixCount where lower(text[index]) != prefix.utf8Start[index] { return false }
        guard text[prefixCount] == UInt8(ascii: "1") else { return false }
        var checksum = Checksum(prefix: prefix)
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for index in (prefixCount + 1)..<text.count {
            guard let value = value(lower(text[index])) else { return false }
            checksum.add(value)
            if index >= text.count - 6 { continue }
            bits = (bits << 5 | value) & 0xFFF
            count += 5
            if count >= 8 {
                count -= 8
                guard output.freeCapacity > 0 else { return false }
                output.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        guard count < 5, bits & (1 << count - 1) == 0 else { return false }
        return checksum.value == 1
    }

    private static func value(_ character: UInt8) -> UInt32? {
        for index in 0..<32 where alphabet.utf8Start[index] == character { return UInt32(index) }
        return nil
    }

    /// BIP 173's checksum, a BCH code over GF(32).
    private struct Checksum {
        private(set) var value: UInt32 = 1

        init(prefix: StaticString) {
            for index in 0..<prefix.utf8CodeUnitCount { add(UInt32(prefix.utf8Start[index] >> 5)) }
            add(0)
            for index in 0..<prefix.utf8CodeUnitCount { add(UInt32(prefix.utf8Start[index] & 31)) }
        }

        mutating func add(_ symbol: UInt32) {
            let generator: [UInt32] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
            let top = value >> 25
            value = (value & 0x1FF_FFFF) << 5 ^ symbol
            for bit in 0..<5 where top >> UInt32(bit) & 1 == 1 { value ^= generator[bit] }
        }

        mutating func finish() -> UInt32 {
            for _ in 0..<6 { add(0) }
            return value ^ 1
        }
    }
}

extension OutputSpan<UInt8> {
    /// Appends `bytes`. Traps when they do not fit.
    @_lifetime(self: copy self)
    mutating func append(contentsOf bytes: Span<UInt8>) {
        for index in bytes.indices { append(bytes[index]) }
    }
}
