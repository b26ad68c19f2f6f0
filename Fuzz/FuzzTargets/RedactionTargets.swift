internal import RedactionFuzz
internal import RedactionKit

/// The promises of the redactor.
///
/// An input is a byte that chooses the setting, two that seed the cuts, and the text. Random bytes hold no token, so mutations
/// know what the engine looks for: they put samples of rules into the text, cut them, and encode what is there. A grammar input
/// is a tape: `TextGenerator` reads its decisions from it, so that libFuzzer steers what is generated.
enum RedactionTargets {
    static let all: [FuzzTarget] = entries.map { entry in
        // Tests of the engine try many more texts, with more time for each (Tests/RedactionKitTests).
        var entry = entry
        entry.changes = 0
        return entry
    }

    private static let entries: [FuzzTarget] =
        RedactionFuzz.Property.allCases.map { property in
            FuzzTarget(
                name: "redaction-" + property.rawValue, run: { check($0, [property]) }, mutation: mutate, weight: 3)
        }
        + [
            FuzzTarget(name: "redaction-rest", run: nothingIsLeft, mutation: mutate, weight: 2),
            FuzzTarget(name: "redaction-grammar", run: grammar, weight: 4),
            FuzzTarget(name: "redaction-values", run: knownValues, weight: 2),
        ]

    private static let header = 3

    private static func check(_ bytes: Span<UInt8>, _ properties: [RedactionFuzz.Property]) {
        guard bytes.count > header else { return }
        let settings = RedactionFuzz.Setting.allCases
        let setting = settings[Int(bytes[0]) % settings.count]
        let seed = UInt64(bytes[1]) << 8 | UInt64(bytes[2])
        let text = bytes.extracting(header...).withUnsafeBufferPointer { Array($0) }
        demand(text, setting, seed, properties)
    }

    private static func demand(
        _ text: [UInt8], _ setting: RedactionFuzz.Setting, _ seed: UInt64, _ properties: [RedactionFuzz.Property]
    ) {
        for property in properties {
            guard RedactionFuzz.breaks(property, text, setting, seed) != nil else { continue }
            let small = minimized(text) { RedactionFuzz.breaks(property, $0, setting, seed) != nil }
            let reason = RedactionFuzz.breaks(property, small, setting, seed) ?? ""
            fatalError("\(property.rawValue), \(setting.rawValue), seed \(seed): \(show(small)): \(reason)")
        }
    }

    private static func grammar(_ bytes: Span<UInt8>) {
        var random = SplitMix(tape: bytes.withUnsafeBufferPointer { Array($0) })
        let setting = random.pick(RedactionFuzz.Setting.allCases)
        let seed = UInt64(random.below(256))
        let property = random.pick(RedactionFuzz.Property.allCases)
        demand(TextGenerator.text(with: &random), setting, seed, [property])
    }

    /// Scrubbed text holds no secret: a second scan has no finding.
    private static func nothingIsLeft(_ bytes: Span<UInt8>) {
        guard bytes.count > header else { return }
        let settings = RedactionFuzz.Setting.allCases
        let redactor = RedactionFuzz.redactor(settings[Int(bytes[0]) % settings.count])
        let once = redactor.redact(bytes.extracting(header...).withUnsafeBufferPointer { Array($0) })
        if let finding = redactor.findings(in: once).first {
            fatalError("still there: \(finding.ruleID) at \(finding.offset) of \(show(once))")
        }
    }

    /// Values end with 0xFF, the last field is text with values put in where a byte says so. No value is left, however the
    /// text is cut.
    private static func knownValues(_ bytes: Span<UInt8>) {
        let input = bytes.withUnsafeBufferPointer { Array($0) }
        var fields = input.split(separator: 0xFF, maxSplits: 6, omittingEmptySubsequences: false).map { Array($0) }
        let template = fields.removeLast()
        var options = RedactorOptions()
        options.selection.only = ["jwt"]
        options.knownValues = fields.compactMap { try? KnownValue(name: "V", value: $0) }
        guard !options.knownValues.isEmpty, let redactor = try? Redactor(options) else { return }
        let accepted = fields.filter { (try? KnownValue(name: "V", value: $0)) != nil }
        var text: [UInt8] = []
        for byte in template {
            if byte >= 0xF0 { text += accepted[Int(byte & 15) % accepted.count] } else { text.append(byte) }
        }
        let whole = redactor.redact(text)
        let cut = redactor.redact(text, cutAt: randomCuts(text.count, seed: UInt64(input.count)))
        if whole != cut { fatalError("cuts matter: \(show(text)): \(show(cut)) and not \(show(whole))") }
        for value in accepted where !value.contains(where: { $0 == 0x0A || $0 == 0x0D }) {
            // A mark, with what stands beside it, may spell a value.
            if Array("[REDACTED:known:V]".utf8).contains(where: value.contains) { continue }
            if whole.contains(value) { fatalError("a value is left: \(show(value)) in \(show(whole))") }
        }
    }

    // MARK: - Mutations

    private static let samples: [[UInt8]] = Repository.rules.flatMap(\.texts).filter { $0.count < 600 }
    private static let anchors: [[UInt8]] = Repository.rules.flatMap {
        ($0.rule.anchors + $0.rule.keywords + $0.rule.contexts).map { Array($0.utf8) }
    }
    private static let marks = [
        "\n", "\r\n", " ", "\t", "=", ": ", "\"", "'", "\\", "%", "&", "@", "://", ".", "\u{1b}[0m", "\u{1b}[1;31m",
        "\0",
        "-----BEGIN ", " PRIVATE KEY-----\n", "-----END ", "[REDACTED:a]", "\\n", "\\u00",
    ].map { Array($0.utf8) }

    /// One change that keeps what the text is made of.
    @Sendable private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix) {
        while bytes.count < header { bytes.append(UInt8(random.below(256))) }
        if random.chance(8) {
            for index in 0..<header where random.chance() { bytes[index] = UInt8(random.below(256)) }
            return
        }
        let place = header + random.below(bytes.count - header + 1)
        let end = place + random.below(min(80, bytes.count - place) + 1)
        switch random.below(9) {
        case 0: bytes.insert(contentsOf: random.pick(samples), at: place)
        case 1: bytes.insert(contentsOf: random.pick(anchors), at: place)
        case 2: bytes.insert(contentsOf: random.pick(marks), at: place)
        case 3:
            let sample = random.pick(samples)
            let start = random.below(sample.count)
            bytes.insert(contentsOf: sample[start..<(start + random.below(sample.count - start) + 1)], at: place)
        case 4, 5:
            let encoded = random.pick(Encoding.allCases).apply(Array(bytes[place..<end]), &random)
            bytes.replaceSubrange(place..<end, with: encoded)
        case 6: bytes.removeSubrange(place..<end)
        case 7: bytes.insert(contentsOf: bytes[place..<end], at: header + random.below(bytes.count - header + 1))
        default:
            let text = TextGenerator.text(with: &random)
            bytes.insert(contentsOf: text.prefix(1 + random.below(200)), at: place)
        }
    }
}

extension [UInt8] {
    /// Whether `part` stands in these bytes.
    fileprivate func contains(_ part: [UInt8]) -> Bool {
        guard let first = part.first, part.count <= count else { return part.isEmpty }
        return (0...(count - part.count)).contains { self[$0] == first && self[$0...].starts(with: part) }
    }
}
