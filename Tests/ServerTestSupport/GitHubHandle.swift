package import GitHubAPI
package import GitHubStandIn
internal import HTTPTypes
package import HummingbirdTesting
package import ServerKit
package import ServerStore
internal import Synchronization
internal import Testing

/// A GitHub that a control plane of a test is registered at; none unless it is started.
package final class GitHubHandle: Sendable {
    package let standIn: GitHubStandIn?
    package let registration: GitHubRegistration?

    /// No GitHub.
    package init() {
        standIn = nil
        registration = nil
    }

    private init(_ standIn: GitHubStandIn, hasKey: Bool, isApp: Bool) throws {
        self.standIn = standIn
        registration = GitHubRegistration(
            site: try #require(GitHubSite(standIn.url)), clientID: standIn.clientID,
            clientSecret: try #require(GitHubToken(standIn.clientSecret)),
            app: isApp ? GitHubRegistration.App(id: standIn.appID, key: hasKey ? standIn.appKey : nil) : nil)
    }

    /// A stand-in that listens, with `acme/tools` (mona may write), `acme/notes` (mona may read) and `acme/hidden` (not mona's).
    /// - Parameter mode: How tokens for git are made.
    package static func start(
        _ mode: GitTokenMode = .installation, clock: SettableClock? = nil, hasContent: Bool = false,
        _ change: (inout GitHubStandIn.Options) -> Void = { _ in }
    ) async throws -> GitHubHandle {
        var options = GitHubStandIn.Options()
        options.isApp = mode.isPerOperation
        options.offersExpiry = mode != .oauth
        if let clock { options.now = { clock.now.seconds } }
        change(&options)
        let standIn = try GitHubStandIn(options)
        let installation: Int64? = options.isApp ? 1 : nil
        try standIn.addRepository(
            "acme", "tools", writers: ["mona", "hubot"], installation: installation, hasContent: hasContent)
        try standIn.addRepository(
            "acme", "notes", readers: ["mona"], installation: installation, hasContent: hasContent)
        try standIn.addRepository(
            "acme", "hidden", writers: ["hubot"], installation: installation, hasContent: hasContent)
        standIn.signIn("mona")
        try await standIn.start()
        return try GitHubHandle(standIn, hasKey: mode == .installation, isApp: options.isApp)
    }

    package var authority: String { registration?.site.authority ?? "" }
}

extension Tenant {
    /// Connects the people of the tenant, as a browser would; once.
    package func connectGitHub(_ roles: [Role] = Role.allCases, as login: String = "mona") async throws {
        let plane = fixture.plane
        let service = try #require(plane.github)
        fixture.github.standIn?.signIn(login)
        for role in roles {
            let signedIn = try #require(try await Tenant.signIn(plane, email(role)))
            guard case .user(let user, _) = signedIn.scope.actor,
                try await plane.store.githubConnection(signedIn.scope, of: user) == nil
            else { continue }
            let redirect = Fixture.publicURL + "/github/callback"
            let address = try service.begin(signedIn.session.id, signedIn.scope, redirect: redirect)
            let fields = try await fixture.github.standIn?.answer(toBrowserAt: address) ?? [:]
            try await service.finish(
                signedIn.session.id, signedIn.scope, code: fields["code"] ?? "", state: fields["state"] ?? "",
                redirect: redirect)
        }
    }

    /// A token for git, as the runner gets it.
    package func gitToken(
        _ run: StoreRunID, _ repository: String = "acme/tools", _ operation: String = "fetch"
    ) async throws -> (grant: String, token: String, response: TestResponse) {
        let response = try await fixture.test { client in
            try await client.call(
                .post, "/api/v1/runs/\(run)/git-token", bearer,
                json: """
                    {"host":"\(fixture.github.authority)","repository":"\(repository)","operation":"\(operation)"}
                    """)
        }
        return (response.json["grant"]?.string ?? "", response.json["token"]?.string ?? "", response)
    }
}
