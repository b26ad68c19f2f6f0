internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import JSONText
internal import NIOCore
internal import OpenSSLEngine
internal import TextEncodings

struct StandInResponder: HTTPResponder {
    typealias Context = BasicRequestContext

    let owner: Weak

    func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
        guard let standIn = owner.value else { return Response(status: .serviceUnavailable) }
        return try await standIn.respond(request)
    }
}

/// A request, read.
struct StandInRequest {
    let method: String
    let path: [String]
    let query: [String: String]
    let rawQuery: String
    let headers: HTTPFields
    let body: [UInt8]

    /// The token of a header `Bearer …`.
    var bearer: String? {
        let parts = (headers[.authorization] ?? "").split(separator: " ")
        return parts.count == 2 && parts[0].lowercased() == "bearer" ? String(parts[1]) : nil
    }

    /// User and password of a header `Basic …`.
    var basic: (user: String, password: String)? {
        let parts = (headers[.authorization] ?? "").split(separator: " ")
        guard parts.count == 2, parts[0].lowercased() == "basic",
            let bytes = Data(base64Encoded: String(parts[1]))
        else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let colon = text.firstIndex(of: ":") else { return nil }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    var form: [String: String] { Self.fields(String(decoding: body, as: UTF8.self)) }

    var json: [String: JSONValue] {
        var reader = JSONReader<Malformed>()
        guard case .object(let members)? = try? reader.value(body.span) else { return [:] }
        return Dictionary(members.map { ($0.name, $0.value) }) { first, _ in first }
    }

    private struct Malformed: JSONFailure { init(jsonOffset: Int) {} }

    static func fields(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map {
                $0.split(separator: "+", omittingEmptySubsequences: false).joined(separator: " ")
                    .removingPercentEncoding
                    ?? ""
            }
            fields[sides[0]] = sides.count > 1 ? sides[1] : ""
        }
        return fields
    }
}

struct StandInAnswer {
    var status: Int
    var body: [UInt8] = []
    var headers: [(String, String)] = []

    init(_ status: Int, _ json: JSONValue? = nil, headers: [(String, String)] = []) {
        self.status = status
        self.headers = headers
        if let json {
            body = Array(json.text.utf8)
            self.headers.append(("content-type", "application/json; charset=utf-8"))
        }
    }

    static func message(_ status: Int, _ text: String) -> Self { Self(status, .members([("message", .string(text))])) }
}

extension GitHubStandIn {
    /// The largest body in bytes.
    static let maximumBody = 64 << 20

