package import CommandSupport
internal import JSONText
package import RedactionKit
package import RedactionRules

/// `--report sarif`: the Static Analysis Results Interchange Format 2.1.0 (OASIS standard), for code hosts.
///
/// The members of an object have no order in JSON, so the results come first, as they are found, and the tool with the
/// rules that were hit comes after them.
package enum SARIFReport {
    package static let opening =
        "{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{\n\"results\":["

    package static func result(_ finding: Finding, path: Path?, ruleSet: RuleSet) -> String {
        let region = JSON.object([
            ("startLine", finding.line.map { String($0) }),
            ("startColumn", finding.column.map { String($0) }),
            ("byteOffset", String(finding.offset)),
            ("byteLength", String(finding.length)),
        ])
        let location = JSON.object([
            ("artifactLocation", JSON.object([("uri", JSON.string(path.map(uri) ?? "stdin"))])),
            ("region", region),
        ])
        return JSON.object([
            ("ruleId", JSON.string(finding.ruleID)),
            ("level", JSON.string(level(finding.confidence))),
            ("message", JSON.object([("text", JSON.string("A secret of the kind \(finding.ruleID)."))])),
            ("locations", JSON.array([JSON.object([("physicalLocation", location)])])),
            ("partialFingerprints", finding.tag.map { JSON.object([("pipemasonTag/v1", JSON.string($0))]) }),
            (
                "properties",
                JSON.object([
                    ("category", JSON.string(finding.category.rawValue)),
                    ("confidence", JSON.string(finding.confidence.rawValue)),
                ])
            ),
        ])
    }

    package static func closing(_ tally: Tally, warnings: [String], isComplete: Bool, ruleSet: RuleSet) -> String {
        let known = Dictionary(ruleSet.rules.map { ($0.id, $0) }) { first, _ in first }
        let rules = tally.byRule.keys.sorted().map { id in
            let summary = known[id].map(\.summary) ?? ""
            return JSON.object([
                ("id", JSON.string(id)),
                ("shortDescription", JSON.object([("text", JSON.string(summary.isEmpty ? id : summary))])),
                ("helpUri", known[id]?.reference.flatMap { $0.hasPrefix("https://") ? JSON.string($0) : nil }),
                (
                    "properties",
                    JSON.object([("category", tally.byRule[id].map { JSON.string($0.category.rawValue) })])
                ),
            ])
        }
        let driver = JSON.object([
            ("name", JSON.string("pipemason")),
            ("version", JSON.string(Version.text)),
            ("rules", JSON.array(rules)),
        ])
        let notifications = warnings.map { warning in
            JSON.object([
                ("level", JSON.string("warning")), ("message", JSON.object([("text", JSON.string(warning))])),
            ])
        }
        let invocation = JSON.object([
            ("executionSuccessful", String(isComplete)),
            ("toolExecutionNotifications", JSON.array(notifications)),
        ])
        return "\n],\n\"tool\":\(JSON.object([("driver", driver)])),\n\"invocations\":[\(invocation)]}]}\n"
    }

    private static func level(_ confidence: Rule.Confidence) -> String {
        switch confidence {
        case .high: "error"
        case .medium: "warning"
        case .low: "note"
        }
    }

    /// A relative or absolute path as a URI reference (RFC 3986): bytes outside the unreserved set are percent-encoded.
    package static func uri(_ path: Path) -> String {
        let digits = Array("0123456789ABCDEF".unicodeScalars)
        var result = String.UnicodeScalarView(
            path.bytes.first == UInt8(ascii: "/") ? "file://".unicodeScalars : "".unicodeScalars)
        for byte in path.bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: "/"):
                result.append(Unicode.Scalar(byte))
            default:
                result.append("%")
                result.append(digits[Int(byte >> 4)])
                result.append(digits[Int(byte & 15)])
            }
        }
        return String(result)
    }
}
