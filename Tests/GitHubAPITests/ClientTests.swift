internal import Foundation
internal import GitHubAPI
internal import GitHubStandIn
internal import OpenSSLEngine
internal import Testing

/// A stand-in and a client that is registered there.
private struct World {
    let standIn: GitHubStandIn
    let client: GitHubClient

    init(isApp: Bool = false, hasKey: Bool = true, _ change: (inout GitHubStandIn.Options) -> Void = { _ in })
        async throws
    {
        var options = GitHubStandIn.Options()
        options.isApp = isApp
        change(&options)
        standIn = try GitHubStandIn(options)
        try await standIn.start()
        client = GitHubClient(
            GitHubRegistration(
                site: try #require(GitHubSite(standIn.url)), clientID: standIn.clientID,
                clientSecret: try #require(GitHubToken(standIn.clientSecret)),
                app: isApp ? GitHubRegistration.App(id: standIn.appID, key: hasKey ? standIn.appKey : nil) : nil))
    }

    func token(_ login: String = "mona") throws -> GitHubToken {
        try #require(GitHubToken(standIn.grant(login).access))
    }

    var now: Int64 { Int64(Date().timeIntervalSince1970) }
}

@Suite struct ClientTests {
    @Test func readsWhoAndWhatIsReachedPageByPage() async throws {
        let world = try await World { $0.pageSize = 3 }
        for number in 0..<7 {
            try world.standIn.addRepository("acme", "r\(number)", writers: ["mona"], hasContent: false)
        }
        try world.standIn.addRepository("acme", "hidden", writers: ["hubot"], hasContent: false)
        let token = try world.token()
        #expect(try await world.client.account(token).login == "mona")
        var names: [String] = []
        var next: String?
        var pages = 0
        repeat {
            let page = try await world.client.repositories(token, page: next)
            names += page.elements.map(\.name.description)
            next = page.next
            pages += 1
        } while next != nil
        #expect(names == (0..<7).map { "acme/r\($0)" } && pages == 3)
    }

    @Test func reachesInstallationsOneAfterAnother() async throws {
        let world = try await World(isApp: true) { $0.pageSize = 2 }
        for number in 0..<3 {
            try world.standIn.addRepository("acme", "a\(number)", writers: ["mona"], installation: 1, hasContent: false)
        }
        try world.standIn.addRepository("other", "b", writers: ["mona"], installation: 2, hasContent: false)
        try world.standIn.addRepository("other", "not-installed", writers: ["mona"], hasContent: false)
        let token = try world.token()
        var names: [String] = []
        var next: String?
        repeat {
            let page = try await world.client.repositories(token, page: next)
            names += page.elements.map(\.name.description)
            next = page.next
        } while next != nil
        #expect(names == ["acme/a0", "acme/a1", "acme/a2", "other/b"])
    }

