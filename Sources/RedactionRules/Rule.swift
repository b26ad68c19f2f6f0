/// One detection rule: what to look for, where to look, and how to be sure.
///
/// A rule is data. It comes from the built-in set or from a rule file (docs/formats/rules.md), and does nothing
/// by itself: `RedactionKit` compiles it into a detector.
public struct Rule: Sendable, Equatable {
    /// Identifies the rule in placeholders, reports and `--only`/`--except`: lower-case letters, digits and `-`
    /// in the built-in set; any text without control characters in a user's file.
    public var id: String

    /// One line for people.
    public var summary: String

    /// What kind of secret this is, for selection and for the summary.
    public var category: Category

    /// How sure a match is before its validators have run.
    public var confidence: Confidence

    /// The optional pack this rule belongs to; nil: on by default.
    public var pack: String?

    /// The machinery that evaluates the rule.
    public var detector: Detector

    /// A PCRE2 pattern; nil for detectors that need none.
    public var regex: String?

    /// The capture group that holds the secret; 0 for the first group that took part in the match, or the whole match.
    public var secretGroup: Int

    /// Shannon entropy in bits per byte that the secret must exceed; nil: not asked.
    public var entropy: Double?

    /// Literals of which one must occur within a match of a user's rule, compared without ASCII case (gitleaks
    /// `keywords`); for the built-in context detectors, the words that name a credential.
    public var keywords: [String]

    /// Literals of which every match contains one, compared exactly. They are what the prefilter looks for.
    public var anchors: [String]

    /// Literals of which one stands in the 64 bytes before the token, for tokens that carry no literal themselves.
    public var contexts: [String]

    /// Whether an anchor may stand right after a letter or digit, for tokens that are glued to other text.
    public var inner: Bool

    /// A pattern of file paths the rule is limited to; nil: every path. A stream has no path, and the rule holds.
    public var pathRegex: String?

    /// Words for selection and reports; they have no effect on matching.
    public var tags: [String]

    /// Checks that run on a match, cheapest first.
    public var validators: [Validator]

    /// Reasons to let a match pass.
    public var allowlists: [Allowlist]

    /// Where the format is documented.
    public var reference: String?

    public init(
        id: String, summary: String = "", category: Category = .token, confidence: Confidence = .medium,
        pack: String? = nil, detector: Detector = .token, regex: String? = nil, secretGroup: Int = 0,
        entropy: Double? = nil, keywords: [String] = [], anchors: [String] = [], contexts: [String] = [],
        inner: Bool = false, pathRegex: String? = nil, tags: [String] = [], validators: [Validator] = [],
        allowlists: [Allowlist] = [], reference: String? = nil
    ) {
        self.id = id
        self.summary = summary
        self.category = category
        self.confidence = confidence
        self.pack = pack
        self.detector = detector
        self.regex = regex
        self.secretGroup = secretGroup
        self.entropy = entropy
        self.keywords = keywords
        self.anchors = anchors
        self.contexts = contexts
        self.inner = inner
        self.pathRegex = pathRegex
        self.tags = tags
        self.validators = validators
        self.allowlists = allowlists
        self.reference = reference
    }

    /// The kinds of secret.
    public enum Category: String, Sendable, CaseIterable {
        case token
        case jwt
        case privateKey = "private-key"
        case url
        case header
        case password
        case providerKey = "provider-key"
        case hash
        case email
        case personal
        case known
        case custom
    }

    /// How sure a match is.
    public enum Confidence: String, Sendable, CaseIterable, Comparable {
        case low, medium, high

        public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rank < rhs.rank }
        private var rank: Int { self == .low ? 0 : self == .medium ? 1 : 2 }
    }

    /// The machinery that evaluates a rule.
    public enum Detector: String, Sendable, CaseIterable {
        /// `regex` inside a token run that holds one of `anchors`, or that follows one of `contexts`.
        case token
        /// `regex` around one of `keywords`, as gitleaks does; the detector of users' rules.
        case pattern
        /// JWS, JWE and PASETO compact forms.
        case jwt
        /// PEM, OpenSSH, PGP and PuTTY private keys, to their end.
        case privateKey = "private-key"
        /// User and password before the host of a URL.
        case url
        /// Names such as `password` or `api_key`, an operator, a value.
        case assignment
        /// Fields such as Authorization and Cookie.
        case header
        /// A provider's word near a token of that provider's shape.
        case provider
        /// Base64 values under `data:` of a Kubernetes Secret.
        case manifest
        /// Electronic mail addresses.
        case email
        /// Groups of digits with a checksum or a fixed shape.
        case number
    }
}

