import Testing

@testable import RuleFiles

@Suite("Damaged rule files")
struct FuzzTests {
    static let seeds: [String] = [
        gitleaksText,
        """
        [extend]
        useDefault = true
        path = "x"
        disabledRules = ["a"]
        [[rules]]
        id = "a"
        anchor = ["abc", "def"]
        context = "tok"
        regex = '''abc[\\x{2019}é[=a]+'''
        validators = ["luhn"]
        matches = ["<span>a<cut>bc</span>"]
        inner = true
        entropy = 1.5e0
        [[providers]]
        id = "p"
        keywords = ["p"]
        shapes = ["32 hex", "1-4096 dotted"]
        weak = true
        """,
        "rules = [{id='a', regex='abc', keywords='a', allowlist={stopwords=['x']}}]\ndate = 2026-01-01T00:00:00Z\n",
    ]

    /// Pieces that matter to the format.
    static let pieces: [String] = [
        "[", "]", "[[", "]]", "{", "}", "=", "\"", "'", "'''", "\"\"\"", "\n", "\r\n", "#", ",", ".", "\\", "\\u0000",
        "\\x{110000}",
        "[[rules]]", "id", "id = ''", "é", "\u{0}", "nan", "inf", "-1", "9223372036854775807", "1e400", "true",
        "<span>",
        "[rules.allowlist]", "[[allowlists]]", "(", ")", "(?", "*", "[[:", "[^", "\\Q", "0x", "1979-05-27",
        "99999999999 hex",
    ]

    @Test(arguments: 0..<20)
    func `mutations are parsed or refused`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        for _ in 0..<100 {
            var bytes = Array(random.pick(Self.seeds).utf8)
            for _ in 0..<1 + random.below(6) {
                let position = random.below(bytes.count)
                switch random.below(5) {
                case 0: bytes[position] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.insert(contentsOf: Array(random.pick(Self.pieces).utf8), at: position)
                case 2: bytes.removeSubrange(position..<min(bytes.count, position + 1 + random.below(20)))
                case 3:
                    let end = min(bytes.count, position + random.below(60))
                    bytes.insert(contentsOf: Array(bytes[position..<end]), at: random.below(bytes.count))
                default: bytes.removeLast(random.below(bytes.count))
                }
                if bytes.isEmpty { bytes = [0x0A] }
            }
            bytes.withUnsafeBytes(fuzzRuleFile)
        }
    }

    @Test func `every truncation of a file is parsed or refused`() {
        let bytes = Array(Self.seeds[1].utf8)
        for length in 0...bytes.count { bytes[..<length].withUnsafeBytes(fuzzRuleFile) }
    }

    @Test func `deep nesting is refused`() {
        for text in [
            "a = " + String(repeating: "[", count: 10_000), "a = " + String(repeating: "{a=", count: 10_000),
            "[" + String(repeating: "a.", count: 10_000) + "a]\n",
            String(repeating: "a.", count: 10_000) + "a = 1\n",
            "[[rules]]\nid = 'a'\nregex = '" + String(repeating: "(", count: 100_000) + "'",
        ] {
            Array(text.utf8).withUnsafeBytes(fuzzRuleFile)
        }
    }
}
