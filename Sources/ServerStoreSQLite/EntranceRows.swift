internal import Foundation
internal import GRDB
public import SealingKit
public import ServerStore

extension SQLiteStore {
    public func createOrganization(_ organization: Organization, owner: User, now: Timestamp) async throws -> Scope {
        try await write("organization") { database in
            try database.execute(
                sql: "INSERT INTO orgs (org_id, name, created, retention_days) VALUES (?, ?, ?, ?)",
                arguments: [organization.id, organization.name, organization.created, organization.retentionDays])
            let scope = Scope.server(organization.id)
            let user = try database.findOrInsert(owner)
            try database.insertMembership(scope, user, .owner, now: now)
            try database.audit(scope, .organizationCreated, subject: organization.id, now: now)
            return scope
        }
    }

    public func organizations() async throws -> [Organization] {
        try await read("organizations") { database in
            try Row.fetchAll(database, sql: "SELECT * FROM orgs ORDER BY org_id").map { try $0.organization() }
        }
    }

    public func runner(_ hash: TokenHash, address: String?, now: Timestamp) async throws -> (Scope, RunnerToken)? {
        let found = try await read("runner") { database -> (OrganizationID, RunnerToken)? in
            let current = try database.cachedStatement(sql: "SELECT * FROM runner_tokens WHERE hash = ?")
            let previous = try database.cachedStatement(
                sql: "SELECT * FROM runner_tokens WHERE previous_hash = ? AND previous_until > ?")
            guard
                let row = try Row.fetchOne(current, arguments: [hash])
                    ?? Row.fetchOne(previous, arguments: [hash, now])
            else { return nil }
            return (try row.value("org_id"), try row.runnerToken())
        }
        guard let (organization, token) = found, token.revoked == nil, token.expires.map({ $0 > now }) ?? true
        else { return nil }
        let scope = Scope(organization: organization, actor: .runner(token.id), address: address)
        try await noteUse(scope, of: token, now: now)
        return (scope, token)
    }

    /// Notes the use of a token at most once in `useInterval`, so that reading does not become writing.
    private func noteUse(_ scope: Scope, of token: RunnerToken, now: Timestamp) async throws {
        if let last = token.lastUsed, last <= now, now < last + Self.useInterval { return }
        try await write("runner") { database in
            try database.execute(
                sql: "UPDATE runner_tokens SET last_used = ?, last_address = ? WHERE org_id = ? AND token_id = ?",
                arguments: [now, scope.address, scope.organization, token.id])
            let day = Int64(86_400_000)
            let isNewDay = token.lastUsed.map { $0.milliseconds / day != now.milliseconds / day } ?? true
            if isNewDay || token.lastAddress != scope.address {
                try database.audit(scope, .runnerTokenUsed, subject: token.id, now: now)
            }
        }
    }

    /// How exact "last used" is.
    private static var useInterval: Duration { .seconds(60) }

    // MARK: - Sessions

    public func session(_ hash: TokenHash, address: String?, now: Timestamp) async throws -> (Scope, Session)? {
        try await read("session") { database in try database.session(hash, address: address, now: now) }
    }

    public func endSession(_ hash: TokenHash, address: String?, now: Timestamp) async throws -> Bool {
        try await write("session") { database in
            guard let (scope, session) = try database.session(hash, address: address, now: now) else { return false }
            try database.execute(sql: "DELETE FROM sessions WHERE hash = ?", arguments: [hash])
            try database.audit(scope, .sessionEnded, subject: session.id, now: now)
            return true
        }
    }

