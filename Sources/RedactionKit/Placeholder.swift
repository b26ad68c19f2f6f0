/// What stands in the output for a secret, such as `[REDACTED:{rule}]`.
///
/// `{rule}` becomes the rule's id, `{category}` its category, `{tag}` the keyed tag or nothing. The text must be printable ASCII
/// without `"` and `\`, so that it needs no escaping in JSON, and must begin with `[REDACTED`, by which later passes know it.
public struct PlaceholderTemplate: Sendable, Equatable {
    /// Longest template, in bytes.
    public static let maximumLength = 200

    enum Part: Sendable, Equatable { case text(String), rule, category, tag }
    let parts: [Part]

    /// `[REDACTED:github-pat]`, with a tag `[REDACTED:github-pat:7KQ4…]`.
    public static let standard = PlaceholderTemplate(parts: [.text("[REDACTED:"), .rule, .tag, .text("]")])

    private init(parts: [Part]) { self.parts = parts }

    /// - Throws: `RedactionError` if the text cannot serve as a placeholder.
    public init(_ text: String) throws(RedactionError) {
        guard text.utf8.count <= Self.maximumLength else {
            throw RedactionError(
                .invalidTemplate, rule: nil, "the placeholder is longer than \(Self.maximumLength) bytes")
        }
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != .quote && $0 != .backslash }) else {
            throw RedactionError(
                .invalidTemplate, rule: nil, "the placeholder may hold printable ASCII only, without \" and \\")
        }
        guard text.hasPrefix("[REDACTED"), text.hasSuffix("]") else {
            throw RedactionError(
                .invalidTemplate, rule: nil,
                "the placeholder must begin with [REDACTED and end with ], so that it is known again")
        }
        var parts: [Part] = []
        var rest = Substring(text)
        while let brace = rest.firstIndex(of: "{") {
            if brace > rest.startIndex { parts.append(.text(String(rest[..<brace]))) }
            guard let close = rest[brace...].firstIndex(of: "}") else {
                throw RedactionError(.invalidTemplate, rule: nil, "the placeholder has a { without }")
            }
            switch rest[rest.index(after: brace)..<close] {
            case "rule": parts.append(.rule)
            case "category": parts.append(.category)
            case "tag": parts.append(.tag)
            case let name:
                throw RedactionError(
                    .invalidTemplate, rule: nil,
                    "the placeholder names {\(name)}; known are {rule}, {category} and {tag}")
            }
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
    }

    /// Whether each byte may stand between the brackets: in ids, tags, or the template's own text.
    var bytes: [Bool] {
        var result = (0..<256).map { (UInt8($0)).isIdentifier || UInt8($0).isOne(of: ":.-") }
        for case .text(let text) in parts {
            for byte in text.utf8 { result[Int(byte)] = true }
        }
        result[Int(UInt8(ascii: "["))] = false
        result[Int(UInt8(ascii: "]"))] = false
        return result
    }

    func render(rule: String, category: String, tag: String?) -> String {
        var result = ""
        for part in parts {
            switch part {
            case .text(let text): result += text
            case .rule: result += rule
            case .category: result += category
            case .tag: if let tag { result += ":" + tag }
            }
        }
        return result
    }
}
