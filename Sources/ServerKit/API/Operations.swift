internal import JSONText

/// What the OpenAPI document says of a route.
struct Operation: Sendable {
    let method: String
    let path: String
    let access: Access
    let summary: String
    var query: [Parameter] = []
    var headers: [Parameter] = []
    var body: Content?
    /// Status and what comes with it, besides the problems that every route of its access may answer.
    var answers: [(status: Int, content: Content?)] = []
    /// Problems of its own.
    var problems: [Int] = []

    struct Parameter: Sendable {
        let name: String
        let schema: JSONValue
        var isRequired = false
        var about = ""
    }

    struct Content: Sendable {
        let mediaType: String
        let schema: JSONValue
        var isRequired = true
    }
}

extension Operation {
    /// All routes of the API, in the order of the document.
    static let all: [Operation] = health + pairing + runners + runs + people + github

    private static let health: [Operation] = [
        Operation(
            method: "GET", path: "/healthz", access: .open, summary: "Whether the process is there.",
            answers: [(200, .plain)]),
        Operation(
            method: "GET", path: "/readyz", access: .open, summary: "Whether the server can do its work.",
            answers: [(200, .plain)], problems: [503]),
        Operation(
            method: "GET", path: "/metrics", access: .open, summary: "Metrics, for networks that may read them.",
            answers: [(200, .plain)], problems: [404]),
        Operation(
            method: "GET", path: "/openapi.json", access: .open, summary: "This document.",
            answers: [(200, .json(["type": "object"]))]),
    ]

    private static let pairing: [Operation] = [
        Operation(
            method: "POST", path: "/oauth/device/code", access: .open, summary: "Begins to pair a runner (RFC 8628).",
            body: .form(
                .openRecord(
                    ["client_id": .constant("pipemason"), "device_name": .text(100)],
                    optional: ["runner_key": .text(64)])),
            answers: [
                (
                    200,
                    .json(
                        .record([
                            "device_code": .string, "user_code": .string, "verification_uri": .string,
                            "verification_uri_complete": .string, "expires_in": .integer, "interval": .integer,
                        ]))
                ), (400, .oauthError),
            ], problems: [413, 415, 422, 429]),
        Operation(
            method: "POST", path: "/oauth/token", access: .open, summary: "Asks for the token of an approved pairing.",
            body: .form(
                .openRecord([
                    "client_id": .constant("pipemason"),
                    "grant_type": .constant("urn:ietf:params:oauth:grant-type:device_code"), "device_code": .string,
                ])),
            answers: [
                (200, .json(.record(["access_token": .string, "token_type": .constant("Bearer")], also: .runner))),
                (400, .oauthError),
            ], problems: [413, 415, 429]),
        Operation(
            method: "POST", path: "/api/v1/pairing/lookup", access: .member,
            summary: "What a user code stands for, to look at before approving.",
            body: .json(.record(["user_code": .text(40)])),
            answers: [
                (
                    200,
                    .json(
                        .record([
                            "device_name": .string, "address": .nullableString, "created": .time, "expires": .time,
                        ]))
                )
            ], problems: [400, 404, 413, 415]),
        Operation(
            method: "POST", path: "/api/v1/pairing/decision", access: .member, summary: "Approves or denies a pairing.",
            body: .json(.record(["user_code": .text(40), "approve": .bool])), answers: [(204, nil)],
            problems: [400, 404, 413, 415]),
    ]

