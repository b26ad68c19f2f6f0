internal import CommandSupport
internal import RedactionKit
internal import RedactionRules

/// `--explain`: one line for each finding, on standard error. The value is told by its length only.
enum Explanation {
    static func text(_ finding: Finding, path: Path?, style: Style) -> String {
        var place = Diagnostics.printable(path?.text ?? "stdin")
        if let line = finding.line { place += ":\(line)" }
        if let column = finding.column { place += ":\(column)" }
        var text = style.dim(place + ":") + " " + style.bold(Diagnostics.printable(finding.ruleID))
        text += " (\(finding.category.rawValue), confidence \(finding.confidence.rawValue))"
        text += " **** \(finding.length) bytes at offset \(finding.offset)"
        if let reason = finding.explanation { text += ": " + Diagnostics.printable(reason) }
        return text + "\n"
    }
}
