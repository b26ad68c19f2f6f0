package import RunModel

/// Numbers as people read them, in English and without a locale.
package enum Quantity {
    /// `340 ms`, `3.2 s`, `2 min 03 s`, `1 h 02 min`.
    package static func duration(_ microseconds: Int) -> String {
        let milliseconds = max(0, microseconds) / 1000
        if milliseconds < 1000 { return "\(milliseconds) ms" }
        let seconds = milliseconds / 1000
        if seconds < 60 { return "\(seconds).\(milliseconds % 1000 / 100) s" }
        if seconds < 3600 { return "\(seconds / 60) min \(twoDigits(seconds % 60)) s" }
        return "\(seconds / 3600) h \(twoDigits(seconds / 60 % 60)) min"
    }

    /// `02:03.450`, `1:02:03.450`: a place in a log.
    package static func place(_ microseconds: Int) -> String {
        let milliseconds = max(0, microseconds) / 1000
        let seconds = milliseconds / 1000
        let rest = String(1000 + milliseconds % 1000).dropFirst()
        let hours = seconds < 3600 ? "" : "\(seconds / 3600):"
        return "\(hours)\(twoDigits(seconds / 60 % 60)):\(twoDigits(seconds % 60)).\(rest)"
    }

    /// `1,234,567`
    package static func count(_ number: Int) -> String {
        var digits = Array(String(number))
        var index = digits.count - 3
        while index > (number < 0 ? 1 : 0) {
            digits.insert(",", at: index)
            index -= 3
        }
        return String(digits)
    }

    /// `1 line`, `1,234 lines`
    package static func count(_ number: Int, _ noun: String, plural: String? = nil) -> String {
        "\(count(number)) \(number == 1 ? noun : plural ?? noun + "s")"
    }

    /// `512 bytes`, `3.4 KiB`, `1.2 GiB`
    package static func bytes(_ number: Int) -> String {
        if number < 1024 { return count(number, "byte") }
        var value = Double(number) / 1024
        var units = ["KiB", "MiB", "GiB", "TiB"][...]
        while value >= 1024, units.count > 1 {
            value /= 1024
            units.removeFirst()
        }
        return "\(fixed(value, 1)) \(units.first ?? "")"
    }

    /// `0.0123 USD`, `12.34 USD`
    package static func money(_ micros: Int, _ currency: String) -> String {
        "\(fixed(Double(micros) / 1e6, micros < 1_000_000 ? 4 : 2)) \(currency)"
    }

    /// `0.0123 USD + 1.00 EUR, estimated`; empty when there are none.
    package static func costs(of run: Run) -> String {
        let parts = run.costs.sorted { $0.key < $1.key }.map { money($0.value, $0.key) }
        return parts.isEmpty ? "" : parts.joined(separator: " + ") + (run.costIsEstimate ? ", estimated" : "")
    }

    /// A number with so many digits behind the point.
    package static func fixed(_ value: Double, _ digits: Int) -> String {
        var scale = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = (value * Double(scale)).rounded()
        guard abs(scaled) < 9e15 else { return String(value) }
        let number = Int(scaled)
        let text = String(abs(number % scale) + scale).dropFirst()
        return "\(number < 0 ? "-" : "")\(abs(number / scale)).\(text)"
    }

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
}
