internal import Foundation
internal import GRDB
public import SealingKit
public import ServerStore

extension SQLiteStore {
    public func runnerTokens(_ scope: Scope) async throws -> [RunnerToken] {
        try await read("runner tokens") { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM runner_tokens WHERE org_id = ? ORDER BY created DESC, token_id DESC",
                arguments: [scope.organization]
            ).map { try $0.runnerToken() }
        }
    }

    public func runnerToken(_ scope: Scope, _ id: RunnerTokenID) async throws -> RunnerToken? {
        try await read("runner token") { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM runner_tokens WHERE org_id = ? AND token_id = ?",
                arguments: [scope.organization, id]
            ).map { try $0.runnerToken() }
        }
    }

    public func createRunnerToken(_ scope: Scope, _ token: RunnerToken, hash: TokenHash, now: Timestamp) async throws {
        try await write("runner token") { database in
            try database.insertRunnerToken(scope, token, hash: hash, now: now)
        }
    }

    public func rotateRunnerToken(
        _ scope: Scope, _ id: RunnerTokenID, to hash: TokenHash, overlap: Timestamp, now: Timestamp
    ) async throws -> Bool {
        try await write("runner token") { database in
            try database.execute(
                sql: """
                    UPDATE runner_tokens SET previous_hash = hash, previous_until = ?, hash = ?
                    WHERE org_id = ? AND token_id = ? AND revoked IS NULL AND (expires IS NULL OR expires > ?)
                    """,
                arguments: [overlap, hash, scope.organization, id, now])
            guard database.changesCount == 1 else { return false }
            try database.audit(scope, .runnerTokenRotated, subject: id, now: now)
            return true
        }
    }

    public func registerRunnerKey(
        _ scope: Scope, _ id: RunnerTokenID, _ key: [UInt8], now: Timestamp
    ) async throws -> Bool {
        try await write("runner token") { database in
            let row = try Row.fetchOne(
                database,
                sql: """
                    SELECT runner_key FROM runner_tokens
                    WHERE org_id = ? AND token_id = ? AND revoked IS NULL AND (expires IS NULL OR expires > ?)
                    """,
                arguments: [scope.organization, id, now])
            guard let row else { return false }
            if let known = try row.bytes("runner_key") { return known == key }
            try database.execute(
                sql: "UPDATE runner_tokens SET runner_key = ? WHERE org_id = ? AND token_id = ?",
                arguments: [Data(key), scope.organization, id])
            try database.audit(scope, .runnerKeyRegistered, subject: id, now: now)
            return true
        }
    }

    public func revokeRunnerToken(_ scope: Scope, _ id: RunnerTokenID, now: Timestamp) async throws -> Bool {
        try await write("runner token") { database in
            let row = try Row.fetchOne(
                database, sql: "SELECT revoked FROM runner_tokens WHERE org_id = ? AND token_id = ?",
                arguments: [scope.organization, id])
            guard let row else { return false }
            if try row.optional("revoked", as: Timestamp.self) != nil { return true }
            try database.execute(
                sql: "UPDATE runner_tokens SET revoked = ?, previous_hash = NULL WHERE org_id = ? AND token_id = ?",
                arguments: [now, scope.organization, id])
            try database.audit(scope, .runnerTokenRevoked, subject: id, now: now)
            return true
        }
    }
}

extension Database {
    func insertRunnerToken(_ scope: Scope, _ token: RunnerToken, hash: TokenHash, now: Timestamp) throws {
        let live = try Int.fetchOne(
            self, sql: "SELECT count(*) FROM runner_tokens WHERE org_id = ? AND revoked IS NULL",
            arguments: [scope.organization])
        guard live ?? 0 < StoreLimits.runnerTokens else { throw StoreError(.conflict, "runner token: too many") }
        try execute(
            sql: """
                INSERT INTO runner_tokens (org_id, token_id, hash, name, created, created_by, expires, runner_key)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                scope.organization, token.id, hash, token.name, token.created, token.createdBy, token.expires,
                token.runnerKey.map { Data($0) },
            ])
        try audit(scope, .runnerTokenCreated, subject: token.id, now: now)
    }
}
