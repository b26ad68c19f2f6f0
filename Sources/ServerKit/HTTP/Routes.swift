package import HTTPTypes
package import Hummingbird
package import Logging
internal import Metrics
internal import NIOHTTP1
package import ServerStore

/// Who may call a route.
package enum Access: String, Sendable, Hashable, CaseIterable {
    /// Anybody, without a scope.
    case open
    /// A runner's token.
    case runner
    /// A session of a member, an admin, an owner.
    case member, admin, owner
    /// A runner's token or a session.
    case any

    func allows(_ actor: Actor) -> Bool {
        switch (self, actor) {
        case (.open, _), (.any, _): true
        case (.runner, .runner): true
        case (.member, .user): true
        case (.admin, .user(_, let role)): role >= .admin
        case (.owner, .user(_, let role)): role >= .owner
        default: false
        }
    }
}

/// A route as tests and documents see it.
package struct Route: Sendable, Hashable {
    package let method: HTTPRequest.Method
    /// With `:name` for parameters.
    package let path: String
    package let access: Access
    package let presentation: Presentation
}

/// How a route answers problems.
package enum Presentation: Sendable {
    /// With problem documents.
    case document
    /// With pages for people; who is not signed in is sent to the sign-in page.
    case page
}

/// A request to a route that needs no credential.
package struct OpenCall: Sendable {
    package let plane: ControlPlane
    package let request: Request
    package let context: ServerContext
    package let address: String?
    package let now: Timestamp

    package var logger: Logger { context.logger }

    /// Whether a proxy that nobody told us about passed the request on: its address says nothing about the client then.
    var isFromUnknownProxy: Bool {
        guard request.headers[.forwardedFor] != nil, let peer = context.peer else { return false }
        return !plane.settings.trustedProxies.contains { $0.contains(peer) }
    }

    /// A parameter of the path, percent-decoded by the router; empty when it is not there, which no look-up finds.
    package func parameter(_ name: String) -> String { context.parameters.get(name) ?? "" }

    /// The query's parameters. A malformed query is refused.
    package func query() throws(Problem) -> Form {
        guard let form = Form(parsing: Array((request.uri.query ?? "").utf8)) else {
            throw .badField("query", "It is not well formed.")
        }
        return form
    }
}

/// A request to a route that needs a credential, with the scope that it gives.
package struct Call: Sendable {
    package let open: OpenCall
    package let identity: Identity

    package var scope: Scope { identity.scope }
    package var plane: ControlPlane { open.plane }
    package var request: Request { open.request }
    package var now: Timestamp { open.now }
    package var store: any ControlPlaneStore { open.plane.store }

    package func parameter(_ name: String) -> String { open.parameter(name) }

    /// An id in the path. One that is malformed is not there.
    package func id<Subject>(_ name: String = "id") throws(Problem) -> Identifier<Subject> {
        guard let id = Identifier<Subject>(parameter(name)) else { throw .notFound }
        return id
    }
}

