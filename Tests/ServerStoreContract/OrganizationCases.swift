internal import SealingKit
internal import ServerStore
internal import Testing

let organizationCases: [ContractCase] = [
    ContractCase("an organization begins with its owner") { store in
        let world = try await World.make(in: store, "acme")
        let members = try await store.members(world.ownerScope)
        #expect(members.map(\.user) == [world.owner] && members.map(\.role) == [.owner])
        #expect(try await store.organization(world.ownerScope).name == "acme")
        #expect(world.ownerScope.actor == .user(world.owner.id, .owner))
        try await store.updateOrganization(world.ownerScope, name: "Acme", retentionDays: 30, now: World.start)
        let changed = try await store.organization(world.ownerScope)
        #expect(changed.name == "Acme" && changed.retentionDays == 30)
    },
    ContractCase("somebody is invited, joins once, and has the role") { store in
        let world = try await World.make(in: store, "acme")
        let invitation = Invitation(
            id: .new(at: World.start), email: mail("new"), role: .admin, created: World.start,
            expires: World.start + .seconds(60))
        let token = try newHash(.invitation)
        try await store.createInvitation(world.ownerScope, invitation, hash: token, now: World.start)
        #expect(try await store.invitations(world.ownerScope, now: World.start) == [invitation])
        #expect(try await store.invitation(token, now: World.start)?.0 == invitation)
        #expect(try await store.invitation(token, now: World.start + .seconds(60)) == nil)
        let session = try newHash(.user)
        let (scope, _) = try #require(
            try await store.redeemInvitation(
                token, name: "New", session: session, expires: World.start + .seconds(99), origin: World.origin,
                now: World.start))
        guard case .user(let user, .admin) = scope.actor else {
            Issue.record("not an admin")
            return
        }
        #expect(scope.organization == world.organization)
        #expect(try await store.member(world.ownerScope, user)?.user.email == mail("new"))
        #expect(try await store.invitations(world.ownerScope, now: World.start).isEmpty)
        let again = try await store.redeemInvitation(
            token, name: "New", session: try newHash(.user), expires: World.start + .seconds(99),
            origin: World.origin, now: World.start)
        #expect(again == nil)
    },
    ContractCase("a deleted invitation is worth nothing") { store in
        let world = try await World.make(in: store, "acme")
        let invitation = Invitation(
            id: .new(at: World.start), email: mail("new"), role: .member, created: World.start,
            expires: World.start + .seconds(60))
        let token = try newHash(.invitation)
        try await store.createInvitation(world.ownerScope, invitation, hash: token, now: World.start)
        #expect(try await store.deleteInvitation(world.ownerScope, invitation.id, now: World.start))
        #expect(try await !store.deleteInvitation(world.ownerScope, invitation.id, now: World.start))
        #expect(try await store.invitation(token, now: World.start) == nil)
    },
    ContractCase("the last owner stays") { store in
        let world = try await World.make(in: store, "acme")
        await refuses(.lastOwner) {
            _ = try await store.setRole(world.ownerScope, of: world.owner.id, to: .admin, now: World.start)
        }
        await refuses(.lastOwner) {
            _ = try await store.removeMember(world.ownerScope, world.owner.id, now: World.start)
        }
        #expect(try await store.members(world.ownerScope).map(\.role) == [.owner])
        let (user, _) = try await join(world, .owner)
        #expect(try await store.setRole(world.ownerScope, of: world.owner.id, to: .member, now: World.start))
        #expect(try await store.member(world.ownerScope, user)?.role == .owner)
        #expect(try await !store.setRole(world.ownerScope, of: .new(at: World.start), to: .member, now: World.start))
    },
    ContractCase("a removed member's sessions end at once, and a changed role counts at once") { store in
        let world = try await World.make(in: store, "acme")
        let (user, session) = try await join(world, .admin)
        #expect(try await store.setRole(world.ownerScope, of: user, to: .member, now: World.start))
        #expect(try await store.session(session, address: nil, now: World.start)?.0.actor == .user(user, .member))
        #expect(try await store.removeMember(world.ownerScope, user, now: World.start))
        #expect(try await store.session(session, address: nil, now: World.start) == nil)
        #expect(try await !store.removeMember(world.ownerScope, user, now: World.start))
    },
    ContractCase("everything that is granted, used or taken away is in the audit log, newest first") { store in
        let world = try await World.make(in: store, "acme")
        let (user, _) = try await join(world, .member)
        _ = try await store.removeMember(world.ownerScope, user, now: World.start + .seconds(1))
        _ = try await store.revokeRunnerToken(world.ownerScope, world.runner, now: World.start + .seconds(2))
        let entries = try await store.audit(world.ownerScope, before: nil, limit: 100)
        let actions = Set(entries.map(\.action))
        #expect(
            actions.isSuperset(of: [
                .organizationCreated, .memberAdded, .signInRequested, .sessionStarted, .runnerTokenCreated,
                .runnerTokenUsed, .invitationCreated, .memberRemoved, .runnerTokenRevoked,
            ]))
        #expect(entries.first?.action == .runnerTokenRevoked)
        #expect(entries.first?.actor == .user(world.owner.id))
        #expect(entries.map(\.time) == entries.map(\.time).sorted(by: >))
        var paged: [AuditEntry] = []
        while true {
            let page = try await store.audit(world.ownerScope, before: paged.last?.id, limit: 3)
            guard !page.isEmpty else { break }
            paged += page
        }
        #expect(paged == entries)
    },
]

/// Lets somebody join; returns them and the hash of their session.
func join(
    _ world: World, _ role: Role, email: String = mail("joined")
) async throws -> (UserID, session: TokenHash) {
    let invitation = Invitation(
        id: .new(at: World.start), email: email, role: role, created: World.start, expires: World.start + .seconds(60))
    let token = try newHash(.invitation)
    try await world.store.createInvitation(world.ownerScope, invitation, hash: token, now: World.start)
    let session = try newHash(.user)
    let (scope, _) = try #require(
        try await world.store.redeemInvitation(
            token, name: "Joined", session: session, expires: World.start + .seconds(3600), origin: World.origin,
            now: World.start))
    guard case .user(let user, _) = scope.actor else { throw StoreError(.refused, "not a user") }
    return (user, session)
}
