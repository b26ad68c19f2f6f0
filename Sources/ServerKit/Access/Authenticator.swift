package import HTTPTypes
internal import OpenSSLEngine
package import SealingKit
package import ServerStore

/// Turns a credential into a scope. This is the only place that does, and `Routes` is its only caller.
package struct Authenticator: Sendable {
    let store: any ControlPlaneStore

    /// The name of the cookie that holds a session's token. `__Host-` makes browsers insist on Secure, on Path=/ and on no Domain
    /// (RFC 6265bis, section 4.1.3), so no other host can set or widen it.
    package static let cookie = "__Host-pipemason"

    init(store: any ControlPlaneStore) { self.store = store }

    /// Who sends a request; nil when it carries no credential, or one that does not open.
    ///
    /// A request with a bearer token and a cookie counts by its token alone. Unknown, expired and revoked credentials are not told
    /// apart.
    func identify(_ headers: HTTPFields, address: String?, now: Timestamp) async throws -> Identity? {
        if let authorization = headers[.authorization] {
            guard let hash = Self.hash(ofBearer: authorization, .runner),
                let (scope, token) = try await store.runner(hash, address: address, now: now)
            else { return nil }
            return Identity(scope: scope, credential: .runner(token, hash))
        }
        guard let hash = Self.sessionHash(headers),
            let (scope, session) = try await store.session(hash, address: address, now: now)
        else { return nil }
        return Identity(scope: scope, credential: .session(session, hash))
    }

    /// Whether the credential still opens the same organization: for streams, which outlive their request.
    func isStillGood(_ identity: Identity, now: Timestamp) async throws -> Bool {
        switch identity.credential {
        case .runner(_, let hash):
            return try await store.runner(hash, address: identity.scope.address, now: now)?.0.organization
                == identity.scope.organization
        case .session(_, let hash):
            return try await store.session(hash, address: identity.scope.address, now: now)?.0.organization
                == identity.scope.organization
        }
    }

    /// The hash of a token in an `Authorization` header (RFC 6750, section 2.1); nil when it is not one of this kind.
    private static func hash(ofBearer header: String, _ kind: Token.Kind) -> TokenHash? {
        let parts = header.split(separator: " ")
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return hash(of: String(parts[1]), kind)
    }

    /// The hash of the session token in the request's cookies.
    package static func sessionHash(_ headers: HTTPFields) -> TokenHash? {
        // Two cookies of the name would mean that somebody tampers with the jar.
        let values = headers[values: .cookie].flatMap { $0.split(separator: ";") }
            .map { $0.drop { $0 == " " } }
            .filter { $0.hasPrefix(cookie + "=") }
        guard values.count == 1 else { return nil }
        return hash(of: String(values[0].dropFirst(cookie.count + 1)), .user)
    }

    /// The hash of a token's text; nil when it is no token of this kind, which costs no look-up.
    package static func hash(of text: String, _ kind: Token.Kind) -> TokenHash? {
        let bytes = Array(text.utf8)
        guard bytes.count == Token.length, let token = try? Token(parsing: bytes.span), token.kind == kind else {
            return nil
        }
        return try? token.hash
    }
}

/// Who sends a request.
package struct Identity: Sendable {
    package enum Credential: Sendable {
        case runner(RunnerToken, TokenHash)
        case session(Session, TokenHash)
    }

    package let scope: Scope
    package let credential: Credential

    /// For rate limits and logs: which credential, not what it is.
    package var name: String {
        switch credential {
        case .runner(let token, _): "runner \(token.id)"
        case .session(let session, _): "session \(session.id)"
        }
    }
}
