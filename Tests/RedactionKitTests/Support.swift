import Glibc
import RedactionRules
import RuleFiles
import Testing

@testable import RedactionKit

extension Tag {
    /// Runs over the synthetic logs.
    @Tag static var corpus: Self
    /// Takes longer than a few seconds; runs when `PIPEMASON_SLOW_TESTS` is set, as `make test-slow` does.
    @Tag static var slow: Self
}

/// Whether slow tests are asked for.
let runsSlowTests = getenv("PIPEMASON_SLOW_TESTS") != nil

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

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func chance(_ oneIn: Int = 2) -> Bool { below(oneIn) == 0 }
    mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }
    mutating func bytes(_ count: Int, of alphabet: [UInt8]) -> [UInt8] { (0..<count).map { _ in pick(alphabet) } }
    mutating func base62(_ count: Int) -> String {
        String(decoding: bytes(count, of: Array(Self.digits.utf8)), as: UTF8.self)
    }
    private static let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
}

// MARK: - Redactors

/// Redactors that many tests share.
enum Shared {
    /// The default rules.
    static let standard = make(RedactorOptions())
    /// With every optional pack.
    static let everything: Redactor = {
        var options = RedactorOptions()
        options.packs = Set(RuleSet.builtin.packs)
        return make(options)
    }()

    private static func make(_ options: RedactorOptions) -> Redactor {
        do { return try Redactor(options) } catch { fatalError("the built-in rules do not compile: \(error)") }
    }
}

/// A sink that remembers what it was given.
struct Collector: RedactionSink {
    var bytes: [UInt8] = []
    var findings: [Finding] = []
    var writes = 0
    mutating func write(_ chunk: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: chunk)
        writes += 1
    }
    mutating func redacted(_ finding: Finding) { findings.append(finding) }
}

extension RedactionStream {
    mutating func write(_ chunk: ArraySlice<UInt8>, to sink: inout some RedactionSink) {
        chunk.withUnsafeBytes { write($0, to: &sink) }
    }
    mutating func write(_ text: String, to sink: inout some RedactionSink) { write(Array(text.utf8)[...], to: &sink) }
}

extension Redactor {
    /// Redacts `bytes`, cut before each of `cuts`.
    func redact(_ bytes: [UInt8], cutAt cuts: [Int]) -> [UInt8] {
        var stream = makeStream()
        var sink = Collector()
        var from = 0
        for cut in cuts + [bytes.count] {
            stream.write(bytes[from..<cut], to: &sink)
            from = cut
        }
        stream.finish(to: &sink)
        return sink.bytes
    }

    /// Redacts `bytes`, one at a time.
    func redactByteByByte(_ bytes: [UInt8]) -> [UInt8] { redact(bytes, cutAt: Array(bytes.indices)) }
}

extension String {
    /// Without the `<cut>` markers, which keep this repository free of what looks like a secret.
    var joined: String { replacing("<cut>", with: "") }
}

// MARK: - Comparing

/// Bytes for people: escaped as in a string literal, long ones shortened.
func show(_ bytes: [UInt8], limit: Int = 400) -> String {
    var text = ""
    for byte in bytes.prefix(limit) {
        switch byte {
        case 0x0a: text += "\\n"
        case 0x0d: text += "\\r"
        case 0x5c: text += "\\\\"
        case 0x22: text += "\\\""
        case 0x20..<0x7f: text.unicodeScalars.append(Unicode.Scalar(byte))
        default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
    return "\"\(text)\"" + (bytes.count > limit ? "… (\(bytes.count) bytes)" : "")
}

/// Takes parts out of `input` as long as it still fails: what remains is what matters.
func minimized(_ input: [UInt8], fails: ([UInt8]) -> Bool) -> [UInt8] {
    var input = input
    var size = input.count / 2
    while size > 0 {
        var start = 0
        var isShorter = false
        while start < input.count {
            var shorter = input
            shorter.removeSubrange(start..<min(start + size, input.count))
            if fails(shorter) {
                input = shorter
                isShorter = true
            } else {
                start += size
            }
        }
        if !isShorter || size > 1 { size /= 2 }
    }
    return input
}

/// Expects that `actual` and `expected` agree on `input`; a failure shows the smallest input on which they do not.
func expectAgreement(
    on input: [UInt8], _ actual: ([UInt8]) -> [UInt8], _ expected: ([UInt8]) -> [UInt8], _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    if actual(input) == expected(input) { return }
    let small = minimized(input) { actual($0) != expected($0) }
    Issue.record(
        "\(what): \(show(small)) gives \(show(actual(small))) and not \(show(expected(small)))",
        sourceLocation: sourceLocation)
}

// MARK: - Files of the repository

/// A rule of `Rules/` with its samples.
struct RuleCase: CustomTestStringConvertible, Sendable {
    let rule: Rule
    let samples: RuleSamples
    var testDescription: String { rule.id }

    /// Matches and near-misses.
    var texts: [[UInt8]] { samples.matches.map { Array($0.text.utf8) } + samples.nearMisses.map { Array($0.utf8) } }
}

/// A log of `Corpus/logs`, joined, and what is expected for it.
struct LogCase: CustomTestStringConvertible, Sendable {
    let name: String
    let input: [UInt8]
    let expected: [UInt8]
    var testDescription: String { name }
}

enum Repository {
    /// The repository's folder: two above this file's.
    static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(
        separator: "/")

    static let rules: [RuleCase] = files(in: "Rules", ending: ".toml").flatMap { name -> [RuleCase] in
        do {
            let file = try RuleFile.load("\(root)/Rules/\(name)")
            return file.samples.compactMap { samples in
                file.ruleSet.rule(id: samples.id).map { RuleCase(rule: $0, samples: samples) }
            }
        } catch {
            fatalError("Rules/\(name): \(error)")
        }
    }

    static let logs: [LogCase] = files(in: "Corpus/logs", ending: ".log").map { file in
        let name = String(file.dropLast(4))
        return LogCase(
            name: name, input: joined(read("\(root)/Corpus/logs/\(file)")),
            expected: read("\(root)/Corpus/logs/\(name).expected"))
    }

    static func files(in folder: String, ending suffix: String) -> [String] {
        guard let handle = opendir("\(root)/\(folder)") else { fatalError("no folder \(folder)") }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(suffix) { names.append(name) }
        }
        return names.sorted()
    }

    static func read(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { fatalError("cannot open \(path)") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&room, 1, room.count, file), count > 0 { bytes += room[..<count] }
        return bytes
    }

    /// Takes the `<cut>` markers out.
    static func joined(_ bytes: [UInt8]) -> [UInt8] {
        let marker = Array("<cut>".utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if bytes[index] == marker[0], bytes[index...].starts(with: marker) {
                index += marker.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}
