package import RedactionKit
internal import RedactionRules

/// What must hold for any text, checked on random ones: a seed makes a text, a setting and cuts.
///
/// `swift test` calls `check` with some seeds, `make fuzz` with many.
package enum RedactionFuzz {
    package enum Property: String, CaseIterable, Sendable {
        /// Output does not depend on cuts: random ones, every single one of a short text, byte by byte.
        case chunk
        /// The slow twin agrees.
        case reference
        /// Scrubbing the output changes nothing.
        case again
        /// After a line of plain words, a prompt comes out at once.
        case prompt
    }

    /// Settings of a redactor that texts are tried with.
    package enum Setting: String, CaseIterable, Sendable {
        /// The default rules.
        case standard
        /// With every optional pack.
        case packs
        /// With values to mask.
        case values
        /// With limits that texts of a few hundred bytes exceed.
        case small
        /// With users' patterns.
        case patterns
    }

    /// A broken invariant, with the smallest input that was found.
    package struct Failure: Sendable, CustomStringConvertible {
        package let property: Property
        package let setting: Setting
        package let seed: UInt64
        package let input: [UInt8]
        package let detail: String
        package var description: String {
            "\(property.rawValue), \(setting.rawValue), seed \(seed): \(show(input, limit: 4000)): \(detail)"
        }
    }

    /// Checks the text of `seed` for `properties`.
    package static func check(
        seed: UInt64, setting only: Setting? = nil, properties: [Property] = Property.allCases
    ) -> [Failure] {
        var random = SplitMix(seed: seed)
        let text = TextGenerator.text(with: &random)
        let setting = only ?? Setting.allCases[Int(seed % UInt64(Setting.allCases.count))]
        return properties.compactMap { property in
            guard breaks(property, text, setting, seed) != nil else { return nil }
            let small = minimized(text) { breaks(property, $0, setting, seed) != nil }
            return Failure(
                property: property, setting: setting, seed: seed, input: small,
                detail: breaks(property, small, setting, seed) ?? "")
        }
    }

    /// What is wrong with `text`; nil if the property holds.
    package static func breaks(_ property: Property, _ text: [UInt8], _ setting: Setting, _ seed: UInt64 = 0) -> String?
    {
        let redactor = redactor(setting)
        let whole = redactor.redact(text)
        func differs(_ output: [UInt8], _ what: String) -> String? {
            output == whole ? nil : "\(what) \(show(output, limit: 4000)) and not \(show(whole, limit: 4000))"
        }
        switch property {
        case .chunk:
            if let difference = differs(redactor.redactByteByByte(text), "byte by byte") { return difference }
            let cuts = randomCuts(text.count, seed: seed)
            if let difference = differs(redactor.redact(text, cutAt: cuts), "cut at \(cuts)") { return difference }
            guard text.count <= 300 else { return nil }
            for cut in text.indices {
                if let difference = differs(redactor.redact(text, cutAt: [cut]), "cut at \(cut)") { return difference }
            }
            return nil
        case .reference: return differs(ReferenceScanner(redactor).redact(text), "reference")
        case .again: return differs(redactor.redact(whole), "again")
        case .prompt:
            // A number may go on behind a blank.
            if setting == .packs || setting == .small || setting == .values { return nil }
            for prompt in prompts {
                var stream = redactor.makeStream()
                var sink = MemorySink()
                let input = text + Array("\n\n\n\nall of this line is words.\n".utf8) + Array(prompt.utf8)
                input.withUnsafeBytes { stream.write($0, to: &sink) }
                let out = sink.bytes
                stream.finish(to: &sink)
                if out != sink.bytes {
                    return "\(show(Array(prompt.utf8))) is held: \(show(Array(sink.bytes[out.count...])))"
                }
            }
            return nil
        }
    }

    /// Texts that a person is expected to answer, or to watch.
    private static let prompts = [
        "Password: ", "$ ", "Continue? [y/N] ", "...", "\r 45%", "\u{1b}[1m>\u{1b}[0m ", "(yes/no)? ",
    ]

    // MARK: - Redactors

    package static func redactor(_ setting: Setting) -> Redactor {
        switch setting {
        case .standard: standard
        case .packs: packs
        case .values: values
        case .small: small
        case .patterns: patterns
        }
    }

    private static let standard = make { _ in }
    private static let packs = make { $0.packs = Set(RuleSet.builtin.packs) }
    private static let small = make {
        $0.packs = Set(RuleSet.builtin.packs)
        $0.limits.run = 256
        $0.limits.overlap = 96
        $0.limits.value = 128
        $0.limits.keyLine = 128
        $0.limits.authority = 64
        $0.limits.pattern = 128
    }
    private static let values = make { options in
        options.packs = Set(RuleSet.builtin.packs)
        let values = [
            "zq81-known-x9", "first of\nthe lines here", "caffee\"quoted\\value", "abcabd", "aabaab",
            "wunderbar is a word",
            "-----BEGIN thing", "eyJhbGciOiJub25lIn0", "zz%20%20=x", "p\u{e4}ssw\u{f6}rt",
        ]
        options.knownValues = values.compactMap { try? KnownValue(name: "V0", value: Array($0.utf8)) }
    }
    private static let patterns = make { options in
        options.ruleSet = RuleSet(
            rules: RuleSet.builtin.rules + [
                Rule(id: "ticket", detector: .pattern, regex: "ticket[ :=]+([a-z0-9]{8,20})", keywords: ["ticket"]),
                Rule(id: "quoted", detector: .pattern, regex: "secret \"([^\"\\n]{4,40})\"", keywords: ["secret"]),
                Rule(id: "between", detector: .pattern, regex: "<<[^>\\n]{3,30}>>", keywords: []),
            ], providers: RuleSet.builtin.providers)
    }

    private static func make(_ change: (inout RedactorOptions) -> Void) -> Redactor {
        var options = RedactorOptions()
        change(&options)
        do { return try Redactor(options) } catch { fatalError("the rules do not compile: \(error)") }
    }
}

/// Cuts at distances between 1 byte and 4 KiB, short ones as often as long ones.
package func randomCuts(_ count: Int, seed: UInt64) -> [Int] {
    var random = SplitMix(seed: seed)
    var cuts: [Int] = []
    var at = 0
    while true {
        at += 1 + random.below(1 << (1 + random.below(12)))
        guard at < count else { return cuts }
        cuts.append(at)
    }
}
