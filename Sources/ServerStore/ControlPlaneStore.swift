public import SealingKit

/// Everything that the control plane keeps: what an embedded SQLite file or a PostgreSQL server offers.
///
/// All methods are safe to call at once. What a method changes is durable when it returns. Rows of different
/// organizations have no key in common; the contract suite holds every store to that.
public protocol ControlPlaneStore: EntranceStore, MemberStore, RunnerTokenStore, RunStore, EventStore, ArtifactStore,
    LooseBodyStore, AuditStore, ReceiptKeyStore, PasskeyStore, GitHubStore, NoticeStore
{
    /// The keys of organizations and the records under them, for SealingKit's `KeyRing`.
    var keys: any KeyRingStore { get }

    /// Does `body` while no other server of the same database does: for the first start.
    func exclusively<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value
    /// Ends what is under way, makes everything durable and closes. Blocks.
    func close() throws
    /// Whether the store answers at all: for readiness.
    func ping() async throws
    /// Deletes what expired: sessions, links, pairing requests, invitations, and runs beyond their organization's
    /// retention. Returns how many rows went. Bounded: call again while it returns `StoreLimits.sweep` or more.
    func sweep(now: Timestamp) async throws -> Int
    /// Looks for what the schema alone can not exclude: rows of one organization that refer to another's, event counts that
    /// do not agree with their run. Returns a line for each, without contents.
    func selfCheck() async throws -> [String]
}

/// Sizes beyond which a store refuses.
public enum StoreLimits {
    /// Live runner tokens of an organization.
    public static let runnerTokens = 1000
    /// Open invitations of an organization.
    public static let invitations = 200
    /// Open pairing requests of all organizations together.
    public static let deviceGrants = 10_000
    /// Passkeys of a user.
    public static let passkeys = 20
    /// Challenges for passkeys that nobody has answered yet, of all users together.
    public static let challenges = 10_000
    /// Artifacts of a run.
    public static let artifacts = 1000
    /// Rows that one `sweep` deletes of a kind.
    public static let sweep = 1000
}

/// Why a store refused.
public struct StoreError: Error, Sendable, Hashable, CustomStringConvertible {
    public struct Code: Sendable, Hashable {
        let name: String

        /// It exists already, or there are too many.
        public static let conflict = Code(name: "conflict")
        /// An organization would be without an owner.
        public static let lastOwner = Code(name: "last owner")
        /// The actor may not do this; callers check first, so this is a defect.
        public static let refused = Code(name: "refused")
        /// The store can not be reached, is full, or is busy for too long: try again later.
        public static let unavailable = Code(name: "unavailable")
        /// A row does not have the form that it was written in.
        public static let damaged = Code(name: "damaged")
    }

    public let code: Code
    /// Where, without values.
    public let place: String

    public init(_ code: Code, _ place: String) {
        self.code = code
        self.place = place
    }

    public var description: String { "\(code.name): \(place)" }
}
