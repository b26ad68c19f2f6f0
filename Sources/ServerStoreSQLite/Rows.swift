internal import Foundation
public import GRDB
public import SealingKit
public import ServerStore
internal import TextEncodings

// How values stand in columns, and how rows become values.

extension Identifier: DatabaseValueConvertible {
    public var databaseValue: DatabaseValue { Data(bytes).databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Self? {
        Data.fromDatabaseValue(value).flatMap { Self(bytes: $0) }
    }
}

extension Timestamp: DatabaseValueConvertible {
    public var databaseValue: DatabaseValue { milliseconds.databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Self? {
        Int64.fromDatabaseValue(value).map { Timestamp(milliseconds: $0) }
    }
}

extension TokenHash: DatabaseValueConvertible {
    public var databaseValue: DatabaseValue { Data(bytes).databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Self? {
        Data.fromDatabaseValue(value).flatMap { TokenHash(stored: Array($0)) }
    }
}

extension KeyID: DatabaseValueConvertible {
    public var databaseValue: DatabaseValue { Data(bytes).databaseValue }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> Self? {
        Data.fromDatabaseValue(value).flatMap { KeyID(hex: Hex.encode(Array($0).span)) }
    }
}

extension Row {
    /// The value of a column, or `.damaged` with the column's name when it is not one.
    func value<Value: DatabaseValueConvertible>(_ column: String, as type: Value.Type = Value.self) throws -> Value {
        guard let value = Value.fromDatabaseValue(self[column] as DatabaseValue) else {
            throw StoreError(.damaged, "column \(column)")
        }
        return value
    }

    func optional<Value: DatabaseValueConvertible>(_ column: String, as type: Value.Type = Value.self) throws -> Value?
    {
        (self[column] as DatabaseValue).isNull ? nil : try value(column)
    }

    func blob(_ column: String) throws -> [UInt8] { Array(try value(column, as: Data.self)) }

    func word<Value: RawRepresentable>(_ column: String, as type: Value.Type = Value.self) throws -> Value
    where Value.RawValue == String {
        guard let value = Value(rawValue: try value(column)) else { throw StoreError(.damaged, "column \(column)") }
        return value
    }

    func organization() throws -> Organization {
        Organization(
            id: try value("org_id"), name: try value("name"), created: try value("created"),
            retentionDays: try optional("retention_days"))
    }

    func user() throws -> User {
        User(
            id: try value("user_id"), email: try value("email"), name: try value("name"), created: try value("created"))
    }

    func invitation() throws -> Invitation {
        Invitation(
            id: try value("invitation_id"), email: try value("email"), role: try word("role"),
            created: try value("created"), expires: try value("expires"))
    }

    func runnerToken() throws -> RunnerToken {
        RunnerToken(
            id: try value("token_id"), name: try value("name"), created: try value("created"),
            createdBy: try optional("created_by"), lastUsed: try optional("last_used"),
            lastAddress: try optional("last_address"), expires: try optional("expires"),
            revoked: try optional("revoked"))
    }

    func deviceGrant() throws -> DeviceGrant {
        DeviceGrant(
            name: try value("name"), address: try optional("address"), created: try value("created"),
            expires: try value("expires"), state: try word("state"))
    }

    func run() throws -> Run {
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

    func artifact() throws -> Artifact {
        Artifact(
            run: try value("run_id"), digest: try blob("digest"), name: try value("name"),
            mediaType: try value("media_type"), size: try value("size"), created: try value("created"),
            wrappedKey: try blob("wrapped_key"))
    }

    func auditEntry() throws -> AuditEntry {
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
enum Costs {
    static func text(_ costs: [String: Int64]) -> String {
        costs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    static func parse(_ text: String) throws -> [String: Int64] {
        var costs: [String: Int64] = [:]
        for part in text.split(separator: " ") {
            let sides = part.split(separator: "=")
            guard sides.count == 2, let micros = Int64(sides[1]) else { throw StoreError(.damaged, "column costs") }
            costs[String(sides[0])] = micros
        }
        return costs
    }
}
