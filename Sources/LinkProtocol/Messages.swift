internal import JSONText

/// Where all requests of a link go, and how.
package struct LinkConfiguration: Sendable, Equatable {
    /// `https://host`, `https://host:port`, or the same with http for a loopback address.
    package var origin: String
    /// A file of certificates (PEM) to trust in place of the system's.
    package var authorities: String?
    /// The proxy; see `ProxyAddress`.
    package var proxy: String?

    package init(origin: String, authorities: String? = nil, proxy: String? = nil) {
        self.origin = origin
        self.authorities = authorities
        self.proxy = proxy
    }

    package var encoded: [UInt8] {
        Array(
            JSONValue.members([
                ("origin", .string(origin)), ("authorities", authorities.map { .string($0) }),
                ("proxy", proxy.map { .string($0) }),
            ]).text.utf8)
    }

    /// - Throws: `LinkError`.
    package init(parsing bytes: [UInt8]) throws(LinkError) {
        var origin: String?
        var authorities: String?
        var proxy: String?
        try readObject(bytes) { (reader, bytes, name) throws(LinkError) in
            switch name {
            case "origin": origin = try reader.string(bytes)
            case "authorities": authorities = try reader.string(bytes)
            case "proxy": proxy = try reader.string(bytes)
            default: throw LinkError("an unknown member of the configuration")
            }
        }
        guard let origin else { throw LinkError("a configuration without origin") }
        self.init(origin: origin, authorities: authorities, proxy: proxy)
    }

    /// Whether the origin is encrypted, or this machine itself.
    package var isPermitted: Bool {
        if origin.hasPrefix("https://") { return true }
        guard origin.hasPrefix("http://") else { return false }
        let rest = origin.dropFirst(7)
        return ["localhost", "127.0.0.1", "[::1]"].contains { rest == $0 || rest.hasPrefix($0 + ":") }
    }
}

/// One request. Its body follows in frames of its own.
package struct LinkRequest: Sendable, Equatable {
    package var method: String
    /// From `/` on, with the query.
    package var path: String
    package var headers: [(name: String, value: String)]
    /// Bytes of the body that follow.
    package var length: Int
    /// Whether the token goes along.
    package var isAuthorized: Bool
    /// How long the whole may take, in milliseconds.
    package var timeout: Int

    package static let maximumHeaders = 16
    package static let methods = ["GET", "POST", "PUT", "DELETE"]

    package init(
        _ method: String, _ path: String, headers: [(name: String, value: String)] = [], length: Int = 0,
        isAuthorized: Bool = true, timeout: Int = 30_000
    ) {
        self.method = method
        self.path = path
        self.headers = headers
        self.length = length
        self.isAuthorized = isAuthorized
        self.timeout = timeout
    }

    package static func == (left: Self, right: Self) -> Bool { left.encoded == right.encoded }

    package var encoded: [UInt8] {
        Array(
            JSONValue.members([
                ("method", .string(method)), ("path", .string(path)),
                ("headers", .array(headers.map { .array([.string($0.name), .string($0.value)]) })),
                ("length", .integer(length)), ("auth", .bool(isAuthorized)), ("timeout_ms", .integer(timeout)),
            ]).text.utf8)
    }

    /// Reads a request and checks that nothing in it can become another request: no control characters or spaces
    /// in path and headers, known methods only.
    /// - Throws: `LinkError`.
    package init(parsing bytes: [UInt8]) throws(LinkError) {
        var request = LinkRequest("", "", isAuthorized: false)
        try readObject(bytes) { (reader, bytes, name) throws(LinkError) in
            switch name {
            case "method": request.method = try reader.string(bytes)
            case "path": request.path = try reader.string(bytes)
            case "headers": request.headers = try readHeaders(&reader, bytes)
            case "length": request.length = try reader.integer(bytes)
            case "auth":
                request.isAuthorized = reader.takeExactly("true", in: bytes)
                if !request.isAuthorized, !reader.takeExactly("false", in: bytes) { throw LinkError("auth") }
            case "timeout_ms": request.timeout = try reader.integer(bytes)
            default: throw LinkError("an unknown member of a request")
            }
        }
        guard Self.methods.contains(request.method) else { throw LinkError("an unknown method") }
        guard request.path.hasPrefix("/"), !request.path.hasPrefix("//"),
            request.path.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw LinkError("a path that is none") }
        guard request.length >= 0, request.timeout > 0 else { throw LinkError("a number out of range") }
        self = request
    }
}

