internal import RedactionRules

/// The slow, obvious twin of the engine: the whole input at once, and every place in it is a candidate.
///
/// No prefilter, no look-up of anchors, no holding back, no rolling buffer, no cutting into reads. Candidates are found by
/// plain loops over the bytes; what a candidate *means* is decided by the same detectors as in the fast engine, except for
/// token rules, their splitting into runs and pieces, and known values, which are written a second time here. Tests hold
/// both equal: a difference is a candidate that the prefilter missed, or a byte that the stream held wrongly.
///
/// Complexity: the number of rules times the length of the input, at least.
package struct ReferenceScanner {
    private let redactor: Redactor
    private let path: String?

    package init(_ redactor: Redactor, path: String? = nil) {
        self.redactor = redactor
        self.path = path
    }

    /// Redacts complete bytes.
    package func redact(_ bytes: [UInt8]) -> [UInt8] {
        guard !bytes.isEmpty else { return [] }
        return bytes.withUnsafeBufferPointer { bytes in
            let text = Text(base: bytes.baseAddress!, count: bytes.count)
            var pass = Pass(text: text, placeholderBytes: redactor.options.template.bytes)
            let scanner = Scanner(rules: redactor.rules, limits: redactor.options.limits, path: path)
            let candidates = Candidates(rules: redactor.rules, knownValues: redactor.options.knownValues)
            scanner.examiner = { candidates.examine($1.text, &$1, $0) }
            scanner.scan(&pass)
            return output(text, pass.spans, candidates.names)
        }
    }

    /// Puts a placeholder in the place of each union of overlapping spans.
    private func output(_ text: Text, _ spans: [Span], _ names: [String]) -> [UInt8] {
        let spansAt = Dictionary(grouping: spans, by: \.start)
        var result: [UInt8] = []
        var index = 0
        while index < text.count {
            // Of the spans that begin here, the surest and then the longest gives its name.
            guard
                let first = spansAt[index]?.min(by: {
                    ($1.rank, $1.end, $0.rule) < ($0.rank, $0.end, $1.rule)
                })
            else {
                result.append(text[index])
                index += 1
                continue
            }
            var end = index + 1
            var place = index
            while place < end {
                for span in spansAt[place] ?? [] { end = max(end, span.end) }
                place += 1
            }
            // A control sequence that goes on behind it stays whole.
            let whole = (index..<end).first { (sequenceEnd(text, $0) ?? 0) > end } ?? end
            if whole > index {
                result += placeholder(first.rule, names, text.raw(index..<whole))
                result += sequences(text, index..<whole)
            }
            result += text.raw(whole..<end)
            index = end
        }
        return result
    }

    private func placeholder(_ rule: Int, _ names: [String], _ secret: UnsafeRawBufferPointer) -> [UInt8] {
        let rules = redactor.rules.rules
        let id = rule < rules.count ? rules[rule].id : "known:" + names[rule - rules.count]
        let category = rule < rules.count ? rules[rule].category : .known
        let tag = redactor.options.tagger?(id, secret)
        return Array(redactor.options.template.render(rule: id, category: category.rawValue, tag: tag).utf8)
    }

    /// The control sequences in a secret.
    private func sequences(_ text: Text, _ range: Range<Int>) -> [UInt8] {
        var result: [UInt8] = []
        var index = range.lowerBound
        while index < range.upperBound {
            if let end = sequenceEnd(text, index), end <= range.upperBound {
                result += text.raw(index..<end)
                index = end
            } else {
                index += 1
            }
        }
        return result
    }

    /// End of the control sequence at `index`: ESC `[`, parameters, a final byte (ECMA-48, 5.4); at most 32 bytes.
    private func sequenceEnd(_ text: Text, _ index: Int) -> Int? {
        guard text[index] == .escape, text.at(index + 1) == UInt8(ascii: "["), !text.has("[REDACTED", at: index + 1)
        else { return nil }
        var end = index + 2
        while end < text.count, (0x30..<0x40).contains(text[end]), end - index < 32 { end += 1 }
        return end < text.count && (0x40..<0x7f).contains(text[end]) ? end + 1 : nil
    }
}

/// Every place of a text, and what may begin there.
private final class Candidates {
    private let rules: CompiledRules
    /// Literals without case, and what each announces, by their first byte.
    private let literals: [UInt8: [(bytes: [UInt8], family: CompiledRules.Family)]]
    /// Credential words by their first byte, and the fragment each is found from.
    private let words: [UInt8: [(word: CompiledRules.Word, fragment: Int)]]
    private let known: [(needle: [UInt8], rule: Int)]
    /// Names of the known values, in the order of their rules.
    let names: [String]

