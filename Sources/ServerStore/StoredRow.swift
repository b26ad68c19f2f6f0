package import SealingKit
internal import TextEncodings

/// A row of a result, as a store's database hands it out: columns by name.
///
/// How rows become values is here, once for all stores. What a column of a value holds is the same in each; how a database
/// writes it (an id as a BLOB or as a `uuid`) is the store's.
package protocol StoredRow {
    /// The value of a column of whole numbers; nil when it is NULL.
    /// - Throws: `.damaged` with the column's name when it is of another type.
    func integer(_ column: String) throws -> Int64?
    func text(_ column: String) throws -> String?
    /// The value of a column of bytes, ids among them.
    func bytes(_ column: String) throws -> [UInt8]?
}

/// What a column can be read as.
package protocol ColumnValue {
    /// Reads a column; nil when it is NULL.
    /// - Throws: `.damaged` with the column's name when it does not hold such a value.
    static func read(_ column: String, of row: some StoredRow) throws -> Self?
}

extension Int64: ColumnValue {
    package static func read(_ column: String, of row: some StoredRow) throws -> Int64? { try row.integer(column) }
}

extension Int: ColumnValue {
    package static func read(_ column: String, of row: some StoredRow) throws -> Int? {
        try row.integer(column).map(Int.init)
    }
}

extension String: ColumnValue {
    package static func read(_ column: String, of row: some StoredRow) throws -> String? { try row.text(column) }
}

extension Timestamp: ColumnValue {
    package static func read(_ column: String, of row: some StoredRow) throws -> Timestamp? {
        try row.integer(column).map { Timestamp(milliseconds: $0) }
    }
}

extension Identifier: ColumnValue {
    package static func read(_ column: String, of row: some StoredRow) throws -> Self? {
        try row.bytes(column).map { try row.require(Self(bytes: $0), column) }
    }
}

extension TokenHash: ColumnValue {
    package static func read(_ column: String, of row: some StoredRow) throws -> TokenHash? {
        try row.bytes(column).map { try row.require(TokenHash(stored: $0), column) }
    }
}

extension KeyID: ColumnValue {
    package static func read(_ column: String, of row: some StoredRow) throws -> KeyID? {
        try row.bytes(column).map { try row.require(KeyID(hex: Hex.encode($0.span)), column) }
    }
}

extension StoredRow {
    fileprivate func require<Value>(_ value: Value?, _ column: String) throws -> Value {
        guard let value else { throw StoreError(.damaged, "column \(column)") }
        return value
    }

    /// The value of a column, or `.damaged` with the column's name when it is not one.
    package func value<Value: ColumnValue>(_ column: String, as type: Value.Type = Value.self) throws -> Value {
        try require(try Value.read(column, of: self), column)
    }

    package func optional<Value: ColumnValue>(_ column: String, as type: Value.Type = Value.self) throws -> Value? {
        try Value.read(column, of: self)
    }

    package func blob(_ column: String) throws -> [UInt8] { try require(try bytes(column), column) }

    package func word<Value: RawRepresentable>(_ column: String, as type: Value.Type = Value.self) throws -> Value
    where Value.RawValue == String {
        try require(Value(rawValue: try value(column)), column)
    }

    package func organization() throws -> Organization {
        Organization(
            id: try value("org_id"), name: try value("name"), created: try value("created"),
            retentionDays: try optional("retention_days"))
    }

    package func user() throws -> User {
        User(
            id: try value("user_id"), email: try value("email"), name: try value("name"), created: try value("created"))
    }

    package func membership() throws -> Membership {
        Membership(user: try user(), role: try word("role"), since: try value("since"))
    }

    /// A session with its user; `began` is when the session was made, `created` when the user was.
    package func session() throws -> Session {
        Session(
            id: try value("session_id"), user: try user(), created: try value("began"), expires: try value("expires"),
            origin: SessionOrigin(address: try optional("address"), agent: try optional("agent")))
    }

    package func passkey() throws -> Passkey {
        Passkey(
            id: try value("passkey_id"), credential: try blob("credential"), name: try value("name"),
            publicKey: try blob("public_key"),
            signCount: try require(UInt32(exactly: try value("sign_count", as: Int64.self)), "sign_count"),
            created: try value("created"), lastUsed: try optional("last_used"))
    }

    package func invitation() throws -> Invitation {
        Invitation(
            id: try value("invitation_id"), email: try value("email"), role: try word("role"),
            created: try value("created"), expires: try value("expires"))
    }

