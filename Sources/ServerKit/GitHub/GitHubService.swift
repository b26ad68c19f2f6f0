package import GitHubAPI
internal import JSONText
internal import OpenSSLEngine
internal import SealingKit
package import ServerStore
internal import Synchronization
internal import TextEncodings

/// What the control plane does with GitHub: connecting, renewing, and tokens for git (docs/github.md).
package final class GitHubService: Sendable {
    let client: GitHubClient
    let store: any ControlPlaneStore
    /// Whether no other server works on the store.
    let isAlone: Bool
    let cabinet: KeyCabinet
    let now: @Sendable () -> Timestamp
    let renewals = Renewals()
    private let key: SealingKey

    /// How long a person may take at GitHub.
    static let attemptTime: Duration = .seconds(600)

    init(
        _ registration: GitHubRegistration, store: any ControlPlaneStore, isAlone: Bool, cabinet: KeyCabinet,
        key: SealingKey,
        now: @Sendable @escaping () -> Timestamp
    ) {
        client = GitHubClient(registration)
        self.store = store
        self.isAlone = isAlone
        self.cabinet = cabinet
        self.key = key
        self.now = now
    }

    package var site: GitHubSite { client.registration.site }
    package var isApp: Bool { client.registration.app != nil }
    package var installationsURL: String { client.installationsURL }

    /// How tokens for git are made here; nil for connections that were made with another kind of registration.
    package func mode(of connection: GitHubConnection) -> GitTokenMode {
        if connection.isApp {
            return client.registration.app?.key == nil ? .scopedUser : .installation
        }
        return connection.expires == nil ? .oauth : .expiringOAuth
    }

    // MARK: - Connecting

    /// Where the person's browser goes to ask them. The state is bound to the session, so nobody can finish what another began.
    package func begin(_ session: SessionID, _ scope: Scope, redirect: String) throws -> String {
        let random = try Random.publicBytes(count: 16)
        let nonce = Base64.encode(random.span, .urlSafe)
        let expires = (now() + Self.attemptTime).seconds
        let state = "\(nonce).\(expires).\(try mac("\(nonce).\(expires)", session, scope))"
        let verifier = Array(try verifier(nonce, session, scope).utf8)
        let challenge = try Digest.sha256(verifier.span)
        return client.authorizeURL(
            state: state, challenge: Base64.encode(challenge.span, .urlSafe), redirect: redirect)
    }

    /// Takes up what came back from GitHub.
    /// - Throws: `ConnectFailure`, and what a store throws.
    package func finish(
        _ session: SessionID, _ scope: Scope, code: String, state: String, redirect: String
    ) async throws {
        guard case .user(let user, _) = scope.actor else { throw ConnectFailure.state }
        let parts = state.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let expires = Int64(parts[1]) else { throw ConnectFailure.state }
        let expected = Array(try mac("\(parts[0]).\(parts[1])", session, scope).utf8)
        guard constantTimeEqual(expected.span, Array(parts[2].utf8).span), now().seconds < expires,
            (1...512).contains(code.utf8.count)
        else { throw ConnectFailure.state }
        let granted: GrantedTokens
        let account: GitHubAccount
        do {
            granted = try await client.exchange(
                code: code, verifier: try verifier(parts[0], session, scope), redirect: redirect)
            account = try await client.account(granted.access)
        } catch let error as GitHubError {
            throw error.code == .badGrant ? ConnectFailure.code : ConnectFailure.unavailable
        }
        let earlier = try await store.githubConnection(scope, of: user)
        let now = now()
        let connection = try await sealed(
            scope, StoredTokens(access: granted.access, refresh: granted.refresh),
            GitHubConnection(
                user: user, site: site.web, account: account.login, accountID: account.id,
                scopes: granted.scopes.joined(separator: " "), isApp: isApp, created: now, renewed: now,
                expires: granted.accessLife.map { now + .seconds($0) },
                refreshExpires: granted.refreshLife.map { now + .seconds($0) },
                generation: (earlier?.generation ?? 0) + 1, tokens: []))
        try await store.putGitHubConnection(scope, connection, now: now)
        // What the new connection replaces is not left lying about. To end the grant of the same account would end the new tokens too.
        if let earlier, earlier.site == site.web, let tokens = try? await open(scope, earlier) {
            if earlier.accountID == account.id {
                try? await client.revokeToken(tokens.access)
            } else {
                try? await client.revokeGrant(tokens.access)
            }
        }
    }

    /// Why a connection was not made; the names are part of addresses.
    package enum ConnectFailure: String, Error {
        /// The answer is not for this session, or too late.
        case state
        /// GitHub does not take the code.
        case code
        /// GitHub does not answer as it should.
        case unavailable
    }

    /// Forgets a connection, after its grant was ended at GitHub. When GitHub can not be reached, it is forgotten all the same.
    /// - Returns: whether GitHub knows; nil when there was no connection.
    package func disconnect(_ scope: Scope, of user: UserID) async throws -> Bool? {
        guard let connection = try await store.githubConnection(scope, of: user) else { return nil }
        var isRevoked = false
        if connection.site == site.web, let tokens = try? await open(scope, connection) {
            do {
                // The grant is found by a token that works: an expired one is renewed for its own end.
                var access = tokens.access
                if connection.state == .live, let current = try? await self.access(scope, of: user) {
                    access = current.token
                }
                try await client.revokeGrant(access)
                isRevoked = true
            } catch {}
        }
        guard try await store.deleteGitHubConnection(scope, of: user, now: now()) else { return nil }
        return isRevoked
    }

    // MARK: - Repositories

    /// Pages of GitHub's that one request may look through for a text.
    static let searchedPages = 10

    /// Repositories that the connection reaches and whose name contains `text`.
    package func repositories(
        _ scope: Scope, of user: UserID, text: String, page: String?
    ) async throws -> GitHubPage<GitHubRepository> {
        let (connection, token) = try await access(scope, of: user)
        let text = text.lowercased()
        var found: [GitHubRepository] = []
        var next = page
        for _ in 0..<Self.searchedPages {
            let answer: GitHubPage<GitHubRepository>
            do { answer = try await client.repositories(token, page: next) } catch {
                throw try await problem(error, scope, connection)
            }
            found +=
                text.isEmpty
                ? answer.elements : answer.elements.filter { $0.name.description.lowercased().contains(text) }
            next = answer.next
            if next == nil || text.isEmpty || found.count >= GitHubClient.pageSize { break }
        }
        return GitHubPage(elements: found, next: next)
    }

    // MARK: - Tokens at rest

    /// Seals tokens into a connection, for its generation.
    func sealed(
        _ scope: Scope, _ tokens: StoredTokens, _ connection: GitHubConnection
    ) async throws -> GitHubConnection {
        let place = try SealedPlace.githubTokens(
            scope.organization, connection.user, generation: connection.generation)
        var connection = connection
        connection.tokens = try await cabinet.withKeys(scope, now: now()) { keys in
            try keys.sealField(tokens.bytes.span, place)
        }
        return connection
    }

    func open(_ scope: Scope, _ connection: GitHubConnection) async throws -> StoredTokens {
        let place = try SealedPlace.githubTokens(
            scope.organization, connection.user, generation: connection.generation)
        return try await cabinet.withKeys(scope, now: now()) { keys in
            let opened = try keys.openField(connection.tokens.span, place)
            return try StoredTokens(opened.bytes)
        }
    }

    // MARK: - The state of an attempt

    private func mac(_ text: String, _ session: SessionID, _ scope: Scope) throws -> String {
        var hmac = try HMAC(key: try key.derived(for: "github-state"))
        let bound = "\(text)|\(scope.organization)|\(session)"
        let code = try hmac.authenticate(Array(bound.utf8).span)
        return Base64.encode(code.span, .urlSafe)
    }

    /// What proves that whoever brings the code began the attempt (RFC 7636): 43 characters, made anew from the state's nonce, so that
    /// any server can finish what another began.
    private func verifier(_ nonce: String, _ session: SessionID, _ scope: Scope) throws -> String {
        var hmac = try HMAC(key: try key.derived(for: "github-pkce"))
        let bound = "\(nonce)|\(scope.organization)|\(session)"
        let code = try hmac.authenticate(Array(bound.utf8).span)
        return Base64.encode(code.span, .urlSafe)
    }
}

/// The two tokens of a connection, as they are sealed: lengths, then texts.
struct StoredTokens {
    let access: GitHubToken
    let refresh: GitHubToken?

    init(access: GitHubToken, refresh: GitHubToken?) {
        self.access = access
        self.refresh = refresh
    }

    /// `access`, a line feed, `refresh`: neither holds one.
    var bytes: [UInt8] { Array("\(access.text)\n\(refresh?.text ?? "")".utf8) }

    init(_ bytes: Span<UInt8>) throws {
        let text = String(decoding: bytes.withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count == 2, let access = GitHubToken(lines[0]) else {
            throw StoreError(.damaged, "GitHub connection")
        }
        self.access = access
        refresh = GitHubToken(lines[1])
    }
}
