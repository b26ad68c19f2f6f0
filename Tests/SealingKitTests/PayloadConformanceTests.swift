import Foundation
import OpenSSLEngine
import Testing
import TextEncodings

@testable import SealingKit

/// Payloads of age files made chunk by chunk, right and wrong (age-encryption.org/v1, "Payload").
struct AgePayload: Sendable, CustomTestStringConvertible {
    struct Chunk: Sendable {
        var size: Int
        var isLast: Bool
        /// Spoils the tag.
        var isDamaged = false
    }

    var name: String
    var chunks: [Chunk]
    var trailing = 0
    /// How many plaintext bytes are released before the failure; nil: the file is good.
    var released: Int?
    var testDescription: String { name }

    static let full = 65_536

    static let all: [AgePayload] = [
        AgePayload(name: "empty", chunks: [Chunk(size: 0, isLast: true)]),
        AgePayload(name: "one full chunk", chunks: [Chunk(size: full, isLast: true)]),
        AgePayload(
            name: "two full chunks", chunks: [Chunk(size: full, isLast: false), Chunk(size: full, isLast: true)]),
        AgePayload(
            name: "three chunks",
            chunks: [
                Chunk(size: full, isLast: false), Chunk(size: full, isLast: false), Chunk(size: 9, isLast: true),
            ]),
        AgePayload(name: "no chunk", chunks: [], released: 0),
        AgePayload(name: "half a tag", chunks: [], trailing: 8, released: 0),
        AgePayload(name: "a short chunk that is not last", chunks: [Chunk(size: 5, isLast: false)], released: 0),
        AgePayload(
            name: "a full chunk that is not last, and nothing", chunks: [Chunk(size: full, isLast: false)],
            released: full),
        AgePayload(
            name: "two full chunks that are not last, and nothing",
            chunks: [Chunk(size: full, isLast: false), Chunk(size: full, isLast: false)], released: 2 * full),
        AgePayload(
            name: "a short second chunk that is not last",
            chunks: [Chunk(size: full, isLast: false), Chunk(size: 5, isLast: false)], released: full),
        AgePayload(
            name: "a short chunk before a last one",
            chunks: [Chunk(size: 100, isLast: false), Chunk(size: 5, isLast: true)], released: 0),
        AgePayload(
            name: "an empty last chunk after a full one",
            chunks: [Chunk(size: full, isLast: false), Chunk(size: 0, isLast: true)], released: full),
        AgePayload(
            name: "two short last chunks", chunks: [Chunk(size: 5, isLast: true), Chunk(size: 5, isLast: true)],
            released: 0),
        AgePayload(
            name: "two full last chunks", chunks: [Chunk(size: full, isLast: true), Chunk(size: full, isLast: true)],
            released: full),
        AgePayload(
            name: "a short last chunk and one byte", chunks: [Chunk(size: 5, isLast: true)], trailing: 1, released: 0),
        AgePayload(
            name: "a full last chunk and one byte", chunks: [Chunk(size: full, isLast: true)], trailing: 1,
            released: full),
        AgePayload(
            name: "a full last chunk and 100,000 bytes", chunks: [Chunk(size: full, isLast: true)],
            trailing: 100_000, released: full),
        AgePayload(
            name: "a damaged first chunk", chunks: [Chunk(size: 5, isLast: true, isDamaged: true)], released: 0),
        AgePayload(
            name: "a damaged second chunk",
            chunks: [Chunk(size: full, isLast: false), Chunk(size: 5, isLast: true, isDamaged: true)], released: full),
        AgePayload(
            name: "a damaged second chunk that is full",
            chunks: [Chunk(size: full, isLast: false), Chunk(size: full, isLast: true, isDamaged: true)],
            released: full),
        AgePayload(
            name: "a damaged chunk in the middle",
            chunks: [
                Chunk(size: full, isLast: false), Chunk(size: full, isLast: false, isDamaged: true),
                Chunk(size: 5, isLast: true),
            ], released: full),
        AgePayload(
            name: "damage behind a whole batch of reads",
            chunks: Array(repeating: Chunk(size: full, isLast: false), count: 9) + [
                Chunk(size: full, isLast: true, isDamaged: true)
            ], released: 9 * full),
    ]

    /// What the chunks hold, all of them.
    var plaintext: [UInt8] { TestBytes.make(chunks.reduce(0) { $0 + $1.size }) }

    /// The file, for one recipient.
    func file(for recipient: AgeRecipient) throws -> [UInt8] {
        let fileKey = try Secret.random(count: 16)
        var header = AgeHeader(stanzas: [try recipient.wrap(fileKey)])
        header.mac = try header.authenticationCode(fileKey: fileKey)
        let nonce = TestBytes.make(16, seed: 7)
        var cipher = try AgeStream(.seal, fileKey: fileKey, nonce: nonce.span)
        var result = header.encoded + nonce
        var rest = plaintext[...]
        for chunk in chunks {
            var sealed = WipedBuffer(capacity: chunk.size + AEAD.tagSize)
            let piece = Array(rest.prefix(chunk.size))
            rest = rest.dropFirst(chunk.size)
            try sealed.edit { (output) throws(SealingError) in
                try cipher.sealChunk(piece.span, isLast: chunk.isLast, into: &output)
            }
            result += sealed.array
            if chunk.isDamaged { result[result.count - 1] ^= 1 }
        }
        return result + TestBytes.make(trailing, seed: 8)
    }
}

@Suite("Payloads of age files")
struct PayloadConformanceTests {
    let identity: AgeIdentity

    init() throws { identity = try AgeIdentity.generate() }

