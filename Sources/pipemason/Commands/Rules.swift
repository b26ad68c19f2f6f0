internal import ArgumentParser

/// `pipemason rules`: look at rules and try them.
struct Rules: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, show and test rules.", subcommands: [RulesList.self, RulesShow.self, RulesTest.self])
}
