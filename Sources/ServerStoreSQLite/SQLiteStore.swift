internal import Foundation
internal import GRDB
public import SealingKit
public import ServerStore

/// The control plane's store in one SQLite file: write-ahead log, one writer, many readers.
///
/// Every commit is flushed (`synchronous = FULL`), so what was acknowledged survives a power cut. Batches of events that
/// arrive while a commit is being flushed are committed together by the next one (`AppendQueue`).
public final class SQLiteStore: ControlPlaneStore {
    let pool: DatabasePool
    let appends: AppendQueue

    public var keys: any KeyRingStore { SQLiteKeys(store: self) }

    /// How long a statement waits for another process that holds the file, such as a backup.
    public static let busyTimeout: Duration = .seconds(5)
    /// Connections for reading.
    public static let readers = 8

    /// Opens the file, makes it if it is not there, and brings its schema up to date.
    /// - Throws: `StoreError(.unavailable)` when the file can not be opened, `.damaged` when it is no database or of a newer
    ///   version of this program.
    public init(path: String) throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(TimeInterval(Self.busyTimeout.components.seconds))
        configuration.maximumReaderCount = Self.readers
        configuration.prepareDatabase { database in
            // WAL alone flushes at checkpoints only; FULL flushes at each commit (sqlite.org/pragma.html#pragma_synchronous).
            try database.execute(sql: "PRAGMA synchronous = FULL")
            // Deleted content is overwritten where that costs no further writes.
            try database.execute(sql: "PRAGMA secure_delete = FAST")
            try database.execute(sql: "PRAGMA trusted_schema = OFF")
            try database.execute(sql: "PRAGMA cell_size_check = ON")
            // 16 MiB of log between checkpoints, four times the default: fewer pages are written twice.
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
        }
        do {
            pool = try DatabasePool(path: path, configuration: configuration)
            let migrator = Schema.migrator
            guard try pool.read({ try !migrator.hasBeenSuperseded($0) }) else {
                throw StoreError(.damaged, "the database is of a newer version of this program")
            }
            try migrator.migrate(pool)
        } catch let error as DatabaseError {
            throw StoreError(error, "open")
        }
        appends = AppendQueue(pool: pool)
    }

    public func ping() async throws {
        try await read("ping") { database in _ = try Int.fetchOne(database, sql: "SELECT 1") }
    }

    /// The process that has the directory is alone.
    public func exclusively<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await body()
    }

    /// Copies the whole database to a new file while others go on reading and writing.
    /// - Throws: `.conflict` when the file exists.
    public func backup(to path: String) async throws {
        guard !FileManager.default.fileExists(atPath: path) else {
            throw StoreError(.conflict, "backup: the file exists")
        }
        do {
            let target = try DatabaseQueue(path: path)
            try pool.backup(to: target)
            try target.close()
        } catch let error as DatabaseError {
            throw StoreError(error, "backup")
        }
    }

    /// Writes everything into the database file and closes it.
    public func close() throws {
        try pool.writeWithoutTransaction { database in _ = try database.checkpoint(.truncate) }
        try pool.close()
    }

    // MARK: - For the other files of this module

    /// Runs `body` on a snapshot.
    func read<Value: Sendable>(
        _ place: String, _ body: @Sendable @escaping (Database) throws -> Value
    ) async throws -> Value {
        do { return try await pool.read(body) } catch let error as DatabaseError { throw StoreError(error, place) }
    }

    /// Runs `body` in a transaction that is durable when this returns.
    func write<Value: Sendable>(
        _ place: String, _ body: @Sendable @escaping (Database) throws -> Value
    ) async throws -> Value {
        do { return try await pool.write(body) } catch let error as DatabaseError { throw StoreError(error, place) }
    }
}

extension StoreError {
    /// Says what went wrong without the statement or its arguments, which may hold tenants' data.
    init(_ error: DatabaseError, _ place: String) {
        switch error.resultCode {
        case .SQLITE_CONSTRAINT: self.init(.conflict, place)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT: self.init(.damaged, "\(place): \(error.resultCode)")
        default: self.init(.unavailable, "\(place): \(error.resultCode)")
        }
    }
}
