/// Credentials in HTTP header fields and in the options of HTTP clients.
extension Scanner {
    /// How far the prefilter's word may stand before the credential it announces.
    private static let nameGap = 12

    /// Most blanks between the words of what announces a credential: more would lead beyond the context.
    private var maximumBlanks: Int { min(64, limits.context / 8) }

    /// The field Authorization (RFC 9110, 11.6.2): a scheme and credentials; also Proxy-Authorization, and in JSON or code.
    func authorization(_ pass: inout Pass, at index: Int) {
        guard let rule = rules.header else { return }
        let text = pass.text
        guard text.hasFolded("authorization", at: index), let value = fieldValue(&pass, nameEnd: index + 13) else {
            return
        }
        var i = value.start
        // The scheme, if there is one: a word and a blank.
        var schemeEnd = i
        while schemeEnd < text.count, text[schemeEnd].isAlnum || text[schemeEnd] == UInt8(ascii: "-") { schemeEnd += 1 }
        if schemeEnd == text.count, !pass.isFinal { return pass.holdFrom(value.start) }
        let isCompound =
            text.hasFolded("digest", at: i) || text.hasFolded("aws4-", at: i) || text.hasFolded("signature", at: i)
            || text.hasFolded("oauth ", at: i)
        let hasScheme = schemeEnd > i && schemeEnd - i <= 24 && text[min(schemeEnd, text.count - 1)].isBlank
        if hasScheme {
            i = schemeEnd
            while i < text.count, text[i].isBlank, i - schemeEnd < maximumBlanks { i += 1 }
        }
        var end = i
        let limit = min(text.count, i + limits.value)
        while end < limit {
            let byte = text[end]
            if byte == .lineFeed || byte == .carriageReturn || byte == value.quote { break }
            if byte == .backslash {
                if end + 1 == text.count, !pass.isFinal { return pass.holdFrom(i) }
                if text.at(end + 1).isQuote || text.at(end + 1).isOne(of: "rn\\") { break }
            }
            // Parameters of a compound scheme may be quoted and separated; other credentials are one token (token68).
            if !isCompound,
                byte.isWhitespace || byte.isQuote || byte == UInt8(ascii: ",")
                    || byte == UInt8(ascii: ";") && !endsEntity(text, i, end)
                    || byte == UInt8(ascii: ")") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}")
            {
                break
            }
            end += 1
        }
        if !pass.isComplete(at: end) { return pass.holdFrom(i) }
        let isCut = end == i + limits.value
        let quote = isCompound && value.quote == 0 ? .lineFeed : value.quote
        if isCut, addRest(&pass, from: i, limit: end, rule: rule, quote: quote) { return }
        while end > i, text[end - 1].isBlank { end -= 1 }
        let range = i..<end
        guard range.count >= 4, !Placeholders.isStandIn(text, range), !isCallOrName(text, range, quote: value.quote)
        else { return }
        // `authorization: .none`, `authorization: proxy server authorization`: code and prose.
        if value.quote == 0, !isCompound, !hasScheme || !isScheme(text, value.start..<schemeEnd) {
            let profile = Randomness.profile(text.raw(range))
            guard profile.digits > 0 || Randomness.looksRandom(profile) else { return }
        }
        pass.add(range, rule: rule, confidence: 1, reason: .context)
    }

    /// Whether this names a scheme of credentials that are one token.
    private func isScheme(_ text: Text, _ range: Range<Int>) -> Bool {
        let schemes: [StaticString] = [
            "basic", "bearer", "token", "apikey", "api-key", "key", "negotiate", "ntlm", "ssws", "geniekey", "splunk",
            "dpop", "hoba", "mutual", "private-token", "bot", "client-id", "snowflake",
        ]
        return schemes.contains { $0.utf8CodeUnitCount == range.count && text.hasFolded($0, at: range.lowerBound) }
    }

    /// Whether the `;` at `index` ends a character reference that begins at or after `start`.
    private func endsEntity(_ text: Text, _ start: Int, _ index: Int) -> Bool {
        var i = index - 1
        let floor = max(start, index - Self.maximumEntity)
        while i >= floor, text[i].isAlnum || text[i] == UInt8(ascii: "#") { i -= 1 }
        return i >= floor && i < index - 1 && text[i] == UInt8(ascii: "&") && entity(text, (i + 1)..<index) != nil
    }

    /// `Bearer token` without a header's name.
    func bearer(_ pass: inout Pass, at index: Int) {
        guard let rule = rules.header else { return }
        let text = pass.text
        guard text.hasFolded("bearer", at: index), !text.at(index - 1).isAlnum, !pass.followsPlaceholder(index) else {
            return
        }
        var i = index + 6
        while i < text.count, text[i].isBlank || text[i] == UInt8(ascii: ":"), i < index + 6 + Self.nameGap { i += 1 }
        guard i > index + 6, i < text.count else { return }
        var end = i
        let limit = min(text.count, i + limits.value)
        while end < limit, text[end].isToken { end += 1 }
        if !pass.isComplete(at: end) { return pass.holdFrom(i) }
        let range = i..<end
        guard range.count >= 16, !Placeholders.isStandIn(text, range), Randomness.looksRandom(text.raw(range)) else {
            return
        }
        if end == i + limits.value, addRest(&pass, from: i, limit: end, rule: rule, quote: 0) { return }
        pass.add(range, rule: rule, confidence: 1, reason: .context)
    }

    /// Cookie values: `Cookie: a=1; b=2` (RFC 6265, 4.2) and `Set-Cookie: a=1; Path=/` (4.1).
    func cookies(_ pass: inout Pass, at index: Int) {
        guard let rule = rules.cookie else { return }
        let text = pass.text
        // A placeholder may have taken a part of the name along.
        let before = text.at(index - 1) == UInt8(ascii: "-") ? index - 1 : index
        guard !text.at(index - 1).isIdentifier, text.hasFolded("cookie", at: index), !pass.isInsidePlaceholder(index),
            !pass.followsPlaceholder(before)
        else { return }
        var nameEnd = index + 6
        if text.at(nameEnd) | 0x20 == UInt8(ascii: "s") { nameEnd += 1 }
        if cookieMembers(&pass, nameEnd, rule) { return }
        // `curl --cookie "a=1"`
        let isOption = text.has("--", at: index - 2) && text.at(nameEnd).isBlank && text.at(nameEnd + 1).isQuote
        guard let value = isOption ? (nameEnd + 2, text[nameEnd + 1]) : fieldValue(&pass, nameEnd: nameEnd),
            value.start < text.count
        else { return }
        let isSet = text.at(index - 1) == UInt8(ascii: "-") && index >= 4 && text.hasFolded("set", at: index - 4)
        cookieList(&pass, at: index, value, isSet: isSet, rule)
    }

    /// Most bytes between the word and a cookie in code.
    private var maximumMembers: Int { limits.context / 2 }

    /// Cookies in code: `cookies = {'a': '1'}`, `cookies.set('a', '1')`. What says less than a header has to look like a session.
    /// Returns whether there are any. A placeholder ends them, since what is behind it was farther away before.
    private func cookieMembers(_ pass: inout Pass, _ nameEnd: Int, _ rule: Int) -> Bool {
        let text = pass.text
        let limit = min(text.count, nameEnd + maximumMembers)
        var i = nameEnd
        func skipWhitespace() { while i < limit, text[i].isWhitespace { i += 1 } }
        let calls: [StaticString] = [".set(", ".add(", "("]
        let isCall: Bool
        if let call = calls.first(where: { text.hasFolded($0, at: i) }) {
            i += call.utf8CodeUnitCount
            isCall = true
        } else {
            if text.at(i).isQuote { i += 1 }
            skipWhitespace()
            guard i < limit, text[i].isOne(of: "=:") else { return false }
            i += 1
            skipWhitespace()
            guard i < limit, text[i] == UInt8(ascii: "{") else { return false }
            i += 1
            isCall = false
        }
        var found = false
        while i < limit {
            skipWhitespace()
            guard i < limit, text[i] == .quote || text[i] == .apostrophe else { return found }
            let quote = text[i]
            let name = i + 1
            i = name
            while i < limit, text[i] != quote, text[i] != .lineFeed { i += 1 }
            guard i < limit, text[i] == quote else { return found }
            let nameRange = name..<i
            i += 1
            skipWhitespace()
            guard i < limit, text[i].isOne(of: ":,") else { return found }
            i += 1
            skipWhitespace()
            guard i < limit, text[i] == .quote || text[i] == .apostrophe else { return found }
            let end = text[i]
            let start = i + 1
            i = start
            while i < text.count, i - start < limits.value, text[i] != end, text[i] != .lineFeed, text[i] != .backslash
            {
                i += 1
            }
            found = true
            guard pass.isComplete(at: i) else {
                if start < text.count { pass.holdFrom(start) }
                return true
            }
            let value = start..<i
            if i == start + limits.value {
                _ = addRest(&pass, from: start, limit: i, rule: rule, quote: end)
                return true
            }
            guard text[i] == end, text.find(Placeholders.mark, in: nameRange) == nil,
                text.find(Placeholders.mark, in: value) == nil
            else { return true }
            if value.count >= 6, !isHarmlessCookie(text, nameRange), !Placeholders.isStandIn(text, value),
                Randomness.looksRandom(text.raw(value))
            {
                pass.add(value, rule: rule, confidence: 1, reason: .context)
            }
            i += 1
            skipWhitespace()
            guard !isCall, i < limit, text[i] == UInt8(ascii: ",") else { return true }
            i += 1
        }
        return found
    }

    /// The list of cookies that begins at `value.start`; what announces it begins at `index`. `isSet`: attributes follow the first.
    func cookieList(
        _ pass: inout Pass, at index: Int, _ value: (start: Int, quote: UInt8), isSet: Bool, _ rule: Int
    ) {
        let text = pass.text
        var i = value.start
        let limit = min(text.count, i + limits.value)
        if !pass.isFinal, limit == text.count, !text.raw(i..<limit).contains(.lineFeed) { pass.reopenList(at: index) }
        var isFirst = true
        // Beyond the limit, all cookies are one value.
        let end = value.quote == 0 ? .lineFeed : value.quote
        while i < limit {
            while i < limit, text[i].isBlank || text[i] == UInt8(ascii: ";") { i += 1 }
            let name = i
            while i < limit, text[i] != UInt8(ascii: "="), text[i] != UInt8(ascii: ";"), !text[i].isWhitespace,
                !text[i].isQuote
            { i += 1 }
            guard i < limit, text[i] == UInt8(ascii: "="), i > name else { break }
            let nameRange = name..<i
            i += 1
            let start = i
            while i < limit, text[i] != UInt8(ascii: ";") || endsEntity(text, start, i), !text[i].isWhitespace,
                !text[i].isQuote || i == start,
                !(text[i] == .backslash
                    && (text.at(i + 1).isQuote || text.at(i + 1) == .backslash || text.at(i + 1).isOne(of: "rn")))
            {
                i += 1
            }
            if !pass.isComplete(at: i) { return pass.holdFrom(start) }
            if i == value.start + limits.value {
                // A list that holds a placeholder was looked at before, and grew over the limit.
                if text.find(Placeholders.mark, in: value.start..<i) != nil { return }
                if addRest(&pass, from: start, limit: i, rule: rule, quote: end) { return }
            }
            if isSet, !isFirst { break }  // Attributes: Path, Expires, SameSite.
            isFirst = false
            let range = start..<i
            // What stood in the place of a placeholder may have been no name.
            if !isHarmlessCookie(text, nameRange),
                text.find(Placeholders.mark, in: (name - 1)..<nameRange.upperBound) == nil, range.count >= 6,
                !Placeholders.isStandIn(text, range)
            {
                pass.add(range, rule: rule, confidence: 1, reason: .context)
            }
            if text.at(i) != UInt8(ascii: ";") { return }
        }
        // The last placeholder may begin right before the limit.
        let markEnd = min(text.count, i + Placeholders.mark.utf8CodeUnitCount - 1)
        if i == value.start + limits.value, text.find(Placeholders.mark, in: value.start..<markEnd) == nil {
            _ = addRest(&pass, from: i, limit: i, rule: rule, quote: end)
        }
    }

    /// Cookies that hold a preference and no session.
    private func isHarmlessCookie(_ text: Text, _ name: Range<Int>) -> Bool {
        let names: [StaticString] = [
            "lang", "locale", "theme", "path", "domain", "expires", "max-age", "samesite", "tz", "timezone", "consent",
        ]
        return names.contains { $0.utf8CodeUnitCount == name.count && text.hasFolded($0, at: name.lowerBound) }
    }

    /// Where the value of a field begins: after the name, quotes, `:` or `=` or `=>` or `,`, blanks, an opening quote or bracket.
    private func fieldValue(_ pass: inout Pass, nameEnd: Int) -> (start: Int, quote: UInt8)? {
        let text = pass.text
        var i = nameEnd
        let limit = min(text.count, nameEnd + Self.nameGap)
        var sawOperator = false
        var quote: UInt8 = 0
        var isList = false
        while i < limit {
            let byte = text[i]
            if byte == UInt8(ascii: ":") || byte == UInt8(ascii: "=") || byte == UInt8(ascii: ",") {
                sawOperator = true
                isList = byte == UInt8(ascii: ",")
                i += 1
            } else if byte == UInt8(ascii: ">"), text.at(i - 1) == UInt8(ascii: "=") {
                i += 1
            } else if byte.isBlank || byte == .backslash || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]") {
                i += 1
            } else if byte.isQuote {
                if sawOperator { quote = byte }
                i += 1
            } else {
                break
            }
        }
        guard sawOperator, i < text.count, i < limit || i < nameEnd + Self.nameGap else { return nil }
        // In a list, only a string is a value.
        if isList, quote == 0 { return nil }
        return (i, quote)
    }

    /// The clauses `identified by` and `identified with plugin by` of SQL, and the string behind them. Without quotes, as Oracle has
    /// it, only behind words in capitals.
    func identifiedBy(_ pass: inout Pass, at index: Int) {
        guard let rule = rules.password else { return }
        let text = pass.text
        guard text.hasFolded("identified ", at: index) else { return }
        var i = index + 10
        /// The next word.
        func word() -> Range<Int> {
            let gap = i
            while i < text.count, text[i].isBlank, i - gap < maximumBlanks { i += 1 }
            let start = i
            while i < text.count, text[i].isIdentifier, i - start < maximumBlanks { i += 1 }
            return start..<i
        }
        var by = word()
        if text.hasFolded("with", at: by.lowerBound), by.count == 4 {
            if text.at(word().lowerBound).isQuote { return }
            by = word()
        }
        guard by.count == 2, text.hasFolded("by", at: by.lowerBound), text.at(i).isBlank else { return }
        let isShouted = text[by.lowerBound].isUpper && text[index].isUpper
        let gap = i
        while i < text.count, text[i].isBlank, i - gap < maximumBlanks { i += 1 }
        if text.hasFolded("password ", at: i) { i += 9 }
        guard i < text.count else { return }
        let quote = text[i]
        let isQuoted = quote == .apostrophe || quote == .quote
        guard isQuoted || isShouted && quote.isAlnum else { return }
        let start = isQuoted ? i + 1 : i
        var end = start
        while end < text.count, end - start < limits.value, text[end] != .lineFeed,
            isQuoted ? text[end] != quote : !text[end].isWhitespace && text[end] != UInt8(ascii: ";")
        { end += 1 }
        if !pass.isComplete(at: end) { return start < text.count ? pass.holdFrom(start) : () }
        if end == start + limits.value,
            addRest(&pass, from: start, limit: end, rule: rule, quote: isQuoted ? quote : 0)
        {
            return
        }
        let range = start..<end
        guard range.count >= 3, !Placeholders.isTemplate(text, range),
            isQuoted || range.contains(where: { text[$0].isDigit })
        else { return }
        pass.add(range, rule: rule, confidence: 1, reason: .context)
    }
}
