internal import JSONText
internal import NIOHTTP1
package import OpenSSLEngine
internal import TextEncodings

/// How the control plane is registered at GitHub.
package struct GitHubRegistration: Sendable {
    package let site: GitHubSite
    package let clientID: String
    let clientSecret: GitHubToken
    /// Only a GitHub App has them.
    package let app: App?
    let authorities: String?

    /// A GitHub App. With its key, tokens of its installations can be made; without, users' tokens are narrowed.
    package struct App: Sendable {
        package let id: String
        package let key: RSASigningKey?

        package init(id: String, key: RSASigningKey?) {
            self.id = id
            self.key = key
        }
    }

    /// - Parameter authorities: A file of certificates (PEM) to trust in place of the system's.
    package init(
        site: GitHubSite, clientID: String, clientSecret: GitHubToken, app: App? = nil, authorities: String? = nil
    ) {
        self.site = site
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.app = app
        self.authorities = authorities
    }
}

/// GitHub's OAuth endpoints and the part of its REST API that the control plane needs.
///
/// Every method is one request, or two where it says so. Errors name the request and never a token.
package struct GitHubClient: Sendable {
    package let registration: GitHubRegistration
    private let transport: Transport

    /// What an OAuth App asks for. `offline_access` makes tokens expire after eight hours, with a refresh token; a site that does not
    /// know it passes it over, and gives tokens that do not expire.
    package static let scopes = ["repo", "read:user", "offline_access"]
    /// Elements of a page of a list.
    package static let pageSize = 50

    package init(_ registration: GitHubRegistration) {
        self.registration = registration
        transport = Transport(authorities: registration.authorities)
    }

    private var site: GitHubSite { registration.site }

    // MARK: - OAuth (docs.github.com, "Authorizing OAuth apps"; RFC 6749, RFC 7636)

    /// Where a browser is sent to ask the person.
    package func authorizeURL(state: String, challenge: String, redirect: String) -> String {
        var fields = [
            ("client_id", registration.clientID), ("redirect_uri", redirect), ("state", state),
            ("code_challenge", challenge), ("code_challenge_method", "S256"),
        ]
        if registration.app == nil { fields.append(("scope", Self.scopes.joined(separator: " "))) }
        return site.web + "/login/oauth/authorize?" + Self.form(fields)
    }

    /// Where a person chooses the repositories that a GitHub App may reach.
    package var installationsURL: String { site.web + "/settings/installations" }

    /// Changes the code that came back into tokens.
    package func exchange(code: String, verifier: String, redirect: String) async throws(GitHubError) -> GrantedTokens {
        try await grant(
            [("code", code), ("code_verifier", verifier), ("redirect_uri", redirect)], place: "code exchange")
    }

    /// Changes a refresh token into new tokens. It is used up when GitHub has seen it, and so is the access token that came with it.
    package func refresh(_ token: GitHubToken) async throws(GitHubError) -> GrantedTokens {
        try await grant([("grant_type", "refresh_token"), ("refresh_token", token.text)], place: "refresh")
    }

    private func grant(_ fields: [(String, String)], place: String) async throws(GitHubError) -> GrantedTokens {
        let all = [("client_id", registration.clientID), ("client_secret", registration.clientSecret.text)] + fields
        let answer = try await transport.send(
            .POST, site.web + "/login/oauth/access_token", .none, form: Self.form(all), place: place)
        guard (200..<300).contains(answer.status) || answer.status == 400 || answer.status == 401 else {
            throw Self.error(answer, place)
        }
        guard let members = Members(AnswerText.value(answer.body)) else {
            throw GitHubError(.malformed, place, status: answer.status)
        }
        // GitHub answers errors of this endpoint with the status 200.
        if let error = members.text("error") {
            let isGrant = ["bad_verification_code", "bad_refresh_token", "invalid_grant", "expired_token"].contains(
                error)
            throw GitHubError(isGrant ? .badGrant : .refused, place, status: answer.status)
        }
        guard let access = members.text("access_token").flatMap({ GitHubToken($0) }),
            members.text("token_type")?.lowercased() == "bearer"
        else { throw GitHubError(.malformed, place, status: answer.status) }
        let scope = members.text("scope") ?? ""
        return GrantedTokens(
            access: access, accessLife: members.integer("expires_in").map { Int(clamping: $0) },
            refresh: members.text("refresh_token").flatMap { GitHubToken($0) },
            refreshLife: members.integer("refresh_token_expires_in").map { Int(clamping: $0) },
            scopes: scope.split { $0 == "," || $0 == " " }.map(String.init))
    }

    /// Ends one token.
    package func revokeToken(_ token: GitHubToken) async throws(GitHubError) {
        try await endAuthorization("token", token)
    }

    /// Ends the person's authorization as a whole, with all its tokens.
    package func revokeGrant(_ token: GitHubToken) async throws(GitHubError) {
        try await endAuthorization("grant", token)
    }

    private func endAuthorization(_ what: String, _ token: GitHubToken) async throws(GitHubError) {
        let place = "revoke \(what)"
        let answer = try await transport.send(
            .DELETE, "\(site.api)/applications/\(registration.clientID)/\(what)", .basic(basic),
            json: .members([("access_token", .string(token.text))]), place: place)
        // 404 and 422: there is no such token any more.
        guard [204, 404, 422].contains(answer.status) else { throw Self.error(answer, place) }
    }

    private var basic: String {
        Base64.encode(Array("\(registration.clientID):\(registration.clientSecret.text)".utf8).span, .padded)
    }

    // MARK: - REST

    package func account(_ token: GitHubToken) async throws(GitHubError) -> GitHubAccount {
        let members = try await object(.GET, "/user", .bearer(token), place: "user")
        guard let login = members.text("login"), let id = members.integer("id"), Self.isName(login) else {
            throw GitHubError(.malformed, "user")
        }
        return GitHubAccount(login: login, id: id)
    }

    /// A page of the repositories that the token reaches.
    /// - Parameter page: What the page before gave as `next`; nil for the first.
    package func repositories(
        _ token: GitHubToken, page: String?
    ) async throws(GitHubError) -> GitHubPage<GitHubRepository> {
        guard registration.app != nil else {
            let number = try Self.pageNumber(page ?? "1")
            let answer = try await list(
                "/user/repos?sort=full_name&per_page=\(Self.pageSize)&page=\(number)", token, place: "repositories")
            return GitHubPage(
                elements: try Self.repositories(answer.elements), next: answer.hasNext ? String(number + 1) : nil)
        }
        return try await installedRepositories(token, page: page)
    }

    /// What a GitHub App reaches, installation by installation. Two requests.
    private func installedRepositories(
        _ token: GitHubToken, page: String?
    ) async throws(GitHubError) -> GitHubPage<GitHubRepository> {
        let parts = (page ?? "0.1").split(separator: ".")
        guard parts.count == 2, let index = Int(parts[0]), (0..<Self.maximumInstallations).contains(index) else {
            throw GitHubError(.notFound, "repositories")
        }
        let number = try Self.pageNumber(String(parts[1]))
        let installations = try await list(
            "/user/installations?per_page=\(Self.maximumInstallations)", token, member: "installations",
            place: "installations")
        guard index < installations.elements.count else { return GitHubPage(elements: [], next: nil) }
        guard let id = Members(installations.elements[index])?.integer("id") else {
            throw GitHubError(.malformed, "installations")
        }
        let answer = try await list(
            "/user/installations/\(id)/repositories?per_page=\(Self.pageSize)&page=\(number)", token,
            member: "repositories", place: "repositories")
        var next: String?
        if answer.hasNext {
            next = "\(index).\(number + 1)"
        } else if index + 1 < installations.elements.count {
            next = "\(index + 1).1"
        }
        return GitHubPage(elements: try Self.repositories(answer.elements), next: next)
    }

    /// Installations of a GitHub App that one person sees; further ones are not shown.
    package static let maximumInstallations = 100

    /// One repository as the token sees it.
    /// - Throws: `.notFound` for what it does not reach, and for one that has another name now: where a redirect leads is not followed.
    package func repository(_ token: GitHubToken, _ name: RepositoryName) async throws(GitHubError) -> GitHubRepository
    {
        let place = "repository"
        let answer = try await transport.send(
            .GET, site.api + "/repos/\(name.owner)/\(name.name)", .bearer(token), place: place)
        if (300..<400).contains(answer.status) { throw GitHubError(.notFound, place, status: answer.status) }
        guard answer.status == 200 else { throw Self.error(answer, place) }
        let found = try Self.repositories([AnswerText.value(answer.body) ?? .null])
        guard found[0].name.isSame(as: name) else { throw GitHubError(.malformed, place) }
        return found[0]
    }

    /// Makes a token of the App's installation for one repository. Two requests.
    /// - Parameter now: Seconds since 1970.
    package func installationToken(
        for repository: GitHubRepository, _ permission: RepositoryPermission, now: Int64
    ) async throws(GitHubError) -> NarrowToken {
        let name = repository.name
        let jwt = try appToken(now: now)
        let installation = try await object(
            .GET, "/repos/\(name.owner)/\(name.name)/installation", .jwt(jwt), place: "installation")
        guard let id = installation.integer("id") else { throw GitHubError(.malformed, "installation") }
        let body = JSONValue.members([
            ("repository_ids", .array([.number(String(repository.id))])),
            ("permissions", .members(permission.members)),
        ])
        let answer = try await object(
            .POST, "/app/installations/\(id)/access_tokens", .jwt(jwt), json: body, place: "installation token")
        return try Self.narrow(answer, place: "installation token")
    }

    /// Makes a token of a GitHub App's user that reaches one repository only.
    package func scopedToken(
        _ token: GitHubToken, for repository: GitHubRepository, _ permission: RepositoryPermission
    ) async throws(GitHubError) -> NarrowToken {
        let body = JSONValue.members([
            ("access_token", .string(token.text)), ("target", .string(repository.name.owner)),
            ("repository_ids", .array([.number(String(repository.id))])),
            ("permissions", .members(permission.members)),
        ])
        let answer = try await object(
            .POST, "/applications/\(registration.clientID)/token/scoped", .basic(basic), json: body,
            place: "scoped token")
        return try Self.narrow(answer, place: "scoped token")
    }

    /// Ends a token of an installation.
    package func revokeInstallationToken(_ token: GitHubToken) async throws(GitHubError) {
        let place = "revoke installation token"
        let answer = try await transport.send(.DELETE, site.api + "/installation/token", .bearer(token), place: place)
        // 401: it is not good any more.
        guard [204, 401].contains(answer.status) else { throw Self.error(answer, place) }
    }

    /// Makes a pull request; returns its number and its address.
    package func createPullRequest(
        _ token: GitHubToken, in name: RepositoryName, _ request: PullRequest, base: String
    ) async throws(GitHubError) -> (number: Int64, url: String) {
        let body = JSONValue.members([
            ("title", .string(request.title)), ("body", .string(request.body)), ("head", .string(request.head)),
            ("base", .string(base)), ("draft", .bool(request.isDraft)),
        ])
        let answer = try await object(
            .POST, "/repos/\(name.owner)/\(name.name)/pulls", .bearer(token), json: body, place: "pull request")
        guard let number = answer.integer("number"), let url = answer.text("html_url"), url.hasPrefix(site.web + "/")
        else { throw GitHubError(.malformed, "pull request") }
        return (number, url)
    }

    package struct PullRequest: Sendable, Hashable {
        package var title: String
        package var body: String
        package var head: String
        /// The branch to merge into; nil: the repository's default.
        package var base: String?
        package var isDraft: Bool

        package init(title: String, body: String, head: String, base: String?, isDraft: Bool) {
            self.title = title
            self.body = body
            self.head = head
            self.base = base
            self.isDraft = isDraft
        }
    }

    // MARK: - Parts

    /// What proves that we are the App (docs.github.com, "Generating a JSON Web Token (JWT) for a GitHub App"; RFC 7519).
    func appToken(now: Int64) throws(GitHubError) -> String {
        guard let app = registration.app, let key = app.key else { throw GitHubError(.refused, "app") }
        // A minute back, since clocks differ; ten minutes are the most that GitHub takes.
        let claims = JSONValue.members([
            ("iat", .number(String(now - 60))), ("exp", .number(String(now + 540))), ("iss", .string(app.id)),
        ])
        let head = Base64.encode(Array(#"{"alg":"RS256","typ":"JWT"}"#.utf8).span, .urlSafe)
        let signed = head + "." + Base64.encode(Array(claims.text.utf8).span, .urlSafe)
        do {
            let signature = try key.sign(Array(signed.utf8).span)
            return signed + "." + Base64.encode(signature.span, .urlSafe)
        } catch { throw GitHubError(.refused, "app") }
    }

    private func object(
        _ method: HTTPMethod, _ path: String, _ credential: Transport.Credential, json: JSONValue? = nil, place: String
    ) async throws(GitHubError) -> Members {
        let answer = try await transport.send(method, site.api + path, credential, json: json, place: place)
        guard (200..<300).contains(answer.status) else { throw Self.error(answer, place) }
        guard let members = Members(AnswerText.value(answer.body)) else {
            throw GitHubError(.malformed, place, status: answer.status)
        }
        return members
    }

    private func list(
        _ path: String, _ token: GitHubToken, member: String? = nil, place: String
    ) async throws(GitHubError) -> (elements: [JSONValue], hasNext: Bool) {
        let answer = try await transport.send(.GET, site.api + path, .bearer(token), place: place)
        guard answer.status == 200 else { throw Self.error(answer, place) }
        let value = AnswerText.value(answer.body)
        var elements: [JSONValue]?
        if let member {
            elements = Members(value)?.array(member)
        } else if case .array(let all)? = value {
            elements = all
        }
        guard let elements, elements.count <= 200 else { throw GitHubError(.malformed, place, status: answer.status) }
        // Whether there is more is what the header is read for (RFC 8288); addresses in answers are not followed.
        let hasNext = answer.headers[canonicalForm: "link"].contains { link in
            link.split(separator: ";").contains { part in
                let word = part.filter { $0 != " " && $0 != "\"" }.lowercased()
                return word == "rel=next"
            }
        }
        return (elements, hasNext)
    }

    static func repositories(_ values: [JSONValue]) throws(GitHubError) -> [GitHubRepository] {
        var found: [GitHubRepository] = []
        for value in values {
            guard let members = Members(value), let id = members.integer("id"),
                let name = members.text("full_name").flatMap({ RepositoryName($0) })
            else { throw GitHubError(.malformed, "repositories") }
            let permissions = Members(members["permissions"])
            found.append(
                GitHubRepository(
                    id: id, name: name, isPrivate: members.bool("private") ?? true,
                    canPush: permissions?.bool("push") ?? false, defaultBranch: members.text("default_branch")))
        }
        return found
    }

    static func narrow(_ members: Members, place: String) throws(GitHubError) -> NarrowToken {
        guard let token = members.text("token").flatMap({ GitHubToken($0) }) else {
            throw GitHubError(.malformed, place)
        }
        let repositories = (members.array("repositories") ?? []).compactMap { Members($0)?.text("full_name") }
        return NarrowToken(
            token: token, expires: members.text("expires_at").flatMap { AnswerText.time($0) },
            repositories: repositories)
    }

    /// What a status that is no success means (docs.github.com, "Troubleshooting the REST API", "Rate limits for the REST API").
    private static func error(_ answer: Transport.Answer, _ place: String) -> GitHubError {
        func make(_ code: GitHubError.Code) -> GitHubError { GitHubError(code, place, status: answer.status) }
        let isLimited =
            answer.status == 429
            || answer.status == 403
                && (answer.headers.contains(name: "retry-after")
                    || answer.headers.first(name: "x-ratelimit-remaining") == "0")
        if isLimited {
            let seconds = answer.headers.first(name: "retry-after").flatMap { Int($0) } ?? 60
            return make(.limited(min(max(seconds, 1), 3600)))
        }
        switch answer.status {
        case 401: return make(.badCredential)
        case 403: return make(.forbidden)
        case 404, 410: return make(.notFound)
        case 500...599: return make(.failing)
        default: return make(.refused)
        }
    }

    private static func pageNumber(_ text: String) throws(GitHubError) -> Int {
        guard let number = Int(text), (1...10_000).contains(number) else { throw GitHubError(.notFound, "page") }
        return number
    }

    private static func isName(_ text: String) -> Bool {
        (1...100).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0 &- 0x30 < 10 || (0x61...0x7A).contains($0 | 0x20) || $0 == 0x2D || $0 == 0x5F }
    }

    private static func form(_ fields: [(String, String)]) -> String {
        fields.map { "\($0.0)=\(percentEncoded($0.1))" }.joined(separator: "&")
    }

    /// RFC 3986, section 2.1: everything but unreserved characters.
    private static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: result.append(byte)
            default: result += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
