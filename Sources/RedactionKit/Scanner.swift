internal import CPrefilter
internal import Glibc
internal import PatternEngine
internal import RedactionRules

/// Finds secrets in a text: asks the prefilter for candidates and lets the detectors confirm them.
///
/// **Why the result does not depend on how the stream was cut.** Every detector decides on a *construct* (a token run,
/// a value, an address, a key block) that is found from a candidate by looking at the bytes around it, and decides only
/// when the construct is complete: its terminator is in the text, or the text is final, or a limit counted from the
/// construct's own beginning is reached. What is decided depends on bytes within `Limits.context` before the candidate
/// and on the construct, so a later pass over more bytes decides the same. A construct that is not complete lowers
/// `Pass.hold` to where its secret may begin, and no byte from there on is released.
///
/// One scanner belongs to one stream; it is not safe to share.
final class Scanner {
    let rules: CompiledRules
    let limits: Limits
    let scratch: MatchScratch
    let kernel: Int32
    let path: String?
    var knownValues: KnownValueIndex?

    /// Rules that reached the match limit; reported once each.
    private(set) var exhausted: Set<Int> = []
    private var patterns: [Pattern?]
    private var anchoredPatterns: [Pattern?]
    private var candidateBuffers: [UnsafeMutablePointer<pm_candidate>] = []
    /// By depth, room for a decoded text.
    private var decodingRooms: [UnsafeMutableBufferPointer<UInt8>] = []
    /// Rules that do not apply to this stream's path.
    private(set) var disabled: Set<Int> = []
    /// Made at the first anchor: most texts have none.
    private lazy var anchors = SeenAnchors(rules)
    /// The rule of a token that fills a piece of an over-long run to its end.
    var cutRule: Int?
    /// For each user's rule: offsets of the current text at which none of its matches begins.
    var unmatched: [Int: Range<Int>] = [:]

    /// Takes the place of the prefilter, in tests; see `ReferenceScanner`.
    var examiner: ((Scanner, inout Pass) -> Void)?

    private static let candidateCapacity = 2 * Int(PM_MINIMUM_CAPACITY)

    init(
        rules: CompiledRules, limits: Limits, kernel: Int32 = pm_best_kernel(), path: String? = nil
    ) {
        self.rules = rules
        self.limits = limits
        self.kernel = kernel
        self.path = path
        scratch = MatchScratch(matchLimit: limits.matchLimit)
        patterns = Array(repeating: nil, count: rules.rules.count)
        anchoredPatterns = patterns
        for (rule, pattern) in rules.paths {
            guard var path else { continue }
            let applies = path.withUTF8 {
                pattern.firstMatch(in: UnsafeRawBufferPointer($0), from: 0, scratch: scratch) == .match
            }
            if !applies { disabled.insert(rule) }
        }
    }

    deinit {
        for buffer in candidateBuffers { buffer.deallocate() }
        for room in decodingRooms { Self.release(room) }
    }

    /// Room for `size` bytes that are decoded from a text of this depth. It lasts until it is asked for again.
    func decodingRoom(_ depth: Int, _ size: Int) -> UnsafeMutablePointer<UInt8> {
        while decodingRooms.count <= depth { decodingRooms.append(.allocate(capacity: 0)) }
        if decodingRooms[depth].count < size {
            Self.release(decodingRooms[depth])
            decodingRooms[depth] = .allocate(capacity: max(size, Self.leastRoom))
        }
        return decodingRooms[depth].baseAddress!
    }

    /// Bytes of the first room: most decoded texts are shorter.
    private static let leastRoom = 1024

    /// What was decoded may be secret.
    private static func release(_ room: UnsafeMutableBufferPointer<UInt8>) {
        if let base = room.baseAddress { memset(base, 0, room.count) }
        room.deallocate()
    }

