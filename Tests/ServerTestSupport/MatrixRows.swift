internal import HTTPTypes
internal import Hummingbird
internal import RunModel
internal import ServerKit
internal import ServerStore

extension MatrixRow {
    /// The rows of the API.
    package static let api: [MatrixRow] = [
        MatrixRow("GET /healthz", .ok), MatrixRow("GET /readyz", .ok),
        // The test's client has no address, so no network that may read metrics contains it.
        MatrixRow("GET /metrics", .notFound), MatrixRow("GET /openapi.json", .ok),
        MatrixRow("POST /oauth/device/code", .ok) { _ in
            MatrixRequest(form: "client_id=pipemason&device_name=desk")
        },
        MatrixRow("POST /oauth/token", .badRequest) { _ in
            MatrixRequest(
                form: "client_id=pipemason&device_code=x&grant_type=urn:ietf:params:oauth:grant-type:device_code")
        },
        MatrixRow("POST /api/v1/pairing/lookup", .ok) { tenant in
            MatrixRequest(json: #"{"user_code":"\#(try await tenant.userCode())"}"#)
        },
        MatrixRow("POST /api/v1/pairing/decision", .noContent) { tenant in
            MatrixRequest(json: #"{"user_code":"\#(try await tenant.userCode())","approve":false}"#)
        },
        MatrixRow("GET /api/v1/runner", .ok), MatrixRow("POST /api/v1/runner/rotate", .ok, usesUp: true),
        MatrixRow("DELETE /api/v1/runner", .noContent, usesUp: true),
        MatrixRow("PUT /api/v1/runner/key", .noContent) { _ in
            MatrixRequest(json: #"{"runner_key":"\#(String(repeating: "5a", count: 32))"}"#)
        },
        MatrixRow("GET /api/v1/runner-tokens", .ok),
        MatrixRow("POST /api/v1/runner-tokens", .created) { _ in MatrixRequest(json: #"{"name":"new"}"#) },
        MatrixRow("GET /api/v1/runner-tokens/:id", .ok) { tenant in MatrixRequest(tenant.runner.description) },
        MatrixRow("DELETE /api/v1/runner-tokens/:id", .noContent) { tenant in
            let (token, _) = try await tenant.fixture.plane.createRunnerToken(
                tenant.ownerScope, name: "gone", days: nil)
            return MatrixRequest(token.id.description)
        },
        // An id that another organization has is nobody's here, so a new run is made.
        MatrixRow("PUT /api/v1/runs/:id", .ok, missing: .created) { tenant in
            MatrixRequest(try await tenant.run().description, json: #"{"title":"make test","branch":"main"}"#)
        },
        MatrixRow("GET /api/v1/runs", .ok), MatrixRow("GET /api/v1/runs/:id", .ok) { try await own($0) },
        MatrixRow("DELETE /api/v1/runs/:id", .noContent) { try await own($0) },
        MatrixRow("POST /api/v1/runs/:id/cancel", .ok) { try await own($0) },
        MatrixRow("GET /api/v1/runs/:id/commands", .ok) { try await own($0) },
        MatrixRow("POST /api/v1/runs/:id/events", .ok) { tenant in
            var request = try await own(tenant)
            request.headers = [.contentType: "application/x-ndjson", HTTPField.Name("Pipemason-First-Seq")!: "1"]
            return request
        },
        MatrixRow("GET /api/v1/runs/:id/events", .ok) { try await own($0) },
        MatrixRow("GET /api/v1/runs/:id/stream", .ok) { try await own($0) },
        MatrixRow("GET /api/v1/runs/:id/receipts", .ok) { try await own($0) },
        MatrixRow("GET /api/v1/runs/:id/artifacts", .ok) { try await own($0) },
        MatrixRow("PUT /api/v1/runs/:id/artifacts/:digest", .created) { tenant in
            let body = Array("artifact".utf8)
            var request = MatrixRequest(
                try await tenant.run().description, ChainHash(of: body.span).description, query: "?name=a.txt")
            request.headers = [.contentType: "text/plain"]
            request.body = ByteBuffer(bytes: body)
            return request
        },
        MatrixRow("GET /api/v1/runs/:id/artifacts/:digest", .ok) { tenant in
            let run = try await tenant.run()
            return MatrixRequest(run.description, try await tenant.artifact(run))
        },
        MatrixRow("GET /api/v1/github/connection", .ok),
        MatrixRow("DELETE /api/v1/github/connection", .ok),
        MatrixRow("GET /api/v1/github/repositories", .ok) { tenant in
            try await tenant.connectGitHub()
            return MatrixRequest()
        },
        MatrixRow("POST /api/v1/runs/:id/git-token", .created) { tenant in
            try await tenant.connectGitHub()
            return MatrixRequest(
                try await tenant.run(isOpen: true).description,
                json: """
                    {"host":"\(tenant.fixture.github.authority)","repository":"acme/tools","operation":"push"}
                    """)
        },
        MatrixRow("DELETE /api/v1/runs/:id/git-token/:grant", .noContent) { tenant in
            try await tenant.connectGitHub()
            let run = try await tenant.run(isOpen: true)
            return MatrixRequest(run.description, try await tenant.gitToken(run).grant)
        },
        MatrixRow("POST /api/v1/runs/:id/pull-requests", .created) { tenant in
            try await tenant.connectGitHub()
            return MatrixRequest(
                try await tenant.run(isOpen: true).description,
                json: #"{"repository":"acme/tools","title":"A title","body":"One\nTwo","head":"work","base":"main"}"#)
        },
        MatrixRow("GET /api/v1/session", .ok),
        MatrixRow("DELETE /api/v1/session", .noContent, usesUp: true), MatrixRow("GET /api/v1/sessions", .ok),
        // Everybody has a session only of their own, whatever id is asked for.
        MatrixRow("POST /api/v1/session/organization", .notFound) { _ in
            MatrixRequest(json: #"{"organization":"0190f3c2-0000-7000-8000-000000000000"}"#)
        },
        MatrixRow("DELETE /api/v1/sessions/:id", .notFound) { tenant in
            let session = try await tenant.join(.member, "s\(RunnerTokenID.new(at: tenant.fixture.now))")
            return MatrixRequest(session.session.id.description)
        },
        MatrixRow("GET /api/v1/organization", .ok),
        MatrixRow("PATCH /api/v1/organization", .ok) { _ in MatrixRequest(json: #"{"name":"renamed"}"#) },
        MatrixRow("GET /api/v1/members", .ok),
        MatrixRow("PATCH /api/v1/members/:id", .noContent) { tenant in
            let joined = try await tenant.join(.member, "m\(RunnerTokenID.new(at: tenant.fixture.now))")
            return MatrixRequest(joined.session.user.id.description, json: #"{"role":"member"}"#)
        },
        MatrixRow("DELETE /api/v1/members/:id", .noContent) { tenant in
            let joined = try await tenant.join(.member, "m\(RunnerTokenID.new(at: tenant.fixture.now))")
            return MatrixRequest(joined.session.user.id.description)
        },
        MatrixRow("GET /api/v1/invitations", .ok),
        MatrixRow("POST /api/v1/invitations", .created) { _ in
            MatrixRequest(json: #"{"email":"\#("i" + "@" + "acme.example")","role":"member"}"#)
        },
        MatrixRow("DELETE /api/v1/invitations/:id", .noContent) { tenant in
            let (invitation, _) = try await tenant.fixture.plane.invite(
                tenant.ownerScope, email: "i" + "@" + "acme.example", role: .member, logger: testLogger)
            return MatrixRequest(invitation.id.description)
        },
        MatrixRow("GET /api/v1/audit", .ok),
    ]

    private static func own(_ tenant: Tenant) async throws -> MatrixRequest {
        MatrixRequest(try await tenant.run().description)
    }
}
