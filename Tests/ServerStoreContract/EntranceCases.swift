internal import SealingKit
internal import ServerStore
internal import Testing

let runnerTokenCases: [ContractCase] = [
    ContractCase("a token opens until it is revoked or expires") { store in
        let world = try await World.make(in: store, "acme")
        #expect(world.runnerScope.organization == world.organization)
        #expect(world.runnerScope.actor == .runner(world.runner))
        #expect(try await store.runner(try newHash(.runner), address: nil, now: World.start) == nil)
        #expect(try await store.revokeRunnerToken(world.ownerScope, world.runner, now: World.start))
        #expect(try await store.runner(world.runnerHash, address: nil, now: World.start) == nil)
        #expect(try await store.revokeRunnerToken(world.ownerScope, world.runner, now: World.start))
        #expect(try await store.runnerToken(world.ownerScope, world.runner)?.revoked == World.start)

        let hash = try newHash(.runner)
        let token = RunnerToken(
            id: .new(at: World.start), name: "short", created: World.start, createdBy: nil,
            expires: World.start + .seconds(10))
        try await store.createRunnerToken(world.ownerScope, token, hash: hash, now: World.start)
        #expect(try await store.runner(hash, address: nil, now: World.start + .seconds(9)) != nil)
        #expect(try await store.runner(hash, address: nil, now: World.start + .seconds(10)) == nil)
        #expect(try await store.runnerTokens(world.ownerScope).count == 2)
    },
    ContractCase("after a rotation both tokens open for a while, then the new one alone") { store in
        let world = try await World.make(in: store, "acme")
        let new = try newHash(.runner)
        let overlap = World.start + .seconds(600)
        #expect(
            try await store.rotateRunnerToken(
                world.runnerScope, world.runner, to: new, overlap: overlap, now: World.start))
        for hash in [new, world.runnerHash] {
            let found = try await store.runner(hash, address: nil, now: World.start + .seconds(599))
            #expect(found?.0.actor == .runner(world.runner))
        }
        #expect(try await store.runner(world.runnerHash, address: nil, now: overlap) == nil)
        #expect(try await store.runner(new, address: nil, now: overlap) != nil)
        #expect(try await store.revokeRunnerToken(world.ownerScope, world.runner, now: World.start))
        for hash in [new, world.runnerHash] {
            #expect(try await store.runner(hash, address: nil, now: World.start + .seconds(1)) == nil)
        }
        let late = try await store.rotateRunnerToken(
            world.runnerScope, world.runner, to: try newHash(.runner), overlap: overlap, now: World.start)
        #expect(!late)
    },
    ContractCase("uses are noted once a minute, and in the audit log once a day or from a new address") { store in
        let world = try await World.make(in: store, "acme")
        func use(_ seconds: Int, _ address: String) async throws {
            _ = try await store.runner(world.runnerHash, address: address, now: World.start + .seconds(seconds))
        }
        try await use(59, "192.0.2.9")
        #expect(try await store.runnerToken(world.ownerScope, world.runner)?.lastUsed == World.start)
        try await use(60, "192.0.2.1")
        let token = try await store.runnerToken(world.ownerScope, world.runner)
        #expect(token?.lastUsed == World.start + .seconds(60) && token?.lastAddress == "192.0.2.1")
        try await use(300, "192.0.2.3")
        try await use(300 + 86_400, "192.0.2.3")
        let uses = try await store.audit(world.ownerScope, before: nil, limit: 100)
            .filter { $0.action == .runnerTokenUsed }
        #expect(uses.count == 3)
        // A clock that was set back does not stop the token from opening.
        #expect(
            try await store.runner(world.runnerHash, address: nil, now: World.start - .seconds(86_400)) != nil)
    },
]

