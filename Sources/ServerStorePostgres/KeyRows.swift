internal import SealingKit
public import ServerStore

extension PostgresStore {
    public func receiptKey(_ scope: Scope) async throws -> ReceiptKey? {
        try await query(
            "receipt key", .scope(scope), "SELECT * FROM receipt_keys WHERE org_id = $1", [scope.organization]
        ) { try $0.receiptKey() }.first
    }

    public func addReceiptKey(_ scope: Scope, _ key: ReceiptKey) async throws {
        let sealedUnder = try SealedRecord.keyID(of: key.sealed.span, kind: .field)
        _ = try await write("receipt key", .scope(scope)) { transaction in
            try transaction.execute(
                """
                INSERT INTO receipt_keys (org_id, receipt_key_id, public_key, key_id, sealed, created)
                VALUES ($1, $2, $3, $4, $5, $6)
                """, [scope.organization, key.id, Bytes(key.publicKey), sealedUnder, Bytes(key.sealed), key.created])
        }
    }
}

/// The key rows, and the sealed columns, as SealingKit's `KeyRing` sees them.
struct PostgresKeys: KeyRingStore {
    let store: PostgresStore

    /// One organization after another: none is seen together with another.
    func organizations() async throws -> [String] {
        var found: [String] = []
        for organization in try await store.organizations() {
            let keys = try await store.query(
                "keys", Visibility(organization: organization.id),
                "SELECT 1::bigint AS n FROM org_keys WHERE org_id = $1 LIMIT 1", [organization.id]
            ) { try $0.value("n", as: Int.self) }
            if !keys.isEmpty { found.append(organization.id.description) }
        }
        return found
    }

    func keys(of organization: String) async throws -> [OrganizationKey] {
        guard let id = OrganizationID(organization) else { return [] }
        return try await store.query(
            "keys", Visibility(organization: id),
            "SELECT * FROM org_keys WHERE org_id = $1 ORDER BY purpose, version", [id]
        ) { try $0.organizationKey(of: organization) }
    }

    func apply(_ changes: [KeyChange]) async throws {
        try await store.write("keys", Visibility()) { transaction in
            for change in changes { try apply(change, in: transaction) }
        }
    }

    private func apply(_ change: KeyChange, in transaction: Transaction) throws {
        switch change {
        case .insert(let key):
            let organization = try see(key.organization, in: transaction)
            try transaction.execute(
                """
                INSERT INTO org_keys (org_id, purpose, version, key_id, state, created, wrapped)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                """,
                [
                    organization, key.purpose.rawValue, key.version, key.id, key.state.rawValue, key.created,
                    Bytes(key.wrapped),
                ])
        case .setState(let organization, let key, let state):
            try update(transaction, "state", state.rawValue, organization, key)
        case .setWrapped(let organization, let key, let wrapped):
            try update(transaction, "wrapped", Bytes(wrapped), organization, key)
        case .shred(let organization):
            try transaction.execute(
                "DELETE FROM org_keys WHERE org_id = $1", [try see(organization, in: transaction)])
        }
    }

    private func update(
        _ transaction: Transaction, _ column: String, _ value: any PostgresValue, _ organization: String, _ key: KeyID
    ) throws {
        let changed = try transaction.execute(
            "UPDATE org_keys SET \(column) = $1 WHERE org_id = $2 AND key_id = $3",
            [value, try see(organization, in: transaction), key])
        guard changed == 1 else { throw StoreError(.conflict, "keys: no such key") }
    }

    /// Lets the transaction see the organization's rows; returns its id.
    private func see(_ organization: String, in transaction: Transaction) throws -> OrganizationID {
        guard let id = OrganizationID(organization) else { throw StoreError(.refused, "keys: no such organization") }
        transaction.see(Visibility(organization: id))
        return id
    }

    // MARK: - Records under a key

    func recordCount(of organization: String, under key: KeyID) async throws -> Int {
        guard let id = OrganizationID(organization) else { return 0 }
        return try await store.read("records", Visibility(organization: id)) { transaction in
            try SealedColumn.all.reduce(0) { sum, column in
                sum
                    + (try transaction.count(
                        "SELECT count(*) AS n FROM \(column.table) WHERE org_id = $1 AND key_id = $2", [id, key]))
            }
        }
    }

    func records(
        of organization: String, under key: KeyID, after cursor: String?, limit: Int
    ) async throws -> [StoredRecord] {
        guard let id = OrganizationID(organization) else { return [] }
        return try await store.read("records", Visibility(organization: id)) { transaction in
            var found: [StoredRecord] = []
            for column in SealedColumn.all {
                // Ids begin with the table's name, so tables come one after another in the order of ids.
                found += try transaction.rows(
                    """
                    SELECT * FROM (
                        SELECT (\(column.idExpression)) COLLATE "C" AS record_id, \(column.keyColumns),
                            \(column.column) AS sealed_value
                        FROM \(column.table) WHERE org_id = $1 AND key_id = $2
                    ) AS records WHERE record_id > $3 ORDER BY record_id LIMIT $4
                    """, [id, key, cursor ?? "", limit - found.count]
                ).map { row in
                    StoredRecord(
                        id: try row.value("record_id"), kind: column.kind, context: try column.context(id, row),
                        sealed: try row.blob("sealed_value"))
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
        let under = try SealedRecord.keyID(of: new.span, kind: record.kind)
        return try await store.write("records", Visibility(organization: id)) { transaction in
            try transaction.execute(
                """
                UPDATE \(column.table) SET \(column.column) = $1, key_id = $2
                WHERE org_id = $3 AND \(column.idExpression) = $4 AND \(column.column) = $5
                """, [Bytes(new), under, id, record.id, Bytes(record.sealed)]) == 1
        }
    }
}

extension SealedColumn {
    /// SQL for the record's id.
    fileprivate var idExpression: String {
        idExpression { name, form in
            switch form {
            case .id: "encode(uuid_send(\(name)), 'hex')"
            case .bytes: "encode(\(name), 'hex')"
            case .text: name
            }
        }
    }
}
