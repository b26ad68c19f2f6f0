internal import CPrefilter
internal import PatternEngine
internal import RedactionRules

/// Tokens that only their surroundings tell: a provider's name before them, a Kubernetes Secret, a private JWK.
extension Scanner {
    /// Token text in which a provider's token may stand, if the provider is named before it (`pm_find_provider`).
    ///
    /// `isMid`: the part begins in the middle of a run, and so does not begin a value.
    func providerToken(_ pass: inout Pass, _ start: Int, _ end: Int, isMid: Bool) {
        guard let rule = rules.provider else { return }
        let text = pass.text
        let tables = rules.tables.pointer
        var found = pm_provider_match()
        guard pm_find_provider(tables, text.base, text.count, start, end, &found) != 0 else { return }
        let value = found.value_start..<found.value_end
        if isMid, value.lowerBound == start { return }
        var context = found.context_start..<value.lowerBound
        var isWeak = found.is_weak != 0
        let own = pass.afterPlaceholdersInOrder(context)
        if own != context {
            context = own
            let strength = pm_match_provider(
                tables, text.base, text.count, value.lowerBound, value.upperBound, context.lowerBound,
                context.upperBound)
            guard strength != 0,
                pm_follows_operator(text.base, text.count, context.lowerBound, value.lowerBound) != 0
                    || pm_stands_beside_provider(
                        tables, text.base, text.count, context.lowerBound, value.lowerBound) != 0
            else { return }
            isWeak = strength == 1
        }
        // Digests and identifiers are hexadecimal too: ask for a credential's word, or for the provider's as the name itself.
        let isHexadecimal = Randomness.profile(text.raw(value)).is_hex != 0
        if isWeak || isHexadecimal || text[value.lowerBound - 1] == .space {
            guard
                !isWeak && !isHexadecimal && isFollowedByBlank(text, value)
                    && pm_stands_beside_provider(
                        tables, text.base, text.count, context.lowerBound, value.lowerBound) != 0
                    || pm_has_credential_word(text.base, text.count, context.lowerBound, context.upperBound) != 0
                    || !isHexadecimal && isEndpoint(text, context)
                    || (!isWeak || isConstant(text, value))
                        && pm_is_named_after_provider(
                            tables, text.base, text.count, value.lowerBound, value.upperBound, context.lowerBound,
                            context.upperBound) != 0
            else { return }
        }
        if Self.identifiers.stand(in: text, max(context.lowerBound, value.lowerBound - 28)..<value.lowerBound)
            || Placeholders.isStandIn(text, value) || pass.isInsidePlaceholder(value.lowerBound)
        {
            return
        }
        // Surer than a generic assignment, which names no provider.
        pass.add(value, rule: rule, confidence: 1, reason: .context)
    }

    /// `X_SK=`, `X_DSN=`, `X_WEBHOOK=`: said only of credentials, though the words alone say little.
    private func isEndpoint(_ text: Text, _ context: Range<Int>) -> Bool {
        let words: [StaticString] = ["_sk=", "_dsn=", "_webhook="]
        return words.contains { text.hasFolded($0, at: context.upperBound - $0.utf8CodeUnitCount) }
    }

    /// Whether the value ends its line, its string or its word: not a path, an address or a name that goes on.
    private func isFollowedByBlank(_ text: Text, _ value: Range<Int>) -> Bool {
        value.upperBound == text.count || text[value.upperBound].isWhitespace || text[value.upperBound].isQuote
            || text[value.upperBound].isOne(of: ",;.")
    }

    /// Whether the value is what a constant is set to: `CODA=…` or `coda = "…"`. Fields of logs and of JSON look otherwise.
    private func isConstant(_ text: Text, _ value: Range<Int>) -> Bool {
        guard Randomness.profile(text.raw(value)).is_hex == 0 else { return false }
        var i = value.lowerBound
        if text.at(i - 1).isQuote {
            i -= 1
            let quote = i
            while text.at(i - 1).isBlank { i -= 1 }
            return i < quote && text.at(i - 1) == UInt8(ascii: "=") && text.at(i - 2).isBlank
        }
        guard text.at(i - 1) == UInt8(ascii: "=") else { return false }
        i -= 1
        let end = i
        while text.at(i - 1).isUpper || text.at(i - 1).isDigit || text.at(i - 1) == UInt8(ascii: "_") { i -= 1 }
        return end - i >= 3 && !text.at(i - 1).isAlnum
    }

