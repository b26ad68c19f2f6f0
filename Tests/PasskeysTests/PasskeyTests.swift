internal import Crypto
internal import CryptoExtras
internal import Foundation
internal import Passkeys
internal import Testing

private let origin = "https://pipemason.example:8443"
private let challenge = [UInt8]((0..<32).map { $0 })

@Suite struct PasskeyTests {
    private let party = RelyingParty(origin: origin, name: "pipemason")!

    @Test(arguments: TestAuthenticator.Algorithm.allCases)
    func `what an authenticator makes is kept, and signs in`(_ algorithm: TestAuthenticator.Algorithm) throws {
        var authenticator = try TestAuthenticator(algorithm)
        let made = try party.register(
            clientData: clientData("webauthn.create"), attestation: authenticator.attestation(), challenge: challenge)
        #expect(made.id == authenticator.id)
        #expect(made.signCount == 0)
        let key = try CredentialKey(encoded: made.key.encoded)
        for count in UInt32(1)...3 {
            let answer = try authenticator.assertion(clientData("webauthn.get"), count: count)
            let kept = try party.authenticate(
                clientData: clientData("webauthn.get"), authenticatorData: answer.data, signature: answer.signature,
                challenge: challenge, key: key, signCount: count - 1)
            #expect(kept == count)
        }
    }

