import Testing

@testable import RedactionRules
@testable import RuleFiles

/// A configuration as people write them for gitleaks 8, with every key it knows. Written for this test.
let gitleaksText = #"""
    title = "Example configuration"
    description = "For the tests of rule files"
    minVersion = "v8.25.0"

    [extend]
    useDefault = false

    [[rules]]
    id = "acme-api-key"
    description = "Acme API key"
    regex = '''(?i)(?:acme)(?:[ \t\w.-]{0,20})[\s'"\x60]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}([a-f0-9]{32})(?:[\x60'"\s;]|\\[nr]|$)'''
    secretGroup = 1
    entropy = 3
    keywords = ["Acme", "ACME_KEY"]
    tags = ["api", "acme"]
    path = '''(?i)\.(?:env|ya?ml)$'''

        [[rules.allowlists]]
        description = "examples"
        condition = "AND"
        regexTarget = "line"
        regexes = ['''example''', '''(?P<what>dummy)''']
        stopwords = ["Sample"]
        paths = ['''^docs/''']

        [[rules.allowlists]]
        commits = ["fb9ab7e9a7a4d1b0c5d7b4a1c3f2e5d6a7b8c9d0"]

    [[rules]]
    id = "acme-old-style"
    regex = '''acme-[a-z]{10}'''
    keywords = ["acme-"]
    [rules.allowlist]
    stopWords = ["acme-aaaaaaaaaa"]

    [[rules]]
    id = "acme-composite"
    regex = '''acme_id_\d{8}'''
    keywords = ["acme_id_"]
        [[rules.required]]
        id = "acme-part"
        withinLines = 5

    [[rules]]
    id = "acme-part"
    regex = '''part-\d+'''
    skipReport = true

    [[rules]]
    id = "acme-file"
    path = '''(?i)\.acme$'''

    [[rules]]
    id = "acme-anywhere"
    regex = '''[a-z]+acme[0-9]+'''

    [[allowlists]]
    targetRules = ["acme-old-style", "acme-composite"]
    regexTarget = "match"
    regexes = ['''test''']

    [allowlist]
    description = "global"
    paths = ['''(?:^|/)vendor/''', '''go\.sum$''']
    regexes = ['''^(?:x{10,}|0{10,})$''']
    """#

@Suite("gitleaks configurations")
struct GitleaksFileTests {
    let file: RuleFile

    init() throws { file = try RuleFile.parse(gitleaksText, name: "gitleaks.toml") }

    @Test func `rules are read with every field`() {
        #expect(
            file.ruleSet.rules.map(\.id) == ["acme-api-key", "acme-old-style", "acme-composite", "acme-anywhere"])
        let rule = file.ruleSet.rule(id: "acme-api-key")
        #expect(rule?.summary == "Acme API key")
        #expect(rule?.detector == .pattern)
        #expect(rule?.category == .custom)
        #expect(rule?.secretGroup == 1)
        #expect(rule?.entropy == 3)
        #expect(rule?.keywords == ["acme", "acme_key"])
        #expect(rule?.tags == ["api", "acme"])
        #expect(rule?.pathRegex == #"(?i)\.(?:env|ya?ml)$"#)
        #expect(
            rule?.allowlists == [
                Allowlist(
                    requiresAll: true, target: .line, regexes: ["example", "(?P<what>dummy)"], stopwords: ["sample"],
                    paths: ["^docs/"])
            ])
        #expect(!file.extendsDefault)
    }

    @Test func `allowlists of the file go where they belong`() {
        let forTwo = Allowlist(target: .match, regexes: ["test"])
        #expect(
            file.ruleSet.rule(id: "acme-old-style")?.allowlists
                == [Allowlist(stopwords: ["acme-aaaaaaaaaa"]), forTwo])
        #expect(file.ruleSet.rule(id: "acme-composite")?.allowlists == [forTwo])
        #expect(
            file.ruleSet.allowlists == [
                Allowlist(regexes: ["^(?:x{10,}|0{10,})$"], paths: ["(?:^|/)vendor/", #"go\.sum$"#])
            ])
    }

    @Test func `what has no effect is said`() {
        #expect(
            file.warnings.map(\.description) == [
                "gitleaks.toml:26: rule \"acme-api-key\": an allowlist of commits has no effect on a stream",
                "gitleaks.toml:40: rule \"acme-composite\": the rule holds even without the rules it requires",
                "gitleaks.toml:47: rule \"acme-part\": skipped: it only takes part in rules that require it",
                "gitleaks.toml:49: rule \"acme-file\": skipped: it has no regex, and a path alone redacts nothing",
                "gitleaks.toml:53: rule \"acme-anywhere\": has no keywords, so its pattern is tried everywhere",
            ])
    }

    @Test func `an unknown key is a warning with the nearest known one`() throws {
        let file = try RuleFile.parse(
            """
            tittle = "x"
            [[rules]]
            id = "a"
            regex = "abc"
            keyword = ["abc"]
            something = 1
            """, name: "x.toml")
        #expect(
            file.warnings.map(\.description) == [
                "x.toml:1: the key \"tittle\" is not known and has no effect; did you mean \"title\"?",
                "x.toml:2: rule \"a\": has no keywords, so its pattern is tried everywhere",
                "x.toml:5: rule \"a\": the key \"keyword\" is not known and has no effect; did you mean \"keywords\"?",
                "x.toml:6: rule \"a\": the key \"something\" is not known and has no effect",
            ])
    }

    @Test func `an allowlist that needs a commit as well never applies`() throws {
        let file = try RuleFile.parse(
            """
            [[allowlists]]
            condition = "AND"
            commits = ["abc"]
            stopwords = ["x"]
            """, name: "x.toml")
        #expect(file.ruleSet.allowlists.isEmpty)
        #expect(file.warnings.map(\.code) == [.ignored])
    }
}