    func respond(_ request: Request) async throws -> Response {
        var body: [UInt8] = []
        for try await buffer in request.body {
            guard body.count + buffer.readableBytes <= Self.maximumBody else {
                return Response(status: .contentTooLarge)
            }
            body += buffer.readableBytesView
        }
        let path = request.uri.path
        let read = StandInRequest(
            method: request.method.rawValue,
            path: path.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) },
            query: StandInRequest.fields(request.uri.query ?? ""), rawQuery: request.uri.query ?? "",
            headers: request.headers, body: body)
        let fault = takeFault(path)
        switch fault {
        case .status(let status, let retryAfter):
            return Self.response(
                StandInAnswer(
                    status, .members([("message", .string("no"))]),
                    headers: retryAfter.map { [("retry-after", String($0))] } ?? []))
        case .malformed: return Self.response(StandInAnswer(200, nil, headers: [("content-type", "text/html")]))
        case .redirect(let place): return Self.response(StandInAnswer(302, nil, headers: [("location", place)]))
        case .stall(let milliseconds):
            try await Task.sleep(for: .milliseconds(milliseconds))
            return Self.response(.message(503, "later"))
        case .slow(let milliseconds): try await Task.sleep(for: .milliseconds(milliseconds))
        case .slowAnswer, .lostAnswer, nil: break
        }
        let answer = await answer(read)
        switch fault {
        case .slowAnswer(let milliseconds): try await Task.sleep(for: .milliseconds(milliseconds))
        case .lostAnswer: return Self.response(.message(502, "lost"))
        default: break
        }
        return Self.response(answer)
    }

    private static func response(_ answer: StandInAnswer) -> Response {
        var fields = HTTPFields()
        for (name, value) in answer.headers { fields.append(HTTPField(name: HTTPField.Name(name)!, value: value)) }
        return Response(
            status: .init(code: answer.status), headers: fields,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body)))
    }

    private func answer(_ request: StandInRequest) async -> StandInAnswer {
        let path = request.path
        switch path.first {
        case "login": return oauth(request)
        case "api" where path.count > 2 && path[1] == "v3": return rest(request, Array(path.dropFirst(2)))
        default: return await git(request)
        }
    }

    // MARK: - OAuth

    func oauth(_ request: StandInRequest) -> StandInAnswer {
        switch (request.method, request.path.dropFirst().joined(separator: "/")) {
        case ("GET", "oauth/authorize"): return authorize(request.query)
        case ("POST", "oauth/access_token"): return accessToken(request.form)
        default: return .message(404, "Not Found")
        }
    }

    /// The person at the browser agrees at once.
    private func authorize(_ query: [String: String]) -> StandInAnswer {
        guard query["client_id"] == clientID, let redirect = query["redirect_uri"], redirect.hasPrefix("http"),
            let challenge = query["code_challenge"], challenge.utf8.count == 43,
            query["code_challenge_method"] == "S256", let given = query["state"], !given.isEmpty
        else { return .message(400, "the request is not one that the control plane should make") }
        let asked = (query["scope"] ?? "").split(separator: " ").map(String.init)
        let known = asked.filter { $0 != "offline_access" || options.offersExpiry }
        let code = state.withLock { state -> String? in
            guard let login = state.atBrowser else { return nil }
            let code = state.newText("", plain: false)
            state.codes[code] = StandInState.Code(
                login: login, challenge: challenge, redirect: redirect, scopes: options.isApp ? [] : known)
            return code
        }
        guard let code else {
            return StandInAnswer(302, nil, headers: [("location", "\(redirect)?error=access_denied&state=\(given)")])
        }
        return StandInAnswer(302, nil, headers: [("location", "\(redirect)?code=\(code)&state=\(given)")])
    }

    private func accessToken(_ form: [String: String]) -> StandInAnswer {
        func refuse(_ error: String) -> StandInAnswer {
            StandInAnswer(200, .members([("error", .string(error)), ("error_description", .string("no"))]))
        }
        guard form["client_id"] == clientID, form["client_secret"] == clientSecret else {
            return refuse("incorrect_client_credentials")
        }
        if form["grant_type"] == "refresh_token" {
            let tokens = state.withLock { state -> (access: String, refresh: String?, scopes: [String])? in
                guard let known = state.refreshTokens.removeValue(forKey: form["refresh_token"] ?? "") else {
                    state.counts["refresh refused", default: 0] += 1
                    return nil
                }
                // Both stop working (docs.github.com, "Refreshing user access tokens").
                state.tokens[known.access] = nil
                state.counts["refresh", default: 0] += 1
                let (access, refresh) = give(known.login, known.scopes, &state)
                return (access, refresh, known.scopes)
            }
            guard let tokens else { return refuse("bad_refresh_token") }
            return granted(tokens.access, tokens.refresh, tokens.scopes)
        }
        let code = state.withLock { $0.codes.removeValue(forKey: form["code"] ?? "") }
        guard let code, code.redirect == form["redirect_uri"], let verifier = form["code_verifier"],
            (43...128).contains(verifier.utf8.count),
            let digest = try? Digest.sha256(Array(verifier.utf8).span),
            Base64.encode(digest.span, .urlSafe) == code.challenge
        else { return refuse("bad_verification_code") }
        bump("exchange")
        let tokens = state.withLock { give(code.login, code.scopes, &$0) }
        return granted(tokens.access, tokens.refresh, code.scopes)
    }

    private func granted(_ access: String, _ refresh: String?, _ scopes: [String]) -> StandInAnswer {
        StandInAnswer(
            200,
            .members([
                ("access_token", .string(access)), ("token_type", .string("bearer")),
                ("scope", .string(scopes.joined(separator: ","))),
                ("expires_in", refresh.map { _ in .number(String(accessLife)) }),
                ("refresh_token", refresh.map { .string($0) }),
                ("refresh_token_expires_in", refresh.map { _ in .integer(15_811_200) }),
            ]))
    }

    // MARK: - REST

    private func rest(_ request: StandInRequest, _ path: [String]) -> StandInAnswer {
        let now = options.now()
        switch (request.method, path.count) {
        case ("DELETE", 3) where path[0] == "applications": return endAuthorization(request, path[2])
        case ("POST", 4) where path[0] == "applications" && path[3] == "scoped": return scoped(request, now)
        case ("POST", 4) where path[0] == "app": return installationToken(request, Int64(path[2]) ?? 0, now)
        case ("GET", 4) where path[0] == "repos" && path[3] == "installation":
            guard isApp(request, now) else { return .message(401, "A JSON web token could not be decoded") }
            guard let id = state.withLock({ $0.repository(path[1], path[2])?.installation }) else {
                return .message(404, "Not Found")
            }
            return StandInAnswer(200, .members([("id", .number(String(id)))]))
        default: break
        }
        guard let token = request.bearer, let access = state.withLock({ $0.access(token, now: now) }) else {
            return .message(401, "Bad credentials")
        }
        switch (request.method, path.joined(separator: "/")) {
        case ("DELETE", "installation/token"):
            guard case .installation = access.holder else { return .message(403, "Resource not accessible") }
            state.withLock { $0.tokens[token] = nil }
            bump("revoke installation token")
            return StandInAnswer(204)
        case ("GET", "user"):
            guard let login = Self.login(access.holder) else { return .message(403, "Resource not accessible") }
            let id = state.withLock { $0.people[login] ?? 0 }
            return StandInAnswer(200, .members([("login", .string(login)), ("id", .number(String(id)))]))
        case ("GET", "user/repos"):
            let all = state.withLock { state in
                state.repositories.filter { state.may(access.holder, $0).read }.map { json($0, access.holder, state) }
            }
            return page(all, request)
        case ("GET", "user/installations"):
            guard case .appUser(let login, _, _) = access.holder else { return .message(403, "not an App's token") }
            let ids = state.withLock { state in
                Set(state.repositories.filter { $0.readers.contains(login) }.compactMap(\.installation))
            }
            return StandInAnswer(
                200,
                .members([
                    ("total_count", .integer(ids.count)),
                    ("installations", .array(ids.sorted().map { .members([("id", .number(String($0)))]) })),
                ]))
        default: break
        }
        if request.method == "GET", path.count == 4, path[1] == "installations", path[3] == "repositories" {
            let all = state.withLock { state in
                state.repositories.filter {
                    $0.installation == Int64(path[2]) && state.may(access.holder, $0).read
                }.map { json($0, access.holder, state) }
            }
            return page(all, request, member: "repositories")
        }
        if path.first == "repos", path.count >= 3 {
            let found = state.withLock { state -> (JSONValue, read: Bool, write: Bool)? in
                guard let repository = state.repository(path[1], path[2]) else { return nil }
                let may = state.may(access.holder, repository)
                return (json(repository, access.holder, state), may.read, may.write)
            }
            guard let found, found.read else { return .message(404, "Not Found") }
            if request.method == "GET", path.count == 3 { return StandInAnswer(200, found.0) }
            if request.method == "POST", path.count == 4, path[3] == "pulls" {
                guard Self.mayPropose(access.holder) else { return .message(403, "Resource not accessible") }
                return pullRequest(request, "\(path[1])/\(path[2])")
            }
        }
        return .message(404, "Not Found")
    }

    private static func mayPropose(_ holder: StandInState.Holder) -> Bool {
        switch holder {
        case .person(_, let scopes): scopes.contains("repo")
        case .appUser(_, _, let permissions), .installation(_, _, let permissions):
            permissions["pull_requests"] == "write"
        }
    }

    private func pullRequest(_ request: StandInRequest, _ name: String) -> StandInAnswer {
        guard case .string(let title)? = request.json["title"], !title.isEmpty, case .string? = request.json["head"],
            case .string? = request.json["base"]
        else { return .message(422, "Validation Failed") }
        bump("pull request")
        let text = String(decoding: request.body, as: UTF8.self)
        let number = state.withLock { state in
            state.pulls += 1
            state.pullTexts.append(text)
            return state.pulls
        }
        return StandInAnswer(
            201,
            .members([("number", .integer(number)), ("html_url", .string("\(url)/\(name)/pull/\(number)"))]))
    }

    private func endAuthorization(_ request: StandInRequest, _ what: String) -> StandInAnswer {
        guard isApplication(request) else { return .message(401, "Bad credentials") }
        guard case .string(let token)? = request.json["access_token"],
            let access = state.withLock({ $0.tokens[token] }), let login = Self.login(access.holder)
        else { return .message(404, "Not Found") }
        state.withLock { state in
            if what == "token" {
                state.tokens[token] = nil
            } else {
                state.tokens = state.tokens.filter { Self.login($0.value.holder) != login }
                state.refreshTokens = state.refreshTokens.filter { $0.value.login != login }
            }
        }
        bump("revoke \(what)")
        return StandInAnswer(204)
    }

    private func scoped(_ request: StandInRequest, _ now: Int64) -> StandInAnswer {
        guard isApplication(request) else { return .message(401, "Bad credentials") }
        guard case .string(let token)? = request.json["access_token"],
            let access = state.withLock({ $0.access(token, now: now) }),
            case .appUser(let login, nil, _) = access.holder, case .string(let target)? = request.json["target"]
        else { return .message(404, "Not Found") }
        let (ids, permissions) = Self.narrowing(request.json)
        let text = state.withLock { state -> String? in
            let reached = state.repositories.filter { ids.contains($0.id) }
            guard !reached.isEmpty, reached.count == ids.count,
                reached.allSatisfy({ $0.owner == target && $0.readers.contains(login) && $0.installation != nil })
            else { return nil }
            let text = state.newText("ghu" + "_", plain: options.plainTokens)
            state.tokens[text] = StandInState.Access(
                holder: .appUser(login, narrowed: ids, permissions: permissions), expires: access.expires, refresh: nil)
            return text
        }
        guard let text else { return .message(422, "Validation Failed") }
        bump("scoped token")
        return StandInAnswer(
            200,
            .members([
                ("token", .string(text)), ("expires_at", access.expires.map { .string(Self.time($0)) }),
            ]))
    }

    private func installationToken(_ request: StandInRequest, _ id: Int64, _ now: Int64) -> StandInAnswer {
        guard isApp(request, now) else { return .message(401, "A JSON web token could not be decoded") }
        let (ids, permissions) = Self.narrowing(request.json)
        let made = state.withLock { state -> (String, [String])? in
            let reached = state.repositories.filter { ids.contains($0.id) && $0.installation == id }
            guard !reached.isEmpty, reached.count == ids.count else { return nil }
            let text = state.newText("ghs" + "_", plain: options.plainTokens)
            state.tokens[text] = StandInState.Access(
                holder: .installation(id, repositories: ids, permissions: permissions), expires: now + 3600,
                refresh: nil)
            return (text, reached.map(\.fullName))
        }
        guard let (text, names) = made else {
            return .message(422, "There is at least one repository that does not exist")
        }
        bump("installation token")
        return StandInAnswer(
            201,
            .members([
                ("token", .string(text)), ("expires_at", .string(Self.time(now + 3600))),
                ("repositories", .array(names.map { .members([("full_name", .string($0))]) })),
            ]))
    }

    private static func narrowing(_ json: [String: JSONValue]) -> (Set<Int64>, [String: String]) {
        var ids: Set<Int64> = []
        if case .array(let elements)? = json["repository_ids"] {
            for case .number(let digits) in elements { ids.insert(Int64(digits) ?? 0) }
        }
        var permissions: [String: String] = [:]
        if case .object(let members)? = json["permissions"] {
            for member in members { if case .string(let value) = member.value { permissions[member.name] = value } }
        }
        return (ids, permissions)
    }

    // MARK: - Who asks

    private func isApplication(_ request: StandInRequest) -> Bool {
        request.path.count > 3 && request.path[3] == clientID && request.basic?.user == clientID
            && request.basic?.password == clientSecret
    }

    /// Whether the request carries a JSON Web Token that the App's key signed, for now (RFC 7515, RFC 7519).
    private func isApp(_ request: StandInRequest, _ now: Int64) -> Bool {
        let parts = (request.bearer ?? "").split(separator: ".").map(String.init)
        guard parts.count == 3, let signature = Base64.decode(Array(parts[2].utf8).span, .urlSafe),
            let head = Base64.decode(Array(parts[0].utf8).span, .urlSafe),
            String(decoding: head, as: UTF8.self).contains("\"RS256\""),
            let claims = Base64.decode(Array(parts[1].utf8).span, .urlSafe),
            (try? appPublicKey.verify(signature.span, of: Array("\(parts[0]).\(parts[1])".utf8).span)) == true
        else { return false }
        let json = StandInRequest(
            method: "", path: [], query: [:], rawQuery: "", headers: [:], body: claims
        ).json
        guard case .string(appID)? = json["iss"], case .number(let issued)? = json["iat"], let iat = Int64(issued),
            case .number(let ends)? = json["exp"], let exp = Int64(ends)
        else { return false }
        return iat <= now && exp > now && exp - now <= 600
    }

    private static func login(_ holder: StandInState.Holder) -> String? {
        switch holder {
        case .person(let login, _), .appUser(let login, _, _): login
        case .installation: nil
        }
    }

    // MARK: - Parts

    private func json(
        _ repository: StandInState.Repository, _ holder: StandInState.Holder, _ state: StandInState
    ) -> JSONValue {
        let may = state.may(holder, repository)
        return .members([
            ("id", .number(String(repository.id))), ("name", .string(repository.name)),
            ("full_name", .string(repository.fullName)), ("private", .bool(repository.isPrivate)),
            ("default_branch", .string(repository.defaultBranch)),
            ("permissions", .members([("pull", .bool(may.read)), ("push", .bool(may.write))])),
        ])
    }

    /// One page, with the links of RFC 8288 as GitHub writes them.
    private func page(_ all: [JSONValue], _ request: StandInRequest, member: String? = nil) -> StandInAnswer {
        let size = min(Int(request.query["per_page"] ?? "30") ?? 30, options.pageSize)
        let number = max(1, Int(request.query["page"] ?? "1") ?? 1)
        let start = min(all.count, (number - 1) * size)
        let elements = JSONValue.array(Array(all[start..<min(all.count, start + size)]))
        var headers: [(String, String)] = []
        let last = max(1, (all.count + size - 1) / size)
        var links: [String] = []
        let base = "\(url)/\(request.path.joined(separator: "/"))?per_page=\(size)"
        if number > 1 { links.append("<\(base)&page=\(number - 1)>; rel=\"prev\"") }
        if number < last {
            links += ["<\(base)&page=\(number + 1)>; rel=\"next\"", "<\(base)&page=\(last)>; rel=\"last\""]
        }
        if !links.isEmpty { headers.append(("link", links.joined(separator: ", "))) }
        guard let member else { return StandInAnswer(200, elements, headers: headers) }
        return StandInAnswer(
            200, .members([("total_count", .integer(all.count)), (member, elements)]), headers: headers)
    }

    static func time(_ seconds: Int64) -> String {
        let formatter = ISO8601DateFormatter()
        return formatter.string(from: Date(timeIntervalSince1970: TimeInterval(seconds)))
    }
}
