public import ServerStore

extension PostgresStore {
    /// Everything at once in one transaction, on condition that the run is as it was when this server stored its last batch: one
    /// round trip. If it is not, or there was none, two: the run as it is, then the same. So no lock is held while the server computes, and
    /// none by a server that went away.
    public func append(
        _ scope: Scope, to run: RunID, _ events: [IncomingEvent], now: Timestamp
    ) async throws -> AppendResult {
        guard case .runner = scope.actor else { throw StoreError(.refused, "events: not a runner") }
        guard let first = events.first else { throw StoreError(.refused, "events: an empty batch") }
        let reference = RunReference(organization: scope.organization, run: run)
        let recent = recentRuns.run(reference, before: first)
        let result = try await pool.run("events") { connection in
            if let recent, let result = try connection.append(scope, recent, events, now: now) { return result }
            for _ in 0..<Self.attempts {
                guard let run = try connection.run(scope, run) else { return .noRun }
                if let result = try connection.append(scope, run, events, now: now) { return result }
            }
            throw StoreError(.unavailable, "events: the run changes all the time")
        }
        guard case .accepted(let after, let added) = result else {
            recentRuns.forget(reference)
            return result
        }
        recentRuns.remember(after, as: reference)
        if added > 0 { notices.post(.events(reference, last: after.chain.next - 1)) }
        return result
    }

    /// How often a batch is tried when others add to its run at the same time. A runner sends one batch after another, so even
    /// once is rare.
    private static var attempts: Int { 20 }

    public func events(
        _ scope: Scope, of run: RunID, after: Int64, limit: Int, bytes: Int
    ) async throws -> [StoredEvent] {
        if case .runner = scope.actor {
            guard try await self.run(scope, run) != nil else { return [] }
        }
        // The sum up to the block before decides, so that the first is there however large it is; of the first, all but one event may
        // be before what is asked for.
        let blocks = try await query(
            "events", .scope(scope),
            """
            SELECT first_seq, last_seq, content FROM (
                SELECT first_seq, last_seq, content,
                    sum(length(content)) OVER (ORDER BY last_seq)::bigint - length(content) AS before
                FROM (
                    SELECT first_seq, last_seq, content FROM event_blocks
                    WHERE org_id = $1 AND run_id = $2 AND last_seq > $3 ORDER BY last_seq LIMIT $4
                ) AS page
            ) AS counted WHERE before < $5 ORDER BY last_seq
            """, [scope.organization, run, after, limit, min(bytes, .max - EventBlock.limit) + EventBlock.limit]
        ) { try EventBlock($0) }
        var page = EventPage(after: after, limit: limit, bytes: bytes)
        for block in blocks { guard try page.add(block) else { break } }
        return page.events
    }
}

extension EventBlock {
    fileprivate init(_ row: Row) throws {
        self.init(first: try row.value("first_seq"), last: try row.value("last_seq"), content: try row.blob("content"))
    }
}

extension Connection {
    fileprivate func run(_ scope: Scope, _ id: RunID) throws -> Run? {
        try single("events", .scope(scope), Transaction.runQuery, [scope.organization, id]).first?.run()
    }

    /// Decides and stores; nil when the run is not as it was any more, and it has to be decided again.
    fileprivate func append(
        _ scope: Scope, _ run: Run, _ events: [IncomingEvent], now: Timestamp
    ) throws -> AppendResult? {
        guard run.isVisible(to: scope) else { return .noRun }
        var run = run
        let before = run.chain
        guard let first = events.first, first.sequence <= before.next else { return .gap(before) }
        let known = events.prefix { $0.sequence < before.next }
        if let fork = try firstDifference(known, scope, run.id) { return .fork(at: fork, before) }
        let new = events[known.endIndex...]
        guard let next = new.first, let last = new.last else { return .accepted(run, added: 0) }
        guard next.previous == before.hash else { return .fork(at: next.sequence, before) }
        for event in new {
            run.summary.apply(event.effect)
            run.eventBytes += Int64(event.line.count)
        }
        run.chain = ChainHead(next: last.sequence + 1, hash: last.hash)
        run.updated = now
        let blocks = EventBlock.pack(new.map { StoredEvent(sequence: $0.sequence, line: $0.line) })
        guard
            let stored = try single("events", .scope(scope), Self.appendStatement, run.values(scope, before, blocks))
                .first
        else { return nil }
        run.cancelRequested = try stored.optional("cancel_requested")
        guard try stored.value("added", as: Int.self) == blocks.count else {
            throw StoreError(.damaged, "events: not all were added")
        }
        return .accepted(run, added: new.count)
    }

    /// The number of the first event that is stored otherwise.
    private func firstDifference(
        _ known: ArraySlice<IncomingEvent>, _ scope: Scope, _ run: RunID
    ) throws -> Int64? {
        guard let first = known.first, let last = known.last else { return nil }
        let blocks = try single(
            "events", .scope(scope),
            """
            SELECT first_seq, last_seq, content FROM event_blocks
            WHERE org_id = $1 AND run_id = $2 AND last_seq >= $3 AND first_seq <= $4 ORDER BY last_seq
            """, [scope.organization, run, first.sequence, last.sequence]
        ).map { try EventBlock($0) }
        var page = EventPage(after: first.sequence - 1, limit: known.count, bytes: .max)
        for block in blocks { guard try page.add(block) else { break } }
        return try known.firstDifference(to: page.events)
    }

    /// The run moves on only from where it was read, so of two batches for the same place one is stored, and only for the runner whose
    /// it was then: it may have gone since, and another may have made one of the same id. Rows come as arrays: one statement, planned
    /// once, for any number of them.
    private static let appendStatement = """
        WITH moved AS (
            UPDATE runs SET status = $5, phase = $6, iteration = $7, exit_code = $8, ended = $9, input_tokens = $10,
                output_tokens = $11, costs = $12, redactions = $13, next_seq = $14, head = $15, updated = $16,
                event_bytes = $17
            WHERE org_id = $1 AND run_id = $2 AND next_seq = $3 AND head = $4 AND token_id = $21
            RETURNING cancel_requested
        ), added AS (
            INSERT INTO event_blocks (org_id, run_id, first_seq, last_seq, content)
            SELECT $1, $2, new.first_seq, new.last_seq, new.content
            FROM moved, unnest($18, $19, $20) AS new(first_seq, last_seq, content) RETURNING 1
        )
        SELECT cancel_requested, (SELECT count(*) FROM added) AS added FROM moved
        """
}

extension Run {
    /// The values of `appendStatement`.
    fileprivate func values(
        _ scope: Scope, _ before: ChainHead, _ blocks: [EventBlock]
    ) -> [any PostgresValue] {
        [
            scope.organization, id, before.next, Bytes(before.hash), summary.status,
            summary.phase.map { Bytes(Array($0.utf8)) }, summary.iteration, summary.exitCode, summary.ended,
            summary.inputTokens, summary.outputTokens, Costs.text(summary.costs), summary.redactions, chain.next,
            Bytes(chain.hash), updated, eventBytes, Integers(blocks.map(\.first)), Integers(blocks.map(\.last)),
            ByteArrays(blocks.map(\.content)), runner,
        ]
    }
}
