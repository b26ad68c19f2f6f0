/// Passwords among the arguments of calls, the values of SQL and the addresses of Go's drivers: what announces them is their place.
extension Scanner {
    /// Ends of the calls of which the second or third argument is a password: their beginnings are common words of logs.
    static let callEnds = ["gin(", "ect(", "ion(", "pdo("]

    /// Longest argument or value before a password, in bytes.
    private var maximumPredecessor: Int { min(128, limits.context / 8) }

    /// `smtp.login("user", "VALUE")`, `connect("host", "user", "VALUE")`.
    func callArguments(_ pass: inout Pass, at index: Int) {
        guard let rule = rules.password else { return }
        let text = pass.text
        let open = index + 3
        let names: [StaticString] = ["login", "connect", "connection", "pdo"]
        guard
            let name = names.first(where: { text.hasFolded($0, at: open - $0.utf8CodeUnitCount) }),
            !pass.followsPlaceholder(open - name.utf8CodeUnitCount)
        else { return }
        var target = name.utf8CodeUnitCount == 5 ? 1 : 2
        var i = open + 1
        var number = 0
        while number < target {
            guard let argument = listElement(text, i), text.at(argument.end) == UInt8(ascii: ",") else { return }
            // A port stands before the user.
            if number == 1, argument.isNumber { target = 3 }
            i = argument.end + 1
            number += 1
        }
        let gap = i
        while i < text.count, text[i].isWhitespace, i - gap < maximumPredecessor { i += 1 }
        guard let range = string(&pass, i, rule: rule) else { return }
        let profile = Randomness.profile(text.raw(range))
        guard range.count >= 4, profile.letters > 0, profile.digits > 0 || profile.symbols > 0,
            !Placeholders.isStandIn(text, range),
            !range.contains(where: { text[$0].isWhitespace || text[$0].isOne(of: "/:") })
        else { return }
        pass.add(range, rule: rule, confidence: 0, reason: .context)
    }

    /// The string that the quote at `start` begins; nil if there is none, or it is held, or over-long.
    private func string(_ pass: inout Pass, _ start: Int, rule: Int) -> Range<Int>? {
        let text = pass.text
        guard start < text.count, text[start] == .apostrophe || text[start] == .quote else { return nil }
        let quote = text[start]
        let first = start + 1
        var end = first
        while end < text.count, end - first < limits.value, text[end] != quote, text[end] != .lineFeed {
            if text[end] == .backslash, end + 1 < text.count { end += 1 }
            end += 1
        }
        guard pass.isComplete(at: end) else {
            if first < text.count { pass.holdFrom(first) }
            return nil
        }
        if end >= first + limits.value { _ = addRest(&pass, from: first, limit: end, rule: rule, quote: quote) }
        return text.at(end) == quote ? first..<end : nil
    }

    /// An argument or a value that begins at `index`, blanks before it: a string, a number or an expression without brackets.
    private func listElement(_ text: Text, _ index: Int) -> (range: Range<Int>, end: Int, isNumber: Bool)? {
        let limit = min(text.count, index + maximumPredecessor)
        var i = index
        while i < limit, text[i].isWhitespace { i += 1 }
        guard i < limit else { return nil }
        let quote = text[i]
        var range = i..<i
        if quote == .apostrophe || quote == .quote {
            let first = i + 1
            i = first
            while i < limit, text[i] != quote {
                if text[i] == .backslash { i += 1 }
                i += 1
            }
            guard i < limit else { return nil }
            range = first..<i
            i += 1
        } else {
            let first = i
            while i < limit, !text[i].isOne(of: ",()'\"\n;") { i += 1 }
            guard i < limit else { return nil }
            // A call without arguments: `NOW()`.
            if text.has("()", at: i) { i += 2 }
            range = first..<i
        }
        while i < limit, text[i].isWhitespace { i += 1 }
        guard i < limit,
            !range.contains(where: { text[$0] == UInt8(ascii: "[") && text.has(Placeholders.mark, at: $0) })
        else { return nil }
        return (range, i, !range.isEmpty && range.allSatisfy { text[$0].isDigit })
    }

