import PatternEngine
import Testing

@testable import RuleFiles

@Suite("Go patterns")
struct GoPatternTests {
    /// A pattern in Go's syntax, a text that it matches there, and one that it does not.
    struct Case: Sendable, CustomTestStringConvertible {
        let pattern: String
        let match: String
        let miss: String?
        var testDescription: String { pattern }
        init(_ pattern: String, _ match: String, _ miss: String? = nil) {
            self.pattern = pattern
            self.match = match
            self.miss = miss
        }
    }

    @Test(arguments: [
        Case(#"(?P<key>abc)=(?P<value>\w+)"#, "abc=x1", "abc="),
        Case(#"^x\z"#, "x", "x\n"),
        Case(#"^x$"#, "x", "x\n"),
        Case(#"ab(?i)cd"#, "abCD", "ABcd"),
        Case(#"(?i:ab)cd"#, "ABcd", "ABCD"),
        Case(#"(?i)ab(?-i:cd)"#, "ABcd", "ABCD"),
        Case(#"^[[:alnum:]]{3}[[:^digit:]]$"#, "a1b_", "a1b2"),
        Case(#"[\x60'"\s=]key\x3d"#, "`key=", "xkey="),
        Case(#"^\x{60}a\x{7e}$"#, "`a~"),
        Case(#"^\Q.*\E+$"#, ".**", "xx"),
        Case(#"^a.b$"#, "a\tb", "a\nb"),
        Case(#"(?s)^a.b$"#, "a\nb"),
        Case(#"(?m)^b$"#, "a\nb\nc"),
        Case(#"\bkey\b"#, "a key b", "akeyb"),
        Case(#"^a{,2}$"#, "a{,2}", "aa"),
        Case(#"^[]a]+$"#, "]a", "b"),
        Case(#"^[^]a]+$"#, "bc", "]"),
        // PCRE2 would take these for collating elements and refuse them.
        Case(#"^[[=a=]]$"#, "a]", "b]"),
        Case(#"^[[.]+$"#, "[.", "a"),
        Case(#"^[a[=]=]$"#, "[=]", "b=]"),
        // Characters of several bytes.
        Case(#"^é+$"#, "éé", "e"),
        Case(#"^\x{2019}{2}$"#, "’’", "’"),
        Case(#"^\x{1F511}?x$"#, "🔑x"),
        Case(#"^[äöü]+x$"#, "äöx", "ax"),
        Case(#"^[^é]+$"#, "abc"),
        Case(#"^[\x{2018}-\x{201F}a]+$"#, "“a”", "b"),
        Case(#"^[a-é]+$"#, "bé", "Z"),
        Case(#"^[a\x{e9}]+$"#, "a"),
    ])
    func `matches what it matches in Go`(sample: Case) throws {
        let pattern = try Pattern(GoPattern(sample.pattern).pattern)
        #expect(matches(pattern, sample.match))
        if let miss = sample.miss { #expect(!matches(pattern, miss)) }
    }

    @Test(arguments: [
        #"ghp_[A-Za-z0-9]{36}(?![A-Za-z0-9])"#, #"(?<=x)\Ka"#, #"[^\]\\]"#, #"\\x{41}"#, #"[a-z]\x41"#, #"a\"#, #"[a\"#,
        #"(?<n>a)\k<n>"#, "", "[", #"\Qa"#, #"\x{110000}"#, #"\x{zz}"#, #"[[:alpha:]_\x{7f}]"#,
    ])
    func `patterns that need nothing stay as they are`(source: String) {
        let translated = GoPattern(source)
        #expect(translated.pattern == source)
        #expect(!translated.widened)
        #expect(translated.sourceOffset(source.utf8.count) == source.utf8.count)
    }

    @Test func `offsets lead back to the source`() {
        let translated = GoPattern(#"\x{2019}a[[=]b"#)
        #expect(translated.pattern == #"(?:’)a[\[=]b"#)
        #expect(translated.sourceOffset(0) == 0)
        #expect(translated.sourceOffset(7) == 8)
        #expect(translated.sourceOffset(8) == 9)
        #expect(translated.sourceOffset(translated.pattern.utf8.count) == 14)
    }

    private func matches(_ pattern: Pattern, _ text: String) -> Bool {
        let scratch = MatchScratch()
        return Array(text.utf8).withUnsafeBytes { pattern.firstMatch(in: $0, from: 0, scratch: scratch) } == .match
    }
}
