internal import Foundation
internal import GRDB
internal import SealingKit
public import ServerStore

extension SQLiteStore {
    public func receiptKey(_ scope: Scope) async throws -> ReceiptKey? {
        try await read("receipt key") { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM receipt_keys WHERE org_id = ?", arguments: [scope.organization]
            ).map { try $0.receiptKey() }
        }
    }

    public func addReceiptKey(_ scope: Scope, _ key: ReceiptKey) async throws {
        try await write("receipt key") { database in
            let sealedUnder = try SealedRecord.keyID(of: key.sealed.span, kind: .field)
            try database.execute(
                sql: """
                    INSERT INTO receipt_keys (org_id, receipt_key_id, public_key, key_id, sealed, created)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    scope.organization, key.id, Data(key.publicKey), sealedUnder, Data(key.sealed), key.created,
                ])
        }
    }
}

/// The key rows, and the sealed columns, as SealingKit's `KeyRing` sees them.
struct SQLiteKeys: KeyRingStore {
    let store: SQLiteStore

    func organizations() async throws -> [String] {
        try await store.read("keys") { database in
            try OrganizationID.fetchAll(database, sql: "SELECT DISTINCT org_id FROM org_keys ORDER BY org_id")
                .map(\.description)
        }
    }

    func keys(of organization: String) async throws -> [OrganizationKey] {
        guard let id = OrganizationID(organization) else { return [] }
        return try await store.read("keys") { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM org_keys WHERE org_id = ? ORDER BY purpose, version", arguments: [id]
            ).map { try $0.organizationKey(of: organization) }
        }
    }

    func apply(_ changes: [KeyChange]) async throws {
        try await store.write("keys") { database in
            for change in changes { try apply(change, in: database) }
        }
    }

    private func apply(_ change: KeyChange, in database: Database) throws {
        switch change {
        case .insert(let key):
            try database.execute(
                sql: """
                    INSERT INTO org_keys (org_id, purpose, version, key_id, state, created, wrapped)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    try id(key.organization), key.purpose.rawValue, key.version, key.id, key.state.rawValue,
                    key.created,
                    Data(key.wrapped),
                ])
        case .setState(let organization, let key, let state):
            try update(database, "state", state.rawValue, organization, key)
        case .setWrapped(let organization, let key, let wrapped):
            try update(database, "wrapped", Data(wrapped), organization, key)
        case .shred(let organization):
            try database.execute(sql: "DELETE FROM org_keys WHERE org_id = ?", arguments: [try id(organization)])
        }
    }

    private func update(
        _ database: Database, _ column: String, _ value: any DatabaseValueConvertible, _ organization: String,
        _ key: KeyID
    ) throws {
        try database.execute(
            sql: "UPDATE org_keys SET \(column) = ? WHERE org_id = ? AND key_id = ?",
            arguments: [value, try id(organization), key])
        guard database.changesCount == 1 else { throw StoreError(.conflict, "keys: no such key") }
    }

    private func id(_ organization: String) throws -> OrganizationID {
        guard let id = OrganizationID(organization) else { throw StoreError(.refused, "keys: no such organization") }
        return id
    }

    // MARK: - Records under a key

    func recordCount(of organization: String, under key: KeyID) async throws -> Int {
        guard let id = OrganizationID(organization) else { return 0 }
        return try await store.read("records") { database in
            try SealedColumn.all.reduce(0) { sum, column in
                let count = try Int.fetchOne(
                    database, sql: "SELECT count(*) FROM \(column.table) WHERE org_id = ? AND key_id = ?",
                    arguments: [id, key])
                return sum + (count ?? 0)
            }
        }
    }

    func records(
        of organization: String, under key: KeyID, after cursor: String?, limit: Int
    ) async throws -> [StoredRecord] {
        guard let id = OrganizationID(organization) else { return [] }
        return try await store.read("records") { database in
            var found: [StoredRecord] = []
            for column in SealedColumn.all {
                // Ids begin with the table's name, so tables come one after another in the order of ids.
                let rows = try Row.fetchAll(
                    database,
                    sql: """
                        SELECT * FROM (
                            SELECT \(column.idExpression) AS record_id, \(column.keyColumns), \(column.column) AS sealed
                            FROM \(column.table) WHERE org_id = ? AND key_id = ?
                        ) WHERE record_id > ? ORDER BY record_id LIMIT ?
                        """,
                    arguments: [id, key, cursor ?? "", limit - found.count])
                for row in rows {
                    found.append(
                        StoredRecord(
                            id: try row.value("record_id"), kind: column.kind, context: try column.context(id, row),
                            sealed: try row.blob("sealed")))
                }
                if found.count == limit { break }
            }
            return found
        }
    }

    func replace(_ record: StoredRecord, of organization: String, with new: [UInt8]) async throws -> Bool {
        guard let id = OrganizationID(organization), let column = SealedColumn.of(record: record.id) else {
            return false
        }
        return try await store.write("records") { database in
            try database.execute(
                sql: """
                    UPDATE \(column.table) SET \(column.column) = ?, key_id = ?
                    WHERE org_id = ? AND \(column.idExpression) = ? AND \(column.column) = ?
                    """,
                arguments: [
                    Data(new), try SealedRecord.keyID(of: new.span, kind: record.kind), id, record.id,
                    Data(record.sealed),
                ])
            return database.changesCount == 1
        }
    }
}

extension SealedColumn {
    /// SQL for the record's id.
    fileprivate var idExpression: String {
        idExpression { name, form in form == .text ? name : "lower(hex(\(name)))" }
    }
}
