internal import GitHubAPI
internal import GitHubStandIn
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import JSONText
internal import RunModel
internal import SealingKit
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import Testing

/// A control plane that is registered at a stand-in, and a tenant whose owner is connected.
private struct World {
    let clock = SettableClock()
    let fixture: Fixture
    let tenant: Tenant
    let standIn: GitHubStandIn

    init(
        _ mode: GitTokenMode = .installation, connects: Bool = true,
        _ change: (inout GitHubStandIn.Options) -> Void = { _ in }
    ) async throws {
        let github = try await GitHubHandle.start(mode, clock: clock, change)
        fixture = try Fixture(limits: .unhurried, github: github, clock: clock)
        tenant = try await Tenant(fixture, "acme")
        standIn = try #require(github.standIn)
        if connects { try await tenant.connectGitHub([.owner]) }
    }

    var owner: UserID {
        get throws {
            guard case .user(let id, _) = tenant.ownerScope.actor else { throw StoreError(.refused, "no user") }
            return id
        }
    }

    func connection() async throws -> GitHubConnection {
        try #require(try await fixture.store.githubConnection(tenant.ownerScope, of: owner))
    }

    /// How often something was noted. The clock stands still, so entries have no order.
    func noted(_ action: AuditAction) async throws -> Int {
        try await fixture.store.audit(tenant.ownerScope, before: nil, limit: 1000).count { $0.action == action }
    }
}

@Suite struct GitHubConnectionTests {
    @Test func connectsOnceAndSaysHow() async throws {
        let world = try await World(.expiringOAuth)
        #expect(world.standIn.count("exchange") == 1)
        try await world.fixture.test { client in
            let answer = try await client.call(.get, "/api/v1/github/connection", world.tenant.session())
            #expect(answer.status == .ok)
            guard case .object(let members)? = answer.json["connection"] else {
                Issue.record("no connection")
                return
            }
            let found = Dictionary(members.map { ($0.name, $0.value) }) { first, _ in first }
            #expect(found["account"]?.string == "mona" && found["mode"]?.string == "oauth-expiring")
            #expect(found["scopes"]?.string == "repo read:user offline_access")
            #expect(world.standIn.issued.allSatisfy { !answer.text.contains($0) })
            // Each member has their own.
            let other = try await client.call(.get, "/api/v1/github/connection", world.tenant.session(.admin))
            #expect(other.text.contains(#""connection":null"#))
        }
        #expect(try await world.noted(.githubConnected) == 1)
    }

    @Test func stateIsForOneSessionAndAWhile() async throws {
        let world = try await World(connects: false)
        let service = try #require(world.fixture.plane.github)
        let mine = try #require(try await Tenant.signIn(world.fixture.plane, world.tenant.email(.owner)))
        let theirs = try #require(try await Tenant.signIn(world.fixture.plane, world.tenant.email(.admin)))
        let redirect = "https://pipemason.example/github/callback"
        let address = try service.begin(mine.session.id, mine.scope, redirect: redirect)
        let fields = try await world.standIn.answer(toBrowserAt: address)
        let (code, state) = (fields["code"] ?? "", fields["state"] ?? "")
        func fails(_ expected: GitHubService.ConnectFailure, _ work: () async throws -> Void) async {
            let error = await #expect(throws: GitHubService.ConnectFailure.self) { try await work() }
            #expect(error == expected)
        }
        await fails(.state) {
            try await service.finish(theirs.session.id, theirs.scope, code: code, state: state, redirect: redirect)
        }
        for broken in ["", "a.b.c", String(state.dropLast()), "x" + state, state + "."] {
            await fails(.state) {
                try await service.finish(mine.session.id, mine.scope, code: code, state: broken, redirect: redirect)
            }
        }
        // Somebody else's code with a state that is ours: the verifier does not fit.
        let elsewhere = try service.begin(theirs.session.id, theirs.scope, redirect: redirect)
        let stolen = try await world.standIn.answer(toBrowserAt: elsewhere)["code"] ?? ""
        await fails(.code) {
            try await service.finish(mine.session.id, mine.scope, code: stolen, state: state, redirect: redirect)
        }
        world.fixture.now = world.fixture.now + .seconds(601)
        await fails(.state) {
            try await service.finish(mine.session.id, mine.scope, code: code, state: state, redirect: redirect)
        }
        world.fixture.now = world.fixture.now - .seconds(2)
        try await service.finish(mine.session.id, mine.scope, code: code, state: state, redirect: redirect)
        // The code is used up.
        await fails(.code) {
            try await service.finish(mine.session.id, mine.scope, code: code, state: state, redirect: redirect)
        }
        #expect(try await world.connection().account == "mona")
    }

