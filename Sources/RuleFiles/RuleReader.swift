internal import RedactionRules
internal import TOMLText

/// What one TOML file holds, before it is put over what it extends.
struct RuleLayer: Sendable {
    let source: Source
    var patches: [RulePatch] = []
    var providers: [Provider] = []
    var allowlists: [Allowlist] = []
    var targeted: [(rules: [String], allowlist: Allowlist, path: [String])] = []
    var samples: [RuleSamples] = []
    var extendsDefault = false
    var extendPath: String?
    var disabledRules: [String] = []

    /// A file's name and contents, shared by everything that reports on it.
    final class Source: Sendable {
        let name: String
        let document: TOMLNode
        init(name: String, document: TOMLNode) {
            self.name = name
            self.document = document
        }
    }
}

/// Reads a parsed document into a `RuleLayer`, and reports everything that is wrong on the way.
struct RuleReader {
    private(set) var layer: RuleLayer
    private let limits: RuleFile.Limits

    static func read(
        _ text: String, name: String, limits: RuleFile.Limits, report: inout RuleReport
    ) throws(RuleFileError) -> RuleLayer {
        guard text.utf8.count <= limits.bytes else {
            throw RuleFileError(.limit, file: name, "is larger than \(limits.bytes) bytes")
        }
        let document: TOMLNode
        do {
            document = try TOMLParser.parse(text)
        } catch {
            throw RuleFileError(
                .syntax, file: name, line: error.line, "\(printable(error.reason)) (column \(error.column))")
        }
        let source = RuleLayer.Source(name: name, document: document)
        var reader = RuleReader(layer: RuleLayer(source: source), limits: limits)
        if case .table(let root) = source.document.value { reader.document(root, &report) }
        return reader.layer
    }

    // MARK: - Tables

    private mutating func document(_ root: [String: TOMLNode], _ report: inout RuleReport) {
        var table = TableReader(root, path: [], rule: nil, source: layer.source)
        for key in ["title", "description", "minversion", "version"] { table.ignore(key) }
        if let extend = table.table("extend", &report) { self.extend(extend, &report) }

        let rules = table.tables("rules", &report)
        if rules.count > limits.rules {
            report.error(.limit, layer.source, ["rules"], nil, "more than \(limits.rules) rules")
        }
        var ids: [String: [String]] = [:]
        for entry in rules.prefix(limits.rules) {
            guard let patch = rule(entry, &report) else { continue }
            if let first = ids.updateValue(patch.path, forKey: patch.id) {
                report.error(
                    .duplicate, layer.source, patch.path + ["id"], patch.id, "the id is used before", also: first)
            } else {
                layer.patches.append(patch)
            }
        }

        let providers = table.tables("providers", &report)
        if providers.count > limits.rules {
            report.error(.limit, layer.source, ["providers"], nil, "more than \(limits.rules) providers")
        }
        var providerIDs: [String: [String]] = [:]
        for entry in providers.prefix(limits.rules) {
            let path = entry.path
            guard let provider = provider(entry, &report) else { continue }
            if let first = providerIDs.updateValue(path, forKey: provider.id) {
                report.error(.duplicate, layer.source, path + ["id"], provider.id, "the id is used before", also: first)
            } else {
                layer.providers.append(provider)
            }
        }

        for entry in table.tables("allowlists", &report) + [table.table("allowlist", &report)].compactMap({ $0 }) {
            var entry = entry
            let path = entry.path
            let targets = entry.strings("targetrules", &report) ?? []
            guard let allowlist = allowlist(entry, &report) else { continue }
            if targets.isEmpty {
                layer.allowlists.append(allowlist)
            } else {
                layer.targeted.append((targets, allowlist, path))
            }
        }
        table.finish(&report)
    }

