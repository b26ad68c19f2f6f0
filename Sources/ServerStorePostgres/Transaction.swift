internal import ServerStore

/// What a transaction may see, beyond what belongs to nobody: row-level security compares rows with these settings, which last
/// as long as the transaction. Whatever is not set opens nothing.
struct Visibility: Equatable {
    /// Rows of this organization.
    var organization: OrganizationID?
    /// The rows that this hash names: a token's, a session's, an invitation's, a pairing's.
    var credential: [UInt8]?
    /// The user of this id, with their memberships and links.
    var user: UserID?
    /// The user of this address.
    var email: String?
    var task: Task?

    /// What the server does for all organizations at once.
    enum Task: String {
        /// Sees which organizations there are, and nothing else of them.
        case list
        /// Removes what expired: sessions, links, challenges, pairing requests, invitations, and names of bodies that nothing refers to.
        case sweep
    }

    static func scope(_ scope: Scope) -> Visibility { Visibility(organization: scope.organization) }

    /// Statements that set this, for the transaction that they are in.
    var steps: [Connection.Step] {
        var steps: [Connection.Step] = []
        func set(_ name: String, _ value: String?) {
            guard let value else { return }
            steps.append(
                Connection.Step(sql: "SELECT set_config('app.\(name)', $1, true)", values: [value]))
        }
        set("org", organization?.description)
        set("credential", credential.map(hexadecimal))
        set("user", user?.description)
        set("email", email)
        set("task", task?.rawValue)
        return steps
    }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// A transaction under way. What is pending goes out with the next statement, so that BEGIN and the settings cost no round trip.
final class Transaction {
    private let connection: Connection
    private let place: String
    private var pending: [Connection.Step]

    fileprivate init(_ connection: Connection, _ place: String, begin: String?, _ visibility: Visibility) {
        self.connection = connection
        self.place = place
        pending = (begin.map { [Connection.Step(sql: $0, values: [])] } ?? []) + visibility.steps
    }

    /// Adds to what the rest of the transaction sees.
    func see(_ visibility: Visibility) { pending += visibility.steps }

    /// Adds what a row says to what the rest of the transaction sees: its organization, its user. Goes out with the next
    /// statement, so it costs no round trip; what the row is not seen by adds nothing.
    /// - Parameter source: SQL behind FROM.
    func see(organization: Bool = false, user: Bool = false, from source: String, _ values: [any PostgresValue]) {
        var columns: [String] = []
        if organization { columns.append("set_config('app.org', org_id::text, true)") }
        if user { columns.append("set_config('app.user', user_id::text, true)") }
        pending.append(
            Connection.Step(sql: "SELECT \(columns.joined(separator: ", ")) FROM \(source)", values: values))
    }

    /// Runs one statement. Values are `$1`, `$2` and so on.
    func rows(_ sql: String, _ values: [any PostgresValue] = []) throws -> Rows {
        let steps = pending + [Connection.Step(sql: sql, values: values)]
        pending = []
        let results = try connection.run(steps, place: place)
        guard let last = results.last else { throw StoreError(.unavailable, place) }
        return last
    }

    /// Runs a statement for its first row.
    func row(_ sql: String, _ values: [any PostgresValue] = []) throws -> Row? { try rows(sql, values).first }

    /// Runs a statement for what it changes; returns how many rows.
    @discardableResult func execute(_ sql: String, _ values: [any PostgresValue] = []) throws -> Int {
        try rows(sql, values).changes
    }

    /// The first column `n` of the first row.
    func count(_ sql: String, _ values: [any PostgresValue] = []) throws -> Int {
        try row(sql, values)?.value("n") ?? 0
    }

    /// Whether a statement returns any row.
    func exists(_ sql: String, _ values: [any PostgresValue] = []) throws -> Bool { try rows(sql, values).count > 0 }

    /// Makes others of the same name wait until this transaction is over.
    func lock(_ name: String) throws {
        _ = try rows("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [name])
    }
}

extension Connection {
    /// Does `body` in a transaction, which is durable when this returns; nothing of it is when `body` throws. Done again when it
    /// collided with another.
    func write<Value>(
        _ place: String, _ visibility: Visibility, _ body: (Transaction) throws -> Value
    ) throws -> Value {
        try transaction(place, "BEGIN", visibility, body)
    }

    /// Does `body` on one snapshot.
    func read<Value>(
        _ place: String, _ visibility: Visibility, _ body: (Transaction) throws -> Value
    ) throws -> Value {
        try transaction(place, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", visibility, body)
    }

    /// Runs one statement, which is a transaction by itself: one round trip.
    func single(
        _ place: String, _ visibility: Visibility, _ sql: String, _ values: [any PostgresValue]
    ) throws -> Rows {
        let results = try run(visibility.steps + [Step(sql: sql, values: values)], place: place)
        guard let last = results.last else { throw StoreError(.unavailable, place) }
        return last
    }

    private func transaction<Value>(
        _ place: String, _ begin: String, _ visibility: Visibility, _ body: (Transaction) throws -> Value
    ) throws -> Value {
        var attempts = 0
        while true {
            attempts += 1
            do {
                let value = try body(Transaction(self, place, begin: begin, visibility))
                if isInTransaction {
                    let result = try run([Step(sql: "COMMIT", values: [])], place: place)
                    guard result.first?.command == "COMMIT" else { throw StoreError(.unavailable, "\(place): undone") }
                }
                return value
            } catch {
                if !isBroken, isInTransaction { _ = try? run([Step(sql: "ROLLBACK", values: [])], place: place) }
                guard let collision = error as? StoreError, collision.isWorthAnotherTry, attempts < Self.attempts
                else { throw error }
            }
        }
    }

    /// How often a transaction is done before a collision with another counts as a failure.
    private static var attempts: Int { 5 }
}
