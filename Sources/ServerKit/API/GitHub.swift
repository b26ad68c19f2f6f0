internal import GitHubAPI
internal import HTTPTypes
internal import Hummingbird
internal import JSONText
internal import ServerStore

extension Routes {
    /// The connection to GitHub, and what runners get from it.
    func addGitHub() {
        on(.get, "/api/v1/github/connection", .member) { call in
            guard case .user(let user, _) = call.scope.actor else { throw Problem.unauthorized }
            let service = call.plane.github
            let connection = try await call.store.githubConnection(call.scope, of: user)
            return call.json(
                JSON.object([
                    ("site", service.map { JSON.string($0.site.web) } ?? "null"),
                    ("connection", connection.map { document($0, service) } ?? "null"),
                ]))
        }

        on(.delete, "/api/v1/github/connection", .member) { call in
            guard case .user(let user, _) = call.scope.actor else { throw Problem.unauthorized }
            let isRevoked = try await call.plane.githubService().disconnect(call.scope, of: user)
            return call.json(JSON.object([("revoked_at_github", isRevoked.map { $0 ? "true" : "false" } ?? "null")]))
        }

        on(.get, "/api/v1/github/repositories", .member) { call in
            guard case .user(let user, _) = call.scope.actor else { throw Problem.unauthorized }
            let query = try call.open.query()
            let page = try await call.plane.githubService().repositories(
                call.scope, of: user, text: query["text"] ?? "", page: query["page"])
            return call.json(
                JSON.object([
                    ("repositories", JSON.array(page.elements.map(document))),
                    ("next", page.next.map(JSON.string) ?? "null"),
                ]))
        }

        on(.post, "/api/v1/runs/:id/git-token", .runner) { call in
            let (run, runner, user) = try await call.runForGitHub()
            let service = try call.plane.githubService()
            var body = try await Body.document(call.request, limit: call.plane.settings.limits.documentBytes)
            let host = try body.text("host", limit: 300)
            let name = try repository(&body)
            guard let operation = GitOperation(rawValue: try body.text("operation", limit: 10)) else {
                throw Problem.badField("operation", "It must be fetch or push.")
            }
            try body.finish()
            // Exactly, and before anything is made: a token for another host would be somebody else's.
            guard host == service.site.authority else {
                throw Problem.badField("host", "It is not the GitHub that this server is connected to.")
            }
            try call.plane.limiter.require("git-token \(run)", call.plane.settings.limits.gitTokens)
            let (grant, minted) = try await service.grant(
                call.scope, run, of: runner, user: user, name, operation)
            return call.json(
                JSON.object([
                    ("grant", JSON.string(grant.id.description)), ("username", JSON.string("x-access-token")),
                    ("token", JSON.string(minted.token.text)), ("mode", JSON.string(minted.mode.rawValue)),
                    ("expires_at", minted.expires?.json ?? "null"),
                    (
                        "repositories",
                        minted.repositories.map { JSON.array($0.map { JSON.string($0.description) }) } ?? "null"
                    ), ("per_operation", minted.mode.isPerOperation ? "true" : "false"),
                ]), .created)
        }

        on(.delete, "/api/v1/runs/:id/git-token/:grant", .runner) { call in
            let run: RunID = try call.id()
            let id: GitGrantID = try call.id("grant")
            guard let grant = try await call.store.gitGrant(call.scope, of: run, id),
                try await call.plane.githubService().giveBack(call.scope, grant)
            else { throw Problem.notFound }
            return Response(status: .noContent)
        }

        on(.post, "/api/v1/runs/:id/pull-requests", .runner) { call in
            let (run, _, user) = try await call.runForGitHub()
            var body = try await Body.document(call.request, limit: call.plane.settings.limits.documentBytes)
            let name = try repository(&body)
            let request = GitHubClient.PullRequest(
                title: try body.text("title", limit: 256), body: try body.prose("body", limit: 60_000),
                head: try body.text("head", limit: 256), base: try body.optionalText("base", limit: 256),
                isDraft: body.has("draft") ? try body.bool("draft") : false)
            try body.finish()
            guard request.base != "" else { throw Problem.badField("base", "It is empty.") }
            for (field, text) in [
                ("title", request.title), ("body", request.body), ("head", request.head), ("base", request.base ?? ""),
            ] {
                try call.plane.scrubber.require(text, field: field)
            }
            try call.plane.limiter.require("git-token \(run)", call.plane.settings.limits.gitTokens)
            let made = try await call.plane.githubService().createPullRequest(
                call.scope, user: user, name, request)
            try await call.store.record(
                call.scope, .pullRequestCreated, subject: run.description, detail: "\(name) #\(made.number)",
                now: call.now)
            return call.json(
                JSON.object([("number", String(made.number)), ("url", JSON.string(made.url))]), .created)
        }
    }
}

extension ControlPlane {
    /// - Throws: `Problem` when the server was given no registration at GitHub.
    package func githubService() throws(Problem) -> GitHubService {
        guard let github else { throw .notConfigured }
        return github
    }
}

extension Call {
    /// The run that the path names, if it is the runner's own and goes on; and the member whose connection the runner uses: who paired it.
    fileprivate func runForGitHub() async throws -> (RunID, RunnerTokenID, UserID) {
        let id: RunID = try id()
        guard case .runner(let token, _) = identity.credential, let run = try await store.run(scope, id) else {
            throw Problem.notFound
        }
        guard !run.summary.isOver, run.cancelRequested == nil else { throw Problem.runIsOver }
        guard let user = token.createdBy else { throw Problem.notConnected }
        return (id, token.id, user)
    }
}

private func repository(_ body: inout Document) throws(Problem) -> RepositoryName {
    guard let name = RepositoryName(try body.text("repository", limit: 200)) else {
        throw .badField("repository", "It must be owner/name.")
    }
    return name
}

private func document(_ connection: GitHubConnection, _ service: GitHubService?) -> String {
    JSON.object([
        ("site", JSON.string(connection.site)), ("account", JSON.string(connection.account)),
        ("state", JSON.string(connection.state.rawValue)), ("scopes", JSON.string(connection.scopes)),
        ("mode", service.map { JSON.string($0.mode(of: connection).rawValue) } ?? "null"),
        ("created", connection.created.json), ("renewed", connection.renewed.json),
        ("expires", connection.expires?.json ?? "null"),
    ])
}

private func document(_ repository: GitHubRepository) -> String {
    JSON.object([
        ("name", JSON.string(repository.name.description)), ("private", repository.isPrivate ? "true" : "false"),
        ("push", repository.canPush ? "true" : "false"),
        ("default_branch", repository.defaultBranch.map(JSON.string) ?? "null"),
    ])
}
