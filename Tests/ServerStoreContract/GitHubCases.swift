internal import OpenSSLEngine
internal import SealingKit
internal import ServerStore
internal import Testing

let githubCases: [ContractCase] = [
    ContractCase("a connection is a member's, is replaced and forgotten") { store in
        let world = try await GitHubWorld(store)
        let user = world.owner.id
        #expect(try await store.githubConnection(world.scope, of: user) == nil)
        #expect(try await !store.deleteGitHubConnection(world.scope, of: user, now: World.start))
        let first = try world.connection(generation: 1, [1])
        try await store.putGitHubConnection(world.scope, first, now: World.start + .seconds(1))
        #expect(try await store.githubConnection(world.scope, of: user) == first)
        let second = try world.connection(generation: 1, [2], account: "hubot", expires: nil, isApp: true)
        try await store.putGitHubConnection(world.scope, second, now: World.start + .seconds(2))
        #expect(try await store.githubConnection(world.scope, of: user) == second)
        await refuses(.conflict) {
            let stranger = try world.connection(generation: 1, [1], user: .new(at: World.start))
            try await store.putGitHubConnection(world.scope, stranger, now: World.start)
        }
        let other = try await World.make(in: store, "other")
        #expect(try await store.githubConnection(other.ownerScope, of: user) == nil)
        #expect(try await !store.deleteGitHubConnection(other.ownerScope, of: user, now: World.start))
        #expect(try await store.deleteGitHubConnection(world.scope, of: user, now: World.start + .seconds(3)))
        #expect(try await store.githubConnection(world.scope, of: user) == nil)
        let actions = try await store.audit(world.scope, before: nil, limit: 3).map(\.action)
        #expect(actions == [.githubDisconnected, .githubConnected, .githubConnected])
    },
    ContractCase("one renews at a time, and only the generation that it renews") { store in
        let world = try await GitHubWorld(store)
        let user = world.owner.id
        let later = World.start + .seconds(60)
        #expect(
            try await !store.leaseGitHubRenewal(world.scope, of: user, generation: 1, until: later, now: World.start))
        try await store.putGitHubConnection(world.scope, try world.connection(generation: 1, [1]), now: World.start)
        // Of many that ask at once, one gets it.
        let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    try await store.leaseGitHubRenewal(
                        world.scope, of: user, generation: 1, until: later, now: World.start)
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(winners == 1)
        let other = try await World.make(in: store, "other")
        #expect(
            try await !store.leaseGitHubRenewal(other.ownerScope, of: user, generation: 1, until: later, now: later))
        // Whoever had it is gone.
        #expect(try await store.leaseGitHubRenewal(world.scope, of: user, generation: 1, until: later, now: later))
        try await store.endGitHubLease(world.scope, of: user, generation: 1)
        #expect(
            try await store.leaseGitHubRenewal(world.scope, of: user, generation: 1, until: later, now: World.start))
        let renewed = try world.connection(generation: 2, [3], expires: later)
        #expect(try await store.renewGitHubConnection(world.scope, renewed))
        #expect(try await store.githubConnection(world.scope, of: user) == renewed)
        #expect(try await !store.renewGitHubConnection(world.scope, renewed))
        #expect(
            try await !store.leaseGitHubRenewal(world.scope, of: user, generation: 1, until: later, now: World.start))
        #expect(
            try await store.leaseGitHubRenewal(world.scope, of: user, generation: 2, until: later, now: World.start))
        #expect(try await !store.breakGitHubConnection(world.scope, of: user, generation: 1, now: World.start))
        #expect(try await store.breakGitHubConnection(world.scope, of: user, generation: 2, now: World.start))
        #expect(try await store.githubConnection(world.scope, of: user)?.state == .broken)
        #expect(
            try await !store.leaseGitHubRenewal(world.scope, of: user, generation: 2, until: later, now: later))
    },
    ContractCase("a git grant belongs to a live run of its runner, and its token goes when it is closed") { store in
        let world = try await GitHubWorld(store)
        let run = try await world.world.newRun()
        let grant = try world.grant(run.id, expires: World.start + .seconds(3600))
        let runner = world.world.runnerScope
        #expect(try await store.addGitGrant(runner, grant, now: World.start))
        #expect(try await store.gitGrant(runner, of: run.id, grant.id) == grant)
        #expect(try await store.gitGrant(world.scope, of: run.id, grant.id) == grant)
        #expect(try await store.gitGrant(runner, of: .new(at: World.start), grant.id) == nil)
        let other = try await World.make(in: store, "other")
        #expect(try await store.gitGrant(other.ownerScope, of: run.id, grant.id) == nil)
        #expect(try await !store.closeGitGrant(other.runnerScope, of: run.id, grant.id, now: World.start))
        #expect(try await !store.addGitGrant(other.runnerScope, try world.grant(run.id), now: World.start))
        #expect(try await !store.addGitGrant(runner, try world.grant(.new(at: World.start)), now: World.start))

        #expect(try await store.dueGitGrants(world.scope, now: World.start, limit: 9).isEmpty)
        let due = try await store.dueGitGrants(world.scope, now: World.start + .seconds(3600), limit: 9)
        #expect(due == [grant])
        #expect(try await store.closeGitGrant(runner, of: run.id, grant.id, now: World.start))
        #expect(try await !store.closeGitGrant(runner, of: run.id, grant.id, now: World.start))
        let closed = try #require(try await store.gitGrant(runner, of: run.id, grant.id))
        #expect(closed.token == nil && closed.closed == World.start)
        #expect(try await store.dueGitGrants(world.scope, now: World.start + .seconds(3600), limit: 9).isEmpty)

        let shared = try world.grant(run.id, hasToken: false)
        #expect(try await store.addGitGrant(runner, shared, now: World.start))
        #expect(try await store.dueGitGrants(world.scope, now: World.start + .seconds(9999), limit: 9).isEmpty)
        var effect = RunEffect()
        effect.ending = RunEffect.Ending(status: "succeeded", exitCode: 0, time: World.start)
        _ = try await store.append(runner, to: run.id, events(1...1, effect: effect), now: World.start)
        #expect(try await store.dueGitGrants(world.scope, now: World.start, limit: 9) == [shared])
        #expect(try await store.dueGitGrants(other.ownerScope, now: World.start, limit: 9).isEmpty)
        #expect(try await !store.addGitGrant(runner, try world.grant(run.id), now: World.start))
        #expect(try await store.deleteRun(world.scope, run.id, now: World.start))
        #expect(try await store.dueGitGrants(world.scope, now: World.start, limit: 9).isEmpty)
    },
    ContractCase("GitHub's tokens are resealed under a new key, each in its place") { store in
        let world = try await GitHubWorld(store)
        let tenant = world.world.organization.description
        let run = try await world.world.newRun()
        let connection = try world.connection(generation: 3, [7, 7, 7])
        try await store.putGitHubConnection(world.scope, connection, now: World.start)
        let grant = try world.grant(run.id)
        #expect(try await store.addGitGrant(world.world.runnerScope, grant, now: World.start))
        #expect(
            try await store.addGitGrant(
                world.world.runnerScope, try world.grant(run.id, hasToken: false), now: World.start))
        let old = try world.keys.primary.id
        #expect(try await store.keys.recordCount(of: tenant, under: old) == 2)
        let (new, _) = try await world.ring.rotateOrganization(tenant, now: 2)
        let progress = try await world.ring.reseal(tenant)
        #expect(progress.resealed == 2 && progress.failed.isEmpty && progress.remaining == 0)
        #expect(try await store.keys.recordCount(of: tenant, under: new) == 2)
        let keys = try await world.ring.open(tenant)
        let moved = try #require(try await store.githubConnection(world.scope, of: world.owner.id))
        let place = try SealedPlace.githubTokens(world.world.organization, world.owner.id, generation: 3)
        let opened = try keys.openField(moved.tokens.span, place)
        #expect(opened.bytes.count == 3)
        let earlier = try SealedPlace.githubTokens(world.world.organization, world.owner.id, generation: 2)
        #expect(throws: SealingError.self) { _ = try keys.openField(moved.tokens.span, earlier) }
        let token = try #require(try await store.gitGrant(world.scope, of: run.id, grant.id)?.token)
        _ = try keys.openField(token.span, try SealedPlace.gitGrant(world.world.organization, grant.id))
    },
]