    /// Names of things that look like tokens and are none.
    private static let identifiers = FoldedWords([
        "commit", "sha", "digest", "hash", "checksum", "etag", "md5", "revision", "trace", "span", "request",
        "fingerprint", "integrity",
        "uuid", "image", "layer", "container", "build_id", "job_id", "run_id", "account_id", "project_id", "tree",
        "blob", "ref", "version",
        "public", "cache", "arn:", "nonce", "correlation", "session_id", "device", "rid=",
    ])

    // MARK: - Kubernetes

    /// Values that are looked for behind `data:`, in times of `Limits.value`.
    private static let manifestLimits = 4

    /// Values under `data:` of a Secret: base64 of text, one a line (YAML) or one a member (JSON).
    func manifest(_ pass: inout Pass, at index: Int) {
        guard let rule = rules.manifest else { return }
        let text = pass.text
        guard !text.at(index - 1).isIdentifier, text.hasFolded("data", at: index), !pass.followsPlaceholder(index)
        else {
            return
        }
        var i = index + 4
        let isJSON = text.at(i) == .quote
        let limit = min(text.count, index + Self.manifestLimits * limits.value)
        /// What follows belongs to the list as long as it goes on.
        func reopen(_ pass: inout Pass) {
            if limit == text.count, !pass.isFinal { pass.reopenList(at: index) }
        }
        // Until the list begins, nothing keeps what announces it.
        let near = min(text.count, index + limits.context - 64)
        if isJSON {
            i += 1
            while i < near, text[i].isWhitespace { i += 1 }
            guard i < near, text[i] == UInt8(ascii: ":") else { return }
            i += 1
            while i < near, text[i].isWhitespace { i += 1 }
            guard i < near, text[i] == UInt8(ascii: "{") else { return }
            i += 1
        } else {
            // Nothing but the line end may follow `data:`.
            i += 1
            while i < near, text[i].isBlank || text[i] == .carriageReturn { i += 1 }
            guard i < near, text[i] == .lineFeed else { return }
            i += 1
        }
        while i < limit {
            while i < limit, text[i].isWhitespace || text[i] == UInt8(ascii: ",") { i += 1 }
            if i < limit, text[i] == .quote { i += 1 }
            let name = i
            while i < limit, text[i].isIdentifier || text[i] == UInt8(ascii: "-") || text[i] == UInt8(ascii: ".") {
                i += 1
            }
            if i == limit { return reopen(&pass) }
            guard i > name else { return }
            if text[i] == .quote { i += 1 }
            while i < limit, text[i].isBlank { i += 1 }
            if i == limit { return reopen(&pass) }
            guard text[i] == UInt8(ascii: ":") else { return }
            i += 1
            while i < limit, text[i].isBlank { i += 1 }
            if i < limit, text[i].isQuote { i += 1 }
            let start = i
            while i < text.count, i - start < limits.value, text[i].isBase64 || text[i] == UInt8(ascii: "=") { i += 1 }
            if !pass.isComplete(at: i) {
                reopen(&pass)
                return start < text.count ? pass.holdFrom(start) : ()
            }
            let range = start..<i
            // Over-long: up to its terminator it is one value.
            if range.count == limits.value, addRest(&pass, from: start, limit: i, rule: rule, quote: 0) { return }
            guard i < text.count ? text[i].isWhitespace || text[i].isQuote || text[i] == UInt8(ascii: "}") : true else {
                return
            }
            if range.count >= 8, range.count % 4 == 0, isCanonicalBase64(text, range) {
                pass.add(range, rule: rule, confidence: 0, reason: .context)
            } else if range.isEmpty || text.at(i).isBlank {
                return  // No Secret: its values are base64.
            }
            if i < limit, text[i].isQuote { i += 1 }
            if i < limit, text[i] == UInt8(ascii: "}") { return }
        }
        reopen(&pass)
    }