/// The head of an answer. Its body follows in frames of its own.
package struct LinkResponse: Sendable, Equatable {
    package var status: Int
    /// Only those that the runner reads: `retry-after`, `content-type`, `date`. Names in small letters.
    package var headers: [(name: String, value: String)]

    package static let headerNames = ["retry-after", "content-type", "date"]

    package init(status: Int, headers: [(name: String, value: String)] = []) {
        self.status = status
        self.headers = headers
    }

    package static func == (left: Self, right: Self) -> Bool { left.encoded == right.encoded }

    package subscript(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    package var encoded: [UInt8] {
        Array(
            JSONValue.members([
                ("status", .integer(status)),
                ("headers", .array(headers.map { .array([.string($0.name), .string($0.value)]) })),
            ]).text.utf8)
    }

    /// - Throws: `LinkError`.
    package init(parsing bytes: [UInt8]) throws(LinkError) {
        var response = LinkResponse(status: 0)
        try readObject(bytes) { (reader, bytes, name) throws(LinkError) in
            switch name {
            case "status": response.status = try reader.integer(bytes)
            case "headers": response.headers = try readHeaders(&reader, bytes)
            default: throw LinkError("an unknown member of a response")
            }
        }
        guard (100...599).contains(response.status) else { throw LinkError("a status that is none") }
        self = response
    }
}

/// Why there is no answer.
package struct LinkFailure: Error, Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The name has no address.
        case resolve
        /// Nobody answers there.
        case connect
        /// The certificate is not trusted: it has expired, or nobody whom this machine trusts has signed it.
        case certificate
        /// The certificate is for another name.
        case hostname
        /// What answers does not speak TLS, or not a version that is good enough.
        case tls
        /// The proxy cannot be reached, wants credentials, or refuses.
        case proxy
        case timeout
        /// The connection ended before the answer did.
        case closed
        /// The answer is not HTTP, or too large.
        case response
        /// The request is none; a fault of ours.
        case request
    }

    package var kind: Kind

    package init(_ kind: Kind) { self.kind = kind }

    package var encoded: [UInt8] { Array(JSONValue.members([("kind", .string(kind.rawValue))]).text.utf8) }

    /// - Throws: `LinkError`.
    package init(parsing bytes: [UInt8]) throws(LinkError) {
        var kind: Kind?
        try readObject(bytes) { (reader, bytes, name) throws(LinkError) in
            guard name == "kind" else { throw LinkError("an unknown member of a failure") }
            kind = Kind(rawValue: try reader.string(bytes))
        }
        guard let kind else { throw LinkError("an unknown kind of failure") }
        self.kind = kind
    }
}

extension LinkError: JSONFailure {
    package init(jsonOffset offset: Int) { self.init("JSON, at byte \(offset)") }
}

private typealias Reader = JSONReader<LinkError>

private func readObject(
    _ bytes: [UInt8], _ member: (inout Reader, Span<UInt8>, String) throws(LinkError) -> Void
) throws(LinkError) {
    let span = bytes.span
    var reader = Reader()
    try reader.object(span) { (reader, name) throws(LinkError) in try member(&reader, span, name) }
    try reader.expectEnd(span)
}

private func readHeaders(
    _ reader: inout Reader, _ bytes: Span<UInt8>
) throws(LinkError) -> [(name: String, value: String)] {
    var headers: [(name: String, value: String)] = []
    try reader.array(bytes) { (reader) throws(LinkError) in
        var words: [String] = []
        try reader.array(bytes) { (reader) throws(LinkError) in words.append(try reader.string(bytes)) }
        guard words.count == 2, headers.count < LinkRequest.maximumHeaders, isToken(words[0]), isFieldValue(words[1])
        else { throw LinkError("a header that is none") }
        headers.append((words[0], words[1]))
    }
    return headers
}

/// RFC 9110, section 5.6.2, as far as our headers go.
private func isToken(_ text: String) -> Bool {
    !text.isEmpty
        && text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || $0 == UInt8(ascii: "-")
        }
}

/// RFC 9110, section 5.5, ASCII only.
private func isFieldValue(_ text: String) -> Bool { text.utf8.allSatisfy { (0x20...0x7E).contains($0) } }