    /// `INSERT INTO t (a, password) VALUES (1, 'VALUE')`: the values of columns that name a credential, as far as the context
    /// reaches. A placeholder ends it, since what is behind it was farther away before.
    func insertedValues(_ pass: inout Pass, at index: Int) {
        guard let rule = rules.password else { return }
        let text = pass.text
        guard text.hasFolded("insert into", at: index) else { return }
        let limit = min(text.count, index + limits.context * 3 / 4)
        guard
            let open = (index..<min(limit, index + maximumPredecessor)).first(where: { text[$0] == UInt8(ascii: "(") })
        else { return }
        var columns: [Bool] = []
        var i = open
        while i < limit, text[i] != UInt8(ascii: ")") {
            let start = i + 1
            i = start
            while i < limit, text[i] != UInt8(ascii: ","), text[i] != UInt8(ascii: ")") { i += 1 }
            columns.append(isCredentialColumn(text, start..<i))
        }
        guard columns.contains(true), i < limit else { return }
        i += 1
        while i < limit, text[i].isWhitespace { i += 1 }
        guard text.hasFolded("values", at: i) else { return }
        i += 6
        while i < limit {
            while i < limit, text[i].isWhitespace || text[i] == UInt8(ascii: ",") { i += 1 }
            guard i < limit, text[i] == UInt8(ascii: "(") else { return }
            i += 1
            for isCredential in columns {
                if isCredential {
                    while i < limit, text[i].isWhitespace { i += 1 }
                    guard i < limit else { return }
                    if text[i] == .apostrophe || text[i] == .quote {
                        guard let value = string(&pass, i, rule: rule),
                            text.find(Placeholders.mark, in: value) == nil
                        else { return }
                        if value.count >= 4, !Placeholders.isStandIn(text, value) {
                            pass.add(value, rule: rule, confidence: 0, reason: .context)
                        }
                        i = value.upperBound + 1
                        while i < limit, text[i].isWhitespace { i += 1 }
                    } else if let other = listElement(text, i) {
                        i = other.end
                    } else {
                        return
                    }
                } else if let other = listElement(text, i) {
                    i = other.end
                } else {
                    return
                }
                guard i < limit, text[i] == UInt8(ascii: ",") || text[i] == UInt8(ascii: ")") else { return }
                i += 1
            }
        }
    }

    /// Whether a column's name is that of a password or another credential, and not of its date or kind.
    private func isCredentialColumn(_ text: Text, _ range: Range<Int>) -> Bool {
        let words: [StaticString] = [
            "password", "passwd", "pwd", "passphrase", "secret", "api_key", "apikey", "access_token", "auth_token",
        ]
        let others: [StaticString] = [
            "_at", "_id", "date", "time", "hint", "type", "expir", "count", "reset", "question",
        ]
        return words.contains { text.findFolded($0, in: range) != nil }
            && !others.contains { text.findFolded($0, in: range) != nil }
    }

    /// `user:<x>@tcp(host:3306)/base`: the address of a database as Go's MySQL driver has it.
    func driverAddress(_ pass: inout Pass, at index: Int) {
        guard let rule = rules.url else { return }
        let text = pass.text
        var start = index
        let floor = max(0, index - maximumPredecessor)
        while start > floor, text[start - 1].isToken { start -= 1 }
        guard start > floor, index - start >= 3, text[start - 1] == UInt8(ascii: ":") else { return }
        var user = start - 1
        while user > floor, text[user - 1].isIdentifier || text[user - 1] == UInt8(ascii: "-") { user -= 1 }
        guard user < start - 1,
            user == 0 || text[user - 1].isWhitespace || text[user - 1].isQuote || text[user - 1] == UInt8(ascii: "=")
        else { return }
        pass.add(start..<index, rule: rule, confidence: 1, reason: .structure)
    }
}
