internal import RedactionRules

/// Looks up providers by the words before a token: the mechanism behind section "providers" of the rules, one table
/// for all of them. Work per token depends on the length of its context, not on the number of providers.
struct ProviderIndex: Sendable {
    private struct Entry: Sendable {
        let keyword: [UInt8]
        let provider: Int32
        let next: Int32
    }

    private var entries: [Entry] = []
    /// First entry per slot of the hash of a keyword's first three bytes.
    private var heads: [Int32]
    private let providers: [Provider]
    /// Bit n: some provider has tokens of n bytes, n < 512.
    private var lengths: [Bool]

    private static let slots = 4096
    /// Longest token of a provider, in bytes.
    static let maximumLength = 511
    /// Bytes before a token in which its provider's word may stand.
    static let reach = 56

    init(_ providers: [Provider]) {
        self.providers = providers
        heads = Array(repeating: -1, count: Self.slots)
        lengths = Array(repeating: false, count: Self.maximumLength + 1)
        for (index, provider) in providers.enumerated() {
            for keyword in provider.keywords {
                let bytes = Array(keyword.utf8)
                guard bytes.count >= 3 else { continue }
                let slot = Self.slot(bytes[0], bytes[1], bytes[2])
                entries.append(Entry(keyword: bytes, provider: Int32(index), next: heads[slot]))
                heads[slot] = Int32(entries.count - 1)
            }
            for shape in provider.shapes {
                for length in shape.minimum...min(max(shape.minimum, shape.maximum), Self.maximumLength)
                where length <= Self.maximumLength { lengths[length] = true }
            }
        }
    }

    @inline(__always)
    private static func slot(_ a: UInt8, _ b: UInt8, _ c: UInt8) -> Int {
        Int(((UInt32(a) | UInt32(b) << 8 | UInt32(c) << 16) &* 0x9E37_79B1) >> 20)
    }

    @inline(__always)
    func hasLength(_ length: Int) -> Bool { length <= Self.maximumLength && lengths[length] }

    /// Whether a provider that has tokens like `value` is named in `context`, and whether it is a weak name.
    ///
    /// A name counts where a word begins: after something that is no letter, or at a change of case.
    func match(value: Text, _ range: Range<Int>, context: Range<Int>) -> (found: Bool, isWeak: Bool) {
        var weak = false
        var i = context.lowerBound
        let end = context.upperBound
        while i + 3 <= end {
            defer { i += 1 }
            guard value[i].isLetter || value[i].isDigit else { continue }
            if i > 0 {
                let before = value[i - 1]
                if before.isLetter, !(before.isLower && value[i].isUpper) { continue }
            }
            var next = heads[Self.slot(lower(value[i]), lower(value[i + 1]), lower(value[i + 2]))]
            while next >= 0 {
                let entry = entries[Int(next)]
                next = entry.next
                guard i + entry.keyword.count <= end else { continue }
                var k = 0
                while k < entry.keyword.count, lower(value[i + k]) == entry.keyword[k] { k += 1 }
                guard k == entry.keyword.count else { continue }
                // The word may go on with a new word (`mailgunKey`, `mailgun_key`), not with more letters (`linear` in `linearly`).
                let after = value.at(i + k)
                if i + k < end, after.isLower, !(value[i + k - 1].isUpper) {
                    // `heroku` in `herokuapikey`: accept when a credential word follows.
                    guard Self.credentialFollows(value, at: i + k, end: end) else { continue }
                }
                let provider = providers[Int(entry.provider)]
                for shape in provider.shapes
                where range.count >= shape.minimum && range.count <= shape.maximum
                    && Self.fits(value, range, shape.alphabet)
                {
                    if !provider.weak { return (true, false) }
                    weak = true
                }
            }
        }
        return (weak, true)
    }

    private static func credentialFollows(_ text: Text, at index: Int, end: Int) -> Bool {
        let words: [StaticString] = [
            "api", "key", "token", "secret", "auth", "pass", "access", "client", "cred", "app", "io", "ai", "_",
            "webhook",
        ]
        for word in words where text.hasFolded(word, at: index) { return true }
        return false
    }

    static func fits(_ text: Text, _ range: Range<Int>, _ alphabet: TokenShape.Alphabet) -> Bool {
        for i in range {
            let byte = text[i]
            let ok =
                switch alphabet {
                case .digits: byte.isDigit
                // Identifiers in the form of a UUID count as hexadecimal.
                case .hex: byte.isHex || byte == UInt8(ascii: "-")
                case .lowerAlnum: byte.isLower || byte.isDigit
                case .upperAlnum: byte.isUpper || byte.isDigit
                case .base62: byte.isAlnum || byte == UInt8(ascii: "-")
                case .base64:
                    byte.isAlnum || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "=")
                case .base64url: byte.isBase64url || byte == UInt8(ascii: "=")
                case .dotted:
                    byte.isBase64url || byte == UInt8(ascii: "=") || byte == UInt8(ascii: ".")
                        || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "+")
                }
            if !ok { return false }
        }
        return true
    }
}
