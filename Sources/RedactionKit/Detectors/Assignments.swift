internal import CPrefilter
internal import RedactionRules

/// Generic assignments: a name that announces a credential, an operator, a value.
///
/// Reads shell, INI, YAML, JSON (also escaped), XML, properties, code and command lines with one grammar: it goes from
/// the credential word to the ends of its identifier, over quotes and one operator, to a value that ends where its
/// syntax ends. Three controls keep ordinary text out: what the identifier says after the word (`token_count`), what the
/// value is (placeholder, name, number, call), and, for weak words, whether it looks random.
extension Scanner {
    /// Longest identifier that is read, in bytes before or after the word.
    private static let maximumName = 64
    /// A value without quotes of this many bytes is looked at once, whatever names stand in it.
    private static let longValue = 256
    /// Bytes between the identifier and the value.
    private static let maximumGap = 48

    /// How much a word says by itself.
    enum Strength { case password, secret, key }

    /// Examines a credential word's beginning (or a part of it) at `index`.
    func assignment(_ pass: inout Pass, wordAt index: Int, fragment: Int) {
        let text = pass.text
        guard let name = credentialName(text, around: index, fragment: fragment) else { return }
        // The user part of a URL: `url` looks after it.
        if text.at(name.start - 1) == UInt8(ascii: "/"), text.at(name.start - 2) == UInt8(ascii: "/") { return }
        guard var value = valueStart(&pass, after: name.end, name: name) else { return }
        let valueBegin = value.start
        // Private keys have a detector of their own.
        if text.has("-----BEGIN", at: valueBegin) { return }
        if value.quote == 0, value.start < pass.longValueEnd { return }
        guard let end = valueEnd(&pass, &value) else { return }
        if value.quote == 0, end - value.start >= Self.longValue { pass.longValueEnd = end }
        var range = value.start..<end
        // A full stop at the end of a sentence.
        if value.quote == 0 {
            while !range.isEmpty, text[range.upperBound - 1].isOne(of: ".:!") {
                range = range.lowerBound..<(range.upperBound - 1)
            }
        }
        guard decide(text, name, value, range), !pass.isInsidePlaceholder(name.start),
            !pass.followsPlaceholder(name.start)
        else { return }
        pass.add(range, rule: name.rule, confidence: 0, reason: .context)
        // Over-long: up to its terminator it is one value.
        if end == value.start + limits.value {
            _ = addRest(&pass, from: value.start, limit: end, rule: name.rule, quote: value.quote)
        }
    }

    /// If a value goes on at its limit, adds it up to its terminator, or leaves it open; else returns false.
    func addRest(_ pass: inout Pass, from start: Int, limit end: Int, rule: Int, quote: UInt8) -> Bool {
        let text = pass.text
        guard end < text.count, !endsValue(text[end], quote: quote) else { return false }
        var last = end
        while last < text.count, !endsValue(text[last], quote: quote) { last += 1 }
        pass.add(start..<end, rule: rule, confidence: 0, reason: .limit)
        pass.addRest(max(start, end - 1)..<last, rule: rule, of: .value(rule: rule, quote: quote))
        return true
    }

    /// Whether an over-long value ends before `byte`.
    func endsValue(_ byte: UInt8, quote: UInt8) -> Bool {
        byte == .lineFeed || (quote != 0 ? byte == quote : byte.isWhitespace || byte.isQuote)
    }

    /// A credential word in its identifier.
    struct CredentialName {
        var start: Int
        var wordStart: Int
        var wordEnd: Int
        var end: Int
        var rule: Int
        var strength: Strength
        /// A command line option: `--password value`.
        var isOption: Bool
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        byte.isIdentifier || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }

