import OpenSSLEngine
import SealingFuzz
import Testing

@testable import SealingKit

@Suite("Fuzz entry points")
struct FuzzTests {
    /// One valid input for each parser, so that mutations reach deep.
    private static func seed(_ name: String) throws -> [UInt8] {
        switch name {
        case "age-header", "age-file":
            let file = try sealAge([1, 2, 3], for: .publicKeys([AgeIdentity.generate().recipient]))
            return name == "age-file" ? file : Array(file.prefix(try #require(try AgeHeader.end(in: file.span))))
        case "record": return try sealField([1, 2, 3], context: testContext(), key: testKey())
        case "record-text":
            let record = try sealField([1], context: testContext(), key: testKey())
            return Array(RecordText.encode(record.span).utf8)
        case "token": return try Token.generate(.runner).text.array
        case "key-file": return try KeyFile.generate().rotated().text.array
        case "key-ring":
            var contents = KeyRingFile.Contents()
            let key = try testKey()
            let context = try testContext()
            let sealed = try sealField([1], context: context, key: key)
            contents.records = [StoredRecord(id: "r 1", kind: .field, context: context, sealed: sealed)]
            contents.keys = [
                OrganizationKey(
                    organization: "a%b", purpose: .data, version: 1, id: key.id, state: .primary, created: 5,
                    wrapped: try SealedRecord.wrapKey(key, context: context, key: key))
            ]
            return contents.encoded
        case "credentials":
            let credential = try Credential(
                server: "https://é.test", organization: "/", name: "\"", token: Token.generate(.runner))
            return Credentials([credential]).encoded.array
        case "identities": return try AgeIdentity.generate().text.array + [10]
        case "crypto-probe": return Array(#"{"op":"hmac-sha256","key":"00","input":"0011","length":16}"#.utf8)
        default: return []
        }
    }

    @Test("Seeds are accepted by their parsers, so that the mutations start from something")
    func seeds() throws {
        let header = try Self.seed("age-header")
        #expect(try AgeHeader(parsing: header.span).stanzas.count == 1)
        #expect(try parseKeyFile(Self.seed("key-file")).entries.count == 2)
        #expect(try parseKeyRing(Self.seed("key-ring")).keys.count == 1)
        #expect(try parseCredentials(Self.seed("credentials")).entries.count == 1)
        let text = try Self.seed("record-text")
        #expect(try RecordText.decode(text.span).count == 86)
    }

    @Test("Mutated input breaks no invariant", arguments: SealingFuzz.all.map(\.name))
    func mutations(_ name: String) throws {
        let target = try #require(SealingFuzz.all.first { $0.name == name })
        let seed = try Self.seed(name)
        var random = TestBytes(seed: 2026)
        let empty = nothing
        target.run(empty.span)
        target.run(seed.span)
        for _ in 0..<1500 {
            var input = seed
            for _ in 0...random.next() % 3 {
                let position = input.isEmpty ? 0 : Int(random.next() % UInt64(input.count))
                switch random.next() % 6 {
                case 0 where !input.isEmpty: input[position] ^= 1 << UInt8(random.next() % 8)
                case 1 where !input.isEmpty: input.remove(at: position)
                case 2: input.insert(UInt8(truncatingIfNeeded: random.next()), at: position)
                case 3: input = Array(input.prefix(position))
                case 4 where !input.isEmpty: input[position] = Array("\n \"\\=-%{}0A".utf8)[Int(random.next() % 11)]
                default: input.insert(contentsOf: input.prefix(Int(random.next() % 64)), at: position)
                }
            }
            target.run(input.span)
        }
    }
}