/// All routes of the server. Adding one says who may call it; there is no other way to add one.
///
/// Every request passes the same gate, in this order: credential (401), another site's request (403), rate (429), role (403); then
/// the handler looks things up (404).
package final class Routes {
    package let plane: ControlPlane
    private let router = Router(context: ServerContext.self)
    package private(set) var table: [Route] = []

    package init(plane: ControlPlane) { self.plane = plane }

    /// Adds a route without credential.
    /// - Parameters:
    ///   - rate: How often one address may call it.
    ///   - fromBrowser: Whether it is a form of ours, so that other sites' forms are refused.
    package func open(
        _ method: HTTPRequest.Method, _ path: String, rate: Rate? = nil, fromBrowser: Bool = false,
        as presentation: Presentation = .document, _ handler: @Sendable @escaping (OpenCall) async throws -> Response
    ) {
        add(method, path, .open, presentation) { call in
            if fromBrowser { try CrossSite.require(call.request, publicURL: call.plane.settings.publicURL) }
            if let rate { try call.plane.limiter.require("\(path) \(AddressRange.sender(call.address))", rate) }
            return try await handler(call)
        }
    }

    /// Adds a route that needs a credential.
    package func on(
        _ method: HTTPRequest.Method, _ path: String, _ access: Access, as presentation: Presentation = .document,
        _ handler: @Sendable @escaping (Call) async throws -> Response
    ) {
        precondition(access != .open, "a route with a scope needs a credential")
        add(method, path, access, presentation) { call in
            let identity = try await call.plane.authenticator.identify(
                call.request.headers, address: call.address, now: call.now)
            guard let identity else { throw Problem.unauthorized }
            if case .session = identity.credential {
                try CrossSite.require(call.request, publicURL: call.plane.settings.publicURL)
            }
            try call.plane.limiter.require(identity.name, call.plane.settings.limits.requests)
            guard access.allows(identity.scope.actor) else {
                throw Problem.forbidden("This needs \(access.requirement).")
            }
            return try await handler(Call(open: call, identity: identity))
        }
    }

    private func add(
        _ method: HTTPRequest.Method, _ path: String, _ access: Access, _ presentation: Presentation,
        _ handler: @Sendable @escaping (OpenCall) async throws -> Response
    ) {
        table.append(Route(method: method, path: path, access: access, presentation: presentation))
        let plane = plane
        router.on(RouterPath(path), method: method) { request, context in
            let start = ContinuousClock.now
            let call = OpenCall(
                plane: plane, request: request, context: context,
                address: AddressRange.client(
                    peer: context.peer, forwarded: request.headers[.forwardedFor],
                    trusted: plane.settings.trustedProxies),
                now: plane.now())
            var response: Response
            do {
                response = try await handler(call)
            } catch let error as HTTPParserError {
                // What came is no HTTP, so nothing behind it can be read: Hummingbird answers 400 and closes.
                throw error
            } catch {
                let problem = Problem.of(error, logger: context.logger)
                response = presentation == .page ? plane.pages.answer(problem, call) : problem.response
            }
            plane.harden(&response)
            plane.note(method, path, response.status, since: start, logger: context.logger)
            return response
        }
    }

    /// The responder, with an answer for what is no route.
    package func build() -> some HTTPResponder<ServerContext> {
        Outermost(routes: router.buildResponder(), plane: plane, table: table)
    }

    /// What the router itself knows, for the test that nothing went past `table`.
    package var routed: [String] { router.routes.map { "\($0.method) \($0.path)" }.sorted() }
}

/// Answers what the router has no route for.
private struct Outermost<Responder: HTTPResponder<ServerContext>>: HTTPResponder {
    let routes: Responder
    let plane: ControlPlane
    let table: [Route]

    func respond(to request: Request, context: ServerContext) async throws -> Response {
        let start = ContinuousClock.now
        do {
            let response = try await routes.respond(to: request, context: context)
            guard context.endpointPath == nil || context.endpointPath == "NotFound" else { return response }
        } catch let error as HTTPError where error.status == .notFound {
            // Falls through to the same answer.
        }
        let methods = allowed(request.uri.path)
        var response =
            methods.isEmpty
            ? Problem.notFound.response
            : Problem(
                .methodNotAllowed, "method-not-allowed", "The method is not known here.",
                headers: [.allow: methods.joined(separator: ", ")]
            ).response
        plane.harden(&response)
        plane.note(request.method, "-", response.status, since: start, logger: context.logger)
        return response
    }

    /// The methods that routes of this path have.
    private func allowed(_ path: String) -> [String] {
        let parts = path.split(separator: "/")
        let fitting = table.filter { route in
            let pattern = route.path.split(separator: "/")
            return pattern.count == parts.count && zip(pattern, parts).allSatisfy { $0.hasPrefix(":") || $0 == $1 }
        }
        return Set(fitting.map(\.method.rawValue)).sorted()
    }
}

extension Access {
    fileprivate var requirement: String {
        switch self {
        case .open: "nothing"
        case .runner: "a runner's token"
        case .member: "a person's session"
        case .admin: "an admin's session"
        case .owner: "an owner's session"
        case .any: "a credential"
        }
    }
}

extension Problem {
    /// What the sender is told of an error; what it was goes to the log, without values.
    static func of(_ error: any Error, logger: Logger) -> Problem {
        if let problem = error as? Problem { return problem }
        if let error = error as? StoreError {
            let problem = Problem(error)
            if problem.status.code >= 500 { logger.error("The store failed.", metadata: ["error": "\(error)"]) }
            return problem
        }
        if error is CancellationError { return .unavailable }
        // The type only: the text of an error that is not ours may hold anything.
        logger.error("A request failed.", metadata: ["error.type": "\(type(of: error))"])
        return .internalError
    }
}
