/// A literal value to mask wherever it appears, and the name to show for it.
public struct KnownValue: Sendable, CustomStringConvertible {
    /// Shortest value that is masked, in bytes. Shorter ones would mask ordinary text.
    public static let minimumLength = 6
    /// Shortest line of a value of several lines that is masked by itself, in bytes.
    public static let minimumLine = 8
    /// Longest value, in bytes.
    public static let maximumLength = 64 * 1024

    /// Shown in the placeholder: `[REDACTED:known:NAME]`.
    public let name: String
    package let value: [UInt8]

    /// Registers `value` under `name`.
    ///
    /// - Throws: `KnownValueError` if the value is blank, or its length is outside the limits. The error names `name` only.
    public init(name: String, value: [UInt8]) throws(KnownValueError) {
        let clean = String(
            decoding: name.utf8.filter { $0.isIdentifier || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") },
            as: UTF8.self)
        self.name = clean.isEmpty ? "value" : clean
        var value = value
        while let last = value.last, last == .lineFeed || last == .carriageReturn { value.removeLast() }
        // The extent of white space at the ends of a value of several lines says nothing: a line end matches any of it.
        if value.contains(where: { $0 == .lineFeed || $0 == .carriageReturn }) {
            value = Array(value.drop(while: \.isWhitespace))
            while let last = value.last, last.isWhitespace { value.removeLast() }
        }
        guard value.contains(where: { !$0.isWhitespace && $0 != 0 }) else {
            throw KnownValueError(name: self.name, reason: .blank)
        }
        guard Self.essentialLength(value) >= Self.minimumLength else {
            throw KnownValueError(name: self.name, reason: .tooShort)
        }
        guard value.count <= Self.maximumLength else { throw KnownValueError(name: self.name, reason: .tooLong) }
        self.value = value
    }

    /// Length with each line end and the white space around it counted as one byte, which is all that must match.
    private static func essentialLength(_ value: [UInt8]) -> Int {
        var length = 0
        var i = 0
        while i < value.count {
            if value[i] == .lineFeed || value[i] == .carriageReturn {
                while i + 1 < value.count, value[i + 1].isWhitespace { i += 1 }
            }
            i += 1
            length += 1
        }
        return length
    }

    /// Never the value.
    public var description: String { "known value \(name)" }
}

/// Why a value is not masked. Names the value's name, never the value.
public struct KnownValueError: Error, CustomStringConvertible, Sendable {
    public enum Reason: Sendable { case blank, tooShort, tooLong }
    public let name: String
    public let reason: Reason

    public var description: String {
        switch reason {
        case .blank: "\(name) is blank and is not masked"
        case .tooShort: "\(name) is shorter than \(KnownValue.minimumLength) bytes and is not masked"
        case .tooLong: "\(name) is longer than \(KnownValue.maximumLength) bytes and is not masked"
        }
    }
}

/// Finds known values: one hash of four bytes a position, whatever the number of values.
///
/// Each value is looked for as it is, in base64 at its three alignments, and in hexadecimal; longer encodings and
/// nested ones are found by decoding (`Views.swift`), where the same index is asked again. A line end in a value
/// matches any run of white space. All occurrences count, overlapping ones too.
struct KnownValueIndex {
    private struct Needle {
        let bytes: [UInt8]
        let value: Int
        var next: Int32
    }

    private(set) var names: [String] = []
    private var indices: [String: Int] = [:]
    private var needles: [Needle] = []
    private var heads: [UInt32: Int32] = [:]
    /// Needles without a line end in the order of their bytes, so that those that begin with some bytes stand together; and the
    /// others, each of which matches texts of many lengths.
    private var sorted: [Int] = []
    private var flexible: [Int] = []
    private var isSorted = true
    /// Needles with a line end in their first four bytes, which have no one hash.
    private var broken: [Int] = []
    /// Bytes of text that the longest needle may match.
    private(set) var longest = 0
    /// One bit per hash of the first four bytes.
    private var filter: [UInt64]
    /// Rule index of the first value; values count up from there.
    let firstRule: Int

    /// Bits of the filter's hash: it grows with the needles, so that few places pass it by chance.
    private var filterBits = 18
    private static let maximumFilterBits = 22

    init(firstRule: Int) {
        self.firstRule = firstRule
        filter = Array(repeating: 0, count: 1 << (filterBits - 6))
    }

