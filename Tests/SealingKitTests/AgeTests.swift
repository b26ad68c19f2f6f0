import OpenSSLEngine
import Testing
internal import TextEncodings

@testable import SealingKit

/// The sizes at which the payload's chunking changes.
let ageSizes = [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 300_000]

/// Seals in memory.
func sealAge(
    _ plaintext: [UInt8], for recipients: AgeRecipients, armored: Bool = false, step: Int = .max
) throws -> [UInt8] {
    var sink = MemorySink()
    try Age.seal(from: MemorySource(plaintext, step: step), to: &sink, for: recipients, armored: armored)
    return sink.bytes
}

/// Opens in memory. `released` receives what came out, also when it throws.
func openAge(_ file: [UInt8], with keys: AgeKeys, step: Int = .max, released: inout [UInt8]) throws {
    var sink = MemorySink()
    defer { released = sink.bytes }
    try Age.open(from: MemorySource(file, step: step), to: &sink, with: keys)
}

func openAge(_ file: [UInt8], with keys: AgeKeys, step: Int = .max) throws -> [UInt8] {
    var released: [UInt8] = []
    try openAge(file, with: keys, step: step, released: &released)
    return released
}

@Suite("age files")
struct AgeTests {
    let identity: AgeIdentity
    let keys: AgeKeys

    init() throws {
        identity = try AgeIdentity.generate()
        keys = AgeKeys(identities: [identity])
    }

    @Test("Any size, any cut of the reads, with and without armor", arguments: ageSizes, [false, true])
    func roundTrip(_ size: Int, _ armored: Bool) throws {
        let plaintext = TestBytes.make(size)
        for step in [1, 1000, 65_552, Int.max] where size < 70_000 || step > 1 {
            let file = try sealAge(plaintext, for: .publicKeys([identity.recipient]), armored: armored, step: step)
            #expect(try openAge(file, with: keys, step: step) == plaintext)
        }
    }

    @Test("The size is the one of the specification")
    func size() throws {
        let file = try sealAge(TestBytes.make(65_537), for: .publicKeys([identity.recipient]))
        // Header with one X25519 recipient, nonce, two tags.
        #expect(file.count == 168 + 16 + 65_537 + 32)
    }

    @Test("Every recipient opens, nobody else does")
    func manyRecipients() throws {
        let others = try (0..<19).map { _ in try AgeIdentity.generate() }
        let file = try sealAge([1, 2, 3], for: .publicKeys(others.map(\.recipient) + [identity.recipient]))
        for each in others + [identity] {
            #expect(try openAge(file, with: AgeKeys(identities: [each])) == [1, 2, 3])
        }
        let stranger = AgeKeys(identities: [try AgeIdentity.generate()])
        #expect(try code { _ = try openAge(file, with: stranger) } == .wrongKeyOrContext)
        #expect(try code { _ = try openAge(file, with: AgeKeys()) } == .wrongKeyOrContext)
    }