    public func switchSession(
        _ hash: TokenHash, to organization: OrganizationID, as new: TokenHash, address: String?, now: Timestamp
    ) async throws -> Bool {
        try await write("session") { database in
            guard let (scope, session) = try database.session(hash, address: address, now: now) else { return false }
            let isMember = try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM memberships WHERE org_id = ? AND user_id = ?)",
                arguments: [organization, session.user.id])
            guard isMember == true else { return false }
            try database.execute(sql: "DELETE FROM sessions WHERE hash = ?", arguments: [hash])
            try database.audit(scope, .sessionEnded, subject: session.id, now: now)
            _ = try database.insertSession(
                in: organization, session.user, new, expires: session.expires,
                origin: SessionOrigin(address: address, agent: session.origin.agent), now: now)
            return true
        }
    }

    public func organizations(ofSession hash: TokenHash, now: Timestamp) async throws -> [Organization] {
        try await read("organizations") { database in
            guard let (_, session) = try database.session(hash, address: nil, now: now) else { return [] }
            return try Row.fetchAll(
                database,
                sql: "SELECT orgs.* FROM orgs JOIN memberships USING (org_id) WHERE user_id = ? ORDER BY name, org_id",
                arguments: [session.user.id]
            ).map { try $0.organization() }
        }
    }

    public func sessions(_ scope: Scope, now: Timestamp) async throws -> [Session] {
        let user = try scope.requireUser("sessions")
        return try await read("sessions") { database in
            try Row.fetchAll(
                database,
                sql: sessionQuery + """
                     WHERE sessions.org_id = ? AND sessions.user_id = ? AND expires > ?
                    ORDER BY sessions.created DESC, session_id DESC
                    """,
                arguments: [scope.organization, user, now]
            ).map { try $0.session() }
        }
    }

    public func endSession(_ scope: Scope, _ id: SessionID, now: Timestamp) async throws -> Bool {
        let user = try scope.requireUser("sessions")
        return try await write("session") { database in
            try database.execute(
                sql: "DELETE FROM sessions WHERE org_id = ? AND session_id = ? AND user_id = ?",
                arguments: [scope.organization, id, user])
            guard database.changesCount == 1 else { return false }
            try database.audit(scope, .sessionEnded, subject: id, now: now)
            return true
        }
    }

    // MARK: - Sign-in links and invitations

    public func createSignInLink(
        email: String, hash: TokenHash, expires: Timestamp, address: String?, now: Timestamp
    ) async throws -> Bool {
        try await write("sign-in link") { database in
            guard
                let row = try Row.fetchOne(
                    database,
                    sql: """
                        SELECT user_id, org_id FROM users JOIN memberships USING (user_id)
                        WHERE email = ? ORDER BY since, org_id LIMIT 1
                        """,
                    arguments: [email])
            else { return false }
            let user: UserID = try row.value("user_id")
            let open = try Int.fetchOne(
                database, sql: "SELECT count(*) FROM sign_in_links WHERE user_id = ? AND expires > ?",
                arguments: [user, now])
            guard open ?? 0 < Self.openLinks else { return false }
            try database.execute(
                sql: "INSERT INTO sign_in_links (hash, user_id, created, expires) VALUES (?, ?, ?, ?)",
                arguments: [hash, user, now, expires])
            let scope = Scope(organization: try row.value("org_id"), actor: .server, address: address)
            try database.audit(scope, .signInRequested, subject: user, now: now)
            return true
        }
    }

    /// The most live links of a user: whoever knows an address can not fill its mailbox.
    private static var openLinks: Int { 5 }

    public func signInLink(_ hash: TokenHash, now: Timestamp) async throws -> User? {
        try await read("sign-in link") { database in
            try Row.fetchOne(
                database,
                sql: "SELECT users.* FROM sign_in_links JOIN users USING (user_id) WHERE hash = ? AND expires > ?",
                arguments: [hash, now]
            )?.user()
        }
    }

    public func redeemSignInLink(
        _ hash: TokenHash, session: TokenHash, expires: Timestamp, origin: SessionOrigin, now: Timestamp
    ) async throws -> (Scope, Session)? {
        try await write("sign-in link") { database in
            guard
                let row = try Row.fetchOne(
                    database,
                    sql: """
                        SELECT users.*, org_id FROM sign_in_links JOIN users USING (user_id)
                        JOIN memberships USING (user_id)
                        WHERE hash = ? AND expires > ? ORDER BY since, org_id LIMIT 1
                        """,
                    arguments: [hash, now])
            else { return nil }
            let user = try row.user()
            // One sign-in ends all links, also those that somebody else may have asked for.
            try database.execute(sql: "DELETE FROM sign_in_links WHERE user_id = ?", arguments: [user.id])
            return try database.insertSession(
                in: try row.value("org_id"), user, session, expires: expires, origin: origin, now: now)
        }
    }

    public func invitation(_ hash: TokenHash, now: Timestamp) async throws -> (Invitation, Organization)? {
        try await read("invitation") { database in try database.invitation(hash, now: now) }
    }

    public func redeemInvitation(
        _ hash: TokenHash, name: String, session: TokenHash, expires: Timestamp, origin: SessionOrigin, now: Timestamp
    ) async throws -> (Scope, Session)? {
        try await write("invitation") { database in
            guard let (invitation, organization) = try database.invitation(hash, now: now) else { return nil }
            try database.execute(sql: "DELETE FROM invitations WHERE hash = ?", arguments: [hash])
            let user = try database.findOrInsert(
                User(id: .new(at: now), email: invitation.email, name: name, created: now))
            let isMember = try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM memberships WHERE org_id = ? AND user_id = ?)",
                arguments: [organization.id, user.id])
            if isMember != true {
                let scope = Scope(
                    organization: organization.id, actor: .user(user.id, invitation.role),
                    address: origin.address)
                try database.insertMembership(scope, user, invitation.role, now: now)
            }
            return try database.insertSession(
                in: organization.id, user, session, expires: expires, origin: origin, now: now)
        }
    }
}