    package func runnerToken() throws -> RunnerToken {
        RunnerToken(
            id: try value("token_id"), name: try value("name"), created: try value("created"),
            createdBy: try optional("created_by"), lastUsed: try optional("last_used"),
            lastAddress: try optional("last_address"), expires: try optional("expires"),
            revoked: try optional("revoked"), runnerKey: try bytes("runner_key"))
    }

    package func deviceGrant() throws -> DeviceGrant {
        DeviceGrant(
            name: try value("name"), address: try optional("address"), created: try value("created"),
            expires: try value("expires"), state: try word("state"), runnerKey: try bytes("runner_key"))
    }

    package func run() throws -> Run {
        var summary = RunSummary()
        summary.status = try value("status")
        summary.phase = try optional("phase")
        summary.iteration = try optional("iteration")
        summary.exitCode = try optional("exit_code")
        summary.ended = try optional("ended")
        summary.inputTokens = try value("input_tokens")
        summary.outputTokens = try value("output_tokens")
        summary.costs = try Costs.parse(try value("costs"))
        summary.redactions = try value("redactions")
        return Run(
            id: try value("run_id"), runner: try value("token_id"), created: try value("created"),
            description: RunDescription(
                title: try value("title"), branch: try optional("branch"), rulesDigest: try optional("rules_digest"),
                started: try optional("started")),
            summary: summary, chain: ChainHead(next: try value("next_seq"), hash: try blob("head")),
            cancelRequested: try optional("cancel_requested"), updated: try value("updated"),
            eventBytes: try value("event_bytes"))
    }

    package func receiptKey() throws -> ReceiptKey {
        ReceiptKey(
            id: try value("receipt_key_id"), publicKey: try blob("public_key"), sealed: try blob("sealed"),
            created: try value("created"))
    }

    package func organizationKey(of organization: String) throws -> OrganizationKey {
        OrganizationKey(
            organization: organization, purpose: try word("purpose"), version: try value("version"),
            id: try value("key_id"), state: try word("state"), created: try value("created"),
            wrapped: try blob("wrapped"))
    }

    package func artifact() throws -> Artifact {
        Artifact(
            run: try value("run_id"), digest: try blob("digest"), name: try value("name"),
            mediaType: try value("media_type"), size: try value("size"), created: try value("created"),
            wrappedKey: try blob("wrapped_key"))
    }

    /// Where an artifact's body is.
    package func artifactBody() throws -> ArtifactBody {
        let here = try blob("body")
        let id: BodyID? = try optional("body_id")
        guard here.isEmpty || id == nil else { throw StoreError(.damaged, "column body_id") }
        return id.map { .elsewhere($0) } ?? .here(here)
    }

    package func looseBody() throws -> LooseBody {
        LooseBody(organization: try value("org_id"), id: try value("body_id"))
    }

    package func githubConnection() throws -> GitHubConnection {
        GitHubConnection(
            user: try value("user_id"), site: try value("site"), account: try value("account"),
            accountID: try value("account_id"), scopes: try value("scopes"),
            isApp: try value("is_app", as: Int64.self) != 0, created: try value("created"),
            renewed: try value("renewed"), expires: try optional("expires"),
            refreshExpires: try optional("refresh_expires"), generation: try value("generation"),
            state: try word("state"), tokens: try blob("tokens"))
    }

    package func gitGrant() throws -> GitGrant {
        GitGrant(
            id: try value("grant_id"), run: try value("run_id"), runner: try value("token_id"),
            user: try value("user_id"), repository: try value("repository"), operation: try value("operation"),
            mode: try value("mode"), created: try value("created"), expires: try optional("expires"),
            closed: try optional("closed"), token: try bytes("token"))
    }

    package func auditEntry() throws -> AuditEntry {
        let actor: AuditActor
        switch try value("actor", as: String.self) {
        case "runner": actor = .runner(try value("actor_id"))
        case "user": actor = .user(try value("actor_id"))
        case "server": actor = .server
        default: throw StoreError(.damaged, "column actor")
        }
        return AuditEntry(
            id: try value("audit_id"), time: try value("time"), actor: actor, action: try word("action"),
            subject: try value("subject"), detail: try value("detail"), address: try optional("address"))
    }
}

/// The text form of costs by currency.
package enum Costs {
    package static func text(_ costs: [String: Int64]) -> String {
        costs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    package static func parse(_ text: String) throws -> [String: Int64] {
        var costs: [String: Int64] = [:]
        for part in text.split(separator: " ") {
            let sides = part.split(separator: "=")
            guard sides.count == 2, let micros = Int64(sides[1]) else { throw StoreError(.damaged, "column costs") }
            costs[String(sides[0])] = micros
        }
        return costs
    }
}
