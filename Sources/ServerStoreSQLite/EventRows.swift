internal import Foundation
internal import GRDB
public import ServerStore

extension SQLiteStore {
    public func append(
        _ scope: Scope, to run: RunID, _ events: [IncomingEvent], now: Timestamp
    ) async throws -> AppendResult {
        guard case .runner(let runner) = scope.actor else { throw StoreError(.refused, "events: not a runner") }
        let batch = EventBatch(
            organization: scope.organization, runner: runner, run: run, events: events, now: now)
        do { return try await appends.append(batch) } catch let error as DatabaseError {
            throw StoreError(error, "events")
        }
    }

    public func events(
        _ scope: Scope, of run: RunID, after: Int64, limit: Int, bytes: Int
    ) async throws -> [StoredEvent] {
        try await read("events") { database in
            if case .runner = scope.actor {
                guard try database.visibleRun(scope, run) != nil else { return [] }
            }
            let statement = try database.cachedStatement(
                sql: """
                    SELECT seq, line FROM events WHERE org_id = ? AND run_id = ? AND seq > ? ORDER BY seq LIMIT ?
                    """)
            let rows = try Row.fetchCursor(statement, arguments: [scope.organization, run, after, limit])
            var events: [StoredEvent] = []
            var total = 0
            while let row = try rows.next() {
                let line: [UInt8] = try row.withUnsafeData(atIndex: 1) { data in
                    guard let data else { throw StoreError(.damaged, "column line") }
                    return Array(data)
                }
                total += line.count
                if total > bytes, !events.isEmpty { break }
                events.append(StoredEvent(sequence: row[0], line: line))
            }
            return events
        }
    }
}

/// A batch of one request.
struct EventBatch: Sendable {
    let organization: OrganizationID
    let runner: RunnerTokenID
    let run: RunID
    let events: [IncomingEvent]
    let now: Timestamp

    /// Decides and stores, inside a transaction.
    func store(in database: Database) throws -> AppendResult {
        guard let first = events.first else { throw StoreError(.refused, "events: an empty batch") }
        guard var run = try database.runRow(organization, run)?.run(), run.runner == runner else { return .noRun }
        guard first.sequence <= run.chain.next else { return .gap(run.chain) }
        let known = events.prefix { $0.sequence < run.chain.next }
        if let fork = try firstDifference(known, in: database) { return .fork(at: fork, run.chain) }
        let new = events[known.endIndex...]
        guard let next = new.first, let last = new.last else { return .accepted(run, added: 0) }
        guard next.previous == run.chain.hash else { return .fork(at: next.sequence, run.chain) }
        for event in new {
            try insert(event, in: database)
            run.summary.apply(event.effect)
            run.eventBytes += Int64(event.line.count)
        }
        run.chain = ChainHead(next: last.sequence + 1, hash: last.hash)
        run.updated = now
        try database.updateRun(organization, run)
        return .accepted(run, added: new.count)
    }

    /// The number of the first event that is stored with another hash.
    private func firstDifference(_ known: ArraySlice<IncomingEvent>, in database: Database) throws -> Int64? {
        guard let first = known.first, let last = known.last else { return nil }
        let statement = try database.cachedStatement(
            sql: "SELECT hash FROM events WHERE org_id = ? AND run_id = ? AND seq BETWEEN ? AND ? ORDER BY seq")
        let stored = try Data.fetchAll(statement, arguments: [organization, run, first.sequence, last.sequence])
        guard stored.count == known.count else { throw StoreError(.damaged, "events: some are missing") }
        return zip(known, stored).first { !$0.hash.elementsEqual($1) }?.0.sequence
    }

    private func insert(_ event: IncomingEvent, in database: Database) throws {
        let statement = try database.cachedStatement(
            sql: "INSERT INTO events (org_id, run_id, seq, hash, line) VALUES (?, ?, ?, ?, ?)")
        try statement.execute(arguments: [organization, run, event.sequence, Data(event.hash), Data(event.line)])
    }
}
