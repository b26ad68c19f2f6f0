public import SealingKit
public import ServerStore

extension PostgresStore {
    public func organization(_ scope: Scope) async throws -> Organization {
        let found = try await query(
            "organization", .scope(scope), "SELECT * FROM orgs WHERE org_id = $1", [scope.organization]
        ) { try $0.organization() }
        guard let organization = found.first else {
            throw StoreError(.refused, "organization: there is none for this scope")
        }
        return organization
    }

    public func updateOrganization(_ scope: Scope, name: String, retentionDays: Int?, now: Timestamp) async throws {
        try await write("organization", .scope(scope)) { transaction in
            try transaction.execute(
                "UPDATE orgs SET name = $1, retention_days = $2 WHERE org_id = $3",
                [name, retentionDays, scope.organization])
            try transaction.audit(
                scope, .organizationChanged, subject: scope.organization,
                detail: retentionDays.map { "runs are kept \($0) days" } ?? "runs are kept", now: now)
        }
    }

    public func members(_ scope: Scope) async throws -> [Membership] {
        try await query(
            "members", .scope(scope),
            """
            SELECT users.*, role, since FROM memberships JOIN users USING (user_id) WHERE org_id = $1 ORDER BY email
            """, [scope.organization], { try $0.membership() })
    }

    public func member(_ scope: Scope, _ user: UserID) async throws -> Membership? {
        try await query(
            "member", .scope(scope),
            """
            SELECT users.*, role, since FROM memberships JOIN users USING (user_id)
            WHERE org_id = $1 AND user_id = $2
            """, [scope.organization, user], { try $0.membership() }
        ).first
    }

    public func setRole(_ scope: Scope, of user: UserID, to role: Role, now: Timestamp) async throws -> Bool {
        try await writeCredential("role", scope) { transaction in
            try transaction.lockMembers(scope)
            let changed = try transaction.execute(
                "UPDATE memberships SET role = $1 WHERE org_id = $2 AND user_id = $3",
                [role.rawValue, scope.organization, user])
            guard changed == 1 else { return false }
            try transaction.requireOwner(scope)
            try transaction.audit(scope, .memberRoleChanged, subject: user, detail: role.rawValue, now: now)
            return true
        }
    }

    public func removeMember(_ scope: Scope, _ user: UserID, now: Timestamp) async throws -> Bool {
        try await writeCredential("member", scope) { transaction in
            try transaction.lockMembers(scope)
            let changed = try transaction.execute(
                "DELETE FROM memberships WHERE org_id = $1 AND user_id = $2", [scope.organization, user])
            guard changed == 1 else { return false }
            try transaction.requireOwner(scope)
            try transaction.audit(scope, .memberRemoved, subject: user, now: now)
            return true
        }
    }

    public func invitations(_ scope: Scope, now: Timestamp) async throws -> [Invitation] {
        try await query(
            "invitations", .scope(scope),
            """
            SELECT * FROM invitations WHERE org_id = $1 AND expires > $2 ORDER BY created DESC, invitation_id DESC
            """, [scope.organization, now]
        ) { try $0.invitation() }
    }

    public func createInvitation(
        _ scope: Scope, _ invitation: Invitation, hash: TokenHash, now: Timestamp
    ) async throws {
        try await write("invitation", .scope(scope)) { transaction in
            // Counting is worth nothing while others may add.
            try transaction.lock("invitations of \(scope.organization)")
            let open = try transaction.count(
                "SELECT count(*) AS n FROM invitations WHERE org_id = $1 AND expires > $2", [scope.organization, now])
            guard open < StoreLimits.invitations else { throw StoreError(.conflict, "invitation: too many") }
            try transaction.execute(
                """
                INSERT INTO invitations (org_id, invitation_id, hash, email, role, created, expires)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                """,
                [
                    scope.organization, invitation.id, hash, invitation.email, invitation.role.rawValue,
                    invitation.created, invitation.expires,
                ])
            try transaction.audit(
                scope, .invitationCreated, subject: invitation.id, detail: invitation.role.rawValue, now: now)
        }
    }

    public func deleteInvitation(_ scope: Scope, _ id: InvitationID, now: Timestamp) async throws -> Bool {
        try await write("invitation", .scope(scope)) { transaction in
            let changed = try transaction.execute(
                "DELETE FROM invitations WHERE org_id = $1 AND invitation_id = $2", [scope.organization, id])
            guard changed == 1 else { return false }
            try transaction.audit(scope, .invitationDeleted, subject: id, now: now)
            return true
        }
    }
}

extension Transaction {
    /// Makes other changes of the organization's members wait: of two owners who remove each other at once, one must stay.
    fileprivate func lockMembers(_ scope: Scope) throws { try lock("members of \(scope.organization)") }

    /// Throws, and so undoes the transaction, when the organization has no owner left.
    fileprivate func requireOwner(_ scope: Scope) throws {
        let isThere = try exists(
            "SELECT 1::bigint AS n FROM memberships WHERE org_id = $1 AND role = $2 LIMIT 1",
            [scope.organization, Role.owner.rawValue])
        guard isThere else { throw StoreError(.lastOwner, "member") }
    }
}
