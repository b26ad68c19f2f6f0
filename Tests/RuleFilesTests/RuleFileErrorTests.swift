import Testing

@testable import RedactionRules
@testable import RuleFiles

/// A rule file with one mistake, and what is said about it.
struct BrokenFile: Sendable, CustomTestStringConvertible {
    let name: String
    let code: RuleFileProblem.Code
    /// The whole message begins with this.
    let message: String
    let text: String
    var testDescription: String { name }

    init(_ name: String, _ code: RuleFileProblem.Code, _ message: String, _ text: String) {
        self.name = name
        self.code = code
        self.message = message
        self.text = text
    }
}

@Suite("Errors of rule files")
struct RuleFileErrorTests {
    static let broken: [BrokenFile] = [
        BrokenFile(
            "not TOML", .syntax, "x.toml:2: ",
            """
            title = "x"
            [[rules]
            """),
        BrokenFile(
            "no id", .incomplete, "x.toml:3: a rule needs an id",
            """

            # a comment
            [[rules]]
            regex = "abcdef"
            """),
        BrokenFile(
            "empty id", .value, "x.toml:2: the id is empty",
            """
            [[rules]]
            id = " "
            regex = "abcdef"
            """),
        BrokenFile(
            "id with a bracket", .value, "x.toml:2: the id \"a]b\" holds",
            """
            [[rules]]
            id = "a]b"
            regex = "abcdef"
            """),
        BrokenFile(
            "id with a control character", .value, "x.toml:2: the id \"a\\u{1b}b\" holds",
            """
            [[rules]]
            id = "a\\u001bb"
            regex = "abcdef"
            """),
        BrokenFile(
            "id too long", .value, "x.toml:2: the id is longer than 128 bytes",
            """
            [[rules]]
            id = "\(String(repeating: "a", count: 129))"
            regex = "abcdef"
            """),
        BrokenFile(
            "duplicate id", .duplicate, "x.toml:6: rule \"a\": the id is used before (line 1)",
            """
            [[rules]]
            id = "a"
            regex = "abcdef"
            keywords = ["abc"]
            [[rules]]
            id = "a"
            regex = "abcdef"
            """),
        BrokenFile(
            "id of the wrong type", .type, "x.toml:3: id must be a string, not an integer",
            """
            [[rules]]
            regex = "x"
            id = 3
            """),
        BrokenFile(
            "no regex", .incomplete, "x.toml:1: rule \"a\": a rule needs a regex",
            """
            [[rules]]
            id = "a"
            """),
        BrokenFile(
            "bad pattern", .pattern, "x.toml:3: rule \"a\": missing closing parenthesis (at byte 4 of the pattern)",
            """
            [[rules]]
            id = "a"
            regex = '(abc'
            """),
        BrokenFile(
            "offset in a pattern that was translated", .pattern,
            "x.toml:3: rule \"a\": quantifier does not follow a repeatable item (at byte 10",
            """
            [[rules]]
            id = "a"
            regex = '\\x{2019}a|*'
            """),
        BrokenFile(
            "bad path", .pattern, "x.toml:4: rule \"a\": missing terminating ]",
            """
            [[rules]]
            id = "a"
            regex = 'abc'
            path = '[a'
            """),
        BrokenFile(
            "bad pattern in a rule's allowlist", .pattern, "x.toml:8: rule \"a\": missing terminating ]",
            """
            [[rules]]
            id = "a"
            regex = 'abcdef'
            keywords = ["abc"]
              [[rules.allowlists]]
              regexes = [
                "fine",
                "[bad",
              ]
            """),
        BrokenFile(
            "bad pattern in a global allowlist", .pattern, "x.toml:2: missing terminating ]",
            """
            [[allowlists]]
            regexes = ["[bad"]
            """),
        BrokenFile(
            "secretGroup beyond the groups", .value,
            "x.toml:4: rule \"a\": secretGroup is 2, but the pattern has 1 groups",
            """
            [[rules]]
            id = "a"
            regex = 'a(b)c'
            secretGroup = 2
            keywords = ["abc"]
            """),
        BrokenFile(
            "secretGroup negative", .value, "x.toml:4: rule \"a\": secretGroup must be from 0 to 63",
            """
            [[rules]]
            id = "a"
            regex = 'a(b)c'
            secretGroup = -1
            """),
        BrokenFile(
            "entropy infinite", .value, "x.toml:3: rule \"a\": entropy must be a number from 0 to 8",
            """
            [[rules]]
            id = "a"
            entropy = inf
            regex = 'abc'
            """),
        BrokenFile(
            "entropy not a number", .value, "x.toml:3: rule \"a\": entropy must be a number from 0 to 8",
            """
            [[rules]]
            id = "a"
            entropy = nan
            regex = 'abc'
            """),
        BrokenFile(
            "entropy of the wrong type", .type, "x.toml:3: rule \"a\": entropy must be a number, not a string",
            """
            [[rules]]
            id = "a"
            entropy = "3"
            regex = 'abc'
            """),
        BrokenFile(
            "short anchor", .value, "x.toml:5: rule \"a\": \"ab\" is too short: anchor needs 3 bytes or more",
            """
            [[rules]]
            id = "a"
            anchor = [
              "abc",
              "ab",
            ]
            regex = 'abc'
            """),
        BrokenFile(
            "empty keyword", .value, "x.toml:3: rule \"a\": keywords holds an empty string",
            """
            [[rules]]
            id = "a"
            keywords = ["abc", ""]
            regex = 'abc'
            """),
        BrokenFile(
            "keywords of the wrong type", .type,
            "x.toml:3: rule \"a\": keywords must be a list of strings, not a list of something else",
            """
            [[rules]]
            id = "a"
            keywords = ["abc", 1]
            regex = 'abc'
            """),
        BrokenFile(
            "unknown category", .value, "x.toml:3: rule \"a\": \"tokn\" is not one of: token, jwt, private-key, url,",
            """
            [[rules]]
            id = "a"
            category = "tokn"
            regex = 'abc'
            """),
        BrokenFile(
            "unknown confidence", .value, "x.toml:3: rule \"a\": \"sure\" is not one of: low, medium, high",
            """
            [[rules]]
            id = "a"
            confidence = "sure"
            regex = 'abc'
            """),
        BrokenFile(
            "unknown detector", .value, "x.toml:3: rule \"a\": \"magic\" is not one of: token, pattern, jwt,",
            """
            [[rules]]
            id = "a"
            detector = "magic"
            regex = 'abc'
            """),
        BrokenFile(
            "unknown validator", .value, "x.toml:5: rule \"a\": \"crc33\" is not one of: crc32-base62, crc32-hex,",
            """
            [[rules]]
            id = "a"
            validators = [
              "luhn", # fine
              "crc33",
            ]
            regex = 'abc'
            """),
        BrokenFile(
            "token without anchor or context", .incomplete,
            "x.toml:1: rule \"a\": a token rule needs an anchor or a context",
            """
            [[rules]]
            id = "a"
            detector = "token"
            regex = 'abc'
            """),
        BrokenFile(
            "token without regex", .incomplete, "x.toml:1: rule \"a\": a token rule needs a regex",
            """
            [[rules]]
            id = "a"
            anchor = "abc"
            """),
        BrokenFile(
            "empty allowlist", .incomplete,
            "x.toml:5: rule \"a\": an allowlist needs regexes, stopwords, paths or commits",
            """
            [[rules]]
            id = "a"
            regex = 'abc'
            keywords = ["abc"]
            [rules.allowlist]
            description = "nothing"
            """),
        BrokenFile(
            "bad condition", .value, "x.toml:2: \"XOR\" is not one of: OR, AND",
            """
            [[allowlists]]
            condition = "XOR"
            stopwords = ["a"]
            """),
        BrokenFile(
            "bad regexTarget", .value, "x.toml:2: \"file\" is not one of: secret, match, line",
            """
            [allowlist]
            regexTarget = "file"
            stopwords = ["a"]
            """),
        BrokenFile(
            "unknown target rule", .unknownRule, "x.toml:3: there is no rule \"b\"",
            """
            [[allowlists]]
            stopwords = ["a"]
            targetRules = ["b"]
            """),
        BrokenFile(
            "unpaired mark", .value, "x.toml:7: rule \"a\": <span> and </span> must stand in pairs",
            """
            [[rules]]
            id = "a"
            regex = 'abc'
            keywords = ["abc"]
            matches = [
              "<span>abc</span>",
              "<span>abc",
            ]
            """),
        BrokenFile(
            "marked near miss", .value, "x.toml:5: rule \"a\": a near miss holds no <span>",
            """
            [[rules]]
            id = "a"
            regex = 'abc'
            keywords = ["abc"]
            near_misses = ["<span>abc</span>"]
            """),
        BrokenFile(
            "provider without keywords", .incomplete, "x.toml:1: rule \"p\": a provider needs keywords",
            """
            [[providers]]
            id = "p"
            shapes = ["32 hex"]
            """),
        BrokenFile(
            "provider without shapes", .incomplete, "x.toml:1: rule \"p\": a provider needs shapes",
            """
            [[providers]]
            id = "p"
            keywords = ["p"]
            """),
        BrokenFile(
            "bad shape", .value, "x.toml:4: rule \"p\": \"40-20 hex\" is not a shape such as",
            """
            [[providers]]
            id = "p"
            keywords = ["p"]
            shapes = ["40-20 hex"]
            """),
        BrokenFile(
            "bad alphabet", .value, "x.toml:4: rule \"p\": \"base63\" is not one of: digits, hex, lower-alnum,",
            """
            [[providers]]
            id = "p"
            keywords = ["p"]
            shapes = ["40 base63"]
            """),
        BrokenFile(
            "duplicate provider", .duplicate, "x.toml:6: rule \"p\": the id is used before (line 1)",
            """
            [[providers]]
            id = "p"
            keywords = ["p"]
            shapes = ["40 base62"]
            [[providers]]
            id = "p"
            keywords = ["p"]
            shapes = ["40 base62"]
            """),
        BrokenFile(
            "rules of the wrong type", .type, "x.toml:1: rules must be a list of tables, not a string",
            """
            rules = "a"
            """),
        BrokenFile(
            "extend of the wrong type", .type, "x.toml:2: useDefault must be true or false, not a string",
            """
            [extend]
            useDefault = "yes"
            """),
        BrokenFile(
            "extends a file that is not there", .unreadable,
            "x.toml:2: none.toml: cannot open: No such file or directory",
            """
            [extend]
            path = "none.toml"
            """),
    ]