    /// Whether the value is base64 that a person would not have written: it has padding, or decodes to text.
    private func isCanonicalBase64(_ text: Text, _ range: Range<Int>) -> Bool {
        if text[range.upperBound - 1] == UInt8(ascii: "=") { return true }
        // Checksums.
        if Randomness.profile(text.raw(range)).is_hex != 0 { return false }
        var printable = 0
        var decoded = 0
        var decoder = Base64Decoder()
        for i in range {
            guard let value = text[i].sextet else { return false }
            guard let byte = decoder.push(value) else { continue }
            decoded += 1
            if byte >= 0x20 && byte < 0x7f { printable += 1 }
        }
        return printable == decoded || Randomness.looksRandom(text.raw(range))
    }

    // MARK: - JSON Web Keys

    /// Shortest private member, in base64url digits: `d` of an Ed25519 key has 43, of a 128-bit `k` 22.
    private static let minimumMember = 22

    /// The member `"d"` or `"k"` of a JWK (RFC 7517, RFC 7518): its base64url value.
    func jwkMember(_ pass: inout Pass, at index: Int) {
        guard let rule = rules.keyMember else { return }
        let text = pass.text
        guard text[index] == .quote, text[index + 1] == UInt8(ascii: "d") || text[index + 1] == UInt8(ascii: "k") else {
            return
        }
        // In a string, the quotes are escaped.
        let isEscaped = text[index + 2] == .backslash
        var i = index + (isEscaped ? 4 : 3)
        guard !isEscaped || text.at(index - 1) == .backslash && text.at(i - 1) == .quote else { return }
        let limit = min(text.count, i + 8)
        let nameEnd = i
        while i < limit, text[i].isWhitespace || text[i] == UInt8(ascii: ":") { i += 1 }
        guard i > nameEnd else { return }
        if isEscaped {
            guard i < limit, text[i] == .backslash else { return }
            i += 1
        }
        guard i < limit, text[i] == .quote else { return }
        let start = i + 1
        i = start
        while i < text.count, i - start < limits.value, text[i].isBase64url { i += 1 }
        if !pass.isComplete(at: i) { return start < text.count ? pass.holdFrom(start) : () }
        let range = start..<i
        if range.count == limits.value, addRest(&pass, from: start, limit: i, rule: rule, quote: .quote) { return }
        guard range.count >= Self.minimumMember, text.at(i) == (isEscaped ? .backslash : .quote),
            Randomness.looksRandom(text.raw(range))
        else {
            return
        }
        pass.add(range, rule: rule, confidence: 1, reason: .structure)
    }

    // MARK: - Users' patterns

    /// A keyword of a user's rule at `index`: searches for the rule's pattern around it.
    ///
    /// A match counts if it begins at most `limits.context / 2` bytes before the keyword, in its line, or at most 256 bytes
    /// after it, and if its secret does not begin before the token run that holds the keyword; the text before that run may
    /// already have been released.
    func pattern(_ pass: inout Pass, rule: Int, keywordAt index: Int) {
        let text = pass.text
        // The prefilter compares at most 12 bytes: see that one of the keywords really stands here.
        guard rules.keywords[rule]!.contains(where: { hasKeyword(text, $0, at: index) }) else { return }
        let windowStart = text.lineStart(before: index, limit: limits.context / 2)
        var release = index
        while release > windowStart, text[release - 1].isToken { release -= 1 }
        search(&pass, rule: rule, from: windowStart, release: release, last: index + 256, end: index + limits.pattern)
    }

