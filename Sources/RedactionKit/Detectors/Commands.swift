internal import CPrefilter

/// Passwords in the options and arguments of commands.
///
/// An option announces a password if its command stands before it in the line: `pm_password_option` has the commands, so that a screen
/// asks the same. Nothing but options is looked for in the text, since there are fewer of them than of commands.
extension Scanner {
    /// What may be such options, without case.
    static let passwordOptions = [" -p", " -a", " -b", " -u", " -w", " -x", " --user", " --proxy-user", " /p:"]

    /// Commands of which an argument is a password.
    static let passwordCommands = ["net use", "sqlplus ", "add_user "]

    /// The value of an option: `mysql -p<x>`, `curl -u user:<x>`, `htpasswd -b file user <x>`.
    func passwordOption(_ pass: inout Pass, at index: Int) {
        guard let rule = rules.header else { return }
        let text = pass.text
        let reach = min(Int(PM_COMMAND_REACH), limits.context / 2)
        // What stands before a placeholder was farther away before.
        var floor = pass.afterPlaceholdersInOrder(max(0, index - reach)..<index).lowerBound
        // Nor is a command what a placeholder left of a word.
        if pass.followsPlaceholder(floor) {
            while floor < index, text[floor].isIdentifier || text[floor].isOne(of: "-.") { floor += 1 }
        }
        var start = 0
        let options = pm_password_option(&pass.commands, text.base, index, text.count, floor, &start)
        guard options != 0, start < text.count else { return }
        func has(_ option: pm_option) -> Bool { options & option.rawValue != 0 }
        if has(PM_OPTION_COOKIE) {
            guard let cookie = rules.cookie, start + 1 < text.count else { return }
            return cookieList(&pass, at: index, (start + 1, text[start]), isSet: false, cookie)
        }
        if has(PM_OPTION_B) {
            for _ in 0..<2 {
                guard let next = nextArgument(text, start) else { return }
                start = next
            }
        }
        if has(PM_OPTION_USER) || has(PM_OPTION_A_USER) {
            // `curl -u` in prose: it closes, and nothing is quoted.
            guard text[start] != UInt8(ascii: "`") else { return }
            let separators = text.hasFolded(" -u", at: index) ? ":,%" : ":"
            let begin = start + (text[start].isQuote ? 1 : 0)
            let limit = min(text.count, begin + min(Int(PM_COMMAND_USER), limits.context / 4) + 1)
            let end = (begin..<max(begin, limit)).first {
                text[$0].isQuote || text[$0] < .space || begin == start && text[$0] == .space
            }
            // Nothing is held until a password begins.
            guard let colon = (begin..<(end ?? limit)).first(where: { separators.utf8.contains(text[$0]) }),
                text[colon] == UInt8(ascii: ":")
                    || colon > begin && !text.raw(begin..<colon).contains(where: { $0.isBlank }),
                let value = argument(&pass, start, from: colon + 1),
                // The colon of a placeholder is none. What holds one was looked at before.
                text.find(Placeholders.mark, in: begin..<value.range.upperBound) == nil
            else { return }
            return add(&pass, value, rule, minimum: 1)
        }
        guard let value = argument(&pass, start), options != PM_OPTION_NAMED.rawValue || isStrange(text, value.range)
        else { return }
        add(&pass, value, rule, minimum: 3)
    }

    /// `net user name VALUE`, `net use \\\\host\\share VALUE`, `sqlplus name/<x>@host`, `add_user name VALUE`.
    func passwordArgument(_ pass: inout Pass, at index: Int) {
        guard let rule = rules.header else { return }
        let text = pass.text
        guard !text.at(index - 1).isIdentifier, !pass.followsPlaceholder(index) else { return }
        if text.hasFolded("sqlplus ", at: index) {
            var start = index + 8
            // `-s`, `-L`
            while text.at(start) == UInt8(ascii: "-") {
                guard let next = nextArgument(text, start) else { return }
                start = next
            }
            guard start < text.count, var value = argument(&pass, start), !value.isCut,
                text.find(Placeholders.mark, in: value.range) == nil, let slash = text.find("/", in: value.range),
                slash > value.range.lowerBound
            else { return }
            let end = text.find("@", in: slash..<value.range.upperBound) ?? value.range.upperBound
            value.range = (slash + 1)..<end
            return add(&pass, value, rule, minimum: 3)
        }
        guard var start = nextArgument(text, index) else { return }
        if text.hasFolded("net user ", at: index) || text.hasFolded("net use ", at: index) {
            guard let next = nextArgument(text, start) else { return }
            start = next
            // A drive, the share, a user.
            while text.at(start) == .backslash || text.at(start + 1) == UInt8(ascii: ":")
                || text.hasFolded("/user:", at: start)
            {
                guard let next = nextArgument(text, start) else { return }
                start = next
            }
        }
        guard let next = text.hasFolded("net use ", at: index) ? start : nextArgument(text, start), next < text.count,
            !text[next].isOne(of: "/-*|&;"), let value = argument(&pass, next), isStrange(text, value.range)
        else { return }
        add(&pass, value, rule, minimum: 4)
    }

    /// A value without its quotes.
    private struct Argument {
        var range: Range<Int>
        let quote: UInt8
        /// It goes on behind the limit.
        let isCut: Bool
    }

    /// Longest argument before the one that is a password, in bytes.
    private static let maximumArgument = 128

    /// Where the argument behind the one at `start` begins, in its line; nil if none has begun.
    func nextArgument(_ text: Text, _ start: Int) -> Int? {
        var i = start
        let limit = min(text.count, start + min(Self.maximumArgument, limits.context / 8))
        while i < limit, !text[i].isWhitespace { i += 1 }
        while i < limit, text[i].isBlank { i += 1 }
        return i < limit && text[i] > .space && text.at(i - 1).isBlank ? i : nil
    }

    /// The argument at `start` from `first` on; held, and nil, if it is not complete.
    private func argument(_ pass: inout Pass, _ start: Int, from first: Int? = nil) -> Argument? {
        let text = pass.text
        let quote = text[start].isQuote ? text[start] : 0
        let start = first ?? (quote == 0 ? start : start + 1)
        var end = start
        while end < text.count, end - start < limits.value, text[end] != .lineFeed,
            quote != 0 ? text[end] != quote : !text[end].isWhitespace && !text[end].isQuote
        { end += 1 }
        guard pass.isComplete(at: end) else {
            if start < text.count { pass.holdFrom(start) }
            return nil
        }
        return Argument(range: start..<end, quote: quote, isCut: end == start + limits.value)
    }

    private func add(_ pass: inout Pass, _ value: Argument, _ rule: Int, minimum: Int) {
        let range = value.range
        if value.isCut, addRest(&pass, from: range.lowerBound, limit: range.upperBound, rule: rule, quote: value.quote)
        {
            return
        }
        if range.count >= minimum, !Placeholders.isTemplate(pass.text, range) {
            pass.add(range, rule: rule, confidence: 1, reason: .context)
        }
    }

    /// Whether a value is a password where only its place says so: digits and capitals, or signs, among its letters, or random.
    private func isStrange(_ text: Text, _ range: Range<Int>) -> Bool {
        let profile = Randomness.profile(text.raw(range))
        guard range.count >= 6, profile.letters > 0, !range.contains(where: { text[$0].isOne(of: "/=:") }) else {
            return false
        }
        return range.contains { text[$0].isOne(of: "!@#$%^&*?+") } || profile.digits > 0 && profile.uppers > 0
            || profile.digits > 0 && Randomness.looksRandom(profile)
    }
}
