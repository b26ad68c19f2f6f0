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
    /// - Parameter sealed: The body as one sealed record of kind 2.
    func putArtifact(_ scope: Scope, _ artifact: Artifact, sealed: [UInt8], now: Timestamp) async throws
        -> PutArtifactResult
    /// Returns a run's artifacts, oldest first.
    func artifacts(_ scope: Scope, of run: RunID) async throws -> [Artifact]
    func artifact(_ scope: Scope, of run: RunID, _ digest: [UInt8]) async throws -> (Artifact, sealed: [UInt8])?
}
