internal import CPrefilter
internal import PatternEngine
internal import RedactionRules
internal import Synchronization

/// A rule set prepared for scanning: prefilter tables, anchor look-up, provider words, patterns compiled when first needed.
///
/// Immutable but for the lazily compiled patterns, so that one instance serves any number of streams.
final class CompiledRules: Sendable {
    /// What a fragment that the prefilter reports may be the beginning of.
    enum Family: Equatable, Sendable {
        case assignment
        case url
        case keyBlock
        case keyLines
        case authorization
        case cookie
        case bearer
        case option
        case argument
        case call
        case insert
        case driver
        case identifiedBy
        case manifest
        case jwk
        /// An anchor that may stand in the middle of a token.
        case inner
        case pattern(Int)

        /// What the prefilter asks of a place before it reports it.
        var screen: pm_screen {
            switch self {
            case .assignment: PM_SCREEN_ASSIGNMENT
            case .url: PM_SCREEN_URL
            case .keyBlock: PM_SCREEN_KEY_BLOCK
            case .authorization: PM_SCREEN_AUTHORIZATION
            case .bearer: PM_SCREEN_BEARER
            case .cookie: PM_SCREEN_COOKIE
            case .option: PM_SCREEN_OPTION
            case .argument: PM_SCREEN_COMMAND
            case .manifest: PM_SCREEN_MANIFEST
            case .inner: PM_SCREEN_INNER
            case .keyLines, .identifiedBy, .call, .insert, .driver, .jwk, .pattern: PM_SCREEN_NONE
            }
        }
    }

    /// Whose literal it is, and whether anything may stand before it.
    struct Anchor: Sendable {
        let rule: Int
        let isInner: Bool
    }

    /// A credential word of the assignment detector, as it is found from a fragment.
    struct Word: Sendable {
        let bytes: [UInt8]
        let rule: Int
        /// Where in the word the fragment stands.
        let offset: Int
        /// What stands behind a word whose fragment is a short word and one of `shortWordEnds`.
        var follower: UInt8?
    }

    /// What may stand behind a word of two letters, which is too short for a fragment: `pw=`. Words that end in one are found from it
    /// too: `bindpw`.
    private static let shortWordEnds = ["=", ":", "\"", "'", " ", ">"]

    /// What the assignment detector asks about a word that it has found: plain values, since a `Rule` is costly to copy.
    struct WordTraits: Sendable {
        let rule: Int
        /// Bytes of the whole word.
        let length: Int
        let offset: Int
        let strength: Scanner.Strength
    }

    let rules: [Rule]
    /// What confirming a match needs of each rule; a `Rule` itself is costly to copy.
    let traits: [Traits]
    /// Rule indices of the native detectors.
    let jwt, privateKey, url, email, header, cookie, manifest, provider, password: Int?
    let numbers: [Int]
    let contextRules: [(literal: [UInt8], rule: Int)]
    /// Credential words by the fragment they are found from, longest first.
    let words: [[Word]]
    /// By the prefilter's number of the word, less 1.
    let wordTraits: [WordTraits]
    /// The rule that private members of JSON Web Keys count as.
    let keyMember: Int?
    /// First bytes of `contextRules`.
    let contextFirst: [Bool]
    let hasProviders: Bool
    let hasInnerAnchors: Bool
    /// Lower-case keywords of users' rules, all of them and by rule.
    let patternKeywords: [[UInt8]]
    let keywords: [Int: [String]]
    /// Users' rules that no literal announces.
    let lineRules: [Int]
    /// What the path of a file must match for a rule to apply.
    let paths: [Int: Pattern]
    let confidences: [UInt8]
    /// What the words of assignment rules say, by rule.
    let strengths: [Strength]

    /// Prefilter tables; written in `init` only.
    let tables: TablesBox
    /// The families of all fragments, and where those of each begin; one more entry ends the last.
    let families: [Family]
    let familyStarts: [Int]
    /// By the prefilter's number.
    let anchors: [Anchor]
    private let patterns: Mutex<[PatternKey: Result<Pattern, PatternError>]>
    /// By rule: where its matches may begin; nil inside if that is not known.
    private let reaches: Mutex<[Int: AnchorReach?]>
    let allowlists: [CompiledAllowlists?]

    /// How much a credential word says by itself; after a `weak` one (`key`, `salt`) only the value's randomness tells.
    enum Strength: Sendable { case password, secret, key, weak }

