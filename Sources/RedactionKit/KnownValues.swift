internal import CPrefilter

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

/// Finds known values: one hash of four bytes in every three positions, whatever the number of values.
///
/// A value has six bytes or more, so one of the positions that are looked at stands on its first, second or third byte, and
/// the four bytes there are in a filter. Where they pass it, the values that may begin there, or up to two bytes before, are compared.
///
/// Each value is looked for as it is, in base64 at its three alignments, and in hexadecimal; longer encodings and
/// nested ones are found by decoding (`Views.swift`), where the same index is asked again. A line end in a value
/// matches any run of white space. All occurrences count, overlapping ones too.
struct KnownValueIndex {
    private struct Needle {
        let bytes: [UInt8]
        let value: Int
        /// Bytes 2 to 5 as a number: with the first four, all that a value has at least.
        let second: UInt32
        var next: Int32
    }

    private(set) var names: [String] = []
    private var indices: [String: Int] = [:]
    private var needles: [Needle] = []
    private var heads = KeyTable()
    /// Needles without a line end in the order of their bytes, so that those that begin with some bytes stand together; and the
    /// others, each of which matches texts of many lengths.
    private var sorted: [Int] = []
    private var flexible: [Int] = []
    private var isSorted = true
    /// Needles with a line end in their first six bytes, which have no one hash; and the bytes that they begin with.
    private var broken: [Int] = []
    private var brokenHeads = Array(repeating: false, count: 256)
    /// Bytes of text that the longest needle may match.
    private(set) var longest = 0
    /// One bit per hash of the four bytes that begin at the first, second and third byte of a needle.
    private var filter: [UInt64]
    /// Rule index of the first value; values count up from there.
    let firstRule: Int

    /// Bits of the filter's hash: it grows with the needles, so that few places pass it by chance.
    private var filterBits = 13
    /// 1 MiB, which half of second-level caches hold.
    private static let maximumFilterBits = 23
    /// Bits of the filter for each of its entries: with 32, one place in 32 passes by chance at most.
    private static let bitsPerEntry = 32

    init(firstRule: Int) {
        self.firstRule = firstRule
        filter = Array(repeating: 0, count: 1 << (filterBits - 6))
    }

    /// The index of `values`, ready to be asked; nil if there are none.
    init?(_ values: [KnownValue], firstRule: Int) {
        guard !values.isEmpty else { return nil }
        self.init(firstRule: firstRule)
        for value in values { add(value) }
        prepare()
    }