    init(rules: CompiledRules, knownValues: [KnownValue]) {
        self.rules = rules
        var literals: [(bytes: [UInt8], family: CompiledRules.Family)] = []
        func add(_ rule: Int?, _ texts: [String], _ family: CompiledRules.Family) {
            if rule != nil { literals += texts.map { (Array($0.utf8), family) } }
        }
        add(rules.url, ["://"], .url)
        add(rules.privateKey, ["begin "], .keyBlock)
        add(rules.privateKey, ["private-lines:"], .keyLines)
        add(rules.header, ["authorization"], .authorization)
        add(rules.header, ["bearer"], .bearer)
        add(rules.header, Scanner.passwordOptions, .option)
        add(rules.header, Scanner.passwordCommands, .argument)
        add(rules.password, ["identified "], .identifiedBy)
        add(rules.password, ["insert into"], .insert)
        add(rules.password, Scanner.callEnds, .call)
        add(rules.url, ["@tcp("], .driver)
        add(rules.cookie, ["cookie"], .cookie)
        add(rules.manifest, ["data:", "data\""], .manifest)
        add(rules.keyMember, ["\"d\"", "\"k\"", "\"d\\", "\"k\\"], .jwk)
        for (index, keywords) in rules.keywords { add(index, keywords, .pattern(index)) }
        self.literals = Dictionary(grouping: literals) { $0.bytes[0] }
        let words = rules.words.enumerated().flatMap { fragment, words in words.map { (word: $0, fragment: fragment) } }
        self.words = Dictionary(grouping: words) { $0.word.bytes[0] }

        var names: [String] = []
        var known: [(needle: [UInt8], rule: Int)] = []
        for value in knownValues {
            let index = names.firstIndex(of: value.name) ?? names.count
            if index == names.count { names.append(value.name) }
            for needle in Self.needles(of: value.value) { known.append((needle, rules.rules.count + index)) }
        }
        self.names = names
        self.known = known
    }

    private enum Kind: Int { case at, literal, escape, run }

    /// Adds the spans of `text`, a stream or a decoded part of one.
    func examine(_ text: Text, _ pass: inout Pass, _ scanner: Scanner) {
        var places: [(position: Int, kind: Kind, start: Int, family: CompiledRules.Family?, fragment: Int)] = []
        var runStart = 0
        for index in 0...text.count {
            let isToken = index < text.count && Self.isToken(text[index])
            if !isToken {
                if index - runStart >= 16 { places.append((index, .run, runStart, nil, 0)) }
                runStart = index + 1
            }
            guard index < text.count else { break }
            if text[index] == UInt8(ascii: "@") { places.append((index, .at, index, nil, 0)) }
            if [UInt8(ascii: "%"), UInt8(ascii: "\\"), UInt8(ascii: "&"), 0x1b, 0].contains(text[index]) {
                places.append((index, .escape, index, nil, 0))
            }
            let first = lower(text[index])
            for literal in literals[first] ?? [] where has(text, literal.bytes, at: index) {
                places.append((index, .literal, index, literal.family, 0))
            }
            let starts = (words[first] ?? []) + (first.isOne(of: "-.") ? words[UInt8(ascii: "_")] ?? [] : [])
            for (word, fragment) in starts
            where has(text, word.bytes + (word.follower.map { [$0] } ?? []), at: index) {
                places.append((index, .literal, index + word.offset, .assignment, fragment))
            }
        }
        places.sort { ($0.position, $0.kind.rawValue) < ($1.position, $1.kind.rawValue) }
        for place in places {
            switch place.kind {
            case .run: run(text, place.start, place.position, &pass, scanner)
            case .at: if !pass.isInBlock(place.start) { scanner.address(&pass, at: place.start) }
            case .escape: if !pass.isInBlock(place.start) { scanner.escape(&pass, at: place.start) }
            case .literal:
                if !pass.isInBlock(place.start) { scanner.fragment(&pass, place.family!, place.fragment, place.start) }
            }
        }
        scanner.dropUserInfo(&pass)
        if !rules.lineRules.isEmpty { scanner.everyLine(&pass) }
        if !rules.numbers.isEmpty { scanner.numbers(&pass) }
        findKnownValues(text, &pass)
    }

