import Testing

@testable import RedactionRules

@Suite("Selection of rules")
struct RuleSelectionTests {
    let set = RuleSet(
        rules: [
            Rule(id: "pat", category: .token),
            Rule(id: "jwt", category: .jwt, detector: .jwt),
            Rule(id: "provider-key", category: .providerKey, detector: .provider),
            Rule(id: "iban", category: .personal, pack: "finance", detector: .number),
            Rule(id: "ssn", category: .personal, pack: "us", detector: .number),
        ],
        providers: ["datadog", "heroku"].map { Provider(id: $0, keywords: [$0], shapes: []) },
        allowlists: [Allowlist(stopwords: ["x"])])

    struct Case: Sendable, CustomTestStringConvertible {
        let only: [String]
        let except: [String]
        let packs: [String]
        let ids: String
        var testDescription: String { "only \(only) except \(except) packs \(packs)" }
        init(only: [String] = [], except: [String] = [], packs: [String] = [], _ ids: String) {
            self.only = only
            self.except = except
            self.packs = packs
            self.ids = ids
        }
    }

    @Test(arguments: [
        Case("pat jwt provider-key + datadog heroku"),
        Case(packs: ["us"], "pat jwt provider-key ssn + datadog heroku"),
        Case(packs: ["us", "finance"], "pat jwt provider-key iban ssn + datadog heroku"),
        Case(only: ["jwt"], "jwt +"),
        Case(only: ["token", "jwt"], "pat jwt +"),
        Case(only: ["iban"], "iban +"),
        Case(only: ["personal"], "+"),
        Case(only: ["personal"], packs: ["us"], "ssn +"),
        Case(only: ["heroku"], "provider-key + heroku"),
        Case(only: ["heroku", "pat"], "pat provider-key + heroku"),
        Case(only: ["provider-key"], "provider-key + datadog heroku"),
        Case(except: ["jwt", "datadog"], "pat provider-key + heroku"),
        Case(except: ["provider-key"], "pat jwt + datadog heroku"),
        Case(only: ["jwt"], except: ["jwt"], "+"),
    ])
    func `ids, categories, providers and packs select`(sample: Case) throws {
        let selected = try set.selecting(
            RuleSelection(only: sample.only, except: sample.except, packs: sample.packs))
        let words = selected.rules.map(\.id) + ["+"] + selected.providers.map(\.id)
        #expect(words.joined(separator: " ") == sample.ids)
        #expect(selected.allowlists == set.allowlists)
    }

    @Test func `unknown names are errors with the nearest name`() {
        #expect(throws: RuleSelectionError(kind: .rule, name: "provider-kye", suggestion: "provider-key")) {
            try set.selecting(RuleSelection(only: ["provider-kye"]))
        }
        #expect(throws: RuleSelectionError(kind: .rule, name: "zzz", suggestion: nil)) {
            try set.selecting(RuleSelection(except: ["zzz"]))
        }
        #expect(throws: RuleSelectionError(kind: .pack, name: "finanse", suggestion: "finance")) {
            try set.selecting(RuleSelection(packs: ["finanse"]))
        }
        #expect(
            RuleSelectionError(kind: .pack, name: "finanse", suggestion: "finance").description
                == "no pack is called \"finanse\"; did you mean \"finance\"?")
    }

    @Test func `packs are listed once, in order`() {
        #expect(set.packs == ["finance", "us"])
    }
}
