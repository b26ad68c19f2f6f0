import Foundation
import OpenSSLEngine
import Testing
internal import TextEncodings

@testable import SealingKit

@Suite("The vectors in docs/formats")
struct FormatVectorTests {
    /// The text of a document without white space, so that wrapped lines can be found.
    private func document(_ name: String) throws -> String {
        try String(contentsOfFile: Programs.root + "/docs/formats/\(name).md", encoding: .utf8)
            .filter { !$0.isWhitespace }
    }

    @Test("Sealed record")
    func sealedRecord() throws {
        let text = try document("sealed-record")
        #expect(text.contains(SealedRecordVectors.keyID))
        #expect(text.contains(SealedRecordVectors.record.filter { !$0.isWhitespace }))
        let prefix = RecordHeader.prefix(.field, try testKey().id)
        #expect(text.contains(hex(try testContext().encoded(after: prefix.span))))
    }

    @Test("Token")
    func token() throws {
        let text = try document("token")
        let digits = ["003aUlTJC7tjlCTQj2uNU3", "MFagCXG9LRKRcwGkBIDlf"]
        let checksum = "1Yo7hP"
        let hashes: [(Token.Kind, String)] = [
            (.runner, "0f15a6a63c8afbfa51dd7a92cab6a28a6f1f936ddbd01c8a77b9adf9ae06afc0"),
            (.user, "ea04953a40d4f2245ddfdd264d9743f4fad42c930993b5a0ca2a59e27d381696"),
        ]
        for word in digits + [checksum] { #expect(text.contains("`\(word)`")) }
        for (kind, hash) in hashes {
            #expect(text.contains(hash))
            let whole = Array("\(kind.rawValue)_\(digits.joined())\(checksum)".utf8)
            let token = try Token(parsing: whole.span)
            #expect(try token.hash.description == hash)
        }
        // The digits are those of the documented bytes.
        let integer = try Secret(count: Base62.width256) { (target) throws(CryptoError) in
            _ = try Secret(count: 32) { (bytes) throws(CryptoError) in
                for index in 0..<32 { bytes[index] = UInt8(index) }
                Base62.encode(consuming: &bytes, into: &target, at: 0)
            }
        }
        #expect(integer.array == Array(digits.joined().utf8))
    }

    @Test("Key file")
    func keyFile() throws {
        let text = try document("key-file")
        let file = try KeyFile([.init(key: testKey(), state: .primary), .init(key: testKey(32), state: .open)])
        let lines = String(decoding: file.text.array, as: UTF8.self).split(separator: "\n")
        for line in lines {
            let shortened = line.prefix(22) + "…" + line.dropFirst(22 + 40)
            #expect(text.contains(shortened.filter { !$0.isWhitespace }), "\(shortened)")
        }
    }

    @Test("Key ring row")
    func keyRing() throws {
        let base64 = """
            cG1zMQN2zwqMs7vfQKm9fDTkjedRzpAwL1edC56bPPyX9TIfGy7b8NGZD4pScrbQv5A4N1-KNDNhsscrxCooLMRBfi_pNqLt
            77-jQP4FFvXw2tcqm-7tfVmQ25jcRX7-IGUDkYJ-nyUlP_8OXChmWMk8XvxJ
            """.filter { !$0.isWhitespace }
        #expect(try document("key-ring").contains(base64))
        let key = try testKey(32)
        let characters = Array(base64.utf8)
        let decoded = Base64.decode(characters.span, .urlSafe)
        let row = OrganizationKey(
            organization: "acme", purpose: .data, version: 1, id: key.id, state: .primary, created: 0,
            wrapped: try #require(decoded))
        let wrapped = row.wrapped
        let context = try row.context
        #expect(try SealedRecord.unwrapKey(wrapped.span, context: context, keys: testKey()).id == key.id)
    }

    @Test("Log segment")
    func logSegment() throws {
        let text = """
            706d73310270f7d5f14b6e846acc79489d6b079233f6178bf61faa90a0d9ac948c18d6c7749b17a1724eed72166a7987
            2b18e002deab927e19b1c8f9c9b706dfb137d018a246bbfe1a56980b4bca302b97a1698fece3ee9db22b8d6b
            """
        #expect(try document("log-segments").contains(text.filter { !$0.isWhitespace }))
        var opener = LogSegmentOpener(LogIdentity(tenant: "acme", log: "run-7"), keys: try testKey(32))
        let opened = try opener.open(LogSegment(index: 0, isLast: true, record: unhex(text)))
        #expect(opened.array == Array("step 1\n".utf8))
        try opener.finish()
    }

    @Test("Pseudonym key, derived as documented")
    func pseudonym() throws {
        let derived = try testKey(32).derived(for: "pseudonym/job/1")
        #expect(hex(derived.array) == "91b1c2435b3319ce7b992bdd5ce9ef514f818f25fb4d1dddb3170cf7fc07bbc5")
    }
}
