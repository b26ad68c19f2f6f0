public import ServerStore

extension Transaction {
    /// Writes an audit entry, in the transaction of what it tells of.
    func audit(
        _ scope: Scope, _ action: AuditAction, subject: some CustomStringConvertible = "", detail: String = "",
        now: Timestamp
    ) throws {
        let actor: String
        let id: (any PostgresValue)?
        switch scope.actor {
        case .runner(let runner): (actor, id) = ("runner", runner)
        case .user(let user, _): (actor, id) = ("user", user)
        case .server: (actor, id) = ("server", nil)
        }
        try execute(
            """
            INSERT INTO audit (org_id, audit_id, time, actor, actor_id, action, subject, detail, address)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            """,
            [
                scope.organization, AuditID.new(at: now), now, actor, id ?? UserID?.none, action.rawValue,
                subject.description, detail, scope.address,
            ])
    }
}

extension PostgresStore {
    public func audit(_ scope: Scope, before: AuditID?, limit: Int) async throws -> [AuditEntry] {
        try await query(
            "audit", .scope(scope),
            """
            SELECT * FROM audit WHERE org_id = $1 AND ($2 IS NULL OR audit_id < $2) ORDER BY audit_id DESC LIMIT $3
            """, [scope.organization, before, limit]
        ) { try $0.auditEntry() }
    }

    public func record(
        _ scope: Scope, _ action: AuditAction, subject: String, detail: String, now: Timestamp
    ) async throws {
        try await write("audit", .scope(scope)) { transaction in
            try transaction.audit(scope, action, subject: subject, detail: detail, now: now)
        }
    }
}