    struct Traits: Sendable {
        let validators: [Validator]
        let entropy: Double?
        let secretGroup: Int
        let isToken: Bool
    }

    /// Owns the C tables.
    final class TablesBox: @unchecked Sendable {
        // @unchecked: filled before the box is shared, read-only afterwards.
        let pointer: OpaquePointer
        init() {
            guard let made = pm_tables_create() else { fatalError("out of memory") }
            pointer = made
        }
        deinit { pm_tables_destroy(pointer) }
    }

    /// `limits`: those that screens must know, so that they let through what a detector decides on because it is over-long.
    init(_ set: RuleSet, limits: Limits) throws(RedactionError) {
        let rules = set.rules
        self.rules = rules
        traits = rules.map {
            Traits(
                validators: $0.validators, entropy: $0.entropy, secretGroup: $0.secretGroup,
                isToken: $0.detector == .token)
        }
        func first(_ detector: Rule.Detector, id: String? = nil) -> Int? {
            rules.firstIndex { $0.detector == detector && (id == nil || $0.id == id) }
        }
        jwt = first(.jwt)
        privateKey = first(.privateKey)
        url = first(.url)
        email = first(.email)
        cookie = first(.header, id: "cookie-header")
        header = rules.firstIndex { $0.detector == .header && $0.id != "cookie-header" }
        manifest = first(.manifest)
        provider = first(.provider)
        password = rules.firstIndex { $0.detector == .assignment && $0.category == .password }
        numbers = rules.indices.filter { rules[$0].detector == .number }
        strengths = rules.map {
            $0.category == .password
                ? .password : $0.id == "generic-key" ? .weak : $0.id.hasSuffix("secret") ? .secret : .key
        }
        confidences = rules.map { $0.confidence == .high ? 2 : $0.confidence == .medium ? 1 : 0 }

        var words: [(text: String, bytes: [UInt8], rule: Int)] = []
        for (index, rule) in rules.enumerated() where rule.detector == .assignment {
            for keyword in rule.keywords { words.append((keyword, Array(keyword.utf8), index)) }
        }
        keyMember = rules.firstIndex { $0.detector == .assignment && $0.id.hasSuffix("secret") }
        hasProviders = provider != nil && !set.providers.isEmpty

        // Anchors.
        let tables = TablesBox()
        pm_tables_set_authority(tables.pointer, UInt32(clamping: limits.authority))
        var anchors: [Anchor] = []
        var contexts: [(literal: [UInt8], rule: Int)] = []
        func addAnchor(_ bytes: [UInt8], rule: Int, isInner: Bool, followers: PatternHints.Followers) {
            anchors.append(Anchor(rule: rule, isInner: isInner))
            var set = followers.set.value
            pm_tables_add_anchor(tables.pointer, bytes, bytes.count, &set, followers.count)
        }
        for (index, rule) in rules.enumerated() where rule.detector == .token {
            let head = PatternHints.head(of: rule.regex ?? "")
            for anchor in rule.anchors {
                let bytes = Array(anchor.utf8)
                guard bytes.count >= 3 else {
                    throw RedactionError(.invalidRule, rule: rule.id, "an anchor needs at least 3 bytes")
                }
                addAnchor(
                    bytes, rule: index, isInner: rule.inner,
                    followers: head.followers(of: bytes))
            }
            for context in rule.contexts {
                let bytes = Array(context.utf8)
                contexts.append((bytes, index))
                let (before, first) = PatternHints.context(rule.regex ?? "")
                var start = first.value
                pm_tables_add_context(tables.pointer, bytes, bytes.count, before.map(\.value), &start)
            }
        }
        if let jwt {
            // The shortest header has ten digits; a PASETO says what it is for.
            var base64 = ByteSet()
            for byte in UInt8.min...UInt8.max where byte.isBase64 { base64.formUnion(ByteSet(byte...byte)) }
            for anchor in ["eyJ", "ewo", "eyA", "ewk", "ew0K"] {
                addAnchor(
                    Array(anchor.utf8), rule: jwt, isInner: false,
                    followers: (base64, JWTShape.minimumHeader - anchor.utf8.count))
            }
            for version in 1...4 {
                for purpose in ["local", "public"] {
                    addAnchor(
                        Array("v\(version).\(purpose).".utf8), rule: jwt, isInner: false, followers: (.all, 0))
                }
            }
        }
        hasInnerAnchors = anchors.contains { $0.isInner }
        contextRules = contexts
        contextFirst = (0..<256).map { byte in contexts.contains { $0.literal[0] == UInt8(byte) } }
        self.anchors = anchors

        // Fragments. A literal that begins with another one shares its fragment.
        var wanted: [(literal: String, family: Family)] = []
        let short = words.map(\.bytes).filter { $0.count == 2 }
        if !words.isEmpty {
            let stems = ["pass", "pwd", "secret", "token", "key", "cred", "auth"]
            for stem in stems { wanted.append((stem, .assignment)) }
            let stemBytes = stems.map { Array($0.utf8) }
            for word in words where word.bytes.count == 2 {
                for end in Self.shortWordEnds { wanted.append((word.text + end, .assignment)) }
            }
            for word in words
            where !stemBytes.contains(where: { Self.places(of: $0, in: word.bytes).first != nil })
                && !short.contains(where: { word.bytes.suffix(2) == $0[...] })
            {
                wanted.append((word.text, .assignment))
            }
        }
        if url != nil {
            wanted.append(("://", .url))
            wanted.append(("@tcp(", .driver))
        }
        if privateKey != nil {
            wanted.append(("begin ", .keyBlock))
            wanted.append(("private-lines:", .keyLines))
        }
        if header != nil {
            wanted.append(("authorization", .authorization))
            wanted.append(("bearer", .bearer))
            for option in Scanner.passwordOptions { wanted.append((option, .option)) }
            for command in Scanner.passwordCommands { wanted.append((command, .argument)) }
        }
        if password != nil {
            wanted.append(("identified ", .identifiedBy))
            wanted.append(("insert into", .insert))
            for call in Scanner.callEnds { wanted.append((call, .call)) }
        }
        if cookie != nil { wanted.append(("cookie", .cookie)) }
        if manifest != nil {
            wanted.append(("data:", .manifest))
            wanted.append(("data\"", .manifest))
        }
        for rule in rules where rule.detector == .token && rule.inner {
            for anchor in rule.anchors { wanted.append((anchor.asciiLowercased, .inner)) }
        }
        if keyMember != nil {
            wanted.append(("\"d\"", .jwk))
            wanted.append(("\"k\"", .jwk))
            wanted.append(("\"d\\", .jwk))
            wanted.append(("\"k\\", .jwk))
        }
        var patternKeywords: [[UInt8]] = []
        var lineRules: [Int] = []
        var literals: [Int: [String]] = [:]
        for (index, rule) in rules.enumerated() where rule.detector == .pattern {
            guard let regex = rule.regex else { continue }
            var keywords = (rule.keywords.isEmpty ? rule.anchors : rule.keywords).map(\.asciiLowercased)
            // Without keywords, a literal that every match holds serves; without one, every line is searched.
            if keywords.isEmpty, let literal = RequiredLiteral.of(regex) { keywords = [literal] }
            if keywords.isEmpty || keywords.contains(where: { $0.utf8.count < 3 }) {
                lineRules.append(index)
                continue
            }
            literals[index] = keywords
            for keyword in keywords {
                wanted.append((keyword, .pattern(index)))
                patternKeywords.append(Array(keyword.utf8))
            }
        }
        self.patternKeywords = patternKeywords
        self.lineRules = lineRules
        keywords = literals
        wanted.sort { $0.literal.utf8.count < $1.literal.utf8.count }
        var families: [[Family]] = []
        var fragments: [[UInt8]] = []
        for item in wanted {
            let bytes = Array(item.literal.utf8.prefix(Int(PM_FRAGMENT_LENGTH)))
            if let shared = fragments.firstIndex(where: { bytes.starts(with: $0) }) {
                if !families[shared].contains(item.family) { families[shared].append(item.family) }
                continue
            }
            guard bytes.count >= 3, fragments.count < Int(PM_MAXIMUM_FRAGMENTS) else {
                throw RedactionError(
                    .tooManyKeywords, rule: nil,
                    bytes.count < 3
                        ? "a keyword needs at least 3 bytes: \"\(item.literal)\""
                        : "more than \(PM_MAXIMUM_FRAGMENTS) different keywords")
            }
            fragments.append(bytes)
            families.append([item.family])
        }
        self.families = families.flatMap { $0 }
        familyStarts = families.reduce(into: [0]) { $0.append($0.last! + $1.count) }
        self.words = zip(fragments, families).map { literal, families in
            guard families.contains(.assignment) else { return [] }
            var found: [Word] = []
            for word in words {
                for offset in Self.places(of: literal, in: word.bytes) {
                    found.append(Word(bytes: word.bytes, rule: word.rule, offset: offset))
                }
                if literal.count == 3, short.contains(where: { literal.starts(with: $0) }),
                    word.bytes.suffix(2) == literal.prefix(2)
                {
                    found.append(
                        Word(
                            bytes: word.bytes, rule: word.rule, offset: word.bytes.count - 2, follower: literal[2]))
                }
            }
            return found.sorted { $0.bytes.count > $1.bytes.count }
        }
        var wordTraits: [WordTraits] = []
        for (id, fragment) in fragments.enumerated() {
            // Beyond the table's room for screens, every place counts.
            let screens =
                families[id].count <= Int(PM_FRAGMENT_SCREENS)
                ? families[id].map { UInt8($0.screen.rawValue) } : [UInt8(PM_SCREEN_NONE.rawValue)]
            pm_tables_add_fragment(tables.pointer, fragment, fragment.count, screens, screens.count)
            for word in self.words[id] {
                let minimum =
                    switch strengths[word.rule] {
                    case .password: 4
                    case .weak: Scanner.minimumKey
                    default: 8
                    }
                let failed = pm_tables_add_word(
                    tables.pointer, Int32(id), word.bytes, word.bytes.count, word.offset, minimum)
                if failed != 0 { continue }
                wordTraits.append(
                    WordTraits(
                        rule: word.rule, length: word.bytes.count, offset: word.offset, strength: strengths[word.rule]))
            }
        }
        self.wordTraits = wordTraits
        if hasProviders { Self.addProviders(set.providers, to: tables) }
        if email != nil {
            for label in Scanner.pseudoDomains { pm_tables_add_pseudo_domain(tables.pointer, label, label.utf8.count) }
        }
        pm_tables_finish(tables.pointer)
        self.tables = tables
        patterns = Mutex([:])
        reaches = Mutex([:])
        var paths: [Int: Pattern] = [:]
        for (index, rule) in rules.enumerated() {
            guard let regex = rule.pathRegex else { continue }
            do throws(PatternError) {
                paths[index] = try Pattern(regex)
            } catch {
                throw RedactionError(
                    .invalidRule, rule: rule.id, "path pattern: \(error.message) at offset \(error.offset)")
            }
        }
        self.paths = paths

        var allowlists: [CompiledAllowlists?] = []
        for rule in rules { allowlists.append(try CompiledAllowlists(rule: rule, global: set.allowlists)) }
        self.allowlists = allowlists
    }

