internal import OpenSSLEngine
internal import SealingKit
internal import ServerStore
internal import Testing

let keyCases: [ContractCase] = [
    ContractCase("a key ring lives on the store: rotate, reseal, revoke, shred") { store in
        let world = try await World.make(in: store, "acme")
        let tenant = world.organization.description
        let keys = AnyKeyRingStore(base: store.keys)
        let ring = KeyRing(store: keys, keks: try KeyFile.generate())
        try await ring.create(tenant, now: 1)
        let first = try await ring.open(tenant)

        let run = try await world.newRun()
        let digest = [UInt8](repeating: 3, count: 32)
        let place = try SealedPlace.artifactKey(world.organization, run.id, digest)
        let (_, wrapped) = try first.newFileKey(place)
        let artifact = Artifact(
            run: run.id, digest: digest, name: "a", mediaType: "image/png", size: 1, created: World.start,
            wrappedKey: wrapped)
        #expect(
            try await store.putArtifact(world.runnerScope, artifact, body: .here([1]), now: World.start) == .created)
        let receiptPlace = try SealedPlace.receiptKey(world.organization, "0011223344556677")
        let secret = [UInt8](repeating: 5, count: 32)
        try await store.addReceiptKey(
            world.ownerScope,
            ReceiptKey(
                id: "0011223344556677", publicKey: [1], sealed: try first.sealField(secret.span, receiptPlace),
                created: World.start))
        await refuses(.conflict) {
            try await store.addReceiptKey(
                world.ownerScope,
                ReceiptKey(
                    id: "8899", publicKey: [1], sealed: try first.sealField(secret.span, receiptPlace),
                    created: World.start))
        }

        let old = try first.primary.id
        #expect(try await keys.recordCount(of: tenant, under: old) == 2)
        let (new, version) = try await ring.rotateOrganization(tenant, now: 2)
        #expect(version == 2)
        let progress = try await ring.reseal(tenant)
        #expect(progress.resealed == 2 && progress.failed.isEmpty && progress.remaining == 0)
        #expect(try await keys.recordCount(of: tenant, under: old) == 0)
        #expect(try await keys.recordCount(of: tenant, under: new) == 2)
        _ = try await ring.revoke(old, of: tenant)
        let second = try await ring.open(tenant)
        let moved = try #require(try await store.artifact(world.ownerScope, of: run.id, digest)?.0)
        #expect(moved.wrappedKey != wrapped)
        _ = try second.fileKey(moved.wrappedKey.span, place)
        let receipt = try #require(try await store.receiptKey(world.ownerScope))
        let opened = try second.openField(receipt.sealed.span, receiptPlace)
        #expect(opened.bytes.count == 32)
        _ = try await ring.shred(tenant)
        #expect(try await keys.keys(of: tenant).isEmpty)
        #expect(try await keys.organizations().isEmpty)
    },
    ContractCase("key changes are all or nothing, and a replaced record must be the one that was read") { store in
        let world = try await World.make(in: store, "acme")
        let tenant = world.organization.description
        let ring = KeyRing(store: AnyKeyRingStore(base: store.keys), keks: try KeyFile.generate())
        try await ring.create(tenant, now: 1)
        let before = try await store.keys.keys(of: tenant)
        let stranger = try SealingKey.generate().id
        await #expect(throws: (any Error).self) {
            try await store.keys.apply([
                .setState(organization: tenant, id: before[0].id, .revoked),
                .setState(organization: tenant, id: stranger, .revoked),
            ])
        }
        #expect(try await store.keys.keys(of: tenant) == before)

        let keys = try await ring.open(tenant)
        let place = try SealedPlace.receiptKey(world.organization, "00")
        let sealed = try keys.sealField([1, 2, 3].span, place)
        try await store.addReceiptKey(
            world.ownerScope, ReceiptKey(id: "00", publicKey: [1], sealed: sealed, created: World.start))
        let under = try keys.primary.id
        let record = try #require(try await store.keys.records(of: tenant, under: under, after: nil, limit: 9).first)
        #expect(record.context == place && record.sealed == sealed)
        #expect(try await store.keys.records(of: tenant, under: under, after: record.id, limit: 9).isEmpty)
        var stale = record
        stale.sealed = try keys.sealField([1].span, place)
        #expect(try await !store.keys.replace(stale, of: tenant, with: stale.sealed))
        #expect(try await store.receiptKey(world.ownerScope)?.sealed == sealed)
        #expect(try await store.keys.replace(record, of: tenant, with: stale.sealed))
        #expect(try await store.receiptKey(world.ownerScope)?.sealed == stale.sealed)
    },
]

let maintenanceCases: [ContractCase] = [
    ContractCase("a sweep takes what expired and leaves the rest") { store in
        let world = try await World.make(in: store, "acme")
        let old = try await world.newRun()
        _ = try await world.append(1...3, to: old.id)
        let day = Duration.seconds(86_400)
        let recent = try await world.newRun("new", at: World.start + day * 29)
        #expect(try await store.sweep(now: World.start + day * 40) == 1)
        #expect(try await store.run(world.ownerScope, old.id) != nil)
        try await store.updateOrganization(world.ownerScope, name: "acme", retentionDays: 30, now: World.start)
        #expect(try await store.sweep(now: World.start + day * 40) == 1)
        #expect(try await store.run(world.ownerScope, old.id) == nil)
        #expect(try await store.run(world.ownerScope, recent.id) != nil)
        #expect(try await store.sweep(now: World.start + day * 40) == 0)
        #expect(try await store.session(world.sessionHash, address: nil, now: World.start) == nil)
        #expect(try await store.selfCheck() == [])
    },
    ContractCase("a fresh store answers and has nothing to complain of") { store in
        try await store.ping()
        #expect(try await store.organizations().isEmpty)
        #expect(try await store.selfCheck() == [])
    },
]
