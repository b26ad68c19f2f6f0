package import CommandSupport
internal import JSONText
package import RedactionKit
internal import RedactionRules

/// `--report json`: docs/formats/report.md.
package enum JSONReport {
    package static var opening: String {
        "{\"format\":\"pipemason-report\",\"version\":1,"
            + "\"tool\":{\"name\":\"pipemason\",\"version\":\(JSON.string(Version.text))},\n\"findings\":["
    }

    package static func finding(_ finding: Finding, path: Path?) -> String {
        JSON.object([
            ("path", path.map { JSON.string($0.text) } ?? "null"),
            ("rule", JSON.string(finding.ruleID)),
            ("category", JSON.string(finding.category.rawValue)),
            ("confidence", JSON.string(finding.confidence.rawValue)),
            ("offset", String(finding.offset)),
            ("length", String(finding.length)),
            ("line", finding.line.map { String($0) }),
            ("column", finding.column.map { String($0) }),
            ("tag", finding.tag.map(JSON.string)),
        ])
    }

    package static func closing(_ tally: Tally, warnings: [String], isComplete: Bool) -> String {
        let rules = tally.byCategory.flatMap(\.rules).sorted { $0.id < $1.id }
        let summary = JSON.object([
            ("findings", String(tally.findings)),
            ("inputs", String(tally.inputs)),
            ("inputsWithFindings", String(tally.inputsWithFindings)),
            ("bytes", String(tally.bytes)),
            ("byRule", JSON.object(rules.map { ($0.id, String($0.count)) })),
            ("byCategory", JSON.object(tally.byCategory.map { ($0.category.rawValue, String($0.count)) })),
        ])
        return "\n],\n\"summary\":\(summary),\n\"warnings\":\(JSON.array(warnings.map(JSON.string))),\n"
            + "\"complete\":\(isComplete)}\n"
    }
}
