internal import Foundation
internal import GRDB
public import SealingKit
public import ServerStore

extension SQLiteStore {
    public func passkeys(_ scope: Scope) async throws -> [Passkey] {
        let user = try scope.requireUser("passkeys")
        return try await read("passkeys") { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM passkeys WHERE user_id = ? ORDER BY passkey_id", arguments: [user]
            ).map { try $0.passkey() }
        }
    }

    public func addPasskey(_ scope: Scope, _ passkey: Passkey, now: Timestamp) async throws {
        let user = try scope.requireUser("passkeys")
        try await write("passkey") { database in
            let count = try Int.fetchOne(
                database, sql: "SELECT count(*) FROM passkeys WHERE user_id = ?", arguments: [user])
            guard count ?? 0 < StoreLimits.passkeys else { throw StoreError(.conflict, "passkeys") }
            try database.execute(
                sql: """
                    INSERT INTO passkeys (credential, passkey_id, user_id, name, public_key, sign_count, created, last_used)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    Data(passkey.credential), passkey.id, user, passkey.name, Data(passkey.publicKey),
                    Int64(passkey.signCount), passkey.created, passkey.lastUsed,
                ])
            try database.audit(scope, .passkeyAdded, subject: passkey.id, detail: passkey.name, now: now)
        }
    }

    public func removePasskey(_ scope: Scope, _ id: PasskeyID, now: Timestamp) async throws -> Bool {
        let user = try scope.requireUser("passkeys")
        return try await write("passkey") { database in
            try database.execute(
                sql: "DELETE FROM passkeys WHERE passkey_id = ? AND user_id = ?", arguments: [id, user])
            guard database.changesCount == 1 else { return false }
            try database.audit(scope, .passkeyRemoved, subject: id, now: now)
            return true
        }
    }

    // MARK: - Signing in

    public func createChallenge(_ hash: TokenHash, user: UserID?, expires: Timestamp, now: Timestamp) async throws {
        try await write("challenge") { database in
            let open = try Int.fetchOne(
                database, sql: "SELECT count(*) FROM challenges WHERE expires > ?", arguments: [now])
            guard open ?? 0 < StoreLimits.challenges else { throw StoreError(.conflict, "challenges") }
            try database.execute(
                sql: "INSERT INTO challenges (hash, user_id, expires) VALUES (?, ?, ?)",
                arguments: [hash, user, expires])
        }
    }

    public func takeChallenge(_ hash: TokenHash, user: UserID?, now: Timestamp) async throws -> Bool {
        try await write("challenge") { database in
            try database.execute(
                sql: "DELETE FROM challenges WHERE hash = ? AND user_id IS ? AND expires > ?",
                arguments: [hash, user, now])
            return database.changesCount == 1
        }
    }

    public func passkey(_ credential: [UInt8]) async throws -> (Passkey, User)? {
        try await read("passkey") { database in
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT * FROM passkeys WHERE credential = ?", arguments: [Data(credential)]),
                let user = try Row.fetchOne(
                    database, sql: "SELECT * FROM users WHERE user_id = ?",
                    arguments: [try row.value("user_id", as: UserID.self)])
            else { return nil }
            return (try row.passkey(), try user.user())
        }
    }

    public func redeemPasskey(
        _ credential: [UInt8], counting: (from: UInt32, to: UInt32), session: TokenHash, expires: Timestamp,
        origin: SessionOrigin, now: Timestamp
    ) async throws -> (Scope, Session)? {
        try await write("passkey") { database in
            guard
                let row = try Row.fetchOne(
                    database,
                    sql: """
                        SELECT users.*, org_id FROM passkeys JOIN users USING (user_id) JOIN memberships USING (user_id)
                        WHERE credential = ? AND sign_count = ? ORDER BY since, org_id LIMIT 1
                        """,
                    arguments: [Data(credential), Int64(counting.from)])
            else { return nil }
            try database.execute(
                sql: "UPDATE passkeys SET sign_count = ?, last_used = ? WHERE credential = ?",
                arguments: [Int64(counting.to), now, Data(credential)])
            return try database.insertSession(
                in: try row.value("org_id"), try row.user(), session, expires: expires, origin: origin, now: now)
        }
    }
}
