internal import OpenSSLEngine
internal import SealingKit
internal import ServerStore
internal import Testing

let tenancyCases: [ContractCase] = [
    ContractCase("nothing of one organization is there for another") { store in
        let (acme, other) = (try await World.make(in: store, "acme"), try await World.make(in: store, "other"))
        let run = try await acme.newRun()
        _ = try await acme.append(1...3, to: run.id)
        let artifact = try newArtifact(of: run.id)
        #expect(
            try await store.putArtifact(acme.runnerScope, artifact, body: .here([1, 2]), now: World.start) == .created)
        let invitation = Invitation(
            id: .new(at: World.start), email: mail("x"), role: .member, created: World.start,
            expires: World.start + .seconds(60))
        try await store.createInvitation(acme.ownerScope, invitation, hash: try newHash(.invitation), now: World.start)

        for scope in [other.ownerScope, other.runnerScope] {
            #expect(try await store.run(scope, run.id) == nil)
            #expect(try await store.runs(scope, RunFilter(), before: nil, limit: 9).isEmpty)
            #expect(try await store.runs(scope, RunFilter(), before: run.id, limit: 9).isEmpty)
            #expect(try await store.events(scope, of: run.id, after: 0, limit: 9, bytes: 9000).isEmpty)
            #expect(try await store.artifacts(scope, of: run.id).isEmpty)
            #expect(try await store.artifact(scope, of: run.id, artifact.digest) == nil)
            #expect(try await store.requestCancel(scope, run.id, now: World.start) == nil)
            #expect(try await !store.deleteRun(scope, run.id, now: World.start))
            #expect(try await store.runnerToken(scope, acme.runner) == nil)
            #expect(try await !store.revokeRunnerToken(scope, acme.runner, now: World.start))
            #expect(
                try await !store.rotateRunnerToken(
                    scope, acme.runner, to: try newHash(.runner), overlap: World.start, now: World.start))
            #expect(try await store.member(scope, acme.owner.id) == nil)
            #expect(try await !store.setRole(scope, of: acme.owner.id, to: .member, now: World.start))
            #expect(try await !store.removeMember(scope, acme.owner.id, now: World.start))
            #expect(try await store.invitations(scope, now: World.start).isEmpty)
            #expect(try await !store.deleteInvitation(scope, invitation.id, now: World.start))
            let mine = try await store.audit(scope, before: nil, limit: 100)
            #expect(mine.allSatisfy { $0.subject != run.id.description && $0.subject != acme.runner.description })
        }
        #expect(try await store.append(other.runnerScope, to: run.id, events(4...4), now: World.start) == .noRun)
        #expect(try await store.putArtifact(other.runnerScope, artifact, body: .here([1]), now: World.start) == .noRun)
        #expect(try await store.runnerTokens(other.ownerScope).map(\.id) == [other.runner])
        #expect(try await store.members(other.ownerScope).map(\.user) == [other.owner])
        // And acme's are all still there.
        #expect(try await store.run(acme.ownerScope, run.id)?.chain.next == 4)
        #expect(try await store.runnerToken(acme.ownerScope, acme.runner)?.revoked == nil)
    },
    ContractCase("the same run id in two organizations is two runs") { store in
        let (acme, other) = (try await World.make(in: store, "acme"), try await World.make(in: store, "other"))
        let run = try await acme.newRun("acme's")
        let twin = try await store.putRun(
            other.runnerScope, run.id, RunDescription(title: "other's"), chain: genesis, now: World.start)
        guard case .created = twin else {
            Issue.record("\(twin)")
            return
        }
        _ = try await acme.append(1...3, to: run.id, salt: "a")
        _ = try await other.append(1...2, to: run.id, salt: "b")
        #expect(try await store.run(acme.ownerScope, run.id)?.chain == ChainHead(next: 4, hash: hash(3, salt: "a")))
        #expect(try await store.run(other.ownerScope, run.id)?.chain == ChainHead(next: 3, hash: hash(2, salt: "b")))
        #expect(try await store.deleteRun(other.ownerScope, run.id, now: World.start))
        let left = try await store.events(acme.ownerScope, of: run.id, after: 0, limit: 9, bytes: 9000)
        #expect(left.map(\.line) == events(1...3, salt: "a").map(\.line))
    },
]

