internal import HTTPTypes
internal import Hummingbird

/// Refuses requests that another site made a browser send.
///
/// A session's cookie comes along whoever caused the request, so a request that changes something must show that our own page
/// did: `Sec-Fetch-Site: same-origin`, which scripts can not set (Fetch Metadata, section 2.4), or from browsers without it an
/// `Origin` that is ours. A request with neither is refused.
enum CrossSite {
    static func require(_ request: Request, publicURL: String) throws(Problem) {
        switch request.method {
        case .get, .head: return
        default: break
        }
        if let site = request.headers[.secFetchSite] {
            guard site == "same-origin" else { throw .forbidden("The request comes from another site.") }
            return
        }
        guard let origin = request.headers[.origin], origin == publicURL else {
            throw .forbidden("The request does not show that it comes from a page of this server.")
        }
    }
}

extension HTTPField.Name {
    static let secFetchSite = Self("Sec-Fetch-Site")!
    static let lastEventID = Self("Last-Event-ID")!
    static let firstSequence = Self("Pipemason-First-Seq")!
    static let forwardedFor = Self("X-Forwarded-For")!
    static let referrerPolicy = Self("Referrer-Policy")!
    static let resourcePolicy = Self("Cross-Origin-Resource-Policy")!
    static let openerPolicy = Self("Cross-Origin-Opener-Policy")!
}
