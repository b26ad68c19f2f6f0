internal import EgressKit
internal import LinkProtocol
internal import LogHook
internal import Passkeys
internal import Pipelines
package import RedactionFuzz
internal import RuleFiles
internal import RunFiles
internal import RunFuzz
internal import SealingFuzz
internal import SecretNames
internal import TerminalText

/// An entry point of a fuzzer: takes any bytes, must not trap by itself, and traps when an invariant is broken.
package struct FuzzTarget: Sendable {
    /// Names the folder of seeds in `Corpus/fuzz` as well.
    package let name: String
    package let run: @Sendable (Span<UInt8>) -> Void
    /// What a mutation of an input may be, if the bytes have a structure that random changes would only break.
    package var mutation: (@Sendable (inout [UInt8], inout SplitMix) -> Void)?
    /// How much of a run's time it gets, beside the others.
    package var weight = 1
    /// How many changes of each seed `swift test` tries.
    package var changes = 20
}

/// All entry points. `Fuzz/FuzzProgram` gives them to libFuzzer, `Tests/FuzzTests` replays the seeds of each.
package enum FuzzTargets {
    package static let all: [FuzzTarget] =
        RedactionTargets.all
        + CompressionTargets.all
        + SealingFuzz.all.map { FuzzTarget(name: "sealing-" + $0.name, run: $0.run) }
        + RunFuzz.all.map { FuzzTarget(name: "run-" + $0.name, run: $0.run) }
        + [
            FuzzTarget(name: "rule-file") { bytes in
                bytes.withUnsafeBufferPointer { fuzzRuleFile(UnsafeRawBufferPointer($0)) }
            },
            FuzzTarget(name: "terminal-text") { bytes in
                fuzzTerminalText(bytes.withUnsafeBufferPointer { Array($0) })
            },
            FuzzTarget(name: "git", run: fuzzGit),
            FuzzTarget(name: "pipeline-file") { bytes in fuzzPipeline(bytes.withUnsafeBufferPointer { Array($0) }) },
            FuzzTarget(name: "env-file") { bytes in fuzzDotEnvFile(bytes.withUnsafeBufferPointer { Array($0) }) },
            FuzzTarget(name: "journal-export") { bytes in
                fuzzJournalExport(bytes.withUnsafeBufferPointer { Array($0) })
            },
            FuzzTarget(name: "passkey") { bytes in fuzzPasskey(bytes.withUnsafeBufferPointer { Array($0) }) },
            FuzzTarget(name: "hook-state") { bytes in fuzzFollowState(bytes.withUnsafeBufferPointer { Array($0) }) },
            FuzzTarget(name: "rewrite-note") { bytes in fuzzRewriteNote(bytes.withUnsafeBufferPointer { Array($0) }) },
            FuzzTarget(name: "proxy-address") { bytes in
                fuzzProxyAddress(bytes.withUnsafeBufferPointer { Array($0) })
            },
            FuzzTarget(name: "egress-ledger") { bytes in
                fuzzEgressLedger(bytes.withUnsafeBufferPointer { Array($0) })
            },
            FuzzTarget(name: "server-answer") { bytes in
                fuzzServerAnswer(bytes.withUnsafeBufferPointer { Array($0) })
            },
            FuzzTarget(name: "report", run: ReportTarget.run),
            FuzzTarget(name: "ignore-file", run: IgnoreTarget.run),
        ]

    /// The entry point of that name.
    package static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}
