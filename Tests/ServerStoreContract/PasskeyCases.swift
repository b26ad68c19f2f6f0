internal import SealingKit
internal import ServerStore
internal import Testing

let passkeyCases: [ContractCase] = [
    ContractCase("a passkey signs its user in, once for each count") { store in
        let world = try await World.make(in: store, "acme")
        let passkey = Passkey(
            id: .new(at: World.start), credential: [1, 2, 3], name: "laptop", publicKey: [4, 5], signCount: 7,
            created: World.start)
        try await store.addPasskey(world.ownerScope, passkey, now: World.start)
        #expect(try await store.passkeys(world.ownerScope) == [passkey])
        let found = try #require(try await store.passkey([1, 2, 3]))
        #expect(found.0 == passkey)
        #expect(found.1.id == (try world.ownerScope.requireUser("test")))
        #expect(try await store.passkey([1, 2]) == nil)
        func redeem(_ from: UInt32, _ to: UInt32) async throws -> (Scope, Session)? {
            try await store.redeemPasskey(
                [1, 2, 3], counting: (from, to), session: try newHash(.user), expires: World.start + .seconds(60),
                origin: SessionOrigin(address: nil, agent: nil), now: World.start + .seconds(1))
        }
        let (scope, _) = try #require(try await redeem(7, 8))
        #expect(scope.organization == world.organization)
        #expect(scope.actor == world.ownerScope.actor)
        // The same answer again, or one that was overtaken.
        #expect(try await redeem(7, 8) == nil)
        #expect(try await redeem(8, 4_294_967_295) != nil)
        let kept = try #require(try await store.passkey([1, 2, 3])).0
        #expect(kept.signCount == 4_294_967_295 && kept.lastUsed == World.start + .seconds(1))
    },
    ContractCase("a passkey is its user's alone, and has its credential id for itself") { store in
        let world = try await World.make(in: store, "acme")
        let other = try await World.make(in: store, "other")
        func passkey(_ credential: [UInt8]) -> Passkey {
            Passkey(
                id: .new(at: World.start), credential: credential, name: "laptop", publicKey: [4], signCount: 0,
                created: World.start)
        }
        let first = passkey([0])
        try await store.addPasskey(world.ownerScope, first, now: World.start)
        await #expect(throws: StoreError(.conflict, "passkey")) {
            try await store.addPasskey(other.ownerScope, passkey([0]), now: World.start)
        }
        #expect(try await store.passkeys(other.ownerScope).isEmpty)
        #expect(try await !store.removePasskey(other.ownerScope, first.id, now: World.start))
        await #expect(throws: StoreError.self) { _ = try await store.passkeys(world.runnerScope) }
        for number in 1..<StoreLimits.passkeys {
            try await store.addPasskey(world.ownerScope, passkey([UInt8(number)]), now: World.start)
        }
        await #expect(throws: StoreError(.conflict, "passkeys")) {
            try await store.addPasskey(world.ownerScope, passkey([99]), now: World.start)
        }
        #expect(try await store.removePasskey(world.ownerScope, first.id, now: World.start))
        #expect(try await !store.removePasskey(world.ownerScope, first.id, now: World.start))
        #expect(try await store.passkey([0]) == nil)
        let actions = try await store.audit(world.ownerScope, before: nil, limit: 100).map(\.action)
        #expect(actions.count { $0 == .passkeyAdded } == StoreLimits.passkeys)
        #expect(actions.count { $0 == .passkeyRemoved } == 1)
    },
    ContractCase("a challenge is good once, for whom it was made, until it expires") { store in
        let world = try await World.make(in: store, "acme")
        let user = try world.ownerScope.requireUser("test")
        func take(_ hash: TokenHash, _ user: UserID?, _ seconds: Int) async throws -> Bool {
            try await store.takeChallenge(hash, user: user, now: World.start + .seconds(seconds))
        }
        for owner in [nil, user] {
            let hash = try newHash(.user)
            try await store.createChallenge(hash, user: owner, expires: World.start + .seconds(10), now: World.start)
            #expect(try await !take(hash, owner == nil ? user : nil, 1))
            #expect(try await !take(hash, owner, 10))
            #expect(try await take(hash, owner, 9))
            #expect(try await !take(hash, owner, 9))
        }
        let late = try newHash(.user)
        try await store.createChallenge(late, user: nil, expires: World.start + .seconds(10), now: World.start)
        #expect(try await store.sweep(now: World.start + .seconds(10)) == 1)
    },
]
