internal import SealingKit
public import ServerStore

extension PostgresStore {
    public func githubConnection(_ scope: Scope, of user: UserID) async throws -> GitHubConnection? {
        try await query(
            "GitHub connection", .scope(scope), "SELECT * FROM github_connections WHERE org_id = $1 AND user_id = $2",
            [scope.organization, user]
        ) { try $0.githubConnection() }.first
    }

    public func putGitHubConnection(_ scope: Scope, _ connection: GitHubConnection, now: Timestamp) async throws {
        let key = try SealedRecord.keyID(of: connection.tokens.span, kind: .field)
        try await write("GitHub connection", .scope(scope)) { transaction in
            try transaction.execute(
                """
                INSERT INTO github_connections (
                    org_id, user_id, site, account, account_id, scopes, is_app, created, renewed, expires,
                    refresh_expires, generation, state, lease_until, key_id, tokens
                ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, NULL, $14, $15)
                ON CONFLICT (org_id, user_id) DO UPDATE SET site = excluded.site, account = excluded.account,
                    account_id = excluded.account_id, scopes = excluded.scopes, is_app = excluded.is_app,
                    created = excluded.created, renewed = excluded.renewed, expires = excluded.expires,
                    refresh_expires = excluded.refresh_expires, generation = excluded.generation,
                    state = excluded.state, lease_until = NULL, key_id = excluded.key_id, tokens = excluded.tokens
                """,
                [
                    scope.organization, connection.user, connection.site, connection.account, connection.accountID,
                    connection.scopes, connection.isApp ? 1 : 0, connection.created, connection.renewed,
                    connection.expires, connection.refreshExpires, connection.generation, connection.state.rawValue,
                    key, Bytes(connection.tokens),
                ])
            try transaction.audit(
                scope, .githubConnected, subject: connection.user, detail: connection.account, now: now)
        }
    }

    public func deleteGitHubConnection(_ scope: Scope, of user: UserID, now: Timestamp) async throws -> Bool {
        try await write("GitHub connection", .scope(scope)) { transaction in
            let changed = try transaction.execute(
                "DELETE FROM github_connections WHERE org_id = $1 AND user_id = $2", [scope.organization, user])
            guard changed == 1 else { return false }
            try transaction.audit(scope, .githubDisconnected, subject: user, now: now)
            return true
        }
    }

    public func leaseGitHubRenewal(
        _ scope: Scope, of user: UserID, generation: Int64, until: Timestamp, now: Timestamp
    ) async throws -> Bool {
        try await write("GitHub renewal", .scope(scope)) { transaction in
            try transaction.execute(
                """
                UPDATE github_connections SET lease_until = $1
                WHERE org_id = $2 AND user_id = $3 AND generation = $4 AND state = $5
                    AND (lease_until IS NULL OR lease_until <= $6)
                """,
                [until, scope.organization, user, generation, GitHubConnection.State.live.rawValue, now]) == 1
        }
    }

    public func endGitHubLease(_ scope: Scope, of user: UserID, generation: Int64) async throws {
        try await write("GitHub renewal", .scope(scope)) { transaction in
            _ = try transaction.execute(
                """
                UPDATE github_connections SET lease_until = NULL
                WHERE org_id = $1 AND user_id = $2 AND generation = $3
                """, [scope.organization, user, generation])
        }
    }

    public func renewGitHubConnection(_ scope: Scope, _ connection: GitHubConnection) async throws -> Bool {
        let key = try SealedRecord.keyID(of: connection.tokens.span, kind: .field)
        return try await write("GitHub renewal", .scope(scope)) { transaction in
            try transaction.execute(
                """
                UPDATE github_connections SET renewed = $1, expires = $2, refresh_expires = $3, generation = $4,
                    state = $5, key_id = $6, tokens = $7, lease_until = NULL
                WHERE org_id = $8 AND user_id = $9 AND generation = $10
                """,
                [
                    connection.renewed, connection.expires, connection.refreshExpires, connection.generation,
                    connection.state.rawValue, key, Bytes(connection.tokens), scope.organization, connection.user,
                    connection.generation - 1,
                ]) == 1
        }
    }

    public func breakGitHubConnection(
        _ scope: Scope, of user: UserID, generation: Int64, now: Timestamp
    ) async throws -> Bool {
        try await write("GitHub renewal", .scope(scope)) { transaction in
            let changed = try transaction.execute(
                """
                UPDATE github_connections SET state = $1, lease_until = NULL
                WHERE org_id = $2 AND user_id = $3 AND generation = $4
                """, [GitHubConnection.State.broken.rawValue, scope.organization, user, generation])
            guard changed == 1 else { return false }
            try transaction.audit(scope, .githubBroken, subject: user, now: now)
            return true
        }
    }

    // MARK: - Grants

    public func addGitGrant(_ scope: Scope, _ grant: GitGrant, now: Timestamp) async throws -> Bool {
        guard case .runner = scope.actor else { throw StoreError(.refused, "git grant: not a runner") }
        let key = try grant.token.map { try SealedRecord.keyID(of: $0.span, kind: .field) }
        return try await write("git grant", .scope(scope)) { transaction in
            guard let run = try transaction.visibleRun(scope, grant.run, isLocked: true), !run.summary.isOver else {
                return false
            }
            try transaction.execute(
                """
                INSERT INTO git_grants (
                    org_id, grant_id, run_id, token_id, user_id, repository, operation, mode, created, expires, key_id,
                    token
                ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                """,
                [
                    scope.organization, grant.id, grant.run, grant.runner, grant.user, grant.repository,
                    grant.operation, grant.mode, grant.created, grant.expires, key, grant.token.map { Bytes($0) },
                ])
            try transaction.audit(
                scope, .gitTokenGranted, subject: grant.run,
                detail: "\(grant.operation) \(grant.repository) \(grant.mode)", now: now)
            return true
        }
    }

    public func gitGrant(_ scope: Scope, of run: RunID, _ id: GitGrantID) async throws -> GitGrant? {
        try await read("git grant", .scope(scope)) { transaction in
            guard try transaction.visibleRun(scope, run) != nil else { return nil }
            return try transaction.row(
                "SELECT * FROM git_grants WHERE org_id = $1 AND grant_id = $2 AND run_id = $3",
                [scope.organization, id, run])?.gitGrant()
        }
    }

    public func closeGitGrant(_ scope: Scope, of run: RunID, _ id: GitGrantID, now: Timestamp) async throws -> Bool {
        try await write("git grant", .scope(scope)) { transaction in
            guard try transaction.visibleRun(scope, run) != nil else { return false }
            let changed = try transaction.execute(
                """
                UPDATE git_grants SET closed = $1, key_id = NULL, token = NULL
                WHERE org_id = $2 AND grant_id = $3 AND run_id = $4 AND closed IS NULL
                """, [now, scope.organization, id, run])
            guard changed == 1 else { return false }
            try transaction.audit(scope, .gitTokenClosed, subject: run, now: now)
            return true
        }
    }

    public func dueGitGrants(_ scope: Scope, now: Timestamp, limit: Int) async throws -> [GitGrant] {
        try await query(
            "git grants", .scope(scope),
            """
            SELECT git_grants.* FROM git_grants JOIN runs USING (org_id, run_id)
            WHERE org_id = $1 AND closed IS NULL AND (git_grants.expires <= $2 OR runs.ended IS NOT NULL)
            ORDER BY git_grants.created, grant_id LIMIT $3
            """, [scope.organization, now, limit]
        ) { try $0.gitGrant() }
    }
}
