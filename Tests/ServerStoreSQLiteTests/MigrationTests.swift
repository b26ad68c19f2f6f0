internal import Foundation
internal import GRDB
internal import ServerStore
internal import ServerStoreContract
internal import ServerStoreSQLite
internal import Testing

@Suite struct SQLiteMigrationTests {
    /// A database of before there were blocks: a row for each event.
    @Test func eventsOfAnOlderDatabaseAreKept() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("pipemason-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("server.sqlite").path
        let store = try SQLiteStore(path: path)
        let run = try await FilledRun.make(in: store)
        let events = try await run.events(in: store)
        #expect(events.count == 30)
        try store.close()

        let database = try DatabaseQueue(path: path)
        try await database.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE events (
                        org_id BLOB NOT NULL, run_id BLOB NOT NULL, seq INTEGER NOT NULL, hash BLOB NOT NULL,
                        line BLOB NOT NULL, PRIMARY KEY (org_id, run_id, seq),
                        FOREIGN KEY (org_id, run_id) REFERENCES runs ON DELETE CASCADE
                    ) STRICT, WITHOUT ROWID
                    """)
            for event in events {
                try database.execute(
                    sql: "INSERT INTO events SELECT org_id, run_id, ?, zeroblob(32), ? FROM runs",
                    arguments: [event.sequence, Data(event.line)])
            }
            try database.execute(sql: "DROP TABLE event_blocks")
            try database.execute(sql: "DELETE FROM grdb_migrations WHERE identifier = 'event-blocks'")
        }
        try database.close()

        let migrated = try SQLiteStore(path: path)
        #expect(try await run.events(in: migrated) == events)
        #expect(try await migrated.selfCheck().isEmpty)
        try migrated.close()
    }
}