    /// Four bytes of a needle as one number.
    private static func key(_ bytes: [UInt8], at index: Int = 0) -> UInt32 {
        UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2]) << 16
            | UInt32(bytes[index + 3]) << 24
    }

    private mutating func mark(_ needle: [UInt8]) {
        for index in 0..<Int(PM_GRAM_STEP) {
            let bit = Int(pm_gram_hash(Self.key(needle, at: index), UInt32(filterBits)))
            filter[bit >> 6] |= 1 << UInt64(bit & 63)
        }
    }

    private mutating func growFilter() {
        let entries = needles.count * Int(PM_GRAM_STEP)
        guard entries * Self.bitsPerEntry > 1 << filterBits, filterBits < Self.maximumFilterBits else { return }
        while entries * Self.bitsPerEntry > 1 << filterBits, filterBits < Self.maximumFilterBits { filterBits += 1 }
        filter = Array(repeating: 0, count: 1 << (filterBits - 6))
        for needle in needles where !Self.isBroken(needle.bytes) { mark(needle.bytes) }
    }

    private static func isBroken(_ needle: [UInt8]) -> Bool {
        needle.prefix(KnownValue.minimumLength).contains(where: isLineEnd)
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
            if Self.isBroken(form) {
                broken.append(needles.count)
                brokenHeads[Int(form[0])] = true
                needles.append(Needle(bytes: form, value: index, second: 0, next: -1))
                continue
            }
            mark(form)
            let number = Int32(needles.count)
            let next = heads.replace(Self.key(form), by: number)
            needles.append(Needle(bytes: form, value: index, second: Self.key(form, at: 2), next: next))
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
    ///
    /// Complexity: linear in the text; whatever the number of values, but for those that begin with the same four bytes.
    func scan(_ pass: inout Pass) {
        let text = pass.text
        guard !needles.isEmpty, text.count >= 4 else { return }
        let from = pass.continuesRedaction ? max(0, pass.lower - longest) : pass.lower
        var found = Occurrences()
        var at = from
        while true {
            at = filter.withUnsafeBufferPointer {
                pm_next_gram($0.baseAddress, UInt32(filterBits), text.base, at, text.count)
            }
            guard at < text.count else { break }
            for index in max(from, at - Int(PM_GRAM_STEP) + 1)...at {
                let bytes = UnsafeRawPointer(text.base + index)
                var next = heads[bytes.loadUnaligned(as: UInt32.self)]
                guard next >= 0, index + KnownValue.minimumLength <= text.count else { continue }
                let second = bytes.loadUnaligned(fromByteOffset: 2, as: UInt32.self)
                var longest = Longest()
                while next >= 0 {
                    // Most texts that begin like a value are not it.
                    if needles[Int(next)].second == second { compare(needles[Int(next)], text, at: index, &longest) }
                    next = needles[Int(next)].next
                }
                join(longest, at: index, to: &found, &pass)
            }
            at += Int(PM_GRAM_STEP)
        }
        add(found, to: &pass)
        guard !broken.isEmpty else { return }
        found = Occurrences()
        for index in from..<text.count where brokenHeads[Int(text[index])] {
            var longest = Longest()
            for needle in broken { compare(needles[needle], text, at: index, &longest) }
            join(longest, at: index, to: &found, &pass)
        }
        add(found, to: &pass)
    }

    /// Occurrences that overlap, as one span, so that their number is bounded.
    private struct Occurrences {
        var range: Range<Int>?
        var rule = 0
    }

    private func add(_ found: Occurrences, to pass: inout Pass) {
        if let range = found.range { pass.add(range, rule: found.rule, confidence: 2, reason: .knownValue) }
    }

    /// The longest of the values that begin at a place: where it ends, or 0.
    private struct Longest {
        var end = 0
        var rule = 0
    }

    private func compare(_ needle: Needle, _ text: Text, at index: Int, _ longest: inout Longest) {
        guard case .match(let end) = compare(needle.bytes, text, at: index) else { return }
        let rule = firstRule + needle.value
        if end > longest.end || end == longest.end && rule < longest.rule { longest = Longest(end: end, rule: rule) }
    }

    /// Joins a value at `index` to what has been found before.
    private func join(_ longest: Longest, at index: Int, to found: inout Occurrences, _ pass: inout Pass) {
        guard longest.end > index else { return }
        if let known = found.range, index < known.upperBound {
            found.range = known.lowerBound..<max(known.upperBound, longest.end)
        } else {
            add(found, to: &pass)
            found = Occurrences(range: index..<longest.end, rule: longest.rule)
        }
    }

    /// Holds the earliest place from which a value may still be completed, or what follows the redaction in which that lies.
    func holdTail(_ pass: inout Pass) {
        let text = pass.text
        guard longest > 0, text.count > 0 else { return }
        assert(isSorted, "prepare() follows the last add()")
        // An occurrence that began inside the last redaction continues it.
        var i = max(pass.continuesRedaction ? 0 : pass.lower, text.count - longest)
        let end = min(text.count, pass.hold)
        while i < end {
            // Where four bytes are there, a value without a line end in its first bytes begins with them.
            let mayBegin =
                text.count - i < 4 || brokenHeads[Int(text[i])]
                || heads[UnsafeRawPointer(text.base).loadUnaligned(fromByteOffset: i, as: UInt32.self)] >= 0
            if mayBegin, mayBeContinued(text, from: i) {
                pass.holdFrom(i)
                return
            }
            i += 1
        }
    }

    /// Whether the text from `index` to its end is the beginning of a needle.
    private func mayBeContinued(_ text: Text, from index: Int) -> Bool {
        beginsNeedle(text, at: index) || flexible.contains { isPartial(needles[$0].bytes, text, at: index) }
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

/// Numbers by four bytes: open addressing, at most half full.
private struct KeyTable: Sendable {
    private var keys: [UInt32] = Array(repeating: 0, count: 64)
    /// -1: free.
    private var numbers: [Int32] = Array(repeating: -1, count: 64)
    private var count = 0

    @inline(__always)
    private func slot(_ key: UInt32) -> Int {
        // Other bits of the product than the filter's, of which many are alike where both are asked.
        Int(truncatingIfNeeded: (UInt64(key) &* 0x9E37_79B9_7F4A_7C15) >> 32) & (keys.count - 1)
    }

    /// The number of `key`, or -1.
    @inline(__always)
    subscript(key: UInt32) -> Int32 {
        var slot = slot(key)
        while numbers[slot] >= 0 {
            if keys[slot] == key { return numbers[slot] }
            slot = (slot + 1) & (keys.count - 1)
        }
        return -1
    }

    /// Gives `key` a number, and returns the one that it had, or -1.
    mutating func replace(_ key: UInt32, by number: Int32) -> Int32 {
        if 2 * (count + 1) > keys.count { grow() }
        var slot = slot(key)
        while numbers[slot] >= 0, keys[slot] != key { slot = (slot + 1) & (keys.count - 1) }
        let before = numbers[slot]
        if before < 0 { count += 1 }
        keys[slot] = key
        numbers[slot] = number
        return before
    }

    private mutating func grow() {
        let old = (keys, numbers)
        keys = Array(repeating: 0, count: 2 * old.0.count)
        numbers = Array(repeating: -1, count: 2 * old.1.count)
        count = 0
        for (key, number) in zip(old.0, old.1) where number >= 0 { _ = replace(key, by: number) }
    }
}