    /// Where `literal` stands in `bytes`. Words are short, and there are thousands of pairs at every start.
    private static func places(of literal: [UInt8], in bytes: [UInt8]) -> [Int] {
        var places: [Int] = []
        var start = 0
        while start + literal.count <= bytes.count {
            var i = 0
            while i < literal.count, bytes[start + i] == literal[i] { i += 1 }
            if i == literal.count { places.append(start) }
            start += 1
        }
        return places
    }

    private static func addProviders(_ providers: [Provider], to tables: TablesBox) {
        for provider in providers {
            pm_tables_add_provider(tables.pointer, provider.weak ? 1 : 0)
            for keyword in provider.keywords where keyword.utf8.count >= 3 {
                pm_tables_add_provider_word(tables.pointer, keyword, keyword.utf8.count)
            }
            for shape in provider.shapes {
                pm_tables_add_provider_shape(
                    tables.pointer, shape.minimum, max(shape.minimum, shape.maximum), shape.alphabet.bit)
            }
        }
    }

    private struct PatternKey: Hashable {
        let rule: Int
        let isAnchored: Bool
    }

    /// The compiled pattern of a rule, made on first use; about 25 µs then. `isAnchored`: one that matches only where a search begins.
    func pattern(of rule: Int, isAnchored: Bool = false) -> Result<Pattern, PatternError> {
        patterns.withLock { patterns in
            let key = PatternKey(rule: rule, isAnchored: isAnchored)
            if let known = patterns[key] { return known }
            let options: Pattern.Options =
                isAnchored ? .anchored : rules[rule].detector == .pattern ? [.partial, .lines, .limited] : .limited
            let result: Result<Pattern, PatternError>
            do throws(PatternError) {
                result = .success(try Pattern(rules[rule].regex ?? "", options: options))
            } catch {
                result = .failure(error)
            }
            patterns[key] = result
            return result
        }
    }