    /// Adds to `pass` the spans of every complete construct, and lowers `pass.hold` for the others.
    func scan(_ pass: inout Pass) {
        let text = pass.text
        if text.count == 0 { return }
        if pass.depth == 0 { unmatched.removeAll(keepingCapacity: true) }
        if let examiner { return examiner(self, &pass) }
        while candidateBuffers.count <= pass.depth {
            candidateBuffers.append(.allocate(capacity: Self.candidateCapacity))
        }
        let candidates = candidateBuffers[pass.depth]
        var from = max(0, min(pass.lower - limits.context, pass.openList))
        while from < text.count {
            var next = 0
            let count = pm_scan(
                rules.tables.pointer, kernel, text.base, from, text.count, candidates, Self.candidateCapacity, &next)
            for i in 0..<count {
                let candidate = candidates[i]
                let start = Int(candidate.start)
                switch pm_kind(rawValue: UInt32(candidate.kind)) {
                case PM_RUN: run(&pass, start, Int(candidate.end), scanStart: from, flags: candidate.flags)
                case PM_AT: if !pass.isInBlock(start) { address(&pass, at: start) }
                case PM_ESCAPE: if !pass.isInBlock(start) { escape(&pass, at: start) }
                default:
                    if !pass.isInBlock(start) {
                        let id = Int(candidate.id)
                        let first = rules.familyStarts[id]
                        let end = rules.familyStarts[id + 1]
                        // One bit a family, if the prefilter had room to ask for each.
                        let all = end - first > Int(PM_FRAGMENT_SCREENS)
                        for index in first..<end where all || candidate.flags >> (index - first) & 1 != 0 {
                            fragment(&pass, rules.families[index], id, start)
                        }
                    }
                }
            }
            from = next
        }
        dropUserInfo(&pass)
        if !rules.lineRules.isEmpty { everyLine(&pass) }
        if !rules.numbers.isEmpty { numbers(&pass) }
        if knownValues != nil {
            knownValues!.prepare()
            knownValues!.scan(&pass)
        }
        if !pass.isFinal { holdTail(&pass) }
    }

    @inline(__always)
    func fragment(_ pass: inout Pass, _ family: CompiledRules.Family, _ id: Int, _ start: Int) {
        switch family {
        case .assignment: assignment(&pass, wordAt: start, fragment: id)
        case .inner: innerAnchor(&pass, at: start)
        case .url: url(&pass, schemeEnd: start)
        case .keyBlock: keyBlock(&pass, beginAt: start)
        case .keyLines: keyLines(&pass, after: start)
        case .authorization: authorization(&pass, at: start)
        case .cookie: cookies(&pass, at: start)
        case .bearer: bearer(&pass, at: start)
        case .option: passwordOption(&pass, at: start)
        case .argument: passwordArgument(&pass, at: start)
        case .call: callArguments(&pass, at: start)
        case .insert: insertedValues(&pass, at: start)
        case .driver: driverAddress(&pass, at: start)
        case .identifiedBy: identifiedBy(&pass, at: start)
        case .manifest: manifest(&pass, at: start)
        case .jwk: jwkMember(&pass, at: start)
        case .pattern(let rule): pattern(&pass, rule: rule, keywordAt: start)
        }
    }

    /// The compiled pattern of `rule`; nil if it does not compile, which loading a rule file has ruled out.
    func pattern(of rule: Int) -> Pattern? {
        if let pattern = patterns[rule] { return pattern }
        guard case .success(let pattern) = rules.pattern(of: rule) else { return nil }
        patterns[rule] = pattern
        return pattern
    }

    /// The same, matching only where a search begins.
    private func anchoredPattern(of rule: Int) -> Pattern? {
        if let pattern = anchoredPatterns[rule] { return pattern }
        guard case .success(let pattern) = rules.pattern(of: rule, isAnchored: true) else { return nil }
        anchoredPatterns[rule] = pattern
        return pattern
    }

    func noteExhausted(_ rule: Int) { exhausted.insert(rule) }

    // MARK: - Token runs

    /// A run that the prefilter reported from `start` to `end`.
    private func run(_ pass: inout Pass, _ start: Int, _ end: Int, scanStart: Int, flags: UInt8) {
        let text = pass.text
        var start = start
        var end = end
        var flags = flags
        // A run with many candidates is reported in as many parts, and measured once.
        let known = pass.knownRun
        if known.contains(end) { end = known.upperBound }
        while end < text.count, text[end].isToken { end += 1 }
        if start == scanStart, scanStart > 0 {
            // The run may begin before what was scanned, and its pieces are counted from where they were counted before.
            if known.contains(start) {
                start = known.lowerBound
            } else if end > pass.pieces.run {
                start = text.runStart(before: max(start, pass.pieces.run), floor: pass.pieces.run)
                pass.knownRun = start..<end
            }
            flags = UInt8(PM_RUN_ALL.rawValue)
        }
        guard end > pass.runEnd else { return }
        pass.runEnd = end
        if end == pass.innerEnd { return }
        examine(&pass, start, end, flags: flags)
    }

