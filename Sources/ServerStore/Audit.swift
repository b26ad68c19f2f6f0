/// Something that was granted, used, changed or revoked. Stores write it in the transaction of what it tells of.
public struct AuditEntry: Sendable, Hashable {
    public let id: AuditID
    public let time: Timestamp
    public let actor: AuditActor
    public let action: AuditAction
    /// The id of what was acted on; empty when there is none.
    public let subject: String
    /// A word about it, such as a role or a name. Never a secret.
    public let detail: String
    public let address: String?

    public init(
        id: AuditID, time: Timestamp, actor: AuditActor, action: AuditAction, subject: String, detail: String,
        address: String?
    ) {
        self.id = id
        self.time = time
        self.actor = actor
        self.action = action
        self.subject = subject
        self.detail = detail
        self.address = address
    }
}

/// Who did it, without what they may do.
public enum AuditActor: Sendable, Hashable {
    case runner(RunnerTokenID)
    case user(UserID)
    case server

    public init(_ actor: Actor) {
        switch actor {
        case .runner(let id): self = .runner(id)
        case .user(let id, _): self = .user(id)
        case .server: self = .server
        }
    }
}

/// What was done.
public enum AuditAction: String, Sendable, Hashable, CaseIterable {
    case organizationCreated = "organization.created"
    case organizationChanged = "organization.changed"
    case memberAdded = "member.added"
    case memberRoleChanged = "member.role-changed"
    case memberRemoved = "member.removed"
    case invitationCreated = "invitation.created"
    case invitationDeleted = "invitation.deleted"
    case signInRequested = "sign-in.requested"
    case sessionStarted = "session.started"
    case sessionEnded = "session.ended"
    case passkeyAdded = "passkey.added"
    case passkeyRemoved = "passkey.removed"
    case runnerPairingApproved = "pairing.approved"
    case runnerPairingDenied = "pairing.denied"
    case runnerTokenCreated = "runner-token.created"
    /// The first use on a day, or from another address than before.
    case runnerTokenUsed = "runner-token.used"
    case runnerTokenRotated = "runner-token.rotated"
    case runnerTokenRevoked = "runner-token.revoked"
    case runnerKeyRegistered = "runner-key.registered"
    case runCancelled = "run.cancelled"
    case runDeleted = "run.deleted"
    case runsExpired = "runs.expired"
    case githubConnected = "github.connected"
    case githubDisconnected = "github.disconnected"
    /// GitHub does not take the connection's tokens any more.
    case githubBroken = "github.broken"
    case gitTokenGranted = "git-token.granted"
    /// Given back, or found to be over.
    case gitTokenClosed = "git-token.closed"
    case pullRequestCreated = "pull-request.created"
}

/// The audit log of an organization. There is no way to change or remove an entry.
public protocol AuditStore: Sendable {
    /// Returns entries, newest first, from behind `before`.
    func audit(_ scope: Scope, before: AuditID?, limit: Int) async throws -> [AuditEntry]
    /// Adds an entry by itself, for what no other method of a store does.
    func record(_ scope: Scope, _ action: AuditAction, subject: String, detail: String, now: Timestamp) async throws
}
