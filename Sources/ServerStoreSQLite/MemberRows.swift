internal import GRDB
public import SealingKit
public import ServerStore

extension SQLiteStore {
    public func organization(_ scope: Scope) async throws -> Organization {
        try await read("organization") { database in
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT * FROM orgs WHERE org_id = ?", arguments: [scope.organization])
            else { throw StoreError(.refused, "organization: there is none for this scope") }
            return try row.organization()
        }
    }

    public func updateOrganization(_ scope: Scope, name: String, retentionDays: Int?, now: Timestamp) async throws {
        try await write("organization") { database in
            try database.execute(
                sql: "UPDATE orgs SET name = ?, retention_days = ? WHERE org_id = ?",
                arguments: [name, retentionDays, scope.organization])
            try database.audit(
                scope, .organizationChanged, subject: scope.organization,
                detail: retentionDays.map { "runs are kept \($0) days" } ?? "runs are kept", now: now)
        }
    }

    public func members(_ scope: Scope) async throws -> [Membership] {
        try await read("members") { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT users.*, role, since FROM memberships JOIN users USING (user_id)
                    WHERE org_id = ? ORDER BY email
                    """,
                arguments: [scope.organization]
            ).map { try $0.membership() }
        }
    }

    public func member(_ scope: Scope, _ user: UserID) async throws -> Membership? {
        try await read("member") { database in
            try Row.fetchOne(
                database,
                sql: """
                    SELECT users.*, role, since FROM memberships JOIN users USING (user_id)
                    WHERE org_id = ? AND user_id = ?
                    """,
                arguments: [scope.organization, user]
            ).map { try $0.membership() }
        }
    }

    public func setRole(_ scope: Scope, of user: UserID, to role: Role, now: Timestamp) async throws -> Bool {
        try await write("role") { database in
            try database.execute(
                sql: "UPDATE memberships SET role = ? WHERE org_id = ? AND user_id = ?",
                arguments: [role.rawValue, scope.organization, user])
            guard database.changesCount == 1 else { return false }
            try requireOwner(database, scope)
            try database.audit(scope, .memberRoleChanged, subject: user, detail: role.rawValue, now: now)
            return true
        }
    }

    public func removeMember(_ scope: Scope, _ user: UserID, now: Timestamp) async throws -> Bool {
        try await write("member") { database in
            try database.execute(
                sql: "DELETE FROM memberships WHERE org_id = ? AND user_id = ?", arguments: [scope.organization, user])
            guard database.changesCount == 1 else { return false }
            try requireOwner(database, scope)
            try database.audit(scope, .memberRemoved, subject: user, now: now)
            return true
        }
    }

    public func invitations(_ scope: Scope, now: Timestamp) async throws -> [Invitation] {
        try await read("invitations") { database in
            try Row.fetchAll(
                database,
                sql:
                    "SELECT * FROM invitations WHERE org_id = ? AND expires > ? ORDER BY created DESC, invitation_id DESC",
                arguments: [scope.organization, now]
            ).map { try $0.invitation() }
        }
    }

    public func createInvitation(
        _ scope: Scope, _ invitation: Invitation, hash: TokenHash, now: Timestamp
    ) async throws {
        try await write("invitation") { database in
            let open = try Int.fetchOne(
                database, sql: "SELECT count(*) FROM invitations WHERE org_id = ? AND expires > ?",
                arguments: [scope.organization, now])
            guard open ?? 0 < StoreLimits.invitations else { throw StoreError(.conflict, "invitation: too many") }
            try database.execute(
                sql: """
                    INSERT INTO invitations (org_id, invitation_id, hash, email, role, created, expires)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    scope.organization, invitation.id, hash, invitation.email, invitation.role.rawValue,
                    invitation.created, invitation.expires,
                ])
            try database.audit(
                scope, .invitationCreated, subject: invitation.id, detail: invitation.role.rawValue, now: now)
        }
    }

    public func deleteInvitation(_ scope: Scope, _ id: InvitationID, now: Timestamp) async throws -> Bool {
        try await write("invitation") { database in
            try database.execute(
                sql: "DELETE FROM invitations WHERE org_id = ? AND invitation_id = ?",
                arguments: [scope.organization, id])
            guard database.changesCount == 1 else { return false }
            try database.audit(scope, .invitationDeleted, subject: id, now: now)
            return true
        }
    }
}

/// Throws, and so undoes the transaction, when the organization has no owner left.
private func requireOwner(_ database: Database, _ scope: Scope) throws {
    let owner = try Bool.fetchOne(
        database, sql: "SELECT EXISTS (SELECT 1 FROM memberships WHERE org_id = ? AND role = ?)",
        arguments: [scope.organization, Role.owner.rawValue])
    guard owner == true else { throw StoreError(.lastOwner, "member") }
}