    /// Where the matches of a token rule may begin before its anchors; nil if that is not known. Read off the pattern on first use, for all
    /// streams.
    func reach(of rule: Int) -> AnchorReach? {
        reaches.withLock { reaches in
            if let known = reaches[rule] { return known }
            let reach = AnchorReach(rules[rule].regex ?? "", anchors: rules[rule].anchors)
            reaches.updateValue(reach, forKey: rule)
            return reach
        }
    }
}

/// The allowlists of one rule, with their patterns compiled.
final class CompiledAllowlists: Sendable {
    struct Entry: Sendable {
        let requiresAll: Bool
        let target: Allowlist.Target
        let patterns: [Pattern]
        let stopwords: [[UInt8]]
        let paths: [Pattern]
    }
    let entries: [Entry]
    /// Whether one of them looks at the line around a match.
    let looksAtLine: Bool

    /// Nil if the rule has none.
    init?(rule: Rule, global: [Allowlist]) throws(RedactionError) {
        var entries: [Entry] = []
        // Global allowlists are meant for users' patterns; built-in detectors have controls of their own.
        for list in rule.allowlists + (rule.detector == .pattern ? global : []) {
            var patterns: [Pattern] = []
            var paths: [Pattern] = []
            do throws(PatternError) {
                for regex in list.regexes { patterns.append(try Pattern(regex)) }
                for path in list.paths { paths.append(try Pattern(path)) }
            } catch {
                throw RedactionError(
                    .invalidRule, rule: rule.id, "allowlist pattern: \(error.message) at offset \(error.offset)")
            }
            entries.append(
                Entry(
                    requiresAll: list.requiresAll, target: list.target, patterns: patterns,
                    stopwords: list.stopwords.map { Array($0.asciiLowercased.utf8) }, paths: paths))
        }
        if entries.isEmpty { return nil }
        self.entries = entries
        looksAtLine = entries.contains { $0.target == .line && !$0.patterns.isEmpty }
    }