    /// docs/formats/rules.md, "The token detector".
    private static let tokenBytes = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.+/=~@".utf8)
    private static func isToken(_ byte: UInt8) -> Bool { tokenBytes.contains(byte) }

    /// Whether `literal` stands at `index`, without ASCII case; `_` in it stands for `-` and `.` too, as in credential words.
    private func has(_ text: Text, _ literal: [UInt8], at index: Int) -> Bool {
        guard index + literal.count <= text.count else { return false }
        for (offset, wanted) in literal.enumerated() {
            let got = lower(text[index + offset])
            let isJoint = wanted == UInt8(ascii: "_") && (got == UInt8(ascii: "-") || got == UInt8(ascii: "."))
            if got != wanted && !isJoint { return false }
        }
        return true
    }

    // MARK: - Token runs

    private func run(_ text: Text, _ start: Int, _ end: Int, _ pass: inout Pass, _ scanner: Scanner) {
        let limits = scanner.limits
        let followsPlaceholder = pass.followsPlaceholder(start)
        var piece = pass.isInBlock(start) ? min(pass.blockEnd, end) : start
        while piece < end {
            // Two dots end a part unless what is before them holds `eyJ`.
            var stop = piece
            while stop + 1 < end, stop <= piece + limits.run,
                !text.has("..", at: stop) || text.find("eyJ", in: piece..<stop) != nil
            { stop += 1 }
            if stop + 1 < end, stop <= piece + limits.run {
                unit(text, piece, stop, isCut: false, followsPlaceholder, &pass, scanner)
                piece = stop
                while piece < end, text[piece] == UInt8(ascii: ".") { piece += 1 }
                continue
            }
            guard end - piece > limits.run else {
                return unit(text, piece, end, isCut: false, followsPlaceholder, &pass, scanner)
            }
            scanner.cutRule = nil
            unit(text, piece, piece + limits.run, isCut: true, followsPlaceholder, &pass, scanner)
            if let rule = scanner.cutRule {
                // A token fills the piece: what follows it in the run is the rest of it.
                scanner.cutRule = nil
                return pass.addRest((piece + limits.run - 1)..<end, rule: rule, of: .stretch(.run, rule: rule))
            }
            piece += limits.run - limits.overlap
        }
    }

    private func unit(
        _ text: Text, _ runStart: Int, _ end: Int, isCut: Bool, _ followsPlaceholder: Bool, _ pass: inout Pass,
        _ scanner: Scanner
    ) {
        let start = scanner.unitStart(text, runStart, end)
        guard end - start >= 16 else { return }
        // In the middle of a run, a token begins behind something that is no letter or digit.
        let isFirst = runStart == 0 || !Self.isToken(text[runStart - 1]) || text.has("..", at: runStart - 2)
        let boundary = isFirst ? start : nil
        if rules.jwt != nil {
            var index = start
            while index < end {
                let anchors: [StaticString] = ["eyJ", "ewo", "eyA", "ewk", "ew0K", "v1.", "v2.", "v3.", "v4."]
                if scanner.isBoundary(text, index, boundary), index + 3 <= end,
                    anchors.contains(where: { text.has($0, at: index) })
                {
                    index = max(index + 1, scanner.jwt(&pass, at: index, runStart: start, end: end, isCut: isCut))
                } else {
                    index += 1
                }
            }
        }
        let line = pass.afterPlaceholders(text.lineStart(before: start, limit: 64)..<start).lowerBound
        for (index, rule) in rules.rules.enumerated() where rule.detector == .token {
            // That every match holds an anchor is the rule's promise, and tested by not looking for it.
            var applies = !rule.anchors.isEmpty
            if start > 0, text[start - 1].isOne(of: ":$!|&\\") {
                applies = applies || rule.contexts.contains { !occurrences(of: $0, text, line..<start).isEmpty }
            }
            if applies { token(text, index, start, end, boundary, isCut: isCut, &pass, scanner) }
        }
        if pass.depth <= scanner.limits.nesting, !followsPlaceholder, !pass.touchesPlaceholder(start..<end) {
            scanner.base64(&pass, start, end)
            scanner.hexadecimal(&pass, start, end)
        }
        if rules.hasProviders, !isCut { scanner.providerToken(&pass, start, end, isMid: !isFirst) }
    }

