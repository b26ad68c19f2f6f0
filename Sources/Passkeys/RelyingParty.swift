internal import JSONText
internal import OpenSSLEngine
internal import TextEncodings

/// The server's half of Web Authentication (W3C, Web Authentication Level 2): what browsers are asked for, and whether what
/// they send proves it.
///
/// Attestation is neither asked for nor looked at: which maker's authenticator a member uses is the member's affair. User
/// verification is demanded, so a passkey is something that one has together with something that one knows or is.
public struct RelyingParty: Sendable {
    /// The domain that passkeys belong to (section 5.1.2, "RP ID").
    public let id: String
    /// Where our pages are from: scheme, host and port.
    public let origin: String
    /// What browsers show.
    public let name: String

    /// The size of a challenge in bytes (section 13.4.3 asks for 16 at least).
    public static let challengeSize = 32
    /// How long a browser waits for the person.
    public static let timeout = Duration.seconds(300)

    public enum Limits {
        /// The longest attestation object, client data or signature in bytes.
        public static let part = 16 << 10
        /// The longest credential id in bytes (section 4, "Credential ID").
        public static let credentialID = 1023
    }

    /// - Parameter origin: Such as `https://pipemason.example`, without a path.
    /// - Returns: nil when the origin's host is an address and not a domain: browsers have no passkeys there.
    public init?(origin: String, name: String) {
        guard let scheme = origin.firstRange(of: "://") else { return nil }
        var host = origin[scheme.upperBound...]
        guard !host.hasPrefix("["), !host.isEmpty else { return nil }
        if let colon = host.lastIndex(of: ":") { host = host[..<colon] }
        // An address of IPv4 ends in a number, a domain does not (URL Standard, "ends in a number").
        guard let last = host.split(separator: ".").last, !last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        self.id = host.lowercased()
        self.origin = origin
        self.name = name
    }

    // MARK: - What browsers are asked for

    /// The options for `navigator.credentials.create`, as JSON (section 5.4), with bytes in base64url.
    /// - Parameters:
    ///   - user: The user's id, which says nothing about them.
    ///   - existing: Ids of the user's passkeys, so that no authenticator makes a second one.
    public func creationOptions(
        challenge: [UInt8], user: [UInt8], userName: String, displayName: String, existing: [[UInt8]]
    ) -> String {
        JSON.object([
            ("rp", JSON.object([("id", JSON.string(id)), ("name", JSON.string(name))])),
            (
                "user",
                JSON.object([
                    ("id", Self.text(user)), ("name", JSON.string(userName)),
                    ("displayName", JSON.string(displayName)),
                ])
            ),
            ("challenge", Self.text(challenge)),
            (
                "pubKeyCredParams",
                JSON.array(
                    CredentialKey.algorithms.map {
                        JSON.object([("type", JSON.string("public-key")), ("alg", "\($0)")])
                    })
            ),
            ("timeout", "\(Self.timeout.components.seconds * 1000)"),
            ("attestation", JSON.string("none")),
            (
                "authenticatorSelection",
                JSON.object([
                    ("residentKey", JSON.string("required")), ("requireResidentKey", "true"),
                    ("userVerification", JSON.string("required")),
                ])
            ),
            (
                "excludeCredentials",
                JSON.array(
                    existing.map { JSON.object([("type", JSON.string("public-key")), ("id", Self.text($0))]) })
            ),
        ])
    }

    /// The options for `navigator.credentials.get`, as JSON (section 5.5): any passkey of this server.
    public func requestOptions(challenge: [UInt8]) -> String {
        JSON.object([
            ("rpId", JSON.string(id)), ("challenge", Self.text(challenge)),
            ("timeout", "\(Self.timeout.components.seconds * 1000)"),
            ("userVerification", JSON.string("required")),
        ])
    }

    private static func text(_ bytes: [UInt8]) -> String {
        JSON.string(Base64.encode(bytes.span, .urlSafe))
    }

    // MARK: - What they send

    /// A passkey that was just made.
    public struct Registration: Sendable, Hashable {
        public let id: [UInt8]
        public let key: CredentialKey
        /// How often the authenticator says it signed; 0 when it does not count.
        public let signCount: UInt32
    }

    /// Checks the answer to `creationOptions` (section 7.1).
    /// - Parameter challenge: The one that was given out for this person, and that nothing has answered yet.
    /// - Throws: `WebAuthnError`, `CryptoError`.
    public func register(
        clientData: [UInt8], attestation: [UInt8], challenge: [UInt8]
    ) throws -> Registration {
        try check(clientData, type: "webauthn.create", challenge: challenge)
        guard attestation.count <= Limits.part else { throw WebAuthnError.malformed("attestation: too long") }
        var reader = CBORReader(attestation[...])
        let object = try reader.value()
        guard reader.position == attestation.endIndex, let bytes = object[.text("authData")]?.byteValue,
            case .text? = object[.text("fmt")], case .map? = object[.text("attStmt")]
        else { throw WebAuthnError.malformed("attestation") }
        let data = try AuthenticatorData(bytes)
        try check(data)
        guard let credential = data.credential else { throw WebAuthnError.malformed("attestation: no credential") }
        return Registration(id: credential.id, key: credential.key, signCount: data.signCount)
    }

