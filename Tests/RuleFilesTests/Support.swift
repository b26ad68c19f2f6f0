import Glibc

@testable import RedactionRules

/// A small generator with a seed, so that a failure can be repeated (Steele, Lea, Flood: SplitMix64).
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
    mutating func chance() -> Bool { below(2) == 0 }
    mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }
    mutating func list<T>(upTo limit: Int, _ make: (inout Self) -> T) -> [T] {
        (0..<below(limit + 1)).map { _ in make(&self) }
    }

    mutating func text() -> String {
        pick(["", "a", "key", "ghp_", "grüße", "日本", String(repeating: "x", count: below(300)), "\u{1}\n\t", "🔑"])
    }
}

extension RuleSet {
    /// A set that uses every field.
    static func generated(with random: inout SplitMix) -> RuleSet {
        RuleSet(
            rules: random.list(upTo: 6) { .generated(with: &$0) },
            providers: random.list(upTo: 6) { random in
                Provider(
                    id: random.text(), keywords: random.list(upTo: 3) { $0.text() },
                    shapes: random.list(upTo: 3) { random in
                        let minimum = 1 + random.below(200)
                        return TokenShape(
                            minimum: minimum, maximum: minimum + random.below(200),
                            alphabet: random.pick(TokenShape.Alphabet.allCases))
                    }, weak: random.chance())
            }, allowlists: random.list(upTo: 3) { .generated(with: &$0) })
    }
}

extension Rule {
    static func generated(with random: inout SplitMix) -> Rule {
        Rule(
            id: random.text(), summary: random.text(), category: random.pick(Category.allCases),
            confidence: random.pick(Confidence.allCases), pack: random.chance() ? random.text() : nil,
            detector: random.pick(Detector.allCases), regex: random.chance() ? random.text() : nil,
            secretGroup: random.below(64), entropy: random.chance() ? Double(random.below(800)) / 100 : nil,
            keywords: random.list(upTo: 3) { $0.text() }, anchors: random.list(upTo: 3) { $0.text() },
            contexts: random.list(upTo: 3) { $0.text() }, inner: random.chance(),
            pathRegex: random.chance() ? random.text() : nil, tags: random.list(upTo: 3) { $0.text() },
            validators: random.list(upTo: 3) { $0.pick(Validator.allCases) },
            allowlists: random.list(upTo: 2) { .generated(with: &$0) },
            reference: random.chance() ? random.text() : nil)
    }
}

extension Allowlist {
    static func generated(with random: inout SplitMix) -> Allowlist {
        Allowlist(
            requiresAll: random.chance(), target: random.pick(Target.allCases),
            regexes: random.list(upTo: 2) { $0.text() }, stopwords: random.list(upTo: 2) { $0.text() },
            paths: random.list(upTo: 2) { $0.text() })
    }
}

/// Files of the repository.
enum Repository {
    /// The repository's folder: two above this file's.
    static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(
        separator: "/")

    static func ruleFiles() throws -> [String] {
        var paths: [String] = []
        guard let folder = opendir(root + "/Rules") else { throw MissingRules() }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".toml") { paths.append("\(root)/Rules/\(name)") }
        }
        return paths.sorted()
    }

    struct MissingRules: Error {}
}
