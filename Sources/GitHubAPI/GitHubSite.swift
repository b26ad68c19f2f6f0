/// Where GitHub is: github.com, a tenant of ghe.com, or a GitHub Enterprise Server.
///
/// Set by whoever runs the control plane and by nobody else, because the server sends requests there. TLS is demanded, but for a
/// loopback address, which is what tests and a proxy on the same machine have.
package struct GitHubSite: Sendable, Hashable, CustomStringConvertible {
    /// Scheme, host and perhaps port, without a path: what remotes of repositories begin with.
    package let web: String
    /// Host and port as git compares them.
    package let authority: String
    /// What requests to the REST API begin with.
    package let api: String

    package static let main = GitHubSite("https://github.com")!

    /// Reads `https://host` or `https://host:port`, with or without a slash at the end; nil for anything else.
    package init?(_ text: String) {
        var rest = text[...]
        let isSecure: Bool
        if rest.hasPrefix("https://") {
            isSecure = true
            rest = rest.dropFirst(8)
        } else if rest.hasPrefix("http://") {
            isSecure = false
            rest = rest.dropFirst(7)
        } else {
            return nil
        }
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        var authority = rest.lowercased()
        var host = authority
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            let digits = authority[authority.index(after: colon)...]
            guard let port = Int(digits), (1...65_535).contains(port), digits.utf8.allSatisfy({ $0 &- 0x30 < 10 })
            else {
                return nil
            }
            host = String(authority[..<colon])
            if port == (isSecure ? 443 : 80) { authority = host }
        }
        guard Self.isHost(host), isSecure || ["localhost", "127.0.0.1", "[::1]"].contains(host) else { return nil }
        self.authority = authority
        web = (isSecure ? "https://" : "http://") + authority
        if web == "https://github.com" {
            api = "https://api.github.com"
        } else if host.hasSuffix(".ghe.com") {
            // Data residency: docs.github.com, "About GitHub Enterprise Cloud with data residency".
            api = "https://api." + authority
        } else {
            api = web + "/api/v3"
        }
    }

    package var description: String { web }

    private static func isHost(_ text: String) -> Bool {
        guard !text.isEmpty, text.utf8.count <= 253 else { return false }
        if text == "[::1]" { return true }
        return !text.hasPrefix("-") && !text.hasPrefix(".")
            && text.utf8.allSatisfy { byte in
                byte &- 0x30 < 10 || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: ".")
            }
    }
}

/// The name of a repository: its owner's and its own, as they stand in its address.
package struct RepositoryName: Sendable, Hashable, CustomStringConvertible {
    package let owner: String
    package let name: String

    /// The longest owner and name (docs.github.com, "Username considerations"; 100 is what the site accepts for repositories).
    package static let maximumOwner = 39
    package static let maximumName = 100

    /// Reads `owner/name`; nil for what can be no repository. `.git` at the end is not part of a name.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        var name = parts[1]
        if name.hasSuffix(".git") { name = name.dropLast(4) }
        // Underscores in owners are those of managed users (owner_company).
        guard (1...Self.maximumOwner + 20).contains(parts[0].utf8.count),
            (1...Self.maximumName).contains(name.utf8.count),
            parts[0].utf8.allSatisfy({ Self.isLetter($0) || $0 == 0x2D || $0 == 0x5F }), !parts[0].hasPrefix("-"),
            name.utf8.allSatisfy({ Self.isLetter($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }), name != ".",
            name != "..", !name.hasSuffix(".git")
        else { return nil }
        owner = String(parts[0])
        self.name = String(name)
    }

    package var description: String { "\(owner)/\(name)" }

    /// GitHub's names differ by more than case or are the same.
    package func isSame(as other: RepositoryName) -> Bool { description.lowercased() == other.description.lowercased() }

    private static func isLetter(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || (0x61...0x7A).contains(byte | 0x20)
    }
}
