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
    package init?(_ text: String) {
        let characters = Array(text.utf8)
        guard characters.count == 36 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        var digits = 0
        for (index, character) in characters.enumerated() {
            if [8, 13, 18, 23].contains(index) {
                guard character == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard !(UInt8(ascii: "A")...UInt8(ascii: "F")).contains(character), let digit = Hex.value(character)
            else { return nil }
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
        let bytes = [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * $0)) } }
        let digits = Array(Hex.encode(bytes.span).utf8)
        let groups = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
        return groups.map { String(decoding: digits[$0], as: UTF8.self) }.joined(separator: "-")
    }

    package static func < (left: RunID, right: RunID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