    @Test("Exactly the chunks that authenticate come out", arguments: AgePayload.all, [1000, 65_552, Int.max])
    func released(_ payload: AgePayload, _ step: Int) throws {
        let file = try payload.file(for: identity.recipient)
        var released: [UInt8] = []
        let found = try code {
            try openAge(file, with: AgeKeys(identities: [identity]), step: step, released: &released)
        }
        #expect(found == (payload.released == nil ? nil : .damagedBody))
        #expect(released == Array(payload.plaintext.prefix(payload.released ?? .max)))
    }

    @Test("age lets out the same bytes and refuses the same files", .needsAge, arguments: AgePayload.all)
    func asAge(_ payload: AgePayload) throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("identity", identity.text.array)
        let file = try payload.file(for: identity.recipient)
        let theirs = try run(#require(Programs.age), ["-d", "-i", path], input: file)
        #expect((theirs.status == 0) == (payload.released == nil), "\(theirs.errors)")
        #expect(theirs.output == Array(payload.plaintext.prefix(payload.released ?? .max)))
    }

    @Test("The commands agree: standard output has those bytes, a file has all or nothing", .needsPipemason)
    func commands() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("identity", identity.text.array)
        let program = try #require(Programs.pipemason)
        for payload in AgePayload.all {
            let file = try payload.file(for: identity.recipient)
            let expected = Array(payload.plaintext.prefix(payload.released ?? .max))
            let status: Int32 = payload.released == nil ? 0 : 6
            let toPipe = try run(program, ["open", "--age", "-i", path], input: file)
            #expect(toPipe.status == status && toPipe.output == expected, "\(payload.name): \(toPipe.errors)")
            let output = directory.file("out")
            let toFile = try run(program, ["open", "--age", "-i", path, "-o", output], input: file)
            #expect(toFile.status == status, "\(payload.name)")
            #expect(FileManager.default.fileExists(atPath: output) == (status == 0), "\(payload.name)")
            try? FileManager.default.removeItem(atPath: output)
            #expect(directory.names == ["identity"])
        }
    }

    /// The points whose order divides 8, in each encoding of 32 bytes: with and without the top bit, which is ignored,
    /// and not reduced modulo 2^255 - 19 (RFC 7748, section 5).
    static let smallOrder: [[UInt8]] = {
        let prime = [0xED] + [UInt8](repeating: 0xFF, count: 30) + [0x7F]
        var points = [
            [UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31), [0xEC] + prime.dropFirst(),
            prime, [0xEE] + prime.dropFirst(),
            unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
            unhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        ]
        for point in points { points.append(Array(point.dropLast()) + [point[31] | 0x80]) }
        return points
    }()

    @Test("A share of small order is a malformed header, in every encoding", .needsPipemason)
    func smallOrderShares() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("identity", identity.text.array)
        for point in Self.smallOrder {
            let fileKey = try Secret.random(count: 16)
            let share = Base64.encode(point.span, .unpadded)
            var header = AgeHeader(stanzas: [
                AgeStanza(type: "X25519", arguments: [share], body: TestBytes.make(32))
            ])
            header.mac = try header.authenticationCode(fileKey: fileKey)
            let file = header.encoded + TestBytes.make(48)
            #expect(try code { _ = try openAge(file, with: AgeKeys(identities: [identity])) } == .malformed)
            let outcome = try run(#require(Programs.pipemason), ["open", "--age", "-i", path], input: file)
            #expect(outcome.status == 5, "\(hex(point))")
        }
    }

    @Test("Statuses of passphrase files", .needsPipemason)
    func passphraseStatuses() throws {
        let directory = try TemporaryDirectory()
        let right = try directory.write("right", Array("synthetic words\n".utf8))
        let wrong = try directory.write("wrong", Array("other words\n".utf8))
        let identityPath = try directory.write("identity", identity.text.array)
        let passphrase = try Passphrase(Array("synthetic words".utf8).span)
        let fileKey = try Secret.random(count: 16)
        let stanza = try passphrase.wrap(fileKey, logN: 10)
        func open(_ stanzas: [AgeStanza], _ arguments: String...) throws -> Int32 {
            var header = AgeHeader(stanzas: stanzas)
            header.mac = try header.authenticationCode(fileKey: fileKey)
            let file = header.encoded + TestBytes.make(48)
            return try run(#require(Programs.pipemason), ["open", "--age"] + arguments, input: file).status
        }
        // A good header, and a payload that is not: the passphrase was right.
        #expect(try open([stanza], "--passphrase-file", right) == 6)
        #expect(try open([stanza], "--passphrase-file", wrong) == 3)
        #expect(try open([stanza], "--identity", identityPath) == 3)
        // Both kinds of key given: the file decides which is used.
        #expect(try open([stanza], "--identity", identityPath, "--passphrase-file", right) == 6)
        #expect(try open([try identity.recipient.wrap(fileKey)], "--passphrase-file", right) == 3)
        func changed(_ change: (inout AgeStanza) -> Void) -> AgeStanza {
            var result = stanza
            change(&result)
            return result
        }
        // Another work factor is another key; one beyond our limit, or not in canonical form, is refused unread.
        #expect(try open([changed { $0.arguments[1] = "11" }], "--passphrase-file", right) == 3)
        for work in [
            "0", "00", "01", "010", "0xa", "+10", "-10", "10a", "a10", "21", "23", "64", "99", "1000000000000",
        ] {
            #expect(try open([changed { $0.arguments[1] = work }], "--passphrase-file", right) == 5, "\(work)")
        }
        #expect(try open([stanza, stanza], "--passphrase-file", right) == 5)
        #expect(try open([stanza, identity.recipient.wrap(fileKey)], "--identity", identityPath) == 5)
        #expect(try open([changed { $0.type = "SCRYPT" }], "--passphrase-file", right) == 3)
        #expect(try open([changed { $0.body[0] ^= 1 }], "--passphrase-file", right) == 3)
    }
}
