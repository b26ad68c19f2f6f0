internal import CPostgres
internal import ServerStore

/// Where a PostgreSQL server is: what libpq calls a connection URI (`postgres://user@host:port/database?sslmode=verify-full`).
///
/// What the URI leaves out comes from libpq's environment variables (`PGHOST`, `PGPASSFILE`, …) and the password file.
public struct PostgresAddress: Sendable {
    let parameters: [String: String]

    /// - Throws: `.refused` when the text is no URI. The error does not repeat it: it may hold a password.
    public init(_ uri: String) throws {
        guard uri.hasPrefix("postgres://") || uri.hasPrefix("postgresql://") else {
            throw StoreError(.refused, "the database must be postgres://…")
        }
        guard let options = PQconninfoParse(uri, nil) else {
            throw StoreError(.refused, "the database's address can not be read")
        }
        defer { PQconninfoFree(options) }
        var parameters: [String: String] = [:]
        // The array ends with an option without a name.
        var next = options
        while let keyword = next.pointee.keyword {
            if let value = next.pointee.val { parameters[String(cString: keyword)] = String(cString: value) }
            next += 1
        }
        self.parameters = parameters
    }

    /// Whether the URI itself holds a password.
    public var holdsPassword: Bool { parameters["password"] != nil }

    /// The URI without the password that it may hold, for people.
    public static func withoutPassword(_ uri: String) -> String {
        // Parameters can hold a password as well.
        let parts = uri.prefix { $0 != "?" }.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count > 1, let host = parts.last else { return String(uri.prefix { $0 != "?" }) }
        let scheme = parts[0].hasPrefix("postgresql:") ? "postgresql://" : "postgres://"
        let user = parts[0].dropFirst(scheme.count).prefix { $0 != ":" }
        return "\(scheme)\(user)@\(host)"
    }

    /// The same with the password in a file of libpq's form.
    public func with(passwordFile: String) -> PostgresAddress {
        var parameters = parameters
        parameters["passfile"] = passwordFile
        return PostgresAddress(parameters: parameters)
    }

    /// The same with another database on the same server.
    package func with(database: String) -> PostgresAddress {
        var parameters = parameters
        parameters["dbname"] = database
        return PostgresAddress(parameters: parameters)
    }

    private init(parameters: [String: String]) { self.parameters = parameters }

    /// Opens a connection as the store needs it.
    ///
    /// A partition must be noticed at both ends within seconds, or the locks of a server that is gone would hold up the others:
    /// TCP's own timers would take minutes.
    func connect() throws -> Connection {
        var all = [
            "application_name": "pipemason-server", "connect_timeout": "3", "keepalives": "1", "keepalives_idle": "2",
            "keepalives_interval": "1", "keepalives_count": "3", "tcp_user_timeout": "4000",
        ]
        all.merge(parameters) { _, own in own }
        all["client_encoding"] = "UTF8"
        let settings = [
            "statement_timeout=30s", "lock_timeout=10s", "idle_in_transaction_session_timeout=10s",
            "tcp_keepalives_idle=2", "tcp_keepalives_interval=1", "tcp_keepalives_count=3", "tcp_user_timeout=4s",
            "client_connection_check_interval=1s", "row_security=on",
            // Statements here are short; compiling them costs more than it saves.
            "jit=off",
        ]
        all["options"] = ([parameters["options"] ?? ""] + settings.map { "-c \($0)" }).joined(separator: " ")
        let connection = try Connection(all)
        // What was acknowledged must survive a power cut, whatever the database's default is.
        _ = try connection.run(
            [
                Connection.Step(
                    sql: """
                        SELECT set_config('synchronous_commit', 'on', false)
                        WHERE current_setting('synchronous_commit') IN ('off', 'local')
                        """, values: [])
            ], place: "connect")
        return connection
    }
}
