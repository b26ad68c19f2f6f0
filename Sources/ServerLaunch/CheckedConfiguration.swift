package import Logging
package import ServerKit
package import ServerStorePostgres

extension ServerConfiguration {
    package var directory: String { text(.data) ?? "" }
    package var kekPath: String { text(.kekFile) ?? directory + "/kek" }

    /// Where PostgreSQL is; nil when the database is a file in the directory.
    package var postgres: PostgresAddress? {
        guard let uri = text(.database), let address = try? PostgresAddress(uri) else { return nil }
        return text(.databasePasswordFile).map { address.with(passwordFile: $0) } ?? address
    }

    package var databaseConnections: Int { text(.databaseConnections).flatMap { Int($0) } ?? PostgresStore.connections }

    /// A setting as it may be shown: of a database's address everything but the password.
    package func shown(_ setting: Setting) -> String {
        guard setting == .database, let uri = text(.database) else { return list(setting).joined(separator: " ") }
        return PostgresAddress.withoutPassword(uri)
    }

    /// Address and port to listen on.
    package var address: (host: String, port: Int) { Self.parse(address: text(.listen) ?? "") ?? ("127.0.0.1", 8080) }

    package var level: Logger.Level { text(.logLevel).flatMap { Logger.Level(rawValue: $0) } ?? .info }
    package var isTextLog: Bool { text(.logFormat) == "text" }

    /// Certificate and key, if both are given.
    package var tls: (certificate: String, key: String)? {
        guard let certificate = text(.tlsCertificate), let key = text(.tlsKey) else { return nil }
        return (certificate, key)
    }

    /// The public address; without one, where the server listens.
    package func publicURL(port: Int? = nil) -> String {
        if let url = text(.publicURL) { return url }
        let (host, configured) = address
        let name = host.contains(":") ? "[\(host)]" : host
        return "\(tls == nil ? "http" : "https")://\(name):\(port ?? configured)"
    }

    package func settings(port: Int? = nil) -> ServerSettings {
        var settings = ServerSettings(
            publicURL: publicURL(port: port), trustedProxies: list(.trustedProxies).compactMap { AddressRange($0) })
        settings.metricsReaders = list(.metricsReaders).compactMap { AddressRange($0) }
        return settings
    }

    /// Things that work but are likely not meant.
    package var warnings: [String] {
        var warnings: [String] = []
        let url = publicURL()
        let isLocal = ["http://127.0.0.1", "http://localhost", "http://[::1]"].contains { url.hasPrefix($0) }
        if url.hasPrefix("http://"), !isLocal {
            warnings.append(
                "\(origin(.publicURL)): public-url is not https: browsers will not keep the session's cookie")
        }
        if tls == nil, !["127.0.0.1", "::1", "localhost"].contains(address.host), list(.trustedProxies).isEmpty {
            warnings.append("\(origin(.listen)): listens to other machines without TLS and without a trusted proxy")
        }
        if let location = try? s3(), !location.isSecure {
            warnings.append(
                "\(origin(.artifactsEndpoint)): artifacts-endpoint is not https: what is stored is sealed, but can be withheld"
            )
        }
        if list(.mailCommand).isEmpty {
            warnings.append("mail-command is not set: sign-in links are printed by `sign-in-link` only")
        }
        return warnings
    }

    func check() throws(ConfigurationError) {
        guard text(.data) != nil else { throw fail(.data, "it is empty") }
        try checkDatabase()
        guard Self.parse(address: text(.listen) ?? "") != nil else {
            throw fail(.listen, "it must be an address and a port, such as 127.0.0.1:8080 or [::1]:8080")
        }
        if let url = text(.publicURL), !Self.isOrigin(url) {
            throw fail(.publicURL, "it must be http:// or https://, a host, perhaps a port, and nothing else")
        }
        for setting in [Setting.trustedProxies, .metricsReaders] {
            guard list(setting).allSatisfy({ AddressRange($0) != nil }) else {
                throw fail(setting, "each must be an address, or a network such as 10.0.0.0/8")
            }
        }
        guard (text(.tlsCertificate) == nil) == (text(.tlsKey) == nil) else {
            throw fail(
                text(.tlsKey) == nil ? .tlsCertificate : .tlsKey, "tls-certificate and tls-key are needed together")
        }
        guard let owner = text(.firstOwner), MailAddress.normalize(owner) != nil else {
            throw fail(.firstOwner, "it must be a mail address")
        }
        if let from = text(.mailFrom), MailAddress.normalize(from) == nil {
            throw fail(.mailFrom, "it must be a mail address")
        }
        if !list(.mailCommand).isEmpty, text(.mailFrom) == nil {
            throw fail(.mailCommand, "mail-from is needed as well")
        }
        try checkGitHub()
        try checkArtifacts()
        guard Logger.Level(rawValue: text(.logLevel) ?? "") != nil else {
            throw fail(.logLevel, Setting.logLevel.summary)
        }
        guard ["json", "text"].contains(text(.logFormat) ?? "") else {
            throw fail(.logFormat, Setting.logFormat.summary)
        }
    }

    private func checkDatabase() throws(ConfigurationError) {
        guard let connections = Int(text(.databaseConnections) ?? ""), (1...1000).contains(connections) else {
            throw fail(.databaseConnections, "it must be a number from 1 to 1000")
        }
        guard let uri = text(.database) else { return }
        guard let address = try? PostgresAddress(uri) else {
            throw fail(.database, "it must be postgres://user@host:port/name, perhaps with libpq's parameters")
        }
        if address.holdsPassword, origin(.database).hasPrefix("--") {
            throw fail(
                .database,
                "everybody on this machine can read the password in a flag; use database-password-file, or the variable"
            )
        }
    }

    private static func parse(address text: String) -> (host: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return host.isEmpty ? nil : (host, port)
    }

    private static func isOrigin(_ url: String) -> Bool {
        for scheme in ["https://", "http://"] where url.hasPrefix(scheme) {
            let authority = url.dropFirst(scheme.count)
            return !authority.isEmpty
                && authority.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || ".-:[]".contains($0)) }
                && authority == authority.lowercased()[...]
        }
        return false
    }
}
