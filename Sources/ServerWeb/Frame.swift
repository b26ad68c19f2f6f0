internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import ServerKit
internal import ServerStore

/// What every page has around its content (`layout.html`).
struct Frame {
    let title: String
    /// Markup, from a template.
    let content: String
    let version = Assets.version
    var person: Person?
    /// Whether the page shows a log that scripts draw.
    var hasLog = false
    /// Whether there are lines of a log in it.
    var hasLogStyle = false
    /// Whether there is something in it that needs passkeys.
    var hasPasskeys = false
    var isWide = false
    /// Whether a browser without scripts loads it again and again.
    var refreshes = false
    var inRuns = false
    var inDevice = false
    var inSettings = false
    var notice: String?
    /// Another origin that a form of the page leads to.
    var formTarget: String?

    enum Place { case runs, device, settings, none }

    /// Who is signed in, and where.
    struct Person {
        let name: String
        let email: String
        let role: String
        let organization: String
        let hasOthers: Bool
        let others: [Other]
    }

    struct Other {
        let id: String
        let name: String
    }

    /// - Parameter place: The part of the navigation that is marked as the current one.
    init(_ title: String, _ content: String, in place: Place = .none, person: Person? = nil) {
        self.title = title
        self.content = content
        self.person = person
        switch place {
        case .runs: inRuns = true
        case .device: inDevice = true
        case .settings: inSettings = true
        case .none: break
        }
    }

    /// The page as an answer.
    ///
    /// The policy allows nothing inline and nothing from elsewhere, and no script can make markup of text (Trusted Types). The
    /// referrer is for our own pages: without one, browsers send `Origin: null` with our forms (Fetch, 3.1).
    func response(_ status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Response {
        var headers = headers
        headers[.contentType] = "text/html; charset=utf-8"
        headers[.contentSecurityPolicy] = formTarget.map { Self.policy(formsTo: $0) } ?? Self.policy
        headers[HTTPField.Name("Referrer-Policy")!] = "same-origin"
        headers[HTTPField.Name("Cross-Origin-Opener-Policy")!] = "same-origin"
        let html = Templates.render("layout", self)
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
    }

    static let policy = policy(formsTo: nil)

    private static func policy(formsTo target: String?) -> String {
        [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
            "form-action 'self'" + (target.map { " " + $0 } ?? ""), "base-uri 'none'", "frame-ancestors 'none'",
            "require-trusted-types-for 'script'", "trusted-types 'none'",
        ].joined(separator: "; ")
    }
}

extension Call {
    /// A page for the person whose request it is.
    func frame(_ title: String, _ content: String, in place: Frame.Place) async throws -> Frame {
        guard case .session(let session, _) = identity.credential, case .user(_, let role) = scope.actor else {
            throw Problem.unauthorized
        }
        let organizations = try await plane.organizations(self)
        let others = organizations.filter { $0.id != scope.organization }
        let person = Frame.Person(
            name: session.user.name, email: session.user.email, role: role.rawValue,
            organization: organizations.first { $0.id == scope.organization }?.name ?? "",
            hasOthers: !others.isEmpty, others: others.map { Frame.Other(id: $0.id.description, name: $0.name) })
        return Frame(title, content, in: place, person: person)
    }

    var user: UserID? {
        guard case .user(let id, _) = scope.actor else { return nil }
        return id
    }

    var role: Role {
        guard case .user(_, let role) = scope.actor else { return .member }
        return role
    }

    /// The fields of a form.
    func form() async throws -> Form { try await open.form() }
}

extension OpenCall {
    /// The fields of a form.
    func form() async throws -> Form {
        try await Body.form(request, limit: plane.settings.limits.documentBytes)
    }
}

extension Response {
    /// Sends the browser to a page of ours, with GET.
    static func see(_ path: String, headers: HTTPFields = [:]) -> Response {
        var headers = headers
        headers[.location] = path
        return Response(status: .seeOther, headers: headers)
    }
}
