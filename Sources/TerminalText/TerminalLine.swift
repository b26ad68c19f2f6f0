/// A line as it is shown: what a terminal would have shown in it last.
package struct TerminalLine: Sendable, Hashable {
    package let runs: [TerminalRun]
    /// Whether it has `TerminalText.cellsPerLine` cells and is continued on the next.
    package let isCut: Bool

    package init(runs: [TerminalRun], isCut: Bool = false) {
        self.runs = runs
        self.isCut = isCut
    }

    /// The text of all runs.
    package var plainText: String { runs.lazy.map(\.text).joined() }
}

/// Neighbouring characters that look alike.
package struct TerminalRun: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case text
        /// `text` is the visible name of a character that has no shape or changes the order of others.
        case control
        /// `text` is the placeholder of a redaction. `rule` is a range of its characters that names the rule.
        case redaction(rule: Range<Int>)
    }
    package let text: String
    package let style: TerminalStyle
    /// Where a hyperlink leads: `http` or `https`, printable ASCII.
    package let link: String?
    package let kind: Kind

    package init(text: String, style: TerminalStyle = TerminalStyle(), link: String? = nil, kind: Kind = .text) {
        self.text = text
        self.style = style
        self.link = link
        self.kind = kind
    }
}

/// A character at its place in a line.
struct TerminalCell: Sendable {
    var scalar: Unicode.Scalar
    var style: TerminalStyle
    var link: Int?

    init(_ scalar: Unicode.Scalar, style: TerminalStyle = TerminalStyle(), link: Int? = nil) {
        self.scalar = scalar
        self.style = style
        self.link = link
    }
}

extension TerminalLine {
    init(_ cells: [TerminalCell], links: [String], isCut: Bool = false) {
        var runs: [TerminalRun] = []
        var text = String.UnicodeScalarView()
        var first: TerminalCell?

        func target(_ cell: TerminalCell) -> String? { cell.link.map { links[$0] } }
        func flush() {
            if let cell = first, !text.isEmpty {
                runs.append(TerminalRun(text: String(text), style: cell.style, link: target(cell)))
            }
            text = String.UnicodeScalarView()
            first = nil
        }

        var index = 0
        while index < cells.count {
            let cell = cells[index]
            if cell.scalar == "[", let placeholder = Placeholder(cells[index...]) {
                flush()
                runs.append(
                    TerminalRun(text: placeholder.text, style: cell.style, kind: .redaction(rule: placeholder.rule)))
                index += placeholder.text.utf8.count
                continue
            }
            if let label = cell.scalar.visibleLabel {
                flush()
                runs.append(TerminalRun(text: label, style: cell.style, kind: .control))
            } else {
                if let begun = first, begun.style != cell.style || target(begun) != target(cell) { flush() }
                if first == nil { first = cell }
                text.append(cell.scalar)
            }
            index += 1
        }
        flush()
        self.init(runs: runs, isCut: isCut)
    }
}

/// What stands for a secret: `[REDACTED:rule]`, `[REDACTED:rule:tag]`, `[REDACTED:known:NAME]`, or what a user's template made of it
/// (`PlaceholderTemplate` in RedactionKit).
private struct Placeholder {
    let text: String
    /// The characters that name the rule.
    let rule: Range<Int>

    /// Longest placeholder, in characters: a template of 200 and two ids.
    static let limit = 512

    /// Reads one from the beginning of some cells.
    init?(_ cells: ArraySlice<TerminalCell>) {
        let cells = cells.prefix(Self.limit)
        let prefix = "[REDACTED".unicodeScalars
        guard cells.count > prefix.count, zip(cells, prefix).allSatisfy({ $0.scalar == $1 }) else { return nil }
        var end = cells.startIndex + prefix.count
        while end < cells.endIndex, cells[end].scalar != "]" {
            let scalar = cells[end].scalar
            guard scalar.value >= 0x20, scalar.value < 0x7F, scalar != "[", scalar != "\"", scalar != "\\" else {
                return nil
            }
            end += 1
        }
        guard end < cells.endIndex else { return nil }
        let scalars = cells[cells.startIndex...end].map(\.scalar)
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        self.text = String(text)

        // The name is what stands behind the first colon or space; a known value's name belongs to it, a tag does not.
        let close = scalars.count - 1
        var start = prefix.count
        if start < close, scalars[start] == ":" || scalars[start] == " " { start += 1 }
        let inside = scalars[start..<close]
        var last = inside.firstIndex(of: ":") ?? close
        if last < close, inside[..<last].elementsEqual("known".unicodeScalars) {
            last = inside[(last + 1)...].firstIndex(of: ":") ?? close
        }
        rule = start < last ? start..<last : 1..<close
    }
}

extension Unicode.Scalar {
    /// What to show for a character that has no shape of its own, or that changes the order or the meaning of those around it:
    /// controls, bidirectional controls (UAX #9, 2), line separators, tags.
    var visibleLabel: String? {
        switch value {
        case 0x09: nil
        case 0x00...0x1F: String(Unicode.Scalar(0x2400 + value) ?? "?")
        case 0x7F: "\u{2421}"
        case 0x80...0x9F, 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF, 0xFFF9...0xFFFB,
            0xE0000...0xE007F:
            hexadecimalName
        default: nil
        }
    }

    /// `U+202E`: at least four digits.
    private var hexadecimalName: String {
        let digits = String(value, radix: 16, uppercase: true)
        return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
