import RedactionFuzz
import Testing

@testable import RedactionKit

@Suite("Synthetic logs", .tags(.corpus))
struct CorpusTests {
    @Test(arguments: Repository.logs)
    func `output is as expected`(log: LogCase) {
        let output = Shared.standard.redact(log.input)
        guard output != log.expected else { return }
        let lines = output.split(separator: 0x0a, omittingEmptySubsequences: false)
        let wanted = log.expected.split(separator: 0x0a, omittingEmptySubsequences: false)
        for (number, pair) in zip(lines, wanted).enumerated() where pair.0 != pair.1 {
            Issue.record("\(log.name), line \(number + 1): \(show(Array(pair.0))) and not \(show(Array(pair.1)))")
        }
        #expect(lines.count == wanted.count)
    }

    @Test(arguments: Repository.logs)
    func `scrubbing again changes nothing`(log: LogCase) {
        expectAgreement(
            on: log.input, { Shared.standard.redact(Shared.standard.redact($0)) }, Shared.standard.redact, "again")
    }

    @Test(arguments: Repository.rules)
    func `scrubbing samples again changes nothing`(rule: RuleCase) {
        let redactor = Shared.everything
        for bytes in rule.texts {
            expectAgreement(on: bytes, { redactor.redact(redactor.redact($0)) }, redactor.redact, "again")
        }
    }
}
