package import GitHubAPI
package import ServerStore

/// How a token for git is made, which decides how long it lives and what it reaches (docs/github.md, "Modes").
package enum GitTokenMode: String, Sendable, Hashable, CaseIterable {
    /// An OAuth App's token: good until it is revoked, for all that the person reaches.
    case oauth
    /// The same with an end: eight hours at most.
    case expiringOAuth = "oauth-expiring"
    /// A GitHub App's user token, narrowed to one repository.
    case scopedUser = "scoped-user"
    /// A token of a GitHub App's installation, for one repository and an hour.
    case installation

    /// Whether each operation gets a token of its own, which is ended afterwards.
    package var isPerOperation: Bool { self == .scopedUser || self == .installation }
}

/// What a token for git is for.
package enum GitOperation: String, Sendable, Hashable, CaseIterable {
    case fetch, push
}

/// A token that was made or found, with what is to be said of it.
package struct MintedToken: Sendable {
    package let token: GitHubToken
    package let mode: GitTokenMode
    package let expires: Timestamp?
    /// What it reaches; nil: all that the account reaches.
    package let repositories: [RepositoryName]?
}

/// Makes tokens of one mode.
package protocol GitTokenMinter: Sendable {
    var mode: GitTokenMode { get }
    /// Makes a token.
    /// - Parameter access: The person's access token, which has been seen to reach the repository.
    func mint(
        for repository: GitHubRepository, _ permission: RepositoryPermission, _ access: GitHubToken,
        _ connection: GitHubConnection
    ) async throws -> MintedToken
    /// Ends a token of one operation.
    func giveBack(_ token: GitHubToken) async throws
}

/// Hands out the person's own token: GitHub keeps ten of a person, application and scope, makes ten an hour at most, and can not narrow
/// them, so there is nothing to make.
struct OAuthMinter: GitTokenMinter {
    let mode: GitTokenMode

    func mint(
        for repository: GitHubRepository, _ permission: RepositoryPermission, _ access: GitHubToken,
        _ connection: GitHubConnection
    ) async throws -> MintedToken {
        MintedToken(token: access, mode: mode, expires: connection.expires, repositories: nil)
    }

    /// The token is the connection's; it ends with it.
    func giveBack(_ token: GitHubToken) async throws {}
}

struct ScopedUserMinter: GitTokenMinter {
    let client: GitHubClient
    let mode = GitTokenMode.scopedUser

    func mint(
        for repository: GitHubRepository, _ permission: RepositoryPermission, _ access: GitHubToken,
        _ connection: GitHubConnection
    ) async throws -> MintedToken {
        let made = try await client.scopedToken(access, for: repository, permission)
        return MintedToken(
            token: made.token, mode: mode, expires: made.expires.map { Timestamp(milliseconds: $0 * 1000) },
            repositories: [repository.name])
    }

    func giveBack(_ token: GitHubToken) async throws { try await client.revokeToken(token) }
}

struct InstallationMinter: GitTokenMinter {
    let client: GitHubClient
    let now: @Sendable () -> Timestamp
    let mode = GitTokenMode.installation

    func mint(
        for repository: GitHubRepository, _ permission: RepositoryPermission, _ access: GitHubToken,
        _ connection: GitHubConnection
    ) async throws -> MintedToken {
        let made = try await client.installationToken(for: repository, permission, now: now().seconds)
        return MintedToken(
            token: made.token, mode: mode, expires: made.expires.map { Timestamp(milliseconds: $0 * 1000) },
            repositories: [repository.name])
    }

    func giveBack(_ token: GitHubToken) async throws { try await client.revokeInstallationToken(token) }
}

extension GitHubService {
    func minter(_ mode: GitTokenMode) -> any GitTokenMinter {
        switch mode {
        case .oauth, .expiringOAuth: OAuthMinter(mode: mode)
        case .scopedUser: ScopedUserMinter(client: client)
        case .installation: InstallationMinter(client: client, now: now)
        }
    }

