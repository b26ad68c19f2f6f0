import Testing

@testable import RedactionRules
@testable import RuleFiles

@Suite("Files that extend others")
struct ExtendTests {
    static let base = RuleSet(
        rules: [
            Rule(
                id: "acme", summary: "Acme", category: .token, confidence: .high, detector: .token,
                regex: "acme_[a-z]{20}", anchors: ["acme_"], tags: ["a"], validators: [.mixed],
                allowlists: [Allowlist(stopwords: ["x"])], reference: "https://acme.example"),
            Rule(id: "jwt", category: .jwt, detector: .jwt),
            Rule(id: "iban", category: .personal, pack: "finance", detector: .number, regex: "a(b)"),
        ],
        providers: [Provider(id: "p", keywords: ["p"], shapes: [TokenShape(minimum: 1, maximum: 2, alphabet: .hex)])])

    func parse(_ text: String, named name: String = "dir/x.toml", files: [String: String] = [:]) throws -> RuleFile {
        try RuleFile.parse(
            text, name: name, limits: RuleFile.Limits(), builtin: { Self.base },
            read: { (path, _) throws(RuleFileError) in
                guard let text = files[path] else { throw RuleFileError(.unreadable, file: path, "cannot open") }
                return text
            })
    }

    @Test func `useDefault adds to the built-in rules`() throws {
        let file = try parse(
            """
            [extend]
            useDefault = true
            [[rules]]
            id = "mine"
            regex = "abc"
            keywords = ["abc"]
            """)
        #expect(file.extendsDefault)
        #expect(file.ruleSet.rules.map(\.id) == ["acme", "jwt", "iban", "mine"])
        #expect(file.ruleSet.providers == Self.base.providers)
    }

    @Test func `without it the built-in rules are not asked for`() throws {
        let file = try RuleFile.parse(
            "[[rules]]\nid = 'a'\nregex = 'abc'\nkeywords = ['abc']", name: "x.toml", limits: RuleFile.Limits(),
            builtin: {
                Issue.record("not wanted")
                return RuleSet()
            }, read: { (_, _) throws(RuleFileError) in "" })
        #expect(file.ruleSet.rules.map(\.id) == ["a"])
    }

    @Test func `a rule of the same id is changed field by field`() throws {
        let file = try parse(
            """
            [extend]
            useDefault = true
            [[rules]]
            id = "acme"
            description = "Acme, changed"
            entropy = 2.5
            keywords = ["ACME"]
            tags = ["b"]
            [[rules.allowlists]]
            stopwords = ["y"]
            """)
        var expected = Self.base.rules[0]
        expected.summary = "Acme, changed"
        expected.entropy = 2.5
        expected.keywords = ["acme"]
        expected.tags = ["a", "b"]
        expected.allowlists = [Allowlist(stopwords: ["x"]), Allowlist(stopwords: ["y"])]
        #expect(file.ruleSet.rules[0] == expected)
        #expect(file.ruleSet.rules.count == 3)
    }

    @Test func `a new pattern for a token rule is a line pattern, guarded by the old anchors`() throws {
        let file = try parse(
            """
            [extend]
            useDefault = true
            [[rules]]
            id = "acme"
            regex = "(?i)key: (acme_[a-z]{30})"
            secretGroup = 1
            """)
        let rule = file.ruleSet.rules[0]
        #expect(rule.detector == .pattern)
        #expect(rule.keywords == ["acme_"])
        #expect(rule.anchors.isEmpty)
        #expect(rule.category == .token)
        #expect(rule.secretGroup == 1)
    }

    @Test func `a new pattern with its own anchor stays a token rule`() throws {
        let file = try parse(
            """
            [extend]
            useDefault = true
            [[rules]]
            id = "acme"
            regex = "acme2_[a-z]{30}"
            anchor = "acme2_"
            """)
        #expect(file.ruleSet.rules[0].detector == .token)
        #expect(file.ruleSet.rules[0].anchors == ["acme2_"])
    }

    @Test func `secretGroup is checked against the pattern of the base`() throws {
        let text = { (group: Int) in "[extend]\nuseDefault = true\n[[rules]]\nid = 'iban'\nsecretGroup = \(group)" }
        #expect(try parse(text(1)).ruleSet.rule(id: "iban")?.secretGroup == 1)
        do {
            _ = try parse(text(2))
            Issue.record("accepted")
        } catch {
            #expect("\(error)" == "dir/x.toml:5: rule \"iban\": secretGroup is 2, but the pattern has 1 groups")
        }
    }