    private static let runners: [Operation] = [
        Operation(
            method: "GET", path: "/api/v1/runner", access: .runner,
            summary: "Who the runner is, and the key of its receipts.",
            answers: [(200, .json(.record([:], also: .runner)))]),
        Operation(
            method: "DELETE", path: "/api/v1/runner", access: .runner, summary: "Revokes the runner's own token.",
            answers: [(204, nil)]),
        Operation(
            method: "POST", path: "/api/v1/runner/rotate", access: .runner,
            summary: "Gives the runner a new token; the old one opens a while longer.",
            answers: [(200, .json(.record(["token": .string, "previous_until": .time])))]),
        Operation(
            method: "PUT", path: "/api/v1/runner/key", access: .runner,
            summary: "Registers the machine's public key, once.", body: .json(.record(["runner_key": .text(64)])),
            answers: [(204, nil)], problems: [400, 409, 413, 415]),
        Operation(
            method: "GET", path: "/api/v1/runner-tokens", access: .member,
            summary: "All runner tokens, never their text.",
            answers: [(200, .json(.record(["runner_tokens": .array(.runnerToken)])))]),
        Operation(
            method: "POST", path: "/api/v1/runner-tokens", access: .admin,
            summary: "Makes a token; its text is there once.",
            body: .json(.record(["name": .text(100)], optional: ["expires_in_days": .nullableInteger(1, 3650)])),
            answers: [(201, .json(.record(["token": .string, "runner_token": .runnerToken])))],
            problems: [400, 409, 413, 415, 422]),
        Operation(
            method: "GET", path: "/api/v1/runner-tokens/:id", access: .member, summary: "One runner token.",
            answers: [(200, .json(.runnerToken))], problems: [404]),
        Operation(
            method: "DELETE", path: "/api/v1/runner-tokens/:id", access: .admin, summary: "Revokes a token at once.",
            answers: [(204, nil)], problems: [404]),
    ]

    private static let runs: [Operation] = [
        Operation(
            method: "PUT", path: "/api/v1/runs/:id", access: .runner, summary: "Makes a run, or finds it.",
            body: .json(
                .record(
                    ["title": .text(512)],
                    optional: ["branch": .nullableText(512), "rules_digest": .nullableDigest, "started": .nullableTime])
            ),
            answers: [(200, .json(.standing)), (201, .json(.standing))], problems: [400, 404, 409, 413, 415, 422]),
        Operation(
            method: "GET", path: "/api/v1/runs", access: .any, summary: "Runs, newest first.",
            query: [
                Parameter(name: "status", schema: .string), Parameter(name: "phase", schema: .string),
                Parameter(name: "branch", schema: .string), Parameter(name: "runner", schema: .uuid),
                Parameter(name: "text", schema: .string, about: "Occurs in the title."),
                Parameter(name: "created_from", schema: .time), Parameter(name: "created_before", schema: .time),
                Parameter(name: "before", schema: .uuid, about: "The last run of the page before."),
                Parameter(name: "limit", schema: .integer(1, RunQuery.maximumLimit)),
            ],
            answers: [(200, .json(.record(["runs": .array(.run), "next": .nullableString])))], problems: [400]),
        Operation(
            method: "GET", path: "/api/v1/runs/:id", access: .any, summary: "One run.", answers: [(200, .json(.run))],
            problems: [404]),
        Operation(
            method: "DELETE", path: "/api/v1/runs/:id", access: .admin, summary: "Deletes a run with all it has.",
            answers: [(204, nil)], problems: [404]),
        Operation(
            method: "POST", path: "/api/v1/runs/:id/cancel", access: .member, summary: "Asks the runner to end a run.",
            answers: [(200, .json(.run))], problems: [404]),
        Operation(
            method: "GET", path: "/api/v1/runs/:id/commands", access: .runner,
            summary: "What the runner has to do; waits for it if asked to.",
            query: [Parameter(name: "wait", schema: .integer(0, 30), about: "Seconds.")],
            answers: [(200, .json(.record(["commands": .commands, "flush_ms": .integer])))], problems: [400, 404]),
        Operation(
            method: "POST", path: "/api/v1/runs/:id/events", access: .runner,
            summary: "Adds events: lines of the log, as they are (docs/formats/control-plane.md).",
            headers: [
                Parameter(
                    name: "Pipemason-First-Seq", schema: .integer(1, .max), isRequired: true,
                    about: "The number of the first line.")
            ],
            body: Content(mediaType: "application/x-ndjson", schema: .string), answers: [(200, .json(.standing))],
            problems: [400, 404, 409, 413, 415, 422, 503]),
        Operation(
            method: "GET", path: "/api/v1/runs/:id/events", access: .any,
            summary: "Events, byte for byte as they came.",
            query: [
                Parameter(name: "after", schema: .integer(0, .max)),
                Parameter(name: "limit", schema: .integer(1, 10_000)),
            ],
            answers: [(200, Content(mediaType: "application/x-ndjson", schema: .string))], problems: [400, 404]),
        Operation(
            method: "GET", path: "/api/v1/runs/:id/stream", access: .any,
            summary: "A snapshot, the events, and then what comes, as server-sent events.",
            query: [Parameter(name: "after", schema: .integer(0, .max))],
            headers: [Parameter(name: "Last-Event-ID", schema: .integer(0, .max))],
            answers: [(200, Content(mediaType: "text/event-stream", schema: .string)), (204, nil)],
            problems: [400, 404]),
        Operation(
            method: "GET", path: "/api/v1/runs/:id/receipts", access: .any,
            summary: "The signed receipt for all events (docs/formats/receipt.md).",
            answers: [(200, .json(.record(["receipts": .array(.receipt)])))], problems: [404]),
        Operation(
            method: "PUT", path: "/api/v1/runs/:id/artifacts/:digest", access: .runner, summary: "Keeps an artifact.",
            query: [Parameter(name: "name", schema: .text(200), isRequired: true)],
            body: Content(mediaType: "application/octet-stream", schema: .string), answers: [(200, nil), (201, nil)],
            problems: [400, 404, 409, 413, 415, 422]),
        Operation(
            method: "GET", path: "/api/v1/runs/:id/artifacts", access: .any, summary: "The artifacts of a run.",
            answers: [(200, .json(.record(["artifacts": .array(.artifact)])))], problems: [404]),
        Operation(
            method: "GET", path: "/api/v1/runs/:id/artifacts/:digest", access: .any, summary: "An artifact's bytes.",
            answers: [(200, Content(mediaType: "application/octet-stream", schema: .string))], problems: [404]),
    ]

