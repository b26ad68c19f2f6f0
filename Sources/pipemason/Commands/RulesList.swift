internal import ArgumentParser
internal import CommandSupport
internal import Glibc
internal import RedactionRules

/// `pipemason rules list`: one line for each rule.
struct RulesList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the rules, one a line.",
        discussion: "Columns: id, category, confidence, pack (- for rules that are on by default), description.")

    @OptionGroup var ruleOptions: RuleOptions

    func run() throws {
        let (ruleSet, warnings) = try ruleOptions.sources.load()
        for warning in warnings { Diagnostics.warn(warning) }
        let rules = ruleSet.rules.sorted { $0.id < $1.id }
        let width = min(40, rules.map(\.id.count).max() ?? 0)
        let isTable = Terminal.isTerminal(STDOUT_FILENO)
        let style = Style(for: STDOUT_FILENO)
        var text = ""
        for rule in rules {
            let columns = [rule.id, rule.category.rawValue, rule.confidence.rawValue, rule.pack ?? "-", rule.summary]
                .map(Diagnostics.printable)
            if isTable {
                text += style.bold(Summary.pad(columns[0], width)) + "  "
                text += Summary.pad(columns[1], 12) + "  " + Summary.pad(columns[2], 6) + "  "
                text += Summary.pad(columns[3], 8) + "  " + style.dim(columns[4]) + "\n"
            } else {
                text += columns.joined(separator: "\t") + "\n"
            }
        }
        try StandardOutput.print(text)
    }
}
