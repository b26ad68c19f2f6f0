internal import GRDB
public import ServerStore

extension SQLiteStore {
    public func sweep(now: Timestamp) async throws -> Int {
        try await write("sweep") { database in
            var removed = 0
            for table in ["sessions", "sign_in_links", "challenges", "device_grants", "invitations"] {
                let key = Self.hashColumn(of: table)
                try database.execute(
                    sql:
                        "DELETE FROM \(table) WHERE \(key) IN (SELECT \(key) FROM \(table) WHERE expires <= ? LIMIT ?)",
                    arguments: [now, StoreLimits.sweep])
                removed += database.changesCount
            }
            let organizations = try Row.fetchAll(database, sql: "SELECT * FROM orgs WHERE retention_days IS NOT NULL")
            for organization in try organizations.map({ try $0.organization() }) {
                removed += try self.expireRuns(of: organization, in: database, now: now)
            }
            return removed
        }
    }

    private static func hashColumn(of table: String) -> String { table == "device_grants" ? "device_hash" : "hash" }

    /// Deletes runs that were last heard of before the organization's retention. The server's clock counts, not the
    /// runner's.
    private func expireRuns(of organization: Organization, in database: Database, now: Timestamp) throws -> Int {
        guard let days = organization.retentionDays else { return 0 }
        try database.execute(
            sql: """
                DELETE FROM runs WHERE org_id = :org AND run_id IN (
                    SELECT run_id FROM runs WHERE org_id = :org AND updated < :limit LIMIT :count)
                """,
            arguments: [
                "org": organization.id, "limit": now - .seconds(86_400 * days), "count": StoreLimits.sweep,
            ])
        let removed = database.changesCount
        if removed > 0 {
            try database.audit(.server(organization.id), .runsExpired, detail: "\(removed) runs", now: now)
        }
        return removed
    }

    public func selfCheck() async throws -> [String] {
        try await read("check") { database in
            var problems = try String.fetchAll(database, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
            for row in try Row.fetchAll(database, sql: "PRAGMA foreign_key_check") {
                problems.append("a row of \(row[0] as String? ?? "?") refers to a row that is not there")
            }
            let uneven = try Row.fetchAll(
                database,
                sql: """
                    SELECT runs.run_id, next_seq, coalesce(sum(last_seq - first_seq + 1), 0) AS count,
                        coalesce(max(last_seq), 0) AS last
                    FROM runs LEFT JOIN event_blocks USING (org_id, run_id) GROUP BY org_id, run_id
                    HAVING count <> next_seq - 1 OR last <> next_seq - 1
                    """)
            for row in uneven {
                let run: RunID = try row.value("run_id")
                problems.append("run \(run): its events do not agree with their count")
            }
            return problems
        }
    }
}
