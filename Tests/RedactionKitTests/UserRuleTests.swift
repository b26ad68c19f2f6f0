import RedactionFuzz
import RedactionRules
import RuleFiles
import Testing

@testable import RedactionKit

/// Rules of users, as gitleaks writes them, through the file reader and the engine.
@Suite("Users' rules")
struct UserRuleTests {
    private func redactor(_ toml: String) throws -> Redactor {
        try Redactor(RedactorOptions(ruleSet: try RuleFile.parse(toml, name: "test.toml").ruleSet))
    }

    /// Checks the whole text, every two-part split, single bytes, and the reference.
    private func check(
        _ redactor: Redactor, _ text: String, _ expected: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let (text, expected) = (text.joined, expected.joined)
        let bytes = Array(text.utf8)
        #expect(redactor.redact(text) == expected, sourceLocation: sourceLocation)
        #expect(
            String(decoding: redactor.redactByteByByte(bytes), as: UTF8.self) == expected, "byte by byte",
            sourceLocation: sourceLocation)
        for cut in bytes.indices {
            let output = String(decoding: redactor.redact(bytes, cutAt: [cut]), as: UTF8.self)
            guard output != expected else { continue }
            Issue.record("cut at \(cut): \(output)", sourceLocation: sourceLocation)
            break
        }
        let reference = String(decoding: ReferenceScanner(redactor).redact(bytes), as: UTF8.self)
        #expect(reference == expected, "reference", sourceLocation: sourceLocation)
    }

    @Test func `keyword and group`() throws {
        let redactor = try redactor(
            """
            [[rules]]
            id = "acme-key"
            description = "Acme"
            regex = '''(?i)acme[_-]?key\\s*[=:]\\s*["']?([a-f0-9]{12})\\b'''
            keywords = ["acme"]
            """)
        check(redactor, "x ACME_KEY = \"0123456789ab\" y\n", "x ACME_KEY = \"[REDACTED:acme-key]\" y\n")
        check(redactor, "acme-key=0123456789abc\n", "acme-key=0123456789abc\n")
        check(
            redactor, "acme key, acmekey:0123456789ab, acme_key=ba9876543210.\n",
            "acme key, acmekey:[REDACTED:acme-key], acme_key=[REDACTED:acme-key].\n")
    }

    @Test func `secret group, entropy and allowlists`() throws {
        let redactor = try redactor(
            """
            [[rules]]
            id = "pair"
            regex = '''tok:([a-z]+):([A-Za-z0-9]{8,})'''
            secretGroup = 2
            entropy = 2.5
            keywords = ["tok:"]
            [[rules.allowlists]]
            stopwords = ["sample"]
            [[rules.allowlists]]
            regexTarget = "line"
            regexes = ['''# ignore$''']
            """)
        check(redactor, "tok:ab:aB3dE5gH7j;", "tok:ab:[REDACTED:pair];")
        check(redactor, "tok:ab:aaaaaaaaaa;", "tok:ab:aaaaaaaaaa;")
        check(redactor, "tok:ab:xSAMPLE1z9;", "tok:ab:xSAMPLE1z9;")
    }

    @Test func `without a group the match is the secret`() throws {
        let redactor = try redactor(
            """
            [[rules]]
            id = "whole"
            regex = '''zz-[0-9]{6}'''
            keywords = ["zz-"]
            """)
        check(redactor, "a zz-123456 b zz-12345 c zz-654321", "a [REDACTED:whole] b zz-12345 c [REDACTED:whole]")
    }

    @Test func `a rule without keywords`() throws {
        let redactor = try redactor(
            """
            [[rules]]
            id = "digits"
            regex = '''\\b[0-9]{4}:[0-9]{4}\\b'''
            """)
        check(redactor, "a 1234:5678 b\n1234:567\n8765:4321\n", "a [REDACTED:digits] b\n1234:567\n[REDACTED:digits]\n")
    }

    @Test func `added to the built-in rules`() throws {
        let redactor = try redactor(
            """
            [extend]
            useDefault = true
            disabledRules = ["email"]
            [[rules]]
            id = "badge"
            regex = '''badge ([0-9]{5})'''
            keywords = ["badge"]
            """)
        let token = "gh" + "p_q3vgy3iyzcAcaoFRo6RfNKImHfZLMe0H0H36"
        check(
            redactor, "badge 12345, \(token), jane<cut>@example.net\n",
            "badge [REDACTED:badge], [REDACTED:github-pat], jane<cut>@example.net\n")
    }

    @Test func `several lines`() throws {
        let redactor = try redactor(
            """
            [[rules]]
            id = "block"
            regex = '''<vault>\\s*([^<]+?)\\s*</vault>'''
            keywords = ["<vault>"]
            """)
        check(
            redactor, "a\n<vault>\n  one two\n  three\n</vault>\nb\n", "a\n<vault>\n  [REDACTED:block]\n</vault>\nb\n")
        check(redactor, "a\n<vault>\nnever closed\nb\n", "a\n<vault>\nnever closed\nb\n")
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `agrees with the reference on random texts`(seed: UInt64) throws {
        let redactor = try redactor(
            """
            [[rules]]
            id = "one"
            regex = '''ab+c([0-9ab]{2,6})'''
            keywords = ["abb", "bbc"]
            [[rules]]
            id = "two"
            regex = '''c[^c\\n]{3,9}c'''
            keywords = ["c1a"]
            [[rules]]
            id = "lines"
            regex = '''0{2}[ab1]0{2}'''
            """)
        var random = SplitMix(seed: seed)
        for _ in 0..<10 {
            let text = random.bytes(random.below(200), of: Array("aabbcc01 \n".utf8))
            expectAgreement(on: text, redactor.redact, ReferenceScanner(redactor).redact, "fast")
            expectAgreement(on: text, redactor.redactByteByByte, redactor.redact, "byte by byte")
        }
    }
}
