package import RedactionKit
package import RedactionRules

/// Counts of one run. Its size depends on the number of rules, never on the number of findings.
package struct Tally {
    package private(set) var findings = 0
    package private(set) var byRule: [String: RuleCount] = [:]
    package init() {}

    /// Inputs that were read to their end.
    package var inputs = 0
    /// Inputs that held at least one secret.
    package var inputsWithFindings = 0
    /// Files that were replaced.
    package var replaced = 0
    /// Bytes read.
    package var bytes: UInt64 = 0

    package struct RuleCount {
        package let category: Rule.Category
        package var count: Int
    }

    package mutating func add(_ finding: Finding) {
        findings += 1
        byRule[finding.ruleID, default: RuleCount(category: finding.category, count: 0)].count += 1
    }

    /// Categories in the order of their definition, each with its rules, most frequent first.
    package var byCategory: [(category: Rule.Category, count: Int, rules: [(id: String, count: Int)])] {
        Rule.Category.allCases.compactMap { category in
            let rules = byRule.filter { $0.value.category == category }
                .map { (id: $0.key, count: $0.value.count) }
                .sorted { ($1.count, $0.id) < ($0.count, $1.id) }
            guard !rules.isEmpty else { return nil }
            return (category, rules.reduce(0) { $0 + $1.count }, rules)
        }
    }
}
