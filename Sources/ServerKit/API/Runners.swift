internal import HTTPTypes
internal import Hummingbird
internal import JSONText
internal import SealingKit
package import ServerStore

extension Routes {
    func addRunners() {
        on(.get, "/api/v1/runner", .runner) { call in
            call.json(JSON.object(try await call.plane.runnerMembers(call.scope, now: call.now)))
        }

        on(.delete, "/api/v1/runner", .runner) { call in
            guard case .runner(let id) = call.scope.actor else { throw Problem.unauthorized }
            _ = try await call.plane.revokeRunnerToken(call.scope, id)
            return Response(status: .noContent)
        }

        on(.post, "/api/v1/runner/rotate", .runner) { call in
            guard case .runner(let id) = call.scope.actor else { throw Problem.unauthorized }
            let (token, hash) = try ControlPlane.newToken(.runner)
            let overlap = call.now + call.plane.settings.limits.rotationOverlap
            guard try await call.store.rotateRunnerToken(call.scope, id, to: hash, overlap: overlap, now: call.now)
            else { throw Problem.unauthorized }
            return call.json(JSON.object([("token", JSON.string(token)), ("previous_until", overlap.json)]))
        }

        on(.put, "/api/v1/runner/key", .runner) { call in
            guard case .runner(let id) = call.scope.actor else { throw Problem.unauthorized }
            var body = try await Body.document(call.request, limit: call.plane.settings.limits.documentBytes)
            guard let key = runnerKey(try body.text("runner_key", limit: 64)) else {
                throw Problem.badField("runner_key", "64 hexadecimal digits")
            }
            try body.finish()
            guard try await call.store.registerRunnerKey(call.scope, id, key, now: call.now) else {
                throw Problem.conflict("The machine has another key.")
            }
            return Response(status: .noContent)
        }

        on(.get, "/api/v1/runner-tokens", .member) { call in
            let tokens = try await call.store.runnerTokens(call.scope)
            return call.json(JSON.object([("runner_tokens", JSON.array(tokens.map(document)))]))
        }

        on(.post, "/api/v1/runner-tokens", .admin) { call in
            var body = try await Body.document(call.request, limit: call.plane.settings.limits.documentBytes)
            let name = try body.text("name", limit: 100)
            let days = try body.optionalInteger("expires_in_days", in: 1...3650)
            try body.finish()
            let (token, text) = try await call.plane.createRunnerToken(call.scope, name: name, days: days)
            return call.json(
                JSON.object([("token", JSON.string(text)), ("runner_token", document(token))]), .created)
        }

        on(.get, "/api/v1/runner-tokens/:id", .member) { call in
            guard let token = try await call.store.runnerToken(call.scope, try call.id()) else {
                throw Problem.notFound
            }
            return call.json(document(token))
        }

        on(.delete, "/api/v1/runner-tokens/:id", .admin) { call in
            guard try await call.plane.revokeRunnerToken(call.scope, try call.id()) else { throw Problem.notFound }
            return Response(status: .noContent)
        }
    }
}

private func document(_ token: RunnerToken) -> String {
    JSON.object([
        ("id", JSON.string(token.id.description)), ("name", JSON.string(token.name)), ("created", token.created.json),
        ("created_by", token.createdBy.map { JSON.string($0.description) } ?? "null"),
        ("last_used", token.lastUsed?.json ?? "null"), ("last_address", token.lastAddress.map(JSON.string) ?? "null"),
        ("expires", token.expires?.json ?? "null"), ("revoked", token.revoked?.json ?? "null"),
        ("runner_key", runnerKeyText(token)),
    ])
}

extension ControlPlane {
    /// Makes a token without pairing, for machines without a person; its text is there once.
    package func createRunnerToken(
        _ scope: Scope, name: String, days: Int?
    ) async throws -> (RunnerToken, text: String) {
        let user: UserID?
        switch scope.actor {
        case .user(let id, _): user = id
        case .server: user = nil
        case .runner: throw Problem.unauthorized
        }
        try scrubber.require(name, field: "name")
        let now = now()
        let (text, hash) = try Self.newToken(.runner)
        let token = RunnerToken(
            id: .new(at: now), name: name, created: now, createdBy: user,
            expires: days.map { now + .seconds($0 * 86_400) })
        try await store.createRunnerToken(scope, token, hash: hash, now: now)
        return (token, text)
    }

    /// Ends a token: the runner's next request is refused.
    package func revokeRunnerToken(_ scope: Scope, _ id: RunnerTokenID) async throws -> Bool {
        try await store.revokeRunnerToken(scope, id, now: now())
    }
}
