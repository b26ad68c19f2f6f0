public import ServerStore

extension PostgresStore {
    public func putRun(
        _ scope: Scope, _ id: RunID, _ description: RunDescription, chain: ChainHead, now: Timestamp
    ) async throws -> PutRunResult {
        guard case .runner(let runner) = scope.actor else { throw StoreError(.refused, "run: not a runner") }
        return try await write("run", .scope(scope)) { transaction in
            let run = Run(
                id: id, runner: runner, created: now, description: description, summary: RunSummary(), chain: chain,
                updated: now)
            if try transaction.insertRun(scope.organization, run) { return .created(run) }
            guard let existing = try transaction.runRow(scope.organization, id)?.run() else {
                // It was deleted in between.
                throw StoreError(.unavailable, "run")
            }
            return existing.runner == runner && existing.description == description ? .existing(existing) : .conflict
        }
    }

    public func run(_ scope: Scope, _ id: RunID) async throws -> Run? {
        try await query("run", .scope(scope), Transaction.runQuery, [scope.organization, id]) { try $0.run() }
            .first { $0.isVisible(to: scope) }
    }

    public func runs(_ scope: Scope, _ filter: RunFilter, before: RunID?, limit: Int) async throws -> [Run] {
        var last: Run?
        if let before {
            guard let found = try await run(scope, before) else { return [] }
            last = found
        }
        // Nothing that is stored holds U+0000, and PostgreSQL refuses to compare with it.
        let texts = [filter.status, filter.branch, filter.text]
        guard texts.allSatisfy({ $0?.utf8.contains(0) != true }) else { return [] }
        var actor: RunnerTokenID?
        if case .runner(let runner) = scope.actor { actor = runner }
        // One statement for all filters: it is prepared once.
        return try await query(
            "runs", .scope(scope),
            """
            SELECT * FROM runs WHERE org_id = $1
                AND ($2 IS NULL OR token_id = $2) AND ($3 IS NULL OR status = $3) AND ($4 IS NULL OR phase = $4)
                AND ($5 IS NULL OR created >= $5) AND ($6 IS NULL OR created < $6) AND ($7 IS NULL OR branch = $7)
                AND ($8 IS NULL OR token_id = $8)
                AND ($9 IS NULL OR strpos(lower(title), lower($9 COLLATE "C")) > 0)
                AND ($10 IS NULL OR (created, run_id) < ($10, $11))
            ORDER BY created DESC, run_id DESC LIMIT $12
            """,
            [
                scope.organization, actor, filter.status, filter.phase.map { Bytes(Array($0.utf8)) },
                filter.createdFrom,
                filter.createdBefore, filter.branch, filter.runner, filter.text, last?.created, last?.id, limit,
            ]
        ) { try $0.run() }
    }

    public func requestCancel(_ scope: Scope, _ id: RunID, now: Timestamp) async throws -> Run? {
        let run = try await write("cancel", .scope(scope)) { transaction -> Run? in
            guard var run = try transaction.visibleRun(scope, id, isLocked: true) else { return nil }
            guard !run.summary.isOver, run.cancelRequested == nil else { return run }
            run.cancelRequested = now
            try transaction.execute(
                "UPDATE runs SET cancel_requested = $1 WHERE org_id = $2 AND run_id = $3",
                [now, scope.organization, id])
            try transaction.audit(scope, .runCancelled, subject: id, now: now)
            return run
        }
        if run != nil { notices.post(.run(RunReference(organization: scope.organization, run: id))) }
        return run
    }

    public func deleteRun(_ scope: Scope, _ id: RunID, now: Timestamp) async throws -> Bool {
        let isDeleted = try await write("run", .scope(scope)) { transaction in
            guard let run = try transaction.visibleRun(scope, id, isLocked: true) else { return false }
            // In parts, so that no statement takes as long as a statement may.
            for first in stride(from: Int64(1), to: run.chain.next, by: Self.deletion) {
                try transaction.execute(
                    "DELETE FROM event_blocks WHERE org_id = $1 AND run_id = $2 AND last_seq >= $3 AND last_seq < $4",
                    [scope.organization, id, first, first + Int64(Self.deletion)])
            }
            try transaction.execute(
                "DELETE FROM runs WHERE org_id = $1 AND run_id = $2", [scope.organization, id])
            try transaction.audit(scope, .runDeleted, subject: id, now: now)
            return true
        }
        if isDeleted { notices.post(.run(RunReference(organization: scope.organization, run: id))) }
        return isDeleted
    }

    /// Events that one statement deletes: half a second's work.
    private static var deletion: Int { 50_000 }
}

extension Run {
    /// A runner sees its own.
    func isVisible(to scope: Scope) -> Bool {
        if case .runner(let runner) = scope.actor { self.runner == runner } else { true }
    }
}

extension Transaction {
    static let runQuery = "SELECT * FROM runs WHERE org_id = $1 AND run_id = $2"

    /// - Parameter isLocked: Whether others that change the run wait until the transaction is over.
    func runRow(_ organization: OrganizationID, _ id: RunID, isLocked: Bool = false) throws -> Row? {
        try row(isLocked ? Self.runQuery + " FOR NO KEY UPDATE" : Self.runQuery, [organization, id])
    }

    /// The run, if the actor may see it.
    func visibleRun(_ scope: Scope, _ id: RunID, isLocked: Bool = false) throws -> Run? {
        guard let run = try runRow(scope.organization, id, isLocked: isLocked)?.run() else { return nil }
        return run.isVisible(to: scope) ? run : nil
    }

    /// Returns false when there is such a run already.
    fileprivate func insertRun(_ organization: OrganizationID, _ run: Run) throws -> Bool {
        try execute(
            """
            INSERT INTO runs (
                org_id, run_id, token_id, created, title, branch, rules_digest, started, status, phase, iteration,
                exit_code, ended, input_tokens, output_tokens, costs, redactions, next_seq, head, cancel_requested,
                updated, event_bytes
            ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
            ON CONFLICT (org_id, run_id) DO NOTHING
            """,
            [
                organization, run.id, run.runner, run.created, run.description.title, run.description.branch,
                run.description.rulesDigest, run.description.started, run.summary.status,
                run.summary.phase.map { Bytes(Array($0.utf8)) }, run.summary.iteration, run.summary.exitCode,
                run.summary.ended, run.summary.inputTokens, run.summary.outputTokens, Costs.text(run.summary.costs),
                run.summary.redactions, run.chain.next, Bytes(run.chain.hash), run.cancelRequested, run.updated,
                run.eventBytes,
            ]) == 1
    }
}
