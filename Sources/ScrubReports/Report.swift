package import CommandSupport
package import RedactionKit
package import RedactionRules

/// A machine-readable report that is written as findings come, so that its size costs no memory.
///
/// docs/formats/report.md describes both formats. No report ever holds a secret, nor anything computed from one except
/// the keyed tag.
package struct Report {
    package enum Format: String, CaseIterable, Sendable {
        case json, sarif
    }

    private let format: Format
    private let writer: ByteWriter
    private let ruleSet: RuleSet
    private var isFirst = true

    /// Starts a report.
    package init(_ format: Format, to writer: ByteWriter, ruleSet: RuleSet) {
        self.format = format
        self.writer = writer
        self.ruleSet = ruleSet
        switch format {
        case .json: writer.write(JSONReport.opening)
        case .sarif: writer.write(SARIFReport.opening)
        }
    }

    /// Adds a finding. `path` is nil for standard input.
    package mutating func add(_ finding: Finding, path: Path?) {
        writer.write(isFirst ? "\n" : ",\n")
        isFirst = false
        switch format {
        case .json: writer.write(JSONReport.finding(finding, path: path))
        case .sarif: writer.write(SARIFReport.result(finding, path: path, ruleSet: ruleSet))
        }
    }

    /// Completes the report. `isComplete` is false if an input could not be read to its end.
    package mutating func finish(_ tally: Tally, warnings: [String], isComplete: Bool) throws(Failure) {
        switch format {
        case .json: writer.write(JSONReport.closing(tally, warnings: warnings, isComplete: isComplete))
        case .sarif:
            writer.write(SARIFReport.closing(tally, warnings: warnings, isComplete: isComplete, ruleSet: ruleSet))
        }
        writer.flush()
        try writer.check()
    }
}
