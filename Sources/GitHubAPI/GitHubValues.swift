internal import JSONText

/// A token of GitHub's. It prints as nothing: only requests and the row that is sealed see the text.
package struct GitHubToken: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    package let text: String

    /// The longest token in bytes; GitHub asks for columns of 255.
    package static let maximumLength = 1024

    /// Nil for what can be no token: it is to stand in a header, and in git's lines.
    package init?(_ text: String) {
        guard (1...Self.maximumLength).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        self.text = text
    }

    package var description: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// What GitHub gives for a code, and for a refresh token.
package struct GrantedTokens: Sendable, Hashable {
    package let access: GitHubToken
    /// How long it is good, in seconds; nil: until it is revoked.
    package let accessLife: Int?
    /// Good once.
    package let refresh: GitHubToken?
    /// In seconds.
    package let refreshLife: Int?
    /// As granted, which may be less than what was asked for; empty for a GitHub App, whose permissions are its own.
    package let scopes: [String]

    package init(
        access: GitHubToken, accessLife: Int?, refresh: GitHubToken?, refreshLife: Int?, scopes: [String]
    ) {
        self.access = access
        self.accessLife = accessLife
        self.refresh = refresh
        self.refreshLife = refreshLife
        self.scopes = scopes
    }
}

/// Who a token stands for.
package struct GitHubAccount: Sendable, Hashable {
    package let login: String
    package let id: Int64
}

/// A repository as a token sees it.
package struct GitHubRepository: Sendable, Hashable {
    package let id: Int64
    package let name: RepositoryName
    package let isPrivate: Bool
    package let canPush: Bool
    package let defaultBranch: String?
}

/// A page of a list.
package struct GitHubPage<Element: Sendable>: Sendable {
    package let elements: [Element]
    /// What to ask for next; nil: this is the last.
    package let next: String?

    package init(elements: [Element], next: String?) {
        self.elements = elements
        self.next = next
    }
}

/// A token that was made for one repository.
package struct NarrowToken: Sendable, Hashable {
    package let token: GitHubToken
    /// Seconds since 1970; nil: GitHub did not say.
    package let expires: Int64?
    /// What GitHub says that it reaches, when it says so.
    package let repositories: [String]
}

/// What a token may do with the contents of a repository, and with its pull requests.
package enum RepositoryPermission: Sendable, Hashable {
    case read, write
    /// Makes pull requests.
    case propose

    /// The permissions of a GitHub App (docs.github.com, "Permissions required for GitHub Apps").
    var members: [(String, JSONValue?)] {
        switch self {
        case .read: [("contents", .string("read")), ("metadata", .string("read"))]
        case .write: [("contents", .string("write")), ("metadata", .string("read"))]
        case .propose:
            [("contents", .string("read")), ("metadata", .string("read")), ("pull_requests", .string("write"))]
        }
    }
}

/// Why GitHub did not do what it was asked.
package struct GitHubError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        /// No answer: name, connection, TLS, time, or cut short.
        case unreachable
        /// Too many requests; seconds until it is worth trying again.
        case limited(Int)
        /// GitHub fails itself: 5xx.
        case failing
        /// An answer that is not what the documentation says.
        case malformed
        /// The token is not good: revoked, expired, never was.
        case badCredential
        /// The code or the refresh token was used before, or is another's.
        case badGrant
        /// There is no such thing, or the token does not reach it.
        case notFound
        /// The token may not do this.
        case forbidden
        /// Something else, by its status.
        case refused
    }

    package let code: Code
    /// Which request; a constant.
    package let place: String
    package let status: Int?

    /// Whether the request was the application's own, so that its credential is in question and not a person's.
    package var isOfApplication: Bool { ["installation", "installation token", "scoped token"].contains(place) }

    init(_ code: Code, _ place: String, status: Int? = nil) {
        self.code = code
        self.place = place
        self.status = status
    }

    package var description: String { "GitHub, \(place): \(code)\(status.map { " (status \($0))" } ?? "")" }
}