    private mutating func extend(_ table: TableReader, _ report: inout RuleReport) {
        var table = table
        layer.extendsDefault = table.boolean("usedefault", &report) ?? false
        layer.extendPath = table.string("path", &report)
        layer.disabledRules = table.strings("disabledrules", &report) ?? []
        if table.string("url", &report) != nil {
            report.warning(.ignored, layer.source, table.path + ["url"], nil, "nothing is fetched from a URL")
        }
        table.finish(&report)
    }

    private mutating func rule(_ table: TableReader, _ report: inout RuleReport) -> RulePatch? {
        var table = table
        let path = table.path
        guard let id = identifier(&table, "rule", &report) else { return nil }
        var patch = RulePatch(id: id, path: path)
        patch.summary = table.string("description", &report)
        patch.category = table.choice("category", &report)
        patch.confidence = table.choice("confidence", &report)
        patch.detector = table.choice("detector", &report)
        patch.pack = table.nonEmptyString("pack", &report)
        if let regex = table.nonEmptyString("regex", &report),
            let pattern = report.pattern(regex, layer.source, path + ["regex"], id)
        {
            (patch.regex, patch.groups) = pattern
        }
        if let regex = table.nonEmptyString("path", &report) {
            patch.pathRegex = report.pattern(regex, layer.source, path + ["path"], id)?.source
        }
        patch.reference = table.string("reference", &report)
        patch.inner = table.boolean("inner", &report)
        patch.tags = table.strings("tags", &report) ?? []
        patch.validators = table.choices("validators", &report)
        patch.secretGroup = table.integer("secretgroup", in: 0...63, &report)
        if let entropy = table.number("entropy", &report) {
            if entropy.isFinite, entropy >= 0, entropy <= 8 {
                patch.entropy = entropy
            } else {
                report.error(.value, layer.source, path + ["entropy"], id, "entropy must be a number from 0 to 8")
            }
        }
        patch.keywords = (table.literals("keywords", minimum: 1, &report) ?? []).map(lowercased)
        patch.anchors = table.literals("anchor", minimum: 3, &report)
        patch.contexts = table.literals("context", minimum: 1, &report)

        let lists = table.tables("allowlists", &report)
        let single = table.table("allowlist", &report)
        for entry in lists + [single].compactMap({ $0 }) {
            if let allowlist = allowlist(entry, &report) { patch.allowlists.append(allowlist) }
        }
        patch.skipsReport = table.boolean("skipreport", &report) ?? false
        if !table.tables("required", &report).isEmpty {
            report.warning(
                .ignored, layer.source, path + ["required"], id, "the rule holds even without the rules it requires")
        }
        samples(&table, id, &report)
        table.finish(&report)
        return patch
    }

    private mutating func samples(_ table: inout TableReader, _ id: String, _ report: inout RuleReport) {
        let matches = table.strings("matches", &report) ?? []
        let nearMisses = table.strings("near_misses", &report) ?? []
        guard !matches.isEmpty || !nearMisses.isEmpty else { return }
        var samples = RuleSamples(id: id, matches: [], nearMisses: [])
        for (index, stored) in matches.enumerated() {
            if let sample = RuleSample(stored: stored) {
                samples.matches.append(sample)
            } else {
                report.error(
                    .value, layer.source, table.path + ["matches", String(index)], id,
                    "<span> and </span> must stand in pairs, around something")
            }
        }
        for (index, stored) in nearMisses.enumerated() {
            if let sample = RuleSample(stored: stored), sample.secrets.isEmpty {
                samples.nearMisses.append(sample.text)
            } else {
                report.error(
                    .value, layer.source, table.path + ["near_misses", String(index)], id,
                    "a near miss holds no <span>")
            }
        }
        layer.samples.append(samples)
    }