let entranceCases: [ContractCase] = [
    ContractCase("a sign-in link opens once, in its time, and ends the others") { store in
        let world = try await World.make(in: store, "acme")
        func link() async throws -> TokenHash {
            let hash = try newHash(.invitation)
            #expect(
                try await store.createSignInLink(
                    email: world.owner.email, hash: hash, expires: World.start + .seconds(900), address: nil,
                    now: World.start))
            return hash
        }
        func redeem(_ hash: TokenHash, at time: Timestamp) async throws -> Bool {
            try await store.redeemSignInLink(
                hash, session: try newHash(.user), expires: time + .seconds(60), origin: World.origin, now: time) != nil
        }
        let (first, second) = (try await link(), try await link())
        #expect(try await store.signInLink(first, now: World.start)?.id == world.owner.id)
        #expect(try await !redeem(first, at: World.start + .seconds(900)))
        #expect(try await redeem(first, at: World.start + .seconds(899)))
        #expect(try await !redeem(first, at: World.start + .seconds(899)))
        #expect(try await !redeem(second, at: World.start + .seconds(899)))
        #expect(try await store.signInLink(second, now: World.start) == nil)
    },
    ContractCase("links are for members, and only a few at a time") { store in
        let world = try await World.make(in: store, "acme")
        func ask(_ email: String) async throws -> Bool {
            try await store.createSignInLink(
                email: email, hash: try newHash(.invitation), expires: World.start + .seconds(900), address: nil,
                now: World.start)
        }
        #expect(try await !ask(mail("nobody")))
        for _ in 0..<5 { #expect(try await ask(world.owner.email)) }
        #expect(try await !ask(world.owner.email))
    },
    ContractCase("a session opens until it ends or expires") { store in
        let world = try await World.make(in: store, "acme")
        let (scope, session) = try #require(
            try await store.session(world.sessionHash, address: "192.0.2.7", now: World.start))
        #expect(scope.organization == world.organization && scope.address == "192.0.2.7")
        #expect(session.user == world.owner && session.origin == World.origin)
        #expect(try await store.sessions(world.ownerScope, now: World.start) == [session])
        #expect(try await store.session(world.sessionHash, address: nil, now: World.start + .seconds(86_400)) == nil)
        #expect(try await store.endSession(world.sessionHash, address: nil, now: World.start))
        #expect(try await !store.endSession(world.sessionHash, address: nil, now: World.start))
        #expect(try await store.session(world.sessionHash, address: nil, now: World.start) == nil)
    },
    ContractCase("a person ends their own sessions and nobody else's") { store in
        let world = try await World.make(in: store, "acme")
        let (_, hash) = try await join(world, .admin)
        let (scope, session) = try #require(try await store.session(hash, address: nil, now: World.start))
        #expect(try await !store.endSession(world.ownerScope, session.id, now: World.start))
        #expect(try await store.endSession(scope, session.id, now: World.start))
        #expect(try await store.session(hash, address: nil, now: World.start) == nil)
    },
    ContractCase("a session moves to another organization of its user, under a new token") { store in
        let world = try await World.make(in: store, "acme")
        let other = Organization(id: .new(at: World.start), name: "other", created: World.start)
        _ = try await store.createOrganization(other, owner: world.owner, now: World.start)
        let foreign = try await World.make(in: store, "foreign")
        #expect(
            try await store.organizations(ofSession: world.sessionHash, now: World.start).map(\.name) == [
                "acme", "other",
            ])
        let new = try newHash(.user)
        #expect(
            try await !store.switchSession(
                world.sessionHash, to: foreign.organization, as: new, address: nil, now: World.start))
        #expect(try await store.session(world.sessionHash, address: nil, now: World.start) != nil)
        #expect(
            try await store.switchSession(world.sessionHash, to: other.id, as: new, address: nil, now: World.start))
        #expect(try await store.session(world.sessionHash, address: nil, now: World.start) == nil)
        #expect(try await store.session(new, address: nil, now: World.start)?.0.organization == other.id)
    },
]

