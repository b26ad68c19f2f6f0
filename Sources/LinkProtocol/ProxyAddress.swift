/// The proxy that requests go through, as `HTTPS_PROXY` names it: `http://host:port`, `http://user:****@host:port`, or without
/// the scheme. The connection to the server is encrypted through it (RFC 9110, section 9.3.6, CONNECT).
package struct ProxyAddress: Sendable, Equatable {
    /// An IPv6 address without its brackets.
    package let host: String
    package let port: Int
    /// User and password, percent-decoded (RFC 7617); nil: none.
    package let credentials: (user: String, word: String)?

    /// The port of an address that names none, as curl and others have it for `http://`.
    package static let defaultPort = 80
    /// Bytes of the longest address.
    package static let maximumSize = 1024

    /// - Throws: `LinkError`; its text never holds what was given, since that may be a password.
    package init(parsing text: String) throws(LinkError) {
        let wrong = LinkError("a proxy that is not http://host:port")
        guard text.utf8.count <= Self.maximumSize else { throw wrong }
        var rest = text[...]
        if let scheme = rest.firstRange(of: "://") {
            guard rest[..<scheme.lowerBound].lowercased() == "http" else {
                throw LinkError("a proxy that is not reached by http://")
            }
            rest = rest[scheme.upperBound...]
        }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        var credentials: (user: String, word: String)?
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let words = parts.compactMap(Self.decoded)
            guard words.count == parts.count, !words[0].isEmpty, !words[0].contains(":") else { throw wrong }
            credentials = (words[0], words.count > 1 ? words[1] : "")
            rest = rest[rest.index(after: at)...]
        }
        var port = Self.defaultPort
        if let colon = rest.lastIndex(of: ":"), !rest.hasSuffix("]") {
            guard let number = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(number) else {
                throw wrong
            }
            port = number
            rest = rest[..<colon]
        }
        var host = String(rest)
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
            guard host.utf8.allSatisfy({ Self.isHex($0) || $0 == 0x3A || $0 == 0x2E }) else { throw wrong }
        } else {
            guard
                host.utf8.allSatisfy({ Self.isHex($0) || (0x67...0x7A).contains($0 | 0x20) || $0 == 0x2D || $0 == 0x2E }
                )
            else { throw wrong }
        }
        guard !host.isEmpty else { throw wrong }
        self.host = host
        self.port = port
        self.credentials = credentials
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.host == right.host && left.port == right.port && left.credentials?.user == right.credentials?.user
            && left.credentials?.word == right.credentials?.word
    }

    /// Whether requests to `host` go past the proxy, as `NO_PROXY` says: names and their subdomains, separated by commas, or
    /// `*` for all.
    package static func isExcepted(_ host: String, by list: String) -> Bool {
        let host = host.lowercased().trimmingBrackets
        return list.split(whereSeparator: { $0 == "," || $0 == " " }).contains { entry in
            if entry == "*" { return true }
            var name = entry.lowercased().trimmingBrackets
            // A port, which curl and others allow; it is not looked at.
            if let colon = name.lastIndex(of: ":"), name.firstIndex(of: ":") == colon { name = String(name[..<colon]) }
            if name.hasPrefix("*.") { name.removeFirst(2) }
            if name.hasPrefix(".") { name.removeFirst() }
            return !name.isEmpty && (host == name || host.hasSuffix("." + name))
        }
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
    }

    /// RFC 3986, section 2.1; nil: malformed, or a control character.
    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
                else { return nil }
                rest.removeFirst(2)
                bytes.append(value)
            } else {
                bytes.append(byte)
            }
        }
        guard !bytes.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}

extension String {
    fileprivate var trimmingBrackets: String {
        hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self
    }
}

/// The fuzz entry point: any text is an address or is refused, and never shown.
package func fuzzProxyAddress(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    do throws(LinkError) {
        let address = try ProxyAddress(parsing: text)
        precondition(!address.host.isEmpty && (1...65_535).contains(address.port), "an address that is none")
    } catch {
        precondition(text.utf8.count < 8 || !error.description.contains(text), "an error repeats what was given")
    }
    _ = ProxyAddress.isExcepted(text, by: text)
}