/// Sessions with their user and the role that the user has now.
private let sessionQuery = """
    SELECT users.*, sessions.org_id, session_id, sessions.created AS began, expires, address, agent, role
    FROM sessions JOIN memberships USING (org_id, user_id) JOIN users USING (user_id)
    """

extension Database {
    /// The scope of a live session, with the role that its user has now.
    fileprivate func session(_ hash: TokenHash, address: String?, now: Timestamp) throws -> (Scope, Session)? {
        let statement = try cachedStatement(sql: sessionQuery + " WHERE hash = ? AND expires > ?")
        guard let row = try Row.fetchOne(statement, arguments: [hash, now]) else { return nil }
        let session = try row.session()
        let scope = Scope(
            organization: try row.value("org_id"), actor: .user(session.user.id, try row.word("role")), address: address
        )
        return (scope, session)
    }

    func insertSession(
        in organization: OrganizationID, _ user: User, _ hash: TokenHash, expires: Timestamp, origin: SessionOrigin,
        now: Timestamp
    ) throws -> (Scope, Session)? {
        let id = SessionID.new(at: now)
        try execute(
            sql: """
                INSERT INTO sessions (org_id, session_id, user_id, hash, created, expires, address, agent)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [organization, id, user.id, hash, now, expires, origin.address, origin.agent])
        guard let (scope, session) = try session(hash, address: origin.address, now: now) else { return nil }
        try audit(scope, .sessionStarted, subject: id, now: now)
        return (scope, session)
    }

    fileprivate func invitation(_ hash: TokenHash, now: Timestamp) throws -> (Invitation, Organization)? {
        guard
            let row = try Row.fetchOne(
                self, sql: "SELECT * FROM invitations WHERE hash = ? AND expires > ?", arguments: [hash, now]),
            let organization = try Row.fetchOne(
                self, sql: "SELECT * FROM orgs WHERE org_id = ?",
                arguments: [try row.value("org_id", as: OrganizationID.self)])
        else { return nil }
        return (try row.invitation(), try organization.organization())
    }

    /// The user with this address, or this one, newly written.
    fileprivate func findOrInsert(_ user: User) throws -> User {
        if let row = try Row.fetchOne(self, sql: "SELECT * FROM users WHERE email = ?", arguments: [user.email]) {
            return try row.user()
        }
        try execute(
            sql: "INSERT INTO users (user_id, email, name, created) VALUES (?, ?, ?, ?)",
            arguments: [user.id, user.email, user.name, user.created])
        return user
    }

    fileprivate func insertMembership(_ scope: Scope, _ user: User, _ role: Role, now: Timestamp) throws {
        try execute(
            sql: "INSERT INTO memberships (org_id, user_id, role, since) VALUES (?, ?, ?, ?)",
            arguments: [scope.organization, user.id, role.rawValue, now])
        try audit(scope, .memberAdded, subject: user.id, detail: role.rawValue, now: now)
    }
}