/// A world with keys, and things to keep in it.
private struct GitHubWorld {
    let world: World
    let ring: KeyRing<AnyKeyRingStore>
    let keys: OrganizationKeys

    init(_ store: any ControlPlaneStore) async throws {
        world = try await World.make(in: store, "acme")
        ring = KeyRing(store: AnyKeyRingStore(base: store.keys), keks: try KeyFile.generate())
        try await ring.create(world.organization.description, now: 1)
        keys = try await ring.open(world.organization.description)
    }

    var owner: User { world.owner }
    var scope: Scope { world.ownerScope }

    func connection(
        generation: Int64, _ tokens: [UInt8], account: String = "mona", expires: Timestamp? = World.start,
        isApp: Bool = false, user: UserID? = nil
    ) throws -> GitHubConnection {
        let user = user ?? owner.id
        return GitHubConnection(
            user: user, site: "https://github.com", account: account, accountID: 1 << 40, scopes: "repo read:user",
            isApp: isApp, created: World.start, renewed: World.start, expires: expires,
            refreshExpires: expires.map { $0 + .seconds(99) }, generation: generation,
            tokens: try keys.sealField(
                tokens.span, try SealedPlace.githubTokens(world.organization, user, generation: generation)))
    }

    func grant(_ run: RunID, expires: Timestamp? = nil, hasToken: Bool = true) throws -> GitGrant {
        let id = GitGrantID.new(at: World.start)
        let token = hasToken ? try keys.sealField([1, 2].span, try SealedPlace.gitGrant(world.organization, id)) : nil
        return GitGrant(
            id: id, run: run, runner: world.runner, user: owner.id, repository: "acme/tools", operation: "fetch",
            mode: "installation", created: World.start, expires: expires, token: token)
    }
}