    /// A whole run, in pieces if it is over-long.
    private func examine(_ pass: inout Pass, _ start: Int, _ end: Int, flags: UInt8) {
        let text = pass.text
        var start = start
        if end <= pass.lower, end < text.count { return }
        start = pass.afterBlock(start, upTo: end)

        var piece = start
        let followsPlaceholder = pass.runFollowsPlaceholder(start)
        // `holdTail` holds what is not decided.
        while piece < end, let part = runPiece(text, from: piece, to: end, isOpen: !pass.isComplete(at: end)) {
            unit(
                &pass, piece, part.end, flags: flags, isCut: part.isCut, followsPlaceholder: followsPlaceholder)
            if part.isCut, let rule = cutRule {
                // The token fills the piece: the rest of the run belongs to it.
                cutRule = nil
                return pass.addRest((part.end - 1)..<end, rule: rule, of: .stretch(.run, rule: rule))
            }
            piece = part.next
        }
    }

    /// A part of a run that is looked at as one: up to two dots, or to the limit.
    ///
    /// Two dots end it even if more of the run may come, unless it holds the beginning of a JWT: its payload may be empty
    /// (RFC 7515, appendix F). Nil if its end is not known: the run `isOpen`.
    func runPiece(
        _ text: Text, from piece: Int, to end: Int, isOpen: Bool
    ) -> (end: Int, next: Int, isCut: Bool)? {
        let full = piece + limits.run
        let last = min(end - 1, full + 1)
        var i = piece
        var sawJWT = false
        // Most have no dot.
        while i < last, let dot = memchr(text.base + i, Int32(UInt8(ascii: ".")), last - i) {
            i = UnsafeRawPointer(dot) - UnsafeRawPointer(text.base)
            if text[i + 1] == UInt8(ascii: "."), !sawJWT { sawJWT = holdsJWT(text, piece, i) }
            if text[i + 1] == UInt8(ascii: "."), !sawJWT {
                var next = i
                while next < end, text[next] == UInt8(ascii: ".") { next += 1 }
                return (i, next, false)
            }
            i += 1
        }
        if end > full {
            // A dot at the limit may be the first of two.
            if isOpen, full + 1 == end, text[full] == UInt8(ascii: ".") { return nil }
            return (full, full - limits.overlap, true)
        }
        return isOpen ? nil : (end, end, false)
    }

    /// Whether a part of a run that begins at `index` is not its beginning, nor what follows two dots: nothing may begin there
    /// that must not stand right behind a letter or digit.
    func isMidRun(_ text: Text, _ index: Int) -> Bool {
        let dot = UInt8(ascii: ".")
        return index > 0 && text[index - 1].isToken && !(text[index - 1] == dot && text.at(index - 2) == dot)
    }

    /// An anchor that may stand anywhere in a token: examines the whole run around it.
    private func innerAnchor(_ pass: inout Pass, at index: Int) {
        guard index >= pass.innerEnd else { return }
        let text = pass.text
        var end = index
        while end < text.count, text[end].isToken { end += 1 }
        let floor = pass.pieces(around: index).run
        let start = end > floor ? text.runStart(before: max(index, floor), floor: floor) : index
        pass.innerEnd = end
        if end - start >= Int(PM_MINIMUM_RUN) { examine(&pass, start, end, flags: UInt8(PM_RUN_ALL.rawValue)) }
    }

    func holdsJWT(_ text: Text, _ start: Int, _ end: Int) -> Bool { text.find("eyJ", in: start..<end) != nil }

    /// Where the token text of a run really begins: after punctuation that begins no secret, and after the tail of an
    /// escape (`\n`, `%20`, `\u0022`, a colour) whose last characters are token characters too.
    @inline(__always)
    func unitStart(_ text: Text, _ start: Int, _ end: Int) -> Int {
        pm_unit_start(text.base, text.count, start, end)
    }

