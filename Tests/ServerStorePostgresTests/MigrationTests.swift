internal import PostgresTestSupport
internal import ServerStore
internal import ServerStoreContract
internal import Testing

@testable internal import ServerStorePostgres

@Suite(.enabled(if: PostgresCluster.isExpected)) struct PostgresMigrationTests {
    /// A database of before there were blocks: a row for each event.
    @Test func eventsOfAnOlderDatabaseAreKept() async throws {
        try await withStore { store, database, cluster in
            let run = try await FilledRun.make(in: store)
            let events = try await run.events(in: store)
            #expect(events.count == 30)
            var statements = [
                """
                CREATE TABLE events (
                    org_id uuid NOT NULL, run_id uuid NOT NULL, seq bigint NOT NULL, hash bytea NOT NULL,
                    line bytea NOT NULL, PRIMARY KEY (org_id, run_id, seq),
                    FOREIGN KEY (org_id, run_id) REFERENCES runs ON DELETE CASCADE)
                """
            ]
            let keys = try cluster.sql("SELECT org_id, run_id FROM runs", database: database, role: "admin")
                .split(separator: "|").map { "'\($0)'" }.joined(separator: ", ")
            for event in events {
                let line = event.line.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
                statements.append("INSERT INTO events VALUES (\(keys), \(event.sequence), '', '\\x\(line)')")
            }
            let own = "org_id = (SELECT app_org())"
            statements += [
                "ALTER TABLE events OWNER TO pipemason", "ALTER TABLE events ENABLE ROW LEVEL SECURITY",
                "ALTER TABLE events FORCE ROW LEVEL SECURITY",
                "CREATE POLICY scoped ON events USING (\(own)) WITH CHECK (\(own))", "DROP TABLE event_blocks",
                // What came after the blocks was not there either.
                "DROP TABLE loose_bodies", "DROP TRIGGER artifact_leaves_body ON artifacts",
                "DROP FUNCTION artifact_leaves_body()", "ALTER TABLE artifacts DROP COLUMN body_id",
                "DELETE FROM schema_versions WHERE version >= 4",
            ]
            _ = try cluster.sql(statements.joined(separator: ";\n"), database: database, role: "admin")

            let migrated = try PostgresStore(try cluster.address(database), connections: 2)
            #expect(try await run.events(in: migrated) == events)
            #expect(try await migrated.selfCheck().isEmpty)
            migrated.close()
        }
    }
}
