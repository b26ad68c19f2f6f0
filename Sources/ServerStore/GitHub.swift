/// A member's connection to GitHub: whose account, what it may do, and its tokens, sealed.
public struct GitHubConnection: Sendable, Hashable {
    public enum State: String, Sendable, Hashable {
        case live
        /// GitHub refuses its tokens: the person has to connect again.
        case broken
    }

    /// Whose it is. Runners that this member paired use it.
    public let user: UserID
    /// The address of the site that it was made with; good for no other.
    public let site: String
    /// The account's name and number at GitHub.
    public let account: String
    public let accountID: Int64
    /// What was granted, with spaces between; empty for a GitHub App.
    public let scopes: String
    /// Whether its tokens are those of a GitHub App.
    public let isApp: Bool
    public let created: Timestamp
    /// When the tokens came.
    public var renewed: Timestamp
    /// When the access token ends; nil: when it is revoked.
    public var expires: Timestamp?
    public var refreshExpires: Timestamp?
    /// Counts renewals, from 1. Part of what the tokens are sealed with, so those of an earlier renewal do not open in their place.
    public var generation: Int64
    public var state: State
    /// The tokens, a sealed record of kind 1 (`SealedPlace.githubTokens`).
    public var tokens: [UInt8]

    public init(
        user: UserID, site: String, account: String, accountID: Int64, scopes: String, isApp: Bool, created: Timestamp,
        renewed: Timestamp, expires: Timestamp?, refreshExpires: Timestamp?, generation: Int64, state: State = .live,
        tokens: [UInt8]
    ) {
        self.user = user
        self.site = site
        self.account = account
        self.accountID = accountID
        self.scopes = scopes
        self.isApp = isApp
        self.created = created
        self.renewed = renewed
        self.expires = expires
        self.refreshExpires = refreshExpires
        self.generation = generation
        self.state = state
        self.tokens = tokens
    }
}

/// A token for git that was handed to a runner, for one run, one repository and one kind of operation.
public struct GitGrant: Sendable, Hashable {
    public let id: GitGrantID
    public let run: RunID
    public let runner: RunnerTokenID
    /// Whose connection it came from.
    public let user: UserID
    /// `owner/name`.
    public let repository: String
    /// `fetch` or `push`.
    public let operation: String
    /// How the token was made: a word of docs/github.md, "Modes".
    public let mode: String
    public let created: Timestamp
    public let expires: Timestamp?
    /// When it was given back, or found to be over.
    public var closed: Timestamp?
    /// The token, a sealed record of kind 1 (`SealedPlace.gitGrant`), for as long as it is to be revoked; nil when it is not this
    /// grant's alone.
    public var token: [UInt8]?

    public init(
        id: GitGrantID, run: RunID, runner: RunnerTokenID, user: UserID, repository: String, operation: String,
        mode: String, created: Timestamp, expires: Timestamp?, closed: Timestamp? = nil, token: [UInt8]?
    ) {
        self.id = id
        self.run = run
        self.runner = runner
        self.user = user
        self.repository = repository
        self.operation = operation
        self.mode = mode
        self.created = created
        self.expires = expires
        self.closed = closed
        self.token = token
    }
}

public typealias GitGrantID = Identifier<GitGrant>

/// Connections to GitHub, and what was handed out of them.
public protocol GitHubStore: Sendable {
    func githubConnection(_ scope: Scope, of user: UserID) async throws -> GitHubConnection?
    /// Keeps a connection in place of the member's earlier one, and ends a renewal that is under way. Audited.
    /// - Throws: `.conflict` when the user is no member.
    func putGitHubConnection(_ scope: Scope, _ connection: GitHubConnection, now: Timestamp) async throws
    /// Forgets a connection; returns whether there was one. Audited.
    func deleteGitHubConnection(_ scope: Scope, of user: UserID, now: Timestamp) async throws -> Bool

    /// Takes the right to renew generation `generation`, until `until` at most. Returns false when another has it, when the
    /// generation is not that one any more, or when the connection is not live. This row is the write-ahead mark of a renewal: whoever
    /// finds the right expired knows that one may have been cut short (docs/github.md, "Renewal").
    func leaseGitHubRenewal(
        _ scope: Scope, of user: UserID, generation: Int64, until: Timestamp, now: Timestamp
    ) async throws -> Bool
    /// Gives the right back without a result: GitHub could not be asked.
    func endGitHubLease(_ scope: Scope, of user: UserID, generation: Int64) async throws
    /// Saves the tokens of a renewal, if the stored generation is `connection.generation - 1` still; ends the right. Changes times,
    /// generation, state and tokens only.
    func renewGitHubConnection(_ scope: Scope, _ connection: GitHubConnection) async throws -> Bool
    /// Notes that GitHub refuses the tokens of a generation; returns false when the generation is another by now. Ends the right.
    /// Audited.
    func breakGitHubConnection(
        _ scope: Scope, of user: UserID, generation: Int64, now: Timestamp
    ) async throws -> Bool

    /// Keeps what was handed out. Returns false, and keeps nothing, unless the run is the acting runner's and goes on. Audited.
    func addGitGrant(_ scope: Scope, _ grant: GitGrant, now: Timestamp) async throws -> Bool
    /// Returns a grant of a run that the actor sees.
    func gitGrant(_ scope: Scope, of run: RunID, _ id: GitGrantID) async throws -> GitGrant?
    /// Notes that a grant is over, and forgets its token. Returns false when there is no open one. Audited.
    func closeGitGrant(_ scope: Scope, of run: RunID, _ id: GitGrantID, now: Timestamp) async throws -> Bool
    /// Returns open grants that expired or whose run is over, oldest first.
    func dueGitGrants(_ scope: Scope, now: Timestamp, limit: Int) async throws -> [GitGrant]
}
