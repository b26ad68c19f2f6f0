package import HTTPTypes
package import Hummingbird
package import HummingbirdTesting
package import ServerKit
internal import ServerStore
internal import Testing

/// How the matrix calls a route, and what the right credential gets.
package struct MatrixRow: Sendable {
    /// `GET /api/v1/runs/:id`, as the route table has it.
    package let route: String
    /// What the right credential gets for its own.
    package let success: HTTPResponse.Status
    /// What it gets for an id of another organization or of nobody.
    package let missing: HTTPResponse.Status
    /// Makes what the route is called with, anew for each call, and returns the request: with the tenant's own ids.
    package let request: @Sendable (Tenant) async throws -> MatrixRequest
    /// Whether the call ends or changes the credential that it is made with.
    package let usesUp: Bool
    /// Whether it is a form of ours that needs no credential, and that another site must not send.
    package let isForm: Bool

    package init(
        _ route: String, _ success: HTTPResponse.Status, missing: HTTPResponse.Status = .notFound, usesUp: Bool = false,
        isForm: Bool = false,
        _ request: @Sendable @escaping (Tenant) async throws -> MatrixRequest = { _ in MatrixRequest() }
    ) {
        self.route = route
        self.success = success
        self.missing = missing
        self.usesUp = usesUp
        self.isForm = isForm
        self.request = request
    }
}

package struct MatrixRequest: Sendable {
    /// Values of the path's parameters; the first is the one that is another's, random or malformed.
    package var ids: [String] = []
    package var query = ""
    package var headers: HTTPFields = [:]
    package var body: ByteBuffer?

    package init(_ ids: String..., query: String = "", json: String? = nil, form: String? = nil) {
        self.ids = ids
        self.query = query
        if let json {
            headers[.contentType] = "application/json"
            body = ByteBuffer(string: json)
        }
        if let form {
            headers[.contentType] = "application/x-www-form-urlencoded"
            body = ByteBuffer(string: form)
        }
    }
}

/// Whose credential a request has.
package enum MatrixCredential: String, CaseIterable, Sendable {
    case none, malformed, runner, otherRunnerOfOrganization, runnerOfOther, revokedRunner, expiredRunner, rotatedAway
    case member, admin, owner, ownerOfOther, removedMember, expiredSession, signedOut
    /// A session with another site's request, and a runner's token in a cookie.
    case crossSite, tokenAsCookie

    /// What the gate makes of it; nil when it is a live credential.
    package var refusal: HTTPResponse.Status? {
        switch self {
        case .none, .malformed, .revokedRunner, .expiredRunner, .rotatedAway, .removedMember, .expiredSession,
            .signedOut,
            .tokenAsCookie:
            .unauthorized
        default: nil
        }
    }

    package func isAllowed(_ access: Access) -> Bool {
        switch access {
        case .open: true
        case .any: refusal == nil
        case .runner: [.runner, .otherRunnerOfOrganization, .runnerOfOther].contains(self)
        case .member: [.member, .admin, .owner, .ownerOfOther, .crossSite].contains(self)
        case .admin: [.admin, .owner, .ownerOfOther, .crossSite].contains(self)
        case .owner: [.owner, .ownerOfOther, .crossSite].contains(self)
        }
    }
}

/// Whose object the path names.
package enum MatrixTarget: String, CaseIterable, Sendable {
    case own, otherOrganization, random, malformed
}

