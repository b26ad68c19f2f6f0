public import SealingKit
public import ServerStore

extension PostgresStore {
    public func runnerTokens(_ scope: Scope) async throws -> [RunnerToken] {
        try await query(
            "runner tokens", .scope(scope),
            "SELECT * FROM runner_tokens WHERE org_id = $1 ORDER BY created DESC, token_id DESC", [scope.organization]
        ) { try $0.runnerToken() }
    }

    public func runnerToken(_ scope: Scope, _ id: RunnerTokenID) async throws -> RunnerToken? {
        try await query(
            "runner token", .scope(scope), "SELECT * FROM runner_tokens WHERE org_id = $1 AND token_id = $2",
            [scope.organization, id]
        ) { try $0.runnerToken() }.first
    }

    public func createRunnerToken(_ scope: Scope, _ token: RunnerToken, hash: TokenHash, now: Timestamp) async throws {
        try await write("runner token", .scope(scope)) { transaction in
            try transaction.insertRunnerToken(scope, token, hash: hash, now: now)
        }
    }

    public func rotateRunnerToken(
        _ scope: Scope, _ id: RunnerTokenID, to hash: TokenHash, overlap: Timestamp, now: Timestamp
    ) async throws -> Bool {
        try await write("runner token", .scope(scope)) { transaction in
            let changed = try transaction.execute(
                """
                UPDATE runner_tokens SET previous_hash = hash, previous_until = $1, hash = $2
                WHERE org_id = $3 AND token_id = $4 AND revoked IS NULL AND (expires IS NULL OR expires > $5)
                """, [overlap, hash, scope.organization, id, now])
            guard changed == 1 else { return false }
            try transaction.audit(scope, .runnerTokenRotated, subject: id, now: now)
            return true
        }
    }

    public func registerRunnerKey(
        _ scope: Scope, _ id: RunnerTokenID, _ key: [UInt8], now: Timestamp
    ) async throws -> Bool {
        try await write("runner token", .scope(scope)) { transaction in
            let row = try transaction.row(
                """
                SELECT runner_key FROM runner_tokens
                WHERE org_id = $1 AND token_id = $2 AND revoked IS NULL AND (expires IS NULL OR expires > $3) FOR UPDATE
                """, [scope.organization, id, now])
            guard let row else { return false }
            if let known = try row.bytes("runner_key") { return known == key }
            try transaction.execute(
                "UPDATE runner_tokens SET runner_key = $1 WHERE org_id = $2 AND token_id = $3",
                [Bytes(key), scope.organization, id])
            try transaction.audit(scope, .runnerKeyRegistered, subject: id, now: now)
            return true
        }
    }

    public func revokeRunnerToken(_ scope: Scope, _ id: RunnerTokenID, now: Timestamp) async throws -> Bool {
        try await writeCredential("runner token", scope) { transaction in
            let changed = try transaction.execute(
                """
                UPDATE runner_tokens SET revoked = $1, previous_hash = NULL
                WHERE org_id = $2 AND token_id = $3 AND revoked IS NULL
                """, [now, scope.organization, id])
            guard changed == 1 else {
                return try transaction.exists(
                    "SELECT 1::bigint AS n FROM runner_tokens WHERE org_id = $1 AND token_id = $2",
                    [scope.organization, id])
            }
            try transaction.audit(scope, .runnerTokenRevoked, subject: id, now: now)
            return true
        }
    }
}

extension Transaction {
    func insertRunnerToken(_ scope: Scope, _ token: RunnerToken, hash: TokenHash, now: Timestamp) throws {
        // Counting is worth nothing while others may add.
        try lock("runner tokens of \(scope.organization)")
        let live = try count(
            "SELECT count(*) AS n FROM runner_tokens WHERE org_id = $1 AND revoked IS NULL", [scope.organization])
        guard live < StoreLimits.runnerTokens else { throw StoreError(.conflict, "runner token: too many") }
        try execute(
            """
            INSERT INTO runner_tokens (org_id, token_id, hash, name, created, created_by, expires, runner_key)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            [
                scope.organization, token.id, hash, token.name, token.created, token.createdBy, token.expires,
                token.runnerKey.map { Bytes($0) },
            ])
        try audit(scope, .runnerTokenCreated, subject: token.id, now: now)
    }
}
