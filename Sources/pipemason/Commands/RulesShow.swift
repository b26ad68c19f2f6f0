internal import ArgumentParser
internal import CommandSupport
internal import JSONText
internal import RedactionRules

/// `pipemason rules show`: everything about one rule.
struct RulesShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a rule or a provider.")

    @Argument(help: "The id of a rule or a provider.")
    var id: String

    @OptionGroup var ruleOptions: RuleOptions

    func run() throws {
        let (ruleSet, warnings) = try ruleOptions.sources.load()
        for warning in warnings { Diagnostics.warn(warning) }
        if let rule = ruleSet.rule(id: id) {
            try StandardOutput.print(RulesShow.text(rule))
        } else if let provider = ruleSet.provider(id: id) {
            try StandardOutput.print(RulesShow.text(provider))
        } else {
            throw Failure(.usage, "there is no rule or provider \(id); `pipemason rules list` shows all")
        }
    }

    /// The rule in the notation of rule files, without what is not set.
    private static func text(_ rule: Rule) -> String {
        var lines = ["[[rules]]", "id = \(TOML.string(rule.id))"]
        func add(_ name: String, _ value: String?) {
            if let value, !value.isEmpty { lines.append("\(name) = \(TOML.string(value))") }
        }
        func add(_ name: String, _ values: [String]) {
            if !values.isEmpty { lines.append("\(name) = \(TOML.array(values))") }
        }
        add("description", rule.summary)
        add("category", rule.category.rawValue)
        add("confidence", rule.confidence.rawValue)
        add("pack", rule.pack)
        add("detector", rule.detector.rawValue)
        add("anchor", rule.anchors)
        if rule.inner { lines.append("inner = true") }
        add("context", rule.contexts)
        add("keywords", rule.keywords)
        add("regex", rule.regex)
        if rule.secretGroup != 0 { lines.append("secretGroup = \(rule.secretGroup)") }
        if let entropy = rule.entropy { lines.append("entropy = \(entropy)") }
        add("path", rule.pathRegex)
        add("tags", rule.tags)
        add("validators", rule.validators.map(\.rawValue))
        add("reference", rule.reference)
        for allowlist in rule.allowlists {
            lines += ["", "[[rules.allowlists]]"]
            if allowlist.requiresAll { lines.append("condition = \"AND\"") }
            add("regexTarget", allowlist.target.rawValue)
            add("regexes", allowlist.regexes)
            add("stopwords", allowlist.stopwords)
            add("paths", allowlist.paths)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func text(_ provider: Provider) -> String {
        let shapes = provider.shapes.map { shape in
            let length = shape.minimum == shape.maximum ? "\(shape.minimum)" : "\(shape.minimum)-\(shape.maximum)"
            return "\(length) \(shape.alphabet.name)"
        }
        var lines = [
            "[[providers]]", "id = \(TOML.string(provider.id))", "keywords = \(TOML.array(provider.keywords))",
        ]
        lines.append("shapes = \(TOML.array(shapes))")
        if provider.weak { lines.append("weak = true") }
        return lines.joined(separator: "\n") + "\n"
    }
}

/// Just enough of TOML to show a rule.
enum TOML {
    /// A literal string where that is possible: patterns are full of backslashes.
    static func string(_ text: String) -> String {
        let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        if isPlain, !text.contains("'") { return "'\(text)'" }
        if isPlain, !text.contains("'''"), text.last != "'" { return "'''\(text)'''" }
        // Basic strings of TOML take the escapes of JSON.
        return JSON.string(text)
    }

    static func array(_ values: [String]) -> String { "[" + values.map(string).joined(separator: ", ") + "]" }
}
