internal import RedactionRules

/// A `[[rules]]` table: what it says, and nothing about what it leaves out.
///
/// It becomes a rule of its own, or changes the rule of the same id in the set that the file extends.
struct RulePatch: Sendable {
    var id: String
    /// Where it stands: `["rules", "3"]`.
    var path: [String]
    var summary: String?
    var category: Rule.Category?
    var confidence: Rule.Confidence?
    var pack: String?
    var detector: Rule.Detector?
    /// In PCRE2's syntax, checked.
    var regex: String?
    /// How many capture groups `regex` has.
    var groups: Int?
    var secretGroup: Int?
    var entropy: Double?
    var keywords: [String] = []
    var anchors: [String]?
    var contexts: [String]?
    var inner: Bool?
    /// In PCRE2's syntax, checked.
    var pathRegex: String?
    var tags: [String] = []
    var validators: [Validator]?
    var allowlists: [Allowlist] = []
    var reference: String?
    /// Only a part of other rules, in gitleaks.
    var skipsReport = false

    init(id: String, path: [String]) {
        self.id = id
        self.path = path
    }

    /// Returns the rule this makes, over `base` if there is one.
    ///
    /// As gitleaks does: what is given replaces, but keywords, tags and allowlists are added.
    func rule(over base: Rule?) -> Rule {
        var rule = base ?? Rule(id: id)
        if let summary { rule.summary = summary }
        if let confidence { rule.confidence = confidence }
        if let pack { rule.pack = pack }
        if let regex { rule.regex = regex }
        if let secretGroup { rule.secretGroup = secretGroup }
        if let entropy { rule.entropy = entropy == 0 ? nil : entropy }
        if let anchors { rule.anchors = anchors }
        if let contexts { rule.contexts = contexts }
        if let inner { rule.inner = inner }
        if let pathRegex { rule.pathRegex = pathRegex }
        if let validators { rule.validators = validators }
        if let reference { rule.reference = reference }
        rule.keywords.addMissing(keywords)
        rule.tags.addMissing(tags)
        rule.allowlists += allowlists

        if let detector {
            rule.detector = detector
        } else if anchors != nil || contexts != nil {
            rule.detector = .token
        } else if base == nil {
            rule.detector = .pattern
        } else if regex != nil, rule.detector != .pattern {
            // A pattern from elsewhere, written for whole lines: it would not match within a token run. The base's
            // anchors go on guarding it, as gitleaks keeps the base's keywords.
            rule.detector = .pattern
            rule.keywords.addMissing(rule.anchors.map(lowercased))
            rule.anchors = []
            rule.contexts = []
        }
        if let category {
            rule.category = category
        } else if base == nil {
            rule.category = rule.detector.usualCategory
        }
        return rule
    }
}

extension Rule.Detector {
    /// The category of a rule that names none.
    var usualCategory: Rule.Category {
        switch self {
        case .token: .token
        case .pattern: .custom
        case .jwt: .jwt
        case .privateKey: .privateKey
        case .url: .url
        case .assignment, .manifest: .password
        case .header: .header
        case .provider: .providerKey
        case .email: .email
        case .number: .personal
        }
    }
}

extension [String] {
    /// Adds the strings that are not there yet, each once.
    fileprivate mutating func addMissing(_ others: [String]) {
        var known = Set(self)
        for other in others where known.insert(other).inserted { append(other) }
    }
}

/// ASCII lower case; other letters stay, as matching without case is ASCII's too.
func lowercased(_ text: String) -> String {
    String(decoding: text.utf8.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }, as: UTF8.self)
}
