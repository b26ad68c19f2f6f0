/// A chosen file of a run: a screenshot, an image difference, a report. The body is sealed.
public struct Artifact: Sendable, Hashable {
    public let run: RunID
    /// SHA-256 of the body, which is its name in the run. 32 bytes.
    public let digest: [UInt8]
    /// What the runner calls it; a label, never a path.
    public var name: String
    public let mediaType: String
    public let size: Int
    public let created: Timestamp
    /// The body's key, a sealed record of kind 3 under the organization's primary key.
    public var wrappedKey: [UInt8]

    public init(
        run: RunID, digest: [UInt8], name: String, mediaType: String, size: Int, created: Timestamp,
        wrappedKey: [UInt8]
    ) {
        self.run = run
        self.digest = digest
        self.name = name
        self.mediaType = mediaType
        self.size = size
        self.created = created
        self.wrappedKey = wrappedKey
    }
}

/// Where the sealed body of an artifact is: one sealed record of kind 2, wherever it lies.
public enum ArtifactBody: Sendable, Hashable {
    /// In the artifact's row.
    case here([UInt8])
    /// In the place beside the database (`BodyStore`), under this name.
    case elsewhere(BodyID)

    /// The columns `body` and `body_id`.
    package var columns: (body: [UInt8], id: BodyID?) {
        switch self {
        case .here(let body): (body, nil)
        case .elsewhere(let id): ([], id)
        }
    }
}

/// The name of a body beside the database. Nobody has had it before: two attempts to keep the same artifact seal different bytes.
public typealias BodyID = Identifier<ArtifactBody>

/// What became of `putArtifact`.
public enum PutArtifactResult: Sendable, Hashable {
    case created
    /// It was there already, under whatever name it had.
    case existing
    case noRun
    /// The run has `StoreLimits.artifacts` artifacts.
    case tooMany
}

/// The artifacts of runs.
public protocol ArtifactStore: Sendable {
    /// Keeps an artifact; the actor must be the runner that made the run.
    ///
    /// A body that is elsewhere belongs to the artifact from then on if the result is `created`; otherwise it is due.
    /// - Throws: `.unavailable` when such a body was not announced, or is being deleted.
    func putArtifact(_ scope: Scope, _ artifact: Artifact, body: ArtifactBody, now: Timestamp) async throws
        -> PutArtifactResult
    /// Returns a run's artifacts, oldest first.
    func artifacts(_ scope: Scope, of run: RunID) async throws -> [Artifact]
    func artifact(_ scope: Scope, of run: RunID, _ digest: [UInt8]) async throws -> (Artifact, ArtifactBody)?
    /// Whether any artifact of the organization has its body elsewhere.
    func hasBodiesElsewhere(_ scope: Scope) async throws -> Bool
}

/// Bodies beside the database that no artifact refers to: not yet, or not any more.
///
/// A body is announced before it is written, and the artifact that refers to it takes it over. Whatever deletes an artifact's row, a
/// foreign key included, leaves the body's name here in the same transaction. So after a crash between any two steps the name of
/// what is left over stands here, and whoever sweeps deletes it.
public protocol LooseBodyStore: Sendable {
    /// - Parameter due: When it is given up, unless an artifact has taken it over by then.
    func announceBody(_ scope: Scope, _ id: BodyID, due: Timestamp) async throws
    /// Returns bodies of any organization that are due, at most `limit`. They go: no artifact can take them over any more.
    /// - Parameter until: When they are due once more, should the caller not get to `forgetBody`.
    func takeLooseBodies(now: Timestamp, until: Timestamp, limit: Int) async throws -> [LooseBody]
    /// Notes that a body is deleted.
    func forgetBody(_ scope: Scope, _ id: BodyID) async throws
}

/// A body that no artifact refers to.
public struct LooseBody: Sendable, Hashable {
    public let organization: OrganizationID
    public let id: BodyID

    package init(organization: OrganizationID, id: BodyID) {
        self.organization = organization
        self.id = id
    }
}
