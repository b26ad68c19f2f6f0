internal import Glibc
internal import ServerStorePostgres
internal import TOMLText

/// A setting of the server, with one name for its flag, its variable and its line in the file.
package enum Setting: String, CaseIterable, Sendable {
    case data
    case database
    case databasePasswordFile = "database-password-file"
    case databaseConnections = "database-connections"
    case artifacts
    case artifactsEndpoint = "artifacts-endpoint"
    case artifactsRegion = "artifacts-region"
    case artifactsAddressing = "artifacts-addressing"
    case artifactsCredentialsFile = "artifacts-credentials-file"
    case artifactsCAFile = "artifacts-ca-file"
    case kekFile = "kek-file"
    case listen
    case publicURL = "public-url"
    case tlsCertificate = "tls-certificate"
    case tlsKey = "tls-key"
    case trustedProxies = "trusted-proxies"
    case metricsReaders = "metrics-readers"
    case mailCommand = "mail-command"
    case mailFrom = "mail-from"
    case firstOwner = "first-owner"
    case firstOrganization = "first-organization"
    case githubURL = "github-url"
    case githubClientID = "github-client-id"
    case githubClientSecretFile = "github-client-secret-file"
    case githubAppID = "github-app-id"
    case githubAppKeyFile = "github-app-key-file"
    case githubCAFile = "github-ca-file"
    case logLevel = "log-level"
    case logFormat = "log-format"

    /// The environment variable: `PIPEMASON_SERVER_PUBLIC_URL`. Lists have spaces between their elements.
    package var variable: String {
        "PIPEMASON_SERVER_" + rawValue.uppercased().split(separator: "-").joined(separator: "_")
    }

    package var isList: Bool { [.trustedProxies, .metricsReaders, .mailCommand].contains(self) }

    package var summary: String {
        switch self {
        case .data: "The directory of the database, or of the key file alone with PostgreSQL."
        case .database:
            "A PostgreSQL database for several servers: postgres://user@host/name; without it, a file in data."
        case .databasePasswordFile: "The file of the database's password, in the form of .pgpass."
        case .databaseConnections: "The most connections to PostgreSQL."
        case .artifacts:
            "Where artifacts are kept: a directory that all servers share, or s3://bucket/prefix; without it, the database."
        case .artifactsEndpoint: "The address of the S3-compatible store; without it, Amazon's in the region."
        case .artifactsRegion: "The region of the bucket; without it, us-east-1."
        case .artifactsAddressing: "path or virtual-host; without it, virtual-host for Amazon."
        case .artifactsCredentialsFile:
            "The file of the access key, in the form of ~/.aws/credentials; without it, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        case .artifactsCAFile:
            "Trust the certificates in this file (PEM) for the S3-compatible store, in place of the system's."
        case .kekFile: "The file of the keys that wrap all others; better not on the database's disk."
        case .listen: "Where to listen: address and port."
        case .publicURL: "Under which address browsers and runners reach the server."
        case .tlsCertificate: "The file of the certificate and its chain (PEM); without it, plain HTTP."
        case .tlsKey: "The file of the certificate's key (PEM)."
        case .trustedProxies: "Networks of proxies whose X-Forwarded-For is believed."
        case .metricsReaders: "Networks that may read /metrics."
        case .mailCommand: "The program that takes a mail on standard input; the recipient is its last argument."
        case .mailFrom: "The sender of mail."
        case .firstOwner: "The mail address of the first organization's owner."
        case .firstOrganization: "The name of the first organization."
        case .githubURL: "GitHub's address: https://github.com, or a GitHub Enterprise."
        case .githubClientID: "The client id of the OAuth App or GitHub App; without it, no GitHub."
        case .githubClientSecretFile: "The file of its client secret; nobody but the server may read it."
        case .githubAppID: "The number of the GitHub App; without it, it is an OAuth App."
        case .githubAppKeyFile: "The file of the GitHub App's private key (PEM), for tokens of its installations."
        case .githubCAFile: "Trust the certificates in this file (PEM) for GitHub, in place of the system's."
        case .logLevel: "trace, debug, info, notice, warning, error or critical."
        case .logFormat: "json or text."
        }
    }
}

