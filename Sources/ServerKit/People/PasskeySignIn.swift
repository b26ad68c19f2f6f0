internal import OpenSSLEngine
internal import Passkeys
internal import SealingKit
package import ServerStore
internal import TextEncodings

extension ControlPlane {
    /// What a browser that wants to sign in with a passkey is asked for, as JSON.
    package func passkeyRequest() async throws -> String {
        let party = try requireRelyingParty()
        return party.requestOptions(challenge: try await newChallenge(for: nil))
    }

    /// Signs in whose passkey answered.
    /// - Parameter answer: `id`, `client_data`, `authenticator_data`, `signature` and `user`, each in base64url.
    /// - Throws: one problem whatever was wrong, but for a challenge that is not good any more: who asks learns nothing about
    ///   passkeys that are there.
    package func signIn(passkey answer: Document, origin: SessionOrigin) async throws -> SignedIn {
        let party = try requireRelyingParty()
        var answer = answer
        let credential = try answer.bytes("id", limit: RelyingParty.Limits.credentialID)
        let clientData = try answer.bytes("client_data", limit: RelyingParty.Limits.part)
        let authenticatorData = try answer.bytes("authenticator_data", limit: RelyingParty.Limits.part)
        let signature = try answer.bytes("signature", limit: RelyingParty.Limits.part)
        let user = try answer.bytes("user", limit: 64)
        try answer.finish()
        let refused = Problem.badField("passkey", "It does not sign anybody in here.")
        do {
            let challenge = try await takeChallenge(in: clientData, for: nil)
            // Which user it is comes along and has to agree (Web Authentication, section 7.2, step 6).
            guard let (passkey, owner) = try await store.passkey(credential), owner.id.bytes == user else {
                throw refused
            }
            let count = try party.authenticate(
                clientData: clientData, authenticatorData: authenticatorData, signature: signature,
                challenge: challenge, key: try CredentialKey(encoded: passkey.publicKey),
                signCount: passkey.signCount)
            let signedIn = try await start { session, expires, now in
                try await store.redeemPasskey(
                    credential, counting: (passkey.signCount, count), session: session, expires: expires,
                    origin: cleaned(origin), now: now)
            }
            guard let signedIn else { throw refused }
            return signedIn
        } catch is WebAuthnError {
            throw refused
        }
    }

    /// What a browser is asked for that is to make a passkey for the person whose scope it is, as JSON.
    package func passkeyCreation(_ scope: Scope, _ user: User) async throws -> String {
        let party = try requireRelyingParty()
        let existing = try await store.passkeys(scope)
        guard existing.count < StoreLimits.passkeys else {
            throw Problem.badField("passkey", "You have \(StoreLimits.passkeys) of them; remove one first.")
        }
        return party.creationOptions(
            challenge: try await newChallenge(for: user.id), user: user.id.bytes, userName: user.email,
            displayName: user.name, existing: existing.map(\.credential))
    }

    /// Keeps the passkey that a browser made.
    /// - Parameter answer: `name`, and `client_data` and `attestation` in base64url.
    package func addPasskey(_ scope: Scope, _ user: User, _ answer: Document) async throws {
        let party = try requireRelyingParty()
        var answer = answer
        let name = try answer.text("name", limit: 100)
        let clientData = try answer.bytes("client_data", limit: RelyingParty.Limits.part)
        let attestation = try answer.bytes("attestation", limit: RelyingParty.Limits.part)
        try answer.finish()
        try scrubber.require(name, field: "name")
        let now = now()
        do {
            let challenge = try await takeChallenge(in: clientData, for: user.id)
            let made = try party.register(clientData: clientData, attestation: attestation, challenge: challenge)
            try await store.addPasskey(
                scope,
                Passkey(
                    id: .new(at: now), credential: made.id, name: name, publicKey: made.key.encoded,
                    signCount: made.signCount, created: now),
                now: now)
        } catch let error as WebAuthnError {
            throw Problem.badField("passkey", "It can not be used: \(error.reason).")
        }
    }

    private func requireRelyingParty() throws(Problem) -> RelyingParty {
        guard let relyingParty else { throw .notFound }
        return relyingParty
    }

    private func newChallenge(for user: UserID?) async throws -> [UInt8] {
        let challenge = try Random.publicBytes(count: RelyingParty.challengeSize)
        let now = now()
        try await store.createChallenge(
            try Self.hash(of: challenge), user: user, expires: now + settings.limits.challengeTime, now: now)
        return challenge
    }

    /// The challenge that was answered, used up with this.
    private func takeChallenge(in clientData: [UInt8], for user: UserID?) async throws -> [UInt8] {
        let challenge = try RelyingParty.challenge(in: clientData)
        guard challenge.count == RelyingParty.challengeSize,
            try await store.takeChallenge(try Self.hash(of: challenge), user: user, now: now())
        else { throw Problem.badField("passkey", "It took too long, or was sent twice.") }
        return challenge
    }

    private static func hash(of challenge: [UInt8]) throws -> TokenHash {
        guard let hash = TokenHash(stored: try Digest.sha256(challenge.span)) else { throw Problem.internalError }
        return hash
    }
}

extension Document {
    /// Bytes in base64url without padding.
    mutating func bytes(_ name: String, limit: Int) throws(Problem) -> [UInt8] {
        let text = try text(name, limit: Base64.encodedCount(limit, .urlSafe))
        guard let bytes = Base64.decode(Array(text.utf8).span, .urlSafe) else {
            throw .badField(name, "It is not base64url without padding.")
        }
        return bytes
    }
}
