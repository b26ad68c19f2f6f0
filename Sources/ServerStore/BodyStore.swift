/// A place beside the database for the bodies of artifacts, which all servers of the database reach: a directory, or an
/// S3-compatible store.
///
/// It holds sealed records and nothing that opens them. A body lies under its organization's id and its own, so a scope reaches
/// bodies of its organization only, and what names one is the artifact's row (`ArtifactBody`). What goes wrong is a `StoreError` whose
/// place names the body, and never a credential.
public protocol BodyStore: Sendable {
    /// Where that is, for messages.
    var place: String { get }

    /// Keeps a body, durably when it returns. Nothing was kept under the id before.
    /// - Throws: `.refused` when it has more than `BodyLimits.bytes` bytes.
    func put(_ scope: Scope, _ id: BodyID, _ body: [UInt8]) async throws
    /// Returns a body; nil when it is not there.
    func body(_ scope: Scope, _ id: BodyID) async throws -> [UInt8]?
    /// Deletes a body and whatever an attempt to keep it has left. It need not be there.
    func delete(_ scope: Scope, _ id: BodyID) async throws

    /// Whose bodies these are: the text that `claim` left, nil when nothing did.
    func owner() async throws -> String?
    /// Says whose bodies these are from now on.
    func claim(_ owner: String) async throws
}

/// Bounds of bodies beside the database.
public enum BodyLimits {
    /// The most bytes of a body: the largest artifact (10 MiB), sealed, with room.
    public static let bytes = 16 << 20
    /// How long a body may take from its announcement to its artifact. Far more than all attempts to write one take together.
    public static let announced: Duration = .seconds(3600)
    /// After how long another server deletes what one began to delete.
    public static let deletion: Duration = .seconds(600)
    /// Bodies that are taken for deletion at a time.
    public static let taken = 100
    /// The most bytes of the text that says whose bodies these are.
    package static let owner = 100
}

extension BodyStore {
    /// Where a body lies in any place: `ORGANIZATION/XX/BODY`. The last digits are random, so each of 256 directories gets as many; the
    /// first are the time. The same everywhere, so a place is moved by copying its tree.
    package static func path(_ scope: Scope, _ id: BodyID) -> String {
        let name = id.description
        return "\(scope.organization)/\(name.suffix(2))/\(name)"
    }

    /// What lies beside the organizations' directories.
    package static var ownerPath: String { "owner" }
}
