/// Finds a literal that every match of a pattern holds, for users' rules without keywords.
///
/// Careful rather than clever: it reads the pattern's top level only, takes characters that stand for themselves and are
/// not made optional, and gives up at an alternation. Nil costs time, a wrong answer would cost matches.
enum RequiredLiteral {
    /// Shortest literal that helps the prefilter, in bytes.
    static let minimumLength = 3

    /// The longest such literal in lower case, or nil.
    static func of(_ pattern: String) -> String? {
        let bytes = Array(pattern.utf8)
        var best: [UInt8] = []
        var current: [UInt8] = []
        var i = 0
        func close() {
            if current.count > best.count { best = current }
            current = []
        }
        while i < bytes.count {
            var literal: UInt8?
            switch bytes[i] {
            case UInt8(ascii: "|"): return nil
            case .backslash:
                guard i + 1 < bytes.count else { return nil }
                let next = bytes[i + 1]
                if next == UInt8(ascii: "Q") { return nil }
                // An escaped punctuation mark is itself; an escaped letter or digit is something else.
                literal = next.isAlnum ? nil : next
                if next.isAlnum { close() }
                i += 2
                // \\x41, \\p{L} and the like: skip their arguments.
                if next.isAlnum, i < bytes.count, bytes[i] == UInt8(ascii: "{") {
                    while i < bytes.count, bytes[i] != UInt8(ascii: "}") { i += 1 }
                    i += 1
                } else if next == UInt8(ascii: "x") {
                    i += 2
                }
            case UInt8(ascii: "["):
                close()
                i += 1
                if i < bytes.count, bytes[i] == UInt8(ascii: "^") { i += 1 }
                if i < bytes.count, bytes[i] == UInt8(ascii: "]") { i += 1 }
                while i < bytes.count, bytes[i] != UInt8(ascii: "]") {
                    if bytes[i] == .backslash { i += 1 }
                    if i + 1 < bytes.count, bytes[i] == UInt8(ascii: "["), bytes[i + 1] == UInt8(ascii: ":") {
                        while i + 1 < bytes.count,
                            !(bytes[i] == UInt8(ascii: ":") && bytes[i + 1] == UInt8(ascii: "]"))
                                || bytes[i - 1] == UInt8(ascii: "[")
                        { i += 1 }
                        i += 1
                    }
                    i += 1
                }
                i += 1
            case UInt8(ascii: "("):
                close()
                // Flags that change how literals are read: `(?x)`.
                if i + 2 < bytes.count, bytes[i + 1] == UInt8(ascii: "?") {
                    var j = i + 2
                    while j < bytes.count, bytes[j].isLetter || bytes[j] == UInt8(ascii: "-") {
                        if bytes[j] == UInt8(ascii: "x") { return nil }
                        j += 1
                    }
                }
                var depth = 0
                while i < bytes.count {
                    if bytes[i] == .backslash {
                        i += 2
                        continue
                    }
                    if bytes[i] == UInt8(ascii: "[") {
                        i += 1
                        if i < bytes.count, bytes[i] == UInt8(ascii: "^") { i += 1 }
                        if i < bytes.count, bytes[i] == UInt8(ascii: "]") { i += 1 }
                        while i < bytes.count, bytes[i] != UInt8(ascii: "]") { i += bytes[i] == .backslash ? 2 : 1 }
                    }
                    if i < bytes.count, bytes[i] == UInt8(ascii: "(") { depth += 1 }
                    if i < bytes.count, bytes[i] == UInt8(ascii: ")") { depth -= 1 }
                    i += 1
                    if depth == 0 { break }
                }
            case UInt8(ascii: "^"), UInt8(ascii: "$"), UInt8(ascii: "."), UInt8(ascii: ")"):
                close()
                i += 1
            default:
                literal = bytes[i]
                i += 1
            }
            // A quantifier makes the last element optional or repeats it.
            if i < bytes.count, bytes[i].isOne(of: "?*+{") {
                if bytes[i] == UInt8(ascii: "+"), let literal { current.append(lower(literal)) }
                close()
                if bytes[i] == UInt8(ascii: "{") { while i < bytes.count, bytes[i] != UInt8(ascii: "}") { i += 1 } }
                i += 1
                if i < bytes.count, bytes[i].isOne(of: "?+") { i += 1 }
            } else if let literal {
                guard literal < 0x80 else {
                    close()
                    continue
                }
                current.append(lower(literal))
            }
        }
        close()
        guard best.count >= minimumLength else { return nil }
        return String(decoding: best, as: UTF8.self)
    }
}
