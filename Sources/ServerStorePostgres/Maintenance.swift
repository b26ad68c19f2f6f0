public import ServerStore

extension PostgresStore {
    public func sweep(now: Timestamp) async throws -> Int {
        var removed = 0
        for (table, key) in [
            ("sessions", "hash"), ("sign_in_links", "hash"), ("challenges", "hash"), ("device_grants", "device_hash"),
            ("invitations", "hash"),
        ] {
            // What another server is deleting at this moment is left to it.
            removed += try await write("sweep", Visibility(task: .sweep)) { transaction in
                try transaction.execute(
                    """
                    DELETE FROM \(table) WHERE \(key) IN (
                        SELECT \(key) FROM \(table) WHERE expires <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)
                    """, [now, StoreLimits.sweep])
            }
        }
        let organizations = try await query(
            "sweep", Visibility(task: .list), "SELECT * FROM orgs WHERE retention_days IS NOT NULL ORDER BY org_id", []
        ) { try $0.organization() }
        for organization in organizations { removed += try await expireRuns(of: organization, now: now) }
        return removed
    }

    /// Deletes runs that were last heard of before the organization's retention. The server's clock counts, not the
    /// runner's.
    private func expireRuns(of organization: Organization, now: Timestamp) async throws -> Int {
        guard let days = organization.retentionDays else { return 0 }
        let limit = now - .seconds(86_400 * days)
        var removed = 0
        while removed < StoreLimits.sweep {
            let part = try await write("sweep", Visibility(organization: organization.id)) { transaction in
                let count = try transaction.execute(
                    """
                    DELETE FROM runs WHERE org_id = $1 AND run_id IN (
                        SELECT run_id FROM runs WHERE org_id = $1 AND updated < $2 LIMIT $3 FOR UPDATE SKIP LOCKED)
                    """, [organization.id, limit, Self.expiry])
                if count > 0 {
                    try transaction.audit(.server(organization.id), .runsExpired, detail: "\(count) runs", now: now)
                }
                return count
            }
            removed += part
            if part < Self.expiry { break }
        }
        return removed
    }

    /// Runs that one transaction deletes: with their events, a second's work.
    private static var expiry: Int { 50 }

    public func selfCheck() async throws -> [String] {
        var problems = try await pool.run("check") { connection in
            try Self.unprotected(connection).map { "the table \($0) has no forced row-level security" }
        }
        problems += try await query(
            "check", Visibility(),
            "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'", []
        ) {
            "the database runs with \(try $0.value("name", as: String.self)) off: a power cut can lose what was stored"
        }
        for organization in try await organizations() {
            problems += try await checkRuns(of: organization.id)
        }
        return problems
    }

    /// Counts a part of an organization's runs at a time, so that no statement takes as long as a statement may.
    private func checkRuns(of organization: OrganizationID) async throws -> [String] {
        var problems: [String] = []
        var last: RunID?
        while true {
            let part = try await query(
                "check", Visibility(organization: organization),
                """
                SELECT runs.run_id, next_seq, coalesce(sum(last_seq - first_seq + 1), 0)::bigint AS found,
                    coalesce(max(last_seq), 0) AS last_seq
                FROM (
                    SELECT org_id, run_id, next_seq FROM runs WHERE org_id = $1 AND ($2 IS NULL OR run_id > $2)
                    ORDER BY run_id LIMIT 100
                ) AS runs LEFT JOIN event_blocks USING (org_id, run_id)
                GROUP BY runs.run_id, next_seq ORDER BY runs.run_id
                """, [organization, last]
            ) { row in
                let next: Int64 = try row.value("next_seq")
                let isEven = try row.value("found") == next - 1 && row.value("last_seq") == next - 1
                return (run: try row.value("run_id", as: RunID.self), isEven: isEven)
            }
            for (run, isEven) in part where !isEven {
                problems.append("run \(run): its events do not agree with their count")
            }
            guard let final = part.last?.run else { return problems }
            last = final
        }
    }
}
