internal import Hummingbird
internal import ServerKit
internal import ServerStore

extension Routes {
    /// Members and invitations.
    func addMemberPages() {
        on(.get, "/settings/members", .member, as: .page) { call in try await MembersView.response(call) }

        on(.post, "/settings/members/:id/role", .admin, as: .page) { call in
            let role = try role(try await call.form())
            guard try await call.plane.setRole(call.scope, of: try call.id(), to: role) else { throw Problem.notFound }
            return .see("/settings/members")
        }

        on(.post, "/settings/members/:id/remove", .admin, as: .page) { call in
            guard try await call.plane.removeMember(call.scope, try call.id()) else { throw Problem.notFound }
            return .see("/settings/members")
        }

        on(.post, "/settings/invitations", .admin, as: .page) { call in
            let form = try await call.form()
            let email = try form.text("email", limit: MailAddress.maximumLength)
            let (invitation, link) = try await call.plane.invite(
                call.scope, email: email, role: try role(form), logger: call.open.logger)
            return try await MembersView.response(call, link: link, of: invitation.email)
        }

        on(.post, "/settings/invitations/:id/withdraw", .admin, as: .page) { call in
            guard try await call.store.deleteInvitation(call.scope, try call.id(), now: call.now) else {
                throw Problem.notFound
            }
            return .see("/settings/members")
        }
    }
}

private func role(_ form: Form) throws(Problem) -> Role {
    guard let role = Role(rawValue: form["role"] ?? "") else {
        throw .badField("role", "It must be one of \(Role.allCases.map(\.rawValue).joined(separator: ", ")).")
    }
    return role
}

/// `settings-members.html`
private struct MembersView {
    let members: [Row]
    let isAdmin: Bool
    let invitations: [Offer]
    let hasInvitations: Bool
    let inviteRoles: [String]
    /// A link that was just made, shown once.
    let link: String?
    let linkText: String

    struct Row {
        let id: String
        let name: String
        let email: String
        let isSelf: Bool
        let role: String
        let since: Moment
        let canChange: Bool
        let canRemove: Bool
        let roles: [Choice]
    }

    struct Choice {
        let value: String
        let isSelected: Bool
    }

    struct Offer {
        let id: String
        let email: String
        let role: String
        let expires: Moment
    }

    static func response(_ call: Call, link: String? = nil, of email: String = "") async throws -> Response {
        let own = call.role
        // Nobody gives a role that is above theirs, or touches somebody who has one.
        let roles = own >= .admin ? Role.allCases.filter { $0 <= own } : []
        let members = try await call.store.members(call.scope).map { member in
            let mayChange = own >= .admin && own >= member.role
            return Row(
                id: member.user.id.description, name: member.user.name, email: member.user.email,
                isSelf: member.user.id == call.user, role: member.role.rawValue, since: Moment(member.since),
                canChange: mayChange, canRemove: mayChange,
                roles: roles.map { Choice(value: $0.rawValue, isSelected: $0 == member.role) })
        }
        let invitations = own >= .admin ? try await call.store.invitations(call.scope, now: call.now) : []
        let view = MembersView(
            members: members, isAdmin: own >= .admin,
            invitations: invitations.map {
                Offer(
                    id: $0.id.description, email: $0.email, role: $0.role.rawValue, expires: Moment($0.expires))
            }, hasInvitations: !invitations.isEmpty, inviteRoles: roles.map(\.rawValue), link: link,
            linkText: "The invitation of \(email). The link is shown once, and mailed if the server sends mail:")
        return try await call.settings("settings-members", view, .members).response()
    }
}
