package import HTTPTypes
package import Hummingbird
internal import JSONText
internal import NIOCore
package import ServerStore

/// An error answer: a problem document (RFC 9457) that names the place, and never the value, of what is wrong.
package struct Problem: Error, Sendable, HTTPResponseError {
    package let status: HTTPResponse.Status
    /// The last part of the document's `type`, for programs.
    package let code: String
    /// The same for every problem of this code.
    package let title: String
    /// What is wrong this time; constant text, names and numbers.
    package let detail: String?
    /// Further members, as JSON.
    package let members: [(name: String, json: String)]
    package let headers: HTTPFields

    package init(
        _ status: HTTPResponse.Status, _ code: String, _ title: String, detail: String? = nil,
        members: [(name: String, json: String)] = [], headers: HTTPFields = [:]
    ) {
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.members = members
        self.headers = headers
    }

    /// The document.
    package var json: String {
        JSON.object(
            [
                ("type", JSON.string("urn:pipemason:problem:" + code)), ("title", JSON.string(title)),
                ("status", String(status.code)), ("detail", detail.map(JSON.string)),
            ] + members.map { ($0.name, $0.json) })
    }

    package func response(from request: Request, context: some RequestContext) throws -> Response { response }

    package var response: Response {
        var headers = headers
        headers[.contentType] = "application/problem+json"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: json)))
    }
}

extension Problem {
    /// What is not there, and what is another organization's: the same bytes for both.
    package static let notFound = Problem(.notFound, "not-found", "There is no such thing here.")

    package static let unauthorized = Problem(
        .unauthorized, "unauthorized", "This needs a credential that is valid.",
        headers: [.wwwAuthenticate: "Bearer"])

    package static func forbidden(_ detail: String) -> Problem {
        Problem(.forbidden, "forbidden", "The credential does not allow this.", detail: detail)
    }

    /// A field of the request that is missing or can not be so. `field` is ours, not the sender's.
    package static func badField(_ field: String, _ detail: String) -> Problem {
        Problem(
            .badRequest, "bad-field", "A field of the request is not valid.", detail: detail,
            members: [("field", JSON.string(field))])
    }

    /// A member of a JSON document that nobody knows. Its name is the sender's, so it is not repeated.
    package static let malformedJSON = Problem(
        .badRequest, "malformed-json", "The body is not the JSON document that is expected.")

    package static func tooLarge(_ detail: String, limit: Int) -> Problem {
        Problem(
            .contentTooLarge, "too-large", "The request is too large.", detail: detail,
            members: [("limit", String(limit))])
    }

    package static func tooMany(retryAfter seconds: Int) -> Problem {
        Problem(
            .tooManyRequests, "too-many-requests", "Too many requests.", members: [("retry_after", String(seconds))],
            headers: [.retryAfter: String(seconds)])
    }

    package static let unavailable = Problem(
        .serviceUnavailable, "unavailable", "The server can not do this now. Try again later.",
        headers: [.retryAfter: "1"])

    package static let internalError = Problem(
        .internalServerError, "internal", "The server failed. Its log says where.")

    package static func conflict(_ detail: String) -> Problem {
        Problem(.conflict, "conflict", "This conflicts with what is there.", detail: detail)
    }

    package static func unscrubbed(rule: String, field: String? = nil, sequence: Int? = nil) -> Problem {
        Problem(
            .unprocessableContent, "unscrubbed-content", "The content holds a secret. Scrub it and send it again.",
            members: [("rule", JSON.string(rule))] + (field.map { [("field", JSON.string($0))] } ?? [])
                + (sequence.map { [("seq", String($0))] } ?? []))
    }

    /// The problem that an error of a store is.
    package init(_ error: StoreError) {
        switch error.code {
        case .conflict: self = .conflict("It exists already, or there are too many.")
        case .lastOwner:
            self = Problem(.conflict, "last-owner", "An organization needs an owner. Make somebody else one first.")
        case .unavailable: self = .unavailable
        default: self = .internalError
        }
    }
}
