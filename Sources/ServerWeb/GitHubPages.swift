internal import GitHubAPI
internal import Hummingbird
internal import ServerKit
internal import ServerStore

extension Routes {
    /// Connecting a person's GitHub, and what it reaches.
    func addGitHubPages() {
        on(.get, "/settings/github", .member, as: .page) { call in try await GitHubView.response(call) }

        // A form, so that no other site can begin it. Its answer leads to GitHub, which the page's policy allows.
        on(.post, "/settings/github/connect", .member, as: .page) { call in
            guard let session = call.session else { throw Problem.unauthorized }
            let service = try call.plane.githubService()
            return .see(try service.begin(session, call.scope, redirect: call.plane.githubRedirect))
        }

        on(.get, "/github/callback", .member, as: .page) { call in
            guard let session = call.session else { throw Problem.unauthorized }
            let service = try call.plane.githubService()
            let query = try call.open.query()
            guard query["error"] == nil else { return .see("/settings/github?outcome=denied") }
            do {
                try await service.finish(
                    session, call.scope, code: query["code"] ?? "", state: query["state"] ?? "",
                    redirect: call.plane.githubRedirect)
                return .see("/settings/github?outcome=connected")
            } catch let failure as GitHubService.ConnectFailure {
                return .see("/settings/github?outcome=\(failure.rawValue)")
            }
        }

        on(.post, "/settings/github/disconnect", .member, as: .page) { call in
            guard let user = call.user else { throw Problem.unauthorized }
            let isRevoked = try await call.plane.githubService().disconnect(call.scope, of: user)
            return .see("/settings/github?outcome=\(isRevoked == false ? "kept" : "disconnected")")
        }
    }
}

extension ControlPlane {
    /// Where GitHub sends browsers back to.
    fileprivate var githubRedirect: String { settings.publicURL + "/github/callback" }
}

/// `settings-github.html`
private struct GitHubView {
    let notice: String?
    let isBad: Bool
    let isConfigured: Bool
    let offer: Offer?
    let connection: Connection?

    struct Offer {
        let site: String
        let isOAuth: Bool
        let isApp: Bool
    }

    struct Connection {
        let isBroken: Bool
        let account: String
        let site: String
        let created: Moment
        let scopes: String?
        let mode: String
        let life: String
        let reach: String
        let perOperation: String
        let lacksRepo: Bool
        let text: String?
        let trouble: String?
        let repositories: [Row]
        let hasRepositories: Bool
        let first: String?
        let next: String?
        let isApp: Bool
        let installations: String
    }

    struct Row {
        let name: String
        let visibility: String
        let permission: String

        init(_ repository: GitHubRepository) {
            name = repository.name.description
            visibility = repository.isPrivate ? "members" : "everybody"
            permission = repository.canPush ? "read and write" : "read"
        }
    }

    /// What came of the last step, by the word in the address.
    private static func notice(_ outcome: String?) -> (text: String, isBad: Bool)? {
        switch outcome {
        case "connected": ("GitHub is connected.", false)
        case "disconnected": ("GitHub is disconnected; the authorization there has ended.", false)
        case "kept":
            (
                "The connection is forgotten here, but GitHub could not be told. End the authorization at GitHub, under Settings, Applications.",
                true
            )
        case "denied": ("Nothing was connected: the request was not allowed at GitHub.", true)
        case "state": ("Nothing was connected: the answer came too late, or belongs to another session.", true)
        case "code": ("Nothing was connected: GitHub does not take the answer a second time.", true)
        case "unavailable": ("Nothing was connected: GitHub does not answer as it should. Try again later.", true)
        default: nil
        }
    }

    static func response(_ call: Call) async throws -> Response {
        guard let user = call.user else { throw Problem.unauthorized }
        let query = try call.open.query()
        let notice = notice(query["outcome"])
        let service = call.plane.github
        let stored = try await call.store.githubConnection(call.scope, of: user)
        var shown: Connection?
        if let service, let stored {
            let text = query["text"].flatMap { $0.nonEmpty.map { String($0.prefix(100)) } }
            shown = try await connection(call, service, stored, user, text: text, page: query["page"])
        }
        let offer = service.flatMap { service in
            stored == nil
                ? Offer(site: service.site.web, isOAuth: !service.isApp, isApp: service.isApp) : nil
        }
        let view = GitHubView(
            notice: notice?.text, isBad: notice?.isBad ?? false, isConfigured: service != nil, offer: offer,
            connection: shown)
        var frame = try await call.settings("settings-github", view, .github)
        // The form that connects is answered by a redirect there, and policies hold for that as well (CSP 3, 6.4.2).
        if let service { frame.formTarget = service.site.web }
        return frame.response()
    }

    private static func connection(
        _ call: Call, _ service: GitHubService, _ stored: GitHubConnection, _ user: UserID, text: String?, page: String?
    ) async throws -> Connection {
        var repositories = GitHubPage<GitHubRepository>(elements: [], next: nil)
        var trouble: String?
        if stored.state == .live {
            do {
                repositories = try await service.repositories(
                    call.scope, of: user, text: text ?? "", page: page)
            } catch let problem as Problem { trouble = problem.title }
        }
        let mode = service.mode(of: stored)
        let facts = Self.facts(mode)
        let query = text.map { "text=" + Address.encode($0) + "&" } ?? ""
        return Connection(
            isBroken: stored.state == .broken, account: stored.account, site: stored.site,
            created: Moment(stored.created), scopes: stored.scopes.nonEmpty, mode: mode.rawValue, life: facts.life,
            reach: facts.reach,
            perOperation: mode.isPerOperation
                ? "yes: made when git asks, ended when git is done"
                : "no: GitHub makes at most ten such tokens an hour, so the same one is handed out again",
            lacksRepo: !stored.isApp && !stored.scopes.split(separator: " ").contains("repo"), text: text,
            trouble: trouble, repositories: repositories.elements.map(Row.init),
            hasRepositories: !repositories.elements.isEmpty,
            first: page == nil ? nil : "/settings/github?" + query,
            next: repositories.next.map { "/settings/github?\(query)page=\(Address.encode($0))" },
            isApp: stored.isApp, installations: service.installationsURL)
    }

    /// How long a token lives and what it reaches: GitHub's limits, without gloss (docs/github.md, "Modes").
    private static func facts(_ mode: GitTokenMode) -> (life: String, reach: String) {
        switch mode {
        case .oauth: ("until it is revoked", "all repositories that you reach")
        case .expiringOAuth: ("eight hours at most, then it is renewed", "all repositories that you reach")
        case .scopedUser: ("eight hours at most", "the one repository of the run")
        case .installation: ("one hour at most", "the one repository of the run; its contents, nothing else")
        }
    }
}
