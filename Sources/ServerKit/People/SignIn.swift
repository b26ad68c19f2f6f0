internal import HTTPTypes
internal import Hummingbird
internal import JSONText
package import Logging
internal import Metrics
internal import OpenSSLEngine
internal import SealingKit
package import ServerStore

/// Somebody who has just signed in: what to set, and where they are.
package struct SignedIn: Sendable {
    package let scope: Scope
    package let session: Session
    /// The value of `Set-Cookie`.
    package let cookie: String
}

extension ControlPlane {
    /// Sends a sign-in link, if the address belongs to somebody. Whoever asks learns nothing either way, and waits for no mail
    /// server.
    package func requestSignIn(email text: String, address: String?, logger: Logger) async throws {
        guard let email = MailAddress.normalize(text) else {
            throw Problem.badField("email", "It is not a mail address.")
        }
        guard let link = try await makeSignInLink(email: email, address: address) else { return }
        let mail = Mail(
            to: email, subject: "Sign in to pipemason",
            text: """
                Somebody, probably you, wants to sign in to pipemason at \(settings.publicURL).

                \(link)

                The link works once, and for \(settings.limits.signInLinkTime.components.seconds / 60) minutes. If it was not you, do nothing.
                """)
        let mailer = mailer
        Task {
            do { try await mailer.send(mail) } catch {
                logger.error("A mail could not be sent.", metadata: ["error.type": "\(type(of: error))"])
            }
        }
    }

    /// Makes a one-time link, to be shown to the person or mailed to them; nil when nobody of that address belongs to an
    /// organization, or too many links are open.
    package func makeSignInLink(email: String, address: String?) async throws -> String? {
        let now = now()
        let (text, hash) = try Self.newToken(.invitation)
        let isMade = try await store.createSignInLink(
            email: email, hash: hash, expires: now + settings.limits.signInLinkTime, address: address, now: now)
        return isMade ? "\(settings.publicURL)/sign-in/link?token=\(text)" : nil
    }

    /// Whom a link would sign in. Looking does not use it up: mail scanners look at every link.
    package func signInUser(token: String) async throws -> User? {
        guard let hash = Authenticator.hash(of: token, .invitation) else { return nil }
        return try await store.signInLink(hash, now: now())
    }

    /// Uses up a link and starts a session.
    package func redeemSignIn(token: String, origin: SessionOrigin) async throws -> SignedIn? {
        guard let hash = Authenticator.hash(of: token, .invitation) else { return nil }
        return try await start { session, expires, now in
            try await store.redeemSignInLink(
                hash, session: session, expires: expires, origin: cleaned(origin), now: now)
        }
    }

    /// What an invitation offers, without taking it up.
    package func invitation(token: String) async throws -> (Invitation, Organization)? {
        guard let hash = Authenticator.hash(of: token, .invitation) else { return nil }
        return try await store.invitation(hash, now: now())
    }

    /// Takes up an invitation and starts a session.
    package func redeemInvitation(token: String, name: String, origin: SessionOrigin) async throws -> SignedIn? {
        guard let hash = Authenticator.hash(of: token, .invitation) else { return nil }
        try scrubber.require(name, field: "name")
        return try await start { session, expires, now in
            try await store.redeemInvitation(
                hash, name: name, session: session, expires: expires, origin: cleaned(origin), now: now)
        }
    }

    /// Invites somebody; returns the link, which is mailed as well when there is a mailer.
    package func invite(_ scope: Scope, email text: String, role: Role, logger: Logger) async throws -> (
        Invitation, link: String
    ) {
        guard let email = MailAddress.normalize(text) else {
            throw Problem.badField("email", "It is not a mail address.")
        }
        try requireRank(scope, above: role)
        let now = now()
        let (token, hash) = try Self.newToken(.invitation)
        let invitation = Invitation(
            id: .new(at: now), email: email, role: role, created: now, expires: now + settings.limits.invitationTime)
        try await store.createInvitation(scope, invitation, hash: hash, now: now)
        let link = "\(settings.publicURL)/invitation?token=\(token)"
        let mail = Mail(
            to: email, subject: "You are invited to pipemason",
            text: """
                You are invited to an organization at \(settings.publicURL).

                \(link)

                The link works once, and for \(settings.limits.invitationTime.components.seconds / 86_400) days.
                """)
        let mailer = mailer
        Task {
            do { try await mailer.send(mail) } catch {
                logger.error("A mail could not be sent.", metadata: ["error.type": "\(type(of: error))"])
            }
        }
        return (invitation, link)
    }

