internal import Foundation
internal import GRDB
internal import SealingKit
public import ServerStore

extension SQLiteStore {
    public func githubConnection(_ scope: Scope, of user: UserID) async throws -> GitHubConnection? {
        try await read("GitHub connection") { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM github_connections WHERE org_id = ? AND user_id = ?",
                arguments: [scope.organization, user]
            ).map { try $0.githubConnection() }
        }
    }

    public func putGitHubConnection(_ scope: Scope, _ connection: GitHubConnection, now: Timestamp) async throws {
        let key = try SealedRecord.keyID(of: connection.tokens.span, kind: .field)
        try await write("GitHub connection") { database in
            try database.execute(
                sql: "DELETE FROM github_connections WHERE org_id = ? AND user_id = ?",
                arguments: [scope.organization, connection.user])
            try database.execute(
                sql: """
                    INSERT INTO github_connections (
                        org_id, user_id, site, account, account_id, scopes, is_app, created, renewed, expires,
                        refresh_expires, generation, state, key_id, tokens
                    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    scope.organization, connection.user, connection.site, connection.account, connection.accountID,
                    connection.scopes, connection.isApp ? 1 : 0, connection.created, connection.renewed,
                    connection.expires, connection.refreshExpires, connection.generation, connection.state.rawValue,
                    key, Data(connection.tokens),
                ])
            try database.audit(
                scope, .githubConnected, subject: connection.user, detail: connection.account, now: now)
        }
    }

    public func deleteGitHubConnection(_ scope: Scope, of user: UserID, now: Timestamp) async throws -> Bool {
        try await write("GitHub connection") { database in
            try database.execute(
                sql: "DELETE FROM github_connections WHERE org_id = ? AND user_id = ?",
                arguments: [scope.organization, user])
            guard database.changesCount == 1 else { return false }
            try database.audit(scope, .githubDisconnected, subject: user, now: now)
            return true
        }
    }

    public func leaseGitHubRenewal(
        _ scope: Scope, of user: UserID, generation: Int64, until: Timestamp, now: Timestamp
    ) async throws -> Bool {
        try await write("GitHub renewal") { database in
            try database.execute(
                sql: """
                    UPDATE github_connections SET lease_until = ?
                    WHERE org_id = ? AND user_id = ? AND generation = ? AND state = ?
                        AND (lease_until IS NULL OR lease_until <= ?)
                    """,
                arguments: [
                    until, scope.organization, user, generation, GitHubConnection.State.live.rawValue, now,
                ])
            return database.changesCount == 1
        }
    }

    public func endGitHubLease(_ scope: Scope, of user: UserID, generation: Int64) async throws {
        try await write("GitHub renewal") { database in
            try database.execute(
                sql: """
                    UPDATE github_connections SET lease_until = NULL
                    WHERE org_id = ? AND user_id = ? AND generation = ?
                    """,
                arguments: [scope.organization, user, generation])
        }
    }

    public func renewGitHubConnection(_ scope: Scope, _ connection: GitHubConnection) async throws -> Bool {
        let key = try SealedRecord.keyID(of: connection.tokens.span, kind: .field)
        return try await write("GitHub renewal") { database in
            try database.execute(
                sql: """
                    UPDATE github_connections SET renewed = ?, expires = ?, refresh_expires = ?, generation = ?,
                        state = ?, key_id = ?, tokens = ?, lease_until = NULL
                    WHERE org_id = ? AND user_id = ? AND generation = ?
                    """,
                arguments: [
                    connection.renewed, connection.expires, connection.refreshExpires, connection.generation,
                    connection.state.rawValue, key, Data(connection.tokens), scope.organization, connection.user,
                    connection.generation - 1,
                ])
            return database.changesCount == 1
        }
    }

    public func breakGitHubConnection(
        _ scope: Scope, of user: UserID, generation: Int64, now: Timestamp
    ) async throws -> Bool {
        try await write("GitHub renewal") { database in
            try database.execute(
                sql: """
                    UPDATE github_connections SET state = ?, lease_until = NULL
                    WHERE org_id = ? AND user_id = ? AND generation = ?
                    """,
                arguments: [GitHubConnection.State.broken.rawValue, scope.organization, user, generation])
            guard database.changesCount == 1 else { return false }
            try database.audit(scope, .githubBroken, subject: user, now: now)
            return true
        }
    }

    // MARK: - Grants

    public func addGitGrant(_ scope: Scope, _ grant: GitGrant, now: Timestamp) async throws -> Bool {
        guard case .runner = scope.actor else { throw StoreError(.refused, "git grant: not a runner") }
        let key = try grant.token.map { try SealedRecord.keyID(of: $0.span, kind: .field) }
        return try await write("git grant") { database in
            guard let run = try database.visibleRun(scope, grant.run), !run.summary.isOver else { return false }
            try database.execute(
                sql: """
                    INSERT INTO git_grants (
                        org_id, grant_id, run_id, token_id, user_id, repository, operation, mode, created, expires,
                        key_id, token
                    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    scope.organization, grant.id, grant.run, grant.runner, grant.user, grant.repository,
                    grant.operation, grant.mode, grant.created, grant.expires, key, grant.token.map { Data($0) },
                ])
            try database.audit(
                scope, .gitTokenGranted, subject: grant.run,
                detail: "\(grant.operation) \(grant.repository) \(grant.mode)", now: now)
            return true
        }
    }

    public func gitGrant(_ scope: Scope, of run: RunID, _ id: GitGrantID) async throws -> GitGrant? {
        try await read("git grant") { database in
            guard try database.visibleRun(scope, run) != nil else { return nil }
            return try Row.fetchOne(
                database, sql: "SELECT * FROM git_grants WHERE org_id = ? AND grant_id = ? AND run_id = ?",
                arguments: [scope.organization, id, run]
            ).map { try $0.gitGrant() }
        }
    }

    public func closeGitGrant(_ scope: Scope, of run: RunID, _ id: GitGrantID, now: Timestamp) async throws -> Bool {
        try await write("git grant") { database in
            guard try database.visibleRun(scope, run) != nil else { return false }
            try database.execute(
                sql: """
                    UPDATE git_grants SET closed = ?, key_id = NULL, token = NULL
                    WHERE org_id = ? AND grant_id = ? AND run_id = ? AND closed IS NULL
                    """,
                arguments: [now, scope.organization, id, run])
            guard database.changesCount == 1 else { return false }
            try database.audit(scope, .gitTokenClosed, subject: run, now: now)
            return true
        }
    }

    public func dueGitGrants(_ scope: Scope, now: Timestamp, limit: Int) async throws -> [GitGrant] {
        try await read("git grants") { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT git_grants.* FROM git_grants JOIN runs USING (org_id, run_id)
                    WHERE org_id = ? AND closed IS NULL AND (git_grants.expires <= ? OR runs.ended IS NOT NULL)
                    ORDER BY git_grants.created, grant_id LIMIT ?
                    """,
                arguments: [scope.organization, now, limit]
            ).map { try $0.gitGrant() }
        }
    }
}
