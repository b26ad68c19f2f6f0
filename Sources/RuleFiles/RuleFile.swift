internal import PatternEngine
public import RedactionRules

/// A file of rules, in our format or gitleaks' (docs/formats/rules.md).
///
/// Immutable, checked as a whole: every pattern compiles, every rule has what its detector needs.
public struct RuleFile: Sendable {
    /// The file's name as it was given.
    public let name: String
    /// The rules the file stands for: its own, over those of the files it extends, over the base it was parsed with, or
    /// over the built-in ones if it says `useDefault`.
    public let ruleSet: RuleSet
    /// Samples of this file and of those it extends, not of the built-in rules.
    public let samples: [RuleSamples]
    /// Whether this file, or one it extends, adds to the built-in rules.
    public let extendsDefault: Bool
    /// Ids that this file, or one it extends, switches off.
    public let disabledRules: [String]
    /// What has no effect or is slow; nothing here makes fewer secrets match than the file asks for.
    public let warnings: [RuleFileProblem]

    /// This file and those it extends, the deepest first.
    private let layers: [RuleLayer]

    /// Limits on rule files. Exceeding one is an error.
    public struct Limits: Sendable {
        /// Size of one file. The largest configurations of gitleaks are about 400 KB.
        public var bytes = 8 * 1024 * 1024
        /// How many files may extend one another in a chain. gitleaks stops after two.
        public var depth = 4
        /// Rules, and providers, in one file.
        public var rules = 20_000
        /// Size of an id.
        public var idBytes = 128
        /// Errors, and warnings, that are collected before the rest is dropped.
        public var problems = 100

        public init() {}
    }

    /// Parses the text of a rule file, and reads the files it extends.
    ///
    /// - Parameters:
    ///   - text: TOML.
    ///   - name: Named in errors; `extend.path` is looked up next to it, then in the working directory.
    ///   - base: What the file is put over. Nil: the built-in rules if it says `useDefault`, else nothing.
    /// - Throws: `RuleFileError` with every problem found, each with file, line, rule and reason.
    public static func parse(
        _ text: String, name: String, over base: RuleSet? = nil, limits: Limits = Limits()
    ) throws(RuleFileError) -> RuleFile {
        try parse(text, name: name, over: base, limits: limits, builtin: { RuleSet.builtin }, read: readText)
    }

    /// Reads and parses a rule file; see `parse`.
    ///
    /// - Throws: `RuleFileError`, also if the file cannot be read or is too large.
    public static func load(
        _ path: String, over base: RuleSet? = nil, limits: Limits = Limits()
    ) throws(RuleFileError) -> RuleFile {
        try parse(try readText(path, limit: limits.bytes), name: path, over: base, limits: limits)
    }

    /// Returns the rules of several files together: each is put over those before it, as if it extended them.
    ///
    /// - Parameter base: What the first is put over. Nil: the built-in rules if one of the files says `useDefault`,
    ///   else nothing.
    /// - Throws: `RuleFileError` if a rule is no longer valid over those before it.
    public static func merge(
        _ files: [RuleFile], over base: RuleSet? = nil, limits: Limits = Limits()
    ) throws(RuleFileError) -> RuleSet {
        let usesDefault = files.contains { $0.extendsDefault }
        var report = RuleReport(limit: limits.problems)
        let result = resolve(
            files.flatMap(\.layers), over: base ?? (usesDefault ? .builtin : RuleSet()),
            lenient: usesDefault || base != nil, &report)
        _ = try report.finish()
        return result
    }

    /// `parse` with everything it takes from outside handed in.
    package static func parse(
        _ text: String, name: String, over base: RuleSet? = nil, limits: Limits, builtin: () -> RuleSet,
        read: (_ path: String, _ limit: Int) throws(RuleFileError) -> String
    ) throws(RuleFileError) -> RuleFile {
        var report = RuleReport(limit: limits.problems)
        var layers: [RuleLayer] = []
        var next: (text: String, name: String)? = (text, name)
        while let (text, name) = next {
            let layer = try RuleReader.read(text, name: name, limits: limits, report: &report)
            layers.insert(layer, at: 0)
            next = nil
            guard let path = layer.extendPath, !path.isEmpty else { continue }
            guard layers.count < limits.depth else {
                report.error(
                    .limit, layer.source, ["extend", "path"], nil, "more than \(limits.depth) files extend one another")
                break
            }
            do {
                next = try Self.extended(path, by: name, limits: limits, read: read)
            } catch {
                // The place to correct is the line that names the file.
                for problem in error.problems {
                    report.error(problem.code, layer.source, ["extend", "path"], nil, problem.description)
                }
            }
        }
        let usesDefault = layers.contains { $0.extendsDefault }
        // Rules that could not be read would be missed by what refers to them.
        var ruleSet = RuleSet()
        if report.isClean {
            ruleSet = resolve(
                layers, over: base ?? (usesDefault ? builtin() : RuleSet()), lenient: usesDefault || base != nil,
                &report)
        }
        let warnings = try report.finish()
        return RuleFile(
            name: name, ruleSet: ruleSet, samples: layers.flatMap(\.samples), extendsDefault: usesDefault,
            disabledRules: layers.flatMap(\.disabledRules), warnings: warnings, layers: layers)
    }