/// The settings as they came together: a flag wins over a variable, a variable over the file, the file over the default.
package struct ServerConfiguration: Sendable {
    package struct Value: Sendable, Equatable {
        package let elements: [String]
        /// For messages: `--listen`, `PIPEMASON_SERVER_LISTEN`, `server.toml:3`, `default`.
        package let origin: String
    }

    package private(set) var values: [Setting: Value]

    /// - Parameters:
    ///   - flags: What the command line says.
    ///   - environment: The variables.
    ///   - file: The name and the text of the file, if there is one.
    package init(
        flags: [Setting: [String]], environment: [String: String], file: (name: String, text: String)?
    ) throws(ConfigurationError) {
        values = Self.defaults.mapValues { Value(elements: $0, origin: "default") }
        if let file { try merge(file) }
        for setting in Setting.allCases {
            if let text = environment[setting.variable] {
                let elements = setting.isList ? text.split(separator: " ").map(String.init) : [text]
                values[setting] = Value(elements: elements, origin: setting.variable)
            }
            if let elements = flags[setting] {
                values[setting] = Value(elements: elements, origin: "--\(setting.rawValue)")
            }
        }
        try check()
    }

    private static let defaults: [Setting: [String]] = [
        .data: ["/var/lib/pipemason-server"], .listen: ["127.0.0.1:8080"],
        .metricsReaders: ["127.0.0.0/8", "::1"], .firstOrganization: ["default"], .firstOwner: ["owner@" + "localhost"],
        .githubURL: ["https://github.com"], .logLevel: ["info"], .logFormat: ["json"],
        .databaseConnections: [String(PostgresStore.connections)],
    ]

    private mutating func merge(_ file: (name: String, text: String)) throws(ConfigurationError) {
        let root: TOMLNode
        do throws(TOMLError) { root = try TOMLParser.parse(file.text) } catch {
            throw ConfigurationError("\(file.name):\(error.line)", error.reason)
        }
        guard case .table(let entries) = root.value else { return }
        for (name, node) in entries.sorted(by: { $0.value.line < $1.value.line }) {
            let place = "\(file.name):\(node.line)"
            guard let setting = Setting(rawValue: name) else {
                throw ConfigurationError(place, "there is no setting of this name")
            }
            values[setting] = Value(elements: try Self.elements(node, of: setting, at: place), origin: place)
        }
    }

    private static func elements(
        _ node: TOMLNode, of setting: Setting, at place: String
    ) throws(ConfigurationError) -> [String] {
        switch node.value {
        case .string(let text) where !setting.isList: return [text]
        case .array(let nodes) where setting.isList:
            var elements: [String] = []
            for node in nodes {
                guard case .string(let text) = node.value else {
                    throw ConfigurationError(place, "\(setting.rawValue) must be a list of strings")
                }
                elements.append(text)
            }
            return elements
        default:
            let expected = setting.isList ? "a list of strings" : "a string"
            throw ConfigurationError(place, "\(setting.rawValue) must be \(expected), and is \(node.typeName)")
        }
    }

    /// The value of a setting that is one text.
    package func text(_ setting: Setting) -> String? {
        values[setting]?.elements.first.flatMap { $0.isEmpty ? nil : $0 }
    }

    package func list(_ setting: Setting) -> [String] { values[setting]?.elements ?? [] }

    package func origin(_ setting: Setting) -> String { values[setting]?.origin ?? "not set" }

    /// - Throws: with the place that set it, what does not fit.
    func fail(_ setting: Setting, _ reason: String) -> ConfigurationError {
        ConfigurationError(origin(setting), "\(setting.rawValue): \(reason)")
    }
}

/// What is wrong with the configuration, and where it was set. Never the value.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    package let place: String
    package let reason: String

    init(_ place: String, _ reason: String) {
        self.place = place
        self.reason = reason
    }

    package var description: String { "\(place): \(reason)" }
}