    @inline(__always)
    private static func hash(_ key: UInt32, bits: Int) -> Int { Int((key &* 0x9E37_79B1) >> UInt32(32 - bits)) }

    /// The first four bytes of a needle as one number.
    private static func key(_ bytes: [UInt8]) -> UInt32 {
        UInt32(bytes[0]) | UInt32(bytes[1]) << 8 | UInt32(bytes[2]) << 16 | UInt32(bytes[3]) << 24
    }

    private mutating func mark(_ key: UInt32) {
        let bit = Self.hash(key, bits: filterBits)
        filter[bit >> 6] |= 1 << UInt64(bit & 63)
    }

    private mutating func growFilter() {
        guard needles.count * 16 > 1 << filterBits, filterBits < Self.maximumFilterBits else { return }
        filterBits += 2
        filter = Array(repeating: 0, count: 1 << (filterBits - 6))
        for key in heads.keys { mark(key) }
    }

    /// Brings the needles in the order that `holdTail` needs; call it after the last `add`.
    mutating func prepare() {
        guard !isSorted else { return }
        isSorted = true
        sorted = needles.indices.filter { !needles[$0].bytes.contains(where: Self.isLineEnd) }
        flexible = needles.indices.filter { needles[$0].bytes.contains(where: Self.isLineEnd) }
        sorted.sort { needles[$0].bytes.lexicographicallyPrecedes(needles[$1].bytes) }
    }

    private static func isLineEnd(_ byte: UInt8) -> Bool { byte == .lineFeed || byte == .carriageReturn }

    mutating func add(_ value: KnownValue) {
        let index: Int
        if let known = indices[value.name] {
            index = known
        } else {
            index = names.count
            indices[value.name] = index
            names.append(value.name)
        }
        isSorted = false
        var forms = Set<[UInt8]>()
        func addForms(_ bytes: [UInt8]) {
            forms.insert(bytes)
            // In a string of JSON, and in one within another; characters beyond ASCII and `/` are found by decoding.
            let escaped = Self.escaped(bytes)
            if escaped != bytes { forms.formUnion([escaped, Self.escaped(escaped)]) }
            for alphabet in [Self.standardAlphabet, Self.urlAlphabet] {
                for alignment in 0..<3 {
                    let encoded = Self.base64(bytes, alignment: alignment, alphabet)
                    if encoded.count >= 8 { forms.insert(encoded) }
                }
            }
            for digits in ["0123456789abcdef", "0123456789ABCDEF"] {
                let digits = Array(digits.utf8)
                forms.insert(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
            }
        }
        addForms(value.value)
        if value.value.contains(.lineFeed) {
            for line in value.value.split(separator: .lineFeed) {
                var line = line
                while let last = line.last, last.isWhitespace { line.removeLast() }
                while let first = line.first, first.isWhitespace { line.removeFirst() }
                if line.count >= KnownValue.minimumLine { addForms(Array(line)) }
            }
        }
        for form in forms.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let lineEnds = form.count { $0 == .lineFeed || $0 == .carriageReturn }
            longest = max(longest, form.count + lineEnds * Self.maximumGap)
            guard !form.prefix(4).contains(where: { $0 == .lineFeed || $0 == .carriageReturn }) else {
                broken.append(needles.count)
                needles.append(Needle(bytes: form, value: index, next: -1))
                continue
            }
            let key = Self.key(form)
            mark(key)
            needles.append(Needle(bytes: form, value: index, next: heads[key] ?? -1))
            heads[key] = Int32(needles.count - 1)
        }
        growFilter()
    }

    /// White space that one line end of a value matches at most.
    static let maximumGap = 64

    /// Escapes of a string, RFC 8259, 7.
    private static func escaped(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { byte -> [UInt8] in
            switch byte {
            case .quote, .backslash: [.backslash, byte]
            case .lineFeed: [.backslash, UInt8(ascii: "n")]
            case .carriageReturn: [.backslash, UInt8(ascii: "r")]
            case .tab: [.backslash, UInt8(ascii: "t")]
            default: [byte]
            }
        }
    }

    private static let standardAlphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlAlphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The base64 digits that depend on `bytes` alone when `alignment` bytes stand before them in a group of three.
    private static func base64(_ bytes: [UInt8], alignment: Int, _ alphabet: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var bits: UInt32 = 0
        var width = 0
        // Bits of the unknown bytes before: digits that hold any of them are left out.
        var skip = alignment == 0 ? 0 : alignment == 1 ? 2 : 3
        for byte in Array(repeating: UInt8(0), count: alignment) + bytes {
            bits = bits << 8 | UInt32(byte)
            width += 8
            while width >= 6 {
                width -= 6
                let digit = alphabet[Int(bits >> UInt32(width) & 63)]
                if skip > 0 { skip -= 1 } else { result.append(digit) }
            }
        }
        return result
    }

