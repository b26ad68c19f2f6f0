import Foundation
import Testing

@testable import RedactionRules
@testable import RuleFiles

@Suite("Rule blob")
struct RuleBlobTests {
    @Test func `the empty set is the vector of the format document`() {
        #expect(RuleSet().blob() == [0x70, 0x6D, 0x72, 0x75, 0x6C, 0x65, 0x73, 1, 0, 0, 0, 0])
    }

    @Test(arguments: 0..<50)
    func `a generated set comes back as it was`(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let set = RuleSet.generated(with: &random)
        let blob = set.blob()
        #expect(try decode(blob) == set)
        #expect(try decode(blob).blob() == blob)
    }

    @Test func `a truncated blob is an error at every length`() throws {
        var random = SplitMix(seed: 7)
        let blob = RuleSet.generated(with: &random).blob()
        for length in 0..<blob.count {
            #expect(throws: RuleBlobError.self) { try decode(Array(blob[..<length])) }
        }
        #expect(throws: RuleBlobError(code: .trailingBytes, offset: blob.count)) { try decode(blob + [0]) }
    }

    @Test func `damaged blobs do not trap`() {
        var random = SplitMix(seed: 11)
        let blob = RuleSet.generated(with: &random).blob()
        for position in blob.indices {
            for bit in 0..<8 {
                var damaged = blob
                damaged[position] ^= 1 << bit
                _ = try? decode(damaged)
            }
        }
        for _ in 0..<2000 {
            var damaged = blob
            for _ in 0..<random.below(8) + 1 {
                damaged[random.below(damaged.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            _ = try? decode(damaged)
        }
    }

    @Test func `each kind of damage has its code`() {
        func code(_ bytes: [UInt8]) -> RuleBlobError.Code? {
            do {
                _ = try decode(bytes)
                return nil
            } catch {
                return (error as? RuleBlobError)?.code
            }
        }
        let empty = RuleSet().blob()
        #expect(code([]) == .notABlob)
        #expect(code(Array("pmrulez".utf8)) == .notABlob)
        #expect(code(Array(empty[..<7]) + [9, 0, 0, 0]) == .unknownVersion)
        // A count of two thousand million rules in no bytes.
        #expect(code(Array(empty[..<8]) + [0xFF, 0xFF, 0xFF, 0xFF, 0x07]) == .truncated)
        #expect(code(Array(empty[..<8]) + [0x80, 0x80, 0x80, 0x80, 0x80, 0x01]) == .badValue)
        // One rule whose fields are unknown; whose id is not UTF-8.
        #expect(code(Array(empty[..<8]) + [1, 0xC0, 0, 0]) == .badValue)
        #expect(code(Array(empty[..<8]) + [1, 0, 1, 0xFF, 0]) == .badString)
    }

    @Test func `the committed blob is what rulegen makes from the rule files`() throws {
        let set = try RuleFile.builtinSet(from: try Repository.ruleFiles())
        let isCurrent = set.blob() == RuleSet.builtin.blob()
        #expect(isCurrent, "run: swift run rulegen Rules/*.toml -o Sources/CBuiltinRules/builtin.rules")
        #expect(RuleSet.builtin == set)
    }

    @Test func `the README counts the rules that there are`() throws {
        let readme = try String(contentsOfFile: Repository.root + "/README.md", encoding: .utf8)
        let rules = RuleSet.builtin.rules
        func count(_ categories: [String]) -> Int {
            rules.count { $0.pack == nil && categories.contains($0.category.rawValue) }
        }
        var counted = 0
        for line in readme.split(separator: "\n") where line.hasPrefix("| `") || line.hasPrefix("| packs") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3, let number = Int(cells[1]) else { continue }
            let names = cells[0].split(separator: ",").map { $0.trimmingCharacters(in: [" ", "`"]) }
            let packs = line.hasPrefix("| packs")
            #expect(number == (packs ? rules.count { $0.pack != nil } : count(names)), "\(line)")
            counted += number
        }
        #expect(counted == rules.count)
        #expect(readme.contains("keys of \(RuleSet.builtin.providers.count) providers"))
    }
}

func decode(_ bytes: [UInt8]) throws -> RuleSet {
    try bytes.withUnsafeBytes { try RuleSet(blob: $0) }
}
