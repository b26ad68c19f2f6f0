internal import GRDB
public import ServerStore

extension Database {
    /// Writes an audit entry, in the transaction of what it tells of.
    func audit(
        _ scope: Scope, _ action: AuditAction, subject: some CustomStringConvertible = "", detail: String = "",
        now: Timestamp
    ) throws {
        let (actor, actorID): (String, DatabaseValue)
        switch scope.actor {
        case .runner(let id): (actor, actorID) = ("runner", id.databaseValue)
        case .user(let id, _): (actor, actorID) = ("user", id.databaseValue)
        case .server: (actor, actorID) = ("server", .null)
        }
        try execute(
            sql: """
                INSERT INTO audit (org_id, audit_id, time, actor, actor_id, action, subject, detail, address)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                scope.organization, AuditID.new(at: now), now, actor, actorID, action.rawValue, subject.description,
                detail,
                scope.address,
            ])
    }
}

extension SQLiteStore {
    public func audit(_ scope: Scope, before: AuditID?, limit: Int) async throws -> [AuditEntry] {
        try await read("audit") { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM audit WHERE org_id = :org AND (:before IS NULL OR audit_id < :before)
                    ORDER BY audit_id DESC LIMIT :limit
                    """,
                arguments: ["org": scope.organization, "before": before, "limit": limit]
            ).map { try $0.auditEntry() }
        }
    }

    public func record(
        _ scope: Scope, _ action: AuditAction, subject: String, detail: String, now: Timestamp
    ) async throws {
        try await write("audit") { database in
            try database.audit(scope, action, subject: subject, detail: detail, now: now)
        }
    }
}