    @Test("Passphrases open, other passphrases do not")
    func passphrase() throws {
        let right = try Passphrase(Array("correct horse".utf8).span)
        let wrong = try Passphrase(Array("correct horsf".utf8).span)
        let file = try sealAge([9], for: .passphrase(right, logN: 10), armored: true)
        #expect(try openAge(file, with: AgeKeys(passphrase: { () throws(SealingError) in right })) == [9])
        #expect(
            try code { _ = try openAge(file, with: AgeKeys(passphrase: { () throws(SealingError) in wrong })) }
                == .wrongKeyOrContext)
        #expect(try code { _ = try openAge(file, with: keys) } == .wrongKeyOrContext)
        let empty = nothing
        #expect(try code { _ = try Passphrase(empty.span) } == .malformed)
        #expect(try code { _ = try sealAge([], for: .passphrase(right, logN: 21)) } == .limitExceeded)
    }

    @Test("Identities and recipients have age's text form")
    func textForms() throws {
        let text = identity.text.array
        #expect(String(decoding: text, as: UTF8.self).wholeMatch(of: /AGE-SECRET-KEY-1[A-Z0-9]{58}/) != nil)
        #expect(identity.recipient.description.wholeMatch(of: /age1[a-z0-9]{58}/) != nil)
        #expect(try AgeIdentity(parsing: text.span).recipient == identity.recipient)
        #expect(try AgeRecipient(parsing: identity.recipient.description) == identity.recipient)
        #expect(try AgeRecipient(parsing: identity.recipient.description.uppercased()) == identity.recipient)
        // Every single changed character is caught by the checksum.
        let recipient = Array(identity.recipient.description.utf8)
        for position in recipient.indices {
            var damaged = recipient
            damaged[position] = damaged[position] == UInt8(ascii: "q") ? UInt8(ascii: "p") : UInt8(ascii: "q")
            #expect(try code { _ = try AgeRecipient(parsing: String(decoding: damaged, as: UTF8.self)) } == .malformed)
        }
        let mixed = "A" + identity.recipient.description.dropFirst()
        #expect(try code { _ = try AgeRecipient(parsing: mixed) } == .malformed)
    }

    @Test("An identity file has comments, empty lines and CRLF; nothing else")
    func identityFile() throws {
        let line = identity.text.array
        let good = Array("# created\r\n\r\n".utf8) + line + Array("\r\n".utf8) + line
        #expect(try parseIdentities(good).count == 2)
        for bad in [Array("# nothing\n".utf8), [], line + Array(" \n".utf8), Array("x\n".utf8) + line] {
            #expect(try code { _ = try parseIdentities(bad) } == .malformed)
        }
    }

    @Test("Every flipped bit of a short file is refused, in its class")
    func bitFlips() throws {
        let file = try sealAge(TestBytes.make(20), for: .publicKeys([identity.recipient]))
        let header = try #require(try AgeHeader.end(in: file.span))
        var refused: [SealingError.Code: Int] = [:]
        for bit in 0..<file.count * 8 {
            var damaged = file
            damaged[bit / 8] ^= 1 << (bit % 8)
            var released: [UInt8] = []
            let found = try code { try openAge(damaged, with: keys, released: &released) }
            #expect(released.isEmpty)
            // A changed nonce gives another payload key, so it shows in the body.
            if bit / 8 >= header { #expect(found == .damagedBody, "bit \(bit)") }
            if let found { refused[found, default: 0] += 1 }
        }
        #expect(refused.values.reduce(0, +) == file.count * 8)
        #expect(refused[.damagedBody] == (file.count - header) * 8)
        #expect(refused[.headerMACFailed, default: 0] > 100)
    }

    @Test("Every cut is refused", arguments: [0, 20])
    func cuts(_ size: Int) throws {
        let file = try sealAge(TestBytes.make(size), for: .publicKeys([identity.recipient]))
        let header = try #require(try AgeHeader.end(in: file.span))
        for count in 0..<file.count {
            let found = try code { _ = try openAge(Array(file.prefix(count)), with: keys) }
            #expect(found == (count < header + 16 ? .malformed : .damagedBody), "cut at \(count)")
        }
        #expect(try code { _ = try openAge(file + [0], with: keys) } == .damagedBody)
        #expect(try code { _ = try openAge(file + file, with: keys) } == .damagedBody)
    }

    @Test("Chunks that are swapped, dropped, doubled or added are refused, and only whole ones come out")
    func chunks() throws {
        let plaintext = TestBytes.make(3 * 65_536 + 10)
        let file = try sealAge(plaintext, for: .publicKeys([identity.recipient]))
        let start = try #require(try AgeHeader.end(in: file.span)) + 16
        let head = Array(file.prefix(start))
        let c = stride(from: start, to: file.count, by: 65_552).map { Array(file[$0..<min($0 + 65_552, file.count)]) }
        let cases: [(chunks: [[UInt8]], released: Int)] = [
            ([c[1], c[0], c[2], c[3]], 0), ([c[0], c[0], c[2], c[3]], 1), ([c[0], c[1], c[2]], 3),
            ([c[0], c[2], c[3]], 1), ([c[0], c[1], c[3]], 2), ([c[0], c[1], c[2], c[3], c[3]], 3), ([c[3]], 0), ([], 0),
            ([c[0], c[1], c[2], Array(c[3].prefix(15))], 3), ([c[0], c[1], c[2], []], 3),
        ]
        for (index, variant) in cases.enumerated() {
            var released: [UInt8] = []
            let found = try code { try openAge(head + variant.chunks.flatMap { $0 }, with: keys, released: &released) }
            #expect(found == .damagedBody, "case \(index)")
            #expect(released == Array(plaintext.prefix(variant.released * 65_536)), "case \(index)")
        }
    }

    @Test("An empty last chunk after a full one is refused, although it authenticates")
    func emptyLastChunk() throws {
        let fileKey = try Secret.random(count: 16)
        var header = AgeHeader(stanzas: [try identity.recipient.wrap(fileKey)])
        header.mac = try header.authenticationCode(fileKey: fileKey)
        let nonce = TestBytes.make(16)
        var cipher = try AgeStream(.seal, fileKey: fileKey, nonce: nonce.span)
        var body = WipedBuffer(capacity: 65_552 + 16)
        let full = TestBytes.make(65_536)
        let empty = nothing
        try body.edit { (output) throws(SealingError) in
            try cipher.sealChunk(full.span, isLast: false, into: &output)
            try cipher.sealChunk(empty.span, isLast: true, into: &output)
        }
        let file = header.encoded + nonce + body.array
        #expect(try code { _ = try openAge(file, with: keys) } == .damagedBody)
    }

    /// A header text and what it is: the first line and the MAC line are added where they are missing.
    struct HeaderCase: Sendable, CustomTestStringConvertible {
        var name: String
        var lines: [String]
        var testDescription: String { name }
        static let version = "age-encryption.org/v1"
        static let mac = "--- " + String(repeating: "A", count: 43)
    }

    static let body43 = String(repeating: "A", count: 43)

    @Test(
        "Headers that are not canonical are refused",
        arguments: [
            HeaderCase(name: "no recipient", lines: [HeaderCase.version, HeaderCase.mac]),
            HeaderCase(name: "another version", lines: ["age-encryption.org/v2", "-> a", "", HeaderCase.mac]),
            HeaderCase(name: "carriage return", lines: [HeaderCase.version + "\r", "-> a", "", HeaderCase.mac]),
            HeaderCase(
                name: "carriage return in a recipient", lines: [HeaderCase.version, "-> a\r", "", HeaderCase.mac]),
            HeaderCase(name: "no arguments", lines: [HeaderCase.version, "-> ", "", HeaderCase.mac]),
            HeaderCase(name: "no space", lines: [HeaderCase.version, "->a", "", HeaderCase.mac]),
            HeaderCase(name: "two spaces", lines: [HeaderCase.version, "-> a  b", "", HeaderCase.mac]),
            HeaderCase(name: "space at the end", lines: [HeaderCase.version, "-> a ", "", HeaderCase.mac]),
            HeaderCase(name: "not ASCII", lines: [HeaderCase.version, "-> é", "", HeaderCase.mac]),
            HeaderCase(name: "no body", lines: [HeaderCase.version, "-> a", HeaderCase.mac]),
            HeaderCase(name: "padding", lines: [HeaderCase.version, "-> a", "QQ==", HeaderCase.mac]),
            HeaderCase(name: "not canonical base64", lines: [HeaderCase.version, "-> a", "QR", HeaderCase.mac]),
            HeaderCase(
                name: "a full last line",
                lines: [HeaderCase.version, "-> a", String(repeating: "A", count: 64), HeaderCase.mac]),
            HeaderCase(
                name: "a line that is too long",
                lines: [HeaderCase.version, "-> a", String(repeating: "A", count: 68), "", HeaderCase.mac]),
            HeaderCase(name: "two short lines", lines: [HeaderCase.version, "-> a", "QUFB", "QUFB", HeaderCase.mac]),
            HeaderCase(name: "a short MAC", lines: [HeaderCase.version, "-> a", "", "--- QUFB"]),
            HeaderCase(name: "a long MAC", lines: [HeaderCase.version, "-> a", "", HeaderCase.mac + "A"]),
            HeaderCase(name: "a MAC without space", lines: [HeaderCase.version, "-> a", "", "---" + body43]),
            HeaderCase(name: "no MAC", lines: [HeaderCase.version, "-> a", "", "---"]),
            HeaderCase(name: "space after the MAC", lines: [HeaderCase.version, "-> a", "", HeaderCase.mac + " "]),
            HeaderCase(
                name: "a MAC that is not canonical",
                lines: [HeaderCase.version, "-> a", "", "--- " + String(repeating: "A", count: 42) + "B"]),
        ])
    func headerRefusals(_ header: HeaderCase) throws {
        let text = Array((header.lines.joined(separator: "\n") + "\n").utf8)
        #expect(try code { _ = try AgeHeader(parsing: text.span) } == .malformed)
        #expect(try code { _ = try openAge(text, with: keys) } == .malformed)
    }

    @Test("Unknown recipients, and every character they may have, are passed over")
    func unknownRecipients() throws {
        let visible = String(decoding: (33...126).map { UInt8($0) }, as: UTF8.self)
        let fileKey = try Secret.random(count: 16)
        var header = AgeHeader(stanzas: [
            AgeStanza(type: "grease", arguments: [visible, "1"], body: TestBytes.make(100)),
            AgeStanza(type: "x25519", arguments: [], body: []),
            AgeStanza(type: "SCRYPT", arguments: [], body: TestBytes.make(48)),
            try identity.recipient.wrap(fileKey),
        ])
        header.mac = try header.authenticationCode(fileKey: fileKey)
        #expect(try AgeHeader(parsing: header.encoded.span).stanzas == header.stanzas)
        let nonce = TestBytes.make(16)
        var cipher = try AgeStream(.seal, fileKey: fileKey, nonce: nonce.span)
        var body = WipedBuffer(capacity: 100)
        let contents: [UInt8] = [1, 2]
        try body.edit { (output) throws(SealingError) in
            try cipher.sealChunk(contents.span, isLast: true, into: &output)
        }
        #expect(try openAge(header.encoded + nonce + body.array, with: keys) == [1, 2])
        // The same with one byte of the header's MAC changed.
        header.mac[0] ^= 1
        #expect(try code { _ = try openAge(header.encoded + nonce + body.array, with: keys) } == .headerMACFailed)
    }

    @Test("Recipients of a known type that break its form are refused, not passed over")
    func brokenRecipients() throws {
        let fileKey = try Secret.random(count: 16)
        let good = try identity.recipient.wrap(fileKey)
        let longKey = try Secret.random(count: 17)
        let zero = Base64.encode([UInt8](repeating: 0, count: 32).span, .unpadded)
        var notCanonical = Array(good.arguments[0])
        notCanonical[42] = notCanonical[42] == "A" ? "B" : Character(UnicodeScalar(notCanonical[42].asciiValue! + 1))
        var variants: [AgeStanza] = [
            AgeStanza(type: "X25519", arguments: [], body: good.body),
            AgeStanza(type: "X25519", arguments: good.arguments + ["x"], body: good.body),
            AgeStanza(type: "X25519", arguments: [String(good.arguments[0].dropLast(2))], body: good.body),
            AgeStanza(type: "X25519", arguments: [String(notCanonical)], body: good.body),
            AgeStanza(type: "X25519", arguments: good.arguments, body: Array(good.body.dropLast())),
            AgeStanza(type: "X25519", arguments: good.arguments, body: good.body + [0]),
            AgeStanza(type: "X25519", arguments: [zero], body: good.body),
            try identity.recipient.wrapAnyLength(longKey),
        ]
        let passphrase = try Passphrase(Array("x".utf8).span)
        let scrypt = try passphrase.wrap(fileKey, logN: 10)
        let salt = scrypt.arguments[0]
        for work in ["", "0", "010", "+10", "-1", "0x0a", "10 ", "1e1", "256", "99999999999999999999"]
        where !work.contains(" ") {
            variants.append(AgeStanza(type: "scrypt", arguments: [salt, work], body: scrypt.body))
        }
        variants += [
            AgeStanza(type: "scrypt", arguments: [salt], body: scrypt.body),
            AgeStanza(type: "scrypt", arguments: [salt, "10", "x"], body: scrypt.body),
            AgeStanza(type: "scrypt", arguments: [String(salt.dropLast(3)), "10"], body: scrypt.body),
            AgeStanza(type: "scrypt", arguments: [salt, "10"], body: scrypt.body + [0]),
        ]
        let all = AgeKeys(identities: [identity], passphrase: { () throws(SealingError) in passphrase })
        for (index, variant) in variants.enumerated() {
            var header = AgeHeader(stanzas: [variant])
            header.mac = try header.authenticationCode(fileKey: fileKey)
            let found = try code { _ = try openAge(header.encoded + TestBytes.make(40), with: all) }
            #expect(found == .malformed, "variant \(index)")
        }
        // A passphrase beside another recipient.
        for stanzas in [[scrypt, good], [good, scrypt], [scrypt, scrypt]] {
            var header = AgeHeader(stanzas: stanzas)
            header.mac = try header.authenticationCode(fileKey: fileKey)
            #expect(try code { _ = try openAge(header.encoded + TestBytes.make(40), with: all) } == .malformed)
        }
        // Too much work is refused before it is done.
        var header = AgeHeader(stanzas: [AgeStanza(type: "scrypt", arguments: [salt, "21"], body: scrypt.body)])
        header.mac = try header.authenticationCode(fileKey: fileKey)
        #expect(try code { _ = try openAge(header.encoded + TestBytes.make(40), with: all) } == .limitExceeded)
    }

    @Test("Size and number of recipients are capped")
    func caps() throws {
        let stanza = AgeStanza(type: "a", arguments: [], body: [])
        let many = AgeHeader(stanzas: Array(repeating: stanza, count: 1001), mac: [UInt8](repeating: 0, count: 32))
        #expect(try code { _ = try openAge(many.encoded, with: keys) } == .limitExceeded)
        let endless = Array("age-encryption.org/v1\n-> ".utf8) + [UInt8](repeating: 65, count: 200_000)
        #expect(try code { _ = try openAge(endless, with: keys) } == .limitExceeded)
        #expect(try code { _ = try sealAge([], for: .publicKeys([])) } == .malformed)
    }

    @Test("Armor is strict where the specification is, and lenient where it is")
    func armor() throws {
        let plaintext = TestBytes.make(90)
        let file = try sealAge(plaintext, for: .publicKeys([identity.recipient]), armored: true)
        let text = String(decoding: file, as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        #expect(
            lines[0] == "-----BEGIN AGE ENCRYPTED FILE-----"
                && lines.suffix(2) == ["-----END AGE ENCRYPTED FILE-----", ""])
        #expect(lines.dropFirst().dropLast(3).allSatisfy { $0.count == 64 })
        let accepted: [String] = [
            text, String(text.dropLast()), text.replacing("\n", with: "\r\n"), " \n\t\r\n\(text)", "\(text)\n \r\n\t",
        ]
        for (index, variant) in accepted.enumerated() {
            #expect(try openAge(Array(variant.utf8), with: keys) == plaintext, "variant \(index)")
        }
        let end = "-----END AGE ENCRYPTED FILE-----"
        func changed(_ old: String, _ new: String) -> String { text.replacing(old, with: new) }
        let blank = String(repeating: "\n", count: 1025)
        let refused: [String] = [
            changed("BEGIN AGE", "BEGIN AGF"), text.lowercased(), changed("\(end)\n", ""),
            changed("AGE ENCRYPTED FILE", "MESSAGE"), "garbage\n\(text)", "\(text)garbage\n", "\(text)\(text)",
            changed(lines[2], "\(lines[2]) "), changed(lines[2], " \(lines[2])"),
            changed(lines[2], String(lines[2].dropLast(4))), changed(lines[2], "\(lines[2])AAAA"),
            changed(lines[1], "\(lines[1])\n"), changed(lines[0], "\(lines[0])\nVersion: 1\n"),
            changed(end, "=AAAA\n\(end)"), changed(String(lines[2].prefix(3)), "*AA"), "\(blank)\(text)",
            "\(text)\(blank)", String(text.prefix(text.count / 2)),
        ]
        for (index, variant) in refused.enumerated() {
            #expect(try code { _ = try openAge(Array(variant.utf8), with: keys) } == .damagedArmor, "variant \(index)")
        }
        // Reads of one byte find the same.
        #expect(try openAge(file, with: keys, step: 1) == plaintext)
    }
}

extension AgeRecipient {
    /// As `wrap`, for file keys that the format does not allow.
    func wrapAnyLength(_ fileKey: borrowing Secret) throws -> AgeStanza {
        let ephemeral = try Secret.random(count: 32)
        let share = try X25519.publicKey(of: ephemeral)
        let shared = try X25519.sharedSecret(ephemeral, with: publicKey.span)
        let key = try AgeWrapping.key(shared: shared, share: share, recipient: publicKey)
        var aead = try AEAD(.chacha20Poly1305, .seal, key: key.bytes)
        var body = WipedBuffer(capacity: fileKey.count + 16)
        let plaintext = fileKey.bytes
        try body.edit { (output) throws(CryptoError) in
            try aead.seal(plaintext, nonce: AEADNonce(), associatedData: plaintext.extracting(0..<0), into: &output)
        }
        return AgeStanza(type: "X25519", arguments: [Base64.encode(share.span, .unpadded)], body: body.array)
    }
}
