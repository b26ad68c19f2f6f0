public import SealingKit

/// A session of a person's browser, as the store found it by its hash.
public struct Session: Sendable, Hashable {
    public let id: SessionID
    public let user: User
    public let created: Timestamp
    public let expires: Timestamp
    /// Where it was started from.
    public let origin: SessionOrigin

    public init(id: SessionID, user: User, created: Timestamp, expires: Timestamp, origin: SessionOrigin) {
        self.id = id
        self.user = user
        self.created = created
        self.expires = expires
        self.origin = origin
    }
}

/// Where a session is started from, so that a person can tell their sessions apart.
public struct SessionOrigin: Sendable, Hashable {
    public let address: String?
    /// What the browser calls itself, cut short.
    public let agent: String?

    public init(address: String?, agent: String?) {
        self.address = address
        self.agent = agent
    }
}

/// A pairing that a runner asked for and a person has to approve (RFC 8628).
public struct DeviceGrant: Sendable, Hashable {
    public enum State: String, Sendable, Hashable {
        case pending, approved, denied, redeemed
    }

    /// What the machine calls itself.
    public let name: String
    /// Where the request came from.
    public let address: String?
    public let created: Timestamp
    public let expires: Timestamp
    public var state: State
    /// The Ed25519 public key that the machine gave, 32 bytes; nil: none.
    public let runnerKey: [UInt8]?

    public init(
        name: String, address: String?, created: Timestamp, expires: Timestamp, state: State = .pending,
        runnerKey: [UInt8]? = nil
    ) {
        self.name = name
        self.address = address
        self.created = created
        self.expires = expires
        self.state = state
        self.runnerKey = runnerKey
    }
}

/// What a runner that polls for its token is told (RFC 8628, section 3.5).
public enum DevicePoll: Sendable, Hashable {
    /// No such code, or already redeemed.
    case unknown
    case pending
    /// Polled again before the interval was over.
    case slowDown
    case denied
    case expired
    /// Approved; the token was made in this organization and is live.
    case redeemed(OrganizationID, RunnerTokenID)
}

/// What happens before there is a scope: credentials are looked up by their hash.
///
/// Narrow on purpose. Nothing here takes or returns rows of an organization other than those that the credential itself
/// names, and only `ServerKit`'s `Authenticator` and `Pairing` call it.
public protocol EntranceStore: Sendable {
    /// Makes an organization with its owner, who is created when no user has the address.
    func createOrganization(_ organization: Organization, owner: User, now: Timestamp) async throws -> Scope
    /// Returns all organizations: for start-up, sweeps and `verify`.
    func organizations() async throws -> [Organization]

    /// Returns the scope of a live runner token, and notes its use.
    func runner(_ hash: TokenHash, address: String?, now: Timestamp) async throws -> (Scope, RunnerToken)?
    /// Returns the scope of a live session whose user still belongs to its organization, with the role they have now.
    func session(_ hash: TokenHash, address: String?, now: Timestamp) async throws -> (Scope, Session)?
    /// Ends a session; returns whether there was one.
    func endSession(_ hash: TokenHash, address: String?, now: Timestamp) async throws -> Bool
    /// Makes a session for the same user in another of their organizations, in place of the old one.
    func switchSession(
        _ hash: TokenHash, to organization: OrganizationID, as new: TokenHash, address: String?, now: Timestamp
    ) async throws -> Bool
    /// Returns the organizations of the user whose session this is, sorted by name.
    func organizations(ofSession hash: TokenHash, now: Timestamp) async throws -> [Organization]

    /// Makes a one-time sign-in link for an address, if a user with a membership has it; returns whether.
    func createSignInLink(
        email: String, hash: TokenHash, expires: Timestamp, address: String?, now: Timestamp
    ) async throws -> Bool
    /// Returns whom a live link signs in, without using it up.
    func signInLink(_ hash: TokenHash, now: Timestamp) async throws -> User?
    /// Uses up a link and starts a session in the user's first organization; nil when the link is not live.
    func redeemSignInLink(
        _ hash: TokenHash, session: TokenHash, expires: Timestamp, origin: SessionOrigin, now: Timestamp
    ) async throws -> (Scope, Session)?
    /// Returns a live invitation with its organization, without using it up.
    func invitation(_ hash: TokenHash, now: Timestamp) async throws -> (Invitation, Organization)?
    /// Uses up an invitation: makes the user if need be, the membership, and a session.
    func redeemInvitation(
        _ hash: TokenHash, name: String, session: TokenHash, expires: Timestamp, origin: SessionOrigin, now: Timestamp
    ) async throws -> (Scope, Session)?

    /// Keeps a pairing request.
    /// - Parameter userCode: HMAC of the short code that the person types.
    /// - Throws: `.conflict` when the code is taken or `StoreLimits.deviceGrants` are open: try again.
    func createDeviceGrant(
        _ grant: DeviceGrant, device: TokenHash, userCode: [UInt8], now: Timestamp
    ) async throws
    /// Returns a pending, unexpired request by the code that a person typed. Needs their scope, so that nobody outside looks
    /// codes up.
    func deviceGrant(_ scope: Scope, userCode: [UInt8], now: Timestamp) async throws -> DeviceGrant?
    /// Decides a pending request for the scope's organization; returns false when there is none.
    func decideDeviceGrant(_ scope: Scope, userCode: [UInt8], approve: Bool, now: Timestamp) async throws -> Bool
    /// Answers a poll. The first poll after the approval makes the token with `token` as its hash; the code is used up.
    /// - Parameter interval: The least time between two polls.
    func pollDeviceGrant(
        _ device: TokenHash, token: TokenHash, interval: Duration, address: String?, now: Timestamp
    ) async throws -> DevicePoll
}
