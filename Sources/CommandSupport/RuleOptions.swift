package import ArgumentParser

/// Options that say which rules are used; `scrub`, `rules` and `run` share them.
package struct RuleOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Add the rules of a TOML file; a gitleaks configuration will do.", valueName: "file"),
        completion: .file(extensions: ["toml"]))
    package var rules: [String] = []

    @Flag(help: "Leave the built-in rules out.")
    package var noDefaultRules = false

    package init() {}

    package var sources: RuleSources {
        RuleSources(usesBuiltin: !noDefaultRules, files: rules.map { Path($0) })
    }
}
