internal import Hummingbird
internal import ServerKit
internal import ServerStore

extension Routes {
    /// Runner tokens, sessions, the organization.
    func addSettingsPages() {
        on(.get, "/settings/runners", .member, as: .page) { call in try await RunnersView.response(call) }

        on(.post, "/settings/runners", .admin, as: .page) { call in
            let form = try await call.form()
            let name = try form.text("name", limit: 100)
            var days: Int?
            if let text = form["days"]?.nonEmpty {
                guard let number = Int(text), (1...3650).contains(number) else {
                    throw Problem.badField("days", "It must be a number from 1 to 3650.")
                }
                days = number
            }
            let made = try await call.plane.createRunnerToken(call.scope, name: name, days: days)
            return try await RunnersView.response(call, made: made)
        }

        on(.post, "/settings/runners/:id/revoke", .admin, as: .page) { call in
            guard try await call.plane.revokeRunnerToken(call.scope, try call.id()) else { throw Problem.notFound }
            return .see("/settings/runners")
        }

        on(.get, "/settings/sessions", .member, as: .page) { call in
            let organization = try await call.store.organization(call.scope).name
            let sessions = try await call.store.sessions(call.scope, now: call.now)
            let passkeys = try await call.store.passkeys(call.scope)
            let hasPasskeys = call.plane.relyingParty != nil
            let view = SessionsView(
                organization: organization, sessions: sessions.map { SessionsView.Row($0, current: call.session) },
                hasPasskeys: hasPasskeys, hasAny: !passkeys.isEmpty, passkeys: passkeys.map(PasskeyRow.init))
            var frame = try await call.settings("settings-sessions", view, .sessions)
            frame.hasPasskeys = hasPasskeys
            return frame.response()
        }

        on(.post, "/settings/sessions/:id/end", .member, as: .page) { call in
            guard try await call.store.endSession(call.scope, try call.id(), now: call.now) else {
                throw Problem.notFound
            }
            return .see("/settings/sessions")
        }

        on(.get, "/settings/organization", .owner, as: .page) { call in
            let organization = try await call.store.organization(call.scope)
            let view = OrganizationView(
                name: organization.name, retention: organization.retentionDays.map { String($0) } ?? "")
            return try await call.settings("settings-organization", view, .organization).response()
        }

        on(.post, "/settings/organization", .owner, as: .page) { call in
            let form = try await call.form()
            let name = try form.text("name", limit: 100)
            var days: Int?
            if let text = form["retention"]?.nonEmpty {
                guard let number = Int(text), (1...36_500).contains(number) else {
                    throw Problem.badField("retention", "It must be a number from 1 to 36500, or empty.")
                }
                days = number
            }
            try await call.plane.updateOrganization(call.scope, name: name, retentionDays: days)
            return .see("/settings/organization")
        }
    }
}

/// The pages under /settings.
enum SettingsPage {
    case runners, members, sessions, github, audit, organization
}

extension Call {
    /// A page of settings: `settings.html` around the template of the page.
    func settings(_ template: String, _ view: Any, _ page: SettingsPage) async throws -> Frame {
        struct View {
            let content: String
            let onRunners: Bool
            let onMembers: Bool
            let onSessions: Bool
            let onGitHub: Bool
            let onAudit: Bool
            let onOrganization: Bool
            let isAdmin: Bool
            let isOwner: Bool
        }
        let outer = View(
            content: Templates.render(template, view), onRunners: page == .runners, onMembers: page == .members,
            onSessions: page == .sessions, onGitHub: page == .github, onAudit: page == .audit,
            onOrganization: page == .organization,
            isAdmin: role >= .admin, isOwner: role >= .owner)
        return try await frame("Settings", Templates.render("settings", outer), in: .settings)
    }

    /// The session that the request came with.
    var session: SessionID? {
        guard case .session(let session, _) = identity.credential else { return nil }
        return session.id
    }
}

/// `settings-runners.html`
private struct RunnersView {
    let tokens: [Row]
    let hasTokens: Bool
    let isAdmin: Bool
    let publicURL: String
    /// A token that was just made, shown once, and its name.
    let text: String?
    let textName: String?

    struct Row {
        let id: String
        let shortID: String
        let name: String
        let created: Moment
        let createdBy: String?
        let lastUsed: Moment?
        let lastAddress: String?
        let state: String
        let isDead: Bool
        let canRevoke: Bool

        init(_ token: RunnerToken, creator: String?, canRevoke: Bool, now: Timestamp) {
            id = token.id.description
            // The end of an id of version 7 is its random part.
            shortID = "…" + id.suffix(8)
            name = token.name
            created = Moment(token.created)
            createdBy = creator
            lastUsed = token.lastUsed.map(Moment.init)
            lastAddress = token.lastAddress
            let isExpired = token.expires.map { $0 <= now } ?? false
            state = token.revoked != nil ? "revoked" : isExpired ? "expired" : "live"
            isDead = state != "live"
            self.canRevoke = canRevoke && token.revoked == nil
        }
    }

    static func response(_ call: Call, made: (RunnerToken, text: String)? = nil) async throws -> Response {
        let members = try await call.store.members(call.scope)
        let names = Dictionary(members.map { ($0.user.id, $0.user.email) }, uniquingKeysWith: { first, _ in first })
        let tokens = try await call.store.runnerTokens(call.scope).map { token in
            Row(
                token, creator: token.createdBy.flatMap { names[$0] }, canRevoke: call.role >= .admin, now: call.now)
        }
        let view = RunnersView(
            tokens: tokens, hasTokens: !tokens.isEmpty, isAdmin: call.role >= .admin,
            publicURL: call.plane.settings.publicURL, text: made?.text, textName: made?.0.name)
        return try await call.settings("settings-runners", view, .runners).response()
    }
}

/// `settings-sessions.html`
private struct SessionsView {
    let organization: String
    let sessions: [Row]
    let hasPasskeys: Bool
    let hasAny: Bool
    let passkeys: [PasskeyRow]

    struct Row {
        let id: String
        let browser: String
        let isCurrent: Bool
        let created: Moment
        let expires: Moment
        let address: String

        init(_ session: Session, current: SessionID?) {
            id = session.id.description
            browser = Browser.name(session.origin.agent ?? "")
            isCurrent = session.id == current
            created = Moment(session.created)
            expires = Moment(session.expires)
            address = session.origin.address ?? "unknown"
        }
    }
}

/// `settings-organization.html`
private struct OrganizationView {
    let name: String
    let retention: String
}

/// What a `User-Agent` header is about, in two words.
enum Browser {
    static func name(_ agent: String) -> String {
        func first(_ table: [(String, String)]) -> String? { table.first { agent.contains($0.0) }?.1 }
        // The order matters: all of them call themselves by the names of older ones as well.
        let browser = first([
            ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
            ("curl/", "curl"),
        ])
        let system = first([
            ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
            ("Mac OS X", "macOS"), ("Linux", "Linux"),
        ])
        switch (browser, system) {
        case (let browser?, let system?): return "\(browser) on \(system)"
        case (let one?, nil), (nil, let one?): return one
        case (nil, nil): return "an unknown program"
        }
    }
}
