internal import CPrefilter

/// Electronic mail addresses: RFC 5321 and RFC 6531 as they are used, found at the `@` and followed both ways.
extension Scanner {
    /// RFC 5321, 4.5.3.1.1: octets of a local part.
    static let maximumLocalPart = 64
    /// RFC 5321, 4.5.3.1.2: octets of a domain.
    static let maximumDomain = 255

    /// Examines the `@` at `index`.
    func address(_ pass: inout Pass, at index: Int) {
        guard let rule = rules.email else { return }
        let text = pass.text
        guard let start = localStart(text, before: index) else { return }
        // The user of a URL is no address; `url` looks after the password.
        if isUserInfo(pass, start, index) { return }
        var end = index + 1
        let limit = min(text.count, index + 1 + Self.maximumDomain)
        if text.at(end) == UInt8(ascii: "[") {
            // Address literal, RFC 5321, 4.1.3.
            end += 1
            while end < limit,
                text[end].isHex || text[end] == UInt8(ascii: ".") || text[end] == UInt8(ascii: ":")
                    || text[end] | 0x20 == UInt8(ascii: "i") || text[end] | 0x20 == UInt8(ascii: "p")
                    || text[end] | 0x20 == UInt8(ascii: "v")
            { end += 1 }
            guard pass.isComplete(at: end) else { return pass.holdFrom(start) }
            guard text.at(end) == UInt8(ascii: "]"), end - index > 4 else { return }
            pass.add(start..<(end + 1), rule: rule, confidence: 2, reason: .structure)
            return
        }
        while end < limit {
            let byte = text[end]
            if byte.isAlnum || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") {
                end += 1
            } else if byte >= 0x80, let length = letterLength(text, at: end) {
                end += length
            } else {
                break
            }
        }
        // A letter that is cut off may belong to the domain.
        if !pass.isFinal, end < text.count, text[end] >= 0x80,
            case .incomplete = element(text, at: end, isFinal: false)
        {
            return pass.holdFrom(start)
        }
        // What follows decides about remotes (`git@host.example:path`): two bytes more.
        guard pass.isFinal || end + 2 <= text.count || (end < text.count && text[end] != UInt8(ascii: ":")) else {
            return pass.holdFrom(start)
        }
        if !pass.isFinal, text.at(end) == UInt8(ascii: ":"), text.isCut("[REDACTED", at: end + 1) {
            return pass.holdFrom(start)
        }
        guard pass.isComplete(at: end) else { return pass.holdFrom(start) }
        // What a placeholder cut short was looked at before, and what begins like one is left for those who know it by that.
        if text.has(Placeholders.mark, at: end) || text.has(Placeholders.mark, at: start - 1) { return }
        guard let domainEnd = domain(text, index + 1, end) else { return }
        if isRemote(text, start, index, domainEnd) { return }
        pass.add(start..<domainEnd, rule: rule, confidence: 2, reason: .structure)
    }

    /// Start of the local part that ends at `index`, or nil if there is none.
    ///
    /// `isOpen`: more of it may follow, so that an apostrophe may stand at its end.
    func localStart(_ text: Text, before index: Int, isOpen: Bool = false) -> Int? {
        let floor = max(0, index - Self.maximumLocalPart)
        if text.at(index - 1) == .quote { return quotedLocalStart(text, closing: index - 1) }
        var i = index
        var sawWide = false
        loop: while i > floor {
            let byte = text[i - 1]
            if byte.isAlnum || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
                || byte == UInt8(ascii: "%") && isPercentEscape(text, i - 1)
            {
                // ASCII letters continue a name of wide letters only the other way round: 姓名user@… is two words.
                if sawWide { break }
                i -= 1
            } else if byte == UInt8(ascii: ".") {
                if text.at(i - 2) == UInt8(ascii: ".") || sawWide { break }
                i -= 1
            } else if byte == .apostrophe, i == index ? isOpen : text[i].isAlnum, text.at(i - 2).isLetter {
                i -= 1
            } else if byte >= 0x80, let length = letterLength(text, endingAt: i) {
                if length >= 3 {
                    if i < index, !sawWide { break }
                    sawWide = true
                }
                i -= length
            } else {
                break loop
            }
        }
        // A local part longer than allowed is masked whole as far as its run reaches.
        if i == floor, i > 0, !sawWide {
            while i > max(0, index - limits.context / 2), text[i - 1].isAlnum || text[i - 1] == UInt8(ascii: "_") {
                i -= 1
            }
        }
        i = unitStart(text, i, index)
        while i < index, text[i].isOne(of: ".-+%'") { i += 1 }
        guard i < index else { return nil }
        // `@user@host` is a handle, not an address; `=40`-style and `mailto:` prefixes are not part of it.
        if text.at(i - 1) == UInt8(ascii: "@") { return nil }
        return i
    }

    private func isPercentEscape(_ text: Text, _ index: Int) -> Bool {
        if case .escaped = element(text, at: index, isFinal: true) { return true }
        return false
    }

    /// `"quoted local"@`: at most 64 bytes on one line, opened where a word may begin (RFC 5321, 4.1.2).
    func quotedLocalStart(_ text: Text, closing: Int) -> Int? {
        var i = closing - 1
        let floor = max(0, closing - Self.maximumLocalPart - 2)
        while i >= floor, text[i] != .quote {
            guard isQuotedLocalByte(text[i]) else { return nil }
            i -= 1
        }
        guard i >= floor, closing - i > 1, mayOpenQuotedLocal(text, at: i) else { return nil }
        return i
    }

    func isQuotedLocalByte(_ byte: UInt8) -> Bool {
        byte.isAlnum || byte >= 0x80 || byte.isOne(of: " .!#$%&*+-/=?^_|~@()")
    }

    func mayOpenQuotedLocal(_ text: Text, at index: Int) -> Bool {
        let before = text.at(index - 1)
        return index == 0 || before.isWhitespace || before.isOne(of: "<([,;:=")
    }

    /// End of a domain that can receive mail, or nil: labels with letters, digits and hyphens, a last label of letters.
    private func domain(_ text: Text, _ start: Int, _ end: Int) -> Int? {
        var end = end
        while end > start, text[end - 1] == UInt8(ascii: ".") || text[end - 1] == UInt8(ascii: "-") { end -= 1 }
        var lastDot = -1
        var i = start
        while i < end {
            if text[i] == UInt8(ascii: ".") {
                // An empty label ends the domain: two full stops
                if i == start || text[i - 1] == UInt8(ascii: ".") {
                    return lastDot < 0 ? nil : domain(text, start, i - 1)
                }
                lastDot = i
            }
            i += 1
        }
        guard lastDot > start, text[start] != UInt8(ascii: "-") else { return nil }
        let label = (lastDot + 1)..<end
        guard label.count >= 2, label.count <= 63 else { return nil }
        if text.hasFolded("xn--", at: label.lowerBound) { return end }
        for j in label where !(text[j].isLetter || text[j] >= 0x80) {
            // `user@example.com-suffix`: the domain may end at the hyphen.
            return nil
        }
        if pm_is_pseudo_domain(rules.tables.pointer, text.base + label.lowerBound, label.count) != 0 { return nil }
        return end
    }

    /// Last labels that are no top-level domain: names of files, of systemd units, of private networks.
    static let pseudoDomains = [
        "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "bmp", "css", "scss", "less", "js", "mjs", "cjs", "ts",
        "jsx", "tsx", "map",
        "json", "jsonl", "html", "htm", "xml", "yaml", "yml", "md", "txt", "log", "py", "pyc", "rb", "java", "class",
        "jar", "war", "kt",
        "swift", "cpp", "hpp", "conf", "cfg", "ini", "toml", "lock", "dll", "exe", "gz", "tgz", "tar", "xz", "bz",
        "whl",
        "deb", "rpm", "pdf", "csv", "sql", "sqlite", "db", "tmp", "bak", "orig", "patch", "diff", "key", "pem", "crt",
        "cer", "pub",
        "service", "socket", "target", "slice", "mount", "timer", "device", "scope", "swap", "automount", "path",
        "local", "internal", "lan", "localhost", "localdomain", "intranet", "corp", "home", "private", "svc", "cluster",
        "node",
        "default", "prod", "staging", "latest", "git", "bundle", "wasm", "node_modules", "tf", "tfvars", "env",
    ]

    /// Whether the `@` at `index` ends the user part of a URL: after `://` with no `/` between, but for one that stands
    /// in an unescaped password.
    ///
    /// A view shows no more than an atom: what stands before that was looked at when it was made.
    func isUserInfo(_ pass: Pass, _ start: Int, _ index: Int) -> Bool {
        let text = pass.text
        var i = start - 1
        let floor = max(0, start - 256)
        // Most addresses have none before them.
        guard pass.isInAuthority && floor == 0 || text.holdsScheme(floor..<start) else { return false }
        var slash = index
        var colon = -1
        while i >= floor {
            let byte = text[i]
            if byte.isWhitespace || byte.isQuote || byte == UInt8(ascii: "<") || byte == UInt8(ascii: "?")
                || byte == UInt8(ascii: "#")
            {
                return false
            }
            if byte == UInt8(ascii: ":") {
                if text.has("://", at: i) {
                    // With a path before the `@`, only a colon that begins no port makes it a password.
                    return slash == index || colon > i && colon < slash && !isPort(text, colon + 1, slash)
                }
                colon = i
            }
            if byte == UInt8(ascii: "/"), text.at(i - 1) != UInt8(ascii: "/"), text.at(i + 1) != UInt8(ascii: "/") {
                slash = i
            }
            i -= 1
        }
        return i < 0 && slash == index && pass.isInAuthority
    }

    /// `user@host` of a remote login or repository, which is a place and not a mailbox.
    private func isRemote(_ text: Text, _ start: Int, _ index: Int, _ end: Int) -> Bool {
        if text.at(end) == UInt8(ascii: ":") {
            let after = text.at(end + 1)
            // `git@host.example:org/repo`, `user@host.example:~/file`; but not before the blank of a sentence.
            if after.isAlnum || after == UInt8(ascii: "/") || after == UInt8(ascii: "~") || after == UInt8(ascii: ".") {
                return true
            }
            if text.has("[REDACTED", at: end + 1) { return true }
        }
        if index - start == 3, text.hasFolded("git", at: start) { return true }
        let lineStart = text.lineStart(before: start, limit: 160)
        return pm_has_remote_command(text.base, text.count, lineStart, start) != 0
    }

    // MARK: - Letters beyond ASCII

    /// Bytes of the UTF-8 letter that begins at `index`; nil if it is no letter or not valid.
    ///
    /// Letters are what stands in names: Latin, Greek, Cyrillic and the other two-byte alphabets, Indic and South-East
    /// Asian scripts, kana, Han, Hangul. Punctuation, symbols and emoji are not.
    func letterLength(_ text: Text, at index: Int) -> Int? {
        let lead = text[index]
        switch lead {
        case 0xC3...0xDF:
            guard text.at(index + 1) & 0xC0 == 0x80 else { return nil }
            // × and ÷
            if lead == 0xC3, text[index + 1] == 0x97 || text[index + 1] == 0xB7 { return nil }
            return 2
        case 0xE0...0xED:
            guard text.at(index + 1) & 0xC0 == 0x80, text.at(index + 2) & 0xC0 == 0x80 else { return nil }
            // U+2000–U+2FFF and U+3000–U+303F are punctuation and symbols.
            if lead == 0xE2 || (lead == 0xE3 && text[index + 1] == 0x80) { return nil }
            return 3
        default: return nil
        }
    }

    /// Bytes of the UTF-8 letter that ends before `index`.
    func letterLength(_ text: Text, endingAt index: Int) -> Int? {
        var i = index - 1
        while i > max(0, index - 3), text[i] & 0xC0 == 0x80 { i -= 1 }
        guard i >= 0, text[i] >= 0xC0, letterLength(text, at: i) == index - i else { return nil }
        return index - i
    }
}
