internal import CPrefilter

/// What the source of a token rule's pattern says about the bytes after its literal and before its match, as far as a glance
/// tells. The prefilter asks for it; a pattern that is not understood asks for nothing.
enum PatternHints {
    /// At least `count` bytes of `set` follow.
    typealias Followers = (set: ByteSet, count: Int)

    /// The literals that a pattern begins with, one of them, and what follows them in every match.
    struct Head {
        var literals: [[UInt8]] = []
        var followers: Followers = (.all, 0)
        /// Literals that more stands behind before the followers.
        var longer: [[UInt8]] = []

        /// What follows `anchor`, which is one of the literals, or one and some of what follows it.
        func followers(of anchor: [UInt8]) -> Followers {
            if literals.contains(anchor) { return followers }
            func mayMeet(_ literal: [UInt8]) -> Bool { literal.starts(with: anchor) || anchor.starts(with: literal) }
            guard let literal = literals.first(where: mayMeet), !literal.isEmpty, anchor.starts(with: literal),
                literals.count(where: mayMeet) == 1, !longer.contains(where: mayMeet)
            else { return (.all, 0) }
            let taken = anchor.dropFirst(literal.count)
            guard taken.count <= followers.count, taken.allSatisfy(followers.set.contains) else { return (.all, 0) }
            return (followers.set, followers.count - taken.count)
        }
    }

    /// What follows `anchor` in every match of `pattern`; see `head`.
    static func followers(of anchor: String, in pattern: String) -> Followers {
        head(of: pattern).followers(of: Array(anchor.utf8))
    }

    /// Reads a pattern that is a literal or a choice of literals, look-aheads, and a class with a least count:
    /// `ghp_[A-Za-z0-9]{36}`, `(?:ddp_|ddo_)(?=…)[A-Za-z0-9]{36,}`. One byte of a class may end a literal of a choice.
    static func head(of pattern: String) -> Head {
        var reader = Reader(pattern)
        var head = Head()
        while reader.take("(?<!") { guard reader.skipGroup() else { return Head() } }
        if reader.take("(?:") {
            repeat {
                let literal = reader.literal()
                guard !literal.isEmpty else { return Head() }
                if reader.isAt("|") || reader.isAt(")") {
                    head.literals.append(literal)
                } else {
                    guard reader.set() != nil, reader.leastCount(exactly: true) != nil else { return Head() }
                    head.longer.append(literal)
                }
            } while reader.take("|")
            guard reader.take(")") else { return Head() }
        } else {
            head.literals = [reader.literal()]
        }
        while reader.take("(?=") || reader.take("(?!") { guard reader.skipGroup() else { return Head() } }
        guard let set = reader.set(), let count = reader.leastCount() else { return Head() }
        head.followers = (set, count)
        return head
    }

    /// What stands before a match, the last byte first, and what begins it, if the pattern begins with one look-behind or a
    /// choice of them.
    static func context(_ pattern: String) -> (before: [ByteSet], first: ByteSet) {
        let unknown = (Array(repeating: ByteSet.all, count: Int(PM_CONTEXT_POSITIONS)), ByteSet.all)
        var reader = Reader(pattern)
        let isChoice = reader.take("(?:")
        var result = Array(repeating: ByteSet(), count: Int(PM_CONTEXT_POSITIONS))
        repeat {
            guard reader.take("(?<=") else { return unknown }
            var sets: [ByteSet] = []
            while !reader.take(")") {
                guard let set = reader.set() else { return unknown }
                guard let count = reader.leastCount(exactly: true) else { return unknown }
                sets += Array(repeating: set, count: count)
            }
            for i in result.indices {
                result[i].formUnion(i < sets.count ? sets[sets.count - 1 - i] : .all)
            }
        } while isChoice && reader.take("|")
        if isChoice, !reader.take(")") { return unknown }
        guard let first = reader.set(), let count = reader.leastCount(), count > 0 else { return (result, .all) }
        return (result, first)
    }

    /// Reads a pattern's source from the front.
    struct Reader {
        private var rest: ArraySlice<UInt8>
        init(_ pattern: String) { rest = Array(pattern.utf8)[...] }

        mutating func take(_ text: String) -> Bool {
            guard rest.starts(with: text.utf8) else { return false }
            rest = rest.dropFirst(text.utf8.count)
            return true
        }

        func isAt(_ text: String) -> Bool { rest.starts(with: text.utf8) }

        /// Bytes that stand for themselves, without the last if a quantifier follows it.
        mutating func literal() -> [UInt8] {
            var result: [UInt8] = []
            while let byte = rest.first {
                var next = rest.dropFirst()
                var value = byte
                if byte == .backslash {
                    guard let escaped = next.first, !escaped.isAlnum else { break }
                    value = escaped
                    next = next.dropFirst()
                } else if byte.isOne(of: "()[]{}|.*+?^$") {
                    break
                }
                if let quantifier = next.first, quantifier.isOne(of: "?*+{") { break }
                result.append(value)
                rest = next
            }
            return result
        }