    /// One piece of token text. `isCut`: the run goes on after `end`. `followsPlaceholder`: the run does.
    private func unit(
        _ pass: inout Pass, _ runStart: Int, _ end: Int, flags: UInt8, isCut: Bool, followsPlaceholder: Bool
    ) {
        let text = pass.text
        let start = unitStart(text, runStart, end)
        guard end - start >= Int(PM_MINIMUM_RUN) else { return }
        let isMid = isMidRun(text, runStart)
        if flags & UInt8(PM_RUN_ANCHOR.rawValue) != 0 {
            anchoredTokens(
                &pass, start, end, isMid: isMid, isCut: isCut,
                checksInner: flags & UInt8(PM_RUN_INNER.rawValue) != 0 && rules.hasInnerAnchors)
        }
        if flags & UInt8(PM_RUN_CONTEXT.rawValue) != 0, start > 0, pm_ends_context(text[start - 1]) != 0,
            !rules.contextRules.isEmpty
        {
            contextTokens(&pass, start, end, isMid: isMid, isCut: isCut)
        }
        if pass.depth <= limits.nesting, !followsPlaceholder, !pass.touchesPlaceholder(start..<end) {
            if flags & UInt8(PM_RUN_BASE64_TEXT.rawValue) != 0 { base64(&pass, start, end) }
            if flags & UInt8(PM_RUN_HEX_TEXT.rawValue) != 0 { hexadecimal(&pass, start, end) }
        }
        if flags & UInt8(PM_RUN_PROVIDER.rawValue) != 0, rules.hasProviders, !isCut {
            providerToken(&pass, start, end, isMid: isMid)
        }
    }

    /// Whether a token may begin at `index`: nothing alphanumeric before it, but for the tail of an escape, which ends at
    /// `unitStart`.
    @inline(__always)
    func isBoundary(_ text: Text, _ index: Int, _ unitStart: Int?) -> Bool {
        index == unitStart || !text[index - 1].isAlnum
    }

    /// What the anchors in a unit announce: a rule is tried where its matches with this anchor may begin, or, if that is not known,
    /// searched for in all of the unit, once.
    private func anchoredTokens(
        _ pass: inout Pass, _ start: Int, _ end: Int, isMid: Bool, isCut: Bool, checksInner: Bool
    ) {
        let text = pass.text
        let seen = anchors
        let boundary = isMid ? nil : start
        var number = Int(bitPattern: PM_NO_ANCHOR)
        var i = start
        var jwtEnd = start
        while true {
            i = pm_next_anchor(
                rules.tables.pointer, text.base, start, end, checksInner ? 1 : 0, seen.ways, i, &number)
            guard i < end else { break }
            let anchor = rules.anchors[number]
            guard anchor.isInner || isBoundary(text, i, boundary) else { continue }
            let rule = anchor.rule
            if rule == rules.jwt {
                // Other anchors inside it count.
                if i >= jwtEnd { jwtEnd = jwt(&pass, at: i, runStart: start, end: end, isCut: isCut) }
                continue
            }
            guard let reach = seen.meet(rule, anchor: number, from: start, rules) else { continue }
            var from = max(seen.next[rule], i - reach.before.upperBound)
            while from <= i - reach.before.lowerBound {
                if reach.first.contains(text[from]), isBoundary(text, from, boundary) {
                    from = token(&pass, rule: rule, at: from, start, end, isCut: isCut)
                } else {
                    from += 1
                }
            }
            seen.next[rule] = from
        }
        for rule in seen.reset() { token(&pass, rule: rule, start, end, isMid: isMid, isCut: isCut) }
    }

    /// Every match of a token rule in a unit.
    private func token(_ pass: inout Pass, rule: Int, _ start: Int, _ end: Int, isMid: Bool, isCut: Bool) {
        guard let pattern = pattern(of: rule) else { return }
        let text = pass.text
        let base = max(0, start - Self.lookBehind)
        let subject = text.raw(base..<end)
        var from = start - base
        var last = -1
        while from < subject.count {
            if from > last { last = longStretch(text, from: base + from, to: end) - base }
            switch pattern.firstMatch(in: subject, from: from, last: last, scratch: scratch) {
            case .match:
                guard let whole = scratch.span(of: 0) else { return }
                if whole.isEmpty {
                    from = whole.upperBound + 1
                    continue
                }
                guard isBoundary(text, base + whole.lowerBound, isMid ? nil : start) else {
                    from = whole.lowerBound + 1
                    continue
                }
                from = confirm(&pass, rule, pattern, whole, base, start, end, isCut: isCut) - base
            case .limit:
                exhausted.insert(rule)
                pass.add(start..<end, rule: rule, reason: .limit)
                return
            case .noMatch, .partial:
                from = last
                while from < subject.count, subject[from].isAlnum { from += 1 }
                from += 1
            }
        }
    }

