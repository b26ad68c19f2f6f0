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

    typealias Strength = CompiledRules.Strength

    /// Examines a credential word's beginning (or a part of it) at `index`.
    func assignment(_ pass: inout Pass, wordAt index: Int, fragment: Int) {
        let text = pass.text
        guard let name = credentialName(text, around: index, fragment: fragment) else { return }
        // Several fragments of one word lead to it: `auth` and `token` to `auth_token`.
        if name.wordStart == pass.lastWord { return }
        pass.lastWord = name.wordStart
        // The user part of a URL: `url` looks after it.
        if text.at(name.start - 1) == UInt8(ascii: "/"), text.at(name.start - 2) == UInt8(ascii: "/") { return }
        // What opens nothing has no value that others would be a part of.
        guard resolved(pass, name) != nil, var value = valueStart(&pass, after: name.end, name: name),
            let end = examine(&pass, &value, of: name)
        else { return }
        // What follows counts besides, not instead: what was decided when it had not come yet stays true.
        guard let more = continuation(text, value, end, name) else { return }
        var next = more.value
        _ = examine(&pass, &next, of: more.name)
    }

    /// Adds a value if it is a secret; returns where it ends, or nil if that is not known.
    private func examine(_ pass: inout Pass, _ value: inout Value, of name: CredentialName) -> Int? {
        let text = pass.text
        // Private keys have a detector of their own.
        if text.has("-----BEGIN", at: value.start) { return nil }
        if value.quote == 0, value.start < pass.longValueEnd { return nil }
        guard let end = valueEnd(&pass, &value) else { return nil }
        // One that holds a placeholder may have been long.
        if value.quote == 0,
            end - value.start >= Self.longValue || text.find(Placeholders.mark, in: value.start..<end) != nil
        {
            pass.longValueEnd = end
        }
        var range = value.start..<end
        if value.isElement, text.has("]]>", at: end - 3), end - 3 >= range.lowerBound {
            range = range.lowerBound..<(end - 3)
        }
        // A full stop at the end of a sentence.
        if value.quote == 0 {
            while !range.isEmpty, text[range.upperBound - 1].isOne(of: ".:") {
                range = range.lowerBound..<(range.upperBound - 1)
            }
        }
        if isProse(text, behindElement: value, range) { return end }
        var name = name
        if let password = passwordOfPair(text, name, value, range) {
            name.strength = .password
            range = password
        }
        var before = name.start
        while text.at(before - 1) == UInt8(ascii: ".") { before -= 1 }
        guard decide(pass, name, value, range), !pass.isInsidePlaceholder(name.start), !pass.followsPlaceholder(before)
        else { return end }
        // Over-long: up to its terminator it is one value.
        if end == value.start + limits.value,
            addRest(&pass, from: value.start, limit: end, rule: name.rule, quote: value.quote)
        {
            return end
        }
        pass.add(range, rule: name.rule, confidence: 0, reason: .context)
        return end
    }

    /// Longest user's name before a password, in bytes.
    private static let maximumUser = 64

    /// `user/pass`, `login:password`
    private func isNameOfPair(_ text: Text, _ name: CredentialName) -> Bool {
        let users: [StaticString] = ["user/", "username/", "login/", "id/", "user:", "username:", "login:"]
        return users.contains { text.hasFolded($0, at: name.start - $0.utf8CodeUnitCount) }
    }

    /// The password of a user and a password: `credentials: bob:x`, `--creds=bob:x`, `user/pass: …`.
    private func passwordOfPair(_ text: Text, _ name: CredentialName, _ value: Value, _ range: Range<Int>) -> Range<
        Int
    >? {
        let separator: UInt8
        if name.strength == .password {
            guard isNameOfPair(text, name) else { return nil }
            separator = text[name.start - 1]
        } else {
            guard ["cred", "auth"].contains(where: { text.hasFolded($0, at: name.wordStart) }) else { return nil }
            separator = UInt8(ascii: ":")
        }
        var i = range.lowerBound
        let limit = min(range.upperBound, i + Self.maximumUser)
        while i < limit, text[i].isIdentifier || text[i].isOne(of: "-.@") { i += 1 }
        guard i > range.lowerBound, i < limit, text[i] == separator else { return nil }
        let password = (i + 1)..<range.upperBound
        let profile = Randomness.profile(text.raw(password))
        // Words with a colon between are something else, but for the value of an option.
        guard password.count >= 6, profile.letters > 0, text[password.lowerBound] != UInt8(ascii: "/"),
            name.isOption || profile.digits > 0 && !isVersionOrIdentifier(text, password, profile)
        else { return nil }
        return password
    }

    /// Most blanks that are passed over on either side of an operator behind a value.
    private static let maximumBlanks = 8

    /// A second value behind the first: `password: String = "x"`, `var password string = "x"`, `Dim pwd As String = "x"`,
    /// `auth=("user", "x")`.
    private func continuation(
        _ text: Text, _ value: Value, _ end: Int, _ name: CredentialName
    ) -> (value: Value, name: CredentialName)? {
        var i = end
        func skipBlanks() {
            let limit = min(text.count, i + Self.maximumBlanks)
            while i < limit, text[i].isBlank { i += 1 }
        }
        var name = name
        if value.quote == 0, value.op == .colon || value.op == .equals, name.strength == .password,
            let comma = lookupEnd(text, value.start, end)
        {
            i = comma
            name.isLookedUp = true
        } else if value.quote == 0, value.op == .colon, text.has(" / ", at: end),
            isNameOfPair(text, name) || text.hasFolded("cred", at: name.wordStart)
        {
            i += 3
            name.strength = .password
            return i < text.count ? (Value(start: i, op: .colon, isSpaced: true), name) : nil
        } else if value.quote == 0, !value.isOnNextLine,
            value.op == .colon || value.op == .blank || value.op == .loose || value.op == .typed
        {
            if let behind = typeEnd(text, value.start, isSpaced: value.op != .colon) {
                i = behind
            } else {
                skipBlanks()
            }
            guard text.at(i) == UInt8(ascii: "="), text.at(i + 1) != UInt8(ascii: "=") else { return nil }
        } else if value.op == .call || value.isWrapped, value.quote != 0, text.at(end) == value.quote {
            i += 1
            guard text.at(i) == UInt8(ascii: ",") else { return nil }
            // Of a user and something, the something is a password.
            if ["auth", "cred"].contains(where: { text.hasFolded($0, at: name.wordStart) }) {
                name.strength = .password
            }
        } else {
            return nil
        }
        let op: Operator = text[i] == UInt8(ascii: ",") && !name.isLookedUp ? .member : .equals
        i += 1
        skipBlanks()
        guard i < text.count, text[i].isQuote else { return nil }
        return (Value(start: i + 1, quote: text[i], op: op), name)
    }

    /// Longest name of an environment variable that is read, in bytes.
    private static let maximumVariable = 64

    /// The comma behind the name of an environment variable: `os.getenv("NAME", "x")`, the value `index..<end` up to its quote.
    private func lookupEnd(_ text: Text, _ index: Int, _ end: Int) -> Int? {
        guard text.at(end) == .quote || text.at(end) == .apostrophe, text.at(end - 1) == UInt8(ascii: "("),
            text.findFolded("env", in: index..<end) != nil
        else { return nil }
        var i = end + 1
        let limit = min(text.count, i + Self.maximumVariable)
        while i < limit, text[i].isIdentifier { i += 1 }
        guard i < limit, text[i] == text[end], text.at(i + 1) == UInt8(ascii: ",") else { return nil }
        return i + 1
    }

    /// Longest type between a name and its value, in bytes.
    private static let maximumType = 40

    /// The `=` behind the type at `index`: `String =`, `&'static str =`, `Option<String> =`, `As String =`; nil if none stands there.
    ///
    /// `isSpaced`: a blank has to stand before it, since `name="x"` is an attribute.
    private func typeEnd(_ text: Text, _ index: Int, isSpaced: Bool) -> Int? {
        let limit = min(text.count, index + Self.maximumType)
        var i = index
        // Words that a type goes on behind.
        let openings: [StaticString] = ["as ", "&'static ", "&'a ", "&mut ", "const ", "unsigned "]
        if let opening = openings.first(where: { text.hasFolded($0, at: i) }) { i += opening.utf8CodeUnitCount }
        let start = i
        while i < limit, text[i].isIdentifier || text[i].isOne(of: ".*&<>[]?") || text.has("::", at: i) {
            i += text[i] == UInt8(ascii: ":") ? 2 : 1
        }
        guard i > start else { return nil }
        let end = i
        while i < limit, text[i].isBlank { i += 1 }
        guard i < limit, text[i] == UInt8(ascii: "="), !isSpaced || i > end else { return nil }
        return i
    }

    /// If a value goes on at its limit, adds it up to its terminator, or leaves it open; else returns false.
    func addRest(_ pass: inout Pass, from start: Int, limit end: Int, rule: Int, quote: UInt8) -> Bool {
        let text = pass.text
        guard end < text.count, !endsValue(text[end], quote: quote) else { return false }
        // One that holds a placeholder was looked at before, and had an end then. The last one may begin right before the limit.
        let markEnd = end + Placeholders.mark.utf8CodeUnitCount - 1
        if !pass.isFinal, text.count < markEnd {
            pass.holdFrom(start)
            return true
        }
        if text.find(Placeholders.mark, in: start..<markEnd) != nil { return true }
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
        /// The word before the identifier belongs to it: `private key`.
        var isPhrase = false
        /// Its value is the default of an environment variable that is looked up.
        var isLookedUp = false
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        byte.isIdentifier || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }

    /// The identifier around `index`, if what stands in it names a credential.
    private func credentialName(_ text: Text, around index: Int, fragment: Int) -> CredentialName? {
        var end = index
        // A word of another script is a name of its own.
        let isForeign = text[index] >= 0x80
        if isForeign {
            while end < text.count, end - index < Self.maximumName, text[end] >= 0x80, !text.has("：", at: end) {
                end += 1
            }
        } else {
            while end < text.count, end - index < Self.maximumName, isNameByte(text[end]) { end += 1 }
        }
        guard mayAssign(text, end) else { return nil }
        var start = index
        if isForeign {
            while start > 0, index - start < Self.maximumName, text[start - 1] >= 0x80 { start -= 1 }
        } else {
            while start > 0, index - start < Self.maximumName, isNameByte(text[start - 1]) { start -= 1 }
        }
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
        if word.length > Int(PM_WORD_LENGTH) || !mayStart(text, start, index, word) {
            guard
                let other = longestWord(
                    text, around: index, start, end, fragment: fragment, where: { mayStart(text, start, index, $0) })
            else { return nil }
            word = other
        }
        let wordStart = index - word.offset
        let wordEnd = self.wordEnd(text, wordStart + word.length, end)
        guard mayEnd(text, wordEnd, end) else { return nil }
        if word.strength == .weak, wordEnd < end, text[wordEnd].isLower { return nil }
        let isOption =
            text.has("--", at: start)
            || (text.at(start) == UInt8(ascii: "-") && end - start > 3 && (start == 0 || text[start - 1].isWhitespace))
            || text.hasFolded("securestring", at: wordStart)
        return CredentialName(
            start: start, wordStart: wordStart, wordEnd: wordEnd, end: end, rule: word.rule, strength: word.strength,
            isOption: isOption)
    }

    /// The word's end with its plural.
    private func wordEnd(_ text: Text, _ wordEnd: Int, _ end: Int) -> Int {
        wordEnd < end && lower(text[wordEnd]) == UInt8(ascii: "s")
            && (wordEnd + 1 == end || !text[wordEnd + 1].isLetter)
            ? wordEnd + 1 : wordEnd
    }

    private func mayStart(_ text: Text, _ start: Int, _ index: Int, _ word: CompiledRules.WordTraits) -> Bool {
        let wordStart = index - word.offset
        return mayStart(text, start, wordStart, wordStart + word.length, word.strength)
    }

    /// `<your-api-key> before you start`: a placeholder and prose rather than an element and its content, since a blank stands behind
    /// the bracket, more words follow, and no tag does in that line.
    private func isProse(_ text: Text, behindElement value: Value, _ range: Range<Int>) -> Bool {
        guard value.isElement, value.quote == UInt8(ascii: "<"), text.at(range.upperBound) != UInt8(ascii: "<"),
            text.at(range.lowerBound - 1) == UInt8(ascii: " ")
        else { return false }
        return text.raw(range).contains(UInt8(ascii: " "))
    }

    /// The slow twin of `pm_find_word`, which compares words of any length; of those that `mayStart`: `auth_token` does not begin
    /// in `xoauth_token`, but `token` does.
    func longestWord(
        _ text: Text, around index: Int, _ start: Int, _ end: Int, fragment: Int,
        where mayStart: (CompiledRules.WordTraits) -> Bool
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
            if k == length,
                let traits = rules.wordTraits.first(where: {
                    $0.rule == word.rule && $0.length == length && $0.offset == word.offset
                }), mayStart(traits)
            {
                return traits
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
            UInt8(ascii: ">"), UInt8(ascii: "%"), UInt8(ascii: ","), UInt8(ascii: "("), UInt8(ascii: "["),
            UInt8(ascii: "]"),
            UInt8(ascii: "*"),
            UInt8(ascii: ")"), .quote, .apostrophe, .backtick,
            .backslash, .space, .tab, .escape, .lineFeed, .carriageReturn:
            true
        default:
            text.at(end - 1) == UInt8(ascii: "-") || text.at(end - 1) == UInt8(ascii: ".") || text.has("：", at: end)
        }
    }

    /// The name with what the word before `key` makes of it; nil if that says that it opens nothing.
    private func resolved(_ pass: Pass, _ name: CredentialName) -> CredentialName? {
        var name = name
        // Routers call a password so: `enable secret x`.
        if name.strength == .secret, name.end - name.start == 6, pass.text.hasFolded("enable ", at: name.start - 7) {
            name.strength = .password
        }
        guard name.strength == .weak, pass.text.hasFolded("key", at: name.wordStart) else { return name }
        switch owner(pass, of: name.wordStart, name.start) {
        case .credential:
            name.strength = .key
            name.isPhrase = name.start == name.wordStart
        case .other: return nil
        case .unknown: break
        }
        return name
    }

    /// Whether a name says so much that its value may stand behind a blank or in another line.
    private func mayStandAlone(_ pass: Pass, _ name: CredentialName) -> Bool {
        name.strength != .weak || resolved(pass, name)?.strength == .key
    }

    private enum Owner { case credential, other, unknown }

    /// What the word before `key` says, in the identifier or before it: `API Key` is a credential, `cache_key` is none.
    private func owner(_ pass: Pass, of word: Int, _ start: Int) -> Owner {
        let text = pass.text
        var end = word
        while end > start, !text[end - 1].isAlnum { end -= 1 }
        if end == start {
            // The word before the identifier.
            end = start
            while end > 0, start - end < 2, text[end - 1].isBlank { end -= 1 }
            guard end < start else { return .unknown }
            // A placeholder that took the word along: the key was looked at together with it.
            if pass.followsPlaceholder(end) { return .other }
        }
        func ends(_ word: StaticString) -> Bool {
            let at = end - word.utf8CodeUnitCount
            guard text.hasFolded(word, at: at) else { return false }
            // A short word is not the end of a longer one: `id` in `android_key`.
            return word.utf8CodeUnitCount > 4 || !text.at(at - 1).isLetter
                || text.at(at - 1).isLower && text[at].isUpper
        }
        let last = text.at(end - 1)
        if Self.credentialOwners.ending(with: last).contains(where: ends) { return .credential }
        return Self.otherOwners.ending(with: last).contains(where: ends) ? .other : .unknown
    }

    private static let credentialOwners = FoldedWords([
        "api", "secret", "access", "private", "auth", "encryption", "signing", "account", "master", "license",
        "admin", "session", "service", "subscription", "consumer", "shared", "decryption", "validation",
    ])

    private static let otherOwners = FoldedWords([
        "cache", "sort", "partition", "primary", "foreign", "idempotency", "public", "publishable", "pub",
        "routing",
        "object", "group", "hash", "row", "index", "record", "map", "dict", "shard", "range", "lookup", "storage",
        "s3", "redis", "unique", "dedup", "etag", "host", "site", "message", "event", "job", "run", "cursor",
        "sequence", "natural", "surrogate", "composite", "candidate", "asset", "file", "image", "chunk", "query",
        "correlation", "trace", "request", "of", "for", "with", "by", "gpg", "pgp", "rsa", "fingerprint", "release",
        "issue", "project", "build", "artifact", "restore", "registry", "kms", "cmk", "translation", "react",
        "item",
        "id",
    ])

    /// Whether the word may begin there: where a word begins, or after letters that make no other word of it.
    private func mayStart(
        _ text: Text, _ start: Int, _ wordStart: Int, _ wordEnd: Int, _ strength: Strength
    ) -> Bool {
        // A word of two letters, behind the end of a character beyond ASCII: random bytes.
        if wordEnd - wordStart == 2, wordStart > 0, text[wordStart - 1] >= 0x80 { return false }
        guard wordStart > start else { return true }
        let before = text[wordStart - 1]
        guard before.isLetter else { return true }
        // The value has to prove itself.
        if strength == .weak { return true }
        let first = text[wordStart]
        if before.isLower, first.isUpper { return true }
        // `dbpassword`, `PGPASSWORD`, `authtoken` go; `compass`, `bypass`, `monkey`, `turkey`, `sacred` do not.
        let long: [StaticString] = [
            "password", "passwd", "secret", "token", "apikey", "api_key", "accesskey", "pwd", "passphrase",
            "credential",
        ]
        if long.contains(where: { text.hasFolded($0, at: wordStart) }) { return true }
        guard text.hasFolded("pass", at: wordStart), wordStart + 4 == wordEnd else { return false }
        let owners: [StaticString] = [
            "store", "key", "require", "user", "root", "db", "admin", "master", "sudo", "become", "sql", "ssh", "smtp",
            "mail", "ftp", "ldap", "http", "wifi", "redis", "mongo", "vpn", "login", "account", "pg", "auth", "my",
        ]
        return owners.contains { text.hasFolded($0, at: wordStart - $0.utf8CodeUnitCount) }
    }

    /// Whether what follows the word in its identifier leaves it a credential: `_1`, `_prod`, `Value`; not `_file`, `Count`.
    private func mayEnd(_ text: Text, _ wordEnd: Int, _ end: Int) -> Bool {
        guard wordEnd < end else { return true }
        let next = text[wordEnd]
        if next.isLower && text[wordEnd - 1].isLetter || next.isUpper && text[wordEnd - 1].isUpper {
            // The word goes on: `tokenizer`, `passed`, `keyboard`, `secretary`, `authority`, `PATHEXT`.
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
            "parser", "ize", "ise", "kind", "param", "encryption",
        ]
        // A member of something called so: `pass.count = n`; but `password.prod=x` in properties.
        if let dot = text.find(".", in: wordEnd..<end) {
            let members: [StaticString] = [
                "value", "prod", "dev", "test", "stag", "live", "default", "plain", "text", "string", "encrypted",
                "raw", "equals",
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
        /// It stands in the line below its name.
        var isOnNextLine = false
        /// No further in than its name, and not announced by a block's mark: it may be a line of its own.
        var isDetached = false
        /// An opening bracket stands before its quote.
        var isWrapped = false
    }

    enum Operator {
        case equals, colon, comma, blank, pair
        /// A blank and nothing else, where prose may stand: `with password x`, `ENV TOKEN x`
        case loose
        /// A blank and a type: what follows the type is the value.
        case typed
        /// A cell of a table, or the second of two arguments.
        case member
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
                } else if let end = colorEnd(text, at: i), end <= limit {
                    // A colour between name and value.
                    i = end
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
            if sawAssignment {
                if text.has("://", at: i) { return nil }
                value.op = sawEquals ? .equals : .colon
            } else if j == i + 2, text.has("||", at: i) || text.has("??", at: i) {
                // env.PASSWORD || "default"
                value.op = .comma
            } else if j == i + 1, text[i] == UInt8(ascii: "|"), text.at(j).isBlank, isTableCell(text, name.start) {
                value.op = .member
            } else {
                return nil
            }
            if value.op == .colon, !text.at(j).isWhitespace, !text.at(j).isQuote, isPart(text, name) { return nil }
            i = j
        case 0xef:
            // The full-width colon of Chinese, Japanese and Korean text.
            guard text.has("：", at: i) else { return nil }
            value.op = .colon
            i += 3
        case UInt8(ascii: "-"):
            if let behind = announcedEnd(text, i), hadBlank {
                value.op = .blank
                i = behind
            } else if hadBlank, !closedName, text.at(i + 1) == .space, text.at(i + 2).isAlnum {
                // `temporary password - x`
                value.op = .loose
                i += 2
            } else {
                guard text.at(i + 1) == UInt8(ascii: ">") else { return nil }
                i += 2
            }
        case UInt8(ascii: "<"):
            if text.at(i + 1) == UInt8(ascii: "/") {
                // <td>Password</td><td>value</td>
                guard text.at(name.start - 1) == UInt8(ascii: ">"), let start = nextCell(text, i, limit) else {
                    return nil
                }
                value.isElement = true
                // `<key>password</key><string>x</string>` is a member of a dictionary; cells of tables hold prose too.
                let isNamed =
                    text.hasFolded("<key>", at: name.start - 5) || text.hasFolded("<name>", at: name.start - 6)
                value.op = isNamed ? .equals : .member
                i = start
            } else {
                guard text.at(i + 1) == UInt8(ascii: "-") else { return nil }
                i += 2
            }
        case UInt8(ascii: ">"):
            // <password>value</password>, <entry key="password">value</entry>
            guard text.at(name.start - 1) == UInt8(ascii: "<") || closedName && isNamingAttribute(text, name) else {
                return nil
            }
            if closedName, !isNamedSetting(text, name) { value.op = .member }
            value.isElement = true
            i += 1
        case UInt8(ascii: "["):
            // char password[] = "value"
            guard i == end, let behind = arrayEnd(text, i, limit) else { return nil }
            i = behind
        case UInt8(ascii: "*"):
            // **Password**: `value`
            guard text.has("**", at: i) else { return nil }
            i += 2
            skipBlanks()
            guard i < limit, text[i] == UInt8(ascii: ":") || text[i] == UInt8(ascii: "=") else { return nil }
            value.op = .colon
            i += 1
        case UInt8(ascii: "{"):
            // variable "db_password" { default = "value" }
            guard closedName, let start = defaultValue(text, i + 1, limit) else { return nil }
            i = start
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
            if let line = formField(text, name, closedName ? beforeBlanks : 0) {
                value.start = line
                return line < text.count ? value : nil
            }
            if let verb = ["is: ", "is ", "was ", "set to ", "changed to "].first(where: {
                text.hasFolded($0, at: i)
            }) {
                value.op = .verb
                i += verb.utf8CodeUnitCount
            } else if text.hasFolded("or ", at: i), text.at(i + 3).isQuote {
                value.op = .comma
                i += 3
            } else if text.hasFolded("value", at: i) || (text[i] == .lineFeed && closedName == false) {
                // `key=old-password value=7`: not a name but a value.
                if text.at(name.start - 1) == UInt8(ascii: "="), !closedName { return nil }
                value.op = .pair
            } else if name.isOption || isNetrc(pass, name) || isSQL(text, name, i) {
                value.op = .blank
            } else if hadBlank, !closedName, text[i].isQuote, text.at(name.start - 1) == UInt8(ascii: ":") {
                // Lisp's `:password "x"`
                value.op = .blank
            } else if hadBlank, !closedName, let behind = announcedEnd(text, i) {
                value.op = .blank
                i = behind
            } else if let behind = elementEnd(text, name, i, closedName) {
                value.isElement = true
                i = behind
            } else if hadBlank, !closedName, text.has("wpa_passphrase", at: name.start) {
                // The network's name stands before it.
                guard let second = nextArgument(text, i), text[second] != UInt8(ascii: "-") else { return nil }
                i = second
            } else if hadBlank, !closedName, isSet(text, name), mayFollowBlank(text[i]) {
                value.op = .equals
            } else if hadBlank, !closedName, mayFollowBlank(text[i]), text[i].isQuote || mayStandAlone(pass, name) {
                value.op = .loose
            } else if hadBlank, !closedName, typeEnd(text, i, isSpaced: true) != nil {
                value.op = .typed
            } else {
                return nil
            }
        }
        let operatorEnd = i
        if value.isElement {
            skipBlanks(newlines: 2)
            if text.has("<![CDATA[", at: i) { i += 9 }
            if text.hasFolded("<value>", at: i) { i += 7 }
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
        if value.op == .colon, text.has("**", at: i) {
            // **Password:** value
            i += 2
            skipBlanks()
        }
        if text.has("<%=", at: i) {
            // ERB in YAML: `password: <%= ENV.fetch('NAME', 'x') %>`
            i += 3
            skipBlanks()
        }
        if value.op == .colon || value.op == .equals, let below = lineBelow(pass, i, limit, name) {
            i = below.start
            value.isOnNextLine = true
            value.isDetached = below.isDetached
        }
        value.isSpaced = i > operatorEnd && hadBlank
        if value.op == .colon { value.isSpaced = i > operatorEnd }
        guard i < text.count, i < max(limit, operatorEnd + Self.maximumTag) else { return nil }
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
            text.at(i + 1).isQuote || text[i] == UInt8(ascii: "[") && text.at(i + 1) == .space && text.at(i + 2).isQuote
        {
            i += text.at(i + 1).isQuote ? 1 : 2
            wrappers += 1
        }
        value.isWrapped = wrappers > 0
        if text[i].isLetter, text.at(i + 1).isQuote, text[i].isOne(of: "ubrfUBRFLN@") { i += 1 }
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

    /// Most bytes of a tag that opens a nested element, or character data.
    private static let maximumTag = 16
    /// Most bytes of an element's attributes.
    private static let maximumAttributes = 160

    /// Where the value begins behind what says how a password is given: `password 7 x` of routers, `rootpw --plaintext x`,
    /// `ConvertTo-SecureString -String "x"`.
    private func announcedEnd(_ text: Text, _ index: Int) -> Int? {
        if text[index].isOne(of: "05789"), text.at(index + 1).isBlank { return index + 2 }
        let options: [StaticString] = ["--plaintext ", "-string "]
        return options.first { text.hasFolded($0, at: index) }.map { index + $0.utf8CodeUnitCount }
    }

    /// What sets the name behind it to what follows a blank: `setx NAME x`, `d-i passwd/root-password password x`.
    private func isSet(_ text: Text, _ name: CredentialName) -> Bool {
        let words: [StaticString] = [
            "setx ", "set -x ", "set -gx ", "setenv ", "/root-password ", "/user-password ",
        ]
        if words.contains(where: { text.has($0, at: name.start - $0.utf8CodeUnitCount) }) { return true }
        // A line of a Dockerfile.
        let line = name.start - 4
        return text.has("ENV ", at: line) && (line == 0 || text[line - 1] == .lineFeed)
    }

    /// Behind the tag of an element that has attributes, as `<Password Type="text">`.
    private func elementEnd(_ text: Text, _ name: CredentialName, _ index: Int, _ isClosed: Bool) -> Int? {
        guard !isClosed, text[index].isLetter else { return nil }
        var i = name.start
        if text.at(i - 1) == UInt8(ascii: ":") {
            i -= 1
            while i > 0, name.start - i < Self.maximumTag, text[i - 1].isAlnum { i -= 1 }
        }
        guard text.at(i - 1) == UInt8(ascii: "<") else { return nil }
        i = index
        let limit = min(text.count, index + min(Self.maximumAttributes, limits.context / 4))
        while i < limit, text[i] != UInt8(ascii: ">"), text[i] != UInt8(ascii: "<"), text[i] != .lineFeed { i += 1 }
        // An empty element has no content.
        guard i < limit, text[i] == UInt8(ascii: ">"), text[i - 1].isQuote else { return nil }
        return i + 1
    }

    /// Behind the `=` of the array at `index`: `[] =`, `[33] =`.
    private func arrayEnd(_ text: Text, _ index: Int, _ limit: Int) -> Int? {
        var i = index + 1
        while i < limit, text[i].isIdentifier { i += 1 }
        guard i < limit, text[i] == UInt8(ascii: "]") else { return nil }
        i += 1
        while i < limit, text[i].isBlank { i += 1 }
        guard i < limit, text[i] == UInt8(ascii: "="), text.at(i + 1) != UInt8(ascii: "=") else { return nil }
        return i + 1
    }

    /// Whether the name is a part of something else: `registry.example.net/password:1f874d3`, `key=token:1f874d3`,
    /// `login:passwd:uid`.
    private func isPart(_ text: Text, _ name: CredentialName) -> Bool {
        // An option of Windows is none: `/password:x`.
        if text.at(name.start - 1) == UInt8(ascii: "/"), text.at(name.start - 2).isBlank { return false }
        if text.at(name.start - 1).isOne(of: "/:") { return true }
        var i = name.start
        while i > 0, name.start - i < 5, text[i - 1].isBlank || text[i - 1].isQuote || text[i - 1].isOne(of: "=:") {
            i -= 1
        }
        return i < name.start && text.hasFolded("key", at: i - 3)
    }

    /// Whether the cell that `index` stands in begins with a bar, as in a Markdown table.
    private func isTableCell(_ text: Text, _ index: Int) -> Bool {
        var i = index
        while i > 0, index - i < 4, text[i - 1].isBlank || text[i - 1].isQuote || text[i - 1] == UInt8(ascii: "*") {
            i -= 1
        }
        return text.at(i - 1) == UInt8(ascii: "|")
    }

    /// Whether the name is what an attribute `key` or `name` says; a `class` is another thing.
    private func isNamingAttribute(_ text: Text, _ name: CredentialName) -> Bool {
        text.at(name.start - 1).isQuote
            && (text.hasFolded("key=", at: name.start - 5) || text.hasFolded("name=", at: name.start - 6))
    }

    /// Elements that set what their attribute names.
    private static let settingElements: [StaticString] = [
        "property", "entry", "string", "item", "setting", "parameter", "param", "env-entry", "init-param",
    ]

    /// Whether the attribute that holds the name is that of an element which sets it: `<entry key="password">`; a
    /// `<button name="password">` is another thing.
    private func isNamedSetting(_ text: Text, _ name: CredentialName) -> Bool {
        var i = name.start - (text.hasFolded("key=", at: name.start - 5) ? 5 : 6)
        guard text.at(i - 1) == .space else { return false }
        i -= 1
        return Self.settingElements.contains { element in
            let start = i - element.utf8CodeUnitCount
            return text.at(start - 1) == UInt8(ascii: "<") && text.hasFolded(element, at: start)
        }
    }

    /// The content of the element that follows the closing tag at `index`: `</key><string>`.
    private func nextCell(_ text: Text, _ index: Int, _ limit: Int) -> Int? {
        var i = index + 2
        while i < limit, text[i].isAlnum { i += 1 }
        guard i < limit, text[i] == UInt8(ascii: ">") else { return nil }
        i += 1
        while i < limit, text[i].isWhitespace { i += 1 }
        guard i < limit, text[i] == UInt8(ascii: "<") else { return nil }
        i += 1
        while i < limit, text[i].isAlnum { i += 1 }
        guard i < limit, text[i] == UInt8(ascii: ">") else { return nil }
        return i + 1
    }

    /// The value after `default =` in the block that is opened before `index` (HCL).
    private func defaultValue(_ text: Text, _ index: Int, _ limit: Int) -> Int? {
        guard var i = text.find("default", in: index..<limit) else { return nil }
        i += 7
        while i < limit, text[i].isBlank { i += 1 }
        guard i < limit, text[i] == UInt8(ascii: "=") else { return nil }
        return i + 1
    }

    /// Where the content of a form's field begins behind the name of one (RFC 7578, 4.2): behind an empty line.
    private func formField(_ text: Text, _ name: CredentialName, _ nameEnd: Int) -> Int? {
        guard nameEnd > 0, text.hasFolded("form-data; name=\"", at: name.start - 17) else { return nil }
        let ends: [StaticString] = ["\r\n\r\n", "\n\n"]
        return ends.first { text.has($0, at: nameEnd) }.map { nameEnd + $0.utf8CodeUnitCount }
    }

    /// Whether a value may begin with this byte where only a blank stands between it and its name.
    private func mayFollowBlank(_ byte: UInt8) -> Bool {
        byte.isAlnum || byte == .quote || byte == .apostrophe || byte == .backtick
    }

    /// The line below a name that nothing follows in its own, or the mark of a block (YAML 1.2.2, 8.1; a here-document).
    private func lineBelow(
        _ pass: Pass, _ index: Int, _ limit: Int, _ name: CredentialName
    ) -> (start: Int, isDetached: Bool)? {
        let text = pass.text
        var i = index
        var isBlock = false
        if i < limit, text[i] == UInt8(ascii: "|") || text[i] == UInt8(ascii: ">") {
            isBlock = true
            i += 1
            while i < limit, text[i] == UInt8(ascii: "-") || text[i] == UInt8(ascii: "+") || text[i].isDigit { i += 1 }
        } else if text.has("<<", at: i) {
            isBlock = true
            i += 2
            while i < limit, text[i].isLetter || text[i].isQuote || text[i] == UInt8(ascii: "-") { i += 1 }
        }
        while i < limit, text[i].isBlank || text[i] == .carriageReturn { i += 1 }
        guard i < limit, text[i] == .lineFeed, mayStandAlone(pass, name) else { return nil }
        i += 1
        let line = i
        while i < limit, text[i].isBlank { i += 1 }
        guard i < limit, text[i] > .space else { return nil }
        let indent = i - line
        let own = text.lineStart(before: name.start, limit: Self.maximumName)
        var ownIndent = own
        while ownIndent < name.start, text[ownIndent].isBlank { ownIndent += 1 }
        return (i, !isBlock && indent <= ownIndent - own)
    }

    private func isNetrc(_ pass: Pass, _ name: CredentialName) -> Bool {
        let text = pass.text
        guard name.wordStart == name.start, name.wordEnd == name.end, name.strength == .password,
            text.hasFolded("passw", at: name.start)
        else { return false }
        // What stands before a placeholder was farther away before.
        let before = pass.afterPlaceholders(max(0, name.start - 160)..<name.start)
        return text.find("login ", in: before) != nil
            && (text.find("machine ", in: before) != nil || text.find("default ", in: before) != nil)
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
                if byte == .backslash {
                    let ends = endsAtEscape(text, i)
                    if ends == nil, !pass.isFinal { i = text.count }
                    if ends ?? !pass.isFinal { break }
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

    /// End of the control sequence at `index` that sets a colour (ECMA-48, 5.4), its ESC escaped or not; nil if there is none.
    private func colorEnd(_ text: Text, at index: Int) -> Int? {
        var i = index
        if text[i] == .escape {
            i += 1
        } else {
            guard text[i] == .backslash else { return nil }
            while i < text.count, text[i] == .backslash, i - index < 4 { i += 1 }
            let forms: [StaticString] = ["u001b", "x1b", "033", "e"]
            guard let form = forms.first(where: { text.hasFolded($0, at: i) }) else { return nil }
            i += form.utf8CodeUnitCount
        }
        guard text.at(i) == UInt8(ascii: "["), !text.has(Placeholders.mark, at: i) else { return nil }
        i += 1
        while i < text.count, text[i].isParameter, i - index < Self.maximumSequence { i += 1 }
        return i < text.count && text[i] >= 0x40 && text[i] < 0x7f ? i + 1 : nil
    }

    /// Whether a value without quotes ends at the backslash at `index`: it escapes a quote, a backslash, a line end, or by its
    /// number one of them, a blank, a control character or `&`, `<`, `>`. Nil if the text ends too early to tell.
    private func endsAtEscape(_ text: Text, _ index: Int) -> Bool? {
        guard index + 1 < text.count else { return nil }
        var value = 0
        func isNumber(_ digits: Range<Int>, radix: Int) -> Bool? {
            for i in digits {
                guard i < text.count else { return nil }
                guard text[i].isHex, text[i].hexValue < radix else { return false }
                value = value * radix + Int(text[i].hexValue)
            }
            return value <= 0x20 || [0x22, 0x26, 0x27, 0x3c, 0x3e].contains(value)
        }
        switch text[index + 1] {
        case .quote, .apostrophe, .backslash, UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"): return true
        case UInt8(ascii: "u"): return isNumber(index + 2..<index + 6, radix: 16)
        case UInt8(ascii: "x"): return isNumber(index + 2..<index + 4, radix: 16)
        case UInt8(ascii: "0"): return isNumber(index + 1..<index + 4, radix: 8)
        case UInt8(ascii: "e"): return index + 2 < text.count ? text[index + 2] == UInt8(ascii: "[") : nil
        default: return false
        }
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

    private func decide(_ pass: Pass, _ name: CredentialName, _ value: Value, _ range: Range<Int>) -> Bool {
        let text = pass.text
        let minimum = name.strength == .password ? 4 : 8
        guard range.count >= minimum, let name = resolved(pass, name), !Placeholders.isTemplate(text, range) else {
            return false
        }
        if text.at(range.upperBound) == UInt8(ascii: "("), value.quote == 0 { return false }
        let bytes = text.raw(range)
        let profile = Randomness.profile(bytes)
        if profile.distinct < 3 { return false }
        // Two letters stand anywhere by chance.
        if name.wordEnd - name.wordStart == 2, bytes.contains(where: { $0 < 0x20 || $0 > 0x7e }) { return false }
        var word = range
        if value.quote == 0 {
            while !word.isEmpty, text[word.upperBound - 1].isOne(of: "?!") {
                word = word.lowerBound..<(word.upperBound - 1)
            }
        }
        if Placeholders.isWord(text, word) || isNameOfCredential(text, word, profile) { return false }
        if value.quote == 0, isCallOrName(text, range, quote: 0) { return false }
        let spaces = profile.symbols > 0 ? countBlanks(text, range) : 0
        if value.isOnNextLine {
            // The value has its line to itself.
            if value.quote == 0 {
                let after = text.at(range.upperBound)
                guard range.upperBound == text.count || after == .lineFeed || after == .carriageReturn else {
                    return false
                }
            }
            if profile.digits == 0 && profile.symbols == 0 || value.isDetached {
                guard Randomness.looksRandom(profile), profile.digits > 0 || !value.isDetached else { return false }
            }
        }
        switch value.op {
        case .call where isPasswordFunction(text, name):
            guard spaces == 0 else { return false }
        case .verb where name.strength == .password, .call:
            // Prose and code: only what no word of either looks like.
            guard spaces == 0, range.count >= 6, profile.letters > 0, !Placeholders.speaksOfItself(text, range),
                !isPathOrURL(text, range)
            else { return false }
            if value.op == .verb { return profile.digits > 0 || range.count >= 8 && Randomness.looksRandom(profile) }
            if Randomness.looksRandom(profile) { return profile.digits > 0 || range.count >= 8 }
            return profile.digits > 0
                && (profile.symbols > 0 && profile.uppers > 0
                    || name.strength == .password && (profile.symbols > 0 || profile.uppers > 0)
                        && !isGetter(text, name))
        case .typed: return false
        case .verb, .loose: return isLoose(text, name, value, range, profile, spaces)
        case .member where name.strength == .password:
            guard spaces == 0, !Placeholders.speaksOfItself(text, range), !isPathOrURL(text, range) else {
                return false
            }
            return profile.letters > 0 && (profile.digits > 0 || profile.symbols > 0 || Randomness.looksRandom(profile))
        default: break
        }
        switch name.strength {
        case .weak: return isKey(text, name, value, range, profile, spaces)
        case .password:
            if value.quote == 0 {
                // `PASS: TestTokens/key=3`: a verdict, not a credential.
                if name.wordEnd - name.wordStart == 4, name.start == name.wordStart, name.end == name.wordEnd,
                    value.op == .colon, !isPassOption(text, name)
                {
                    return isChosen(text, range)
                        || Randomness.looksRandom(profile) && text.find("/", in: range) == nil
                            && text.find("=", in: range) == nil
                }
                if profile.digits == 0, profile.symbols == 0 {
                    // A bare word: after `=` it is one, after a colon and a blank it is prose.
                    // The same in a line of its own is a setting.
                    if value.op == .blank && !name.isOption {
                        return isNetrc(pass, name) || Randomness.looksRandom(profile)
                    }
                    if value.op == .colon && !isPassOption(text, name) || value.isSpaced {
                        return isWholeLine(text, name, range) || Randomness.looksRandom(profile)
                    }
                }
                if profile.letters == 0, profile.digits > 0, profile.symbols == 0 {
                    return range.count >= 4 && value.op != .colon || range.count >= 6
                }
                // A version: password==4.49.1
                if profile.letters == 0, !range.contains(where: { !text[$0].isDigit && text[$0] != UInt8(ascii: ".") })
                {
                    return false
                }
                if isPathOrURL(text, range) { return false }
                return true
            }
            // Quoted: sentences are messages about passwords.
            if spaces > 2 || (spaces > 0 && (value.op == .comma || profile.digits == 0 && profile.uppers <= 1)) {
                return (value.op == .equals || value.op == .colon) && isPassphrase(text, name, range, spaces)
            }
            // Names of others in a list of names.
            if value.op == .comma,
                isVersionOrIdentifier(text, range, profile) || profile.digits == 0 && isListOfNames(text, range)
            {
                return false
            }
            if isPathOrURL(text, range), profile.digits == 0 { return false }
            if Placeholders.speaksOfItself(text, range) { return false }
            if profile.digits == 0, profile.symbols == 0, value.op == .comma {
                return Randomness.looksRandom(profile) || isEnvironment(text, name)
            }
            return true
        case .secret, .key:
            if spaces > 0 { return range.count >= Self.saltLength && isSalt(text, range, profile, spaces) }
            // `auth): user=<x>`: another assignment, not a value.
            if value.quote == 0, let equals = text.find("=", in: range), equals + 1 < range.upperBound,
                text[equals + 1] != UInt8(ascii: "="),
                !(range.lowerBound..<equals).contains(where: { text[$0].isDigit }),
                !Randomness.looksRandom(text.raw(range.lowerBound..<equals))
            {
                return false
            }
            if Placeholders.speaksOfItself(text, range) || isPathOrURL(text, range) || isBytes(text, range) {
                return false
            }
            if profile.letters == 0 { return name.strength == .secret && range.count >= 12 }
            if isChosen(text, range) || name.strength == .secret && isMarked(text, range, profile) { return true }
            if isVersionOrIdentifier(text, range, profile) { return false }
            if Randomness.looksRandom(profile) { return true }
            // Long strings of base64 or hexadecimal are no prose, nor are letters of both cases among many digits.
            return range.count >= 24 && profile.digits >= 3 && profile.symbols * 6 < range.count
                && (profile.commonShare < 0.75
                    || profile.uppers > 0 && profile.lowers > 0 && profile.digits * 4 >= range.count)
        }
    }

    /// `SET PASSWORD = PASSWORD('x')` in SQL: what it is called with is the password itself.
    private func isPasswordFunction(_ text: Text, _ name: CredentialName) -> Bool {
        var i = name.start
        while i > 0, name.start - i < 3, text[i - 1].isBlank { i -= 1 }
        return text.at(i - 1) == UInt8(ascii: "=") && name.end - name.start == 8
            && (text.has("PASSWORD", at: name.start) || text.has("password", at: name.start))
            && text.at(name.end + 1) == .apostrophe
    }

    /// A word, a number and a mark, as people choose a password. Not `logo@2x`: the mark is the last byte.
    private func isChosen(_ text: Text, _ range: Range<Int>) -> Bool {
        var i = range.lowerBound
        while i < range.upperBound, text[i].isLetter { i += 1 }
        let letters = i - range.lowerBound
        while i < range.upperBound, text[i].isDigit { i += 1 }
        return range.count >= 8 && letters >= 3 && i - range.lowerBound - letters >= 2 && i == range.upperBound - 1
            && text[i].isOne(of: "!@#$%^&*?")
    }

    /// Letters, digits and marks that hardly anything but a password has: `melon!2000`.
    private func isMarked(_ text: Text, _ range: Range<Int>, _ profile: Randomness.Profile) -> Bool {
        profile.digits > 0 && range.contains { text[$0].isOne(of: "!#^&*$") }
            && !range.contains { text[$0].isOne(of: "()[]{}<>:/=,;|") }
    }

    /// OpenSSL's `-passin pass:x`.
    private func isPassOption(_ text: Text, _ name: CredentialName) -> Bool {
        let options: [StaticString] = ["-passin ", "-passout ", "-pass "]
        return options.contains { text.has($0, at: name.start - $0.utf8CodeUnitCount) }
    }

    /// Whether the name is that of an environment variable that is asked for, so that what follows it is its default.
    private func isEnvironment(_ text: Text, _ name: CredentialName) -> Bool {
        let calls: [StaticString] = ["getenv(", "env(", "env.fetch(", "environ.get(", "getordefault(", "config("]
        return text.at(name.start - 1).isQuote
            && calls.contains { text.hasFolded($0, at: name.start - 1 - $0.utf8CodeUnitCount) }
    }

    /// `getPassword("x")` is given a name.
    private func isGetter(_ text: Text, _ name: CredentialName) -> Bool {
        let verbs: [StaticString] = ["get", "has", "is", "read", "fetch", "load", "find", "env", "require", "lookup"]
        return verbs.contains { text.hasFolded($0, at: name.start) }
    }

    /// A value that only a blank or a verb joins to its name.
    private func isLoose(
        _ text: Text, _ name: CredentialName, _ value: Value, _ range: Range<Int>, _ profile: Randomness.Profile,
        _ spaces: Int
    ) -> Bool {
        guard spaces == 0, profile.letters > 0, !Placeholders.speaksOfItself(text, range), !isPathOrURL(text, range),
            mayBePrecededByProse(text, name)
        else { return false }
        // Of a directive that is nothing else, any word is the password: `requirepass x`.
        if value.quote == 0, isDirective(text, name), isWholeLine(text, name, range) { return range.count >= 6 }
        // Gradle's `keyPassword "x"`.
        let isQuotedWithMarks = value.quote != 0 && profile.symbols > 0 && isCompound(text, name)
        guard profile.digits > 0 || isQuotedWithMarks, !isVersionOrIdentifier(text, range, profile) else {
            return false
        }
        if name.strength == .password {
            // Another assignment, a version, a digest.
            if value.quote == 0,
                range.contains(where: { text[$0].isOne(of: "=:") })
                    || profile.is_hex != 0 && range.count >= 32 && !text.hasFolded("storepass", at: name.end - 9)
            {
                return false
            }
            // A verdict: `PASS 12of20`.
            let isVerdict = name.wordEnd - name.wordStart == 4 && name.start == name.wordStart
            if isVerdict, range.count < 8 || range.contains(where: { text[$0].isOne(of: "/=_.") }) { return false }
            if value.quote != 0 { return range.count >= 6 }
            // A directive with a line of its own: `requirepass x`.
            if range.count >= 6, isWholeLine(text, name, range),
                text.find("/", in: range) == nil || Randomness.looksRandom(profile)
            {
                return true
            }
            return range.count >= 8
                && (Randomness.looksRandom(profile) || isCompound(text, name) || isMixedWord(text, range, profile))
        }
        // `sig x`, `auth x`: words of sentences and of other things.
        guard Randomness.looksRandom(profile), name.isPhrase || name.wordEnd - name.wordStart >= 5,
            !text.hasFolded("auth", at: name.wordEnd - 4)
                || isCompound(text, name) && text[name.start] != UInt8(ascii: "_")
        else { return false }
        if profile.is_hex != 0 { return range.count >= 32 && isCompound(text, name) }
        if profile.uppers > 0, profile.lowers > 0 { return range.count >= 20 && isToken(text, range) }
        return range.count >= 16 && isCompound(text, name) && isToken(text, range)
    }

    /// Names of directives and nothing else.
    private func isDirective(_ text: Text, _ name: CredentialName) -> Bool {
        let names: [StaticString] = ["requirepass", "masterauth", "rootpw", "bindpw", "userpw"]
        return names.contains { $0.utf8CodeUnitCount == name.end - name.start && text.hasFolded($0, at: name.start) }
    }

    /// Letters of both cases and digits, as people are asked to choose: `Melon2000!`. Not `PBKDF2WithHmac`.
    private func isMixedWord(_ text: Text, _ range: Range<Int>, _ profile: Randomness.Profile) -> Bool {
        // Names of algorithms have several numbers.
        let numbers = range.count { text[$0].isDigit && !($0 > range.lowerBound && text[$0 - 1].isDigit) }
        guard numbers == 1 else { return false }
        return profile.uppers > 0 && profile.lowers > 0 && profile.digits >= 2 && range.count <= 32
            && !range.contains { text[$0].isOne(of: "/=_.:-()[]{}") }
    }

    /// Whether a sentence or a command may go on with the name: it is neither a value itself nor a part of a path.
    private func mayBePrecededByProse(_ text: Text, _ name: CredentialName) -> Bool {
        name.start == 0 || text[name.start - 1].isWhitespace || text[name.start - 1].isOne(of: "\"'`(*>$#:")
    }

    /// An identifier of several words: `API_TOKEN`, `authToken`; not a word of a sentence.
    private func isCompound(_ text: Text, _ name: CredentialName) -> Bool {
        name.isPhrase || text.hasFolded("apikey", at: name.wordStart)
            || (name.start..<name.end).contains { i in
                text[i] == UInt8(ascii: "_") || i > name.start && text[i].isUpper && text[i - 1].isLower
            }
    }

    private func isToken(_ text: Text, _ range: Range<Int>) -> Bool { !range.contains { !text[$0].isToken } }

    /// Shortest value of a weak name.
    static let minimumKey = 16
    /// WordPress makes keys and salts of 64 printable characters, blanks too.
    private static let saltLength = 60

    private func isSalt(_ text: Text, _ range: Range<Int>, _ profile: Randomness.Profile, _ spaces: Int) -> Bool {
        spaces <= 8 && profile.symbols * 5 >= profile.length && Randomness.looksRandom(profile)
    }

    /// Whether the value of a weak name (`key`) looks like nothing but a key: hexadecimal and UUIDs only where the name says whose.
    private func isKey(
        _ text: Text, _ name: CredentialName, _ value: Value, _ range: Range<Int>, _ profile: Randomness.Profile,
        _ spaces: Int
    ) -> Bool {
        if value.quote != 0, range.count >= Self.saltLength, isSalt(text, range, profile, spaces) { return true }
        guard range.count >= Self.minimumKey, spaces == 0, profile.letters > 0, profile.digits > 0,
            Randomness.looksRandom(profile), isToken(text, range), !Placeholders.speaksOfItself(text, range),
            !isPathOrURL(text, range), !isVersionOrIdentifier(text, range, profile)
        else { return false }
        if profile.is_hex != 0 {
            return range.count >= 32
                && (name.start < name.wordStart || isDeclaration(text, name, value, range)
                    || text.at(name.start - 1).isOne(of: "?&"))
        }
        if text.find("/", in: range) != nil, profile.uppers * 6 < profile.length || text.find(".", in: range) != nil {
            return false
        }
        // Parts that are words: `linux-node-18-5f2c81d0e9a74b36`.
        var i = range.lowerBound
        while i < range.upperBound {
            let start = i
            while i < range.upperBound, text[i].isLetter { i += 1 }
            if i - start >= 3, i == range.upperBound || !text[i].isAlnum,
                start == range.lowerBound || !text[start - 1].isAlnum
            {
                let part = Randomness.profile(text.raw(start..<i))
                if part.commonShare >= 0.6, part.uppers <= 1 || part.lowers == 0 { return false }
            }
            i = max(i, start + 1)
        }
        return true
    }

    /// `\x0D\x0A…`: bytes of a format.
    private func isBytes(_ text: Text, _ range: Range<Int>) -> Bool { text.has("\\x", at: range.lowerBound) }

    /// Whether the assignment is all there is in its line, but for words before it: `const key = "x";`.
    private func isDeclaration(_ text: Text, _ name: CredentialName, _ value: Value, _ range: Range<Int>) -> Bool {
        var i = name.start
        while i > 0, name.start - i < Self.maximumName, text[i - 1].isBlank || text[i - 1].isLetter { i -= 1 }
        guard i == 0 || text[i - 1] == .lineFeed else { return false }
        // What stands behind a closing quote may not have come yet.
        let after = text.at(range.upperBound)
        return value.quote != 0 || range.upperBound == text.count || after == .lineFeed || after == .carriageReturn
            || after == UInt8(ascii: ";")
    }

    /// Words of a sentence about passwords.
    private static let sentenceWords: Set<String> = [
        "the", "your", "you", "is", "are", "must", "be", "to", "for", "of", "or", "and", "with", "not", "a", "an", "at",
        "least", "password", "passwords", "passphrase", "please", "enter", "this", "that", "invalid", "wrong",
        "required",
        "should", "may", "can", "will", "has", "have", "new", "old", "confirm", "reset", "change", "forgot", "in", "on",
        "if", "no", "does", "do", "cannot", "incorrect", "user", "username", "login", "account", "type", "choose",
        "too",
        "from", "it", "as", "by", "used", "use", "set", "only", "error", "failed", "missing",
    ]

    /// Four words or more of no sentence, or three where a passphrase is asked for.
    private func isPassphrase(_ text: Text, _ name: CredentialName, _ range: Range<Int>, _ spaces: Int) -> Bool {
        guard spaces <= 8, range.count <= 80, spaces >= 3 || text.findFolded("phrase", in: name.start..<name.end) != nil
        else { return false }
        var i = range.lowerBound
        while i < range.upperBound {
            let start = i
            while i < range.upperBound, text[i].isAlnum { i += 1 }
            guard i > start, i == range.upperBound || text[i] == .space || text[i] == UInt8(ascii: "-") else {
                return false
            }
            let word = String(decoding: text.raw(start..<i).lazy.map(lower), as: UTF8.self)
            if Self.sentenceWords.contains(word) { return false }
            i += 1
        }
        return true
    }

    /// `"PGPASSWORD", "clientSecret"`: the second is a name too.
    private func isListOfNames(_ text: Text, _ range: Range<Int>) -> Bool {
        guard !range.contains(where: { !text[$0].isIdentifier && text[$0] != UInt8(ascii: "-") }) else { return false }
        let words: [StaticString] = ["pass", "secret", "token", "key", "cred", "auth", "user", "login", "name", "mail"]
        return words.contains { text.findFolded($0, in: range) != nil }
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
                || text.has("?.", at: i)
        {
            if text[i] == UInt8(ascii: ".") { dots += 1 }
            if text[i] == UInt8(ascii: "_") { underscores += 1 }
            i += text[i].isIdentifier || text[i] == UInt8(ascii: ".") ? 1 : 2
        }
        // A call or an index: `os.getenv(`, `env[`.
        if i < end, text[i] == UInt8(ascii: "(") || text[i] == UInt8(ascii: "[") {
            return i - start >= 2 && !Randomness.looksRandom(text.raw(start..<i))
        }
        guard i == end else { return false }
        if dots > 0 {
            return !Randomness.looksRandom(text.raw(start..<end)) || text.has("process.env.", at: start)
                || text.has("os.environ", at: start)
        }
        // `$password` has been seen to; snake_case and camelCase names without digits are names.
        let profile = Randomness.profile(text.raw(start..<end))
        if underscores > 0, profile.digits == 0, profile.commonShare >= 0.6 { return true }
        if profile.digits == 0, profile.lowers > 0, profile.uppers > 0, profile.commonShare >= 0.75,
            profile.length >= 8,
            profile.pairs >= 5
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
        if profile.is_hex == 0, profile.symbols >= 2, profile.pairs >= 6, profile.commonShare >= 0.8,
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