    @Test func disconnectingEndsTheGrantAtGitHub() async throws {
        let world = try await World(.expiringOAuth)
        try await world.fixture.test { client in
            let answer = try await client.call(.delete, "/api/v1/github/connection", world.tenant.session())
            #expect(answer.text == #"{"revoked_at_github":true}"#)
            let again = try await client.call(.delete, "/api/v1/github/connection", world.tenant.session())
            #expect(again.text == #"{"revoked_at_github":null}"#)
        }
        #expect(world.standIn.count("revoke grant") == 1)
        #expect(world.standIn.issued.allSatisfy { !world.standIn.isLive($0) && !world.standIn.isLiveRefresh($0) })
        #expect(try await world.noted(.githubDisconnected) == 1)
    }

    @Test func disconnectingForgetsAlsoWhenGitHubIsAway() async throws {
        let world = try await World(.oauth)
        world.standIn.fail("/api/v3/applications", .status(503, retryAfter: nil), times: 9)
        try await world.fixture.test { client in
            let answer = try await client.call(.delete, "/api/v1/github/connection", world.tenant.session())
            #expect(answer.text == #"{"revoked_at_github":false}"#)
        }
        let owner = try world.owner
        #expect(try await world.fixture.store.githubConnection(world.tenant.ownerScope, of: owner) == nil)
    }

    @Test func removedMemberIsDisconnected() async throws {
        let world = try await World(.oauth)
        try await world.tenant.connectGitHub([.member], as: "hubot")
        let members = try await world.fixture.store.members(world.tenant.ownerScope)
        let member = try #require(members.first { $0.role == .member }).user.id
        #expect(try await world.fixture.plane.removeMember(world.tenant.ownerScope, member))
        #expect(world.standIn.count("revoke grant") == 1)
        #expect(try await world.fixture.store.githubConnection(world.tenant.ownerScope, of: member) == nil)
    }

    @Test func repositoriesAreListedInPagesAndSearched() async throws {
        let world = try await World(.installation) { $0.pageSize = 2 }
        for number in 0..<5 {
            try world.standIn.addRepository(
                "other", "thing-\(number)", readers: ["mona"], installation: 2, hasContent: false)
        }
        try await world.fixture.test { client in
            var names: [String] = []
            var next: String? = ""
            while let page = next {
                let query = page.isEmpty ? "" : "?page=\(page)"
                let answer = try await client.call(
                    .get, "/api/v1/github/repositories" + query, world.tenant.session())
                #expect(answer.status == .ok)
                names += Self.names(answer)
                next = answer.json["next"]?.string
            }
            #expect(names == ["acme/tools", "acme/notes"] + (0..<5).map { "other/thing-\($0)" })
            let found = try await client.call(
                .get, "/api/v1/github/repositories?text=THING-4", world.tenant.session())
            #expect(Self.names(found) == ["other/thing-4"] && found.json["next"]?.string == nil)
            let wrong = try await client.call(
                .get, "/api/v1/github/repositories?page=../x", world.tenant.session())
            #expect(wrong.status == .forbidden)
        }
    }

    private static func names(_ answer: TestResponse) -> [String] {
        guard case .array(let elements)? = answer.json["repositories"] else { return [] }
        return elements.compactMap { element in
            guard case .object(let members) = element else { return nil }
            return members.first { $0.name == "name" }?.value.string
        }
    }

    @Test func withoutGitHubNothingIsOffered() async throws {
        let tenant = try await Tenant(try Fixture(limits: .unhurried), "acme")
        let run = try await tenant.run(isOpen: true)
        let (_, token, response) = try await tenant.gitToken(run)
        #expect(response.status == .conflict && response.problem == "github-not-configured" && token.isEmpty)
    }
}