/// A check that runs on the bytes of a match.
///
/// A *proving* check raises the confidence to high when it passes and lowers it when it fails, but never vetoes:
/// published examples are often mangled, and a token with a typing error is still somebody's token. A *required*
/// check vetoes.
public enum Validator: String, Sendable, CaseIterable {
    /// Last 6 base62 digits are the CRC-32 of what stands between the prefix and them (GitHub, npm). Proving.
    case crc32Base62 = "crc32-base62"
    /// Last 8 hexadecimal digits are the CRC-32 of all before them (Atlassian). Proving.
    case crc32Hex = "crc32-hex"
    /// Last 8 hexadecimal digits are the little-endian CRC-32 of all before the separator `_` (Grafana). Proving.
    case crc32HexLittleEndian = "crc32-hex-le"
    /// Bech32 checksum (age identities). Proving.
    case bech32
    /// First segment decodes from base64url to a JSON object. Required.
    case base64urlJSON = "base64url-json"
    /// The value decodes from base64 to `user:password`. Required.
    case base64Userinfo = "base64-userinfo"
    /// Luhn checksum over the digits. Required.
    case luhn
    /// ISO 7064 mod 97-10 over an IBAN. Required.
    case mod97
    /// Holds at least one digit and one letter. Required.
    case mixed
    /// Does not read like words: bigrams, digits and case changes are those of a random string. Required.
    case random
    /// Is not a documentation placeholder such as AWS's `…EXAMPLE`. Required.
    case notPlaceholder = "not-placeholder"
}

/// A reason to let a match pass, as in gitleaks.
public struct Allowlist: Sendable, Equatable {
    /// What the regular expressions are held against.
    public enum Target: String, Sendable, CaseIterable {
        case secret, match, line
    }

    /// True: all criteria that are given must hold. False: one is enough.
    public var requiresAll: Bool
    public var target: Target
    public var regexes: [String]
    /// Words of which one occurring in the secret, without ASCII case, lets it pass.
    public var stopwords: [String]
    /// Patterns of file paths; a stream has no path.
    public var paths: [String]

    public init(
        requiresAll: Bool = false, target: Target = .secret, regexes: [String] = [], stopwords: [String] = [],
        paths: [String] = []
    ) {
        self.requiresAll = requiresAll
        self.target = target
        self.regexes = regexes
        self.stopwords = stopwords
        self.paths = paths
    }
}

/// A provider whose tokens have no literal of their own: a word to look for nearby, and the shapes of its tokens.
public struct Provider: Sendable, Equatable {
    public var id: String
    /// Lower-case words or host names of which one must stand before the token.
    public var keywords: [String]
    public var shapes: [TokenShape]
    /// Whether the keywords are ordinary words too, so that more evidence than their presence is needed.
    public var weak: Bool

    public init(id: String, keywords: [String], shapes: [TokenShape], weak: Bool = false) {
        self.id = id
        self.keywords = keywords
        self.shapes = shapes
        self.weak = weak
    }
}

/// Length and alphabet of a token.
public struct TokenShape: Sendable, Hashable {
    public enum Alphabet: UInt8, Sendable, CaseIterable {
        case digits, hex, lowerAlnum, upperAlnum, base62, base64, base64url, dotted

        /// As written in rule files.
        public var name: String {
            switch self {
            case .digits: "digits"
            case .hex: "hex"
            case .lowerAlnum: "lower-alnum"
            case .upperAlnum: "upper-alnum"
            case .base62: "base62"
            case .base64: "base64"
            case .base64url: "base64url"
            case .dotted: "dotted"
            }
        }
    }

    /// Bytes, at least 1.
    public var minimum: Int
    /// Bytes, at least `minimum`.
    public var maximum: Int
    public var alphabet: Alphabet

    public init(minimum: Int, maximum: Int, alphabet: Alphabet) {
        precondition(minimum >= 1 && maximum >= minimum, "a token shape needs 1 <= minimum <= maximum")
        self.minimum = minimum
        self.maximum = maximum
        self.alphabet = alphabet
    }
}