    /// Ends the session that the request came with.
    /// - Returns: the value of `Set-Cookie` that clears the cookie.
    package func signOut(_ call: Call) async throws -> String {
        guard case .session(_, let hash) = call.identity.credential else { throw Problem.unauthorized }
        _ = try await store.endSession(hash, address: call.open.address, now: now())
        return Self.clearedCookie
    }

    /// Moves the session to another of its user's organizations, under a new token.
    package func switchOrganization(_ call: Call, to organization: OrganizationID) async throws -> SignedIn? {
        guard case .session(_, let hash) = call.identity.credential else { throw Problem.unauthorized }
        let (text, new) = try Self.newToken(.user)
        let now = now()
        guard try await store.switchSession(hash, to: organization, as: new, address: call.open.address, now: now),
            let (scope, session) = try await store.session(new, address: call.open.address, now: now)
        else { return nil }
        return SignedIn(scope: scope, session: session, cookie: Self.cookie(text, session.expires, now))
    }

    /// The organizations of the person whose session it is.
    package func organizations(_ call: Call) async throws -> [Organization] {
        guard case .session(_, let hash) = call.identity.credential else { throw Problem.unauthorized }
        return try await store.organizations(ofSession: hash, now: now())
    }

    // MARK: - Sessions

    /// Every sign-in makes a new token, whatever cookie the request had: a token that somebody planted before is worth nothing after.
    func start(
        _ redeem: (TokenHash, Timestamp, Timestamp) async throws -> (Scope, Session)?
    ) async throws -> SignedIn? {
        let (text, hash) = try Self.newToken(.user)
        let now = now()
        let expires = now + settings.limits.sessionTime
        guard let (scope, session) = try await redeem(hash, expires, now) else { return nil }
        Counter(label: "pipemason_sign_ins_total").increment()
        return SignedIn(scope: scope, session: session, cookie: Self.cookie(text, expires, now))
    }

    /// What a browser calls itself is the sender's text: kept short, and only when there is no secret in it.
    func cleaned(_ origin: SessionOrigin) -> SessionOrigin {
        let agent = origin.agent.map { String($0.prefix(160)) }
        guard let agent, scrubber.rule(in: Array(agent.utf8)) == nil else {
            return SessionOrigin(address: origin.address, agent: nil)
        }
        return SessionOrigin(address: origin.address, agent: agent)
    }

    private static func cookie(_ token: String, _ expires: Timestamp, _ now: Timestamp) -> String {
        "\(Authenticator.cookie)=\(token); Path=/; Max-Age=\(expires.seconds - now.seconds); Secure; HttpOnly; SameSite=Lax"
    }

    private static let clearedCookie = "\(Authenticator.cookie)=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"

    /// A new token's text, which is shown once, and its hash, which is kept.
    static func newToken(_ kind: Token.Kind) throws -> (text: String, hash: TokenHash) {
        let token = try Token.generate(kind)
        let bytes = token.text.bytes.withUnsafeBufferPointer { Array($0) }
        return (String(decoding: bytes, as: UTF8.self), try token.hash)
    }

    /// - Throws: forbidden, unless the actor's role is at least `role`, and admin at least.
    package func requireRank(_ scope: Scope, above role: Role) throws(Problem) {
        guard case .user(_, let own) = scope.actor, own >= .admin, own >= role else {
            throw .forbidden("This needs a higher role than yours.")
        }
    }
}
