internal import HTTPTypes
internal import Hummingbird
internal import JSONText
internal import Metrics
internal import NIOCore
internal import SealingKit
package import ServerStore
internal import TextEncodings

// Pairing a runner (RFC 8628): the runner asks for two codes, a person approves the short one in their browser, the runner
// gets its token for the long one.

extension Routes {
    func addPairing() {
        let limits = plane.settings.limits

        open(.post, "/oauth/device/code", rate: limits.pairingRequests) { call in
            guard let form = try await oauthForm(call), let name = try? form.text("device_name", limit: 100) else {
                return oauthError("invalid_request")
            }
            guard form["client_id"] == clientID else { return oauthError("invalid_client") }
            try call.plane.scrubber.require(name, field: "device_name")
            var key: [UInt8]?
            if let text = form["runner_key"] {
                key = runnerKey(text)
                if key == nil { return oauthError("invalid_request") }
            }
            return try await call.plane.requestPairing(name: name, key: key, call)
        }

        open(.post, "/oauth/token", rate: limits.pairingPolls) { call in
            guard let form = try await oauthForm(call) else { return oauthError("invalid_request") }
            guard form["client_id"] == clientID else { return oauthError("invalid_client") }
            guard form["grant_type"] == grantType else { return oauthError("unsupported_grant_type") }
            guard let hash = Authenticator.hash(of: form["device_code"] ?? "", .invitation) else {
                return oauthError("invalid_grant")
            }
            let (token, tokenHash) = try ControlPlane.newToken(.runner)
            let result = try await call.plane.store.pollDeviceGrant(
                hash, token: tokenHash, interval: limits.pairingInterval, address: call.address, now: call.now)
            switch result {
            case .unknown: return oauthError("invalid_grant")
            case .pending: return oauthError("authorization_pending")
            case .slowDown: return oauthError("slow_down")
            case .denied: return oauthError("access_denied")
            case .expired: return oauthError("expired_token")
            case .redeemed: return try await call.plane.granted(token, tokenHash, call)
            }
        }

        on(.post, "/api/v1/pairing/lookup", .member) { call in
            var body = try await Body.document(call.request, limit: limits.documentBytes)
            let code = try body.text("user_code", limit: 40)
            try body.finish()
            guard let grant = try await call.plane.pairing(call, userCode: code) else { throw Problem.notFound }
            return call.json(
                JSON.object([
                    ("device_name", JSON.string(grant.name)), ("address", grant.address.map(JSON.string) ?? "null"),
                    ("created", grant.created.json), ("expires", grant.expires.json),
                ]))
        }

        on(.post, "/api/v1/pairing/decision", .member) { call in
            var body = try await Body.document(call.request, limit: limits.documentBytes)
            let code = try body.text("user_code", limit: 40)
            let approve = try body.bool("approve")
            try body.finish()
            guard try await call.plane.decidePairing(call, userCode: code, approve: approve) else {
                throw Problem.notFound
            }
            return Response(status: .noContent)
        }
    }
}

/// The registered key of a token's machine, as JSON.
func runnerKeyText(_ token: RunnerToken) -> String {
    guard let key = token.runnerKey else { return "null" }
    return JSON.string(Hex.encode(key.span))
}

/// There is one public client: the runner.
private let clientID = "pipemason"
private let grantType = "urn:ietf:params:oauth:grant-type:device_code"

/// The form of a request; nil when it is malformed, which OAuth has an answer of its own for.
private func oauthForm(_ call: OpenCall) async throws -> Form? {
    do { return try await Body.form(call.request, limit: call.plane.settings.limits.documentBytes) } catch let error
        as Problem
        where error.status == .badRequest
    { return nil }
}

/// An Ed25519 public key (RFC 8032, 5.1.5) as 64 hexadecimal digits; nil: it is none.
func runnerKey(_ text: String) -> [UInt8]? {
    guard let bytes = Hex.decode(text), bytes.count == 32 else { return nil }
    return bytes
}

/// RFC 6749, section 5.2, with the codes of RFC 8628, section 3.5.
private func oauthError(_ code: String) -> Response {
    .json(JSON.object([("error", JSON.string(code))]), .badRequest)
}

extension ControlPlane {
    fileprivate func requestPairing(name: String, key: [UInt8]?, _ call: OpenCall) async throws -> Response {
        let (device, deviceHash) = try Self.newToken(.invitation)
        let code = try UserCodes.make()
        let grant = DeviceGrant(
            name: name, address: call.address, created: call.now, expires: call.now + settings.limits.pairingTime,
            runnerKey: key)
        try await store.createDeviceGrant(grant, device: deviceHash, userCode: userCodes.mac(code), now: call.now)
        let page = settings.publicURL + "/device"
        let display = UserCodes.display(code)
        return .json(
            JSON.object([
                ("device_code", JSON.string(device)), ("user_code", JSON.string(display)),
                ("verification_uri", JSON.string(page)),
                ("verification_uri_complete", JSON.string("\(page)?user_code=\(display)")),
                ("expires_in", String(settings.limits.pairingTime.components.seconds)),
                ("interval", String(settings.limits.pairingInterval.components.seconds)),
            ]))
    }

    fileprivate func granted(_ token: String, _ hash: TokenHash, _ call: OpenCall) async throws -> Response {
        guard
            let identity = try await authenticator.identify(
                .bearer(token), address: call.address, now: call.now)
        else { throw Problem.internalError }
        Counter(label: "pipemason_pairings_total").increment()
        return .json(
            JSON.object(
                [("access_token", JSON.string(token)), ("token_type", JSON.string("Bearer"))]
                    + (try await runnerMembers(identity.scope, now: call.now))))
    }

    /// What a runner is told about itself.
    func runnerMembers(_ scope: Scope, now: Timestamp) async throws -> [(name: String, value: String?)] {
        guard case .runner(let id) = scope.actor, let token = try await store.runnerToken(scope, id) else {
            throw Problem.unauthorized
        }
        let organization = try await store.organization(scope)
        let signer = try await cabinet.signer(scope, now: now)
        let publicKey = signer.publicKey
        let publicHex = Hex.encode(publicKey.span)
        return [
            ("runner", JSON.string(id.description)), ("name", JSON.string(token.name)),
            ("runner_key", runnerKeyText(token)),
            ("organization", JSON.string(organization.id.description)),
            ("organization_name", JSON.string(organization.name)),
            (
                "receipt_key",
                JSON.object([
                    ("id", JSON.string(signer.id)), ("alg", JSON.string("Ed25519")),
                    ("public", JSON.string(publicHex)),
                ])
            ),
        ]
    }

    /// The request that a person's code stands for: what they are about to approve.
    /// - Throws: too-many-requests for who guesses.
    package func pairing(_ call: Call, userCode text: String) async throws -> DeviceGrant? {
        try limiter.require("user code \(call.identity.name)", settings.limits.userCodes)
        guard let code = UserCodes.normalize(text) else { return nil }
        return try await store.deviceGrant(call.scope, userCode: try userCodes.mac(code), now: now())
    }

    /// Approves or denies the request; returns false when there is none.
    package func decidePairing(_ call: Call, userCode text: String, approve: Bool) async throws -> Bool {
        try limiter.require("user code \(call.identity.name)", settings.limits.userCodes)
        guard let code = UserCodes.normalize(text) else { return false }
        return try await store.decideDeviceGrant(
            call.scope, userCode: try userCodes.mac(code), approve: approve, now: now())
    }
}
