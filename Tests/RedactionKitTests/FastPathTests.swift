internal import CPrefilter
internal import PatternEngine
internal import RedactionFuzz
internal import RedactionRules
internal import Testing

@testable internal import RedactionKit

/// Fast look-ups and their slow twins agree.
@Suite("Fast look-ups")
struct FastPathTests {
    @Test func `four-byte sequences: the first place in three, at every beginning and length`() {
        var random = SplitMix(seed: 7)
        for _ in 0..<400 {
            let bits = UInt32(13 + random.below(4))
            var filter = [UInt64](repeating: 0, count: 1 << (bits - 6))
            let text = (0..<(1 + random.below(90))).map { _ in UInt8(random.below(256)) }
            // Some of the text's own sequences, and others.
            for _ in 0..<random.below(4) {
                let at = random.below(max(1, text.count))
                let key = at + 4 <= text.count ? key(of: text, at: at) : UInt32(random.below(1 << 32 - 1))
                let bit = Int(pm_gram_hash(key, bits))
                filter[bit >> 6] |= 1 << UInt64(bit & 63)
            }
            let from = random.below(text.count)
            var expected = from
            while expected + 4 <= text.count {
                let bit = Int(pm_gram_hash(key(of: text, at: expected), bits))
                if filter[bit >> 6] >> UInt64(bit & 63) & 1 != 0 { break }
                expected += Int(PM_GRAM_STEP)
            }
            if expected + 4 > text.count { expected = text.count }
            // Memory of exactly this size: a sanitizer sees what is read beyond it.
            let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: text.count)
            defer { copy.deallocate() }
            copy.initialize(from: text, count: text.count)
            #expect(pm_next_gram(filter, bits, copy, from, text.count) == expected)
        }
    }

    private func key(of text: [UInt8], at index: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(text[index + $1]) << UInt32(8 * $1) }
    }

    @Test func `credential words by the byte before their fragment`() {
        let rules = Shared.standard.rules
        let scanner = Scanner(rules: rules, limits: Limits())
        let parts = [
            "api", "_", "-", ".", "key", "KEY", "secret", "Token", "pass", "word", "passwd", "db", "client", "access",
            "x",
            "private", "auth", "s", "S", "2", "cred", "entials", "pwd", "refresh", "aws",
        ]
        var random = SplitMix(seed: 3)
        var found = 0
        for _ in 0..<250 {
            let name = Array((0..<(1 + random.below(5))).map { _ in parts[random.below(parts.count)] }.joined().utf8)
            name.withUnsafeBufferPointer { bytes in
                let text = Text(base: bytes.baseAddress!, count: bytes.count)
                for index in 0..<text.count {
                    for fragment in rules.words.indices where !rules.words[fragment].isEmpty {
                        let slow = scanner.longestWord(text, around: index, 0, text.count, fragment: fragment) { _ in
                            true
                        }
                        let number = Int(
                            pm_find_word(rules.tables.pointer, text.base, index, 0, text.count, Int32(fragment)))
                        let fast = number > 0 ? rules.wordTraits[number - 1] : nil
                        #expect(
                            fast?.length == slow?.length && fast?.offset == slow?.offset && fast?.rule == slow?.rule)
                        found += slow == nil ? 0 : 1
                    }
                }
            }
        }
        #expect(found > 100)
    }

    /// The prefilter looked back 24 bytes for the beginning of a sequence, and the detectors 32.
    @Test(arguments: ["38;2;255;255;255;48;2;0;0;0", "38;2;255;255;255;48;2;100;10;0", ">1", "<1", "?25", "0"])
    func `a token stands right behind a colour, however long`(parameters: String) {
        let token = "gh" + "p_x7Kd92LmQp4RtVw8ZbNc3FgHj6YsAe" + "1UiOo5"
        let colour = "\u{1b}[" + parameters + "m"
        let before = String(repeating: "plain words ", count: 20)
        #expect(Shared.standard.redact(before + colour + token) == before + colour + "[REDACTED:github-pat]")
    }

    /// Masks are joined over the borders of blocks of 64 bytes, eight blocks at once, and chunks of 2,048.
    @Test(arguments: [0, 1, 64, 130])
    func `a provider's key is found wherever it stands behind its operator`(blanks: Int) {
        let key = "k3J9x2Lq7Vb5Nw8" + "Zr4Tc6Yd1Mf0Hg2Sp"
        let line = "datadog = " + String(repeating: " ", count: blanks) + key + "; see /srv/app/releases/20260304\n"
        let expected = Shared.standard.redact(line)
        #expect(expected.contains("[REDACTED:provider-key]") == (blanks < 2))
        for offset in 0..<2200 {
            let before = String(repeating: "plain words ", count: 200).prefix(offset) + "\n"
            #expect(Shared.standard.redact(before + line) == before + expected, "at \(offset)")
        }
    }

    /// A search leaves out long stretches of letters and digits, in which no token begins, and nothing else.
    @Test func `tokens are found on both sides of long words, and not in them`() {
        let token = "gh" + "p_x7Kd92LmQp4RtVw8ZbNc3FgHj6YsAe" + "1UiOo5"
        let mark = "[REDACTED:github-pat]"
        for length in Array(1...16) + Array(200...330) + [1000] {
            let word = String(repeating: "gh" + "p", count: length / 3) + String(repeating: "z", count: length % 3)
            #expect(Shared.standard.redact(word + "-" + token) == word + "-" + mark, "behind \(length)")
            #expect(Shared.standard.redact(word + token) == word + token, "within \(length)")
            let both = token + "." + word + "." + word + "-" + token
            #expect(Shared.standard.redact(both) == mark + "." + word + "." + word + "-" + mark, "around \(length)")
        }
    }

    /// Where a rule's matches begin before an anchor is read off its pattern; a search that knows no anchors tells.
    @Test func `a rule is tried wherever its matches may begin`() {
        let rules = Shared.standard.rules
        var known = 0
        for rule in RuleSet.builtin.rules where rule.detector == .token && !rule.anchors.isEmpty {
            guard let reach = AnchorReach(rule.regex ?? "", anchors: rule.anchors) else { continue }
            known += 1
            guard let index = rules.rules.firstIndex(where: { $0.id == rule.id }),
                case .success(let pattern) = rules.pattern(of: index)
            else { continue }
            let scratch = MatchScratch()
            for sample in Repository.rules where sample.rule.id == rule.id {
                for text in sample.texts {
                    text.withUnsafeBytes { bytes in
                        guard !bytes.isEmpty, pattern.firstMatch(in: bytes, from: 0, scratch: scratch) == .match,
                            let match = scratch.span(of: 0)
                        else { return }
                        #expect(reach.first.contains(bytes[match.lowerBound]), "\(rule.id)")
                        let isInReach = reach.before.contains { offset in
                            rule.anchors.contains { bytes[match].dropFirst(offset).starts(with: $0.utf8) }
                        }
                        #expect(isInReach, "\(rule.id)")
                    }
                }
            }
        }
        #expect(known >= 305)
    }

    @Test(
        arguments: [
            ("ghp_[A-Za-z0-9]{36}", ["ghp_"], 0...0), ("(?<![a-z])(?:ab|c)_x{2,}", ["ab_", "c_x"], 0...0),
            ("SK[01]{32}", ["SK0", "SK1"], 0...0), ("[a-z]{52}JQQ[9D]", ["JQQ"], 52...52),
            ("(?:pi|seti)_[a-z]{14,40}_secret_[a-z]+", ["_secret_"], 17...45),
            ("sk-(?:proj-[a-z]{40,}|[a-z]{14,20}T3Bl[a-z]+)", ["sk-proj-", "T3Bl"], 0...23),
            ("[a-z]{1,63}(?:\\.w)?\\.office", [".office"], 1...65), ("A{3,5}b", ["AAA"], 0...0),
        ] as [(String, [String], ClosedRange<Int>)])
    func `bytes of a match before an anchor`(pattern: String, anchors: [String], expected: ClosedRange<Int>) {
        #expect(AnchorReach(pattern, anchors: anchors)?.before == expected)
    }

    @Test(arguments: [
        ("SK[012]{32}", ["SK0", "SK1"]), ("(?i)ghp_[a-z]{3}", ["ghp_"]), ("ghp_[a-z]{3}|x{9}", ["ghp_"]),
        ("(?:ghp_)?[a-z]{9}", ["ghp_"]), ("[a-z]+ghp_", ["ghp_"]), ("\\d{3}-abc", ["-abc"]), ("a(?:b|c", ["abc"]),
        ("[^a]{3}abcd", ["abcd"]), ("", ["abc"]),
    ])
    func `a pattern without an anchor in each match, or one that is not understood, has no reach`(
        pattern: String, anchors: [String]
    ) {
        #expect(AnchorReach(pattern, anchors: anchors) == nil)
    }

    /// Places where a fragment of one byte again and again goes on are passed over.
    @Test func `an anchor of one byte is found in a run of that byte, however long`() {
        for before in [0, 1, 3, 63, 64, 200] {
            for count in [9, 10, 11, 64, 65, 2100] {
                let text =
                    String(repeating: ". ", count: before) + "x7Kd92LmQp4" + String(repeating: "A", count: count) + "-"
                    + String(repeating: "bZ3_", count: 11)
                let bytes = Array(text.utf8)
                #expect(
                    Shared.standard.redact(bytes) == ReferenceScanner(Shared.standard).redact(bytes),
                    "\(before) \(count)")
            }
        }
    }

    /// Two dots end a part of a run unless it holds the beginning of a JWT: that was looked for again at each of them.
    @Test func `many dots behind the beginning of a token take no longer`() {
        for before in ["", "%41"] {
            let start = before + String(repeating: "a", count: 16_000) + "ey" + "J"
            let text = Array((start + String(repeating: "..", count: 8000) + " ").utf8)
            let clock = ContinuousClock()
            let time = clock.measure { for _ in 0..<4 { _ = Shared.standard.redact(text) } }
            // It took over 3 s in a release build.
            #expect(time < .seconds(3))
        }
    }

    /// Asked from front to back, and each time anew.
    @Test func `commands before an option, and placeholders, are the same however they were asked for`() {
        let parts = [
            "mysql", "curl", "docker", "login", "htpasswd", " -p", " -u", " -b", " --user", " --username", " a", ":",
            ",", " | ",
            " & ", "|", "\n", "\\\n", "\\\r\n", "\r\n", "x", "-", ".", " ", "\"", "[REDACTED:a]", "\u{1b}[0m", "]",
        ]
        var random = SplitMix(seed: 11)
        var found = 0
        for _ in 0..<600 {
            let bytes = (0..<random.below(400)).reduce(into: [UInt8]()) { text, _ in
                text += Array(random.pick(parts).utf8)
            }
            bytes.withUnsafeBufferPointer { buffer in
                guard let base = buffer.baseAddress else { return }
                let text = Text(base: base, count: buffer.count)
                var pass = Pass(text: text, placeholderBytes: Shared.standard.options.template.bytes)
                let reach = 1 + random.below(200)
                for index in 0..<text.count where text[index] == .space && !random.chance(4) {
                    let range = max(0, index - reach)..<index
                    #expect(pass.afterPlaceholdersInOrder(range) == pass.afterPlaceholders(range))
                    var anew = pm_commands()
                    var (value, valueAnew) = (0, 0)
                    let floor = range.lowerBound
                    let options = pm_password_option(&pass.commands, base, index, text.count, floor, &value)
                    let expected = pm_password_option(&anew, base, index, text.count, floor, &valueAnew)
                    #expect(options == expected && (options == 0 || value == valueAnew))
                    anew = pm_commands()
                    let commands = pm_command_options(&pass.commands, base, floor, index)
                    #expect(commands == pm_command_options(&anew, base, floor, index))
                    found += options == 0 ? 0 : 1
                }
            }
        }
        #expect(found > 100)
    }

    /// Found by the fuzzers under AddressSanitizer: the byte behind the text was read.
    @Test(arguments: ["{\"data\": {\"a\": \"abc", "kind: Secret\ndata:\n  a: abc"])
    func `a member of a manifest may end with the text`(text: String) {
        #expect(Shared.standard.redact(text) == text)
    }

    /// Found by the fuzzers under AddressSanitizer: of a text shorter than the word, the byte before it was read.
    @Test func `a word that would begin before the text is not cut off by its end`() {
        let memory = Array("ab".utf8)
        memory.withUnsafeBufferPointer { bytes in
            let text = Text(base: bytes.baseAddress! + 1, count: 1)
            #expect(!text.isCut("abc", at: -1))
            #expect(text.isCut("bc", at: 0))
            #expect(text.isCut("bc", at: 1))
        }
    }
}
