internal import GitHubAPI
internal import HTTPTypes
package import Hummingbird
internal import Logging
internal import Metrics
package import Passkeys
internal import RedactionKit
package import SealingKit
package import ServerStore

/// Everything that handlers share. Immutable but for the parts that say otherwise; made once.
package final class ControlPlane: Sendable {
    package let store: any ControlPlaneStore
    package let settings: ServerSettings
    package let limiter = RateLimiter()
    package let hub: Hub
    package let mailer: any Mailer
    package let pages: any PageErrors
    /// The server's clock, in tests another.
    package let now: @Sendable () -> Timestamp
    let authenticator: Authenticator
    let scrubber: ArrivalScrubber
    let cabinet: KeyCabinet
    let userCodes: UserCodes
    /// What passkeys are made for; nil when the server is reached by an address instead of a name.
    package let relyingParty: RelyingParty?
    /// GitHub, if this server is registered there.
    package let github: GitHubService?

    /// - Parameter keks: Reads the key file that wraps the keys of organizations.
    package init(
        store: any ControlPlaneStore, keks: @Sendable @escaping () throws -> KeyFile, settings: ServerSettings,
        mailer: any Mailer,
        pages: any PageErrors = ProblemPages(), now: @Sendable @escaping () -> Timestamp = { .now }
    ) throws {
        self.store = store
        self.settings = settings
        self.mailer = mailer
        self.pages = pages
        self.now = now
        hub = Hub(limits: settings.limits)
        authenticator = Authenticator(store: store)
        scrubber = try ArrivalScrubber()
        let cabinet = KeyCabinet(store: store, keks: keks)
        self.cabinet = cabinet
        let kek = try keks()
        userCodes = try UserCodes(keks: kek)
        github = settings.github.map { registration in
            GitHubService(
                registration, store: store, isAlone: !(settings.storeIsShared ?? (store.pollInterval != nil)),
                cabinet: cabinet, key: kek.primary, now: now)
        }
        relyingParty = RelyingParty(origin: settings.publicURL, name: "pipemason")
    }

    /// The routes of the API, without pages.
    package func apiRoutes() -> Routes {
        let routes = Routes(plane: self)
        routes.addHealth()
        routes.addPairing()
        routes.addRunners()
        routes.addRuns()
        routes.addEvents()
        routes.addStream()
        routes.addArtifacts()
        routes.addOrganization()
        routes.addGitHub()
        routes.addDescription()
        return routes
    }

    /// Headers that every answer has, unless its handler set them.
    func harden(_ response: inout Response) {
        func set(_ name: HTTPField.Name, _ value: String) {
            if response.headers[name] == nil { response.headers[name] = value }
        }
        set(.xContentTypeOptions, "nosniff")
        set(.cacheControl, "no-store")
        set(.referrerPolicy, "no-referrer")
        set(.resourcePolicy, "same-origin")
        set(.contentSecurityPolicy, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
        if settings.isSecure { set(.strictTransportSecurity, "max-age=31536000") }
    }

    /// Counts and logs an answer by its route, never by its path.
    func note(
        _ method: HTTPRequest.Method, _ route: String, _ status: HTTPResponse.Status,
        since start: ContinuousClock.Instant, logger: Logger
    ) {
        let time = ContinuousClock.now - start
        // Methods that no route has are one label: a client can invent any number of them.
        let method = route == "-" ? "-" : method.rawValue
        let labels = [("method", method), ("route", route), ("status", String(status.code))]
        Counter(label: "pipemason_http_requests_total", dimensions: labels).increment()
        Timer(label: "pipemason_http_request_seconds", dimensions: [("route", route)]).recordNanoseconds(
            time.nanoseconds)
        logger.info(
            "request",
            metadata: [
                "method": "\(method)", "route": "\(route)", "status": "\(status.code)",
                "ms": "\(time.nanoseconds / 1_000_000)",
            ])
    }
}

extension Duration {
    var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}

/// How routes that are pages answer problems; ServerWeb brings the real one.
package protocol PageErrors: Sendable {
    func answer(_ problem: Problem, _ call: OpenCall) -> Response
}

/// Answers with problem documents, and sends who is not signed in to the sign-in page.
package struct ProblemPages: PageErrors {
    package init() {}

    package func answer(_ problem: Problem, _ call: OpenCall) -> Response {
        guard problem.status == .unauthorized else { return problem.response }
        return .redirect(to: "/signin", type: .normal)
    }
}