@Suite struct GitTokenTests {
    @Test(arguments: GitTokenMode.allCases)
    func answerSaysModeLifeAndReach(_ mode: GitTokenMode) async throws {
        let world = try await World(mode)
        let run = try await world.tenant.run(isOpen: true)
        let (grant, token, response) = try await world.tenant.gitToken(run, "acme/tools", "push")
        #expect(response.status == .created, "\(response.text)")
        #expect(world.standIn.isLive(token))
        #expect(response.json["mode"]?.string == mode.rawValue)
        #expect(response.json["username"]?.string == "x-access-token")
        if mode.isPerOperation {
            #expect(response.text.contains(#""repositories":["acme/tools"]"#))
            #expect(response.json["expires_at"]?.string != nil)
        } else {
            #expect(response.text.contains(#""repositories":null"#))
            #expect((response.json["expires_at"]?.string == nil) == (mode == .oauth))
        }
        let entries = try await world.fixture.store.audit(world.tenant.ownerScope, before: nil, limit: 1000)
        let entry = try #require(entries.first { $0.action == .gitTokenGranted })
        #expect(entry.subject == run.description)
        #expect(entry.detail == "push acme/tools \(mode.rawValue)")

        try await world.fixture.test { client in
            let back = try await client.call(.delete, "/api/v1/runs/\(run)/git-token/\(grant)", world.tenant.bearer)
            #expect(back.status == .noContent)
            let again = try await client.call(.delete, "/api/v1/runs/\(run)/git-token/\(grant)", world.tenant.bearer)
            #expect(again.status == .notFound)
        }
        #expect(world.standIn.isLive(token) != mode.isPerOperation)
        #expect(try await world.noted(.gitTokenClosed) == 1)
    }

