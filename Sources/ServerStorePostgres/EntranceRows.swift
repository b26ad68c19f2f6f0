public import SealingKit
public import ServerStore

extension PostgresStore {
    public func createOrganization(_ organization: Organization, owner: User, now: Timestamp) async throws -> Scope {
        let visibility = Visibility(organization: organization.id, email: owner.email)
        return try await write("organization", visibility) { transaction in
            try transaction.execute(
                "INSERT INTO orgs (org_id, name, created, retention_days) VALUES ($1, $2, $3, $4)",
                [organization.id, organization.name, organization.created, organization.retentionDays])
            let scope = Scope.server(organization.id)
            let user = try transaction.findOrInsert(owner)
            try transaction.insertMembership(scope, user, .owner, now: now)
            try transaction.audit(scope, .organizationCreated, subject: organization.id, now: now)
            return scope
        }
    }

    public func organizations() async throws -> [Organization] {
        try await query(
            "organizations", Visibility(task: .list), "SELECT * FROM orgs ORDER BY org_id", []
        ) { try $0.organization() }
    }

    public func runner(_ hash: TokenHash, address: String?, now: Timestamp) async throws -> (Scope, RunnerToken)? {
        // The current hash wins over a previous one.
        let found = try await query(
            "runner", Visibility(credential: hash.bytes),
            """
            SELECT * FROM runner_tokens WHERE hash = $1 OR (previous_hash = $1 AND previous_until > $2)
            ORDER BY hash = $1 DESC LIMIT 1
            """, [hash, now]
        ) { (try $0.value("org_id", as: OrganizationID.self), try $0.runnerToken()) }
        guard let (organization, token) = found.first, token.revoked == nil,
            token.expires.map({ $0 > now }) ?? true
        else { return nil }
        let scope = Scope(organization: organization, actor: .runner(token.id), address: address)
        try await noteUse(scope, of: token, now: now)
        return (scope, token)
    }

    /// Notes the use of a token at most once in `useInterval`, so that reading does not become writing.
    private func noteUse(_ scope: Scope, of token: RunnerToken, now: Timestamp) async throws {
        if let last = token.lastUsed, last <= now, now < last + Self.useInterval { return }
        try await write("runner", .scope(scope)) { transaction in
            // Of servers that see it at the same moment, one notes it: those that come later find another time.
            let changed = try transaction.execute(
                """
                UPDATE runner_tokens SET last_used = $1, last_address = $2
                WHERE org_id = $3 AND token_id = $4 AND last_used IS NOT DISTINCT FROM $5
                """, [now, scope.address, scope.organization, token.id, token.lastUsed])
            guard changed == 1 else { return }
            let day = Int64(86_400_000)
            let isNewDay = token.lastUsed.map { $0.milliseconds / day != now.milliseconds / day } ?? true
            if isNewDay || token.lastAddress != scope.address {
                try transaction.audit(scope, .runnerTokenUsed, subject: token.id, now: now)
            }
        }
    }

    /// How exact "last used" is.
    private static var useInterval: Duration { .seconds(60) }

    // MARK: - Sessions

    public func session(_ hash: TokenHash, address: String?, now: Timestamp) async throws -> (Scope, Session)? {
        try await pool.run("session") { connection in
            // One transaction and one round trip: the row that the hash names says whose organization is looked into.
            let name = Visibility(credential: hash.bytes).steps
            let steps = name + [Transaction.sessionScope(hash, now), Transaction.sessionQuery(hash, now)]
            return try connection.run(steps, place: "session").last?.first?.scopedSession(address)
        }
    }

    public func endSession(_ hash: TokenHash, address: String?, now: Timestamp) async throws -> Bool {
        let organization = try await write("session", Visibility(credential: hash.bytes)) {
            transaction -> OrganizationID? in
            guard let (scope, session) = try transaction.session(hash, address: address, now: now),
                try transaction.execute("DELETE FROM sessions WHERE hash = $1", [hash]) == 1
            else { return nil }
            try transaction.audit(scope, .sessionEnded, subject: session.id, now: now)
            return scope.organization
        }
        if let organization { notices.post(.credentials(organization)) }
        return organization != nil
    }

    public func switchSession(
        _ hash: TokenHash, to organization: OrganizationID, as new: TokenHash, address: String?, now: Timestamp
    ) async throws -> Bool {
        let left = try await write("session", Visibility(credential: hash.bytes)) { transaction -> OrganizationID? in
            guard let (scope, session) = try transaction.session(hash, address: address, now: now) else { return nil }
            // Memberships of the session's own user are seen in all organizations.
            let isMember = try transaction.exists(
                "SELECT 1::bigint AS n FROM memberships WHERE org_id = $1 AND user_id = $2",
                [organization, session.user.id])
            guard isMember, try transaction.execute("DELETE FROM sessions WHERE hash = $1", [hash]) == 1 else {
                return nil
            }
            try transaction.audit(scope, .sessionEnded, subject: session.id, now: now)
            _ = try transaction.insertSession(
                in: organization, session.user, new, expires: session.expires,
                origin: SessionOrigin(address: address, agent: session.origin.agent), now: now)
            return scope.organization
        }
        if let left { notices.post(.credentials(left)) }
        return left != nil
    }