    /// Whether a match is allowed to pass.
    func allow(
        secret: UnsafeRawBufferPointer, match: UnsafeRawBufferPointer, line: @autoclosure () -> UnsafeRawBufferPointer,
        path: String?, scratch: borrowing MatchScratch
    ) -> Bool {
        for entry in entries {
            var verdicts: [Bool] = []
            if !entry.patterns.isEmpty {
                let target =
                    switch entry.target {
                    case .secret: secret
                    case .match: match
                    case .line: line()
                    }
                var hit = false
                for pattern in entry.patterns where pattern.firstMatch(in: target, from: 0, scratch: scratch) == .match
                { hit = true }
                verdicts.append(hit)
            }
            if !entry.stopwords.isEmpty {
                let text = Text(base: secret.baseAddress!.assumingMemoryBound(to: UInt8.self), count: secret.count)
                verdicts.append(entry.stopwords.contains { text.containsFolded($0) })
            }
            if !entry.paths.isEmpty {
                var hit = false
                if var path {
                    path.withUTF8 { bytes in
                        for pattern in entry.paths
                        where pattern.firstMatch(in: UnsafeRawBufferPointer(bytes), from: 0, scratch: scratch) == .match
                        {
                            hit = true
                        }
                    }
                }
                verdicts.append(hit)
            }
            guard !verdicts.isEmpty else { continue }
            if entry.requiresAll ? !verdicts.contains(false) : verdicts.contains(true) { return true }
        }
        return false
    }
}

extension String {
    /// Lower case of ASCII letters; other characters unchanged.
    package var asciiLowercased: String { String(decoding: utf8.map(lower), as: UTF8.self) }
}

extension Text {
    /// Whether `word` (lower case) occurs anywhere, letters compared without case.
    func containsFolded(_ word: [UInt8]) -> Bool {
        guard !word.isEmpty, word.count <= count else { return false }
        for start in 0...(count - word.count) {
            var i = 0
            while i < word.count, lower(base[start + i]) == word[i] { i += 1 }
            if i == word.count { return true }
        }
        return false
    }
}

extension TokenShape.Alphabet {
    /// The prefilter's bit for it.
    var bit: pm_alphabet {
        switch self {
        case .digits: PM_DIGITS
        case .hex: PM_HEX
        case .lowerAlnum: PM_LOWER_ALNUM
        case .upperAlnum: PM_UPPER_ALNUM
        case .base62: PM_BASE62
        case .base64: PM_BASE64
        case .base64url: PM_BASE64URL
        case .dotted: PM_DOTTED
        }
    }
}
