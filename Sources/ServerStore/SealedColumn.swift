package import SealingKit

/// A column of sealed values, next to a column `key_id` that says under which key. Rotation goes over all of them, in every
/// store.
package struct SealedColumn: Sendable {
    /// How a column of a row's key stands in a record's id.
    package enum Form: Sendable {
        /// An identifier, as hexadecimal digits.
        case id
        /// Bytes, as hexadecimal digits.
        case bytes
        case text
    }

    package let table: String
    package let column: String
    package let kind: RecordKind
    /// The columns that name the row in its organization, in order; `context` reads them.
    package let key: [(column: String, form: Form)]
    /// Further columns that `context` reads.
    package var alsoRead: [String] = []
    package let context: @Sendable (OrganizationID, any StoredRow) throws -> RecordContext

    /// Sorted by table.
    package static let all: [SealedColumn] = [
        SealedColumn(
            table: "artifacts", column: "wrapped_key", kind: .key, key: [("run_id", .id), ("digest", .bytes)],
            context: { organization, row in
                try SealedPlace.artifactKey(organization, try row.value("run_id"), try row.blob("digest"))
            }),
        SealedColumn(
            table: "git_grants", column: "token", kind: .field, key: [("grant_id", .id)],
            context: { organization, row in
                try SealedPlace.gitGrant(organization, try row.value("grant_id"))
            }),
        SealedColumn(
            table: "github_connections", column: "tokens", kind: .field, key: [("user_id", .id)],
            alsoRead: ["generation"],
            context: { organization, row in
                try SealedPlace.githubTokens(
                    organization, try row.value("user_id"), generation: try row.value("generation"))
            }),
        SealedColumn(
            table: "receipt_keys", column: "sealed", kind: .field, key: [("receipt_key_id", .text)],
            context: { organization, row in
                try SealedPlace.receiptKey(organization, try row.value("receipt_key_id"))
            }),
    ]

    package static func of(record id: String) -> SealedColumn? { all.first { id.hasPrefix($0.table + "/") } }

    /// SQL for the record's id: the table's name, then the row's, with slashes between them.
    /// - Parameter digits: SQL for a column as text.
    package func idExpression(_ digits: (String, Form) -> String) -> String {
        "'\(table)/' || " + key.map { digits($0.column, $0.form) }.joined(separator: " || '/' || ")
    }

    /// The columns of the row's key and what else `context` reads, for a list of what to select.
    package var keyColumns: String { (key.map(\.column) + alsoRead).joined(separator: ", ") }
}
