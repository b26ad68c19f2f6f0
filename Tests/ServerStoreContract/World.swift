internal import OpenSSLEngine
internal import SealingKit
internal import ServerStore
internal import Testing

/// An organization with an owner, a session of theirs and a runner: what most promises are about.
struct World {
    let store: any ControlPlaneStore
    let organization: OrganizationID
    let owner: User
    /// The owner's scope, from their session.
    let ownerScope: Scope
    let sessionHash: TokenHash
    /// The runner's scope, from its token.
    let runnerScope: Scope
    let runner: RunnerTokenID
    let runnerHash: TokenHash

    /// When everything begins.
    static let start = Timestamp(milliseconds: 1_700_000_000_000)

    static func make(in store: any ControlPlaneStore, _ name: String) async throws -> World {
        let organization = Organization(id: .new(at: start), name: name, created: start)
        let owner = User(id: .new(at: start), email: "owner@\(name).example", name: "Owner", created: start)
        let server = try await store.createOrganization(organization, owner: owner, now: start)
        let link = try newHash(.invitation)
        #expect(
            try await store.createSignInLink(
                email: owner.email, hash: link, expires: start + .seconds(900), address: nil, now: start))
        let sessionHash = try newHash(.user)
        let (ownerScope, _) = try #require(
            try await store.redeemSignInLink(
                link, session: sessionHash, expires: start + .seconds(86_400), origin: origin, now: start))
        let token = RunnerToken(id: .new(at: start), name: "desk", created: start, createdBy: owner.id)
        let runnerHash = try newHash(.runner)
        try await store.createRunnerToken(ownerScope, token, hash: runnerHash, now: start)
        let (runnerScope, _) = try #require(try await store.runner(runnerHash, address: "192.0.2.1", now: start))
        #expect(server.organization == organization.id)
        return World(
            store: store, organization: organization.id, owner: owner, ownerScope: ownerScope,
            sessionHash: sessionHash, runnerScope: runnerScope, runner: token.id, runnerHash: runnerHash)
    }

    static let origin = SessionOrigin(address: "192.0.2.2", agent: "Browser 1")

    func newRun(_ title: String = "a run", at time: Timestamp = start) async throws -> Run {
        let result = try await store.putRun(
            runnerScope, .new(at: time), RunDescription(title: title, branch: "main"), chain: genesis, now: time)
        guard case .created(let run) = result else { throw StoreError(.conflict, "the run exists") }
        return run
    }

    /// Adds events `numbers` of a chain that `salt` makes different from others.
    func append(
        _ numbers: ClosedRange<Int64>, to run: RunID, salt: String = "", at time: Timestamp = start
    ) async throws -> AppendResult {
        try await store.append(runnerScope, to: run, events(numbers, salt: salt), now: time)
    }
}

let genesis = ChainHead(next: 1, hash: [UInt8](repeating: 0, count: 32))

func newHash(_ kind: Token.Kind) throws -> TokenHash { try Token.generate(kind).hash }

/// The hash of event `number` in the chain of `salt`: any bytes do, a store does not compute hashes.
func hash(_ number: Int64, salt: String = "") -> [UInt8] {
    guard number > 0 else { return genesis.hash }
    return Array("\(number) \(salt)".utf8).padded(to: 32)
}

/// Events whose lines hold every byte value, so that no store gets away with text.
func events(_ numbers: ClosedRange<Int64>, salt: String = "", effect: RunEffect = RunEffect()) -> [IncomingEvent] {
    numbers.map { number in
        IncomingEvent(
            sequence: number, previous: hash(number - 1, salt: salt), hash: hash(number, salt: salt),
            line: Array("\(number) \(salt) ".utf8) + Array(0...255), effect: effect)
    }
}

extension [UInt8] {
    func padded(to count: Int) -> [UInt8] { self + [UInt8](repeating: 7, count: Swift.max(0, count - self.count)) }
}

func refuses(_ code: StoreError.Code, _ body: () async throws -> Void) async {
    let error = await #expect(throws: StoreError.self) { try await body() }
    #expect(error?.code == code)
}

/// A mail address, put together so that nothing in this repository looks like somebody's.
func mail(_ name: String) -> String { name + "@" + "example.org" }
