public import SealingKit
public import ServerStore

/// The control plane's store in PostgreSQL, for more than one server.
///
/// Rows are the truth; every server writes to and reads from them. Each transaction sees the rows of one organization, by forced
/// row-level security (`Schema`), beside the conditions of each statement. The role must therefore be neither a superuser nor have
/// BYPASSRLS, which pass by every policy.
public final class PostgresStore: ControlPlaneStore {
    let pool: ConnectionPool
    let notices: NoticeBoard
    let recentRuns = RecentRuns()
    private let address: PostgresAddress

    public var keys: any KeyRingStore { PostgresKeys(store: self) }

    /// Other servers write as well, and a notification can get lost with its connection.
    public var pollInterval: Duration? { .seconds(1) }

    /// Connections of one server, unless it is told otherwise. PostgreSQL gains nothing from more than a few for each of its
    /// processors.
    public static let connections = 16
    /// The oldest version that it works on: `client_connection_check_interval` came with it, and SQL function bodies.
    static let oldestVersion = 140_000

    /// Connects, and brings the schema up to date. Blocks.
    /// - Throws: `.unavailable` when the server can not be reached, `.refused` when its version or the role does not do, `.damaged` when the schema
    ///   is not as it should be or of a newer version of this program.
    public init(_ address: PostgresAddress, connections: Int = PostgresStore.connections) throws {
        let connection = try address.connect()
        guard connection.serverVersion >= Self.oldestVersion else {
            throw StoreError(.refused, "PostgreSQL 14 or later is needed")
        }
        try Self.requireSubject(connection)
        try Schema.migrate(connection)
        guard try !CopyTarget.isUnfinished(connection) else {
            throw StoreError(.refused, "the database is the unfinished copy of another store: run `store copy` again")
        }
        let open = try Self.unprotected(connection)
        guard open.isEmpty else {
            throw StoreError(.damaged, "row-level security is not forced on: \(open.joined(separator: ", "))")
        }
        self.address = address
        notices = try NoticeBoard { try address.connect() }
        pool = ConnectionPool(connections: connections) { try address.connect() }
    }

    /// Row-level security holds for everybody but superusers and roles with BYPASSRLS.
    static func requireSubject(_ connection: Connection) throws {
        let row = try connection.single(
            "role", Visibility(),
            "SELECT rolsuper OR rolbypassrls AS passes FROM pg_roles WHERE rolname = current_user", []
        ).first
        guard try row?.flag("passes") == false else {
            throw StoreError(.refused, "the role is a superuser or has BYPASSRLS: row-level security would not hold")
        }
    }

    /// Tables without forced row-level security.
    static func unprotected(_ connection: Connection) throws -> [String] {
        let rows = try connection.single(
            "tables", Visibility(),
            """
            SELECT relname::text AS name FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
                AND relrowsecurity AND relforcerowsecurity
            """, [])
        let protected = Set(try rows.map { try $0.value("name", as: String.self) })
        return Schema.protectedTables.filter { !protected.contains($0) }
    }

    public func ping() async throws {
        try await pool.run("ping") { _ = try $0.single("ping", Visibility(), "SELECT 1::bigint AS n", []) }
    }

    public func exclusively<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        // A lock of the session, on a connection that nothing else uses: it goes with the connection, whatever happens.
        let connection = try address.connect()
        _ = try connection.single(
            "lock", Visibility(), "SELECT pg_advisory_lock(hashtextextended($1, 0))", ["pipemason-start"])
        defer { withExtendedLifetime(connection) {} }
        return try await body()
    }

    /// Ends what is under way and closes the connections. Blocks.
    public func close() {
        notices.close()
        pool.close()
    }

    // MARK: - For the other files of this module

    /// Runs `body` on a snapshot of what `visibility` shows.
    func read<Value: Sendable>(
        _ place: String, _ visibility: Visibility, _ body: @Sendable @escaping (Transaction) throws -> Value
    ) async throws -> Value {
        try await pool.run(place) { try $0.read(place, visibility, body) }
    }

    /// Runs `body` in a transaction that is durable when this returns.
    func write<Value: Sendable>(
        _ place: String, _ visibility: Visibility, _ body: @Sendable @escaping (Transaction) throws -> Value
    ) async throws -> Value {
        try await pool.run(place) { try $0.write(place, visibility, body) }
    }

    /// Runs `body`, which ends a credential or changes what somebody may do; when it did, all servers look at their open streams.
    func writeCredential(
        _ place: String, _ scope: Scope, _ body: @Sendable @escaping (Transaction) throws -> Bool
    ) async throws -> Bool {
        let isChanged = try await write(place, .scope(scope), body)
        if isChanged { notices.post(.credentials(scope.organization)) }
        return isChanged
    }

    /// Runs one statement and reads its rows.
    func query<Value: Sendable>(
        _ place: String, _ visibility: Visibility, _ sql: String, _ values: [any PostgresValue],
        _ read: @Sendable @escaping (Row) throws -> Value
    ) async throws -> [Value] {
        try await pool.run(place) { try $0.single(place, visibility, sql, values).map(read) }
    }
}
