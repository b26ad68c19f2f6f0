internal import CPrefilter

/// Bytes under examination: a window of the stream, or a decoded view of a part of it.
///
/// Unowned: whoever makes a `Text` keeps its memory alive and unchanged while it is in use. Offsets are relative to
/// `base`; reading outside `0..<count` is a programming error, checked in debug builds.
struct Text {
    let base: UnsafePointer<UInt8>
    let count: Int

    @inline(__always)
    init(base: UnsafePointer<UInt8>, count: Int) {
        self.base = base
        self.count = count
    }

    @inline(__always)
    subscript(index: Int) -> UInt8 {
        assert(index >= 0 && index < count)
        return base[index]
    }

    /// The byte at `index`, or 0 outside.
    @inline(__always)
    func at(_ index: Int) -> UInt8 { index >= 0 && index < count ? base[index] : 0 }

    func raw(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        assert(range.lowerBound >= 0 && range.upperBound <= count)
        return UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// Whether `literal` stands at `index`.
    @inline(__always)
    func has(_ literal: StaticString, at index: Int) -> Bool {
        let length = literal.utf8CodeUnitCount
        guard index >= 0, index + length <= count else { return false }
        let wanted = literal.utf8Start
        for i in 0..<length where base[index + i] != wanted[i] { return false }
        return true
    }

    /// Whether `literal`, in lower case, stands at `index`, letters compared without case.
    @inline(__always)
    func hasFolded(_ literal: StaticString, at index: Int) -> Bool {
        let length = literal.utf8CodeUnitCount
        guard index >= 0, index + length <= count else { return false }
        let wanted = literal.utf8Start
        for i in 0..<length where lower(base[index + i]) != wanted[i] { return false }
        return true
    }

    /// Whether the text ends within `literal`, which begins at `index`.
    func isCut(_ literal: StaticString, at index: Int) -> Bool {
        guard index >= 0, index <= count, index + literal.utf8CodeUnitCount > count else { return false }
        for i in index..<count where base[i] != literal.utf8Start[i - index] { return false }
        return true
    }

    /// Offset of `literal` in `range`, or nil.
    func find(_ literal: StaticString, in range: Range<Int>) -> Int? {
        let length = literal.utf8CodeUnitCount
        var i = max(0, range.lowerBound)
        let last = min(count, range.upperBound) - length
        let first = literal.utf8Start[0]
        while i <= last {
            if base[i] == first && has(literal, at: i) { return i }
            i += 1
        }
        return nil
    }

    /// Offset of `literal` (lower case) in `range` without case, or nil.
    func findFolded(_ literal: StaticString, in range: Range<Int>) -> Int? {
        let length = literal.utf8CodeUnitCount
        var i = max(0, range.lowerBound)
        let last = min(count, range.upperBound) - length
        while i <= last {
            if hasFolded(literal, at: i) { return i }
            i += 1
        }
        return nil
    }

    /// Where the token run begins that ends before `index`; not before `floor`.
    func runStart(before index: Int, floor: Int) -> Int {
        var start = index
        while start > floor, base[start - 1].isToken { start -= 1 }
        return start
    }

    /// Longest control sequence that is read, in bytes.
    static let maximumSequence = 32

    /// Where the control sequence begins that ends right before `index`, or nil: ESC `[`, parameters, a final byte (ECMA-48, 5.4).
    func sequenceStart(before index: Int) -> Int? {
        guard at(index - 1) >= 0x40, at(index - 1) < 0x7f else { return nil }
        var i = index - 1
        let floor = max(0, index - Self.maximumSequence)
        while i > floor, base[i - 1].isParameter { i -= 1 }
        guard i > 1, base[i - 1] == UInt8(ascii: "["), base[i - 2] == .escape else { return nil }
        return i - 2
    }

    /// Offset right after the line feed before `index`, looking back at most `limit` bytes.
    func lineStart(before index: Int, limit: Int) -> Int {
        let floor = max(0, index - limit)
        return last(.lineFeed, in: floor..<index).map { $0 + 1 } ?? floor
    }

    /// Offset of the last `byte` in `range`, or nil.
    @inline(__always)
    func last(_ byte: UInt8, in range: Range<Int>) -> Int? {
        let found = pm_last(base, range.lowerBound, range.upperBound, byte)
        return found < range.upperBound ? found : nil
    }

    /// Whether `://` begins in `range`.
    func holdsScheme(_ range: Range<Int>) -> Bool {
        var end = range.upperBound
        while let colon = last(UInt8(ascii: ":"), in: range.lowerBound..<end) {
            if has("://", at: colon) { return true }
            end = colon
        }
        return false
    }
}

/// Words in lower case of which it is asked whether one stands somewhere, letters compared without case.
struct FoldedWords: Sendable {
    private var byFirst = [[StaticString]](repeating: [], count: 256)
    private var byLast = [[StaticString]](repeating: [], count: 256)

