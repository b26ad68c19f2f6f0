package import JSONText
internal import ServerStore

// JSON Schema, as far as the OpenAPI document needs it.

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByDictionaryLiteral {
    package init(stringLiteral text: String) { self = .string(text) }

    package init(dictionaryLiteral members: (String, JSONValue)...) {
        self = .object(members.map { (name: $0.0, value: $0.1) })
    }

    static let string: JSONValue = ["type": "string"]
    static let nullableString: JSONValue = ["type": .array(["string", "null"])]
    static let integer: JSONValue = ["type": "integer"]
    static let nullableInteger: JSONValue = ["type": .array(["integer", "null"])]
    static let bool: JSONValue = ["type": "boolean"]
    static let uuid: JSONValue = ["type": "string", "format": "uuid"]
    static let nullableUUID: JSONValue = ["type": .array(["string", "null"]), "format": "uuid"]
    /// A time with exactly six digits of a second's fraction.
    static let time: JSONValue = ["type": "string", "pattern": .string(timePattern)]
    static let nullableTime: JSONValue = ["type": .array(["string", "null"]), "pattern": .string(timePattern)]
    static let nullableDigest: JSONValue = [
        "type": .array(["string", "null"]), "pattern": "^sha256:[0-9a-f]{64}$",
    ]
    private static let timePattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$"

    static func constant(_ text: String) -> JSONValue { ["const": .string(text)] }
    static func array(_ element: JSONValue) -> JSONValue { ["type": "array", "items": element] }

    /// A string that is not empty. `bytes` counts UTF-8, so the schema's bound in characters is only the outer one.
    static func text(_ bytes: Int) -> JSONValue {
        ["type": "string", "minLength": .integer(1), "maxLength": .integer(bytes)]
    }

    static func nullableText(_ bytes: Int) -> JSONValue {
        ["type": .array(["string", "null"]), "maxLength": .integer(bytes)]
    }

    static func integer(_ least: Int, _ most: Int) -> JSONValue {
        ["type": "integer", "minimum": .integer(least), "maximum": .integer(most)]
    }

    static func nullableInteger(_ least: Int, _ most: Int) -> JSONValue {
        ["type": .array(["integer", "null"]), "minimum": .integer(least), "maximum": .integer(most)]
    }

    /// An object with these members and no others.
    static func record(
        _ required: [String: JSONValue], optional: [String: JSONValue] = [:], also: [String: JSONValue] = [:]
    ) -> JSONValue {
        let required = required.merging(also) { first, _ in first }
        let properties = required.merging(optional) { first, _ in first }.sorted { $0.key < $1.key }
        return [
            "type": "object", "properties": .object(properties.map { (name: $0.key, value: $0.value) }),
            "required": .array(required.keys.sorted().map { .string($0) }), "additionalProperties": .bool(false),
        ]
    }

    /// An object with these members, and others that are passed over.
    static func openRecord(_ required: [String: JSONValue], optional: [String: JSONValue] = [:]) -> JSONValue {
        let properties = required.merging(optional) { first, _ in first }.sorted { $0.key < $1.key }
        return [
            "type": "object", "properties": .object(properties.map { (name: $0.key, value: $0.value) }),
            "required": .array(required.keys.sorted().map { .string($0) }),
        ]
    }

    // MARK: - Documents

    static let role: JSONValue = ["enum": .array(Role.allCases.map { .string($0.rawValue) })]
    static let user = record(["id": uuid, "email": string, "name": string])
    static let organization = record([
        "id": uuid, "name": string, "created": time, "retention_days": nullableInteger,
    ])
    static let member = record(["user": user, "role": role, "since": time])
    static let invitation = record(["id": uuid, "email": string, "role": role, "created": time, "expires": time])
    static let session = record([
        "id": uuid, "created": time, "expires": time, "address": nullableString, "agent": nullableString,
    ])
    static let runnerToken = record([
        "id": uuid, "name": string, "created": time, "created_by": nullableUUID, "last_used": nullableTime,
        "last_address": nullableString, "expires": nullableTime, "revoked": nullableTime, "runner_key": nullableString,
    ])
    static let auditEntry = record([
        "id": uuid, "time": time, "actor": string, "actor_id": nullableUUID, "action": string, "subject": string,
        "detail": string, "address": nullableString,
    ])
    static let run = record([
        "id": uuid, "runner": uuid, "title": string, "branch": nullableString, "status": string,
        "phase": nullableString, "iteration": nullableInteger, "exit_code": nullableInteger, "created": time,
        "started": nullableTime, "updated": time, "ended": nullableTime, "cancel_requested": nullableTime,
        "input_tokens": integer, "output_tokens": integer,
        "cost_micros": ["type": "object", "additionalProperties": integer], "redactions": integer,
        "last_seq": integer, "event_bytes": integer,
    ])
    static let artifact = record([
        "digest": string, "name": string, "media_type": string, "size": integer, "created": time,
    ])
    static let receipt = record([
        "v": integer, "run": uuid, "seq": integer, "head": string, "rules": string, "key": string, "sig": string,
    ])
    static let commands = array(record(["type": string]))
    static let standing = record([
        "next_seq": integer, "head": string, "rules_digest": nullableDigest,
        "receipt": ["oneOf": .array([receipt, ["type": "null"]])], "flush_ms": integer, "commands": commands,
    ])
    static let githubConnection = record([
        "site": string, "account": string, "state": string, "scopes": string, "mode": nullableString,
        "created": time, "renewed": time, "expires": nullableTime,
    ])
    static let problem: JSONValue = [
        "type": "object",
        "properties": ["type": string, "title": string, "status": integer, "detail": string],
        "required": .array(["type", "title", "status"]),
    ]
}

extension [String: JSONValue] {
    /// The members that tell a runner about itself.
    static let runner: [String: JSONValue] = [
        "runner": .uuid, "name": .string, "runner_key": .nullableString, "organization": .uuid,
        "organization_name": .string,
        "receipt_key": .record(["id": .string, "alg": .string, "public": .string]),
    ]
}