    @Test func `rules and providers are disabled by id`() throws {
        let file = try parse(
            """
            [extend]
            useDefault = true
            disabledRules = ["acme", "p", "generic-api-key"]
            """)
        #expect(file.ruleSet.rules.map(\.id) == ["jwt", "iban"])
        #expect(file.ruleSet.providers.isEmpty)
        #expect(file.disabledRules == ["acme", "p", "generic-api-key"])
        #expect(
            file.warnings.map(\.description)
                == ["dir/x.toml:3: there is no rule \"generic-api-key\" to disable"])
    }

    @Test func `what refers to rules only gitleaks has is a warning`() throws {
        let file = try parse(
            """
            [extend]
            useDefault = true
            [[rules]]
            id = "generic-api-key"
            [rules.allowlist]
            stopwords = ["x"]
            [[allowlists]]
            targetRules = ["generic-api-key", "jwt"]
            stopwords = ["y"]
            """)
        #expect(file.warnings.map(\.line) == [3, 8])
        #expect(file.ruleSet.rule(id: "jwt")?.allowlists == [Allowlist(stopwords: ["y"])])
    }

    @Test func `a provider of the same id is replaced`() throws {
        let file = try parse(
            """
            [extend]
            useDefault = true
            [[providers]]
            id = "p"
            weak = true
            keywords = ["P", "q"]
            shapes = ["32 hex", "20-40 base64url"]
            """)
        #expect(
            file.ruleSet.providers == [
                Provider(
                    id: "p", keywords: ["p", "q"],
                    shapes: [
                        TokenShape(minimum: 32, maximum: 32, alphabet: .hex),
                        TokenShape(minimum: 20, maximum: 40, alphabet: .base64url),
                    ], weak: true)
            ])
    }

    @Test func `files extend files, next to them`() throws {
        let files = [
            "dir/base.toml": """
            [extend]
            path = "../root.toml"
            [[rules]]
            id = "b"
            description = "base"
            regex = "bbb"
            keywords = ["bbb"]
            matches = ["b<cut>bb"]
            """,
            "dir/../root.toml": """
            [extend]
            useDefault = true
            [[rules]]
            id = "r"
            regex = "rrr"
            keywords = ["rrr"]
            """,
        ]
        let file = try parse(
            """
            [extend]
            path = "base.toml"
            disabledRules = ["r"]
            [[rules]]
            id = "b"
            regex = "ccc"
            """, files: files)
        #expect(file.ruleSet.rules.map(\.id) == ["acme", "jwt", "iban", "b"])
        #expect(file.ruleSet.rule(id: "b")?.regex == "ccc")
        #expect(file.ruleSet.rule(id: "b")?.summary == "base")
        #expect(file.extendsDefault)
        #expect(file.samples.map(\.id) == ["b"])
    }

    @Test func `a file that is not next to the other is looked up in the working directory`() throws {
        let file = try parse(
            "[extend]\npath = 'base.toml'",
            files: ["base.toml": "[[rules]]\nid = 'b'\nregex = 'bbb'\nkeywords = ['bbb']"])
        #expect(file.ruleSet.rules.map(\.id) == ["b"])
    }

    @Test func `problems of an extended file carry its name`() throws {
        do {
            _ = try parse("[extend]\npath = 'base.toml'", files: ["dir/base.toml": "\n[[rules]]\nid = 'b'\nregex='('"])
            Issue.record("accepted")
        } catch {
            #expect("\(error)".hasPrefix("dir/base.toml:4: rule \"b\": missing closing parenthesis"))
        }
    }

    @Test func `a circle ends at the depth limit`() throws {
        do {
            _ = try parse("[extend]\npath = 'x.toml'", files: ["dir/x.toml": "[extend]\npath = 'x.toml'"])
            Issue.record("accepted")
        } catch {
            #expect("\(error)" == "dir/x.toml:2: more than 4 files extend one another")
        }
    }

    @Test func `a base stands in for what the file extends`() throws {
        let text = "[[rules]]\nid = 'acme'\nentropy = 3\n[[rules]]\nid = 'unheard-of'\nentropy = 3"
        let file = try RuleFile.parse(text, name: "x.toml", over: Self.base)
        #expect(file.ruleSet.rules.map(\.id) == ["acme", "jwt", "iban"])
        #expect(file.ruleSet.rule(id: "acme")?.entropy == 3)
        #expect(
            file.warnings.map(\.description) == [
                "x.toml:4: rule \"unheard-of\": skipped: it has no regex, and there is no such rule"
            ])
        #expect(throws: RuleFileError.self) { try RuleFile.parse(text, name: "x.toml") }
    }

    @Test func `several files are put over each other`() throws {
        let first = try parse("[[rules]]\nid = 'a'\nregex = 'aaa'\nkeywords = ['aaa']", named: "1.toml")
        let second = try parse("[[rules]]\nid = 'a'\ndescription = 'A'\nregex = 'bbb'", named: "2.toml")
        let merged = try RuleFile.merge([first, second])
        #expect(merged.rules.map(\.id) == ["a"])
        #expect(merged.rules[0].regex == "bbb")
        #expect(merged.rules[0].keywords == ["aaa"])

        let overBase = try RuleFile.merge([first, second], over: Self.base)
        #expect(overBase.rules.map(\.id) == ["acme", "jwt", "iban", "a"])
    }
}
