/// Fuzz entry point: reads any bytes as terminal output, whole and in pieces, and writes it as HTML.
package func fuzzTerminalText(_ bytes: [UInt8]) {
    func lines(piece: Int) -> [TerminalLine] {
        var text = TerminalText()
        var lines: [TerminalLine] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + piece)
            text.write(bytes[start..<end])
            lines += text.takeLines()
            start = end
        }
        text.finish()
        return lines + text.takeLines()
    }
    let whole = lines(piece: max(1, bytes.count))
    precondition(lines(piece: 1) == whole && lines(piece: 7) == whole, "output does not depend on chunks")
    precondition(whole.count <= 1 + bytes.count { $0 == 0x0A } + bytes.count / TerminalText.cellsPerLine + 1)

    var html: [UInt8] = []
    for line in whole { TerminalHTML.append(line, to: &html) }
    // What is between `<` and `>` is ours: an element of four, with these attributes.
    var rest = html[...]
    while let open = rest.firstIndex(of: UInt8(ascii: "<")) {
        guard let close = rest[open...].firstIndex(of: UInt8(ascii: ">")) else { preconditionFailure("an open tag") }
        let tag = String(decoding: rest[open...close], as: UTF8.self)
        let known = ["<span", "</span>", "<mark class=\"tr\" title=\"", "</mark>", "<a class=\"tl", "</a>"]
        precondition(known.contains { tag.hasPrefix($0) }, "a tag of somebody else")
        rest = rest[(close + 1)...]
    }
    for line in whole {
        for scalar in line.runs.lazy.flatMap(\.text.unicodeScalars) {
            let shown = scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) || scalar == "\t"
            precondition(shown && !(0x2028...0x202E).contains(scalar.value), "controls are visible")
        }
    }
}
