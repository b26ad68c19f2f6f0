/// A pattern in Go's syntax (RE2), as gitleaks configurations use it, put into PCRE2's.
///
/// PCRE2 reads nearly all of it as Go does: `(?P<name>…)`, flags in the middle, `\z`, POSIX classes, `\Q…\E`. What is
/// left: characters outside ASCII, which a pattern over bytes takes apart, and `[=` and `[.` within a class, which PCRE2
/// takes for POSIX collating elements.
struct GoPattern {
    /// What PCRE2 gets.
    private(set) var pattern = ""
    /// Whether a class held characters of several bytes, which are compared byte by byte.
    private(set) var widened = false
    /// Where text was replaced: offsets after each replacement, in the result and in the source.
    private var edits: [(result: Int, source: Int)] = []

    init(_ source: String) {
        let bytes = Array(source.utf8)
        // Nothing to do for nearly every pattern.
        guard Self.needsWork(bytes) else {
            pattern = source
            return
        }
        var result: [UInt8] = []
        var index = 0
        var inClass = false
        var negated = false
        var classStart = 0
        while index < bytes.count {
            let byte = bytes[index]
            if let end = Self.endOfWideCharacter(bytes, at: index) {
                if !inClass {
                    // A group, so that a quantifier that follows takes all of the character's bytes.
                    result += "(?:".utf8
                    result += Self.character(bytes[index..<end])
                    result += ")".utf8
                    index = end
                } else {
                    // A class cannot hold a character of several bytes. Taking all bytes above ASCII matches more,
                    // never less, which is the safe side for a redactor; 0xFF is in no UTF-8 text.
                    widened = true
                    let endsRange = result.last == 0x2D && index - 1 > classStart
                    result += (negated || endsRange ? "\\xFF" : "\\x80-\\xFF").utf8
                    index = end
                    if index < bytes.count, bytes[index] == 0x2D,
                        let rangeEnd = Self.endOfWideCharacter(bytes, at: index + 1)
                    {
                        index = rangeEnd
                    }
                }
                edits.append((result.count, index))
                continue
            }
            if byte == 0x5C, index + 1 < bytes.count {
                if bytes[index + 1] == 0x51 {  // \Q…\E is copied
                    let end = Self.endOfQuote(bytes, from: index + 2)
                    result += bytes[index..<end]
                    index = end
                    continue
                }
                result += bytes[index...index + 1]
                index += 2
                continue
            }
            if !inClass {
                if byte == 0x5B {
                    inClass = true
                    negated = index + 1 < bytes.count && bytes[index + 1] == 0x5E
                    classStart = index + (negated ? 2 : 1)
                    result += bytes[index..<min(classStart, bytes.count)]
                    index = classStart
                    continue
                }
            } else if byte == 0x5D, index > classStart {
                inClass = false
            } else if byte == 0x5B, index + 1 < bytes.count {
                let next = bytes[index + 1]
                if next == 0x3D || next == 0x2E {
                    result += [0x5C, 0x5B]
                    index += 1
                    edits.append((result.count, index))
                    continue
                }
                if next == 0x3A, let end = Self.endOfPOSIXClass(bytes, from: index + 2) {
                    result += bytes[index..<end]
                    index = end
                    continue
                }
            }
            result.append(byte)
            index += 1
        }
        pattern = String(decoding: result, as: UTF8.self)
    }

    /// Returns the offset in the source of what stands at `offset` in the result; within replaced text, its start or
    /// end.
    func sourceOffset(_ offset: Int) -> Int {
        guard let edit = edits.last(where: { $0.result <= offset }) else { return offset }
        return edit.source + (offset - edit.result)
    }

    private static func needsWork(_ bytes: [UInt8]) -> Bool {
        var previous: UInt8 = 0
        for byte in bytes {
            if byte >= 0x80 { return true }
            if previous == 0x5B, byte == 0x3D || byte == 0x2E { return true }
            if previous == 0x5C, byte == 0x78 { return true }
            previous = byte
        }
        return false
    }

    /// The offset after a character of several bytes that stands at `index`, as itself or as `\x{…}` above U+00FF.
    /// Smaller numbers stay as they are: PCRE2 takes them as bytes.
    private static func endOfWideCharacter(_ bytes: [UInt8], at index: Int) -> Int? {
        guard index < bytes.count else { return nil }
        if bytes[index] >= 0x80 {
            var end = index + 1
            while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
            return end
        }
        guard index + 3 < bytes.count, bytes[index] == 0x5C, bytes[index + 1] == 0x78, bytes[index + 2] == 0x7B,
            let close = bytes[(index + 3)...].prefix(9).firstIndex(of: 0x7D),
            let value = UInt32(String(decoding: bytes[(index + 3)..<close], as: UTF8.self), radix: 16),
            value > 0xFF, Unicode.Scalar(value) != nil
        else { return nil }
        return close + 1
    }

    /// The UTF-8 bytes of what `endOfWideCharacter` found.
    private static func character(_ source: ArraySlice<UInt8>) -> [UInt8] {
        guard source.first == 0x5C else { return Array(source) }
        let digits = source.dropFirst(3).dropLast()
        let scalar = UInt32(String(decoding: digits, as: UTF8.self), radix: 16).flatMap(Unicode.Scalar.init)
        return scalar.map { Array(String($0).utf8) } ?? Array(source)
    }

    private static func endOfQuote(_ bytes: [UInt8], from start: Int) -> Int {
        var index = start
        while index + 1 < bytes.count {
            if bytes[index] == 0x5C, bytes[index + 1] == 0x45 { return index + 2 }
            index += 1
        }
        return bytes.count
    }

    /// The offset after `:]`, if letters (and a `^`) stand before it.
    private static func endOfPOSIXClass(_ bytes: [UInt8], from start: Int) -> Int? {
        var index = start
        while index < bytes.count, bytes[index] == 0x5E || (0x61...0x7A).contains(bytes[index]) { index += 1 }
        guard index + 1 < bytes.count, bytes[index] == 0x3A, bytes[index + 1] == 0x5D else { return nil }
        return index + 2
    }
}