        /// Skips what is left of a group that holds no other group.
        mutating func skipGroup() -> Bool {
            while let byte = rest.popFirst() {
                switch byte {
                case .backslash: _ = rest.popFirst()
                case UInt8(ascii: "("): return false
                case UInt8(ascii: ")"): return true
                default: break
                }
            }
            return false
        }

        /// A class of plain bytes and ranges, or one literal byte.
        mutating func set() -> ByteSet? {
            guard let first = rest.popFirst() else { return nil }
            if first == .backslash {
                guard let escaped = rest.popFirst(), !escaped.isAlnum else { return nil }
                return ByteSet(escaped...escaped)
            }
            guard first == UInt8(ascii: "[") else {
                return first.isOne(of: "()]{}|.*+?^$") ? nil : ByteSet(first...first)
            }
            var result = ByteSet()
            while let byte = rest.popFirst(), byte != UInt8(ascii: "]") {
                guard byte != UInt8(ascii: "^"), byte != UInt8(ascii: "[") else { return nil }
                var low = byte
                if byte == .backslash {
                    guard let escaped = rest.popFirst(), !escaped.isAlnum else { return nil }
                    low = escaped
                }
                var high = low
                if rest.first == UInt8(ascii: "-"), let end = rest.dropFirst().first, end != UInt8(ascii: "]") {
                    guard end != .backslash, end >= low else { return nil }
                    high = end
                    rest = rest.dropFirst(2)
                }
                result.formUnion(ByteSet(low...high))
            }
            return result
        }

        var isAtEnd: Bool { rest.isEmpty }

        /// Skips a look-around that has been begun, and all groups in it.
        mutating func skipLookAround() -> Bool {
            var depth = 1
            while depth > 0 {
                if isAt("[") {
                    guard set() != nil else { return false }
                    continue
                }
                guard let byte = rest.popFirst() else { return false }
                switch byte {
                case .backslash: _ = rest.popFirst()
                case UInt8(ascii: "("): depth += 1
                case UInt8(ascii: ")"): depth -= 1
                default: break
                }
            }
            return true
        }

        /// What a quantifier allows, at least and at most; once without one; nil if it is not understood.
        mutating func counts() -> ClosedRange<Int>? {
            let unlimited = 1 << 16
            guard let first = rest.first, first.isOne(of: "?*+{") else { return 1...1 }
            rest = rest.dropFirst()
            var result: ClosedRange<Int>
            switch first {
            case UInt8(ascii: "?"): result = 0...1
            case UInt8(ascii: "*"): result = 0...unlimited
            case UInt8(ascii: "+"): result = 1...unlimited
            default:
                func number() -> Int? {
                    guard rest.first?.isDigit == true else { return nil }
                    var value = 0
                    while let digit = rest.first, digit.isDigit {
                        value = min(value * 10 + Int(digit - 0x30), unlimited)
                        rest = rest.dropFirst()
                    }
                    return value
                }
                guard let least = number() else { return nil }
                var most = least
                if take(",") { most = number() ?? unlimited }
                guard take("}"), least <= most else { return nil }
                result = least...most
            }
            // Lazy, or possessive.
            if !take("?") { _ = take("+") }
            return result
        }

        /// The least count of a quantifier; 1 without one; nil if there may be none, or, `exactly`, if there may be more.
        mutating func leastCount(exactly: Bool = false) -> Int? {
            let mayBeNone = rest.first?.isOne(of: "?*") == true
            guard let counts = counts(), !mayBeNone, !exactly || counts.count == 1 else { return nil }
            return counts.lowerBound
        }
    }
}

/// A set of byte values.
struct ByteSet {
    var value = pm_set()

    static let all = ByteSet(0...255)

    init() {}

    init(_ range: ClosedRange<UInt8>) {
        for byte in range {
            let bit = UInt64(1) << UInt64(byte & 63)
            switch byte >> 6 {
            case 0: value.bits.0 |= bit
            case 1: value.bits.1 |= bit
            case 2: value.bits.2 |= bit
            default: value.bits.3 |= bit
            }
        }
    }

    /// Whether `condition` holds for each of its bytes.
    func allSatisfy(_ condition: (UInt8) -> Bool) -> Bool {
        var base: UInt8 = 0
        for var bits in [value.bits.0, value.bits.1, value.bits.2, value.bits.3] {
            while bits != 0 {
                guard condition(base + UInt8(bits.trailingZeroBitCount)) else { return false }
                bits &= bits - 1
            }
            base &+= 64
        }
        return true
    }

    func contains(_ byte: UInt8) -> Bool {
        let bits = byte < 128 ? (byte < 64 ? value.bits.0 : value.bits.1) : (byte < 192 ? value.bits.2 : value.bits.3)
        return bits >> UInt64(byte & 63) & 1 != 0
    }

    mutating func formUnion(_ other: ByteSet) {
        value.bits.0 |= other.value.bits.0
        value.bits.1 |= other.value.bits.1
        value.bits.2 |= other.value.bits.2
        value.bits.3 |= other.value.bits.3
    }
}
