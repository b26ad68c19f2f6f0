internal import OpenSSLEngine
internal import ServerStore
package import ServerStorePostgres
package import ServerStoreSQLite
internal import TextEncodings

/// Copies an installation from its SQLite file into an empty PostgreSQL database: every row of every table, as it is.
///
/// A copy that was stopped goes on where it was. Rows are read back and compared byte for byte before servers may start there. The
/// key file is not part of it: it stays the same.
package struct StoreCopy {
    private let source: SQLiteStore
    private let address: PostgresAddress

    /// Rows of a batch, and for large ones how many bytes.
    private static let batch = 500
    private static let largeBatch = 8

    /// - Parameter source: The file, which nothing else may write meanwhile: hold the directory's lock.
    package init(from source: SQLiteStore, to address: PostgresAddress) {
        self.source = source
        self.address = address
    }

    /// Copies, compares, and opens the target for servers.
    /// - Parameter tell: Is told of each table.
    /// - Returns: how many rows there are.
    package func run(tell: (String) -> Void) async throws -> Int {
        let target = try open(identity: try await identity())
        let tables = try await source.rawTables()
        try target.check(tables)
        let total = try await copy(tables, target, tell: tell)
        for table in tables { try await compare(table, target) }
        try target.finish()
        return total
    }

    private func open(identity: String) throws -> CopyTarget { try CopyTarget(address, source: identity) }

    private func copy(_ tables: [RawTable], _ target: CopyTarget, tell: (String) -> Void) async throws -> Int {
        var total = 0
        for table in tables {
            let rows = try await copy(table, target, tell: tell)
            tell("\(table.name): \(rows) rows")
            total += rows
        }
        return total
    }

    /// Copies what is not there yet; returns how many rows there are.
    private func copy(_ table: RawTable, _ target: CopyTarget, tell: (String) -> Void) async throws -> Int {
        let progress = try target.progress(of: table)
        if progress.rows > 0 { tell("\(table.name): \(progress.rows) rows are there already") }
        let added = try await forEachBatch(of: table, after: progress.last) { try target.add($0, to: table) }
        let count = try await source.rawCount(of: table)
        guard count == progress.rows + added else {
            throw StoreError(.conflict, "\(table.name): the source has changed meanwhile")
        }
        return count
    }

    private func compare(_ table: RawTable, _ target: CopyTarget) async throws {
        _ = try await forEachBatch(of: table, after: nil) { batch in
            let differences = try target.differences(batch, of: table)
            guard differences == 0 else {
                throw StoreError(.damaged, "\(table.name): \(differences) rows are not there as they are here")
            }
        }
    }

    /// Does `body` with all rows behind a key, a batch at a time; returns how many there were.
    private func forEachBatch(
        of table: RawTable, after start: [RawValue]?, _ body: ([[RawValue]]) throws -> Void
    ) async throws -> Int {
        var count = 0
        var last = start
        var isMore = true
        while isMore {
            let batch = try await next(table, last)
            if batch.isEmpty {
                isMore = false
            } else {
                try body(batch)
                count += batch.count
                last = table.key(of: batch[batch.count - 1])
            }
        }
        return count
    }

    /// Bodies of artifacts are large, so there are few in a batch.
    private func next(_ table: RawTable, _ last: [RawValue]?) async throws -> [[RawValue]] {
        try await source.rawRows(
            of: table, after: last, limit: table.columns.contains("body") ? Self.largeBatch : Self.batch)
    }

    /// Tells this installation from others: its organizations and when they were made.
    private func identity() async throws -> String { try Self.digest(try await source.organizations()) }

    private static func digest(_ organizations: [Organization]) throws -> String {
        let text = organizations.map { "\($0.id) \($0.created.milliseconds)\n" }.joined()
        let bytes = Array(text.utf8)
        let digest = try Digest.sha256(bytes.span)
        return Hex.encode(digest.span)
    }
}