    @Test func tokenIsForWhatThePersonReaches() async throws {
        let world = try await World(.installation)
        let run = try await world.tenant.run(isOpen: true)
        // The App is installed on this one, but the person does not see it.
        #expect(try await world.tenant.gitToken(run, "acme/hidden").response.problem == "repository-not-reached")
        #expect(try await world.tenant.gitToken(run, "acme/nothing").response.problem == "repository-not-reached")
        #expect(try await world.tenant.gitToken(run, "acme/notes", "push").response.problem == "repository-not-reached")
        #expect(try await world.tenant.gitToken(run, "acme/notes", "fetch").response.status == .created)
        #expect(try await world.tenant.gitToken(run, "../..", "fetch").response.status == .badRequest)
        #expect(try await world.tenant.gitToken(run, "acme/notes", "admin").response.status == .badRequest)
        #expect(world.standIn.count("installation token") == 1)
        try await world.fixture.test { client in
            let answer = try await client.call(
                .post, "/api/v1/runs/\(run)/git-token", world.tenant.bearer,
                json: #"{"host":"github.com.evil.example","repository":"acme/tools","operation":"fetch"}"#)
            #expect(answer.status == .badRequest && answer.text.contains(#""field":"host""#))
        }
    }

    @Test func runThatIsOverGetsNone() async throws {
        let world = try await World(.installation)
        let over = try await world.tenant.run()
        #expect(try await world.tenant.gitToken(over).response.problem == "run-over")
        let cancelled = try await world.tenant.run(isOpen: true)
        _ = try await world.fixture.store.requestCancel(world.tenant.ownerScope, cancelled, now: world.fixture.now)
        #expect(try await world.tenant.gitToken(cancelled).response.problem == "run-over")
        #expect(world.standIn.count("installation token") == 0)
    }

    @Test func applicationThatIsRefusedDoesNotBreakThePersonsConnection() async throws {
        let world = try await World(.installation)
        let run = try await world.tenant.run(isOpen: true)
        world.standIn.fail("/api/v3/app", .status(401, retryAfter: nil))
        let refused = try await world.tenant.gitToken(run).response
        #expect(refused.status == .badGateway && refused.problem == "github-refused")
        #expect(try await world.connection().state == .live)
        #expect(try await world.tenant.gitToken(run).response.status == .created)
    }

    @Test func tooManyRequestsAreSaidWithTheirTime() async throws {
        let world = try await World(.installation)
        let run = try await world.tenant.run(isOpen: true)
        world.standIn.fail("/api/v3/repos", .status(403, retryAfter: 17))
        let refused = try await world.tenant.gitToken(run).response
        #expect(refused.status == .serviceUnavailable && refused.headers[.retryAfter] == "17")
    }

    @Test func machineOfSomebodyNotConnectedGetsNone() async throws {
        let world = try await World(.installation, connects: false)
        let run = try await world.tenant.run(isOpen: true)
        #expect(try await world.tenant.gitToken(run).response.problem == "github-not-connected")
    }

    @Test func sweepEndsWhatRunnersLeave() async throws {
        let world = try await World(.installation)
        let log = try RunLog.make(1, isOpen: true)
        var ended = log
        try ended.add(.runFinished(Ending(.succeeded, exit: 0)))
        let whole = ended
        try await world.fixture.test { client in
            _ = try await client.makeRun(world.tenant, log.id)
            _ = try await client.send(world.tenant, log)
        }
        let run = try #require(StoreRunID(log.id.description))
        let token = try await world.tenant.gitToken(run).token
        let service = try #require(world.fixture.plane.github)
        try await service.sweepGrants()
        #expect(world.standIn.isLive(token))
        try await world.fixture.test { client in
            _ = try await client.send(world.tenant, whole, 3...3)
        }
        world.standIn.fail("/api/v3/installation/token", .status(503, retryAfter: nil))
        try await service.sweepGrants()
        #expect(world.standIn.isLive(token))
        try await service.sweepGrants()
        #expect(!world.standIn.isLive(token))
        #expect(try await world.noted(.gitTokenClosed) == 1)
    }

    @Test func pullRequestWithoutABaseGoesIntoTheDefaultBranch() async throws {
        let world = try await World(.installation)
        try world.standIn.addRepository(
            "acme", "old", writers: ["mona"], installation: 1, defaultBranch: "trunk", hasContent: false)
        let run = try await world.tenant.run(isOpen: true)
        let form = #"{"repository":"acme/old","title":"A title","head":"work""#
        try await world.fixture.test { client in
            for (base, status) in [
                ("", HTTPResponse.Status.created), (#","base":"main""#, .created), (#","base":"""#, .badRequest),
            ] {
                let answer = try await client.call(
                    .post, "/api/v1/runs/\(run)/pull-requests", world.tenant.bearer, json: form + base + "}")
                #expect(answer.status == status, "\(answer.text)")
            }
        }
        let texts = world.standIn.pullRequestTexts
        #expect(texts.count == 2 && texts[0].contains(#""base":"trunk""#) && texts[1].contains(#""base":"main""#))
        #expect(world.standIn.count("revoke installation token") == 2)
    }

    @Test(arguments: [GitTokenMode.installation, .scopedUser, .expiringOAuth])
    func pullRequestIsMadeAndItsTokenEnded(_ mode: GitTokenMode) async throws {
        let world = try await World(mode)
        let run = try await world.tenant.run(isOpen: true)
        try await world.fixture.test { client in
            let answer = try await client.call(
                .post, "/api/v1/runs/\(run)/pull-requests", world.tenant.bearer,
                json: #"{"repository":"acme/tools","title":"A title","body":"One\nTwo","head":"work","base":"main"}"#)
            #expect(answer.status == .created, "\(answer.text)")
            #expect(answer.json["url"]?.string == world.standIn.url + "/acme/tools/pull/1")
            let unclean = try await client.call(
                .post, "/api/v1/runs/\(run)/pull-requests", world.tenant.bearer,
                json: #"{"repository":"acme/tools","title":"A title","body":"\#(secret)","head":"work","base":"main"}"#)
            #expect(unclean.status == .unprocessableContent && unclean.problem == "unscrubbed-content")
        }
        #expect(world.standIn.count("pull request") == 1)
        #expect(
            world.standIn.count("revoke installation token") + world.standIn.count("revoke token")
                == (mode.isPerOperation ? 1 : 0))
        #expect(try await world.noted(.pullRequestCreated) == 1)
    }
}

@Suite struct GitHubRenewalTests {
    @Test func twentyAtOnceRenewOnce() async throws {
        let world = try await World(.expiringOAuth)
        let run = try await world.tenant.run(isOpen: true)
        world.fixture.now = world.fixture.now + .seconds(28_800 - 60)
        world.standIn.fail("/login/oauth/access_token", .slowAnswer(milliseconds: 300))
        let tokens = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<20 { group.addTask { try await world.tenant.gitToken(run).token } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(world.standIn.count("refresh") == 1 && world.standIn.count("refresh refused") == 0)
        #expect(tokens.count == 1 && tokens.allSatisfy { world.standIn.isLive($0) })
        #expect(try await world.connection().generation == 2)
    }

    @Test func twoServersOnOneDatabaseRenewOnce() async throws {
        let world = try await World(.expiringOAuth)
        let other = try world.fixture.secondPlane()
        world.fixture.now = world.fixture.now + .seconds(28_800 - 60)
        world.standIn.fail("/login/oauth/access_token", .slowAnswer(milliseconds: 300))
        let owner = try world.owner
        let services = [try #require(world.fixture.plane.github), try #require(other.github)]
        let scope = world.tenant.ownerScope
        let ids = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<20 {
                group.addTask {
                    try await services[number % 2].repositories(scope, of: owner, text: "", page: nil).elements.count
                }
            }
            return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
        }
        #expect(ids == [2])
        #expect(world.standIn.count("refresh") == 1 && world.standIn.count("refresh refused") == 0)
    }

    @Test func renewalThatNeverReachedGitHubIsTriedAgain() async throws {
        let world = try await World(.expiringOAuth)
        let run = try await world.tenant.run(isOpen: true)
        world.fixture.now = world.fixture.now + .seconds(28_800 + 60)
        world.standIn.fail("/login/oauth/access_token", .status(503, retryAfter: nil))
        let first = try await world.tenant.gitToken(run)
        #expect(first.response.status == .serviceUnavailable && first.response.problem == "github-unavailable")
        #expect(try await world.tenant.gitToken(run).response.status == .created)
        #expect(world.standIn.count("refresh") == 1)
    }

    @Test func renewalThatServerDidNotSurviveIsTakenUpByTheNext() async throws {
        let world = try await World(.expiringOAuth)
        let run = try await world.tenant.run(isOpen: true)
        world.fixture.now = world.fixture.now + .seconds(28_800 + 60)
        // What a server leaves that was killed between its mark and its request.
        let owner = try world.owner
        let until = world.fixture.now + .seconds(1)
        #expect(
            try await world.fixture.store.leaseGitHubRenewal(
                world.tenant.ownerScope, of: owner, generation: 1, until: until, now: world.fixture.now))
        let waiting = Task { try await world.tenant.gitToken(run) }
        try await Task.sleep(for: .milliseconds(300))
        #expect(world.standIn.count("refresh") == 0)
        world.fixture.now = until
        #expect(try await waiting.value.response.status == .created)
        #expect(world.standIn.count("refresh") == 1)
    }

    @Test func renewalWhoseAnswerWasLostBreaksTheConnectionAndSaysSo() async throws {
        let world = try await World(.expiringOAuth)
        let run = try await world.tenant.run(isOpen: true)
        world.fixture.now = world.fixture.now + .seconds(28_800 + 60)
        world.standIn.fail("/login/oauth/access_token", .lostAnswer)
        #expect(try await world.tenant.gitToken(run).response.status == .serviceUnavailable)
        // GitHub gave the only tokens that work to an answer that nobody got: now a person is needed.
        let next = try await world.tenant.gitToken(run)
        #expect(next.response.problem == "github-broken")
        #expect(try await world.connection().state == .broken)
        #expect(try await world.noted(.githubBroken) == 1)
        // Connecting again mends it.
        let signedIn = try #require(try await Tenant.signIn(world.fixture.plane, world.tenant.email(.owner)))
        let service = try #require(world.fixture.plane.github)
        let redirect = "https://pipemason.example/github/callback"
        let fields = try await world.standIn.answer(
            toBrowserAt: try service.begin(signedIn.session.id, signedIn.scope, redirect: redirect))
        try await service.finish(
            signedIn.session.id, signedIn.scope, code: fields["code"] ?? "", state: fields["state"] ?? "",
            redirect: redirect)
        #expect(try await world.tenant.gitToken(run).response.status == .created)
    }

    @Test func whileTheOldTokenWorksAnOutageIsNotNoticed() async throws {
        let world = try await World(.expiringOAuth)
        let run = try await world.tenant.run(isOpen: true)
        world.fixture.now = world.fixture.now + .seconds(28_800 - 60)
        world.standIn.fail("/login/oauth/access_token", .status(500, retryAfter: nil))
        #expect(try await world.tenant.gitToken(run).response.status == .created)
        #expect(world.standIn.count("refresh") == 0)
    }

    @Test func revokedAtGitHubBreaksTheConnection() async throws {
        let world = try await World(.oauth)
        let run = try await world.tenant.run(isOpen: true)
        let token = try await world.tenant.gitToken(run).token
        world.standIn.revoke(token)
        #expect(try await world.tenant.gitToken(run).response.problem == "github-broken")
        #expect(try await world.connection().state == .broken)
    }

    @Test func tokensOfAnEarlierRenewalDoNotOpen() async throws {
        let world = try await World(.expiringOAuth)
        let before = try await world.connection()
        let run = try await world.tenant.run(isOpen: true)
        world.fixture.now = world.fixture.now + .seconds(28_800 - 60)
        _ = try await world.tenant.gitToken(run)
        var after = try await world.connection()
        #expect(after.generation == 2)
        // Somebody who can write the database puts the old tokens back into the new row.
        after.tokens = before.tokens
        try await world.fixture.store.putGitHubConnection(world.tenant.ownerScope, after, now: world.fixture.now)
        #expect(try await world.tenant.gitToken(run).response.status == .internalServerError)
    }
}