    @Test(arguments: TestAuthenticator.Algorithm.allCases)
    func `any changed bit of an answer is refused`(_ algorithm: TestAuthenticator.Algorithm) throws {
        var authenticator = try TestAuthenticator(algorithm)
        let client = clientData("webauthn.get")
        let answer = try authenticator.assertion(client, count: 1)
        let key = try CredentialKey(encoded: authenticator.key)
        func isAccepted(_ client: [UInt8], _ data: [UInt8], _ signature: [UInt8]) -> Bool {
            (try? party.authenticate(
                clientData: client, authenticatorData: data, signature: signature, challenge: challenge, key: key,
                signCount: 0)) != nil
        }
        #expect(isAccepted(client, answer.data, answer.signature))
        func changed(_ bytes: [UInt8], _ bit: Int) -> [UInt8] {
            var bytes = bytes
            bytes[bit / 8] ^= 1 << (bit % 8)
            return bytes
        }
        for bit in 0..<client.count * 8 { #expect(!isAccepted(changed(client, bit), answer.data, answer.signature)) }
        for bit in 0..<answer.data.count * 8 {
            #expect(!isAccepted(client, changed(answer.data, bit), answer.signature))
        }
        for bit in 0..<answer.signature.count * 8 {
            #expect(!isAccepted(client, answer.data, changed(answer.signature, bit)))
        }
        for count in 0..<answer.signature.count {
            #expect(!isAccepted(client, answer.data, Array(answer.signature[..<count])))
        }
    }

    @Test func `an answer for something else is refused`() throws {
        var authenticator = try TestAuthenticator(.es256)
        let key = try CredentialKey(encoded: authenticator.key)
        func attempt(
            _ client: [UInt8], flags: UInt8 = 0x05, site: String = "pipemason.example", count: UInt32 = 1,
            kept: UInt32 = 0
        ) throws -> UInt32 {
            let answer = try authenticator.assertion(client, flags: flags, site: site, count: count)
            return try party.authenticate(
                clientData: client, authenticatorData: answer.data, signature: answer.signature, challenge: challenge,
                key: key, signCount: kept)
        }
        #expect(try attempt(clientData("webauthn.get")) == 1)
        #expect(throws: WebAuthnError.self) { try attempt(clientData("webauthn.create")) }
        #expect(throws: WebAuthnError.self) {
            try attempt(clientData("webauthn.get", origin: "https://pipemason.example"))
        }
        #expect(throws: WebAuthnError.self) {
            try attempt(clientData("webauthn.get", challenge: [UInt8](repeating: 7, count: 32)))
        }
        #expect(throws: WebAuthnError.self) { try attempt(clientData("webauthn.get", more: #","crossOrigin":true"#)) }
        #expect(try attempt(clientData("webauthn.get", more: #","crossOrigin":false,"other":{"a":[1]}"#)) == 1)
        #expect(throws: WebAuthnError.self) { try attempt(clientData("webauthn.get"), site: "example") }
        // Nobody touched it; somebody touched it, and it does not know who; it is backed up and can not be.
        for flags: UInt8 in [0x00, 0x04, 0x01, 0x15] {
            #expect(throws: WebAuthnError.self) { try attempt(clientData("webauthn.get"), flags: flags) }
        }
        // An authenticator without a counter says 0 each time; a count that stands still shows a copy.
        #expect(try attempt(clientData("webauthn.get"), count: 0) == 0)
        #expect(throws: WebAuthnError.self) { try attempt(clientData("webauthn.get"), count: 5, kept: 5) }
        #expect(throws: WebAuthnError.self) { try attempt(clientData("webauthn.get"), count: 0, kept: 5) }
        #expect(try attempt(clientData("webauthn.get"), count: 6, kept: 5) == 6)
    }

    @Test func `a cut or lengthened registration is malformed, whatever its place`() throws {
        let authenticator = try TestAuthenticator(.es256)
        let whole = authenticator.attestation()
        for count in 0..<whole.count {
            #expect(throws: WebAuthnError.self) {
                try party.register(
                    clientData: clientData("webauthn.create"), attestation: Array(whole[..<count]),
                    challenge: challenge)
            }
        }
        #expect(throws: WebAuthnError.self) {
            try party.register(
                clientData: clientData("webauthn.create"), attestation: whole + [0], challenge: challenge)
        }
    }

    @Test func `keys that are none are refused`() throws {
        func key(_ pairs: [(Int, CBOR)]) -> [UInt8] { CBOR.map(pairs.map { (.integer($0.0), $0.1) }).bytes }
        let point = P256.Signing.PrivateKey().publicKey.rawRepresentation
        let (x, y) = ([UInt8](point.prefix(32)), [UInt8](point.suffix(32)))
        #expect(
            (try? CredentialKey(
                encoded: key([(1, .integer(2)), (3, .integer(-7)), (-1, .integer(1)), (-2, .bytes(x)), (-3, .bytes(y))])
            )) != nil)
        let bad: [[(Int, CBOR)]] = [
            // Not on the curve; a short coordinate; another curve; another algorithm; nothing.
            [(1, .integer(2)), (3, .integer(-7)), (-1, .integer(1)), (-2, .bytes(y)), (-3, .bytes(x))],
            [
                (1, .integer(2)), (3, .integer(-7)), (-1, .integer(1)), (-2, .bytes(x)),
                (-3, .bytes(Array(y.dropLast()))),
            ],
            [(1, .integer(2)), (3, .integer(-7)), (-1, .integer(2)), (-2, .bytes(x)), (-3, .bytes(y))],
            [(1, .integer(2)), (3, .integer(-35)), (-1, .integer(1)), (-2, .bytes(x)), (-3, .bytes(y))],
            [],
            // Ed25519 with another size, RSA that is too small, even, or with exponent 1.
            [(1, .integer(1)), (3, .integer(-8)), (-1, .integer(6)), (-2, .bytes(Array(x.dropLast())))],
            [
                (1, .integer(3)), (3, .integer(-257)), (-1, .bytes([UInt8](repeating: 0xC1, count: 128))),
                (-2, .bytes([1, 0, 1])),
            ],
            [
                (1, .integer(3)), (3, .integer(-257)), (-1, .bytes([UInt8](repeating: 0xC2, count: 256))),
                (-2, .bytes([1, 0, 1])),
            ],
            [
                (1, .integer(3)), (3, .integer(-257)), (-1, .bytes([UInt8](repeating: 0xC1, count: 256))),
                (-2, .bytes([1])),
            ],
        ]
        for pairs in bad { #expect(throws: WebAuthnError.self) { try CredentialKey(encoded: key(pairs)) } }
    }

    @Test func `an address has no passkeys, a name has`() {
        for (origin, id) in [
            ("https://pipemason.example", "pipemason.example"), ("https://Pipemason.Example:8443", "pipemason.example"),
            ("http://localhost:8080", "localhost"), ("http://127.0.0.1:8080", nil), ("https://[::1]:8080", nil),
            ("https://10.1", nil), ("pipemason.example", nil),
        ] {
            #expect(RelyingParty(origin: origin, name: "x")?.id == id, "\(origin)")
        }
    }
}

