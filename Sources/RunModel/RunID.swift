internal import TextEncodings

/// The name of a run: a UUID of version 7 (RFC 9562, section 5.7), so that names sort by time.
package struct RunID: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// 16 bytes, most significant first.
    private let high: UInt64
    private let low: UInt64

    /// Makes an id of a time and 74 random bits.
    package init(time: Timestamp, random: (UInt64, UInt64)) {
        let milliseconds = UInt64(max(0, time.microseconds / 1000)) & 0xFFFF_FFFF_FFFF
        high = milliseconds << 16 | 0x7000 | random.0 & 0x0FFF
        low = 0x8000_0000_0000_0000 | random.1 & 0x3FFF_FFFF_FFFF_FFFF
    }

    /// Makes a new id for something that begins at `time`.
    package static func make(at time: Timestamp) -> RunID {
        var generator = SystemRandomNumberGenerator()
        return RunID(time: time, random: (generator.next(), generator.next()))
    }

    /// Reads the canonical form: 36 characters, small letters, version 7, the RFC's variant. Anything else is nil.
    package init?(_ text: String) { self.init(Array(text.utf8).span) }

    /// The same from bytes.
    package init?(_ text: Span<UInt8>) {
        guard text.count == 36 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        var digits = 0
        for index in text.indices {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard text[index] == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = Hex.lowercaseValue(text[index]) else { return nil }
            if digits < 16 { high = high << 4 | UInt64(digit) } else { low = low << 4 | UInt64(digit) }
            digits += 1
        }
        guard high >> 12 & 15 == 7, low >> 62 == 2 else { return nil }
        self.high = high
        self.low = low
    }

    /// When it was made, to the millisecond, by the clock of the machine that made it.
    package var time: Timestamp { Timestamp(microseconds: Int(high >> 16) * 1000) }

    package var description: String {
        String(unsafeUninitializedCapacity: 36) { text in
            var digit = 0
            for index in 0..<36 {
                if index == 8 || index == 13 || index == 18 || index == 23 {
                    text[index] = UInt8(ascii: "-")
                    continue
                }
                let half = digit < 16 ? high : low
                text[index] = Hex.digit(UInt8(truncatingIfNeeded: half >> UInt64(60 - 4 * (digit & 15))) & 15)
                digit += 1
            }
            return 36
        }
    }

    package static func < (left: RunID, right: RunID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
