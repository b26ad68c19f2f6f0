internal import HTTPTypes
internal import Hummingbird
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import ServerWeb
internal import Testing

@Suite struct PageMatrixTests {
    @Test func `every page by every credential for every target`() async throws {
        let clock = SettableClock()
        let github = try await GitHubHandle.start(clock: clock)
        let fixture = try Fixture(
            limits: .unhurried, pages: ErrorPages(), github: github, clock: clock, addPages: { $0.addPages() })
        let matrix = try await TenantMatrix(fixture)
        let cells = try await fixture.test { client in try await matrix.check(MatrixRow.api + MatrixRow.pages, client) }
        print("tenant matrix with pages: \(fixture.makeRoutes().table.count) routes, \(cells) cells")
        #expect(cells > 1500)
    }
}

extension MatrixRow {
    static let pages: [MatrixRow] = [
        MatrixRow("GET /", .seeOther),
        MatrixRow("GET /assets/:version/:name", .ok) { _ in MatrixRequest("x", "app.css") },
        MatrixRow("GET /sign-in", .ok),
        MatrixRow("POST /sign-in", .ok, isForm: true) { _ in
            MatrixRequest(form: "email=" + "nobody%40" + "acme.example")
        },
        // A link that is none.
        MatrixRow("GET /sign-in/link", .notFound), MatrixRow("GET /invitation", .notFound),
        MatrixRow("POST /sign-in/link", .notFound, isForm: true) { _ in MatrixRequest(form: "token=x") },
        MatrixRow("POST /invitation", .notFound, isForm: true) { _ in MatrixRequest(form: "token=x&name=x") },
        MatrixRow("POST /sign-in/passkey/options", .ok, isForm: true),
        // What nobody signed.
        MatrixRow("POST /sign-in/passkey", .badRequest, isForm: true) { _ in MatrixRequest(json: #"{"id":"AA"}"#) },
        MatrixRow("POST /sign-out", .seeOther, usesUp: true),
        MatrixRow("POST /organizations/:id/enter", .seeOther, usesUp: true) { tenant in
            MatrixRequest(tenant.organization.description)
        },
        MatrixRow("GET /device", .ok) { tenant in
            MatrixRequest(query: "?user_code=\(try await tenant.userCode())")
        },
        MatrixRow("POST /device", .ok) { tenant in
            MatrixRequest(form: "user_code=\(try await tenant.userCode())&decision=deny")
        },
        MatrixRow("GET /runs", .ok), MatrixRow("GET /runs/:id", .ok) { try await own($0) },
        MatrixRow("GET /runs/:id/log", .ok) { try await own($0) },
        MatrixRow("POST /runs/:id/cancel", .seeOther) { try await own($0) },
        MatrixRow("GET /settings/runners", .ok),
        MatrixRow("POST /settings/runners", .ok) { _ in MatrixRequest(form: "name=new&days=") },
        MatrixRow("POST /settings/runners/:id/revoke", .seeOther) { tenant in
            let (token, _) = try await tenant.fixture.plane.createRunnerToken(
                tenant.ownerScope, name: "gone", days: nil)
            return MatrixRequest(token.id.description)
        },
        MatrixRow("GET /settings/sessions", .ok),
        // Everybody ends sessions of their own only.
        MatrixRow("POST /settings/sessions/:id/end", .notFound) { tenant in
            let joined = try await tenant.join(.member, unused(tenant))
            return MatrixRequest(joined.session.id.description)
        },
        MatrixRow("POST /settings/passkeys/options", .ok),
        MatrixRow("POST /settings/passkeys", .badRequest) { _ in MatrixRequest(json: #"{"name":"desk"}"#) },
        // Everybody removes passkeys of their own only.
        MatrixRow("POST /settings/passkeys/:id/remove", .notFound) { tenant in
            MatrixRequest(try await tenant.passkey().description)
        },
        MatrixRow("GET /settings/organization", .ok),
        MatrixRow("POST /settings/organization", .seeOther) { _ in MatrixRequest(form: "name=renamed&retention=") },
        MatrixRow("GET /settings/members", .ok),
        MatrixRow("POST /settings/members/:id/role", .seeOther) { tenant in
            let joined = try await tenant.join(.member, unused(tenant))
            return MatrixRequest(joined.session.user.id.description, form: "role=member")
        },
        MatrixRow("POST /settings/members/:id/remove", .seeOther) { tenant in
            let joined = try await tenant.join(.member, unused(tenant))
            return MatrixRequest(joined.session.user.id.description)
        },
        MatrixRow("POST /settings/invitations", .ok) { _ in
            MatrixRequest(form: "email=i%40" + "acme.example&role=member")
        },
        MatrixRow("POST /settings/invitations/:id/withdraw", .seeOther) { tenant in
            let (invitation, _) = try await tenant.fixture.plane.invite(
                tenant.ownerScope, email: "i@" + "acme.example", role: .member, logger: testLogger)
            return MatrixRequest(invitation.id.description)
        },
        MatrixRow("GET /settings/audit", .ok),
        MatrixRow("GET /settings/github", .ok) { tenant in
            try await tenant.connectGitHub()
            return MatrixRequest()
        },
        MatrixRow("POST /settings/github/connect", .seeOther),
        // An answer that belongs to no attempt leads to the settings, which say so.
        MatrixRow("GET /github/callback", .seeOther) { _ in MatrixRequest(query: "?code=x&state=y") },
        MatrixRow("POST /settings/github/disconnect", .seeOther),
    ]

    private static func own(_ tenant: Tenant) async throws -> MatrixRequest {
        MatrixRequest(try await tenant.run().description)
    }

    /// A local part that nobody has yet.
    private static func unused(_ tenant: Tenant) -> String { "p\(RunnerTokenID.new(at: tenant.fixture.now))" }
}
