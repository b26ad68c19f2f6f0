package import ArgumentParser
package import RedactionKit
internal import RedactionRules

/// Options that say what is looked for and what takes its place; `scrub` and `run` share them.
package struct DetectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only these rules or categories, separated by commas.", valueName: "names"))
    package var only: [String] = []

    @Option(help: ArgumentHelp("All but these rules or categories, separated by commas.", valueName: "names"))
    package var except: [String] = []

    @Option(help: ArgumentHelp("Turn on an optional pack; `pipemason rules list` shows them.", valueName: "name"))
    package var pack: [String] = []

    @OptionGroup package var ruleOptions: RuleOptions

    @Option(
        help: ArgumentHelp(
            "Mask the values of these environment variables: names separated by commas, with * and ?.",
            valueName: "names"))
    package var maskEnv: [String] = []

    @Option(
        help: ArgumentHelp(
            "Mask the values in this file: one a line, or separated by NUL if it holds one.", valueName: "file"),
        completion: .file())
    package var maskFile: [String] = []

    @Option(
        help: ArgumentHelp(
            "What takes the place of a secret; {rule}, {category} and {tag} are replaced.", valueName: "template"))
    package var placeholder: String?

    package init() {}

    package var settings: DetectionSettings {
        var settings = DetectionSettings()
        settings.rules = ruleOptions.sources
        settings.packs = pack.flatMap(Self.list)
        settings.only = only.flatMap(Self.list)
        settings.except = except.flatMap(Self.list)
        settings.placeholder = placeholder
        settings.maskEnvironment = maskEnv.flatMap { Glob.list($0) }
        settings.maskFiles = maskFile.map { Path($0) }
        return settings
    }

    private static func list(_ text: String) -> [String] {
        text.split(separator: ",").map { Glob.trimmed($0) }.filter { !$0.isEmpty }
    }
}

/// What is looked for and what takes its place. The defaults are those of the plain filter.
package struct DetectionSettings: Sendable {
    package var rules = RuleSources()
    package var packs: [String] = []
    package var only: [String] = []
    package var except: [String] = []
    package var placeholder: String?
    package var maskEnvironment: [Glob] = []
    package var maskFiles: [Path] = []

    package init() {}

    /// Reads the rule files and values that the settings name, and says what the engine needs to know, and what a
    /// person should.
    package func redactorOptions() throws(Failure) -> (options: RedactorOptions, warnings: [String]) {
        let (ruleSet, ruleWarnings) = try rules.load()
        var options = RedactorOptions(ruleSet: ruleSet)
        options.selection = RuleSelection(only: only, except: except, packs: packs)
        if let placeholder {
            do {
                options.template = try PlaceholderTemplate(placeholder)
            } catch {
                throw Failure(.usage, "--placeholder: \(error)")
            }
        }
        var known = KnownValues()
        known.addEnvironment(maskEnvironment)
        for file in maskFiles { try known.addFile(file) }
        options.knownValues = known.values
        return (options, ruleWarnings + known.warnings)
    }
}
