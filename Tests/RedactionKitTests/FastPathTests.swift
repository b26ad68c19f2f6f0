internal import CPrefilter
internal import RedactionFuzz
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
