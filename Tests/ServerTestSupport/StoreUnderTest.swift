package import Foundation
internal import PostgresTestSupport
package import ServerStore
internal import ServerStorePostgres
internal import ServerStoreSQLite
internal import Synchronization

/// The store that a fixture works on: SQLite, or PostgreSQL when `PIPEMASON_TEST_STORE` is `postgres`.
package final class StoreUnderTest: Sendable {
    package let store: any ControlPlaneStore
    /// The database's name in PostgreSQL.
    private let database: String?
    private let directory: URL
    private let isClosed = Mutex(false)

    package enum Kind: Sendable {
        case sqlite, postgres
        /// As the environment says.
        case any
    }

    package init(_ kind: Kind, _ directory: URL, connections: Int = 8) throws {
        self.directory = directory
        let isPostgres =
            switch kind {
            case .sqlite: false
            case .postgres: true
            case .any: ProcessInfo.processInfo.environment["PIPEMASON_TEST_STORE"] == "postgres"
            }
        guard isPostgres else {
            database = nil
            store = try SQLiteStore(path: directory.appendingPathComponent("server.sqlite").path)
            return
        }
        let cluster = try PostgresCluster.shared.get()
        let name = try cluster.newDatabase()
        database = name
        store = try PostgresStore(try cluster.address(name), connections: connections)
    }

    private init(store: any ControlPlaneStore, directory: URL) {
        (self.store, self.directory, database) = (store, directory, nil)
    }

    /// Another server's store on the same database.
    package func another() throws -> StoreUnderTest {
        guard let database else { throw StoreError(.refused, "a file has one server") }
        let cluster = try PostgresCluster.shared.get()
        return StoreUnderTest(
            store: try PostgresStore(try cluster.address(database), connections: 8), directory: directory)
    }

    /// Closes the store, which writes everything into its place. Once is enough.
    package func close() {
        let isFirst = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return !isClosed
        }
        guard isFirst else { return }
        try? store.close()
    }

    package func remove() {
        close()
        if let database { try? PostgresCluster.shared.get().dropDatabase(database) }
    }

    /// Files of the store that hold a text: the database, its write-ahead log, a backup that is made when there is none.
    package func files(holding text: String) async throws -> [String] {
        guard database == nil else {
            let cluster = try PostgresCluster.shared.get()
            try cluster.sql("CHECKPOINT")
            return try Self.search(text, in: cluster.directory + "/data")
        }
        let backup = directory.appendingPathComponent("backup.sqlite").path
        if let embedded = store as? SQLiteStore, !FileManager.default.fileExists(atPath: backup) {
            try await embedded.backup(to: backup)
        }
        return try Self.search(text, in: directory.path)
    }

    private static func search(_ text: String, in directory: String) throws -> [String] {
        let result = try PostgresCluster.run("/usr/bin/grep", ["-rlaF", "--", text, directory])
        // 1: in none. More: the search itself failed.
        guard result.status < 2 else { throw StoreError(.unavailable, "search: \(result.output)") }
        return result.output.split(separator: "\n").map(String.init)
    }
}