    /// The match of a token rule that begins at `index`. Returns where the next one may begin.
    private func token(
        _ pass: inout Pass, rule: Int, at index: Int, _ start: Int, _ end: Int, isCut: Bool
    ) -> Int {
        guard let pattern = anchoredPattern(of: rule) else { return end }
        let base = max(0, start - Self.lookBehind)
        switch pattern.firstMatch(in: pass.text.raw(base..<end), from: index - base, scratch: scratch) {
        case .match:
            guard let whole = scratch.span(of: 0), !whole.isEmpty else { return index + 1 }
            return confirm(&pass, rule, pattern, whole, base, start, end, isCut: isCut)
        case .limit:
            exhausted.insert(rule)
            pass.add(start..<end, rule: rule, reason: .limit)
            return end
        case .noMatch, .partial: return index + 1
        }
    }

    /// Bytes before a run that look-behind sees.
    private static let lookBehind = 64

    /// Adds the match `whole`, counted from `base`, if it is a secret. Returns where the next one may begin: behind it, or behind its
    /// first byte.
    private func confirm(
        _ pass: inout Pass, _ rule: Int, _ pattern: Pattern, _ whole: Range<Int>, _ base: Int, _ start: Int,
        _ end: Int, isCut: Bool
    ) -> Int {
        let secret = secretSpan(rule, whole, groups: pattern.groupCount)
        let match = (base + whole.lowerBound)..<(base + whole.upperBound)
        let range = (base + secret.lowerBound)..<(base + secret.upperBound)
        guard let line = line(pass, rule, around: match.lowerBound..<end) else {
            pass.holdFrom(start)
            return end
        }
        guard accept(&pass, rule: rule, secret: range, match: match, line: line) else { return match.lowerBound + 1 }
        // Of several, the last of the rules gives its name; a JWT is what no rule knows.
        if isCut, range.upperBound == end { cutRule = cutRule == rules.jwt ? rule : max(cutRule ?? rule, rule) }
        return match.upperBound
    }

    /// Letters and digits in a row within which a search looks for no beginning.
    private static let longStretch = 256

    /// Where the next long stretch of letters and digits begins in `from..<end`, or `end`: behind its first byte no token begins in it.
    ///
    /// Looks at the last byte of each possible stretch first, and so at few of the others.
    private func longStretch(_ text: Text, from: Int, to end: Int) -> Int {
        var start = from
        while start + Self.longStretch <= end {
            var i = start + Self.longStretch - 1
            while i >= start, text[i].isAlnum { i -= 1 }
            if i < start { return start }
            start = i + 1
        }
        return end
    }

    /// The line around a match, as far as a rule's allowlists look at it; nil if its end has not been seen.
    func line(_ pass: Pass, _ rule: Int, around match: Range<Int>) -> Range<Int>? {
        guard let lists = rules.allowlists[rule], lists.looksAtLine else { return match }
        let text = pass.text
        var end = match.upperBound
        let limit = end + Self.maximumLine
        while end < text.count, end < limit, text[end] != .lineFeed { end += 1 }
        if end == text.count, end < limit, !pass.isFinal { return nil }
        return text.lineStart(before: match.lowerBound, limit: Self.maximumLine)..<end
    }

    /// Bytes of a line before and after a match that its allowlists look at.
    private static let maximumLine = 512

    func secretSpan(_ rule: Int, _ whole: Range<Int>, groups: Int) -> Range<Int> {
        let wanted = rules.traits[rule].secretGroup
        if wanted > 0 { return scratch.span(of: wanted) ?? whole }
        guard groups > 0 else { return whole }
        for group in 1...groups {
            if let span = scratch.span(of: group), !span.isEmpty { return span }
        }
        return whole
    }