/// Every route × every credential × every target.
package struct TenantMatrix: Sendable {
    package let fixture: Fixture
    package let tenant: Tenant
    package let other: Tenant
    private let headers: [MatrixCredential: HTTPFields]

    package init(_ fixture: Fixture) async throws {
        self.fixture = fixture
        tenant = try await Tenant(fixture, "acme")
        other = try await Tenant(fixture, "other")
        headers = try await Self.credentials(fixture, tenant, other)
    }

    private static func credentials(
        _ fixture: Fixture, _ tenant: Tenant, _ other: Tenant
    ) async throws -> [MatrixCredential: HTTPFields] {
        let plane = fixture.plane
        let owner = try #require(try await Tenant.signIn(plane, tenant.email(.owner)))
        func runner(days: Int? = nil) async throws -> (RunnerTokenID, String) {
            let (token, text) = try await plane.createRunnerToken(owner.scope, name: "extra", days: days)
            return (token.id, text)
        }
        @Sendable func bearer(_ text: String) -> HTTPFields { .bearer(text) }
        @Sendable func page(_ cookie: String) -> HTTPFields {
            [.cookie: cookie, HTTPField.Name("Sec-Fetch-Site")!: "same-origin"]
        }
        let revoked = try await runner()
        _ = try await plane.revokeRunnerToken(owner.scope, revoked.0)
        let expired = try await runner(days: 1)
        let rotated = try await runner()
        try await fixture.test { client in
            _ = try await client.call(.post, "/api/v1/runner/rotate", bearer(rotated.1))
        }
        let removed = try await tenant.join(.admin, "removed")
        _ = try await plane.removeMember(owner.scope, removed.session.user.id)
        // Time goes by: long enough for the expired token, the overlap of the rotated one and the oldest session.
        let lapsed = try #require(try await Tenant.signIn(plane, tenant.email(.owner)))
        fixture.now = fixture.now + plane.settings.limits.sessionTime
        let fresh = try await tenant.signedInAgain()
        let out = try #require(try await Tenant.signIn(plane, tenant.email(.owner)))
        try await fixture.test { client in
            _ = try await client.call(.delete, "/api/v1/session", page(Tenant.header(out)))
        }
        return [
            .none: [:], .malformed: bearer("pmr_" + String(repeating: "0", count: 49)), .runner: tenant.bearer,
            .otherRunnerOfOrganization: bearer(try await runner().1), .runnerOfOther: other.bearer,
            .revokedRunner: bearer(revoked.1), .expiredRunner: bearer(expired.1), .rotatedAway: bearer(rotated.1),
            .member: page(fresh[.member] ?? ""), .admin: page(fresh[.admin] ?? ""), .owner: page(fresh[.owner] ?? ""),
            .ownerOfOther: page(try await other.signedInAgain()[.owner] ?? ""),
            .removedMember: page(Tenant.header(removed)), .expiredSession: page(Tenant.header(lapsed)),
            .signedOut: page(Tenant.header(out)),
            .crossSite: [.cookie: fresh[.owner] ?? "", HTTPField.Name("Sec-Fetch-Site")!: "cross-site"],
            .tokenAsCookie: page("__Host-pipemason=\(tenant.token)"),
        ]
    }

    /// Calls every cell and compares it with what the rules say.
    /// - Returns: how many cells there were.
    package func check(_ rows: [MatrixRow], _ client: any TestClientProtocol) async throws -> Int {
        let table = fixture.makeRoutes().table
        let byRoute = Dictionary(rows.map { ($0.route, $0) }) { first, _ in first }
        for route in table where byRoute[route.name] == nil {
            Issue.record("the route \(route.name) has no row in the matrix")
        }
        for row in rows where !table.contains(where: { $0.name == row.route }) {
            Issue.record("the row \(row.route) is about no route")
        }
        var cells = 0
        for route in table {
            guard let row = byRoute[route.name] else { continue }
            for credential in MatrixCredential.allCases {
                cells += try await check(route, row, credential, client)
            }
        }
        return cells
    }

    private func check(
        _ route: Route, _ row: MatrixRow, _ credential: MatrixCredential, _ client: any TestClientProtocol
    ) async throws -> Int {
        var random: (response: TestResponse, id: String)?
        var cells = 0
        for target in MatrixTarget.allCases.reversed() {
            // Another runner of the organization has no runs of its own here; other tenants look at their own.
            let home = credential == .runnerOfOther || credential == .ownerOfOther ? other : tenant
            var request = try await row.request(home)
            guard target == .own || !request.ids.isEmpty else { continue }
            switch target {
            case .own: break
            case .otherOrganization:
                let foreign = try await row.request(home.organization == tenant.organization ? other : tenant)
                request.ids[0] = foreign.ids[0]
            case .random: request.ids[0] = StoreRunID.new(at: fixture.now).description
            case .malformed: request.ids[0] = "x'%22;--"
            }
            let fields = row.usesUp ? try await fresh(credential) : headers[credential] ?? [:]
            let response = try await send(route, request, fields, client)
            let expected = expectation(route, row, credential, target)
            #expect(
                response.status == expected,
                "\(route.name) by \(credential) for \(target): \(response.text.prefix(200))")
            cells += 1
            if target == .random { random = (response, request.ids[0]) }
            if target == .otherOrganization, let random, row.missing == .notFound {
                #expect(
                    response.body == random.response.body,
                    "\(route.name) by \(credential): bodies tell other from random")
                #expect(
                    Self.neutral(response.headers, request.ids[0]) == Self.neutral(random.response.headers, random.id),
                    "\(route.name) by \(credential): headers tell other from random"
                )
            }
        }
        return cells
    }

    /// Headers in which the id that was asked for, which some repeat, has one name. What is no id (the version of an asset) is left.
    private static func neutral(_ headers: HTTPFields, _ id: String) -> [String] {
        guard StoreRunID(id) != nil else { return headers.map { "\($0.name): \($0.value)" }.sorted() }
        return headers.map { field in
            let parts = field.value.split(separator: id, omittingEmptySubsequences: false)
            return "\(field.name): \(parts.joined(separator: "ID"))"
        }.sorted()
    }

    /// A credential like `credential` that nothing else uses; those that open nothing as they are.
    private func fresh(_ credential: MatrixCredential) async throws -> HTTPFields {
        let old = headers[credential] ?? [:]
        guard credential.refusal == nil else { return old }
        let isOther = credential == .runnerOfOther || credential == .ownerOfOther
        let home = isOther ? other : tenant
        if old[.authorization] != nil {
            let (_, text) = try await fixture.plane.createRunnerToken(home.ownerScope, name: "once", days: nil)
            return .bearer(text)
        }
        let role: Role = credential == .member ? .member : credential == .admin ? .admin : .owner
        let signedIn = try #require(try await Tenant.signIn(fixture.plane, home.email(role)))
        var fields = old
        fields[.cookie] = Tenant.header(signedIn)
        return fields
    }

    private func expectation(
        _ route: Route, _ row: MatrixRow, _ credential: MatrixCredential, _ target: MatrixTarget
    ) -> HTTPResponse.Status {
        if route.access == .open { return credential == .crossSite && row.isForm ? .forbidden : row.success }
        if let refusal = credential.refusal { return route.isPage ? .seeOther : refusal }
        if credential == .crossSite, route.method != .get { return .forbidden }
        guard credential.isAllowed(route.access) else { return .forbidden }
        switch target {
        case .malformed: return .notFound
        case .random, .otherOrganization: return row.missing
        case .own:
            // A runner sees its own runs only, not those of another runner of its organization.
            if credential == .otherRunnerOfOrganization, route.path.contains("/runs/:id") {
                return route.method == .put && route.path.hasSuffix("/runs/:id") ? .conflict : .notFound
            }
            return row.success
        }
    }

    private func send(
        _ route: Route, _ request: MatrixRequest, _ headers: HTTPFields, _ client: any TestClientProtocol
    ) async throws -> TestResponse {
        var ids = request.ids.makeIterator()
        let path = route.path.split(separator: "/").map { part in
            part.hasPrefix(":") ? ids.next() ?? "missing" : String(part)
        }
        var fields = headers
        for field in request.headers { fields[field.name] = field.value }
        // A page that is sent without a session still comes from us, except across sites.
        let site = HTTPField.Name("Sec-Fetch-Site")!
        if fields[site] == nil { fields[site] = "same-origin" }
        return try await client.execute(
            uri: "/" + path.joined(separator: "/") + request.query, method: route.method, headers: fields,
            body: request.body)
    }
}

extension Route {
    /// As rows name it.
    package var name: String { "\(method.rawValue) \(path)" }

    /// Whether it answers with pages, and sends who is not signed in to sign in.
    package var isPage: Bool { presentation == .page }
}
