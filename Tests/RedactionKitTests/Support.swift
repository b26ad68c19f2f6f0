import Glibc
import RedactionFuzz
import RedactionRules
import Testing

@testable import RedactionKit

extension Tag {
    /// Runs over the synthetic logs.
    @Tag static var corpus: Self
    /// Takes longer than a few seconds; runs when `PIPEMASON_SLOW_TESTS` is set, as `make test-slow` does.
    @Tag static var slow: Self
}

/// Whether slow tests are asked for.
let runsSlowTests = getenv("PIPEMASON_SLOW_TESTS") != nil

// MARK: - Redactors

/// Redactors that many tests share.
enum Shared {
    /// The default rules.
    static let standard = make(RedactorOptions())
    /// With every optional pack.
    static let everything: Redactor = {
        var options = RedactorOptions()
        options.packs = Set(RuleSet.builtin.packs)
        return make(options)
    }()

    private static func make(_ options: RedactorOptions) -> Redactor {
        do { return try Redactor(options) } catch { fatalError("the built-in rules do not compile: \(error)") }
    }
}

/// A sink that remembers what it was given.
struct Collector: RedactionSink {
    var bytes: [UInt8] = []
    var findings: [Finding] = []
    var writes = 0
    mutating func write(_ chunk: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: chunk)
        writes += 1
    }
    mutating func redacted(_ finding: Finding) { findings.append(finding) }
}

extension RedactionStream {
    mutating func write(_ chunk: ArraySlice<UInt8>, to sink: inout some RedactionSink) {
        chunk.withUnsafeBytes { write($0, to: &sink) }
    }
    mutating func write(_ text: String, to sink: inout some RedactionSink) { write(Array(text.utf8)[...], to: &sink) }
}

// MARK: - Comparing

/// Expects that `actual` and `expected` agree on `input`; a failure shows the smallest input on which they do not.
func expectAgreement(
    on input: [UInt8], _ actual: ([UInt8]) -> [UInt8], _ expected: ([UInt8]) -> [UInt8], _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    if actual(input) == expected(input) { return }
    let small = minimized(input) { actual($0) != expected($0) }
    Issue.record(
        "\(what): \(show(small)) gives \(show(actual(small))) and not \(show(expected(small)))",
        sourceLocation: sourceLocation)
}
