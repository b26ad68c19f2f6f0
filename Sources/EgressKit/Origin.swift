internal import RunModel

/// The address of a server: scheme, host and port.
package struct Origin: Sendable, Equatable, CustomStringConvertible {
    package let isSecure: Bool
    /// In small letters; an IPv6 address with its brackets.
    package let host: String
    package let port: Int?

    /// Reads `https://host`, `https://host:port`, with or without a slash at the end. Plain `http` is for this machine alone.
    /// - Throws: `EgressError` that says what is wrong.
    package init(parsing text: String) throws(EgressError) {
        var rest = text[...]
        if rest.hasPrefix("https://") {
            isSecure = true
            rest = rest.dropFirst(8)
        } else if rest.hasPrefix("http://") {
            isSecure = false
            rest = rest.dropFirst(7)
        } else {
            throw EgressError("a server's address begins with https://")
        }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        var host = rest.lowercased()
        var port: Int?
        if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
            guard let number = Int(host[host.index(after: colon)...]), (1...65_535).contains(number),
                host[host.index(after: colon)...].utf8.allSatisfy({ (0x30...0x39).contains($0) })
            else { throw EgressError("a port is a number from 1 to 65535") }
            port = number
            host = String(host[..<colon])
        }
        guard Self.isHost(host) else { throw EgressError("a server's address is https://host or https://host:port") }
        guard isSecure || ["localhost", "127.0.0.1", "[::1]"].contains(host) else {
            throw EgressError("without TLS (http://) only this machine itself can be the server")
        }
        self.host = host
        self.port = port == (isSecure ? 443 : 80) ? nil : port
    }

    /// Host, and port unless it is the usual one.
    package var authority: String { port.map { "\(host):\($0)" } ?? host }

    package var description: String { (isSecure ? "https://" : "http://") + authority }

    private static func isHost(_ text: String) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 253 else { return false }
        if text.hasPrefix("["), text.hasSuffix("]") {
            let address = text.dropFirst().dropLast().utf8
            return address.count >= 2
                && address.allSatisfy {
                    (0x30...0x39).contains($0) || (0x61...0x66).contains($0) || $0 == 0x3A || $0 == 0x2E
                }
        }
        return !text.hasPrefix("-") && !text.hasPrefix(".")
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D || $0 == 0x2E
            }
    }
}
