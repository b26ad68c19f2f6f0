public import SealingKit

/// A key pair of a person's authenticator that signs them in (W3C, Web Authentication). Belongs to the user, in all their
/// organizations.
public struct Passkey: Sendable, Hashable {
    public let id: PasskeyID
    /// What the authenticator calls it: at most 1,023 bytes.
    public let credential: [UInt8]
    /// What its user calls it.
    public let name: String
    /// The public key in COSE's form.
    public let publicKey: [UInt8]
    /// How often the authenticator said it signed.
    public let signCount: UInt32
    public let created: Timestamp
    public let lastUsed: Timestamp?

    public init(
        id: PasskeyID, credential: [UInt8], name: String, publicKey: [UInt8], signCount: UInt32, created: Timestamp,
        lastUsed: Timestamp? = nil
    ) {
        self.id = id
        self.credential = credential
        self.name = name
        self.publicKey = publicKey
        self.signCount = signCount
        self.created = created
        self.lastUsed = lastUsed
    }
}

public typealias PasskeyID = Identifier<Passkey>

/// Passkeys, and the challenges that authenticators sign.
public protocol PasskeyStore: Sendable {
    /// Returns the passkeys of the user whose scope it is, oldest first.
    func passkeys(_ scope: Scope) async throws -> [Passkey]
    /// Keeps a passkey of the user whose scope it is.
    /// - Throws: `.conflict` when a passkey has the same credential id, or the user has `StoreLimits.passkeys`.
    func addPasskey(_ scope: Scope, _ passkey: Passkey, now: Timestamp) async throws
    /// Removes one of that user's passkeys; returns false when it is not theirs.
    func removePasskey(_ scope: Scope, _ id: PasskeyID, now: Timestamp) async throws -> Bool

    /// Keeps a challenge that was given out, by its hash.
    /// - Parameter user: Who is to make a passkey with it; nil when it is for signing in.
    /// - Throws: `.conflict` when `StoreLimits.challenges` are open: try again.
    func createChallenge(_ hash: TokenHash, user: UserID?, expires: Timestamp, now: Timestamp) async throws
    /// Uses up a challenge; returns whether it was live and for this user.
    func takeChallenge(_ hash: TokenHash, user: UserID?, now: Timestamp) async throws -> Bool

    /// Returns the passkey of a credential id, with its user. For signing in only: there is no scope yet.
    func passkey(_ credential: [UInt8]) async throws -> (Passkey, User)?
    /// Starts a session in the first organization of a passkey's user, and keeps its new count.
    /// - Parameter counting: The counts before and after. When another sign-in changed the count meanwhile, nothing happens.
    /// - Returns: nil when the passkey is gone, its count is another, or its user belongs to no organization any more.
    func redeemPasskey(
        _ credential: [UInt8], counting: (from: UInt32, to: UInt32), session: TokenHash, expires: Timestamp,
        origin: SessionOrigin, now: Timestamp
    ) async throws -> (Scope, Session)?
}