func newArtifact(of run: RunID, _ seed: UInt8 = 1) throws -> Artifact {
    let key = try SealingKey.generate()
    let place = try RecordContext(
        purpose: "test", tenant: "", table: "", row: "", column: "", generation: "")
    return Artifact(
        run: run, digest: [UInt8](repeating: seed, count: 32), name: "shot \(seed)", mediaType: "image/png", size: 2,
        created: World.start,
        wrappedKey: try SealedRecord.wrapKey(try Secret.random(count: 32), context: place, key: key))
}

let artifactCases: [ContractCase] = [
    ContractCase("an artifact is kept once and comes back") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        let artifact = try newArtifact(of: run.id)
        let sealed = Array(0...255).map { UInt8($0) }
        #expect(
            try await store.putArtifact(world.runnerScope, artifact, body: .here(sealed), now: World.start) == .created)
        var renamed = artifact
        renamed.name = "another"
        #expect(
            try await store.putArtifact(world.runnerScope, renamed, body: .here(sealed), now: World.start) == .existing)
        let second = try newArtifact(of: run.id, 2)
        #expect(try await store.putArtifact(world.runnerScope, second, body: .here([]), now: World.start) == .created)
        #expect(try await store.artifacts(world.ownerScope, of: run.id) == [artifact, second])
        let found = try await store.artifact(world.ownerScope, of: run.id, artifact.digest)
        #expect(found?.0 == artifact && found?.1 == .here(sealed))
        #expect(try await store.artifact(world.ownerScope, of: run.id, [UInt8](repeating: 9, count: 32)) == nil)
        let lost = try newArtifact(of: .new(at: World.start))
        #expect(try await store.putArtifact(world.runnerScope, lost, body: .here([]), now: World.start) == .noRun)
    }
]

/// When everything that was ever announced is due.
private let late = World.start + .seconds(1_000_000)

extension ControlPlaneStore {
    /// The bodies that are due then, taken for a minute.
    fileprivate func due(at now: Timestamp) async throws -> [BodyID] {
        try await takeLooseBodies(now: now, until: now + .seconds(60), limit: 100).map(\.id)
    }
}

extension World {
    /// An artifact of the run whose body is elsewhere.
    fileprivate func artifactElsewhere(_ run: RunID, _ seed: UInt8 = 1) async throws -> BodyID {
        let id = BodyID.new(at: Self.start)
        try await store.announceBody(runnerScope, id, due: Self.start + .seconds(60))
        let artifact = try newArtifact(of: run, seed)
        #expect(try await store.putArtifact(runnerScope, artifact, body: .elsewhere(id), now: Self.start) == .created)
        return id
    }
}