    public func organizations(ofSession hash: TokenHash, now: Timestamp) async throws -> [Organization] {
        try await read("organizations", Visibility(credential: hash.bytes)) { transaction in
            guard let (_, session) = try transaction.session(hash, address: nil, now: now) else { return [] }
            return try transaction.rows(
                """
                SELECT orgs.* FROM orgs JOIN memberships USING (org_id) WHERE user_id = $1 ORDER BY orgs.name, org_id
                """, [session.user.id]
            ).map { try $0.organization() }
        }
    }

    public func sessions(_ scope: Scope, now: Timestamp) async throws -> [Session] {
        let user = try scope.requireUser("sessions")
        return try await query(
            "sessions", .scope(scope),
            """
            \(sessionColumns) WHERE sessions.org_id = $1 AND sessions.user_id = $2 AND expires > $3
            ORDER BY sessions.created DESC, session_id DESC
            """, [scope.organization, user, now]
        ) { try $0.session() }
    }

    public func endSession(_ scope: Scope, _ id: SessionID, now: Timestamp) async throws -> Bool {
        let user = try scope.requireUser("sessions")
        return try await writeCredential("session", scope) { transaction in
            let changed = try transaction.execute(
                "DELETE FROM sessions WHERE org_id = $1 AND session_id = $2 AND user_id = $3",
                [scope.organization, id, user])
            guard changed == 1 else { return false }
            try transaction.audit(scope, .sessionEnded, subject: id, now: now)
            return true
        }
    }

    // MARK: - Sign-in links and invitations

    public func createSignInLink(
        email: String, hash: TokenHash, expires: Timestamp, address: String?, now: Timestamp
    ) async throws -> Bool {
        try await write("sign-in link", Visibility(email: email)) { transaction in
            transaction.see(user: true, from: "users WHERE email = $1", [email])
            guard
                let row = try transaction.row(
                    """
                    SELECT user_id, org_id FROM users JOIN memberships USING (user_id)
                    WHERE email = $1 ORDER BY since, org_id LIMIT 1
                    """, [email])
            else { return false }
            let user: UserID = try row.value("user_id")
            let organization: OrganizationID = try row.value("org_id")
            try transaction.lock("links of \(user)")
            let open = try transaction.count(
                "SELECT count(*) AS n FROM sign_in_links WHERE user_id = $1 AND expires > $2", [user, now])
            guard open < Self.openLinks else { return false }
            try transaction.execute(
                "INSERT INTO sign_in_links (hash, user_id, created, expires) VALUES ($1, $2, $3, $4)",
                [hash, user, now, expires])
            transaction.see(Visibility(organization: organization))
            let scope = Scope(organization: organization, actor: .server, address: address)
            try transaction.audit(scope, .signInRequested, subject: user, now: now)
            return true
        }
    }

    /// The most live links of a user: whoever knows an address can not fill its mailbox.
    private static var openLinks: Int { 5 }

    public func signInLink(_ hash: TokenHash, now: Timestamp) async throws -> User? {
        try await read("sign-in link", Visibility(credential: hash.bytes)) { transaction in
            transaction.see(user: true, from: "sign_in_links WHERE hash = $1 AND expires > $2", [hash, now])
            return try transaction.row(
                "SELECT users.* FROM sign_in_links JOIN users USING (user_id) WHERE hash = $1 AND expires > $2",
                [hash, now]
            )?.user()
        }
    }

    public func redeemSignInLink(
        _ hash: TokenHash, session: TokenHash, expires: Timestamp, origin: SessionOrigin, now: Timestamp
    ) async throws -> (Scope, Session)? {
        try await write("sign-in link", Visibility(credential: hash.bytes)) { transaction in
            transaction.see(user: true, from: "sign_in_links WHERE hash = $1 AND expires > $2", [hash, now])
            guard
                let row = try transaction.row(
                    """
                    SELECT users.*, org_id FROM sign_in_links JOIN users USING (user_id)
                    JOIN memberships USING (user_id)
                    WHERE hash = $1 AND expires > $2 ORDER BY since, org_id LIMIT 1
                    """, [hash, now])
            else { return nil }
            let user = try row.user()
            // Of two who use the link at once, one deletes it.
            guard try transaction.execute("DELETE FROM sign_in_links WHERE hash = $1", [hash]) == 1 else { return nil }
            // One sign-in ends all links, also those that somebody else may have asked for.
            try transaction.execute("DELETE FROM sign_in_links WHERE user_id = $1", [user.id])
            return try transaction.insertSession(
                in: try row.value("org_id"), user, session, expires: expires, origin: origin, now: now)
        }
    }

    public func invitation(_ hash: TokenHash, now: Timestamp) async throws -> (Invitation, Organization)? {
        try await read("invitation", Visibility(credential: hash.bytes)) { transaction in
            try transaction.invitation(hash, now: now)
        }
    }

