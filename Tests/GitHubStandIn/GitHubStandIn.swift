package import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import JSONText
internal import Logging
internal import NIOCore
package import OpenSSLEngine
internal import ServiceLifecycle
internal import Synchronization
internal import TextEncodings

/// A GitHub for tests: OAuth with PKCE and single-use refresh tokens, a GitHub App, a part of the REST API, and git over HTTP by
/// `git http-backend` for whoever brings a token that it gave.
///
/// It refuses what GitHub refuses: wrong secrets, codes and verifiers, used refresh tokens, JSON Web Tokens that are not the App's,
/// tokens for other repositories.
package final class GitHubStandIn: Sendable {
    /// How the control plane is registered here.
    package let clientID = "standin-client"
    package let clientSecret = "the-applications-" + "word"
    package let appID = "4711"
    /// The App's private key; what is signed with it is checked against its public half.
    package let appKey: RSASigningKey
    let appPublicKey: RSAVerifyingKey
    /// Bare repositories lie here, as `owner/name.git`.
    package let directory: URL
    let options: Options
    let state = Mutex(StandInState())
    private let bound = Mutex<Bound?>(nil)
    private let life: Mutex<Int64>

    private struct Bound {
        var url: String
        var task: Task<Void, any Error>
    }

    package struct Options: Sendable {
        /// Whether it is a GitHub App that people authorize, or an OAuth App.
        package var isApp = false
        /// Whether it knows `offline_access`.
        package var offersExpiry = true
        /// Seconds that an access token is good.
        package var accessLife: Int64 = 28_800
        /// Elements of a page at most.
        package var pageSize = 50
        /// Whether tokens are words that no pattern finds.
        package var plainTokens = false
        /// Seconds since 1970.
        package var now: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }

        package init() {}
    }

    /// What goes wrong.
    package enum Fault: Sendable, Hashable {
        /// An answer of this status, with `retry-after` if there is one; nothing is done.
        case status(Int, retryAfter: Int?)
        /// Bytes that are no JSON; nothing is done.
        case malformed
        /// The request is done, and the answer comes this much later.
        case slowAnswer(milliseconds: Int)
        /// The request is done this much later.
        case slow(milliseconds: Int)
        /// The request is done, and the answer has another status.
        case lostAnswer
        /// Nothing is done, and that is said this much later.
        case stall(milliseconds: Int)
        /// Where to look instead.
        case redirect(String)
    }

    package init(_ options: Options = Options()) throws {
        self.options = options
        life = Mutex(options.accessLife)
        appKey = try RSASigningKey.generate()
        let publicKey = try appKey.publicPEM
        appPublicKey = try RSAVerifyingKey(pem: publicKey.span)
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("github-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    }

    deinit {
        bound.withLock { $0?.task.cancel() }
        try? FileManager.default.removeItem(at: directory)
    }

    /// Listens on a free port of 127.0.0.1.
    package func start(port: Int = 0) async throws {
        let (ports, continuation) = AsyncStream<Int>.makeStream()
        var logger = Logger(label: "github-stand-in")
        logger.logLevel = .critical
        let responder = StandInResponder(owner: Weak(self))
        let application = Application(
            responder: responder,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { channel in
                continuation.yield(channel.localAddress?.port ?? 0)
                continuation.finish()
            }, logger: logger)
        let task = Task { try await application.run() }
        var iterator = ports.makeAsyncIterator()
        guard let number = await iterator.next(), number > 0 else { throw StandInError.didNotStart }
        bound.withLock { $0 = Bound(url: "http://127.0.0.1:\(number)", task: task) }
    }

    package enum StandInError: Error { case didNotStart, git(String) }

    /// Where it listens.
    package var url: String { bound.withLock { $0?.url ?? "" } }

    package func stop() { bound.withLock { $0?.task.cancel() } }

    // MARK: - What there is

    /// Puts somebody at the browser; makes them if they are new.
    package func signIn(_ login: String) {
        state.withLock { state in
            if state.people[login] == nil { state.people[login] = Int64(1000 + state.people.count) }
            state.atBrowser = login
        }
    }

    /// Makes a repository with one commit in it.
    @discardableResult
    package func addRepository(
        _ owner: String, _ name: String, isPrivate: Bool = true, readers: Set<String> = [], writers: Set<String> = [],
        installation: Int64? = nil, defaultBranch: String = "main", hasContent: Bool = true
    ) throws -> Int64 {
        let id = state.withLock { state in
            let id = Int64(70_000 + state.repositories.count)
            state.repositories.append(
                StandInState.Repository(
                    id: id, owner: owner, name: name, isPrivate: isPrivate, readers: readers.union(writers),
                    writers: writers, installation: installation, defaultBranch: defaultBranch))
            return id
        }
        if hasContent { try Git.makeRepository(directory.appendingPathComponent("\(owner)/\(name).git")) }
        return id
    }

    /// Makes the next `times` requests whose path begins with `path` go wrong.
    package func fail(_ path: String, _ fault: Fault, times: Int = 1) {
        state.withLock { $0.faults.append(StandInState.Fault(path: path, kind: fault, remaining: times)) }
    }

    /// Seconds that access tokens are good which are made from now on.
    package var accessLife: Int64 {
        get { life.withLock { $0 } }
        set { life.withLock { $0 = newValue } }
    }

    /// How often something is still to go wrong.
    package var pendingFaults: Int { state.withLock { $0.faults.reduce(0) { $0 + $1.remaining } } }

    /// Nothing goes wrong any more.
    package func mend() { state.withLock { $0.faults = [] } }

    /// How often something was done: `exchange`, `refresh`, `refresh refused`, `installation token`, `scoped token`, `revoke token`,
    /// `revoke grant`, `revoke installation token`, `git authorized`, `git refused`, `pull request`.
    package func count(_ name: String) -> Int { counts[name] ?? 0 }

    /// The same of everything that was done.
    package var counts: [String: Int] { state.withLock { $0.counts } }

    /// Every token, code and refresh token that it ever gave, for searches.
    package var issued: [String] { state.withLock { $0.issued } }

    /// The requests that made pull requests.
    package var pullRequestTexts: [String] { state.withLock { $0.pullTexts } }

    /// Whether a token is good now.
    package func isLive(_ token: String) -> Bool {
        let now = options.now()
        return state.withLock { $0.access(token, now: now) != nil }
    }

    /// Ends a token, as its owner can on GitHub's pages.
    package func revoke(_ token: String) { state.withLock { $0.tokens[token] = nil } }

    /// Whether a refresh token is good.
    package func isLiveRefresh(_ token: String) -> Bool { state.withLock { $0.refreshTokens[token] != nil } }

    /// What a browser brings to the control plane after the person agreed: the fields of the address that it is sent to.
    package func answer(toBrowserAt address: String) async throws -> [String: String] {
        guard let parts = URLComponents(string: address), address.hasPrefix(url) else { return [:] }
        let request = StandInRequest(
            method: "GET", path: parts.path.split(separator: "/").map(String.init),
            query: StandInRequest.fields(parts.percentEncodedQuery ?? ""), rawQuery: parts.percentEncodedQuery ?? "",
            headers: [:], body: [])
        let location = oauth(request).headers.first { $0.0 == "location" }?.1 ?? ""
        return StandInRequest.fields(location.split(separator: "?").last.map(String.init) ?? "")
    }

    /// Gives tokens as an authorization would, without a browser.
    package func grant(_ login: String) -> (access: String, refresh: String?) {
        state.withLock { state in
            if state.people[login] == nil { state.people[login] = Int64(1000 + state.people.count) }
            let scopes = options.isApp ? [] : ["read:user", "repo"] + (options.offersExpiry ? ["offline_access"] : [])
            return give(login, scopes, &state)
        }
    }

    /// Makes an access token, and a refresh token if it is to expire.
    func give(_ login: String, _ scopes: [String], _ state: inout StandInState) -> (access: String, refresh: String?) {
        let expires = options.isApp ? options.offersExpiry : scopes.contains("offline_access")
        let access = state.newText(options.isApp ? "ghu" + "_" : "gho" + "_", plain: options.plainTokens)
        let refresh = expires ? state.newText("ghr" + "_", plain: options.plainTokens) : nil
        let holder: StandInState.Holder =
            options.isApp
            ? .appUser(login, narrowed: nil, permissions: ["contents": "write", "pull_requests": "write"])
            : .person(login, scopes: scopes)
        state.tokens[access] = StandInState.Access(
            holder: holder, expires: expires ? options.now() + accessLife : nil, refresh: refresh)
        if let refresh { state.refreshTokens[refresh] = (login, access, scopes) }
        return (access, refresh)
    }

    func bump(_ name: String) { state.withLock { $0.counts[name, default: 0] += 1 } }

    /// The next fault for a path, used up.
    func takeFault(_ path: String) -> Fault? {
        state.withLock { state in
            guard let index = state.faults.firstIndex(where: { $0.remaining > 0 && path.hasPrefix($0.path) }) else {
                return nil
            }
            state.faults[index].remaining -= 1
            return state.faults[index].kind
        }
    }
}

/// Does not keep the stand-in alive: its server ends with it.
struct Weak: @unchecked Sendable {
    // SAFETY: weak references are read atomically; the value is set once, before it is shared.
    weak var value: GitHubStandIn?

    init(_ value: GitHubStandIn) { self.value = value }
}
