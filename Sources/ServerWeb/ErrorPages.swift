internal import HTTPTypes
package import Hummingbird
package import ServerKit

/// Answers problems with pages; who is not signed in is sent to sign in, and comes back afterwards.
package struct ErrorPages: PageErrors {
    package init() {}

    package func answer(_ problem: Problem, _ call: OpenCall) -> Response {
        if problem.status == .unauthorized {
            let isVisit = call.request.method == .get
            return .see("/sign-in", headers: isVisit ? ReturnPath(call.request.uri.description).cookie : [:])
        }
        let view = View(heading: problem.title, text: Self.advice(problem), detail: problem.detail)
        return Frame(problem.title, Templates.render("error", view)).response(problem.status, headers: problem.headers)
    }

    private struct View {
        let heading: String
        let text: String
        let detail: String?
    }

    private static func advice(_ problem: Problem) -> String {
        switch problem.status {
        case .notFound: "It may have been deleted, or it belongs to another organization. Both look the same from here."
        case .forbidden: "Somebody with another role can do this, or it did not come from a page of this server."
        case .tooManyRequests: "Wait a moment and try again."
        case .badRequest, .conflict, .unprocessableContent: "Go back and change what you sent."
        default: "Try again later."
        }
    }
}

/// Where somebody wanted to go before they had to sign in. Kept in a cookie, since the link by mail knows nothing of it.
struct ReturnPath {
    private static let name = "__Host-pipemason-next"
    private static let limit = 200

    let path: String

    /// A path of ours, or the start page: nothing that a browser would take for another host.
    init(_ text: String) {
        let isOurs =
            text.utf8.count <= Self.limit && ["/runs", "/device", "/settings"].contains { text.hasPrefix($0) }
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\\;,\"".utf8.contains($0) }
        path = isOurs ? text : "/runs"
    }

    init(_ headers: HTTPFields) {
        for pair in headers[values: .cookie].flatMap({ $0.split(separator: ";") }) {
            let pair = pair.drop { $0 == " " }
            guard pair.hasPrefix(Self.name + "=") else { continue }
            self.init(String(pair.dropFirst(Self.name.count + 1)))
            return
        }
        self.init("")
    }

    /// A header that keeps the path while a sign-in link is good.
    var cookie: HTTPFields {
        [.setCookie: "\(Self.name)=\(path); Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Lax"]
    }

    static let clearing = "\(name)=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
}