    public func redeemInvitation(
        _ hash: TokenHash, name: String, session: TokenHash, expires: Timestamp, origin: SessionOrigin, now: Timestamp
    ) async throws -> (Scope, Session)? {
        try await write("invitation", Visibility(credential: hash.bytes)) { transaction in
            guard let (invitation, organization) = try transaction.invitation(hash, now: now),
                try transaction.execute("DELETE FROM invitations WHERE hash = $1", [hash]) == 1
            else { return nil }
            transaction.see(Visibility(email: invitation.email))
            let user = try transaction.findOrInsert(
                User(id: .new(at: now), email: invitation.email, name: name, created: now))
            let isMember = try transaction.exists(
                "SELECT 1::bigint AS n FROM memberships WHERE org_id = $1 AND user_id = $2", [organization.id, user.id])
            if !isMember {
                let scope = Scope(
                    organization: organization.id, actor: .user(user.id, invitation.role), address: origin.address)
                try transaction.insertMembership(scope, user, invitation.role, now: now)
            }
            return try transaction.insertSession(
                in: organization.id, user, session, expires: expires, origin: origin, now: now)
        }
    }
}

/// Sessions with their user and the role that the user has now.
private let sessionColumns = """
    SELECT users.*, sessions.org_id, session_id, sessions.created AS began, expires, address, agent, role
    FROM sessions JOIN memberships USING (org_id, user_id) JOIN users USING (user_id)
    """

extension Row {
    fileprivate func scopedSession(_ address: String?) throws -> (Scope, Session) {
        let session = try session()
        let scope = Scope(
            organization: try value("org_id"), actor: .user(session.user.id, try word("role")), address: address)
        return (scope, session)
    }
}

extension Transaction {
    /// Lets the transaction see the organization and the user of a live session.
    fileprivate static func sessionScope(_ hash: TokenHash, _ now: Timestamp) -> Connection.Step {
        Connection.Step(
            sql: """
                SELECT set_config('app.org', org_id::text, true), set_config('app.user', user_id::text, true)
                FROM sessions WHERE hash = $1 AND expires > $2
                """, values: [hash, now])
    }

    fileprivate static func sessionQuery(_ hash: TokenHash, _ now: Timestamp) -> Connection.Step {
        Connection.Step(sql: sessionColumns + " WHERE hash = $1 AND expires > $2", values: [hash, now])
    }

    /// The scope of a live session, with the role that its user has now. The transaction sees its organization from here on.
    fileprivate func session(_ hash: TokenHash, address: String?, now: Timestamp) throws -> (Scope, Session)? {
        see(organization: true, user: true, from: "sessions WHERE hash = $1 AND expires > $2", [hash, now])
        let query = Self.sessionQuery(hash, now)
        return try row(query.sql, query.values)?.scopedSession(address)
    }

    func insertSession(
        in organization: OrganizationID, _ user: User, _ hash: TokenHash, expires: Timestamp, origin: SessionOrigin,
        now: Timestamp
    ) throws -> (Scope, Session)? {
        let id = SessionID.new(at: now)
        see(Visibility(organization: organization, user: user.id))
        try execute(
            """
            INSERT INTO sessions (org_id, session_id, user_id, hash, created, expires, address, agent)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            """, [organization, id, user.id, hash, now, expires, origin.address, origin.agent])
        guard let (scope, session) = try session(hash, address: origin.address, now: now) else { return nil }
        try audit(scope, .sessionStarted, subject: id, now: now)
        return (scope, session)
    }

    /// A live invitation with its organization, which the transaction sees from here on.
    fileprivate func invitation(_ hash: TokenHash, now: Timestamp) throws -> (Invitation, Organization)? {
        see(organization: true, from: "invitations WHERE hash = $1 AND expires > $2", [hash, now])
        guard let row = try row("SELECT * FROM invitations WHERE hash = $1 AND expires > $2", [hash, now]),
            let organization = try self.row(
                "SELECT * FROM orgs WHERE org_id = $1", [try row.value("org_id", as: OrganizationID.self)])
        else { return nil }
        return (try row.invitation(), try organization.organization())
    }

    /// The user with this address, or this one, newly written. The transaction must see the address.
    fileprivate func findOrInsert(_ user: User) throws -> User {
        let query = "SELECT * FROM users WHERE email = $1"
        if let row = try row(query, [user.email]) { return try row.user() }
        // Somebody else may do the same at this moment.
        try execute(
            """
            INSERT INTO users (user_id, email, name, created) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING
            """, [user.id, user.email, user.name, user.created])
        guard let row = try row(query, [user.email]) else { throw StoreError(.unavailable, "user") }
        return try row.user()
    }

    fileprivate func insertMembership(_ scope: Scope, _ user: User, _ role: Role, now: Timestamp) throws {
        try execute(
            "INSERT INTO memberships (org_id, user_id, role, since) VALUES ($1, $2, $3, $4)",
            [scope.organization, user.id, role.rawValue, now])
        try audit(scope, .memberAdded, subject: user.id, detail: role.rawValue, now: now)
    }
}
