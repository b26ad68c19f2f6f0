internal import CommandSupport
internal import RedactionKit
internal import ScrubReports

/// Keeps count of findings, and passes each on to the report and the explanations.
final class FindingRecorder {
    private(set) var tally = Tally()
    private var report: Report?
    private let explains: Bool
    private let style: Style

    /// The input that is being read; nil: standard input.
    var path: Path?
    private var findingsBefore = 0

    init(report: Report?, explains: Bool, style: Style) {
        self.report = report
        self.explains = explains
        self.style = style
    }

    func record(_ finding: Finding) {
        tally.add(finding)
        report?.add(finding, path: path)
        if explains { Diagnostics.write(Explanation.text(finding, path: path, style: style)) }
    }

    /// Marks the beginning of an input.
    func begin(_ path: Path?) {
        self.path = path
        findingsBefore = tally.findings
    }

    /// Marks the end of an input.
    func end(bytes: UInt64) {
        tally.inputs += 1
        tally.bytes += bytes
        if tally.findings > findingsBefore { tally.inputsWithFindings += 1 }
    }

    func countReplaced() { tally.replaced += 1 }

    func finishReport(warnings: [String], isComplete: Bool) throws(Failure) {
        try report?.finish(tally, warnings: warnings, isComplete: isComplete)
    }
}
