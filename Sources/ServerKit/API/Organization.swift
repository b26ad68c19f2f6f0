internal import HTTPTypes
internal import Hummingbird
internal import JSONText
package import ServerStore

extension Routes {
    func addOrganization() {
        let documentBytes = plane.settings.limits.documentBytes

        on(.get, "/api/v1/session", .member) { call in
            guard case .session(let session, _) = call.identity.credential, case .user(_, let role) = call.scope.actor
            else {
                throw Problem.unauthorized
            }
            let organizations = try await call.plane.organizations(call)
            return call.json(
                JSON.object([
                    ("user", document(session.user)), ("role", JSON.string(role.rawValue)),
                    ("organization", JSON.string(call.scope.organization.description)),
                    ("organizations", JSON.array(organizations.map(document))), ("expires", session.expires.json),
                ]))
        }

        on(.delete, "/api/v1/session", .member) { call in
            Response(status: .noContent, headers: [.setCookie: try await call.plane.signOut(call)])
        }

        on(.post, "/api/v1/session/organization", .member) { call in
            var body = try await Body.document(call.request, limit: documentBytes)
            let text = try body.text("organization", limit: 36)
            try body.finish()
            guard let id = OrganizationID(text), let moved = try await call.plane.switchOrganization(call, to: id)
            else {
                throw Problem.notFound
            }
            return Response(status: .noContent, headers: [.setCookie: moved.cookie])
        }

        on(.get, "/api/v1/sessions", .member) { call in
            let sessions = try await call.store.sessions(call.scope, now: call.now)
            return call.json(JSON.object([("sessions", JSON.array(sessions.map(document)))]))
        }

        on(.delete, "/api/v1/sessions/:id", .member) { call in
            guard try await call.store.endSession(call.scope, try call.id(), now: call.now) else {
                throw Problem.notFound
            }
            return Response(status: .noContent)
        }

        on(.get, "/api/v1/organization", .any) { call in
            call.json(document(try await call.store.organization(call.scope)))
        }

        on(.patch, "/api/v1/organization", .owner) { call in
            var body = try await Body.document(call.request, limit: documentBytes)
            let current = try await call.store.organization(call.scope)
            let name = try body.optionalText("name", limit: 100) ?? current.name
            guard !name.isEmpty else { throw Problem.badField("name", "It is empty.") }
            // null keeps runs for good; a member that is not there changes nothing.
            var days = current.retentionDays
            if body.has("retention_days") { days = try body.optionalInteger("retention_days", in: 1...36_500) }
            try body.finish()
            try await call.plane.updateOrganization(call.scope, name: name, retentionDays: days)
            return call.json(document(try await call.store.organization(call.scope)))
        }

        on(.get, "/api/v1/members", .member) { call in
            let members = try await call.store.members(call.scope)
            return call.json(JSON.object([("members", JSON.array(members.map(document)))]))
        }

        on(.patch, "/api/v1/members/:id", .admin) { call in
            let id: UserID = try call.id()
            var body = try await Body.document(call.request, limit: documentBytes)
            let role = try role(&body)
            try body.finish()
            guard try await call.plane.setRole(call.scope, of: id, to: role) else { throw Problem.notFound }
            return Response(status: .noContent)
        }

        on(.delete, "/api/v1/members/:id", .admin) { call in
            guard try await call.plane.removeMember(call.scope, try call.id()) else { throw Problem.notFound }
            return Response(status: .noContent)
        }

        on(.get, "/api/v1/invitations", .admin) { call in
            let invitations = try await call.store.invitations(call.scope, now: call.now)
            return call.json(JSON.object([("invitations", JSON.array(invitations.map(document)))]))
        }

        on(.post, "/api/v1/invitations", .admin) { call in
            var body = try await Body.document(call.request, limit: documentBytes)
            let email = try body.text("email", limit: MailAddress.maximumLength)
            let role = try role(&body)
            try body.finish()
            let (invitation, link) = try await call.plane.invite(
                call.scope, email: email, role: role, logger: call.open.logger)
            return call.json(
                JSON.object([("invitation", document(invitation)), ("link", JSON.string(link))]), .created)
        }

        on(.delete, "/api/v1/invitations/:id", .admin) { call in
            guard try await call.store.deleteInvitation(call.scope, try call.id(), now: call.now) else {
                throw Problem.notFound
            }
            return Response(status: .noContent)
        }

        on(.get, "/api/v1/audit", .admin) { call in
            let query = try call.open.query()
            guard let limit = Int(query["limit"] ?? "100"), (1...1000).contains(limit) else {
                throw Problem.badField("limit", "It must be a number from 1 to 1000.")
            }
            var before: AuditID?
            if let text = query["before"] {
                guard let id = AuditID(text) else { throw Problem.badField("before", "It must be an entry's id.") }
                before = id
            }
            let entries = try await call.store.audit(call.scope, before: before, limit: limit)
            return call.json(
                JSON.object([
                    ("entries", JSON.array(entries.map(document))),
                    ("next", entries.count == limit ? entries.last.map { JSON.string($0.id.description) } : "null"),
                ]))
        }
    }
}

