public import SealingKit
public import ServerStore

extension PostgresStore {
    public func passkeys(_ scope: Scope) async throws -> [Passkey] {
        let user = try scope.requireUser("passkeys")
        return try await query(
            "passkeys", Visibility(user: user), "SELECT * FROM passkeys WHERE user_id = $1 ORDER BY passkey_id", [user]
        ) { try $0.passkey() }
    }

    public func addPasskey(_ scope: Scope, _ passkey: Passkey, now: Timestamp) async throws {
        let user = try scope.requireUser("passkeys")
        let visibility = Visibility(organization: scope.organization, user: user)
        try await write("passkey", visibility) { transaction in
            try transaction.lock("passkeys of \(user)")
            let count = try transaction.count("SELECT count(*) AS n FROM passkeys WHERE user_id = $1", [user])
            guard count < StoreLimits.passkeys else { throw StoreError(.conflict, "passkeys") }
            try transaction.execute(
                """
                INSERT INTO passkeys (credential, passkey_id, user_id, name, public_key, sign_count, created, last_used)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                """,
                [
                    Bytes(passkey.credential), passkey.id, user, passkey.name, Bytes(passkey.publicKey),
                    Int64(passkey.signCount), passkey.created, passkey.lastUsed,
                ])
            try transaction.audit(scope, .passkeyAdded, subject: passkey.id, detail: passkey.name, now: now)
        }
    }

    public func removePasskey(_ scope: Scope, _ id: PasskeyID, now: Timestamp) async throws -> Bool {
        let user = try scope.requireUser("passkeys")
        let visibility = Visibility(organization: scope.organization, user: user)
        return try await write("passkey", visibility) { transaction in
            let changed = try transaction.execute(
                "DELETE FROM passkeys WHERE passkey_id = $1 AND user_id = $2", [id, user])
            guard changed == 1 else { return false }
            try transaction.audit(scope, .passkeyRemoved, subject: id, now: now)
            return true
        }
    }

    // MARK: - Signing in

    public func createChallenge(_ hash: TokenHash, user: UserID?, expires: Timestamp, now: Timestamp) async throws {
        try await write("challenge", Visibility(credential: hash.bytes)) { transaction in
            // Counted over all, so with the sight that counts. A few too many at the same moment do no harm.
            transaction.see(Visibility(task: .sweep))
            let open = try transaction.count("SELECT count(*) AS n FROM challenges WHERE expires > $1", [now])
            guard open < StoreLimits.challenges else { throw StoreError(.conflict, "challenges") }
            try transaction.execute(
                "INSERT INTO challenges (hash, user_id, expires) VALUES ($1, $2, $3)", [hash, user, expires])
        }
    }

    public func takeChallenge(_ hash: TokenHash, user: UserID?, now: Timestamp) async throws -> Bool {
        try await write("challenge", Visibility(credential: hash.bytes)) { transaction in
            try transaction.execute(
                "DELETE FROM challenges WHERE hash = $1 AND user_id IS NOT DISTINCT FROM $2 AND expires > $3",
                [hash, user, now]) == 1
        }
    }

    public func passkey(_ credential: [UInt8]) async throws -> (Passkey, User)? {
        try await read("passkey", Visibility(credential: credential)) { transaction in
            transaction.see(user: true, from: "passkeys WHERE credential = $1", [Bytes(credential)])
            guard let row = try transaction.row("SELECT * FROM passkeys WHERE credential = $1", [Bytes(credential)]),
                let user = try transaction.row(
                    "SELECT * FROM users WHERE user_id = $1", [try row.value("user_id", as: UserID.self)])
            else { return nil }
            return (try row.passkey(), try user.user())
        }
    }

    public func redeemPasskey(
        _ credential: [UInt8], counting: (from: UInt32, to: UInt32), session: TokenHash, expires: Timestamp,
        origin: SessionOrigin, now: Timestamp
    ) async throws -> (Scope, Session)? {
        try await write("passkey", Visibility(credential: credential)) { transaction in
            transaction.see(user: true, from: "passkeys WHERE credential = $1", [Bytes(credential)])
            // Of two answers at once, one finds the count that it was checked against.
            let changed = try transaction.execute(
                "UPDATE passkeys SET sign_count = $1, last_used = $2 WHERE credential = $3 AND sign_count = $4",
                [Int64(counting.to), now, Bytes(credential), Int64(counting.from)])
            guard changed == 1 else { return nil }
            guard
                let row = try transaction.row(
                    """
                    SELECT users.*, org_id FROM passkeys JOIN users USING (user_id) JOIN memberships USING (user_id)
                    WHERE credential = $1 ORDER BY since, org_id LIMIT 1
                    """, [Bytes(credential)])
            else { return nil }
            return try transaction.insertSession(
                in: try row.value("org_id"), try row.user(), session, expires: expires, origin: origin, now: now)
        }
    }
}