    private static let github: [Operation] = [
        Operation(
            method: "GET", path: "/api/v1/github/connection", access: .member,
            summary: "The person's connection to GitHub: account, scopes, and how tokens for git are made.",
            answers: [
                (
                    200,
                    .json(
                        .record([
                            "site": .nullableString,
                            "connection": ["oneOf": .array([.githubConnection, ["type": "null"]])],
                        ]))
                )
            ]),
        Operation(
            method: "DELETE", path: "/api/v1/github/connection", access: .member,
            summary: "Ends the grant at GitHub and forgets the connection.",
            answers: [(200, .json(.record(["revoked_at_github": ["type": .array(["boolean", "null"])]])))],
            problems: [409]),
        Operation(
            method: "GET", path: "/api/v1/github/repositories", access: .member,
            summary: "Repositories that the connection reaches.",
            query: [
                Parameter(name: "text", schema: .string, about: "Occurs in the name."),
                Parameter(name: "page", schema: .string, about: "What the page before gave as `next`."),
            ],
            answers: [
                (
                    200,
                    .json(
                        .record([
                            "repositories": .array(
                                .record([
                                    "name": .string, "private": .bool, "push": .bool,
                                    "default_branch": .nullableString,
                                ])), "next": .nullableString,
                        ]))
                )
            ], problems: [400, 403, 409, 502, 503]),
        Operation(
            method: "POST", path: "/api/v1/runs/:id/git-token", access: .runner,
            summary: "A token for git, for one repository and operation, with how long it lives and what it reaches.",
            body: .json(
                .record([
                    "host": .text(300), "repository": .text(200), "operation": ["enum": .array(["fetch", "push"])],
                ])
            ),
            answers: [
                (
                    201,
                    .json(
                        .record([
                            "grant": .uuid, "username": .string, "token": .string,
                            "mode": ["enum": .array(GitTokenMode.allCases.map { .string($0.rawValue) })],
                            "expires_at": .nullableTime,
                            "repositories": ["type": .array(["array", "null"]), "items": .string],
                            "per_operation": .bool,
                        ]))
                )
            ], problems: [400, 403, 404, 409, 413, 415, 502, 503]),
        Operation(
            method: "DELETE", path: "/api/v1/runs/:id/git-token/:grant", access: .runner,
            summary: "Gives a token back: it is ended at GitHub if it was made for this grant.",
            answers: [(204, nil)], problems: [404, 409, 503]),
        Operation(
            method: "POST", path: "/api/v1/runs/:id/pull-requests", access: .runner, summary: "Makes a pull request.",
            body: .json(
                .record(
                    ["repository": .text(200), "title": .text(256), "head": .text(256)],
                    optional: ["base": .nullableText(256), "body": .nullableText(60_000), "draft": .bool])),
            answers: [(201, .json(.record(["number": .integer, "url": .string])))],
            problems: [400, 403, 404, 409, 413, 415, 422, 502, 503]),
    ]

