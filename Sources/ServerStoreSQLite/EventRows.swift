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
            var page = EventPage(after: after, limit: limit, bytes: bytes)
            let blocks = try database.eventBlocks(scope.organization, run, after: after)
            while let block = try blocks.next(), try page.add(block) {}
            return page.events
        }
    }
}

extension Database {
    /// The blocks of a run that end behind an event, in order.
    fileprivate func eventBlocks(
        _ organization: OrganizationID, _ run: RunID, after: Int64
    ) throws -> some Cursor<EventBlock> {
        let statement = try cachedStatement(
            sql: """
                SELECT first_seq, last_seq, content FROM event_blocks WHERE org_id = ? AND run_id = ? AND last_seq > ?
                ORDER BY last_seq
                """)
        return try Row.fetchCursor(statement, arguments: [organization, run, after]).map { row in
            let content = try row.withUnsafeData(atIndex: 2) { $0.map { Array($0) } }
            guard let content else { throw StoreError(.damaged, "column content") }
            return EventBlock(first: row[0], last: row[1], content: content)
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
        for block in EventBlock.pack(new.map { StoredEvent(sequence: $0.sequence, line: $0.line) }) {
            try insert(block, in: database)
        }
        for event in new {
            run.summary.apply(event.effect)
            run.eventBytes += Int64(event.line.count)
        }
        run.chain = ChainHead(next: last.sequence + 1, hash: last.hash)
        run.updated = now
        try database.updateRun(organization, run)
        return .accepted(run, added: new.count)
    }

    /// The number of the first event that is stored otherwise.
    private func firstDifference(_ known: ArraySlice<IncomingEvent>, in database: Database) throws -> Int64? {
        guard let first = known.first else { return nil }
        var page = EventPage(after: first.sequence - 1, limit: known.count, bytes: .max)
        let blocks = try database.eventBlocks(organization, run, after: first.sequence - 1)
        while let block = try blocks.next(), try page.add(block) {}
        return try known.firstDifference(to: page.events)
    }

    private func insert(_ block: EventBlock, in database: Database) throws {
        let statement = try database.cachedStatement(
            sql: "INSERT INTO event_blocks (org_id, run_id, first_seq, last_seq, content) VALUES (?, ?, ?, ?, ?)")
        try statement.execute(arguments: [organization, run, block.first, block.last, Data(block.content)])
    }
}