    private mutating func provider(_ table: TableReader, _ report: inout RuleReport) -> Provider? {
        var table = table
        guard let id = identifier(&table, "provider", &report) else { return nil }
        for key in ["description", "reference"] { _ = table.string(key, &report) }
        let keywords = (table.literals("keywords", minimum: 1, &report) ?? []).map(lowercased)
        if keywords.isEmpty, !table.failed {
            report.error(.incomplete, layer.source, table.path, id, "a provider needs keywords")
        }
        var shapes: [TokenShape] = []
        for (index, text) in (table.strings("shapes", &report) ?? []).enumerated() {
            switch Self.shape(text) {
            case .success(let shape): shapes.append(shape)
            case .failure(let problem):
                table.failed = true
                report.error(.value, layer.source, table.path + ["shapes", String(index)], id, problem.reason)
            }
        }
        if shapes.isEmpty, !table.failed {
            report.error(.incomplete, layer.source, table.path, id, "a provider needs shapes")
        }
        let weak = table.boolean("weak", &report) ?? false
        samples(&table, id, &report)
        table.finish(&report)
        return Provider(id: id, keywords: keywords, shapes: shapes, weak: weak)
    }

    struct ShapeProblem: Error {
        let reason: String
    }

    /// Reads `32 hex` or `20-40 base62`.
    static func shape(_ text: String) -> Result<TokenShape, ShapeProblem> {
        let parts = text.split(separator: " ", omittingEmptySubsequences: true)
        let bounds = parts.first?.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false) ?? []
        let numbers = bounds.compactMap { Int($0) }
        guard parts.count == 2, numbers.count == bounds.count, let minimum = numbers.first,
            let maximum = numbers.last, minimum >= 1, maximum >= minimum, maximum <= 4096
        else {
            return .failure(
                ShapeProblem(
                    reason: "\"\(printable(text))\" is not a shape such as \"32 hex\" or \"20-40 base62\", "
                        + "of 1 to 4096 bytes"))
        }
        guard let alphabet = TokenShape.Alphabet.allCases.first(where: { $0.name == parts[1] }) else {
            let names = TokenShape.Alphabet.allCases.map(\.name).joined(separator: ", ")
            return .failure(ShapeProblem(reason: "\"\(printable(String(parts[1])))\" is not one of: \(names)"))
        }
        return .success(TokenShape(minimum: minimum, maximum: maximum, alphabet: alphabet))
    }

    private mutating func allowlist(_ table: TableReader, _ report: inout RuleReport) -> Allowlist? {
        var table = table
        let path = table.path
        var allowlist = Allowlist()
        _ = table.string("description", &report)
        let commits = table.strings("commits", &report) ?? []
        if let condition = table.string("condition", &report) {
            switch lowercased(condition) {
            case "and", "&&": allowlist.requiresAll = true
            case "or", "||", "": allowlist.requiresAll = false
            default:
                table.failed = true
                report.error(
                    .value, layer.source, path + ["condition"], table.rule,
                    "\"\(printable(condition))\" is not one of: OR, AND")
            }
        }
        if let target = table.string("regextarget", &report), !target.isEmpty {
            if let target = Allowlist.Target(rawValue: lowercased(target)) {
                allowlist.target = target
            } else {
                table.failed = true
                report.error(
                    .value, layer.source, path + ["regexTarget"], table.rule,
                    "\"\(printable(target))\" is not one of: secret, match, line")
            }
        }
        allowlist.regexes = patterns("regexes", &table, &report)
        allowlist.paths = patterns("paths", &table, &report)
        allowlist.stopwords = (table.literals("stopwords", minimum: 1, &report) ?? []).map(lowercased)
        table.finish(&report)
        if table.failed { return nil }
        if allowlist.regexes.isEmpty, allowlist.paths.isEmpty, allowlist.stopwords.isEmpty {
            if commits.isEmpty {
                report.error(
                    .incomplete, layer.source, path, table.rule,
                    "an allowlist needs regexes, stopwords, paths or commits")
            } else {
                report.warning(
                    .ignored, layer.source, path, table.rule, "an allowlist of commits has no effect on a stream")
            }
            return nil
        }
        if !commits.isEmpty, allowlist.requiresAll {
            // A stream has no commits, so not all criteria can hold.
            report.warning(
                .ignored, layer.source, path, table.rule,
                "the allowlist asks for a commit as well, so it never applies to a stream")
            return nil
        }
        return allowlist
    }

    private func patterns(_ key: String, _ table: inout TableReader, _ report: inout RuleReport) -> [String] {
        var result: [String] = []
        for (index, source) in (table.strings(key, &report) ?? []).enumerated() {
            if let pattern = report.pattern(source, layer.source, table.path + [key, String(index)], table.rule) {
                result.append(pattern.source)
            } else {
                table.failed = true
            }
        }
        return result
    }

    /// Reads `id`: not empty, and fit for placeholders, which must need no escaping anywhere.
    private func identifier(_ table: inout TableReader, _ what: String, _ report: inout RuleReport) -> String? {
        guard let id = table.string("id", &report) else {
            if !table.failed {
                report.error(.incomplete, layer.source, table.path, nil, "a \(what) needs an id")
            }
            return nil
        }
        let reason: String? =
            if id.allSatisfy(\.isWhitespace) {
                "the id is empty"
            } else if id.utf8.count > limits.idBytes {
                "the id is longer than \(limits.idBytes) bytes"
            } else if printable(id) != id || id.contains(where: { "\"\\[]".contains($0) }) {
                "the id \"\(printable(id))\" holds a control character, a quote, a backslash or a bracket"
            } else {
                nil
            }
        if let reason {
            report.error(.value, layer.source, table.path + ["id"], nil, reason)
            return nil
        }
        table.rule = id
        return id
    }
}

