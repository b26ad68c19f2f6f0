internal import PatternEngine
internal import RedactionRules

/// Collects what is wrong with rule files; lines are looked up at the end.
struct RuleReport {
    private struct Entry {
        let code: RuleFileProblem.Code
        let source: RuleLayer.Source
        let path: [String]
        let rule: String?
        let reason: String
        /// Path of another place to name.
        let also: [String]?
    }

    private var errors: [Entry] = []
    private var warnings: [Entry] = []
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    var isClean: Bool { errors.isEmpty }

    /// Whether further warnings are dropped, so that nobody need compose them.
    var hasEnoughWarnings: Bool { warnings.count >= limit }

    mutating func error(
        _ code: RuleFileProblem.Code, _ source: RuleLayer.Source, _ path: [String], _ rule: String?, _ reason: String,
        also: [String]? = nil
    ) {
        guard errors.count < limit else { return }
        errors.append(Entry(code: code, source: source, path: path, rule: rule, reason: reason, also: also))
    }

    mutating func warning(
        _ code: RuleFileProblem.Code, _ source: RuleLayer.Source, _ path: [String], _ rule: String?, _ reason: String
    ) {
        guard warnings.count < limit else { return }
        warnings.append(Entry(code: code, source: source, path: path, rule: rule, reason: reason, also: nil))
    }

    /// Checks a pattern; returns it in PCRE2's syntax with its number of groups, or nil after reporting.
    mutating func pattern(
        _ source: String, _ file: RuleLayer.Source, _ path: [String], _ rule: String?
    ) -> (source: String, groups: Int)? {
        let translated = GoPattern(source)
        do {
            let pattern = try Pattern(translated.pattern, options: .checkOnly)
            if translated.widened {
                warning(
                    .ignored, file, path, rule,
                    "characters outside ASCII in a class stand for any byte above 0x7F")
            }
            return (translated.pattern, pattern.groupCount)
        } catch {
            let offset = translated.sourceOffset(error.offset)
            self.error(.pattern, file, path, rule, "\(error.message) (at byte \(offset) of the pattern)")
            return nil
        }
    }

    /// The warnings, if there is no error.
    ///
    /// - Throws: `RuleFileError` with all errors.
    func finish() throws(RuleFileError) -> [RuleFileProblem] {
        if !errors.isEmpty { throw RuleFileError(located(errors)) }
        return located(warnings)
    }

    private func located(_ entries: [Entry]) -> [RuleFileProblem] {
        var order: [ObjectIdentifier: Int] = [:]
        let problems = entries.map { entry in
            let place = order[ObjectIdentifier(entry.source), default: order.count]
            order[ObjectIdentifier(entry.source)] = place
            let document = entry.source.document
            var reason = entry.reason
            if let also = entry.also { reason += " (line \(document.line(of: also)))" }
            let problem = RuleFileProblem(
                code: entry.code, file: entry.source.name, line: document.line(of: entry.path), rule: entry.rule,
                reason: reason)
            return (order: place, problem: problem)
        }
        return problems.sorted { ($0.order, $0.problem.line) < ($1.order, $1.problem.line) }.map(\.problem)
    }
}
