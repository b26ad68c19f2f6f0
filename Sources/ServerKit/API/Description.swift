internal import Hummingbird
internal import JSONText

extension Routes {
    func addDescription() {
        let text = OpenAPI.document
        open(.get, "/openapi.json") { _ in .json(text) }
    }
}

/// The OpenAPI document (version 3.1) of the API, made from `Operation.all`. A test holds that table against the routes.
package enum OpenAPI {
    package static let document: String =
        (JSONValue.object([
            (name: "openapi", value: "3.1.0"),
            (
                name: "info",
                value: [
                    "title": "pipemason control plane", "version": "1",
                    "description": "Runs of pipemason: watched while they go on, replayed, kept apart by organization.",
                ]
            ),
            (name: "paths", value: paths),
            (
                name: "components",
                value: [
                    "securitySchemes": [
                        "runner": ["type": "http", "scheme": "bearer"],
                        "session": ["type": "apiKey", "in": "cookie", "name": .string(Authenticator.cookie)],
                    ],
                    "schemas": ["Problem": .problem],
                ]
            ),
        ])).text

    /// The operations of the document, as `METHOD path access`, for the test.
    package static var operations: [String] {
        Operation.all.map { "\($0.method) \($0.path) \($0.access.rawValue)" }.sorted()
    }

    private static var paths: JSONValue {
        var order: [String] = []
        var methods: [String: [(name: String, value: JSONValue)]] = [:]
        for operation in Operation.all {
            let path = template(operation.path)
            if methods[path] == nil { order.append(path) }
            methods[path, default: []].append((operation.method.lowercased(), describe(operation)))
        }
        return .object(order.map { (name: $0, value: .object(methods[$0] ?? [])) })
    }

    /// `/runs/:id` as `/runs/{id}`.
    private static func template(_ path: String) -> String {
        path.split(separator: "/").map { $0.hasPrefix(":") ? "/{\($0.dropFirst())}" : "/\($0)" }.joined()
    }

    private static func describe(_ operation: Operation) -> JSONValue {
        var members: [(name: String, value: JSONValue)] = [("summary", .string(operation.summary))]
        let names = operation.path.split(separator: "/").filter { $0.hasPrefix(":") }.map { String($0.dropFirst()) }
        let parameters =
            names.map { parameter(Operation.Parameter(name: $0, schema: .string, isRequired: true), "path") }
            + operation.query.map { parameter($0, "query") } + operation.headers.map { parameter($0, "header") }
        if !parameters.isEmpty { members.append(("parameters", .array(parameters))) }
        if let body = operation.body {
            members.append(("requestBody", ["required": .bool(true), "content": content(body)]))
        }
        let schemes = security(operation.access)
        if !schemes.isEmpty {
            members.append(("security", .array(schemes.map { JSONValue.object([(name: $0, value: .array([]))]) })))
        }
        members.append(("responses", responses(operation)))
        return .object(members)
    }

    private static func parameter(_ parameter: Operation.Parameter, _ place: String) -> JSONValue {
        var members: [(name: String, value: JSONValue)] = [
            ("name", .string(parameter.name)), ("in", .string(place)), ("required", .bool(parameter.isRequired)),
            ("schema", parameter.schema),
        ]
        if !parameter.about.isEmpty { members.append(("description", .string(parameter.about))) }
        return .object(members)
    }

    private static func content(_ content: Operation.Content) -> JSONValue {
        JSONValue.object([(name: content.mediaType, value: .object([(name: "schema", value: content.schema)]))])
    }

    private static func security(_ access: Access) -> [String] {
        switch access {
        case .open: []
        case .runner: ["runner"]
        case .any: ["runner", "session"]
        case .member, .admin, .owner: ["session"]
        }
    }

    private static func responses(_ operation: Operation) -> JSONValue {
        var all: [(Int, JSONValue)] = operation.answers.map { answer in
            var members: [(name: String, value: JSONValue)] = [("description", "Done.")]
            if let body = answer.content { members.append(("content", content(body))) }
            return (answer.status, .object(members))
        }
        var problems = Set(operation.problems)
        if operation.access != .open { problems.formUnion([401, 403, 429, 503]) }
        let problem: JSONValue = [
            "description": "A problem document (RFC 9457).",
            "content": ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
        ]
        all += problems.filter { status in !all.contains { $0.0 == status } }.map { ($0, problem) }
        return .object(all.sorted { $0.0 < $1.0 }.map { (String($0.0), $0.1) })
    }
}