let pairingCases: [ContractCase] = [
    ContractCase("a pairing that is approved gives one token, once") { store in
        let world = try await World.make(in: store, "acme")
        let device = try newHash(.invitation)
        let code = Array("code".utf8).padded(to: 32)
        let grant = DeviceGrant(
            name: "desk", address: "192.0.2.5", created: World.start, expires: World.start + .seconds(600),
            runnerKey: Array(0..<32))
        try await store.createDeviceGrant(grant, device: device, userCode: code, now: World.start)
        func poll(_ seconds: Int, _ token: TokenHash? = nil) async throws -> DevicePoll {
            try await store.pollDeviceGrant(
                device, token: try token ?? newHash(.runner), interval: .seconds(5), address: nil,
                now: World.start + .seconds(seconds))
        }
        #expect(try await poll(0) == .pending)
        #expect(try await poll(4) == .slowDown)
        #expect(try await poll(9) == .pending)
        #expect(try await store.deviceGrant(world.ownerScope, userCode: code, now: World.start) == grant)
        #expect(
            try await store.deviceGrant(
                world.ownerScope, userCode: Array("other".utf8).padded(to: 32), now: World.start) == nil)
        #expect(try await store.decideDeviceGrant(world.ownerScope, userCode: code, approve: true, now: World.start))
        #expect(try await !store.decideDeviceGrant(world.ownerScope, userCode: code, approve: false, now: World.start))
        #expect(try await store.deviceGrant(world.ownerScope, userCode: code, now: World.start) == nil)
        let token = try newHash(.runner)
        guard case .redeemed(let organization, let id) = try await poll(20, token) else {
            Issue.record("not redeemed")
            return
        }
        #expect(organization == world.organization)
        let (scope, row) = try #require(try await store.runner(token, address: nil, now: World.start))
        #expect(scope.actor == .runner(id) && row.name == "desk" && row.createdBy == world.owner.id)
        #expect(row.runnerKey == Array(0..<32))
        #expect(try await store.runnerToken(world.ownerScope, id)?.runnerKey == Array(0..<32))
        #expect(try await poll(30) == .unknown)
    },
    ContractCase("a machine's key is registered once, and only with a live token") { store in
        let world = try await World.make(in: store, "acme")
        let other = try await World.make(in: store, "other")
        let scope = world.ownerScope
        let key = [UInt8](repeating: 7, count: 32)
        func register(_ scope: Scope, _ key: [UInt8]) async throws -> Bool {
            try await store.registerRunnerKey(scope, world.runner, key, now: World.start)
        }
        #expect(try await store.runnerToken(scope, world.runner)?.runnerKey == nil)
        #expect(try await !register(other.ownerScope, key))
        #expect(try await register(scope, key))
        #expect(try await register(scope, key))
        #expect(try await !register(scope, [UInt8](repeating: 8, count: 32)))
        #expect(try await store.runnerToken(scope, world.runner)?.runnerKey == key)
        #expect(try await store.revokeRunnerToken(scope, world.runner, now: World.start))
        #expect(try await !register(scope, key))
    },
    ContractCase("a pairing that is denied, expired or unknown gives nothing") { store in
        let world = try await World.make(in: store, "acme")
        func make(_ word: String) async throws -> (TokenHash, [UInt8]) {
            let device = try newHash(.invitation)
            let code = Array(word.utf8).padded(to: 32)
            let grant = DeviceGrant(
                name: word, address: nil, created: World.start, expires: World.start + .seconds(600))
            try await store.createDeviceGrant(grant, device: device, userCode: code, now: World.start)
            return (device, code)
        }
        func poll(_ device: TokenHash, _ seconds: Int) async throws -> DevicePoll {
            try await store.pollDeviceGrant(
                device, token: try newHash(.runner), interval: .seconds(5), address: nil,
                now: World.start + .seconds(seconds))
        }
        let (denied, deniedCode) = try await make("denied")
        #expect(
            try await store.decideDeviceGrant(world.ownerScope, userCode: deniedCode, approve: false, now: World.start))
        #expect(try await poll(denied, 1) == .denied)
        let (expired, expiredCode) = try await make("expired")
        #expect(try await poll(expired, 600) == .expired)
        let late = World.start + .seconds(600)
        #expect(try await store.deviceGrant(world.ownerScope, userCode: expiredCode, now: late) == nil)
        #expect(try await !store.decideDeviceGrant(world.ownerScope, userCode: expiredCode, approve: true, now: late))
        #expect(try await poll(try newHash(.invitation), 1) == .unknown)
        await refuses(.conflict) { _ = try await make("denied") }
        #expect(try await store.runnerTokens(world.ownerScope).count == 1)
    },
    ContractCase("a pairing that was approved by somebody who left is gone") { store in
        let world = try await World.make(in: store, "acme")
        let (user, session) = try await join(world, .member)
        let (scope, _) = try #require(try await store.session(session, address: nil, now: World.start))
        let device = try newHash(.invitation)
        let code = Array("code".utf8).padded(to: 32)
        let grant = DeviceGrant(name: "desk", address: nil, created: World.start, expires: World.start + .seconds(600))
        try await store.createDeviceGrant(grant, device: device, userCode: code, now: World.start)
        #expect(try await store.decideDeviceGrant(scope, userCode: code, approve: true, now: World.start))
        #expect(try await store.removeMember(world.ownerScope, user, now: World.start))
        let poll = try await store.pollDeviceGrant(
            device, token: try newHash(.runner), interval: .seconds(5), address: nil, now: World.start)
        #expect(poll == .unknown)
    },
]
