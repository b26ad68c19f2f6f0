internal import CommandSupport
internal import RedactionKit
internal import RedactionRules
internal import RuleFiles

/// Runs the samples of a rule file through the engine as `scrub` uses it.
///
/// A match must yield a finding of its rule, at exactly the marked place where one is marked. A near-miss must yield
/// none of that rule; another rule may find something in it.
struct SampleTest {
    /// What was expected and did not happen. Says which sample, never what it holds.
    struct Problem {
        let file: String
        let rule: String
        /// "match 1", "near-miss 2": as counted in the file.
        let sample: String
        let reason: String
    }

    /// Counts of one category.
    struct Count {
        var rules = 0
        var matches = 0
        var nearMisses = 0
        var failed = 0
    }

    private(set) var problems: [Problem] = []
    private(set) var counts: [Rule.Category: Count] = [:]
    /// Rules of the files that have no samples.
    private(set) var untested: [String] = []

    var total: Count {
        counts.values.reduce(into: Count()) { total, count in
            total.rules += count.rules
            total.matches += count.matches
            total.nearMisses += count.nearMisses
            total.failed += count.failed
        }
    }

    /// Tests files together: a sample of one may be found by the rules of all of them, as in use.
    ///
    /// - Parameter ruleSet: The rules of all files, joined.
    init(_ files: [RuleFile], ruleSet: RuleSet) throws(Failure) {
        var options = RedactorOptions(ruleSet: ruleSet)
        options.selection = RuleSelection(packs: ruleSet.packs)
        let redactor: Redactor
        do {
            redactor = try Redactor(options)
        } catch {
            throw Failure(.usage, String(describing: error))
        }
        for file in files {
            for samples in file.samples { test(samples, in: file, ruleSet, redactor) }
            let tested = Set(file.samples.map(\.id))
            untested += file.ruleSet.rules.map(\.id).filter { !tested.contains($0) && !file.extendsDefault }
        }
    }

    private mutating func test(_ samples: RuleSamples, in file: RuleFile, _ ruleSet: RuleSet, _ redactor: Redactor) {
        // A provider is found by whatever rule uses the table of providers.
        let rule = ruleSet.rule(id: samples.id)
        let category = rule?.category ?? .providerKey
        var count = counts[category] ?? Count()
        count.rules += 1
        count.matches += samples.matches.count
        count.nearMisses += samples.nearMisses.count

        func fail(_ sample: String, _ reason: String) {
            count.failed += 1
            problems.append(Problem(file: file.name, rule: samples.id, sample: sample, reason: reason))
        }
        for (index, sample) in samples.matches.enumerated() {
            let name = "match \(index + 1)"
            let all = SampleTest.findings(in: sample.text, redactor)
            let own = all.filter { $0.ruleID == samples.id }
            let spans = own.map { Int($0.offset)..<Int($0.offset + $0.length) }
            if own.isEmpty {
                let others = Set(all.map(\.ruleID)).sorted().joined(separator: ", ")
                fail(name, others.isEmpty ? "nothing was found" : "found by another rule only: \(others)")
            } else if let missing = sample.secrets.first(where: { !spans.contains($0) }) {
                let places = spans.map { "\($0.lowerBound)..<\($0.upperBound)" }.joined(separator: ", ")
                fail(name, "marked at \(missing.lowerBound)..<\(missing.upperBound), found at \(places)")
            }
        }
        for (index, text) in samples.nearMisses.enumerated() {
            let own = SampleTest.findings(in: text, redactor).filter { $0.ruleID == samples.id }
            if let first = own.first {
                fail("near-miss \(index + 1)", "found at \(first.offset)..<\(first.offset + first.length)")
            }
        }
        counts[category] = count
    }

    /// Everything the engine finds in `text`.
    private static func findings(in text: String, _ redactor: Redactor) -> [Finding] {
        var sink = Collector()
        var stream = redactor.makeStream()
        var text = text
        text.withUTF8 { stream.write(UnsafeRawBufferPointer($0), to: &sink) }
        stream.finish(to: &sink)
        return sink.findings
    }

    private struct Collector: RedactionSink {
        var findings: [Finding] = []
        mutating func write(_ bytes: UnsafeRawBufferPointer) {}
        mutating func redacted(_ finding: Finding) { findings.append(finding) }
    }
}
