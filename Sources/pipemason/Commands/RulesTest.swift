internal import ArgumentParser
internal import CommandSupport
internal import Glibc
internal import RedactionRules
internal import RuleFiles

/// `pipemason rules test`: runs the samples that stand beside the rules.
struct RulesTest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test", abstract: "Run the samples in rule files.",
        discussion: """
            Every text under `matches` must yield a finding of its rule, at the place marked by <span>…</span> if \
            there is a mark; every text under `near_misses` must yield none of that rule. The files are tested \
            together. Status 1 if a sample fails.
            """)

    @Argument(
        help: "Rule files; without any, all .toml files in the directory Rules.",
        completion: .file(extensions: ["toml"]))
    var files: [String] = []

    @Flag(name: [.short, .long], help: "Name the rules that have no samples.")
    var verbose = false

    func run() throws {
        let names = files.isEmpty ? RulesTest.defaultFiles() : files
        guard !names.isEmpty else { throw Failure(.usage, "name a rule file: there are none in ./Rules") }
        var loaded: [RuleFile] = []
        let ruleSet: RuleSet
        do {
            for name in names { loaded.append(try RuleFile.load(name)) }
            ruleSet = try RuleFile.merge(loaded)
        } catch {
            throw Failure(reporting: error)
        }
        for warning in loaded.flatMap(\.warnings) { Diagnostics.warn(warning.description) }

        let test = try SampleTest(loaded, ruleSet: ruleSet)
        let style = Style(for: STDOUT_FILENO)
        var text = ""
        for problem in test.problems {
            let place = Diagnostics.printable("\(problem.file): \(problem.rule), \(problem.sample): \(problem.reason)")
            text += style.red("FAILED ") + place + "\n"
        }
        if verbose {
            for id in test.untested { text += style.yellow("no samples ") + Diagnostics.printable(id) + "\n" }
        }
        text += style.bold(RulesTest.row("category", ["rules", "matches", "near-misses", "failed"])) + "\n"
        for category in Rule.Category.allCases {
            if let count = test.counts[category] { text += RulesTest.row(category.rawValue, count) + "\n" }
        }
        let total = test.total
        text += style.bold(RulesTest.row("total", total)) + "\n"
        if !test.untested.isEmpty { text += "\(test.untested.count) rules have no samples\n" }
        try StandardOutput.print(text)
        if total.failed > 0 { throw Failure(.found, "") }
    }

    private static func row(_ name: String, _ count: SampleTest.Count) -> String {
        row(name, [count.rules, count.matches, count.nearMisses, count.failed].map { String($0) })
    }

    private static func row(_ name: String, _ cells: [String]) -> String {
        Summary.pad(name, 14) + cells.map { Summary.left($0, 12) }.joined()
    }

    /// The rule files of this repository, when that is where we are.
    private static func defaultFiles() -> [String] {
        guard let directory = Descriptor.openDirectory(Path("Rules")) else { return [] }
        return (FileTree.names(in: directory) ?? []).map { String(decoding: $0, as: UTF8.self) }
            .filter { $0.hasSuffix(".toml") }.map { "Rules/" + $0 }
    }
}