let bodyCases: [ContractCase] = [
    ContractCase("a body elsewhere belongs to its artifact") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        #expect(try await !store.hasBodiesElsewhere(world.runnerScope))
        let id = try await world.artifactElsewhere(run.id)
        let found = try await store.artifact(world.ownerScope, of: run.id, [UInt8](repeating: 1, count: 32))
        #expect(found?.1 == .elsewhere(id))
        #expect(try await store.hasBodiesElsewhere(world.runnerScope))
        #expect(try await store.due(at: late).isEmpty)
        let other = try await World.make(in: store, "other")
        #expect(try await !store.hasBodiesElsewhere(other.runnerScope))
    },
    ContractCase("a body that no artifact took over is due in time, and once") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        let id = BodyID.new(at: World.start)
        let due = World.start + .seconds(60)
        try await store.announceBody(world.runnerScope, id, due: due)
        #expect(try await store.due(at: World.start + .seconds(59)).isEmpty)
        let taken = try await store.takeLooseBodies(now: due, until: due + .seconds(60), limit: 100)
        #expect(taken == [LooseBody(organization: world.organization, id: id)])
        #expect(try await store.due(at: due + .seconds(59)).isEmpty)
        // It goes: no artifact gets it any more.
        let artifact = try newArtifact(of: run.id)
        await refuses(.unavailable) {
            _ = try await store.putArtifact(world.runnerScope, artifact, body: .elsewhere(id), now: due)
        }
        #expect(try await store.artifacts(world.ownerScope, of: run.id).isEmpty)
        // Whoever took it may have crashed.
        #expect(try await store.due(at: due + .seconds(60)) == [id])
        let other = try await World.make(in: store, "other")
        try await store.forgetBody(other.runnerScope, id)
        #expect(try await store.due(at: late) == [id])
        try await store.forgetBody(world.runnerScope, id)
        #expect(try await store.due(at: late + .seconds(120)).isEmpty)
    },
    ContractCase("a body that was not announced belongs to nobody") { store in
        let world = try await World.make(in: store, "acme")
        let other = try await World.make(in: store, "other")
        let run = try await world.newRun()
        let id = BodyID.new(at: World.start)
        // Not by another organization either.
        try await store.announceBody(other.runnerScope, id, due: World.start)
        let artifact = try newArtifact(of: run.id)
        await refuses(.unavailable) {
            _ = try await store.putArtifact(world.runnerScope, artifact, body: .elsewhere(id), now: World.start)
        }
        #expect(try await store.artifacts(world.ownerScope, of: run.id).isEmpty)
    },
    ContractCase("a body of an artifact that was not added is due at once") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        _ = try await world.artifactElsewhere(run.id)
        let (again, lost) = (BodyID.new(at: World.start), BodyID.new(at: World.start))
        for id in [again, lost] { try await store.announceBody(world.runnerScope, id, due: late) }
        let same = try newArtifact(of: run.id)
        #expect(
            try await store.putArtifact(world.runnerScope, same, body: .elsewhere(again), now: World.start) == .existing
        )
        let none = try newArtifact(of: .new(at: World.start))
        #expect(
            try await store.putArtifact(world.runnerScope, none, body: .elsewhere(lost), now: World.start) == .noRun)
        #expect(Set(try await store.due(at: World.start)) == [again, lost])
    },
    ContractCase("whatever deletes an artifact leaves its body's name") { store in
        let world = try await World.make(in: store, "acme")
        let other = try await World.make(in: store, "other")
        let kept = try await world.newRun()
        _ = try await world.artifactElsewhere(kept.id)
        let theirs = try await other.newRun()
        _ = try await other.artifactElsewhere(theirs.id)
        // A person.
        let deleted = try await world.newRun()
        let bodies = Set([
            try await world.artifactElsewhere(deleted.id), try await world.artifactElsewhere(deleted.id, 2),
        ])
        #expect(try await store.deleteRun(world.ownerScope, deleted.id, now: World.start))
        #expect(Set(try await store.due(at: World.start)) == bodies)
        // Time.
        let old = try await world.newRun(at: World.start)
        let expired = try await world.artifactElsewhere(old.id)
        _ = try await world.append(1...1, to: kept.id, at: World.start + .seconds(40 * 86_400))
        try await store.updateOrganization(world.ownerScope, name: "acme", retentionDays: 30, now: World.start)
        _ = try await store.sweep(now: World.start + .seconds(31 * 86_400))
        #expect(try await store.run(world.ownerScope, kept.id) != nil)
        for body in bodies { try await store.forgetBody(world.runnerScope, body) }
        #expect(try await store.due(at: World.start + .seconds(120)) == [expired])
        #expect(try await store.selfCheck() == [])
    },
]