extension ControlPlane {
    /// Changes the organization's name and how long its runs are kept; nil keeps them.
    package func updateOrganization(_ scope: Scope, name: String, retentionDays: Int?) async throws {
        try scrubber.require(name, field: "name")
        try await store.updateOrganization(scope, name: name, retentionDays: retentionDays, now: now())
    }

    /// Changes a member's role. An admin can neither make nor unmake an owner.
    package func setRole(_ scope: Scope, of user: UserID, to role: Role) async throws -> Bool {
        guard let member = try await store.member(scope, user) else { return false }
        try requireRank(scope, above: max(role, member.role))
        return try await store.setRole(scope, of: user, to: role, now: now())
    }

    /// Removes a member; their sessions end at once. Their runners go on until their tokens are revoked.
    package func removeMember(_ scope: Scope, _ user: UserID) async throws -> Bool {
        guard let member = try await store.member(scope, user) else { return false }
        try requireRank(scope, above: member.role)
        // Their grant at GitHub ends too; the row goes with the membership, whether GitHub answers or not.
        _ = try? await github?.disconnect(scope, of: user)
        return try await store.removeMember(scope, user, now: now())
    }
}

private func role(_ body: inout Document) throws(Problem) -> Role {
    guard let role = Role(rawValue: try body.text("role", limit: 20)) else {
        throw .badField("role", "It must be one of \(Role.allCases.map(\.rawValue).joined(separator: ", ")).")
    }
    return role
}

private func document(_ user: User) -> String {
    JSON.object([
        ("id", JSON.string(user.id.description)), ("email", JSON.string(user.email)), ("name", JSON.string(user.name)),
    ])
}

private func document(_ organization: Organization) -> String {
    JSON.object([
        ("id", JSON.string(organization.id.description)), ("name", JSON.string(organization.name)),
        ("created", organization.created.json),
        ("retention_days", organization.retentionDays.map { String($0) } ?? "null"),
    ])
}

private func document(_ member: Membership) -> String {
    JSON.object([
        ("user", document(member.user)), ("role", JSON.string(member.role.rawValue)), ("since", member.since.json),
    ])
}

private func document(_ invitation: Invitation) -> String {
    JSON.object([
        ("id", JSON.string(invitation.id.description)), ("email", JSON.string(invitation.email)),
        ("role", JSON.string(invitation.role.rawValue)), ("created", invitation.created.json),
        ("expires", invitation.expires.json),
    ])
}

private func document(_ session: Session) -> String {
    JSON.object([
        ("id", JSON.string(session.id.description)), ("created", session.created.json),
        ("expires", session.expires.json), ("address", session.origin.address.map(JSON.string) ?? "null"),
        ("agent", session.origin.agent.map(JSON.string) ?? "null"),
    ])
}

private func document(_ entry: AuditEntry) -> String {
    let (kind, id): (String, String?)
    switch entry.actor {
    case .runner(let runner): (kind, id) = ("runner", runner.description)
    case .user(let user): (kind, id) = ("user", user.description)
    case .server: (kind, id) = ("server", nil)
    }
    return JSON.object([
        ("id", JSON.string(entry.id.description)), ("time", entry.time.json), ("actor", JSON.string(kind)),
        ("actor_id", id.map(JSON.string) ?? "null"), ("action", JSON.string(entry.action.rawValue)),
        ("subject", JSON.string(entry.subject)), ("detail", JSON.string(entry.detail)),
        ("address", entry.address.map(JSON.string) ?? "null"),
    ])
}