    /// The identifier around `index`, if what stands in it names a credential.
    private func credentialName(_ text: Text, around index: Int, fragment: Int) -> CredentialName? {
        var end = index
        while end < text.count, end - index < Self.maximumName, isNameByte(text[end]) { end += 1 }
        guard mayAssign(text, end) else { return nil }
        var start = index
        while start > 0, index - start < Self.maximumName, isNameByte(text[start - 1]) { start -= 1 }
        while start < index, text[start] == UInt8(ascii: ".") { start += 1 }
        // `\n` before a name, and `%26`: not part of it.
        if text.at(start - 1) == .backslash, start < index, text[start].isOne(of: "nrt") { start += 1 }
        while end > index,
            text[end - 1] == UInt8(ascii: ".")
                || (text[end - 1] == UInt8(ascii: "-") && text.at(end) == UInt8(ascii: ">"))
        { end -= 1 }
        // The longest word of the rules that covers `index`. The prefilter's look-up knows words up to a length, and all but
        // users' words are shorter.
        let number = Int(pm_find_word(rules.tables.pointer, text.base, index, start, end, Int32(fragment)))
        guard number > 0 else { return nil }
        var word = rules.wordTraits[number - 1]
        if word.length > Int(PM_WORD_LENGTH) {
            guard let whole = longestWord(text, around: index, start, end, fragment: fragment) else { return nil }
            word = whole
        }
        let wordStart = index - word.offset
        var wordEnd = wordStart + word.length
        if wordEnd < end, lower(text[wordEnd]) == UInt8(ascii: "s"), wordEnd + 1 == end || !text[wordEnd + 1].isLetter {
            wordEnd += 1
        }
        guard mayStart(text, start, wordStart, wordEnd), mayEnd(text, wordEnd, end) else { return nil }
        let isOption =
            text.has("--", at: start) || (text.at(start) == UInt8(ascii: "-") && start > 0 && text[start - 1].isBlank)
        return CredentialName(
            start: start, wordStart: wordStart, wordEnd: wordEnd, end: end, rule: word.rule, strength: word.strength,
            isOption: isOption)
    }

    /// The slow twin of `pm_find_word`, which compares words of any length.
    func longestWord(
        _ text: Text, around index: Int, _ start: Int, _ end: Int, fragment: Int
    ) -> CompiledRules.WordTraits? {
        for word in rules.words[fragment] {
            let length = word.bytes.count
            let at = index - word.offset
            guard at >= start, at + length <= end else { continue }
            var k = 0
            while k < length {
                let wanted = word.bytes[k]
                let got = lower(text[at + k])
                // `_` in a word stands for `_`, `-` or `.`.
                if got != wanted,
                    !(wanted == UInt8(ascii: "_") && (got == UInt8(ascii: "-") || got == UInt8(ascii: ".")))
                {
                    break
                }
                k += 1
            }
            if k == length {
                return rules.wordTraits.first {
                    $0.rule == word.rule && $0.length == length && $0.offset == word.offset
                }
            }
        }
        return nil
    }