    @Test(arguments: broken)
    func `a mistake is named with file, line, rule and reason`(file: BrokenFile) {
        do throws(RuleFileError) {
            _ = try RuleFile.parse(file.text, name: "x.toml")
            Issue.record("accepted")
        } catch {
            #expect(error.problems.first?.code == file.code)
            #expect(error.description.hasPrefix(file.message), "\(error)")
        }
    }

    @Test func `all mistakes are reported, in the order of lines`() {
        let text = """
            [[rules]]
            id = "a"
            regex = "(a"
            keywords = [""]

            [[rules]]
            category = "x"
            id = "b"
            """
        do throws(RuleFileError) {
            _ = try RuleFile.parse(text, name: "x.toml")
            Issue.record("accepted")
        } catch {
            #expect(error.problems.map(\.line) == [3, 4, 7])
            #expect(error.problems.map(\.rule) == ["a", "a", "b"])
        }
    }

    @Test func `no more problems are collected than the limit`() {
        var limits = RuleFile.Limits()
        limits.problems = 3
        let text = String(repeating: "[[rules]]\nregex = '('\n", count: 10)
        do throws(RuleFileError) {
            _ = try RuleFile.parse(text, name: "x.toml", limits: limits)
            Issue.record("accepted")
        } catch {
            #expect(error.problems.count == 3)
        }
    }

    @Test func `sizes beyond the limits are errors`() {
        var limits = RuleFile.Limits()
        limits.rules = 2
        limits.bytes = 200
        let rule = { (id: Int) in "[[rules]]\nid = '\(id)'\nregex='abc'\nkeywords=['abc']\n" }
        #expect(throws: Never.self) { try RuleFile.parse(rule(1) + rule(2), name: "x.toml", limits: limits) }
        #expect(throws: RuleFileError(.limit, file: "x.toml", line: 1, "more than 2 rules")) {
            try RuleFile.parse(rule(1) + rule(2) + rule(3), name: "x.toml", limits: limits)
        }
        #expect(throws: RuleFileError(.limit, file: "x.toml", "is larger than 200 bytes")) {
            try RuleFile.parse(String(repeating: "#", count: 201), name: "x.toml", limits: limits)
        }
    }

    @Test func `names from the file are safe to print`() {
        let problem = RuleFileProblem(
            code: .value, file: "a\u{1B}[2J", line: 1, rule: "r\u{202E}\n", reason: "why")
        #expect(problem.description == "a\\u{1b}[2J:1: rule \"r\\u{202e}\\u{a}\": why")
    }
}