    private static let people: [Operation] = [
        Operation(
            method: "GET", path: "/api/v1/session", access: .member, summary: "Who is signed in, and where.",
            answers: [
                (
                    200,
                    .json(
                        .record([
                            "user": .user, "role": .role, "organization": .uuid,
                            "organizations": .array(.organization), "expires": .time,
                        ]))
                )
            ]),
        Operation(
            method: "DELETE", path: "/api/v1/session", access: .member, summary: "Signs out.", answers: [(204, nil)]),
        Operation(
            method: "POST", path: "/api/v1/session/organization", access: .member,
            summary: "Moves the session to another of the person's organizations.",
            body: .json(.record(["organization": .uuid])), answers: [(204, nil)], problems: [400, 404, 413, 415]),
        Operation(
            method: "GET", path: "/api/v1/sessions", access: .member, summary: "The person's sessions.",
            answers: [(200, .json(.record(["sessions": .array(.session)])))]),
        Operation(
            method: "DELETE", path: "/api/v1/sessions/:id", access: .member,
            summary: "Ends one of the person's sessions.",
            answers: [(204, nil)], problems: [404]),
        Operation(
            method: "GET", path: "/api/v1/organization", access: .any, summary: "The organization.",
            answers: [(200, .json(.organization))]),
        Operation(
            method: "PATCH", path: "/api/v1/organization", access: .owner, summary: "Changes name and retention.",
            body: .json(
                .record([:], optional: ["name": .nullableText(100), "retention_days": .nullableInteger(1, 36_500)])),
            answers: [(200, .json(.organization))], problems: [400, 413, 415, 422]),
        Operation(
            method: "GET", path: "/api/v1/members", access: .member, summary: "Who belongs to the organization.",
            answers: [(200, .json(.record(["members": .array(.member)])))]),
        Operation(
            method: "PATCH", path: "/api/v1/members/:id", access: .admin, summary: "Changes a member's role.",
            body: .json(.record(["role": .role])), answers: [(204, nil)], problems: [400, 404, 409, 413, 415]),
        Operation(
            method: "DELETE", path: "/api/v1/members/:id", access: .admin, summary: "Removes a member.",
            answers: [(204, nil)], problems: [404, 409]),
        Operation(
            method: "GET", path: "/api/v1/invitations", access: .admin, summary: "Open invitations.",
            answers: [(200, .json(.record(["invitations": .array(.invitation)])))]),
        Operation(
            method: "POST", path: "/api/v1/invitations", access: .admin, summary: "Invites somebody.",
            body: .json(.record(["email": .text(254), "role": .role])),
            answers: [(201, .json(.record(["invitation": .invitation, "link": .string])))],
            problems: [400, 409, 413, 415]),
        Operation(
            method: "DELETE", path: "/api/v1/invitations/:id", access: .admin, summary: "Takes an invitation back.",
            answers: [(204, nil)], problems: [404]),
        Operation(
            method: "GET", path: "/api/v1/audit", access: .admin,
            summary: "What was granted, used, changed and revoked.",
            query: [
                Parameter(name: "before", schema: .uuid), Parameter(name: "limit", schema: .integer(1, 1000)),
            ],
            answers: [(200, .json(.record(["entries": .array(.auditEntry), "next": .nullableString])))],
            problems: [400]),
    ]
}

extension Operation.Content {
    static let plain = Self(mediaType: "text/plain", schema: .string)
    static let oauthError = Self.json(.record(["error": .string]))
    static func json(_ schema: JSONValue) -> Self { Self(mediaType: "application/json", schema: schema) }
    static func form(_ schema: JSONValue) -> Self {
        Self(mediaType: "application/x-www-form-urlencoded", schema: schema)
    }
}
