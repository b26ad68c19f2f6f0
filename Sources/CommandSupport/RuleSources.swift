package import RedactionRules
package import RuleFiles

/// Where rules come from: the built-in set, and users' files.
package struct RuleSources: Sendable {
    package var usesBuiltin = true
    package var files: [Path] = []

    package init(usesBuiltin: Bool = true, files: [Path] = []) {
        self.usesBuiltin = usesBuiltin
        self.files = files
    }

    /// Loads and joins them, each file over those before it.
    ///
    /// Without files nothing is parsed: the built-in set needs no parsing.
    package func load() throws(Failure) -> (ruleSet: RuleSet, warnings: [String]) {
        guard !files.isEmpty else { return (usesBuiltin ? .builtin : RuleSet(), []) }
        do {
            var loaded: [RuleFile] = []
            let base: RuleSet? = usesBuiltin ? .builtin : nil
            for file in files { loaded.append(try RuleFile.load(file.text, over: base)) }
            let ruleSet = try RuleFile.merge(loaded, over: base)
            return (ruleSet, loaded.flatMap(\.warnings).map(\.description))
        } catch {
            throw Failure(reporting: error)
        }
    }
}

extension Failure {
    /// Prints every problem of a rule file on a line of its own; the last is left to whoever catches this.
    package init(reporting error: RuleFileError) {
        for problem in error.problems.dropLast() { Diagnostics.say(problem.description) }
        self.init(.usage, error.problems.last?.description ?? "")
    }
}