private func clientData(
    _ type: String, origin: String = origin, challenge: [UInt8] = challenge, more: String = ""
) -> [UInt8] {
    let text = Data(challenge).base64EncodedString().replacingOccurrences(of: "+", with: "-")
        .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
    return Array(#"{"type":"\#(type)","challenge":"\#(text)","origin":"\#(origin)"\#(more)}"#.utf8)
}

/// An authenticator made of swift-crypto: another implementation of the signatures than the one under test.
struct TestAuthenticator {
    enum Algorithm: CaseIterable { case es256, ed25519, rs256 }

    private enum Key {
        case es256(P256.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
        case rs256(_RSA.Signing.PrivateKey)
    }

    let id = [UInt8]((0..<20).map { $0 &* 7 })
    private let secret: Key

    init(_ algorithm: Algorithm) throws {
        switch algorithm {
        case .es256: secret = .es256(P256.Signing.PrivateKey())
        case .ed25519: secret = .ed25519(Curve25519.Signing.PrivateKey())
        case .rs256: secret = .rs256(try _RSA.Signing.PrivateKey(keySize: .bits2048))
        }
        key = try Self.encode(secret)
    }

    /// The public key in COSE's form.
    let key: [UInt8]

    private static func encode(_ secret: Key) throws -> [UInt8] {
        func map(_ pairs: [(Int, CBOR)]) -> [UInt8] { CBOR.map(pairs.map { (.integer($0.0), $0.1) }).bytes }
        switch secret {
        case .es256(let key):
            let point = [UInt8](key.publicKey.rawRepresentation)
            return map([
                (1, .integer(2)), (3, .integer(-7)), (-1, .integer(1)), (-2, .bytes(Array(point[..<32]))),
                (-3, .bytes(Array(point[32...]))),
            ])
        case .ed25519(let key):
            return map([
                (1, .integer(1)), (3, .integer(-8)), (-1, .integer(6)),
                (-2, .bytes([UInt8](key.publicKey.rawRepresentation))),
            ])
        case .rs256(let key):
            let primitives = try key.publicKey.getKeyPrimitives()
            return map([
                (1, .integer(3)), (3, .integer(-257)), (-1, .bytes([UInt8](primitives.modulus))),
                (-2, .bytes([UInt8](primitives.publicExponent))),
            ])
        }
    }

    func attestation() -> [UInt8] {
        let credential = [UInt8](repeating: 0, count: 16) + [0, UInt8(id.count)] + id + key
        let data = Self.data(flags: 0x45, site: "pipemason.example", count: 0) + credential
        return CBOR.map([
            (.text("fmt"), .text("none")), (.text("attStmt"), .map([])), (.text("authData"), .bytes(data)),
        ]).bytes
    }

    mutating func assertion(
        _ clientData: [UInt8], flags: UInt8 = 0x05, site: String = "pipemason.example", count: UInt32
    ) throws -> (data: [UInt8], signature: [UInt8]) {
        let data = Self.data(flags: flags, site: site, count: count)
        let message = Data(data) + SHA256.hash(data: Data(clientData))
        switch secret {
        case .es256(let key): return (data, [UInt8](try key.signature(for: message).derRepresentation))
        case .ed25519(let key): return (data, [UInt8](try key.signature(for: message)))
        case .rs256(let key):
            let signature = try key.signature(for: SHA256.hash(data: message), padding: .insecurePKCS1v1_5)
            return (data, [UInt8](signature.rawRepresentation))
        }
    }

    private static func data(flags: UInt8, site: String, count: UInt32) -> [UInt8] {
        [UInt8](SHA256.hash(data: Data(site.utf8))) + [flags]
            + (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) }
    }
}

/// Writes CBOR (RFC 8949).
enum CBOR {
    case integer(Int)
    case bytes([UInt8])
    case text(String)
    case map([(CBOR, CBOR)])

    var bytes: [UInt8] {
        switch self {
        case .integer(let value): value < 0 ? Self.head(1, -1 - value) : Self.head(0, value)
        case .bytes(let bytes): Self.head(2, bytes.count) + bytes
        case .text(let text): Self.head(3, text.utf8.count) + Array(text.utf8)
        case .map(let pairs): Self.head(5, pairs.count) + pairs.flatMap { $0.0.bytes + $0.1.bytes }
        }
    }

    private static func head(_ type: UInt8, _ value: Int) -> [UInt8] {
        switch value {
        case ..<24: [type << 5 | UInt8(value)]
        case ..<0x100: [type << 5 | 24, UInt8(value)]
        default: [type << 5 | 25, UInt8(value >> 8), UInt8(value & 0xff)]
        }
    }
}
