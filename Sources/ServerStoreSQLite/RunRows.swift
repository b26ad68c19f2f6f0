internal import Foundation
internal import GRDB
public import ServerStore

extension SQLiteStore {
    public func putRun(
        _ scope: Scope, _ id: RunID, _ description: RunDescription, chain: ChainHead, now: Timestamp
    ) async throws -> PutRunResult {
        guard case .runner(let runner) = scope.actor else { throw StoreError(.refused, "run: not a runner") }
        return try await write("run") { database in
            if let row = try database.runRow(scope.organization, id) {
                let run = try row.run()
                return run.runner == runner && run.description == description ? .existing(run) : .conflict
            }
            let run = Run(
                id: id, runner: runner, created: now, description: description, summary: RunSummary(), chain: chain,
                updated: now)
            try database.insertRun(scope.organization, run)
            return .created(run)
        }
    }

    public func run(_ scope: Scope, _ id: RunID) async throws -> Run? {
        try await read("run") { database in try database.visibleRun(scope, id) }
    }

    public func runs(_ scope: Scope, _ filter: RunFilter, before: RunID?, limit: Int) async throws -> [Run] {
        try await read("runs") { database in
            var conditions = ["org_id = ?"]
            var arguments: StatementArguments = [scope.organization]
            func require(_ condition: String, _ values: StatementArguments) {
                conditions.append(condition)
                arguments += values
            }
            if case .runner(let runner) = scope.actor { require("token_id = ?", [runner]) }
            if let status = filter.status { require("status = ?", [status]) }
            if let phase = filter.phase { require("phase = ?", [phase]) }
            if let time = filter.createdFrom { require("created >= ?", [time]) }
            if let time = filter.createdBefore { require("created < ?", [time]) }
            if let branch = filter.branch { require("branch = ?", [branch]) }
            if let runner = filter.runner { require("token_id = ?", [runner]) }
            if let text = filter.text { require("instr(lower(title), lower(?)) > 0", [text]) }
            if let before {
                guard let last = try database.visibleRun(scope, before) else { return [] }
                require("(created, run_id) < (?, ?)", [last.created, last.id])
            }
            arguments += [limit]
            return try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM runs WHERE \(conditions.joined(separator: " AND "))
                    ORDER BY created DESC, run_id DESC LIMIT ?
                    """,
                arguments: arguments
            ).map { try $0.run() }
        }
    }

    public func requestCancel(_ scope: Scope, _ id: RunID, now: Timestamp) async throws -> Run? {
        try await write("cancel") { database in
            guard var run = try database.visibleRun(scope, id) else { return nil }
            guard !run.summary.isOver, run.cancelRequested == nil else { return run }
            run.cancelRequested = now
            try database.execute(
                sql: "UPDATE runs SET cancel_requested = ? WHERE org_id = ? AND run_id = ?",
                arguments: [now, scope.organization, id])
            try database.audit(scope, .runCancelled, subject: id, now: now)
            return run
        }
    }

    public func deleteRun(_ scope: Scope, _ id: RunID, now: Timestamp) async throws -> Bool {
        try await write("run") { database in
            guard try database.visibleRun(scope, id) != nil else { return false }
            try database.execute(
                sql: "DELETE FROM runs WHERE org_id = ? AND run_id = ?", arguments: [scope.organization, id])
            try database.audit(scope, .runDeleted, subject: id, now: now)
            return true
        }
    }
}

extension Database {
    func runRow(_ organization: OrganizationID, _ id: RunID) throws -> Row? {
        let statement = try cachedStatement(sql: "SELECT * FROM runs WHERE org_id = ? AND run_id = ?")
        return try Row.fetchOne(statement, arguments: [organization, id])
    }

    /// The run, if the actor may see it: a runner sees its own.
    func visibleRun(_ scope: Scope, _ id: RunID) throws -> Run? {
        guard let run = try runRow(scope.organization, id)?.run() else { return nil }
        if case .runner(let runner) = scope.actor, run.runner != runner { return nil }
        return run
    }

    func insertRun(_ organization: OrganizationID, _ run: Run) throws {
        try execute(
            sql: """
                INSERT INTO runs (
                    org_id, run_id, token_id, created, title, branch, rules_digest, started, status, phase, iteration,
                    exit_code, ended, input_tokens, output_tokens, costs, redactions, next_seq, head,
                    cancel_requested, updated, event_bytes
                ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                organization, run.id, run.runner, run.created, run.description.title, run.description.branch,
                run.description.rulesDigest, run.description.started, run.summary.status, run.summary.phase,
                run.summary.iteration, run.summary.exitCode, run.summary.ended, run.summary.inputTokens,
                run.summary.outputTokens, Costs.text(run.summary.costs), run.summary.redactions, run.chain.next,
                Data(run.chain.hash), run.cancelRequested, run.updated, run.eventBytes,
            ])
    }

    /// Writes what a batch changes of a run.
    func updateRun(_ organization: OrganizationID, _ run: Run) throws {
        let statement = try cachedStatement(
            sql: """
                UPDATE runs SET status = ?, phase = ?, iteration = ?, exit_code = ?, ended = ?, input_tokens = ?,
                    output_tokens = ?, costs = ?, redactions = ?, next_seq = ?, head = ?, updated = ?, event_bytes = ?
                WHERE org_id = ? AND run_id = ?
                """)
        try statement.execute(arguments: [
            run.summary.status, run.summary.phase, run.summary.iteration, run.summary.exitCode, run.summary.ended,
            run.summary.inputTokens, run.summary.outputTokens, Costs.text(run.summary.costs), run.summary.redactions,
            run.chain.next, Data(run.chain.hash), run.updated, run.eventBytes, organization, run.id,
        ])
    }
}