    init(_ words: [StaticString]) {
        for word in words {
            byFirst[Int(word.utf8Start[0])].append(word)
            byLast[Int(word.utf8Start[word.utf8CodeUnitCount - 1])].append(word)
        }
    }

    /// Whether one stands in `range`.
    func stand(in text: Text, _ range: Range<Int>) -> Bool {
        range.contains { index in
            byFirst[Int(lower(text[index]))].contains { word in
                index + word.utf8CodeUnitCount <= range.upperBound && text.hasFolded(word, at: index)
            }
        }
    }

    /// Those that may end with `byte`.
    func ending(with byte: UInt8) -> [StaticString] { byLast[Int(lower(byte))] }
}

@inline(__always)
func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

extension UInt8 {
    static let lineFeed: UInt8 = 0x0a
    static let carriageReturn: UInt8 = 0x0d
    static let tab: UInt8 = 0x09
    static let space: UInt8 = 0x20
    static let escape: UInt8 = 0x1b
    static let quote = UInt8(ascii: "\"")
    static let apostrophe = UInt8(ascii: "'")
    static let backtick = UInt8(ascii: "`")
    static let backslash = UInt8(ascii: "\\")

    @inline(__always) var isDigit: Bool { self &- 0x30 < 10 }
    @inline(__always) var isUpper: Bool { self &- 0x41 < 26 }
    @inline(__always) var isLower: Bool { self &- 0x61 < 26 }
    @inline(__always) var isLetter: Bool { (self | 0x20) &- 0x61 < 26 }
    @inline(__always) var isAlnum: Bool { isDigit || isLetter }
    @inline(__always) var isHex: Bool { isDigit || (self | 0x20) &- 0x61 < 6 }
    @inline(__always) var isBlank: Bool { self == .space || self == .tab }
    @inline(__always) var isWhitespace: Bool { self == .space || self &- 9 < 5 }
    @inline(__always) var isQuote: Bool { self == .quote || self == .apostrophe || self == .backtick }
    /// Belongs to a token run (docs/formats/rules.md, "The token detector").
    @inline(__always) var isToken: Bool { pm_is_token(self) != 0 }
    /// Digit of base64 or base64url, without padding.
    @inline(__always) var isBase64: Bool { pm_is_base64(self) != 0 }
    @inline(__always) var isBase64url: Bool { isAlnum || self == UInt8(ascii: "_") || self == UInt8(ascii: "-") }
    /// Parameter of a control sequence (ECMA-48, 5.4). Intermediate bytes are not read as such: hardly a sequence has one, and a
    /// blank and a letter often stand behind what is no sequence.
    @inline(__always) var isParameter: Bool { self &- 0x30 < 16 }
    /// May stand in an identifier of a program or configuration file.
    @inline(__always) var isIdentifier: Bool { isAlnum || self == UInt8(ascii: "_") }

    /// Whether the byte is one of the bytes of `set`: a few comparisons, where a string's `contains` is a generic loop.
    @inline(__always)
    func isOne(of set: StaticString) -> Bool {
        let bytes = set.utf8Start
        for i in 0..<set.utf8CodeUnitCount where bytes[i] == self { return true }
        return false
    }

    /// Begins no secret when it begins a run (`pm_unit_start`).
    var isLeadingPunctuation: Bool {
        switch self {
        case UInt8(ascii: "="), UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: "/"), UInt8(ascii: "@"),
            UInt8(ascii: "+"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Value of a hexadecimal digit; call for `isHex` only.
    @inline(__always) var hexValue: UInt8 { isDigit ? self - 0x30 : (self | 0x20) - 0x57 }

    /// 6-bit value of a digit of base64 or base64url, or nil.
    var sextet: UInt8? {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): self - 0x41
        case UInt8(ascii: "a")...UInt8(ascii: "z"): self - 0x61 + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - 0x30 + 52
        case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
        case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
        default: nil
        }
    }
}

/// Decodes base64 or base64url digit by digit (RFC 4648); padding and other bytes are the caller's business.
struct Base64Decoder {
    private var bits: UInt32 = 0
    private var width = 0

    /// Takes a digit's value; returns the byte that it completes, if it completes one.
    @inline(__always)
    mutating func push(_ value: UInt8) -> UInt8? {
        bits = bits << 6 | UInt32(value)
        width += 6
        guard width >= 8 else { return nil }
        width -= 8
        return UInt8(truncatingIfNeeded: bits >> UInt32(width))
    }
}
