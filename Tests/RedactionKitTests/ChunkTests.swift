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
        expectAgreement(
            on: log.input, { Shared.standard.redact($0, cutAt: randomCuts($0.count, seed: seed)) },
            Shared.standard.redact, "cut with seed \(seed)")
    }

    @Test(.tags(.corpus, .slow), .enabled(if: runsSlowTests), arguments: Repository.logs)
    func `logs byte by byte`(log: LogCase) {
        expectAgreement(on: log.input, Shared.everything.redactByteByByte, Shared.everything.redact, "byte by byte")
    }
}

/// Cuts at distances between 1 byte and 4 KiB, short ones as often as long ones.
func randomCuts(_ count: Int, seed: UInt64) -> [Int] {
    var random = SplitMix(seed: seed)
    var cuts: [Int] = []
    var at = 0
    while true {
        at += 1 + random.below(1 << (1 + random.below(12)))
        guard at < count else { return cuts }
        cuts.append(at)
    }
}
