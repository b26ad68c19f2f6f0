public import SealingKit

/// A runner's credential: the store has its hash only.
public struct RunnerToken: Sendable, Hashable {
    public let id: RunnerTokenID
    /// What the machine calls itself; a label, not an identity.
    public var name: String
    public let created: Timestamp
    /// Who approved it; nil after that user was deleted.
    public let createdBy: UserID?
    public var lastUsed: Timestamp?
    public var lastAddress: String?
    public var expires: Timestamp?
    public var revoked: Timestamp?
    /// The machine's Ed25519 public key, registered when it was paired, 32 bytes; nil: none.
    public var runnerKey: [UInt8]?

    public init(
        id: RunnerTokenID, name: String, created: Timestamp, createdBy: UserID?, lastUsed: Timestamp? = nil,
        lastAddress: String? = nil, expires: Timestamp? = nil, revoked: Timestamp? = nil, runnerKey: [UInt8]? = nil
    ) {
        self.id = id
        self.name = name
        self.created = created
        self.createdBy = createdBy
        self.lastUsed = lastUsed
        self.lastAddress = lastAddress
        self.expires = expires
        self.revoked = revoked
        self.runnerKey = runnerKey
    }
}

/// The runner tokens of an organization.
public protocol RunnerTokenStore: Sendable {
    /// Returns all tokens, revoked ones too, newest first.
    func runnerTokens(_ scope: Scope) async throws -> [RunnerToken]
    func runnerToken(_ scope: Scope, _ id: RunnerTokenID) async throws -> RunnerToken?
    /// - Throws: `.conflict` when there are `StoreLimits.runnerTokens` live ones already.
    func createRunnerToken(_ scope: Scope, _ token: RunnerToken, hash: TokenHash, now: Timestamp) async throws
    /// Gives a token a new hash. The old one opens until `overlap`, so that a runner that lost the answer is not locked out.
    /// Returns false when there is no such live token.
    func rotateRunnerToken(
        _ scope: Scope, _ id: RunnerTokenID, to hash: TokenHash, overlap: Timestamp, now: Timestamp
    ) async throws -> Bool
    /// Registers the public key of a live token's machine, once: false when there is no such token or it has another key.
    func registerRunnerKey(_ scope: Scope, _ id: RunnerTokenID, _ key: [UInt8], now: Timestamp) async throws -> Bool
    /// Ends a token at once; returns false when there is no such token. Revoking twice is no error.
    func revokeRunnerToken(_ scope: Scope, _ id: RunnerTokenID, now: Timestamp) async throws -> Bool
}
