import RedactionFuzz
import RedactionRules
import Testing

@testable import RedactionKit

/// The samples that stand with each rule.
@Suite("Samples of the rules")
struct SampleTests {
    @Test(arguments: Repository.rules)
    func `matches are found`(rule: RuleCase) {
        for sample in rule.samples.matches {
            let findings = Shared.everything.findings(in: Array(sample.text.utf8))
            if sample.secrets.isEmpty {
                #expect(findings.contains { $0.ruleID == rule.rule.id }, "\(sample.text): \(findings.map(\.ruleID))")
            }
            for secret in sample.secrets {
                let isFound = findings.contains {
                    $0.offset == UInt64(secret.lowerBound) && $0.length == UInt64(secret.count)
                }
                #expect(
                    isFound,
                    "\(sample.text): \(findings.map { "\($0.ruleID) \($0.offset)+\($0.length)" }), not \(secret)")
            }
        }
    }

    @Test(arguments: Repository.rules)
    func `near misses are not found`(rule: RuleCase) {
        for text in rule.samples.nearMisses {
            let findings = Shared.everything.findings(in: Array(text.utf8))
            #expect(!findings.contains { $0.ruleID == rule.rule.id }, "\(text)")
        }
    }

    @Test func `every rule has a match and two near misses`() {
        #expect(Repository.rules.count == RuleSet.builtin.rules.count)
        for rule in Repository.rules where rule.samples.matches.isEmpty || rule.samples.nearMisses.count < 2 {
            // `provider-key` stands for a table of providers.
            #expect(rule.rule.detector == .provider, "\(rule.rule.id)")
        }
    }
}
