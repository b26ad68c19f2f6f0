public import SealingKit

/// A tenant.
public struct Organization: Sendable, Hashable {
    public let id: OrganizationID
    public var name: String
    public let created: Timestamp
    /// Runs that ended this many days ago are deleted; nil keeps them.
    public var retentionDays: Int?

    public init(id: OrganizationID, name: String, created: Timestamp, retentionDays: Int? = nil) {
        self.id = id
        self.name = name
        self.created = created
        self.retentionDays = retentionDays
    }
}

/// A person. Belongs to any number of organizations.
public struct User: Sendable, Hashable {
    public let id: UserID
    /// Lower case; one user an address.
    public let email: String
    public var name: String
    public let created: Timestamp

    public init(id: UserID, email: String, name: String, created: Timestamp) {
        self.id = id
        self.email = email
        self.name = name
        self.created = created
    }
}

/// A user in an organization.
public struct Membership: Sendable, Hashable {
    public let user: User
    public let role: Role
    public let since: Timestamp

    public init(user: User, role: Role, since: Timestamp) {
        self.user = user
        self.role = role
        self.since = since
    }
}

/// An offer of membership, taken up with a token that is shown or mailed once.
public struct Invitation: Sendable, Hashable {
    public let id: InvitationID
    public let email: String
    public let role: Role
    public let created: Timestamp
    public let expires: Timestamp

    public init(id: InvitationID, email: String, role: Role, created: Timestamp, expires: Timestamp) {
        self.id = id
        self.email = email
        self.role = role
        self.created = created
        self.expires = expires
    }
}

/// Organizations and who belongs to them.
public protocol MemberStore: Sendable {
    func organization(_ scope: Scope) async throws -> Organization
    /// Changes name and retention.
    func updateOrganization(_ scope: Scope, name: String, retentionDays: Int?, now: Timestamp) async throws
    /// Returns the members, sorted by address.
    func members(_ scope: Scope) async throws -> [Membership]
    func member(_ scope: Scope, _ user: UserID) async throws -> Membership?
    /// Sets a member's role; returns false when there is no such member.
    /// - Throws: `.lastOwner` when nobody would own the organization any more.
    func setRole(_ scope: Scope, of user: UserID, to role: Role, now: Timestamp) async throws -> Bool
    /// Removes a member and ends their sessions in the organization; returns false when there is no such member.
    /// - Throws: `.lastOwner`.
    func removeMember(_ scope: Scope, _ user: UserID, now: Timestamp) async throws -> Bool

    /// Returns the live sessions, in this organization, of the user whose scope it is, newest first.
    func sessions(_ scope: Scope, now: Timestamp) async throws -> [Session]
    /// Ends one of that user's sessions; returns false when it is not theirs.
    func endSession(_ scope: Scope, _ id: SessionID, now: Timestamp) async throws -> Bool

    /// Returns invitations that are neither taken up nor expired, newest first.
    func invitations(_ scope: Scope, now: Timestamp) async throws -> [Invitation]
    /// - Throws: `.conflict` when there are `StoreLimits.invitations` of them already.
    func createInvitation(_ scope: Scope, _ invitation: Invitation, hash: TokenHash, now: Timestamp) async throws
    func deleteInvitation(_ scope: Scope, _ id: InvitationID, now: Timestamp) async throws -> Bool
}