    private static func extended(
        _ path: String, by name: String, limits: Limits,
        read: (_ path: String, _ limit: Int) throws(RuleFileError) -> String
    ) throws(RuleFileError) -> (text: String, name: String) {
        if !path.hasPrefix("/"), let slash = name.lastIndex(of: "/") {
            let sibling = name[...slash] + path
            do {
                return (try read(String(sibling), limits.bytes), String(sibling))
            } catch {
                // gitleaks looks in the working directory only.
                guard error.problems.first?.code == .unreadable else { throw error }
                if let text = try? read(path, limits.bytes) { return (text, path) }
                throw error
            }
        }
        return (try read(path, limits.bytes), path)
    }

    /// Puts `layers` over `base`, one after the other.
    ///
    /// - Parameter lenient: The base is ours, and its ids are not gitleaks': what refers to rules we do not have is a
    ///   warning.
    private static func resolve(
        _ layers: [RuleLayer], over base: RuleSet, lenient: Bool, _ report: inout RuleReport
    ) -> RuleSet {
        var set = base
        for layer in layers {
            let disabled = Set(layer.disabledRules)
            let isKnown = Set(set.rules.map(\.id)).union(set.providers.map(\.id))
            for (index, id) in layer.disabledRules.enumerated() where !isKnown.contains(id) {
                report.warning(
                    .unknownRule, layer.source, ["extend", "disabledRules", String(index)], nil,
                    "there is no rule \"\(printable(id))\" to disable")
            }
            if !disabled.isEmpty {
                set.rules.removeAll { disabled.contains($0.id) }
                set.providers.removeAll { disabled.contains($0.id) }
            }

            var indices: [String: Int] = [:]
            for (index, rule) in set.rules.enumerated() { indices[rule.id] = index }
            for patch in layer.patches {
                let index = indices[patch.id]
                guard
                    let rule = checked(
                        patch, over: index.map { set.rules[$0] }, layer, lenient: lenient, &report)
                else { continue }
                if let index {
                    set.rules[index] = rule
                } else {
                    indices[rule.id] = set.rules.count
                    set.rules.append(rule)
                }
            }
            let own = Set(layer.patches.map(\.id))
            for (targets, allowlist, path) in layer.targeted {
                for (position, id) in targets.enumerated() {
                    if let index = indices[id] {
                        set.rules[index].allowlists.append(allowlist)
                    } else if lenient || own.contains(id) {
                        report.warning(
                            .unknownRule, layer.source, path + ["targetRules", String(position)], nil,
                            "there is no rule \"\(printable(id))\" to allow something in")
                    } else {
                        report.error(
                            .unknownRule, layer.source, path + ["targetRules", String(position)], nil,
                            "there is no rule \"\(printable(id))\"")
                    }
                }
            }
            set.allowlists += layer.allowlists

            var providers: [String: Int] = [:]
            for (index, provider) in set.providers.enumerated() { providers[provider.id] = index }
            for provider in layer.providers {
                if let index = providers[provider.id] {
                    set.providers[index] = provider
                } else {
                    set.providers.append(provider)
                }
            }
        }
        return set
    }

    /// Makes the rule and checks it as a whole; nil after reporting why there is none.
    private static func checked(
        _ patch: RulePatch, over base: Rule?, _ layer: RuleLayer, lenient: Bool, _ report: inout RuleReport
    ) -> Rule? {
        let (source, path, id) = (layer.source, patch.path, patch.id)
        if patch.skipsReport {
            report.warning(
                .ignored, source, path + ["skipReport"], id, "skipped: it only takes part in rules that require it")
            return nil
        }
        let rule = patch.rule(over: base)
        if let regex = rule.regex {
            // A base's pattern has been checked with the base; only its groups are asked for here.
            let groups = patch.groups ?? (try? Pattern(regex, options: .checkOnly))?.groupCount ?? 0
            if rule.secretGroup > groups {
                report.error(
                    .value, source, path + ["secretGroup"], id,
                    "secretGroup is \(rule.secretGroup), but the pattern has \(groups) groups")
                return nil
            }
        }

        switch rule.detector {
        case .token:
            if rule.regex == nil {
                report.error(.incomplete, source, path, id, "a token rule needs a regex")
                return nil
            }
            if rule.anchors.isEmpty, rule.contexts.isEmpty {
                report.error(.incomplete, source, path, id, "a token rule needs an anchor or a context")
                return nil
            }
        case .pattern:
            if rule.regex == nil {
                if rule.pathRegex != nil {
                    report.warning(
                        .ignored, source, path, id, "skipped: it has no regex, and a path alone redacts nothing")
                } else if lenient {
                    report.warning(
                        .unknownRule, source, path, id, "skipped: it has no regex, and there is no such rule")
                } else {
                    report.error(.incomplete, source, path, id, "a rule needs a regex")
                }
                return nil
            }
            if rule.keywords.isEmpty {
                report.warning(.slow, source, path, id, "has no keywords, so its pattern is tried everywhere")
            }
        case .provider, .assignment, .header, .jwt, .privateKey, .url, .manifest, .email, .number:
            break
        }
        return rule
    }
}
