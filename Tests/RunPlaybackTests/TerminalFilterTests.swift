internal import RunFuzz
internal import RunPlayback
internal import Testing

/// What reaches a terminal when a log is replayed.
@Suite struct TerminalFilterTests {
    private func filtered(
        _ text: String, addsCarriageReturns: Bool = false, passesSequences: Bool = true, finishing: Bool = false
    ) -> String { filtered(Array(text.utf8), addsCarriageReturns, passesSequences, finishing: finishing) }

    private func filtered(
        _ bytes: [UInt8], _ addsCarriageReturns: Bool = false, _ passesSequences: Bool = true, finishing: Bool = false
    ) -> String {
        var filter = TerminalFilter(addsCarriageReturns: addsCarriageReturns, passesSequences: passesSequences)
        var output: [UInt8] = []
        filter.write(bytes, to: &output)
        if finishing { filter.finish(to: &output) }
        return String(decoding: output, as: UTF8.self)
    }

    @Test(arguments: [
        "plain text, é, 漢字, 🔑\r\n\ttab",
        "\u{1B}[1;31mred\u{1B}[0m \u{1B}[38;2;1;2;3mtrue\u{1B}[38:5:9mcolour\u{1B}[m",
        "10%\r20%\u{1B}[K\u{8}\u{8}",
        "\u{1B}[2J\u{1B}[H\u{1B}[3;4H\u{1B}[A\u{1B}[2B\u{1B}[10G\u{1B}[3P\u{1B}[L\u{1B}[1;20r\u{1B}[2S",
        "\u{1B}7\u{1B}8\u{1B}D\u{1B}E\u{1B}M\u{1B}[s\u{1B}[u",
        "\u{1B}[?25l\u{1B}[?1049h\u{1B}[?7l\u{1B}[?2026h",
        "\u{1B}(0lqk\u{1B}(B\u{E}x\u{F}",
    ])
    func `what is shown passes`(text: String) { #expect(filtered(text) == text) }

    @Test(arguments: [
        ("title", "\u{1B}]0;owned\u{7}"), ("title, ended by ST", "\u{1B}]2;owned\u{1B}\\"),
        ("clipboard", "\u{1B}]52;c;cm0=\u{7}"),
        ("hyperlink", "\u{1B}]8;;javascript:alert(1)\u{1B}\\"), ("working directory", "\u{1B}]7;file://x/\u{7}"),
        ("notification", "\u{1B}]777;notify;a;b\u{7}"), ("palette query", "\u{1B}]4;1;?\u{7}"),
        ("title of screen", "\u{1B}kowned\u{1B}\\"),
        ("DCS", "\u{1B}P$q\"p\u{1B}\\"), ("APC", "\u{1B}_Gf=100;AAAA\u{1B}\\"), ("PM", "\u{1B}^x\u{1B}\\"),
        ("SOS", "\u{1B}Xx\u{1B}\\"),
        ("device attributes", "\u{1B}[c"), ("cursor position", "\u{1B}[6n"), ("status", "\u{1B}[?6n"),
        ("secondary", "\u{1B}[>c"),
        ("window report", "\u{1B}[21t"), ("window resize", "\u{1B}[8;1;1t"), ("identify", "\u{1B}Z"),
        ("answerback", "\u{5}"),
        ("mode query", "\u{1B}[?25$p"), ("print", "\u{1B}[5i"), ("mouse", "\u{1B}[?1000h\u{1B}[?1006h"),
        ("paste", "\u{1B}[?2004h"),
        ("focus", "\u{1B}[?1004h"), ("cursor keys", "\u{1B}[?1h"), ("keypad", "\u{1B}="),
        ("highlight tracking", "\u{1B}[1;1;1;1;1T"),
        ("insert mode", "\u{1B}[4h"), ("margins", "\u{1B}[2;9s"), ("reset", "\u{1B}c"), ("soft reset", "\u{1B}[!p"),
        ("repeat", "\u{1B}[99999b"), ("huge move", "\u{1B}[99999S"), ("tab stops", "\u{1B}H\u{1B}[3g"),
        ("bell", "\u{7}"), ("NUL", "\u{0}"),
        ("character set", "\u{1B}%@"), ("keys", "\u{1B}[>4;2m"), ("C1 clipboard", "\u{9D}52;c;cm0=\u{9C}"),
        ("C1 query", "\u{9B}6n"),
        ("long parameters", "\u{1B}[" + String(repeating: "1;", count: 200) + "m"), ("locking", "\u{1B}[2\"q"),
    ])
    func `what a terminal would obey is dropped`(name: String, text: String) {
        #expect(filtered("a\(text)b") == "ab")
    }

    @Test func `only the harmless part of a list of modes passes`() {
        #expect(filtered("\u{1B}[?1000;25;2004l") == "\u{1B}[?25l")
    }

    @Test func `direction and malformed text become visible`() {
        #expect(filtered("a\u{202E}b\u{2066}c\u{061C}d") == "a\u{FFFD}b\u{FFFD}c\u{FFFD}d")
        #expect(
            filtered([0x61, 0xFF, 0xC3, 0x28, 0xE2, 0x82, 0x62, 0xED, 0xA0, 0x80])
                == "a\u{FFFD}\u{FFFD}(\u{FFFD}b\u{FFFD}\u{FFFD}\u{FFFD}")
    }