    @Test func refreshTokenWorksOnceAndTakesTheAccessTokenAlong() async throws {
        let world = try await World()
        let (access, refresh) = world.standIn.grant("mona")
        let first = try #require(refresh.flatMap { GitHubToken($0) })
        let renewed = try await world.client.refresh(first)
        #expect(renewed.accessLife == 28_800 && renewed.refresh != nil && renewed.access.text != access)
        #expect(!world.standIn.isLive(access))
        await #expect { _ = try await world.client.refresh(first) } throws: { ($0 as? GitHubError)?.code == .badGrant }
        await #expect { _ = try await world.client.account(GitHubToken(access)!) } throws: {
            ($0 as? GitHubError)?.code == .badCredential
        }
    }

    @Test func installationTokenReachesOneRepositoryAndEnds() async throws {
        let world = try await World(isApp: true)
        try world.standIn.addRepository("acme", "tools", writers: ["mona"], installation: 1, hasContent: false)
        try world.standIn.addRepository("acme", "other", writers: ["mona"], installation: 1, hasContent: false)
        let user = try world.token()
        let repository = try await world.client.repository(user, try #require(RepositoryName("acme/tools")))
        #expect(repository.canPush && repository.isPrivate && repository.defaultBranch == "main")
        let made = try await world.client.installationToken(for: repository, .read, now: world.now)
        #expect(made.repositories == ["acme/tools"])
        #expect(abs((made.expires ?? 0) - world.now - 3600) < 10)
        await #expect {
            _ = try await world.client.repository(made.token, try #require(RepositoryName("acme/other")))
        } throws: { ($0 as? GitHubError)?.code == .notFound }
        try await world.client.revokeInstallationToken(made.token)
        #expect(!world.standIn.isLive(made.token.text))
        // Twice is no error.
        try await world.client.revokeInstallationToken(made.token)
        // A clock that is wrong by an hour makes a token that GitHub refuses.
        await #expect {
            _ = try await world.client.installationToken(for: repository, .read, now: world.now + 3600)
        } throws: { ($0 as? GitHubError)?.code == .badCredential }
    }

    @Test func scopedTokenReachesOneRepository() async throws {
        let world = try await World(isApp: true, hasKey: false)
        try world.standIn.addRepository("acme", "tools", writers: ["mona"], installation: 1, hasContent: false)
        try world.standIn.addRepository("acme", "other", writers: ["mona"], installation: 1, hasContent: false)
        let user = try world.token()
        let repository = try await world.client.repository(user, try #require(RepositoryName("acme/tools")))
        let made = try await world.client.scopedToken(user, for: repository, .write)
        #expect(made.expires != nil)
        await #expect {
            _ = try await world.client.repository(made.token, try #require(RepositoryName("acme/other")))
        } throws: { ($0 as? GitHubError)?.code == .notFound }
        try await world.client.revokeToken(made.token)
        #expect(!world.standIn.isLive(made.token.text) && world.standIn.isLive(user.text))
        try await world.client.revokeGrant(user)
        #expect(!world.standIn.isLive(user.text))
        try await world.client.revokeGrant(user)
    }

    struct FaultCase: Sendable, CustomTestStringConvertible {
        let fault: GitHubStandIn.Fault
        let code: GitHubError.Code
        var testDescription: String { "\(fault)" }
    }

    @Test(arguments: [
        FaultCase(fault: .status(403, retryAfter: 7), code: .limited(7)),
        FaultCase(fault: .status(429, retryAfter: nil), code: .limited(60)),
        FaultCase(fault: .status(429, retryAfter: 99_999), code: .limited(3600)),
        FaultCase(fault: .status(403, retryAfter: nil), code: .forbidden),
        FaultCase(fault: .status(500, retryAfter: nil), code: .failing),
        FaultCase(fault: .status(503, retryAfter: nil), code: .failing),
        FaultCase(fault: .status(401, retryAfter: nil), code: .badCredential),
        FaultCase(fault: .status(418, retryAfter: nil), code: .refused),
        FaultCase(fault: .malformed, code: .malformed),
        FaultCase(fault: .redirect("http://127.0.0.1:1/"), code: .refused),
    ])
    func whatGoesWrongHasAName(_ row: FaultCase) async throws {
        let world = try await World()
        let token = try world.token()
        world.standIn.fail("/api/v3/user", row.fault)
        let error = await #expect(throws: GitHubError.self) { _ = try await world.client.account(token) }
        #expect(error?.code == row.code)
        #expect(error.map { !"\($0)".contains(token.text) } ?? false)
        #expect(try await world.client.account(token).login == "mona")
    }

    @Test func nobodyThereIsUnreachable() async throws {
        let world = try await World()
        let token = try world.token()
        world.standIn.stop()
        try await Task.sleep(for: .milliseconds(300))
        await #expect { _ = try await world.client.account(token) } throws: {
            ($0 as? GitHubError)?.code == .unreachable
        }
    }
}
