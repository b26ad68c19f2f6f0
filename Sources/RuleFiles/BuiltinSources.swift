package import RedactionRules

extension RuleFile {
    /// Returns the rules of the files that make up the built-in set, in the order of their names.
    ///
    /// Stricter than `merge`: an id stands in one file only, no file extends another, and a warning is an error.
    package static func builtinSet(from paths: [String]) throws(RuleFileError) -> RuleSet {
        var set = RuleSet()
        var problems: [RuleFileProblem] = []
        var homes: [String: String] = [:]
        for path in paths.sorted() {
            let file = try load(path)
            problems += file.warnings
            if file.extendsDefault || !file.disabledRules.isEmpty {
                problems.append(
                    RuleFileProblem(
                        code: .value, file: path, line: 0, rule: nil, reason: "a built-in file extends nothing"))
            }
            for id in file.ruleSet.rules.map(\.id) + file.ruleSet.providers.map({ "provider " + $0.id }) {
                if let home = homes.updateValue(path, forKey: id) {
                    problems.append(
                        RuleFileProblem(
                            code: .duplicate, file: path, line: 0, rule: id, reason: "the id is used in \(home)"))
                }
            }
            set.rules += file.ruleSet.rules
            set.providers += file.ruleSet.providers
            set.allowlists += file.ruleSet.allowlists
        }
        guard problems.isEmpty else { throw RuleFileError(problems) }
        return set
    }
}
