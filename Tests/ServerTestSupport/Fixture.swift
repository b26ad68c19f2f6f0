package import Foundation
package import HTTPTypes
package import Hummingbird
package import HummingbirdTesting
package import JSONText
package import Logging
package import RunModel
internal import SealingKit
package import ServerKit
package import ServerStore
internal import Synchronization
internal import Testing

/// A control plane on a store of its own, with a clock that stands until it is set.
package final class Fixture: Sendable {
    package let plane: ControlPlane
    /// What the plane's store is made of.
    package let under: StoreUnderTest
    package var store: any ControlPlaneStore { under.store }
    package let mails = MailBox()
    /// The GitHub that the control plane is registered at. None by default.
    package let github: GitHubHandle
    package let directory: URL
    /// Adds pages to the routes of the API.
    private let addPages: @Sendable (Routes) -> Void
    private let clock: SettableClock
    /// Wakes watchers whose time is over and follows other servers, as the server's services do.
    private let tasks: [Task<Void, Never>]
    private let keks: KeyFile
    private let answers = Answers()

    package static let publicURL = "https://pipemason.example"

    package init(
        limits: ServerLimits = ServerLimits(), pages: any PageErrors = ProblemPages(),
        github: GitHubHandle = GitHubHandle(), clock: SettableClock = SettableClock(),
        settings change: (inout ServerSettings) -> Void = { _ in },
        on kind: StoreUnderTest.Kind = .any, addPages: @Sendable @escaping (Routes) -> Void = { _ in }
    ) throws {
        self.addPages = addPages
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("pipemason-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        under = try StoreUnderTest(kind, directory)
        self.clock = clock
        var settings = ServerSettings(publicURL: Self.publicURL, limits: limits)
        self.github = github
        settings.github = github.registration
        settings.storeIsShared = true
        change(&settings)
        let keks = try KeyFile.generate()
        self.keks = keks
        plane = try Self.makePlane(under, keks, settings, mails, pages, clock)
        tasks = Self.start(plane)
    }

    /// Another server on the database of `first`, with the same keys and settings.
    package init(beside first: Fixture) throws {
        addPages = first.addPages
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("pipemason-\(UUID().uuidString)")
        under = try first.under.another()
        (clock, github) = (first.clock, first.github)
        keks = first.keks
        plane = try Self.makePlane(under, keks, first.plane.settings, mails, first.plane.pages, clock)
        tasks = Self.start(plane)
    }

    private static func makePlane(
        _ under: StoreUnderTest, _ keks: KeyFile, _ settings: ServerSettings, _ mails: MailBox, _ pages: any PageErrors,
        _ clock: SettableClock
    ) throws -> ControlPlane {
        try ControlPlane(
            store: under.store, keks: { keks }, settings: settings, mailer: mails, pages: pages, now: { clock.now })
    }

    private static func start(_ plane: ControlPlane) -> [Task<Void, Never>] {
        let (hub, follower) = (plane.hub, Follower(plane))
        return [Task { try? await hub.run() }, Task { try? await follower.run() }]
    }

    deinit {
        for task in tasks { task.cancel() }
        under.remove()
        try? FileManager.default.removeItem(at: directory)
    }

    /// All routes, as the server has them.
    package func makeRoutes() -> Routes {
        let routes = plane.apiRoutes()
        addPages(routes)
        return routes
    }

    /// Another server on the same database, as far as one process can be two.
    package func secondPlane(settings change: (inout ServerSettings) -> Void = { _ in }) throws -> ControlPlane {
        let keks = keks
        let clock = clock
        var settings = plane.settings
        change(&settings)
        return try ControlPlane(
            store: store, keks: { keks }, settings: settings, mailer: mails, now: { clock.now })
    }

    package var now: StoreTime {
        get { clock.now }
        set { clock.now = newValue }
    }

    /// Runs `body` with a client of the router.
    package func test<Value: Sendable>(_ body: @Sendable @escaping (any TestClientProtocol) async throws -> Value)
        async throws -> Value
    {
        let application = Application(responder: makeRoutes().build())
        return try await application.test(.router) { [answers] client in
            try await body(answers.map { NotingClient(base: client, answers: $0) } ?? client)
        }
    }
}

package let testLogger = Logger(label: "test")

/// A clock for tests.
package final class SettableClock: Sendable {
    private let time = Mutex(StoreTime(milliseconds: 1_800_000_000_000))

    package init() {}

    package var now: StoreTime {
        get { time.withLock { $0 } }
        set { time.withLock { $0 = newValue } }
    }
}

/// Keeps mail instead of sending it.
package final class MailBox: Mailer {
    private let mails = Mutex<[Mail]>([])

    package var all: [Mail] { mails.withLock { $0 } }

    package func send(_ mail: Mail) async throws { mails.withLock { $0.append(mail) } }
}

/// An organization with a runner and people in it.
package struct Tenant: Sendable {
    package let fixture: Fixture
    package let name: String
    package let ownerScope: Scope
    /// Cookie headers, by role.
    package let cookies: [Role: String]
    package let runner: RunnerTokenID
    /// The runner's token.
    package let token: String

    package init(_ fixture: Fixture, _ name: String) async throws {
        self.fixture = fixture
        self.name = name
        let plane = fixture.plane
        _ = try await plane.createOrganization(name: name, ownerEmail: Self.email(.owner, name))
        let owner = try #require(try await Self.signIn(plane, Self.email(.owner, name)))
        ownerScope = owner.scope
        var cookies = [Role.owner: Self.header(owner)]
        for role in [Role.admin, .member] {
            cookies[role] = Self.header(
                try await Self.join(plane, owner.scope, role, Self.email(role, name), role.rawValue))
        }
        self.cookies = cookies
        let (token, text) = try await plane.createRunnerToken(owner.scope, name: "desk", days: nil)
        runner = token.id
        self.token = text
    }

    package var organization: OrganizationID { ownerScope.organization }

    package static let origin = SessionOrigin(address: "192.0.2.1", agent: "Browser 1")

    package func email(_ role: Role) -> String { Self.email(role, name) }

    private static func email(_ role: Role, _ name: String) -> String { role.rawValue + "@" + name + ".example" }

    /// Signs somebody in as their mail would.
    package static func signIn(_ plane: ControlPlane, _ email: String) async throws -> SignedIn? {
        guard let link = try await plane.makeSignInLink(email: email, address: nil) else { return nil }
        return try await plane.redeemSignIn(token: token(in: link), origin: origin)
    }

    /// Cookie headers of new sessions of the people, for when time has gone by.
    package func signedInAgain() async throws -> [Role: String] {
        var cookies: [Role: String] = [:]
        for role in Role.allCases {
            cookies[role] = Self.header(try #require(try await Self.signIn(fixture.plane, email(role))))
        }
        return cookies
    }

    /// Lets somebody join.
    package func join(_ role: Role, _ localPart: String) async throws -> SignedIn {
        try await Self.join(fixture.plane, ownerScope, role, localPart + "@" + name + ".example", localPart)
    }

    private static func join(
        _ plane: ControlPlane, _ owner: Scope, _ role: Role, _ email: String, _ name: String
    ) async throws -> SignedIn {
        let (_, link) = try await plane.invite(owner, email: email, role: role, logger: testLogger)
        return try #require(try await plane.redeemInvitation(token: token(in: link), name: name, origin: origin))
    }

    package static func token(in link: String) -> String { String(link.split(separator: "=").last ?? "") }

    /// The cookie header that a browser would send.
    package static func header(_ signedIn: SignedIn) -> String { String(signedIn.cookie.prefix { $0 != ";" }) }

    package var bearer: HTTPFields { .bearer(token) }

    /// The headers of a request that a page of ours makes.
    package func session(_ role: Role = .owner) -> HTTPFields {
        [.cookie: cookies[role] ?? "", HTTPField.Name("Sec-Fetch-Site")!: "same-origin"]
    }

    // MARK: - Things to ask for

    /// A new run of the tenant's runner, with a whole log.
    package func run(isOpen: Bool = false) async throws -> StoreRunID {
        let log = try RunLog.make(2, isOpen: isOpen)
        try await fixture.test { client in
            _ = try await client.makeRun(self, log.id)
            _ = try await client.send(self, log)
        }
        return try #require(StoreRunID(log.id.description))
    }

    /// A new artifact of a run; returns its digest.
    package func artifact(_ run: StoreRunID) async throws -> String {
        let body = Array("a body of \(run)".utf8)
        let digest = ChainHash(of: body.span).description
        try await fixture.test { client in
            var headers = bearer
            headers[.contentType] = "text/plain"
            _ = try await client.execute(
                uri: "/api/v1/runs/\(run)/artifacts/\(digest)?name=a.txt", method: .put, headers: headers,
                body: ByteBuffer(bytes: body))
        }
        return digest
    }

    /// A passkey of somebody who just joined.
    package func passkey() async throws -> Identifier<Passkey> {
        let id = Identifier<Passkey>.new(at: fixture.now)
        let joined = try await join(.member, "k\(id)")
        let passkey = Passkey(
            id: id, credential: id.bytes, name: "desk", publicKey: [], signCount: 0, created: fixture.now)
        try await fixture.store.addPasskey(joined.scope, passkey, now: fixture.now)
        return id
    }

    /// The code of a new pairing request.
    package func userCode() async throws -> String {
        try await fixture.test { client in
            let answer = try await client.call(
                .post, "/oauth/device/code", form: "client_id=pipemason&device_name=desk")
            return try #require(answer.json["user_code"]?.string)
        }
    }
}

/// The events of a run, as a runner writes them.
package struct RunLog {
    package let id: RunModel.RunID
    package private(set) var lines: [EventLine] = []

    package static let rules = ChainHash(of: Array("rules".utf8).span)

    /// Counts logs: lists of runs are in the order of ids, which must be that in which a test made them, whatever store answers.
    private static let made = Mutex(0)

    package init(at time: Int = 1_800_000_000_000_000) {
        let random = RunModel.RunID.make(at: RunModel.Timestamp(microseconds: time)).description
        let number = Self.made.withLock { made in
            made += 1
            return made
        }
        // The 24 bits behind the version and behind the variant, which RFC 9562 leaves to whoever makes the id (section 6.2).
        let digits = String(format: "%06x", number)
        id =
            RunModel.RunID("\(random.prefix(15))\(digits.prefix(3))-8\(digits.suffix(3))\(random.dropFirst(23))")
            ?? .make(at: RunModel.Timestamp(microseconds: time))
    }

    /// The bytes of lines `range` (from 1), each with its line feed.
    package func body(_ range: ClosedRange<Int>? = nil) -> ByteBuffer {
        var buffer = ByteBuffer()
        for line in lines[(range ?? 1...lines.count).lowerBound - 1..<(range ?? 1...lines.count).upperBound] {
            buffer.writeBytes(line.bytes + [10])
        }
        return buffer
    }

    package mutating func add(_ body: RunEvent.Body, phase: String? = nil, hits: [String: Int] = [:]) throws {
        let event = RunEvent(
            run: id, sequence: lines.count + 1,
            time: RunModel.Timestamp(microseconds: 1_800_000_000_000_000 + lines.count),
            monotonic: lines.count, phase: phase, iteration: nil, body: body,
            scrub: ScrubStamp(rules: Self.rules, hits: hits))
        lines.append(try EventLine(event, after: lines.last?.hash ?? .zero))
    }

    package mutating func output(_ text: String) throws {
        try add(.commandOutput(CommandOutput(stream: .stdout, bytes: Array(text.utf8))))
    }

    /// A log of the same run that differs behind line `last`.
    package func forked(after last: Int, count: Int) throws -> RunLog {
        var fork = self
        fork.lines.removeSubrange(last...)
        for number in 0..<count { try fork.output("another \(number)\n") }
        return fork
    }

    /// A log of a start, `count` lines of output, and an end unless `isOpen`.
    package static func make(_ count: Int, isOpen: Bool = false) throws -> RunLog {
        var log = RunLog()
        try log.add(
            .runStarted(
                RunStarted(runner: "pipemason 1", branch: "main", command: ["make", "test"], epoch: 1, protections: []))
        )
        for number in 0..<count { try log.output("line \(number)\n") }
        if !isOpen { try log.add(.runFinished(Ending(.succeeded, exit: 0))) }
        return log
    }
}

extension TestClientProtocol {
    package func call(
        _ method: HTTPRequest.Method, _ path: String, _ headers: HTTPFields = [:], json: String
    ) async throws -> TestResponse {
        var headers = headers
        headers[.contentType] = "application/json"
        return try await execute(uri: path, method: method, headers: headers, body: ByteBuffer(string: json))
    }

    package func call(
        _ method: HTTPRequest.Method, _ path: String, _ headers: HTTPFields = [:], form: String
    ) async throws -> TestResponse {
        var headers = headers
        headers[.contentType] = "application/x-www-form-urlencoded"
        return try await execute(uri: path, method: method, headers: headers, body: ByteBuffer(string: form))
    }

    package func call(
        _ method: HTTPRequest.Method, _ path: String, _ headers: HTTPFields = [:]
    ) async throws -> TestResponse {
        try await execute(uri: path, method: method, headers: headers, body: nil)
    }

    package func makeRun(_ tenant: Tenant, _ id: RunModel.RunID, title: String = "make test") async throws
        -> TestResponse
    {
        try await call(.put, "/api/v1/runs/\(id)", tenant.bearer, json: #"{"title":"\#(title)","branch":"main"}"#)
    }

    package func send(
        _ tenant: Tenant, _ log: RunLog, _ range: ClosedRange<Int>? = nil, encoding: String? = nil,
        body: ByteBuffer? = nil
    ) async throws -> TestResponse {
        var headers = tenant.bearer
        headers[.contentType] = "application/x-ndjson"
        headers[HTTPField.Name("Pipemason-First-Seq")!] = String(range?.lowerBound ?? 1)
        if let encoding { headers[.contentEncoding] = encoding }
        return try await execute(
            uri: "/api/v1/runs/\(log.id)/events", method: .post, headers: headers, body: body ?? log.body(range))
    }
}

extension TestResponse {
    package var text: String { String(buffer: body) }

    /// The members of the answer.
    package var json: [String: JSONValue] {
        struct Malformed: JSONFailure { init(jsonOffset: Int) {} }
        var reader = JSONReader<Malformed>()
        let bytes = Array(body.readableBytesView)
        guard case .object(let members)? = try? reader.value(bytes.span) else { return [:] }
        return Dictionary(members.map { ($0.name, $0.value) }) { first, _ in first }
    }

    /// The `code` of a problem document.
    package var problem: String? {
        guard case .string(let type)? = json["type"], type.hasPrefix("urn:pipemason:problem:") else { return nil }
        return String(type.dropFirst("urn:pipemason:problem:".count))
    }
}

extension JSONValue {
    package var string: String? { if case .string(let text) = self { text } else { nil } }
    package var number: Int? { if case .number(let digits) = self { Int(digits) } else { nil } }
}