    /// Runs the validators, the entropy bound and the allowlists; adds the span if all agree.
    func accept(
        _ pass: inout Pass, rule index: Int, secret: Range<Int>, match: Range<Int>, line: Range<Int>
    ) -> Bool {
        let rule = rules.traits[index]
        let text = pass.text
        let bytes = text.raw(secret)
        // A token run holds no bracket, but may stand beside a placeholder; other matches may hold one.
        if rule.isToken ? pass.touchesPlaceholder(match) : text.find(Placeholders.mark, in: match) != nil {
            return false
        }
        var confidence = rules.confidences[index]
        var reason = Reason.pattern
        for validator in rule.validators {
            switch Checks.run(validator, on: bytes) {
            case .pass: break
            case .fail: return false
            case .proof:
                confidence = 2
                reason = .checksum
            case .doubt: confidence = min(confidence, 1)
            }
        }
        if let bound = rule.entropy, Randomness.entropy(bytes) <= bound { return false }
        if let lists = rules.allowlists[index],
            lists.allow(secret: bytes, match: text.raw(match), line: text.raw(line), path: path, scratch: scratch)
        {
            return false
        }
        pass.add(secret, rule: index, confidence: confidence, reason: reason)
        return true
    }

    /// Rules for tokens that follow a literal and carry none.
    private func contextTokens(_ pass: inout Pass, _ start: Int, _ end: Int, isMid: Bool, isCut: Bool) {
        let text = pass.text
        // What stands before a placeholder was farther away before.
        let context = pass.afterPlaceholders(text.lineStart(before: start, limit: 64)..<start)
        var done: [Int] = []
        for i in context where rules.contextFirst[Int(text[i])] {
            for entry in rules.contextRules where entry.literal[0] == text[i] && !done.contains(entry.rule) {
                let length = entry.literal.count
                var k = 0
                while k < length, i + k < start, text[i + k] == entry.literal[k] { k += 1 }
                guard k == length else { continue }
                done.append(entry.rule)
                token(&pass, rule: entry.rule, start, end, isMid: isMid, isCut: isCut)
            }
        }
    }
}

/// What is known of the anchors of one unit. Plain memory: it is asked for at each of them.
private final class SeenAnchors {
    /// By number: how an anchor is looked for; see `pm_next_anchor`.
    let ways: UnsafeMutablePointer<UInt8>
    /// By rule: where it may match next.
    let next: UnsafeMutablePointer<Int>
    /// By rule: where its matches may begin, and whether that was asked.
    private let reaches: UnsafeMutablePointer<AnchorReach?>
    private let isKnown: UnsafeMutablePointer<Bool>
    /// Rules whose anchors were met; those that are searched for; anchors that are not to be met again.
    private var met: [Int] = []
    private var searched: [Int] = []
    private var skipped: [Int] = []
    private let ruleCount: Int
    private static let unmet = -1

    init(_ rules: CompiledRules) {
        ruleCount = rules.rules.count
        ways = .allocate(capacity: rules.anchors.count)
        ways.initialize(repeating: UInt8(PM_ANCHOR_ANY), count: rules.anchors.count)
        next = .allocate(capacity: ruleCount)
        next.initialize(repeating: Self.unmet, count: ruleCount)
        reaches = .allocate(capacity: ruleCount)
        reaches.initialize(repeating: nil, count: ruleCount)
        isKnown = .allocate(capacity: ruleCount)
        isKnown.initialize(repeating: false, count: ruleCount)
    }

    deinit {
        ways.deallocate()
        next.deallocate()
        reaches.deallocate()
        isKnown.deallocate()
    }

    /// Takes note that an anchor of `rule` was met. Returns where its matches may begin; nil if it is searched for.
    func meet(_ rule: Int, anchor number: Int, from start: Int, _ rules: CompiledRules) -> AnchorReach? {
        if !isKnown[rule] {
            isKnown[rule] = true
            reaches[rule] = rules.reach(of: rule)
        }
        let isFirst = next[rule] == Self.unmet
        if isFirst {
            next[rule] = start
            met.append(rule)
        }
        if let reach = reaches[rule] {
            if reach.before.count == 1, reach.before.lowerBound < Int(PM_ANCHOR_SKIPPED) {
                ways[number] = UInt8(reach.before.lowerBound)
            }
            return reach
        }
        if isFirst { searched.append(rule) }
        ways[number] = UInt8(PM_ANCHOR_SKIPPED)
        skipped.append(number)
        return nil
    }

    /// Forgets the unit; returns the rules that are searched for.
    func reset() -> [Int] {
        if met.isEmpty { return [] }
        for rule in met { next[rule] = Self.unmet }
        met.removeAll(keepingCapacity: true)
        if searched.isEmpty { return [] }
        for number in skipped { ways[number] = UInt8(PM_ANCHOR_ANY) }
        skipped.removeAll(keepingCapacity: true)
        defer { searched = [] }
        return searched
    }
}