    /// Users' rules that nothing announces: searched for in every line, long ones in pieces.
    func everyLine(_ pass: inout Pass) {
        let text = pass.text
        var start = max(pass.lower, pass.pieces.line)
        while start > pass.pieces.line, text[start - 1] != .lineFeed { start -= 1 }
        while start < text.count {
            var end = start
            while end < text.count, text[end] != .lineFeed { end += 1 }
            forEachPiece(start, end, of: .line) { from, to, isCut in
                // What begins in the next piece is looked for there.
                let last = isCut ? from + Pieces.Kind.line.step(limits) - 1 : to
                for rule in rules.lineRules {
                    search(&pass, rule: rule, from: from, release: from, last: last, end: from + limits.pattern)
                }
                return true
            }
            start = end + 1
        }
    }

    /// Every match of a user's rule in a window that begins at or before `last`; of those that overlap, the first.
    ///
    /// A window is given by the text around a keyword or by a line, and is searched from its beginning, so that what is
    /// found does not depend on what else was searched.
    private func search(_ pass: inout Pass, rule: Int, from windowStart: Int, release: Int, last: Int, end: Int) {
        guard !disabled.contains(rule), let pattern = pattern(of: rule) else { return }
        let text = pass.text
        let windowEnd = min(text.count, end)
        let last = min(last, windowEnd)
        let isCut = windowEnd < text.count
        // Look-behind and `^` see what stands before the window.
        let base = max(0, windowStart - Self.lookBehind)
        let subject = text.raw(base..<windowEnd)
        var from = windowStart
        while from <= last {
            if let known = unmatched[rule], known.contains(from) {
                from = known.upperBound
                continue
            }
            var outcome = pattern.firstMatch(
                in: subject, from: from - base, last: last - base, partial: pass.isFinal && !isCut ? .none : .hard,
                scratch: scratch)
            var isWindowed = false
            if case .partial(let offset) = outcome, isCut {
                // It goes on to the window's end: what lies in the window decides.
                noteUnmatched(rule, from..<(base + offset))
                isWindowed = true
                outcome = pattern.firstMatch(
                    in: subject, from: offset, last: last - base, endsLine: text[windowEnd] == .lineFeed,
                    scratch: scratch)
            }
            switch outcome {
            case .match:
                guard let whole = scratch.span(of: 0) else { return }
                let match = (base + whole.lowerBound)..<(base + whole.upperBound)
                if !isWindowed { noteUnmatched(rule, from..<match.lowerBound) }
                from = max(match.upperBound, match.lowerBound + 1)
                let secret = secretSpan(rule, whole, groups: pattern.groupCount)
                let range = (base + secret.lowerBound)..<(base + secret.upperBound)
                guard range.lowerBound >= release, !range.isEmpty else { continue }
                guard let line = line(pass, rule, around: match) else { return pass.holdFrom(range.lowerBound) }
                _ = accept(&pass, rule: rule, secret: range, match: match, line: line)
            case .partial(let offset):
                pass.holdFrom(max(base + offset, release))
                return
            case .limit:
                noteExhausted(rule)
                var end = max(release, windowStart)
                while end < windowEnd, text[end] != .lineFeed { end += 1 }
                if end == text.count, !pass.isFinal, !isCut { return pass.holdFrom(release) }
                pass.add(release..<end, rule: rule, confidence: 0, reason: .limit)
                return
            case .noMatch:
                if !isWindowed { noteUnmatched(rule, from..<(last + 1)) }
                return
            }
        }
    }

    /// Bytes before a window that look-behind may see.
    private static let lookBehind = 64

    /// Remembers that no match of a rule begins in `range`, whatever window it is looked for in.
    private func noteUnmatched(_ rule: Int, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        if let known = unmatched[rule], known.lowerBound <= range.lowerBound, known.upperBound >= range.lowerBound {
            unmatched[rule] = known.lowerBound..<max(known.upperBound, range.upperBound)
        } else {
            unmatched[rule] = range
        }
    }

    private func hasKeyword(_ text: Text, _ keyword: String, at index: Int) -> Bool {
        var i = index
        for byte in keyword.utf8 {
            guard i < text.count, lower(text[i]) == lower(byte) else { return false }
            i += 1
        }
        return true
    }
}
