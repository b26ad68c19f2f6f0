internal import RedactionRules
internal import RuleFiles

/// Where rules come from: the built-in set, and users' files.
struct RuleSources {
    var usesBuiltin = true
    var files: [Path] = []

    /// Loads and joins them, each file over those before it.
    ///
    /// Without files nothing is parsed: the built-in set needs no parsing.
    func load() throws(Failure) -> (ruleSet: RuleSet, warnings: [String]) {
        guard !files.isEmpty else { return (usesBuiltin ? .builtin : RuleSet(), []) }
        do {
            var loaded: [RuleFile] = []
            for file in files { loaded.append(try RuleFile.load(file.text)) }
            let ruleSet = try RuleFile.merge(loaded, over: usesBuiltin ? .builtin : nil)
            return (ruleSet, loaded.flatMap(\.warnings).map(\.description))
        } catch {
            throw Failure(.usage, String(describing: error))
        }
    }
}