/// Takes the values out of one table, and knows which ones nobody asked for.
///
/// Keys are compared without ASCII case, because gitleaks' reader does.
struct TableReader {
    let path: [String]
    /// The id to report, once it is known.
    var rule: String?
    /// Whether a value could not be used.
    var failed = false

    private let source: RuleLayer.Source
    /// By key in lower case, with the key as written.
    private let values: [String: (key: String, node: TOMLNode)]
    private var known: Set<String> = []

    init(_ table: [String: TOMLNode], path: [String], rule: String?, source: RuleLayer.Source) {
        self.path = path
        self.rule = rule
        self.source = source
        values = Dictionary(table.map { (lowercased($0.key), (key: $0.key, node: $0.value)) }) { first, second in
            first.key < second.key ? first : second
        }
    }

    mutating func ignore(_ key: String) { known.insert(key) }

    /// Warns about the keys that are left.
    func finish(_ report: inout RuleReport) {
        for (name, value) in values.sorted(by: { $0.key < $1.key }) where !known.contains(name) {
            if report.hasEnoughWarnings { return }
            let hint = nearest(to: name, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
            report.warning(
                .unknownKey, source, path + [value.key], rule,
                "the key \"\(printable(value.key))\" is not known and has no effect\(hint)")
        }
    }

    mutating func string(_ key: String, _ report: inout RuleReport) -> String? {
        take(key, "a string", &report) { if case .string(let value) = $0.value { value } else { nil } }
    }

    /// An empty string counts as not given, as in gitleaks.
    mutating func nonEmptyString(_ key: String, _ report: inout RuleReport) -> String? {
        string(key, &report).flatMap { $0.isEmpty ? nil : $0 }
    }

    mutating func boolean(_ key: String, _ report: inout RuleReport) -> Bool? {
        take(key, "true or false", &report) { if case .boolean(let value) = $0.value { value } else { nil } }
    }

    mutating func number(_ key: String, _ report: inout RuleReport) -> Double? {
        take(key, "a number", &report) {
            switch $0.value {
            case .integer(let value): Double(value)
            case .float(let value): value
            default: nil
            }
        }
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>, _ report: inout RuleReport) -> Int? {
        let value = take(key, "an integer", &report) { if case .integer(let value) = $0.value { value } else { nil } }
        guard let value else { return nil }
        guard range.contains(value) else {
            failed = true
            report.error(
                .value, source, path + [spelling(key)], rule,
                "\(spelling(key)) must be from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    /// A list of strings; one string counts as a list of one.
    mutating func strings(_ key: String, _ report: inout RuleReport) -> [String]? {
        take(key, "a list of strings", &report) { node in
            switch node.value {
            case .string(let value): return [value]
            case .array(let nodes):
                let values = nodes.compactMap { if case .string(let value) = $0.value { value } else { nil } }
                return values.count == nodes.count ? values : nil
            default: return nil
            }
        }
    }

    /// A list of strings of at least `minimum` bytes.
    mutating func literals(_ key: String, minimum: Int, _ report: inout RuleReport) -> [String]? {
        guard let values = strings(key, &report) else { return nil }
        for (index, value) in values.enumerated() where value.utf8.count < minimum {
            failed = true
            let reason =
                value.isEmpty
                ? "\(spelling(key)) holds an empty string"
                : "\"\(printable(value))\" is too short: \(spelling(key)) needs \(minimum) bytes or more"
            report.error(.value, source, path + [spelling(key), String(index)], rule, reason)
        }
        return values.filter { $0.utf8.count >= minimum }
    }

    mutating func choice<T: RawRepresentable & CaseIterable>(_ key: String, _ report: inout RuleReport) -> T?
    where T.RawValue == String {
        guard let name = string(key, &report) else { return nil }
        return choice(T.self, name, path + [spelling(key)], &report)
    }

    mutating func choices<T: RawRepresentable & CaseIterable>(_ key: String, _ report: inout RuleReport) -> [T]?
    where T.RawValue == String {
        guard let names = strings(key, &report) else { return nil }
        return names.enumerated().compactMap { index, name in
            choice(T.self, name, path + [spelling(key), String(index)], &report)
        }
    }

    private mutating func choice<T: RawRepresentable & CaseIterable>(
        _: T.Type, _ name: String, _ path: [String], _ report: inout RuleReport
    ) -> T? where T.RawValue == String {
        if let value = T(rawValue: name) { return value }
        failed = true
        let names = T.allCases.map(\.rawValue).joined(separator: ", ")
        report.error(.value, source, path, rule, "\"\(printable(name))\" is not one of: \(names)")
        return nil
    }

    mutating func table(_ key: String, _ report: inout RuleReport) -> TableReader? {
        let table = take(key, "a table", &report) { if case .table(let value) = $0.value { value } else { nil } }
        return table.map { TableReader($0, path: path + [spelling(key)], rule: rule, source: source) }
    }

    /// A list of tables; one table counts as a list of one.
    mutating func tables(_ key: String, _ report: inout RuleReport) -> [TableReader] {
        var isList = true
        let tables = take(key, "a list of tables", &report) { node -> [[String: TOMLNode]]? in
            switch node.value {
            case .table(let value):
                isList = false
                return [value]
            case .array(let nodes):
                let values = nodes.compactMap { if case .table(let value) = $0.value { value } else { nil } }
                return values.count == nodes.count ? values : nil
            default: return nil
            }
        }
        let name = spelling(key)
        return (tables ?? []).enumerated().map { index, table in
            TableReader(
                table, path: path + (isList ? [name, String(index)] : [name]), rule: rule, source: source)
        }
    }

    /// The key as the file writes it.
    private func spelling(_ key: String) -> String { values[key]?.key ?? key }

    private mutating func take<T>(
        _ key: String, _ wanted: String, _ report: inout RuleReport, _ convert: (TOMLNode) -> T?
    ) -> T? {
        known.insert(key)
        guard let (spelling, node) = values[key] else { return nil }
        if let value = convert(node) { return value }
        failed = true
        report.error(
            .type, source, path + [spelling], rule, "\(spelling) must be \(wanted), not \(describe(node, wanted))")
        return nil
    }

    private func describe(_ node: TOMLNode, _ wanted: String) -> String {
        if case .array = node.value, wanted.hasPrefix("a list") { return "a list of something else" }
        return node.typeName
    }
}