    /// Makes a token for one run, repository and operation, and keeps what has to be known of it later.
    ///
    /// The person's own token is asked first whether it reaches the repository: an installation reaches what its owner gave the App, and
    /// that may be another organization's.
    func grant(
        _ scope: Scope, _ run: RunID, of runner: RunnerTokenID, user: UserID, _ name: RepositoryName,
        _ operation: GitOperation
    ) async throws -> (GitGrant, MintedToken) {
        let minted = try await mint(scope, user, name, operation == .push ? .write : .read).token
        let id = GitGrantID.new(at: now())
        var sealed: [UInt8]?
        if minted.mode.isPerOperation {
            let place = try SealedPlace.gitGrant(scope.organization, id)
            sealed = try await cabinet.withKeys(scope, now: now()) { keys in
                try keys.sealField(Array(minted.token.text.utf8).span, place)
            }
        }
        let grant = GitGrant(
            id: id, run: run, runner: runner, user: user, repository: name.description,
            operation: operation.rawValue, mode: minted.mode.rawValue, created: now(), expires: minted.expires,
            token: sealed)
        guard try await store.addGitGrant(scope, grant, now: now()) else {
            // The run ended meanwhile.
            try? await minter(minted.mode).giveBack(minted.token)
            throw Problem.runIsOver
        }
        return (grant, minted)
    }

    private func mint(
        _ scope: Scope, _ user: UserID, _ name: RepositoryName, _ permission: RepositoryPermission
    ) async throws -> (connection: GitHubConnection, repository: GitHubRepository, token: MintedToken) {
        let (connection, access) = try await access(scope, of: user)
        do {
            let repository = try await client.repository(access, name)
            guard permission == .read || repository.canPush else { throw Problem.notReached }
            let minter = minter(mode(of: connection))
            return (connection, repository, try await minter.mint(for: repository, permission, access, connection))
        } catch { throw try await problem(error, scope, connection) }
    }

    /// Ends a grant: its token first, if it is the grant's alone, then what is known of it.
    /// - Returns: false when there is no open one.
    func giveBack(_ scope: Scope, _ grant: GitGrant) async throws -> Bool {
        guard grant.closed == nil else { return false }
        if let sealed = grant.token, let mode = GitTokenMode(rawValue: grant.mode),
            grant.expires.map({ $0 > now() }) ?? true
        {
            let place = try SealedPlace.gitGrant(scope.organization, grant.id)
            let text = try await cabinet.withKeys(scope, now: now()) { keys in
                let opened = try keys.openField(sealed.span, place)
                return String(decoding: opened.bytes.withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
            }
            if let token = GitHubToken(text) {
                do { try await minter(mode).giveBack(token) } catch let error as GitHubError {
                    switch error.code {
                    // It works no more.
                    case .badCredential, .notFound: break
                    default: throw Problem.githubUnavailable(after: 5)
                    }
                }
            }
        }
        return try await store.closeGitGrant(scope, of: grant.run, grant.id, now: now())
    }

    /// Grants of one organization that one sweep ends.
    static let sweptGrants = 100

    /// Ends grants whose run is over or whose time is, for runners that did not.
    package func sweepGrants() async throws {
        for organization in try await store.organizations() {
            let scope = Scope.server(organization.id)
            for grant in try await store.dueGitGrants(scope, now: now(), limit: Self.sweptGrants) {
                // Those that GitHub does not answer for are due again next time.
                _ = try? await giveBack(scope, grant)
            }
        }
    }

    /// Makes a pull request with a token of its own, where there are such.
    /// - Parameter request: Without a base, it is the repository's default branch.
    func createPullRequest(
        _ scope: Scope, user: UserID, _ name: RepositoryName, _ request: GitHubClient.PullRequest
    ) async throws -> (number: Int64, url: String) {
        let (connection, repository, minted) = try await mint(scope, user, name, .propose)
        let result = await attempt {
            guard let base = request.base ?? repository.defaultBranch else {
                throw Problem.badField("base", "The repository has no default branch.")
            }
            return try await client.createPullRequest(minted.token, in: name, request, base: base)
        }
        if minted.mode.isPerOperation { try? await minter(minted.mode).giveBack(minted.token) }
        do { return try result.get() } catch { throw try await problem(error, scope, connection) }
    }

    private func attempt<Value>(_ work: () async throws -> Value) async -> Result<Value, any Error> {
        do { return .success(try await work()) } catch { return .failure(error) }
    }
}

extension Problem {
    static let runIsOver = Problem(.conflict, "run-over", "The run is over or is to end.")
}
