internal import GitHubAPI
internal import ServerStore
internal import Synchronization

// A refresh token works once, and its answer is the only copy of the next one. So one server at a time asks, by a right that stands in the
// connection's row before the request goes out, and the answer is saved before anybody gets the token (docs/github.md, "Renewal").
extension GitHubService {
    /// An access token is renewed when it has less than this left.
    static let margin: Duration = .seconds(600)
    /// How long one server may take to renew: longer than a request can last (`Transport.timeout`).
    static let leaseTime: Duration = .seconds(30)
    /// How long a request waits for a renewal that another server does.
    static let patience: Duration = .seconds(25)
    /// How often it looks.
    static let interval: Duration = .milliseconds(100)

    /// The connection of a member with an access token that is good for a while.
    /// - Throws: `Problem` when there is none.
    func access(_ scope: Scope, of user: UserID) async throws -> (connection: GitHubConnection, token: GitHubToken) {
        let deadline = ContinuousClock.now + Self.patience
        var hasTried = false
        while true {
            if let connection = renewals.unsaved(scope.organization, user) {
                // GitHub gave tokens that the store did not take. They are the only ones that work.
                if try await store.renewGitHubConnection(scope, connection) == false {
                    renewals.forget(scope.organization, user)
                    continue
                }
                renewals.forget(scope.organization, user)
            }
            guard let connection = try await store.githubConnection(scope, of: user) else {
                throw Problem.notConnected
            }
            guard connection.site == site.web, connection.isApp == isApp, connection.state == .live else {
                throw Problem.mustConnectAgain
            }
            let tokens = try await open(scope, connection)
            guard let expires = connection.expires, expires <= now() + Self.margin else {
                return (connection, tokens.access)
            }
            let isUsable = expires > now()
            // Renewed, but for less than the margin; or in vain, and then what is left of the old token is used up.
            if hasTried, isUsable { return (connection, tokens.access) }
            guard !hasTried, ContinuousClock.now < deadline else { throw Problem.githubUnavailable(after: 5) }
            guard let refresh = tokens.refresh, connection.refreshExpires.map({ $0 > now() }) ?? true else {
                if isUsable { return (connection, tokens.access) }
                _ = try await store.breakGitHubConnection(
                    scope, of: user, generation: connection.generation, now: now())
                throw Problem.mustConnectAgain
            }
            let name = "\(scope.organization)/\(user)/\(connection.generation)"
            try await renewals.once(name) { [self] in
                try await renew(scope, connection, tokens, refresh, until: deadline)
            }
            hasTried = true
        }
    }

    /// Renews one generation, or waits until another server has.
    private func renew(
        _ scope: Scope, _ connection: GitHubConnection, _ tokens: StoredTokens, _ refresh: GitHubToken,
        until deadline: ContinuousClock.Instant
    ) async throws {
        let (user, generation) = (connection.user, connection.generation)
        while true {
            let start = now()
            // Alone, and with one renewal at a time in this process, a right that somebody has is that of a process that is gone.
            if try await store.leaseGitHubRenewal(
                scope, of: user, generation: generation, until: start + Self.leaseTime,
                now: isAlone ? Timestamp(milliseconds: .max) : start)
            {
                break
            }
            let current = try await store.githubConnection(scope, of: user)
            guard current?.generation == generation, current?.state == .live else { return }
            guard ContinuousClock.now < deadline else { return }
            try await Task.sleep(for: Self.interval)
        }
        let granted: GrantedTokens
        do { granted = try await client.refresh(refresh) } catch {
            return try await renewalFailed(error, scope, connection, tokens)
        }
        let now = now()
        var renewed = connection
        renewed.renewed = now
        renewed.expires = granted.accessLife.map { now + .seconds($0) }
        renewed.refreshExpires = granted.refreshLife.map { now + .seconds($0) }
        renewed.generation = generation + 1
        renewed = try await sealed(
            scope, StoredTokens(access: granted.access, refresh: granted.refresh ?? refresh), renewed)
        renewals.keep(scope.organization, renewed)
        _ = try await store.renewGitHubConnection(scope, renewed)
        renewals.forget(scope.organization, user)
    }