    private enum Verdict { case match(Int), partial, mismatch }

    /// Compares a needle at `index`; a line end in it matches a run of white space.
    private func compare(_ needle: [UInt8], _ text: Text, at index: Int) -> Verdict {
        var i = index
        var k = 0
        while k < needle.count {
            guard i < text.count else { return .partial }
            if needle[k] == .lineFeed || needle[k] == .carriageReturn {
                guard text[i].isWhitespace else { return .mismatch }
                let start = i
                while i < text.count, text[i].isWhitespace, i - start < Self.maximumGap { i += 1 }
                while k < needle.count, needle[k].isWhitespace { k += 1 }
                continue
            }
            guard text[i] == needle[k] else { return .mismatch }
            i += 1
            k += 1
        }
        return .match(i)
    }

    /// Adds the occurrences that begin at or after `pass.lower`, or that overlap the redaction that ends there.
    func scan(_ pass: inout Pass) {
        let text = pass.text
        guard !needles.isEmpty, text.count >= 4 else { return }
        var last: Range<Int>?
        var lastRule = 0
        let raw = UnsafeRawPointer(text.base)
        let bits = filterBits
        let from = pass.continuesRedaction ? max(0, pass.lower - longest) : pass.lower
        filter.withUnsafeBufferPointer { filter in
            for i in from..<max(from, text.count - 3) {
                let key = raw.loadUnaligned(fromByteOffset: i, as: UInt32.self)
                let bit = Self.hash(key, bits: bits)
                let isCandidate = filter[bit >> 6] >> UInt64(bit & 63) & 1 != 0
                guard isCandidate || !broken.isEmpty else { continue }
                // The longest of the values that begin here.
                var end = 0
                var rule = 0
                func look(at needle: Needle) {
                    guard case .match(let found) = compare(needle.bytes, text, at: i) else { return }
                    let own = firstRule + needle.value
                    if found > end || found == end && own < rule { (end, rule) = (found, own) }
                }
                if isCandidate, var next = heads[key] {
                    while next >= 0 {
                        look(at: needles[Int(next)])
                        next = needles[Int(next)].next
                    }
                }
                for index in broken where needles[index].bytes[0] == text[i] { look(at: needles[index]) }
                guard end > i else { continue }
                // One span over overlapping occurrences, so that their number is bounded too.
                if let known = last, i < known.upperBound {
                    last = known.lowerBound..<max(known.upperBound, end)
                } else {
                    if let last { pass.add(last, rule: lastRule, confidence: 2, reason: .knownValue) }
                    last = i..<end
                    lastRule = rule
                }
            }
        }
        if let last { pass.add(last, rule: lastRule, confidence: 2, reason: .knownValue) }
    }

    /// Holds the earliest place from which a value may still be completed.
    func holdTail(_ pass: inout Pass) {
        let text = pass.text
        guard longest > 0, text.count > 0 else { return }
        assert(isSorted, "prepare() follows the last add()")
        var i = max(pass.lower, text.count - longest)
        while i < min(text.count, pass.hold) {
            if beginsNeedle(text, at: i) || flexible.contains(where: { isPartial(needles[$0].bytes, text, at: i) }) {
                pass.holdFrom(i)
                return
            }
            i += 1
        }
    }

    private func isPartial(_ needle: [UInt8], _ text: Text, at index: Int) -> Bool {
        guard needle[0] == text[index], case .partial = compare(needle, text, at: index) else { return false }
        return true
    }

    /// Whether the text from `index` to its end is the beginning of a longer needle. Complexity: logarithmic in the needles.
    private func beginsNeedle(_ text: Text, at index: Int) -> Bool {
        let tail = text.raw(index..<text.count)
        // The first needle that does not precede the tail: if any begins with it, that one or the next longer one does.
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if needles[sorted[middle]].bytes.lexicographicallyPrecedes(tail) { low = middle + 1 } else { high = middle }
        }
        while low < sorted.count {
            let bytes = needles[sorted[low]].bytes
            guard bytes.starts(with: tail) else { return false }
            if bytes.count > tail.count { return true }
            low += 1
        }
        return false
    }
}