    /// Checks the answer to `requestOptions` (section 7.2) by a passkey that was looked up by its id.
    /// - Parameter signCount: The count that was kept last.
    /// - Returns: the count to keep.
    /// - Throws: `WebAuthnError`; `.refused` also for a count that did not grow, which shows that the passkey was copied.
    public func authenticate(
        clientData: [UInt8], authenticatorData: [UInt8], signature: [UInt8], challenge: [UInt8],
        key: CredentialKey, signCount: UInt32
    ) throws -> UInt32 {
        try check(clientData, type: "webauthn.get", challenge: challenge)
        let data = try AuthenticatorData(authenticatorData)
        try check(data)
        guard signature.count <= Limits.part else { throw WebAuthnError.malformed("signature: too long") }
        let signed = authenticatorData + (try Digest.sha256(clientData.span))
        guard try key.key.verify(signature.span, of: signed.span) else {
            throw WebAuthnError.refused("the signature is not the passkey's")
        }
        guard data.signCount == 0 && signCount == 0 || data.signCount > signCount else {
            throw WebAuthnError.refused("the signature counter did not grow")
        }
        return data.signCount
    }

    /// The challenge that client data answers, before anything else of them is believed: to look it up.
    public static func challenge(in clientData: [UInt8]) throws(WebAuthnError) -> [UInt8] {
        try ClientData(clientData).challenge
    }

    private func check(_ clientData: [UInt8], type: String, challenge: [UInt8]) throws {
        let client = try ClientData(clientData)
        guard client.type == type else { throw WebAuthnError.refused("client data: another operation") }
        guard client.challenge == challenge, challenge.count == Self.challengeSize else {
            throw WebAuthnError.refused("client data: another challenge")
        }
        guard client.origin == origin else { throw WebAuthnError.refused("client data: another site") }
        guard !client.isCrossOrigin else { throw WebAuthnError.refused("client data: in another site's frame") }
    }

    private func check(_ data: AuthenticatorData) throws {
        guard data.relyingParty == (try Digest.sha256(Array(id.utf8).span)) else {
            throw WebAuthnError.refused("authenticator data: another site")
        }
        guard data.userIsPresent else { throw WebAuthnError.refused("authenticator data: nobody was there") }
        guard data.userIsVerified else { throw WebAuthnError.refused("authenticator data: the user was not verified") }
    }
}

/// What a browser adds to what is signed (section 5.8.1).
struct ClientData {
    let type: String
    let challenge: [UInt8]
    let origin: String
    let isCrossOrigin: Bool

    init(_ bytes: [UInt8]) throws(WebAuthnError) {
        guard bytes.count <= RelyingParty.Limits.part else { throw .malformed("client data: too long") }
        let value: JSONValue
        do {
            var reader = JSONReader<Malformed>()
            value = try reader.value(bytes.span)
            try reader.expectEnd(bytes.span)
        } catch {
            throw .malformed("client data: not JSON")
        }
        // Members that are not known must be left alone (section 5.8.1.1).
        guard case .object(let members) = value else { throw .malformed("client data: not an object") }
        func member(_ name: String) -> JSONValue? { members.first { $0.name == name }?.value }
        guard case .string(let type)? = member("type"), case .string(let challenge)? = member("challenge"),
            case .string(let origin)? = member("origin"),
            let bytes = Base64.decode(Array(challenge.utf8).span, .urlSafe)
        else { throw .malformed("client data: a member is missing") }
        self.type = type
        self.challenge = bytes
        self.origin = origin
        switch member("crossOrigin") {
        case nil, .bool(false)?: isCrossOrigin = false
        default: isCrossOrigin = true
        }
    }

    private struct Malformed: JSONFailure {
        init(jsonOffset offset: Int) {}
    }
}

/// What an authenticator signs (section 6.1).
struct AuthenticatorData {
    let relyingParty: [UInt8]
    let userIsPresent: Bool
    let userIsVerified: Bool
    let signCount: UInt32
    let credential: (id: [UInt8], key: CredentialKey)?

    init(_ bytes: [UInt8]) throws(WebAuthnError) {
        guard bytes.count >= 37, bytes.count <= RelyingParty.Limits.part else {
            throw .malformed("authenticator data: length")
        }
        relyingParty = Array(bytes[..<32])
        let flags = bytes[32]
        userIsPresent = flags & 0x01 != 0
        userIsVerified = flags & 0x04 != 0
        // Backed up without being fit for it can not be (Level 3, section 6.1.3).
        guard flags & 0x18 != 0x10 else { throw .malformed("authenticator data: flags") }
        signCount = bytes[33..<37].reduce(0) { $0 << 8 | UInt32($1) }
        var position = 37
        if flags & 0x40 != 0 {
            // 16 bytes say which model the authenticator is.
            guard bytes.count >= position + 18 else { throw .malformed("authenticator data: cut off") }
            let count = Int(bytes[position + 16]) << 8 | Int(bytes[position + 17])
            position += 18
            guard (1...RelyingParty.Limits.credentialID).contains(count), bytes.count - position >= count else {
                throw .malformed("authenticator data: credential id")
            }
            let id = Array(bytes[position..<position + count])
            position += count
            var reader = CBORReader(bytes[position...])
            credential = (id, try CredentialKey(&reader, in: bytes[...]))
            position = reader.position
        } else {
            credential = nil
        }
        if flags & 0x80 != 0 {
            var reader = CBORReader(bytes[position...])
            guard case .map = try reader.value() else { throw .malformed("authenticator data: extensions") }
            position = reader.position
        }
        guard position == bytes.count else { throw .malformed("authenticator data: too long") }
    }
}
