/// Writes lines as HTML: escaped text in elements with classes, nothing else.
///
/// No attribute carries a style, so a page can forbid inline styles (Content Security Policy).
package enum TerminalHTML {
    /// Appends a line, without anything around it and without a line feed.
    package static func append(_ line: TerminalLine, to html: inout [UInt8]) {
        for run in line.runs { append(run, to: &html) }
    }

    /// Appends text, escaped for elements and for attributes in quotation marks.
    package static func append(text: some StringProtocol, to html: inout [UInt8]) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "&"): html += "&amp;".utf8
            case UInt8(ascii: "<"): html += "&lt;".utf8
            case UInt8(ascii: ">"): html += "&gt;".utf8
            case UInt8(ascii: "\""): html += "&quot;".utf8
            case UInt8(ascii: "'"): html += "&#39;".utf8
            default: html.append(byte)
            }
        }
    }

    /// Appends text that came from somebody else and is no output: as `append(text:to:)`, and characters that have no shape or change the
    /// order of others by name.
    package static func append(visible text: some StringProtocol, to html: inout [UInt8]) {
        for scalar in text.unicodeScalars {
            append(text: scalar.visibleLabel ?? String(scalar), to: &html)
        }
    }

    private static func append(_ run: TerminalRun, to html: inout [UInt8]) {
        var classes = run.style.classes
        switch run.kind {
        case .text:
            if let link = run.link {
                html += "<a class=\"".utf8
                html += (["tl"] + classes).joined(separator: " ").utf8
                html += "\" rel=\"noopener noreferrer nofollow\" target=\"_blank\" title=\"".utf8
                append(text: link, to: &html)
                html += "\" href=\"".utf8
                append(text: link, to: &html)
                html += "\">".utf8
                append(text: run.text, to: &html)
                html += "</a>".utf8
            } else if classes.isEmpty {
                append(text: run.text, to: &html)
            } else {
                html += "<span class=\"\(classes.joined(separator: " "))\">".utf8
                append(text: run.text, to: &html)
                html += "</span>".utf8
            }
        case .control:
            classes.insert("tc", at: 0)
            html += "<span class=\"\(classes.joined(separator: " "))\">".utf8
            append(text: run.text, to: &html)
            html += "</span>".utf8
        case .redaction(let rule):
            // The whole placeholder is there to be copied and read aloud; the style sheet shows the rule only.
            let scalars = Array(run.text.unicodeScalars)
            func part(_ range: Range<Int>) -> String { String(String.UnicodeScalarView(scalars[range])) }
            html += "<mark class=\"tr\" title=\"redacted by rule ".utf8
            append(text: part(rule), to: &html)
            html += "\"><span>".utf8
            append(text: part(0..<rule.lowerBound), to: &html)
            html += "</span>".utf8
            append(text: part(rule), to: &html)
            html += "<span>".utf8
            append(text: part(rule.upperBound..<scalars.count), to: &html)
            html += "</span></mark>".utf8
        }
    }

    /// The rules for the classes above, for text on a dark ground. Colours 0–15 can be set anew by custom properties
    /// `--t0` … `--t15`, text and ground by `--text` and `--ground`.
    package static let stylesheet: String = {
        var css = """
            .fi{color:var(--ground,#14171a)}.gi{background-color:var(--text,#d7dde3)}
            .tb{font-weight:700}.tf{opacity:.65}.ti{font-style:italic}.tu{text-decoration:underline}
            .ts{text-decoration:line-through}.tu.ts{text-decoration:underline line-through}
            .tl{color:inherit;text-decoration:underline dotted;text-underline-offset:2px}
            .tc{border:1px solid;border-radius:3px;opacity:.75;font-size:.8em;padding:0 2px}
            .tr{background:#4a3413;color:#ffd58a;border-radius:4px;padding:0 5px}.tr>span{font-size:0}

            """
        let basic = [
            "#5c6670", "#f0716b", "#5fc27e", "#d9b44a", "#6ba7f5", "#c792ea", "#4fc1c9", "#c5ced6",
            "#87929c", "#ff938c", "#86dfa0", "#f2d27a", "#93c2ff", "#dcb5f7", "#7fdfe5", "#f4f7fa",
        ]
        for index in 0..<256 {
            let colour: String
            if index < 16 {
                colour = "var(--t\(index),\(basic[index]))"
            } else {
                let (red, green, blue) = TerminalPalette.components(UInt8(index))
                colour = "#" + [red, green, blue].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            }
            css += ".f\(index){color:\(colour)}.g\(index){background-color:\(colour)}\n"
        }
        return css
    }()
}
