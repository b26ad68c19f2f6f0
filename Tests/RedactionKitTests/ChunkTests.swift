import RedactionFuzz
import Testing

@testable import RedactionKit

/// Output depends on the bytes alone, never on how they were cut into writes.
@Suite("Chunk invariance")
struct ChunkTests {
    @Test(arguments: Repository.rules)
    func `samples at every split`(rule: RuleCase) {
        for bytes in rule.texts {
            let whole = Shared.everything.redact(bytes)
            for cut in bytes.indices where Shared.everything.redact(bytes, cutAt: [cut]) != whole {
                Issue.record(
                    "\(show(bytes)) cut at \(cut) gives \(show(Shared.everything.redact(bytes, cutAt: [cut]))) and not \(show(whole))"
                )
                break
            }
        }
    }

    @Test(arguments: Repository.rules)
    func `samples byte by byte`(rule: RuleCase) {
        for bytes in rule.texts {
            expectAgreement(on: bytes, Shared.everything.redactByteByByte, Shared.everything.redact, "byte by byte")
        }
    }

    @Test(.tags(.corpus), arguments: Repository.logs, [1, 2, 3] as [UInt64])
    func `logs at random splits`(log: LogCase, seed: UInt64) {
        expectChunkInvariance(
            of: log.input, Shared.standard, cutAt: randomCuts(log.input.count, seed: seed), "seed \(seed)")
    }

    @Test(.tags(.corpus, .slow), .enabled(if: runsSlowTests), arguments: Repository.logs)
    func `logs byte by byte`(log: LogCase) {
        expectAgreement(on: log.input, Shared.everything.redactByteByByte, Shared.everything.redact, "byte by byte")
    }
}

/// Expects the same output for `input` cut as given as for the whole; a failure shows the smallest input and one cut.
func expectChunkInvariance(
    of input: [UInt8], _ redactor: Redactor, cutAt cuts: [Int], _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let whole = redactor.redact(input)
    guard redactor.redact(input, cutAt: cuts) != whole else { return }
    // One cut that is enough, if there is one.
    func differing(_ input: [UInt8]) -> Int? {
        let whole = redactor.redact(input)
        return input.indices.first { redactor.redact(input, cutAt: [$0]) != whole }
    }
    guard input.count < 8192, differing(input) != nil else {
        let small = minimized(input) { redactor.redactByteByByte($0) != redactor.redact($0) }
        let output = show(redactor.redactByteByByte(small))
        Issue.record(
            "\(what), byte by byte: \(show(small)) gives \(output) and not \(show(redactor.redact(small)))",
            sourceLocation: sourceLocation)
        return
    }
    let small = minimized(input) { differing($0) != nil }
    let cut = differing(small) ?? 0
    let output = show(redactor.redact(small, cutAt: [cut]))
    Issue.record(
        "\(what), cut at \(cut): \(show(small)) gives \(output) and not \(show(redactor.redact(small)))",
        sourceLocation: sourceLocation)
}
