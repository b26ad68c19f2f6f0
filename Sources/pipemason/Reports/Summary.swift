internal import CommandSupport
internal import RedactionRules
internal import ScrubReports

/// `--summary`: what was found, by category and rule, on standard error.
enum Summary {
    static func text(_ tally: Tally, seconds: Double, style: Style) -> String {
        var lines: [String] = []
        let noun = tally.findings == 1 ? "finding" : "findings"
        var head = style.bold("\(tally.findings) \(noun)") + " in \(size(tally.bytes))"
        if tally.inputs != 1 { head += ", \(tally.inputs) inputs (\(tally.inputsWithFindings) with findings)" }
        if tally.replaced > 0 { head += ", \(tally.replaced) replaced" }
        head += ", \(fixed(seconds, 3)) s"
        if seconds > 0.001 { head += " (\(fixed(Double(tally.bytes) / seconds / 1e6, 0)) MB/s)" }
        lines.append("pipemason: " + head)
        let width = tally.byRule.keys.map(\.count).max() ?? 0
        for (category, count, rules) in tally.byCategory {
            lines.append("  " + style.bold(pad(category.rawValue, width + 2)) + left(String(count), 8))
            for rule in rules {
                lines.append("    " + pad(Diagnostics.printable(rule.id), width) + left(String(rule.count), 8))
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Bytes in the unit that leaves three or four digits.
    static func size(_ bytes: UInt64) -> String {
        if bytes < 1000 { return "\(bytes) B" }
        var value = Double(bytes)
        for unit in ["kB", "MB", "GB"] {
            value /= 1000
            if value < 999.5 || unit == "GB" { return fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0) + " " + unit }
        }
        return "\(bytes) B"
    }

    /// A number with a fixed count of decimals; the standard library has no format for it without Foundation.
    static func fixed(_ value: Double, _ decimals: Int) -> String {
        let scale = (0..<decimals).reduce(1.0) { power, _ in power * 10 }
        let scaled = (value * scale).rounded()
        guard scaled.isFinite, scaled < 1e18 else { return "\(value)" }
        let digits = String(Int64(scaled))
        guard decimals > 0 else { return digits }
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        return padded.dropLast(decimals) + "." + padded.suffix(decimals)
    }

    static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    static func left(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
