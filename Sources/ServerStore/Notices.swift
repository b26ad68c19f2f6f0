/// What a server tells the others of the same database, so that they need not wait for their next look.
///
/// A hint and no more: it can get lost, come twice or late, and says nothing that is not in the rows.
public enum StoreNotice: Sendable, Hashable {
    /// Events of a run are stored, up to `last`.
    case events(RunReference, last: Int64)
    /// Something else about a run changed: it is to be cancelled, or it is gone.
    case run(RunReference)
    /// A credential of the organization ended, or what somebody may do in it changed.
    case credentials(OrganizationID)
    /// Notices may have been missed: whoever waits for something looks.
    case everything
}

/// A run of an organization.
public struct RunReference: Sendable, Hashable {
    public let organization: OrganizationID
    public let run: RunID

    public init(organization: OrganizationID, run: RunID) {
        self.organization = organization
        self.run = run
    }
}

/// Where a run stands, for those who wait for it to go on.
public struct RunStanding: Sendable, Hashable {
    public let run: RunReference
    /// The last event that is stored; 0 when there is none.
    public let last: Int64
    public let isCancelRequested: Bool

    public init(run: RunReference, last: Int64, isCancelRequested: Bool) {
        self.run = run
        self.last = last
        self.isCancelRequested = isCancelRequested
    }
}

/// What several servers of one database need to know of each other. A store that only one process uses has nothing to tell.
public protocol NoticeStore: Sendable {
    /// How often those who wait for a run must look by themselves, because another process may add events and a notice may get
    /// lost; nil when this process is the only one.
    var pollInterval: Duration? { get }
    /// Calls `body` with every notice, this server's own among them, until the task is cancelled.
    func listen(_ body: @Sendable @escaping (StoreNotice) -> Void) async
    /// Returns where runs stand; those that are gone are left out.
    /// - Parameter runs: Runs that somebody waits for, whose scope was checked when they began to.
    func standings(of runs: [RunReference]) async throws -> [RunStanding]
}

extension NoticeStore {
    public var pollInterval: Duration? { nil }
    public func listen(_ body: @Sendable @escaping (StoreNotice) -> Void) async {}
    public func standings(of runs: [RunReference]) async throws -> [RunStanding] { [] }
}