    /// Whether an operator can follow an identifier that ends at `end`: a first look that turns most prose away.
    @inline(__always)
    private func mayAssign(_ text: Text, _ end: Int) -> Bool {
        switch text.at(end) {
        case UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "|"), UInt8(ascii: "?"), UInt8(ascii: "!"),
            UInt8(ascii: "~"), UInt8(ascii: "<"),
            UInt8(ascii: ">"), UInt8(ascii: "%"), UInt8(ascii: ","), UInt8(ascii: "("), UInt8(ascii: "]"),
            UInt8(ascii: ")"), .quote, .apostrophe, .backtick,
            .backslash, .space, .tab, .escape, .lineFeed, .carriageReturn:
            true
        default: text.at(end - 1) == UInt8(ascii: "-") || text.at(end - 1) == UInt8(ascii: ".")
        }
    }

    /// Whether the word may begin there: where a word begins, or after letters that make no other word of it.
    private func mayStart(_ text: Text, _ start: Int, _ wordStart: Int, _ wordEnd: Int) -> Bool {
        guard wordStart > start else { return true }
        let before = text[wordStart - 1]
        guard before.isLetter else { return true }
        let first = text[wordStart]
        if before.isLower, first.isUpper { return true }
        // `dbpassword`, `PGPASSWORD`, `authtoken` go; `compass`, `bypass`, `monkey`, `turkey`, `sacred` do not.
        let long: [StaticString] = [
            "password", "passwd", "secret", "token", "apikey", "api_key", "accesskey", "pwd", "passphrase",
            "credential",
        ]
        return long.contains { text.hasFolded($0, at: wordStart) }
    }

    /// Whether what follows the word in its identifier leaves it a credential: `_1`, `_prod`, `Value`; not `_file`, `Count`.
    private func mayEnd(_ text: Text, _ wordEnd: Int, _ end: Int) -> Bool {
        guard wordEnd < end else { return true }
        let next = text[wordEnd]
        if next.isLower, text[wordEnd - 1].isLetter {
            // The word goes on: `tokenizer`, `passed`, `keyboard`, `secretary`, `authority`.
            let allowed: [StaticString] = ["key", "token", "secret", "value", "string", "text", "hash", "word"]
            guard allowed.contains(where: { text.hasFolded($0, at: wordEnd) }) else { return false }
        }
        let denied: [StaticString] = [
            "file", "path", "dir", "url", "uri", "endpoint", "name", "type", "count", "counts", "length", "len", "size",
            "limit", "max", "min",
            "expir", "ttl", "timeout", "age", "policy", "hint", "field", "label", "format", "version", "arn", "ref",
            "id", "ids", "idx", "index",
            "status", "state", "enabled", "disabled", "required", "usage", "used", "reset", "change", "changed",
            "manager", "provider", "source",
            "store", "storage", "service", "class", "method", "header", "prefix", "suffix", "column", "table",
            "rotation", "issued", "created",
            "updated", "at", "time", "date", "algorithm", "algo", "alg", "cost", "budget", "rate", "per", "total",
            "prompt", "input", "form",
            "placeholder", "regex", "pattern", "rule", "check", "valid", "strength", "error", "err", "failed",
            "failure", "attempt", "retry",
            "event", "scope", "scopes", "position", "offset", "pair", "ring", "chain", "board", "word_count", "stream",
            "parser", "ize", "ise", "kind", "param",
        ]
        // A member of something called so: `pass.count = n`; but `password.prod=x` in properties.
        if let dot = text.find(".", in: wordEnd..<end) {
            let members: [StaticString] = [
                "value", "prod", "dev", "test", "stag", "live", "default", "plain", "text", "string", "encrypted",
                "raw",
            ]
            guard dot + 1 < end, text[dot + 1].isDigit || members.contains(where: { text.hasFolded($0, at: dot + 1) })
            else { return false }
        }
        // Each word of the rest is looked at where it begins.
        var i = wordEnd
        while i < end {
            let isWordStart =
                !text[i].isLetter
                ? false : i == wordEnd || !text[i - 1].isLetter || (text[i].isUpper && text[i - 1].isLower)
            if isWordStart {
                for word in denied where text.hasFolded(word, at: i) {
                    let after = i + word.utf8CodeUnitCount
                    if after >= end || !text[after].isLower || text[i].isUpper && text[after].isUpper
                        || word.utf8CodeUnitCount >= 5
                    {
                        return false
                    }
                }
            }
            i += 1
        }
        return true
    }

    /// Where a value begins and how it is written.
    struct Value {
        var start: Int
        /// The quote that ends it, or 0.
        var quote: UInt8 = 0
        /// Backslashes before the quotes, of escaped JSON.
        var escapes = 0
        var op = Operator.equals
        /// Blanks stand around the operator.
        var isSpaced = false
        /// The value ends at `<`, as an XML element does.
        var isElement = false
        /// The operator was percent-encoded, and so are the delimiters.
        var isPercentEncoded = false
    }

    enum Operator {
        case equals, colon, comma, blank, pair
        /// `password is x`
        case verb
        /// `set_password("x")`
        case call
    }

    /// The value's start after an identifier that ends at `end`; nil if there is no operator (yet).
    private func valueStart(_ pass: inout Pass, after end: Int, name: CredentialName) -> Value? {
        let text = pass.text
        var i = end
        let limit = min(text.count, end + Self.maximumGap)
        var value = Value(start: end)
        func skipBlanks(newlines: Int = 0) {
            var newlines = newlines
            while i < limit {
                if text[i].isBlank || text[i] == .carriageReturn {
                    i += 1
                } else if text[i] == .lineFeed, newlines > 0 {
                    newlines -= 1
                    i += 1
                } else if text[i] == .escape, text.at(i + 1) == UInt8(ascii: "[") {
                    // A colour between name and value.
                    var j = i + 2
                    while j < limit, text[j] < 0x40 { j += 1 }
                    guard j < limit else { return }
                    i = j + 1
                } else {
                    return
                }
            }
        }
        // Closing quotes and brackets of the name.
        while i < limit,
            text[i].isQuote || text[i] == UInt8(ascii: "]") || text[i] == UInt8(ascii: ")")
                || (text[i] == .backslash && (text.at(i + 1).isQuote || text.at(i + 1) == .backslash))
        { i += 1 }
        let closedName = i > end
        let beforeBlanks = i
        skipBlanks()
        let hadBlank = i > beforeBlanks
        guard i < limit else { return nil }
        switch text[i] {
        case UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "|"), UInt8(ascii: "?"), UInt8(ascii: "."),
            UInt8(ascii: "!"), UInt8(ascii: "~"):
            // = == => := ::= :== ?= ||= .= ~=; a lone |, ?, . is no operator.
            var j = i
            var sawAssignment = false
            var sawEquals = false
            while j < limit, text[j].isOne(of: "=:|?.!~>"), j - i < 4 {
                if text[j] == UInt8(ascii: "=") || text[j] == UInt8(ascii: ":") { sawAssignment = true }
                if text[j] == UInt8(ascii: "=") { sawEquals = true }
                if text[j] == UInt8(ascii: ">"), !sawEquals { break }
                j += 1
            }
            guard sawAssignment else { return nil }
            if text.has("://", at: i) { return nil }
            value.op = sawEquals ? .equals : .colon
            i = j
        case UInt8(ascii: "-"):
            guard text.at(i + 1) == UInt8(ascii: ">") else { return nil }
            i += 2
        case UInt8(ascii: "<"):
            guard text.at(i + 1) == UInt8(ascii: "-") else { return nil }
            i += 2
        case UInt8(ascii: ">"):
            // <password>value</password>
            guard text.at(name.start - 1) == UInt8(ascii: "<") else { return nil }
            value.isElement = true
            i += 1
        case UInt8(ascii: "("):
            guard !hadBlank, !closedName, text.at(i + 1).isQuote else { return nil }
            value.op = .call
            i += 1
        case UInt8(ascii: ","):
            // ("password", "value"), and "Name": "password", "Value": "…"
            guard closedName, text.at(name.start - 1).isQuote else { return nil }
            value.op = .comma
            i += 1
        case UInt8(ascii: "%"):
            // password%3Dvalue
            guard text.hasFolded("%3d", at: i) || text.hasFolded("%3a", at: i) else { return nil }
            value.isPercentEncoded = true
            i += 3
        default:
            // `--password value`, netrc's `password value`, XML's `key="password" value="…"`, YAML's `name: X` and `value: Y`.
            guard hadBlank || text[i] == .lineFeed else { return nil }
            if name.strength == .password,
                let verb = ["is ", "was ", "is: "].first(where: { text.hasFolded($0, at: i) })
            {
                value.op = .verb
                i += verb.utf8CodeUnitCount
            } else if text.hasFolded("value", at: i) || (text[i] == .lineFeed && closedName == false) {
                value.op = .pair
            } else if name.isOption || isNetrc(text, name) || isSQL(text, name, i) {
                value.op = .blank
            } else {
                return nil
            }
        }
        let operatorEnd = i
        if value.isElement {
            skipBlanks(newlines: 2)
        } else if value.op == .comma || value.op == .pair {
            // A name beside its value: the next member must be called value.
            var j = i
            while j < limit,
                text[j].isWhitespace || text[j].isQuote || text[j] == UInt8(ascii: ",") || text[j] == .backslash
                    || text[j] == UInt8(ascii: "-")
            { j += 1 }
            if text.hasFolded("value", at: j) {
                j += 5
                while j < limit, text[j].isQuote || text[j].isBlank || text[j] == .backslash { j += 1 }
                guard j < limit, text[j] == UInt8(ascii: ":") || text[j] == UInt8(ascii: "=") else { return nil }
                i = j + 1
                value.op = .pair
                skipBlanks()
            } else {
                guard value.op == .comma else { return nil }
                skipBlanks()
                guard i < limit, text[i].isQuote || text[i] == .backslash else { return nil }
            }
        } else {
            skipBlanks()
        }
        value.isSpaced = i > operatorEnd && hadBlank
        if value.op == .colon { value.isSpaced = i > operatorEnd }
        guard i < text.count, i < limit else { return nil }
        // A YAML tag: `!!binary dGV4dA==`
        if text[i] == UInt8(ascii: "!"), value.op == .colon {
            var j = i
            while j < limit, text[j] == UInt8(ascii: "!") || text[j].isLower { j += 1 }
            if j < limit, text[j].isBlank { i = j + 1 }
            guard i < text.count else { return nil }
        }
        // What the value is wrapped in.
        var wrappers = 0
        while i < text.count, wrappers < 3,
            text[i] == UInt8(ascii: "[") || text[i] == UInt8(ascii: "(") || text[i] == UInt8(ascii: "{"),
            text.at(i + 1).isQuote
        {
            i += 1
            wrappers += 1
        }
        if text[i].isLetter, text.at(i + 1).isQuote, text[i].isOne(of: "ubrfUBRFL@") { i += 1 }
        if text[i] == UInt8(ascii: "@"), text.at(i + 1).isQuote { i += 1 }
        var j = i
        while j < text.count, text[j] == .backslash, j - i < 8 { j += 1 }
        if j == text.count, j > i, !pass.isFinal {
            pass.holdFrom(i)
            return nil
        }
        if j < text.count, text[j].isQuote {
            value.escapes = j - i
            value.quote = text[j]
            i = j + 1
            // Tripled quotes.
            if value.escapes == 0, text.at(i) == value.quote, text.at(i + 1) == value.quote { i += 2 }
        } else if text.has("&quot;", at: i) {
            value.quote = UInt8(ascii: "&")
            i += 6
        }
        // An element's content ends where its closing tag begins.
        if value.isElement, value.quote == 0 { value.quote = UInt8(ascii: "<") }
        value.start = i
        return i < text.count ? value : nil
    }

    private func isNetrc(_ text: Text, _ name: CredentialName) -> Bool {
        guard name.wordStart == name.start, name.wordEnd == name.end, name.strength == .password,
            text.hasFolded("passw", at: name.start)
        else { return false }
        let from = max(0, name.start - 160)
        return text.find("login ", in: from..<name.start) != nil
            && (text.find("machine ", in: from..<name.start) != nil
                || text.find("default ", in: from..<name.start) != nil)
    }

    /// `IDENTIFIED BY 'x'`, `PASSWORD 'x'`: a quoted string right after the word.
    private func isSQL(_ text: Text, _ name: CredentialName, _ index: Int) -> Bool {
        text[index] == .apostrophe && text[name.wordStart].isUpper && text[name.wordEnd - 1].isUpper
    }

    /// Where the value ends; nil if it is not complete, or over-long and no secret.
    private func valueEnd(_ pass: inout Pass, _ value: inout Value) -> Int? {
        let text = pass.text
        let start = value.start
        let limit = min(text.count, start + limits.value)
        var i = start
        if value.quote == UInt8(ascii: "&") {
            while i < limit, text[i] != .lineFeed, !text.has("&quot;", at: i) { i += 1 }
        } else if value.quote != 0 {
            while i < limit {
                let byte = text[i]
                if byte == .lineFeed { break }
                if byte == .backslash {
                    var j = i
                    while j < limit, text[j] == .backslash { j += 1 }
                    if j == text.count, !pass.isFinal {
                        i = j
                        break
                    }
                    if j < limit, text[j] == value.quote, j - i <= value.escapes {
                        // The escaped quote that closes an escaped string.
                        break
                    }
                    if value.escapes > 0, j < limit, text[j].isOne(of: "nr"), j - i <= value.escapes { break }
                    i = min(j + 1, limit)
                    continue
                }
                if byte == value.quote { break }
                i += 1
            }
        } else {
            while i < limit {
                let byte = text[i]
                if byte.isWhitespace || byte < 0x20 || byte.isQuote || byte == UInt8(ascii: ",")
                    || byte == UInt8(ascii: ";")
                    || byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "|")
                {
                    break
                }
                if byte == UInt8(ascii: "&") { break }
                if byte == UInt8(ascii: "%"), value.isPercentEncoded, isEncodedDelimiter(text, i) { break }
                if byte == UInt8(ascii: ")") || byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}") {
                    // A closing bracket ends the value unless it was opened in it.
                    if !opens(text, start, i, byte) { break }
                }
                if byte == .backslash,
                    text.at(i + 1).isOne(of: "nrt\"'\\") || (i + 1 == text.count && !pass.isFinal)
                {
                    if i + 1 == text.count {
                        i = text.count
                    }
                    break
                }
                i += 1
            }
        }
        if !pass.isComplete(at: i) {
            pass.holdFrom(start)
            if value.quote == 0 { pass.longValueEnd = i }
            return nil
        }
        if i == start + limits.value, i < text.count {
            // Over-long: prose and data are no credential; one long word is.
            for j in start..<i where text[j].isWhitespace { return nil }
        }
        return i
    }

    /// `%26`, `%22`, `%20` and the like. Two digits that have not arrived yet count as one: nothing depends on them here.
    private func isEncodedDelimiter(_ text: Text, _ index: Int) -> Bool {
        let delimiters: [StaticString] = [
            "%26", "%22", "%20", "%27", "%2c", "%3b", "%0a", "%0d", "%23", "%3e", "%3c", "%7d", "%5d",
        ]
        return delimiters.contains { text.hasFolded($0, at: index) }
    }

    private func opens(_ text: Text, _ start: Int, _ end: Int, _ closing: UInt8) -> Bool {
        let opening =
            closing == UInt8(ascii: ")")
            ? UInt8(ascii: "(") : closing == UInt8(ascii: "]") ? UInt8(ascii: "[") : UInt8(ascii: "{")
        var depth = 0
        for i in start..<end {
            if text[i] == opening { depth += 1 }
            if text[i] == closing { depth -= 1 }
        }
        return depth > 0
    }

    // MARK: - Is it a secret?

    private func decide(_ text: Text, _ name: CredentialName, _ value: Value, _ range: Range<Int>) -> Bool {
        let minimum = name.strength == .password ? 4 : 8
        guard range.count >= minimum, !Placeholders.isTemplate(text, range) else { return false }
        if text.at(range.upperBound) == UInt8(ascii: "("), value.quote == 0 { return false }
        let bytes = text.raw(range)
        let profile = Randomness.profile(bytes)
        if profile.distinct < 3 { return false }
        var word = range
        if value.quote == 0 {
            while !word.isEmpty, text[word.upperBound - 1].isOne(of: "?!") {
                word = word.lowerBound..<(word.upperBound - 1)
            }
        }
        if Placeholders.isWord(text, word) || isNameOfCredential(text, word, profile) { return false }
        if text.findFolded("redacted", in: range) != nil { return false }
        if value.quote == 0, isCallOrName(text, range, quote: 0) { return false }
        let spaces = countBlanks(text, range)
        if value.op == .verb || value.op == .call {
            // Prose and code: only what no word of either looks like.
            return spaces == 0 && range.count >= 6 && profile.digits > 0 && profile.letters > 0
                && !Placeholders.isStandIn(text, range)
                && !isPathOrURL(text, range)
                && (value.op == .verb || Randomness.looksRandom(profile) || profile.symbols > 0 && profile.uppers > 0)
        }
        switch name.strength {
        case .password:
            if value.quote == 0 {
                // `PASS: TestTokens/key=3`: a verdict, not a credential.
                if name.wordEnd - name.wordStart == 4, name.start == name.wordStart, name.end == name.wordEnd,
                    value.op == .colon
                {
                    return Randomness.looksRandom(profile) && text.find("/", in: range) == nil
                        && text.find("=", in: range) == nil
                }
                if profile.digits == 0, profile.symbols == 0 {
                    // A bare word: after `=` it is one, after a colon and a blank it is prose.
                    // The same in a line of its own is a setting.
                    if value.op == .blank && !name.isOption {
                        return isNetrc(text, name) || Randomness.looksRandom(profile)
                    }
                    if value.op == .colon || value.isSpaced {
                        return isWholeLine(text, name, range) || Randomness.looksRandom(profile)
                    }
                }
                if profile.letters == 0, profile.digits > 0, profile.symbols == 0 {
                    return range.count >= 4 && value.op != .colon || range.count >= 6
                }
                if isPathOrURL(text, range) { return false }
                return true
            }
            // Quoted: sentences are messages about passwords.
            if spaces > 2 || (spaces > 0 && (value.op == .comma || profile.digits == 0 && profile.uppers <= 1)) {
                return false
            }
            if isPathOrURL(text, range), profile.digits == 0 { return false }
            if Placeholders.isStandIn(text, range) { return false }
            if profile.digits == 0, profile.symbols == 0, value.op == .comma { return Randomness.looksRandom(profile) }
            return true
        case .secret, .key:
            if spaces > 0 { return false }
            // `auth): user=<x>`: another assignment, not a value.
            if value.quote == 0, let equals = text.find("=", in: range), equals + 1 < range.upperBound,
                text[equals + 1] != UInt8(ascii: "="),
                !Randomness.looksRandom(text.raw(range.lowerBound..<equals))
            {
                return false
            }
            if Placeholders.isStandIn(text, range) || isPathOrURL(text, range) { return false }
            if profile.letters == 0 { return name.strength == .secret && range.count >= 12 }
            if isVersionOrIdentifier(text, range, profile) { return false }
            if Randomness.looksRandom(profile) { return true }
            // Long strings of base64 or hexadecimal are no prose.
            return range.count >= 24 && profile.digits >= 3 && profile.symbols * 6 < range.count
                && profile.commonShare < 0.75
        }
    }

    /// Words that name a credential and are none: `generic-password`, `db_secret`, `passphrase`.
    private func isNameOfCredential(_ text: Text, _ range: Range<Int>, _ profile: Randomness.Profile) -> Bool {
        guard profile.digits == 0, profile.uppers == 0 || profile.lowers == 0, !range.isEmpty else { return false }
        for i in range
        where
            !(text[i].isLetter || text[i] == UInt8(ascii: "-") || text[i] == UInt8(ascii: "_")
            || text[i] == UInt8(ascii: "."))
        { return false }
        let words: [StaticString] = [
            "password", "passwd", "passphrase", "pass_phrase", "pass_word", "secret", "token", "credential",
            "mot_de_passe", "api_key", "api-key", "apikey",
        ]
        return words.contains { text.findFolded($0, in: range) != nil }
    }

    /// Whether the assignment stands alone in its line, but for blanks and a list's dash.
    private func isWholeLine(_ text: Text, _ name: CredentialName, _ range: Range<Int>) -> Bool {
        var i = name.start
        while i > 0, text[i - 1].isBlank || text[i - 1] == UInt8(ascii: "-") { i -= 1 }
        guard i == 0 || text[i - 1] == .lineFeed, name.start - i < 64, text.find(".", in: name.start..<name.end) == nil
        else { return false }
        let after = text.at(range.upperBound)
        return range.upperBound == text.count || after == .lineFeed || after == .carriageReturn
    }

    private func countBlanks(_ text: Text, _ range: Range<Int>) -> Int {
        var count = 0
        for i in range where text[i].isBlank { count += 1 }
        return count
    }

    private func isPathOrURL(_ text: Text, _ range: Range<Int>) -> Bool {
        let start = range.lowerBound
        if text.find("://", in: range) != nil { return true }
        if text[start] == UInt8(ascii: "/") || text.has("./", at: start) || text.has("../", at: start)
            || text.has("~/", at: start)
        {
            // Base64 may begin with a slash: a path has several short, readable parts.
            return !Randomness.looksRandom(text.raw(range)) || text.find(".", in: range) != nil
        }
        if text.at(start + 1) == UInt8(ascii: ":"), text.at(start + 2) == .backslash { return true }
        if text.hasFolded("arn:", at: start) || text.hasFolded("urn:", at: start)
            || text.hasFolded("projects/", at: start)
        {
            return true
        }
        return false
    }

    /// Names and calls of programs, such as `config.value`, `getenv(…)`, `self._name`.
    func isCallOrName(_ text: Text, _ range: Range<Int>, quote: UInt8) -> Bool {
        var i = range.lowerBound
        let end = range.upperBound
        if quote != 0 { return false }
        if text[i].isOne(of: "&*!.") { i += 1 }
        guard i < end, text[i].isLetter || text[i] == UInt8(ascii: "_") else { return false }
        let start = i
        var dots = 0
        var underscores = 0
        while i < end,
            text[i].isIdentifier || text[i] == UInt8(ascii: ".") || text.has("->", at: i) || text.has("::", at: i)
        {
            if text[i] == UInt8(ascii: ".") { dots += 1 }
            if text[i] == UInt8(ascii: "_") { underscores += 1 }
            i += text[i].isIdentifier || text[i] == UInt8(ascii: ".") ? 1 : 2
        }
        // A call or an index: `os.getenv(`, `env[`.
        if i < end, text[i] == UInt8(ascii: "(") || text[i] == UInt8(ascii: "[") {
            return i - start >= 3 && !Randomness.looksRandom(text.raw(start..<i))
        }
        guard i == end else { return false }
        if dots > 0 {
            return !Randomness.looksRandom(text.raw(start..<end)) || text.has("process.env.", at: start)
                || text.has("os.environ", at: start)
        }
        // `$password` has been seen to; snake_case and camelCase names without digits are names.
        let profile = Randomness.profile(text.raw(start..<end))
        if underscores > 0, profile.digits == 0, profile.commonShare >= 0.6 { return true }
        if profile.digits == 0, profile.lowers > 0, profile.uppers > 0, profile.commonShare >= 0.75, profile.length >= 8
        {
            return true
        }
        return false
    }

    /// `v1.2.3`, dates, UUIDs behind identifiers, SCREAMING_NAMES.
    private func isVersionOrIdentifier(_ text: Text, _ range: Range<Int>, _ profile: Randomness.Profile) -> Bool {
        if profile.lowers == 0, profile.symbols > 0, profile.commonShare >= 0.6, profile.digits * 3 < profile.letters {
            return true
        }
        if profile.digits == 0, profile.symbols > 0, profile.commonShare >= 0.7 { return true }
        // Kebab and snake words with a number at the end: `my-secret-2`, `signing-key-2024-01`.
        if profile.symbols >= 2, profile.pairs >= 6, profile.commonShare >= 0.8,
            profile.uppers == 0 || profile.lowers == 0
        {
            return true
        }
        // Digests announced by their algorithm.
        if text.hasFolded("sha256:", at: range.lowerBound) || text.hasFolded("sha512", at: range.lowerBound)
            || text.hasFolded("sha1", at: range.lowerBound)
            || text.hasFolded("sha256-", at: range.lowerBound) || text.hasFolded("md5", at: range.lowerBound)
        {
            return true
        }
        return false
    }
}
