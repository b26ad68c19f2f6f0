/// Credentials in URLs and connection strings: a user and a password before the host (RFC 3986, 3.2.1).
extension Scanner {
    /// Examines the `://` at `index`. Only the password is redacted; scheme, user and host stay readable.
    func url(_ pass: inout Pass, schemeEnd index: Int) {
        guard let rule = rules.url else { return }
        let text = pass.text
        guard text.at(index - 1).isAlnum else { return }
        // In JSON the slashes may be escaped (RFC 8259, 7).
        let isEscaped = text.at(index + 1) == .backslash
        let start = index + (isEscaped ? 5 : 3)
        let cut = start + limits.authority
        let limit = min(text.count, cut)
        var colon = -1
        var lastAt = -1
        var pathStart = -1
        var holdsPlaceholder = false
        var i = start
        scan: while i < limit {
            let byte = text[i]
            switch byte {
            case UInt8(ascii: ":"):
                // Another URL begins.
                if i > start, text.has("://", at: i) { break scan }
                if colon < 0, lastAt < 0, pathStart < 0 { colon = i }
            case UInt8(ascii: "["):
                // A placeholder of ours is one thing, whatever it is called.
                if text.has(Placeholders.mark, at: i) {
                    holdsPlaceholder = true
                    while i + 1 < limit, text[i] != UInt8(ascii: "]"), text[i] >= 0x20 { i += 1 }
                }
            case UInt8(ascii: "@"):
                if pathStart < 0 {
                    lastAt = i
                } else if lastAt < 0, colon >= 0, !isPort(text, colon + 1, pathStart) {
                    // A password with an unescaped `/`, `?` or `#`.
                    lastAt = i
                    break scan
                }
            case UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"):
                if pathStart < 0 {
                    pathStart = i
                    if lastAt >= 0 || colon < 0 || isPort(text, colon + 1, i) { break scan }
                }
            case UInt8(ascii: "<"), UInt8(ascii: ">"), .backslash, UInt8(ascii: ","):
                // A list of hosts follows the user part; before it a comma may belong to the password. Of an escaped slash,
                // the slash decides.
                if byte == UInt8(ascii: ",")
                    ? lastAt >= 0
                    : !isEscaped || byte != .backslash || i + 1 < text.count && text[i + 1] != UInt8(ascii: "/")
                {
                    break scan
                }
            default:
                if byte.isWhitespace || byte.isQuote || byte < 0x20 { break scan }
            }
            i += 1
        }
        // Whether a placeholder or another URL begins before the limit may need bytes beyond it.
        if !pass.isFinal, i == limit, text.count < cut + Placeholders.mark.utf8CodeUnitCount {
            // Undecided: the password, if there is one, begins after the colon, and a token after the slashes.
            pass.holdFrom(colon >= 0 && !mayBeToken(text, start..<colon) ? colon + 1 : start)
            return
        }
        if i == cut, cut < text.count, colon >= 0, lastAt < 0 {
            // What follows the colon is no port and has no end: it counts as a password. With a placeholder in it, it was
            // looked at before, and had an end then.
            if !holdsPlaceholder { _ = addRest(&pass, from: colon + 1, limit: i, rule: rule, quote: 0) }
            return
        }
        guard lastAt > start else { return }
        if colon < 0 || colon > lastAt {
            redactUser(&pass, start..<lastAt, rule)
            return
        }
        let password = (colon + 1)..<lastAt
        // A token as the user, and nothing or a fixed word as its password.
        if password.isEmpty || text.has("x-oauth-basic@", at: password.lowerBound) {
            redactUser(&pass, start..<colon, rule)
            return
        }
        guard !password.isEmpty, !Placeholders.isTemplate(text, password) else { return }
        pass.add(password, rule: rule, confidence: 1, reason: .structure)
        pass.userInfoEnds.append(lastAt)
    }

    /// The user part of a URL without a password is a token if it looks random.
    private func redactUser(_ pass: inout Pass, _ user: Range<Int>, _ rule: Int) {
        if mayBeToken(pass.text, user) { pass.add(user, rule: rule, reason: .structure) }
    }

    private func mayBeToken(_ text: Text, _ user: Range<Int>) -> Bool {
        user.count >= 20 && text.find("[REDACTED", in: user) == nil && Randomness.looksRandom(text.raw(user))
    }

    /// Drops the addresses that a decoded password and the host behind it look like: `p%40ss/w0rd@…`.
    func dropUserInfo(_ pass: inout Pass) {
        guard let email = rules.email, !pass.userInfoEnds.isEmpty else { return }
        // An address is short: each of its bytes is asked for.
        let ends = Set(pass.userInfoEnds)
        pass.spans.removeAll { span in span.rule == email && (span.start..<span.end).contains(where: ends.contains) }
    }

    func isPort(_ text: Text, _ start: Int, _ end: Int) -> Bool {
        guard end - start <= 5 else { return false }
        for i in start..<end where !text[i].isDigit { return false }
        return true
    }
}
