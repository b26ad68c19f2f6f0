import Testing

@testable import RedactionKit

/// The engine and its slow twin agree.
@Suite("Reference engine")
struct ReferenceTests {
    @Test(arguments: Repository.rules)
    func `agrees on samples`(rule: RuleCase) {
        let reference = ReferenceScanner(Shared.everything)
        for bytes in rule.texts { expectAgreement(on: bytes, Shared.everything.redact, reference.redact, "fast") }
    }

    @Test(.tags(.corpus), arguments: Repository.logs)
    func `agrees on logs`(log: LogCase) {
        expectAgreement(on: log.input, Shared.standard.redact, ReferenceScanner(Shared.standard).redact, "fast")
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `agrees on random texts`(seed: UInt64) { compare(seeds: (seed * 10)..<(seed * 10 + 10)) }

    @Test(.tags(.slow), .enabled(if: runsSlowTests), arguments: 100..<200 as Range<UInt64>)
    func `agrees on many random texts`(seed: UInt64) { compare(seeds: (seed * 100)..<(seed * 100 + 100)) }

    private func compare(seeds: Range<UInt64>) {
        let redactor = Shared.everything
        let reference = ReferenceScanner(redactor)
        for seed in seeds {
            var random = SplitMix(seed: seed)
            let text = TextGenerator.text(with: &random)
            expectAgreement(on: text, redactor.redact, reference.redact, "fast, seed \(seed)")
            expectChunkInvariance(of: text, redactor, cutAt: randomCuts(text.count, seed: seed), "seed \(seed)")
            expectAgreement(on: text, { redactor.redact(redactor.redact($0)) }, redactor.redact, "again, seed \(seed)")
        }
    }
}