    private func renewalFailed(
        _ error: GitHubError, _ scope: Scope, _ connection: GitHubConnection, _ tokens: StoredTokens
    ) async throws {
        let (user, generation) = (connection.user, connection.generation)
        guard error.code == .badGrant else {
            // GitHub was not reached, or does not say what it did. The refresh token is tried again: if GitHub has not seen it, it works.
            return try await store.endGitHubLease(scope, of: user, generation: generation)
        }
        // Used up: by another server that saved in the meantime, or by a renewal whose answer was lost. The access token says which.
        guard try await store.githubConnection(scope, of: user)?.generation == generation else { return }
        do {
            _ = try await client.account(tokens.access)
            try await store.endGitHubLease(scope, of: user, generation: generation)
        } catch let error as GitHubError where error.code == .badCredential {
            _ = try await store.breakGitHubConnection(scope, of: user, generation: generation, now: now())
        } catch {
            try await store.endGitHubLease(scope, of: user, generation: generation)
        }
    }

    /// The problem that an error of GitHub is for whoever asked. A token that GitHub does not take breaks the connection.
    /// - Parameter connection: The one that the token was of; when it has been renewed since, that is why.
    func problem(_ error: any Error, _ scope: Scope, _ connection: GitHubConnection) async throws -> any Error {
        guard let error = error as? GitHubError else { return error }
        switch error.code {
        case .badCredential where error.isOfApplication: return Problem.githubRefused
        case .badCredential:
            let isBroken = try await store.breakGitHubConnection(
                scope, of: connection.user, generation: connection.generation, now: now())
            return isBroken ? Problem.mustConnectAgain : Problem.githubUnavailable(after: 1)
        case .limited(let seconds): return Problem.githubUnavailable(after: seconds)
        case .unreachable, .failing, .malformed: return Problem.githubUnavailable(after: 5)
        case .notFound, .forbidden: return Problem.notReached
        case .badGrant, .refused: return Problem.githubRefused
        }
    }
}

/// Renewals of this process: callers that want the same one wait for it together.
final class Renewals: Sendable {
    private struct State {
        var running: [String: Task<Void, any Error>] = [:]
        var unsaved: [String: GitHubConnection] = [:]
    }

    private let state = Mutex(State())

    func once(
        _ name: String, _ work: @Sendable @escaping () async throws -> Void
    ) async throws {
        let task = state.withLock { state in
            if let running = state.running[name] { return running }
            // Not tied to the request that happens to come first: a runner that hangs up does not cut a renewal short.
            let task = Task {
                defer { finished(name) }
                try await work()
            }
            state.running[name] = task
            return task
        }
        try await task.value
    }

    private func finished(_ name: String) { state.withLock { $0.running[name] = nil } }

    func keep(_ organization: OrganizationID, _ connection: GitHubConnection) {
        state.withLock { $0.unsaved["\(organization)/\(connection.user)"] = connection }
    }

    func forget(_ organization: OrganizationID, _ user: UserID) {
        state.withLock { $0.unsaved["\(organization)/\(user)"] = nil }
    }

    func unsaved(_ organization: OrganizationID, _ user: UserID) -> GitHubConnection? {
        state.withLock { $0.unsaved["\(organization)/\(user)"] }
    }
}

extension Problem {
    static let notConfigured = Problem(
        .conflict, "github-not-configured", "This server has no connection to GitHub to offer.")
    static let notConnected = Problem(
        .conflict, "github-not-connected", "The person whose machine this is has not connected GitHub.")
    static let mustConnectAgain = Problem(
        .conflict, "github-broken", "GitHub does not take the connection any more. Connect again in the settings.")
    static let notReached = Problem(
        .forbidden, "repository-not-reached", "The connection does not reach this repository, or not for this.")
    static let githubRefused = Problem(
        .badGateway, "github-refused", "GitHub refuses what the server asks of it.")

    static func githubUnavailable(after seconds: Int) -> Problem {
        Problem(
            .serviceUnavailable, "github-unavailable", "GitHub can not be asked now. Try again later.",
            headers: [.retryAfter: String(seconds)])
    }
}
