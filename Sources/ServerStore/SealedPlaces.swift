public import SealingKit
internal import TextEncodings

/// The key that signs an organization's receipts.
public struct ReceiptKey: Sendable, Hashable {
    /// The first 8 bytes of the SHA-256 of the public key, as 16 hexadecimal digits.
    public let id: String
    public let publicKey: [UInt8]
    /// The private key, a sealed record of kind 1 under the organization's primary key.
    public let sealed: [UInt8]
    public let created: Timestamp

    public init(id: String, publicKey: [UInt8], sealed: [UInt8], created: Timestamp) {
        self.id = id
        self.publicKey = publicKey
        self.sealed = sealed
        self.created = created
    }
}

/// The key that signs an organization's receipts.
public protocol ReceiptKeyStore: Sendable {
    func receiptKey(_ scope: Scope) async throws -> ReceiptKey?
    /// - Throws: `.conflict` when the organization has one.
    func addReceiptKey(_ scope: Scope, _ key: ReceiptKey) async throws
}

/// Where sealed values stand: the contexts that they are sealed with and opened in (docs/formats/sealed-record.md).
public enum SealedPlace {
    /// The key of an artifact's body, as `artifacts.wrapped_key`.
    public static func artifactKey(
        _ organization: OrganizationID, _ run: RunID, _ digest: [UInt8]
    ) throws(SealingError) -> RecordContext {
        try RecordContext(
            purpose: "artifact-key", tenant: organization.description, table: "artifacts",
            row: artifactRow(run, digest), column: "wrapped_key", generation: "1")
    }

    /// The body of an artifact, as `artifacts.body`.
    public static func artifactBody(
        _ organization: OrganizationID, _ run: RunID, _ digest: [UInt8]
    ) throws(SealingError) -> RecordContext {
        try RecordContext(
            purpose: "artifact", tenant: organization.description, table: "artifacts",
            row: artifactRow(run, digest), column: "body", generation: "1")
    }

    /// The private key that signs receipts, as `receipt_keys.sealed`.
    public static func receiptKey(_ organization: OrganizationID, _ id: String) throws(SealingError) -> RecordContext {
        try RecordContext(
            purpose: "receipt-key", tenant: organization.description, table: "receipt_keys", row: id, column: "sealed",
            generation: "1")
    }

    /// The tokens of a member's connection to GitHub, as `github_connections.tokens`.
    public static func githubTokens(
        _ organization: OrganizationID, _ user: UserID, generation: Int64
    ) throws(SealingError) -> RecordContext {
        try RecordContext(
            purpose: "github-tokens", tenant: organization.description, table: "github_connections",
            row: user.description, column: "tokens", generation: String(generation))
    }

    /// A token for git that was handed out, as `git_grants.token`.
    public static func gitGrant(
        _ organization: OrganizationID, _ grant: GitGrantID
    ) throws(SealingError) -> RecordContext {
        try RecordContext(
            purpose: "git-grant", tenant: organization.description, table: "git_grants", row: grant.description,
            column: "token", generation: "1")
    }

    /// The name of an artifact's row: run and digest.
    package static func artifactRow(_ run: RunID, _ digest: [UInt8]) -> String { "\(run)/\(Hex.encode(digest.span))" }
}