    private func occurrences(of literal: String, _ text: Text, _ range: Range<Int>) -> [Int] {
        let bytes = Array(literal.utf8)
        guard range.count >= bytes.count else { return [] }
        return (range.lowerBound...(range.upperBound - bytes.count)).filter { index in
            text[index] == bytes[0] && bytes.indices.allSatisfy { text[index + $0] == bytes[$0] }
        }
    }

    /// Every match of a token rule that begins where no letter or digit stands before it.
    private func token(
        _ text: Text, _ rule: Int, _ start: Int, _ end: Int, _ boundary: Int?, isCut: Bool, _ pass: inout Pass,
        _ scanner: Scanner
    ) {
        guard let pattern = scanner.pattern(of: rule) else { return }
        let base = max(0, start - 64)
        let subject = text.raw(base..<end)
        var from = start - base
        while from < subject.count {
            let outcome = pattern.firstMatch(in: subject, from: from, scratch: scanner.scratch)
            if outcome == .limit {
                scanner.noteExhausted(rule)
                pass.add(start..<end, rule: rule, reason: .limit)
            }
            guard outcome == .match, let whole = scanner.scratch.span(of: 0) else { return }
            from = whole.lowerBound + 1
            guard !whole.isEmpty, scanner.isBoundary(text, base + whole.lowerBound, boundary) else { continue }
            let found = scanner.secretSpan(rule, whole, groups: pattern.groupCount)
            let secret = (base + found.lowerBound)..<(base + found.upperBound)
            let match = (base + whole.lowerBound)..<(base + whole.upperBound)
            let line = scanner.line(pass, rule, around: match.lowerBound..<end) ?? match
            guard scanner.accept(&pass, rule: rule, secret: secret, match: match, line: line) else { continue }
            if isCut, secret.upperBound == end { scanner.cutRule = rule }
            from = whole.upperBound
        }
    }

    // MARK: - Known values

    /// A value and its lines, as they are, in base64 at three alignments and two alphabets, in hexadecimal.
    private static func needles(of value: [UInt8]) -> Set<[UInt8]> {
        var plain: [[UInt8]] = [value]
        if value.contains(0x0a) {
            for line in value.split(separator: 0x0a) {
                let trimmed = Array(line.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
                if trimmed.count >= KnownValue.minimumLine { plain.append(trimmed) }
            }
        }
        var result = Set(plain)
        for bytes in plain {
            let escapes: [UInt8: String] = [0x22: "\\\"", 0x5c: "\\\\", 0x0a: "\\n", 0x0d: "\\r", 0x09: "\\t"]
            let once = bytes.flatMap { escapes[$0].map { Array($0.utf8) } ?? [$0] }
            result.formUnion([once, once.flatMap { escapes[$0].map { Array($0.utf8) } ?? [$0] }])
            for digits in ["0123456789abcdef", "0123456789ABCDEF"] {
                let digits = Array(digits.utf8)
                result.insert(bytes.flatMap { [digits[Int($0 / 16)], digits[Int($0 % 16)]] })
            }
            let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
            for alphabet in [letters + "+/", letters + "-_"] {
                let digits = Array(alphabet.utf8)
                for alignment in 0..<3 {
                    // All bits as a list, six a digit; digits that hold a bit of what stands around the value are left out.
                    let bits = bytes.flatMap { byte in (0..<8).map { byte >> (7 - $0) & 1 } }
                    var first = (6 - alignment * 8 % 6) % 6
                    var encoded: [UInt8] = []
                    while first + 6 <= bits.count {
                        encoded.append(digits[Int(bits[first..<(first + 6)].reduce(0) { $0 * 2 + $1 })])
                        first += 6
                    }
                    if encoded.count >= 8 { result.insert(encoded) }
                }
            }
        }
        return result
    }

    /// Adds each occurrence of each needle; a line end in it matches any run of white space.
    private func findKnownValues(_ text: Text, _ pass: inout Pass) {
        for (needle, rule) in known {
            for start in 0..<text.count {
                var index = start
                var offset = 0
                while offset < needle.count, index < text.count {
                    if needle[offset] == 0x0a || needle[offset] == 0x0d {
                        guard text[index].isWhitespace else { break }
                        let gap = index
                        while index < text.count, text[index].isWhitespace, index - gap < 64 { index += 1 }
                        while offset < needle.count, needle[offset].isWhitespace { offset += 1 }
                    } else {
                        guard text[index] == needle[offset] else { break }
                        index += 1
                        offset += 1
                    }
                }
                if offset == needle.count { pass.add(start..<index, rule: rule, confidence: 2, reason: .knownValue) }
            }
        }
    }
}
