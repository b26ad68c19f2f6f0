import Testing

@testable import TerminalText

@Suite("Terminal output as lines")
struct TerminalTextTests {
    @Test(
        arguments: [
            // Lines.
            Case("plain", "a\nb", ["a", "b"]),
            Case("empty lines stay", "\n\na\n", ["", "", "a"]),
            Case("CRLF ends a line once", "a\r\nb\r\n", ["a", "b"]),
            Case("a carriage return overwrites", "10%\r20%\r100%\n", ["100%"]),
            Case("a shorter text leaves the rest", "abcdef\rxy\n", ["xycdef"]),
            Case("erase to the end", "abcdef\rxy\u{1B}[K\n", ["xy"]),
            Case("erase to the cursor", "abc\u{1B}[2D\u{1B}[1K\n", ["  c"]),
            Case("erase the line, the cursor stays", "abc\u{1B}[2Kd\n", ["   d"]),
            Case("column and moves", "abc\u{1B}[1GX\u{1B}[CY\u{1B}[5DZ\n", ["ZbY"]),
            Case("right of the end are spaces", "a\u{1B}[3Cb\n", ["a   b"]),
            Case("backspace", "ab\u{8}c\n\u{8}\u{8}d\n", ["ac", "d"]),
            // Escape sequences.
            Case("colours", "\u{1B}[31mred\u{1B}[0m plain\n", [#"<span class="f1">red</span> plain"#]),
            Case(
                "many at once", "\u{1B}[1;3;4;9;38;5;208;48;5;16mx\u{1B}[m\n",
                [#"<span class="f208 g16 tb ti tu ts">x</span>"#]),
            Case("bright", "\u{1B}[91;102mx\n", [#"<span class="f9 g10">x</span>"#]),
            Case(
                "24 bits: the nearest", "\u{1B}[38;2;255;0;0mx\u{1B}[38;2;128;128;128my\n",
                [
                    #"<span class="f196">x</span><span class="f244">y</span>"#
                ]),
            Case(
                "24 bits with colons", "\u{1B}[38:2::0:0:255mx\u{1B}[48:2:0:0:0my\n",
                [
                    #"<span class="f21">x</span><span class="f21 g16">y</span>"#
                ]),
            Case(
                "inverse", "\u{1B}[7mx\u{1B}[32my\u{1B}[41mz\u{1B}[27mw\n",
                [
                    #"<span class="fi gi">x</span><span class="fi g2">y</span>"#
                        + #"<span class="f1 g2">z</span><span class="f2 g1">w</span>"#
                ]),
            Case(
                "a colour stays over lines", "\u{1B}[32ma\nb\n",
                [
                    #"<span class="f2">a</span>"#, #"<span class="f2">b</span>"#,
                ]),
            Case(
                "renditions end", "\u{1B}[1;2;3;4;7;9ma\u{1B}[22;23;24;27;29mb\n",
                [
                    #"<span class="fi gi tb tf ti tu ts">a</span>b"#
                ]),
            Case(
                "no numbers", "\u{1B}[;;m\u{1B}[38;5mx\u{1B}[38;2;1;2my\u{1B}[38;5;999mz\u{1B}[99999999999mw\n",
                [
                    "xyzw"
                ]),
            Case("a private sequence is no rendition", "\u{1B}[>4;1mx\u{1B}[?25l\n", ["x"]),
            Case("an intermediate is no rendition", "\u{1B}[1 mx\n", ["x"]),
            Case("other screens, moves up, charsets", "\u{1B}[2J\u{1B}[H\u{1B}[1A\u{1B}(B\u{1B}=x\u{1B}>\n", ["x"]),
            Case("reset", "\u{1B}[31ma\u{1B}cb\n", [#"<span class="f1">a</span>b"#]),
            Case("a sequence ends at a line feed", "\u{1B}[31\nx\n", ["", "x"]),
            Case("cancelled", "\u{1B}[31\u{18}x\n", ["x"]),
            Case("an escape begins anew", "\u{1B}[3\u{1B}[32mx\n", [#"<span class="f2">x</span>"#]),
            Case("letters beyond ASCII end it", "\u{1B}[3äx\n", ["äx"]),
            Case("eight bit control sequences are text", "\u{9B}31mx\n", [#"<span class="tc">U+009B</span>31mx"#]),
            // Commands.
            Case("titles", "\u{1B}]0;evil\u{7}x\u{1B}]2;evil\u{1B}\\y\n", ["xy"]),
            Case("the clipboard", "\u{1B}]52;c;ZXZpbA==\u{7}x\n", ["x"]),
            Case("device control strings", "\u{1B}Pevil\u{1B}\\a\u{1B}_evil\u{1B}\\b\u{1B}^evil\u{1B}\\c\n", ["abc"]),
            Case("a command that does not end", "\u{1B}]0;title\nx\n", ["", "x"]),
            Case(
                "a link", "\u{1B}]8;;https://a.example/?q=1&r='\u{1B}\\text\u{1B}]8;;\u{1B}\\ after\n",
                [
                    #"<a class="tl" rel="noopener noreferrer nofollow" target="_blank" title="https://a.example/?q=1&amp;r=&#39;""#
                        + #" href="https://a.example/?q=1&amp;r=&#39;">text</a> after"#
                ]),
            Case(
                "a link over two lines", "\u{1B}]8;id=1;http://a.example\u{7}x\ny\u{1B}]8;;\u{7}\n",
                [
                    #"<a class="tl" rel="noopener noreferrer nofollow" target="_blank" title="http://a.example""#
                        + #" href="http://a.example">x</a>"#,
                    #"<a class="tl" rel="noopener noreferrer nofollow" target="_blank" title="http://a.example""#
                        + #" href="http://a.example">y</a>"#,
                ]),
            Case("no link to javascript", "\u{1B}]8;;javascript:alert(1)\u{7}x\u{1B}]8;;\u{7}\n", ["x"]),
            Case("no link to data", "\u{1B}]8;;data:text/html,x\u{7}x\n", ["x"]),
            Case("no link with a quotation mark", "\u{1B}]8;;https://a\" onclick=\u{7}x\n", ["x"]),
            Case("no link with a tab", "\u{1B}]8;;java\tscript:x\u{7}x\n", ["x"]),
            // Characters.
            Case(
                "markup", "<script>alert('\"&')</script>\n",
                [
                    "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;"
                ]),
            Case(
                "bidirectional controls are visible", "a\u{202E}b\u{2066}\u{200F}\n",
                [
                    #"a<span class="tc">U+202E</span>b<span class="tc">U+2066</span><span class="tc">U+200F</span>"#
                ]),
            Case(
                "controls are visible", "a\0\u{1}\u{7F}\tb\u{7}\n",
                [
                    #"a<span class="tc">␀</span><span class="tc">␁</span><span class="tc">␡</span>\#tb"#
                ]),
            Case("tags are visible", "\u{E0041}\n", [#"<span class="tc">U+E0041</span>"#]),
            Case("other scripts", "héllo 漢字 👩‍💻\n", ["héllo 漢字 👩‍💻"]),
            // Redactions.
            Case("a redaction", "t=[REDACTED:jwt];\n", [#"t=\#(chip("[REDACTED:", "jwt", "]"));"#]),
            Case("with a tag", "[REDACTED:jwt:7KQ4]\n", [chip("[REDACTED:", "jwt", ":7KQ4]")]),
            Case("a known value", "[REDACTED:known:NPM_TOKEN]\n", [chip("[REDACTED:", "known:NPM_TOKEN", "]")]),
            Case("a known value with a tag", "[REDACTED:known:A:7K]\n", [chip("[REDACTED:", "known:A", ":7K]")]),
            Case("a template", "[REDACTED api key]\n", [chip("[REDACTED ", "api key", "]")]),
            Case(
                "without a name", "[REDACTED][REDACTED:]\n",
                [
                    chip("[", "REDACTED", "]") + chip("[", "REDACTED:", "]")
                ]),
            Case("coloured", "\u{1B}[32m[REDACTED:jwt]\u{1B}[0m\n", [chip("[REDACTED:", "jwt", "]")]),
            Case("markup in a redaction", "[REDACTED:<b>'&]\n", [chip("[REDACTED:", "&lt;b&gt;&#39;&amp;", "]")]),
            Case(
                "no redaction", "[REDACTED:a[b] [REDACTED:x\n[REDACTED:\"]\n",
                [
                    "[REDACTED:a[b] [REDACTED:x", "[REDACTED:&quot;]",
                ]),
        ])
    func lines(_ example: Case) {
        #expect(html(Array(example.input.utf8)) == example.html)
    }

    @Test func `malformed UTF-8 is replaced as browsers do`() {
        #expect(html([0x61, 0xFF, 0x62, 0xC3, 0x0A]) == ["a\u{FFFD}b\u{FFFD}"])
        #expect(html([0xE2, 0x82, 0x41, 0xF0, 0x9F, 0x92]) == ["\u{FFFD}A\u{FFFD}"])
        #expect(html([0xED, 0xA0, 0x80, 0xC0, 0xAF]) == ["\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"])
        let every: [UInt8] = (0...255).flatMap { [UInt8($0), 0x80, 0xBF, UInt8($0)] }
        for end in 0...every.count {
            var decoder = UTF8Decoder()
            var scalars = String.UnicodeScalarView()
            for byte in every[..<end] {
                let (first, second) = decoder.decode(byte)
                if let first { scalars.append(first) }
                if let second { scalars.append(second) }
            }
            if let last = decoder.finish() { scalars.append(last) }
            #expect(String(scalars) == String(decoding: every[..<end], as: UTF8.self))
        }
    }

    @Test func `a line that is too long goes on in the next`() {
        var text = TerminalText()
        text.write(Array(repeating: UInt8(ascii: "x"), count: TerminalText.cellsPerLine + 5))
        text.write("\u{1B}[60000C\u{1B}[60000C\u{8}y\n".utf8)
        let lines = text.takeLines()
        #expect(lines.map { $0.runs.reduce(0) { $0 + $1.text.utf8.count } } == [65536, 65535])
        #expect(lines.map(\.isCut) == [true, false])
    }

    @Test func `sequences that are too long are dropped`() {
        let long = String(repeating: "1;", count: 100)
        #expect(html(Array("\u{1B}[\(long)mx\n".utf8)) == ["x"])
        let target = "https://a.example/" + String(repeating: "a", count: 5000)
        #expect(html(Array("\u{1B}]8;;\(target)\u{7}x\n".utf8)) == ["x"])
        #expect(html(Array("\u{1B}]8;;\(target.prefix(2500))\u{7}x\n".utf8)) == ["x"])
    }

    @Test func `a prompt is there before its line ends`() {
        var text = TerminalText()
        let prompt = "Pass" + "word: "
        text.write(prompt.utf8)
        #expect(text.openLine?.runs.map(\.text) == [prompt])
        #expect(text.takeLines().isEmpty)
        text.write("\r\n".utf8)
        #expect(text.openLine == nil)
        #expect(text.takeLines().count == 1)
    }

    @Test func `random output does not depend on chunks and is safe markup`() {
        for seed in 0..<2000 { fuzzTerminalText(randomOutput(seed: seed)) }
    }

    @Test func `whole lines of ASCII, on the fast path and on the slow one`() {
        for line in ["", "a", "a\tb", "[REDACTED:jwt] x", "[", "a\r", "a\r\r", String(repeating: "x", count: 65536)] {
            for before in ["", "\u{1B}[31m", "x\n", "\u{1B}]8;;http://a.example\u{7}", "é", "\u{1B}[2C", "a\u{8}"] {
                fuzzTerminalText(Array("\(before)\(line)\n\(line)\r\n\(line)".utf8))
            }
        }
    }

    @Test func `the style sheet has every colour`() {
        for index in 0..<256 { #expect(TerminalHTML.stylesheet.contains(".f\(index){color:")) }
        #expect(TerminalHTML.stylesheet.contains(".g231{background-color:#ffffff}"))
        #expect(TerminalHTML.stylesheet.contains(".f232{color:#080808}"))
    }

    @Test func `the nearest colour is the nearest`() {
        // By search over the palette, where the fast path computes.
        for red in stride(from: 0, through: 255, by: 15) {
            for green in stride(from: 0, through: 255, by: 17) {
                for blue in stride(from: 0, through: 255, by: 51) {
                    func distance(_ index: UInt8) -> Int {
                        let (r, g, b) = TerminalPalette.components(index)
                        return (r - red) * (r - red) + (g - green) * (g - green) + (b - blue) * (b - blue)
                    }
                    let best = (16...255).map { distance(UInt8($0)) }.min()
                    #expect(distance(TerminalPalette.nearest(red, green, blue)) == best, "\(red) \(green) \(blue)")
                }
            }
        }
    }
}

struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let input: String
    let html: [String]

    init(_ name: String, _ input: String, _ html: [String]) {
        (testDescription, self.input, self.html) = (name, input, html)
    }
}

private func chip(_ before: String, _ rule: String, _ after: String) -> String {
    #"<mark class="tr" title="redacted by rule \#(rule)"><span>\#(before)</span>\#(rule)<span>\#(after)</span></mark>"#
}

func html(_ bytes: [UInt8]) -> [String] {
    var text = TerminalText()
    text.write(bytes)
    text.finish()
    return text.takeLines().map { line in
        var html: [UInt8] = []
        TerminalHTML.append(line, to: &html)
        return String(decoding: html, as: UTF8.self)
    }
}

/// Terminal output that is made of what matters: pieces of sequences, controls, markup, placeholders.
func randomOutput(seed: Int) -> [UInt8] {
    let pieces: [String] = [
        "\u{1B}[", "\u{1B}]8;;", "\u{1B}]52;c;", "\u{1B}P", "\u{1B}\\", "\u{7}", "\u{1B}", "m", "K", "1", "38;5;",
        "48;2;1;2;3",
        ";", ":", "0", "7", "31", "\n", "\r", "\r\n", "\u{8}", "\t", "\0", "https://a.example/", "javascript:alert(1)",
        "text",
        "<b>", "&", "\"", "'", "[REDACTED:jwt]", "[REDACTED:known:A:B]", "[REDACTED", "]", "é", "漢", "\u{202E}",
        "\u{2028}", "\u{9B}",
        "👩", "C", "D", "G", "\u{18}", "c", "(B", "?25h", " ", "word word",
    ]
    var state = UInt64(truncatingIfNeeded: seed) &* 0x9E37_79B9_7F4A_7C15 | 1
    func next(_ bound: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(bound))
    }
    var output: [UInt8] = []
    for _ in 0..<next(60) {
        output += next(20) == 0 ? [UInt8(next(256))] : Array(pieces[next(pieces.count)].utf8)
    }
    return output
}
