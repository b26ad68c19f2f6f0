internal import PatternEngine
internal import RedactionRules

/// Optional packs: cards, account numbers, addresses of machines, telephone numbers.
extension Scanner {
    /// Longest number, with the blanks in it and what its pattern looks at behind it, in bytes.
    static let maximumNumber = 96
    /// Bytes of a stretch that are searched at once.
    private static let numberWindow = 4096

    /// Searches for the rules of packs wherever digits stand, over stretches of the bytes that numbers are written with.
    ///
    /// Each place where a number may begin is decided by itself, from what stands within `maximumNumber` bytes of it, so
    /// that it makes no difference where the search began or what it found before.
    func numbers(_ pass: inout Pass) {
        let text = pass.text
        var i = max(0, pass.lower - Self.maximumNumber)
        while i < text.count {
            guard isNumberByte(text[i]) else {
                i += 1
                continue
            }
            let limit = min(text.count, i + Self.numberWindow)
            var end = i
            var digits = 0
            while end < limit, isNumberByte(text[end]) {
                if text[end].isDigit { digits += 1 }
                end += 1
            }
            // Numbers that begin from here on are not decided yet, or are looked for in the next window.
            let isOpen = !pass.isComplete(at: end)
            let decided = isOpen || end == limit && end < text.count ? end - Self.maximumNumber : end
            if digits >= 3 { search(&pass, i..<end, before: decided) }
            if isOpen {
                if let start = firstNumeral(text, max(i, decided)..<end) { pass.holdFrom(start) }
                return
            }
            i = decided < end ? max(decided, i + 1) : end
        }
    }

    /// Adds the numbers of a stretch that begin before `decided`.
    private func search(_ pass: inout Pass, _ stretch: Range<Int>, before decided: Int) {
        let text = pass.text
        let base = max(0, stretch.lowerBound - 1)
        let subject = text.raw(base..<min(text.count, stretch.upperBound + 1))
        for rule in rules.numbers {
            guard let pattern = pattern(of: rule) else { continue }
            var from = stretch.lowerBound - base
            while from < subject.count {
                guard pattern.firstMatch(in: subject, from: from, scratch: scratch) == .match,
                    let whole = scratch.span(of: 0), base + whole.lowerBound < decided
                else { break }
                from = whole.lowerBound + 1
                let secret = secretSpan(rule, whole, groups: pattern.groupCount)
                _ = accept(
                    &pass, rule: rule, secret: (base + secret.lowerBound)..<(base + secret.upperBound),
                    match: (base + whole.lowerBound)..<(base + whole.upperBound), line: base..<(base + subject.count))
            }
        }
    }

    /// Start of the first word of a stretch that a number may begin with. Words of letters are let go: a prompt is one,
    /// and the last word is held as an atom anyway.
    private func firstNumeral(_ text: Text, _ range: Range<Int>) -> Int? {
        var wordStart = range.lowerBound
        var isHex = true
        for i in range {
            let byte = text[i]
            if byte.isBlank {
                wordStart = i + 1
                isHex = true
            } else if byte.isDigit || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "(") {
                return wordStart
            } else if byte == UInt8(ascii: ":"), isHex {
                return wordStart  // `fe::`, an IPv6 address.
            } else if !byte.isHex {
                isHex = false
            }
        }
        return nil
    }

    /// Letters belong to IBANs and IPv6 addresses.
    private func isNumberByte(_ byte: UInt8) -> Bool { byte.isAlnum || byte.isOne(of: " -.:()+") }
}