    @Test func `a control acts within a sequence, and another sequence ends it`() {
        #expect(filtered("\u{1B}[3\n1mx") == "\n\u{1B}[31mx")
        #expect(filtered("\u{1B}[3\u{1B}[32mx") == "\u{1B}[32mx")
        #expect(filtered("\u{1B}[3\u{18}x") == "x")
    }

    @Test func `a title that never ends hides no more than its limit`() {
        let output = filtered("\u{1B}]0;" + String(repeating: "t", count: TerminalFilter.string) + "visible")
        #expect(output.hasSuffix("visible"))
        #expect(output.utf8.count < 20)
    }

    @Test func `line feeds of a pipe get carriage returns`() {
        #expect(filtered("a\nb\r\nc\u{1B}[m\n", addsCarriageReturns: true) == "a\r\nb\r\nc\u{1B}[m\r\n")
    }

    @Test func `without sequences only text is left`() {
        #expect(filtered("\u{1B}[31mred\u{1B}[0m\u{8} x\u{1B}7\u{E}\n", passesSequences: false) == "red x\n")
        #expect(TerminalFilter.plain("a\u{1B}]0;t\u{7}\nb\u{202E}\tc") == "a b\u{FFFD} c")
    }

    @Test(arguments: [
        ("x", ""), ("\u{1B}[31mx", "\u{1B}[0m"), ("\u{1B}[31mx\u{1B}[m", ""), ("\u{1B}[?25l", "\u{1B}[?25h"),
        ("\u{1B}[?25l\u{1B}[?25h", ""),
        ("\u{1B}[?1049h", "\u{1B}[?1049l"), ("\u{1B}[2;5r", "\u{1B}7\u{1B}[r\u{1B}8"), ("\u{1B}(0", "\u{F}\u{1B}(B"),
        ("\u{1B}[3", ""),
    ])
    func `the end puts back what was changed`(text: String, reset: String) {
        #expect(filtered(text, finishing: true) == filtered(text) + reset)
    }

    @Test(arguments: [UInt64](1...20))
    func `random bytes of the alphabet of sequences keep every promise`(seed: UInt64) {
        var generator = Generator(state: seed)
        let alphabet =
            Array(
                "\u{1B}\u{1B}[[]];?01259:$ \"(0BmhlHJKPXk^_\\78Mcntr\u{7}\u{8}\n\r\u{E}\u{18}abc\u{9B}\u{9D}é漢🔑\u{202E}"
                    .utf8) + [0xFF, 0xC2, 0xE2, 0x80]
        for _ in 0..<400 {
            let count = Int.random(in: 0..<80, using: &generator)
            let bytes = (0..<count).map { _ in alphabet.randomElement(using: &generator)! }
            RunFuzz.terminalFilter(bytes.span)
        }
    }

    /// splitmix64.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }
}
