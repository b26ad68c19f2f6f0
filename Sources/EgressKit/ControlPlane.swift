package import JSONText
package import LinkProtocol
package import RunModel

/// What the server answers, read (docs/formats/control-plane.md). Members that are not known are passed over: a server
/// may be newer than we are.
package enum ControlPlane {
    /// Something that the server wants of the runner.
    package enum Command: Sendable, Equatable {
        case cancel
    }

    /// Where a run stands at the server: the answer to opening it, and to each batch.
    package struct Progress: Sendable, Equatable {
        /// The first line that the server does not have.
        package var nextSequence: Int
        /// The hash of the line before; zeros when it has none.
        package var head: ChainHash
        /// How long to gather lines before sending them, in milliseconds.
        package var flushInterval: Int
        package var commands: [Command]
        /// The receipt's members as they came.
        package var receipt: JSONValue?

        /// Limits of `flushInterval`: whatever the server says, it gets no more than ten requests a second, and
        /// something every minute.
        package static let flushIntervals = 100...60_000
        package static let defaultFlushInterval = 1000
    }

    /// A refusal (RFC 9457).
    package struct Problem: Sendable, Equatable {
        /// The end of `type`: `chain-fork`, `sequence-gap`, `unscrubbed-content`, …
        package var code: String
        package var title: String
        package var nextSequence: Int?
        package var head: ChainHash?
        package var sequence: Int?
        package var rule: String?
    }

    /// The answer to asking who one is, and to pairing.
    package struct Identity: Sendable, Equatable {
        package var organization: String
        package var organizationName: String
        package var runner: String
        package var receiptKey: ReceiptKey?
    }

    package static let userAgent = "pipemason"
    private static let json = [("content-type", "application/json"), ("accept", "application/json")]

    package static func openRun(
        _ run: RunID, title: String, branch: String?, rules: ChainHash?, started: Timestamp?
    ) -> (LinkRequest, [UInt8]) {
        let body = Array(
            JSONValue.members([
                ("title", .string(title)), ("branch", branch.map { .string($0) }),
                ("rules_digest", rules.map { .string("sha256:\($0)") }), ("started", started.map { .string("\($0)") }),
            ]).text.utf8)
        return (LinkRequest("PUT", "/api/v1/runs/\(run)", headers: json, length: body.count), body)
    }

    /// - Parameter body: whole lines, compressed when `isCompressed`.
    package static func events(_ run: RunID, first: Int, body: [UInt8], isCompressed: Bool) -> LinkRequest {
        var headers = [
            ("content-type", "application/x-ndjson"), ("accept", "application/json"),
            ("pipemason-first-seq", String(first)),
        ]
        if isCompressed { headers.append(("content-encoding", "gzip")) }
        return LinkRequest("POST", "/api/v1/runs/\(run)/events", headers: headers, length: body.count)
    }

    /// Waits at the server until there is a command, `seconds` at most.
    package static func commands(_ run: RunID, seconds: Int) -> LinkRequest {
        LinkRequest(
            "GET", "/api/v1/runs/\(run)/commands?wait=\(seconds)", headers: [("accept", "application/json")],
            timeout: 1000 * (seconds + 15))
    }

    package static func artifact(_ run: RunID, _ artifact: Artifact) -> LinkRequest {
        // The server takes a name for a label, without separators of paths.
        let name = String(artifact.name.map { $0 == "/" || $0 == "\\" ? "_" : $0 }.suffix(200))
        return LinkRequest(
            "PUT", "/api/v1/runs/\(run)/artifacts/\(artifact.digest)?name=\(percentEncoded(name))",
            headers: [("content-type", artifact.mediaType), ("accept", "application/json")], length: artifact.size,
            timeout: 120_000)
    }

    /// Registers this machine's Ed25519 public key with its token; 409 when that has another one.
    package static func registerKey(_ publicKey: String) -> (LinkRequest, [UInt8]) {
        let body = Array(JSONValue.members([("runner_key", .string(publicKey))]).text.utf8)
        return (LinkRequest("PUT", "/api/v1/runner/key", headers: json, length: body.count), body)
    }

    package static let whoAmI = LinkRequest("GET", "/api/v1/runner", headers: [("accept", "application/json")])
    package static let signOut = LinkRequest("DELETE", "/api/v1/runner", headers: [("accept", "application/json")])

    // MARK: GitHub (docs/github.md)

    /// Asks for a token for git.
    package static func gitToken(_ run: String, _ remote: GitRemote, _ operation: String) -> (LinkRequest, [UInt8]) {
        let body = Array(
            JSONValue.members([
                ("host", .string(remote.authority)), ("repository", .string(remote.name)),
                ("operation", .string(operation)),
            ]).text.utf8)
        return (LinkRequest("POST", "/api/v1/runs/\(run)/git-token", headers: json, length: body.count), body)
    }

    package static func returnGitToken(_ run: String, _ grant: String) -> LinkRequest {
        LinkRequest(
            "DELETE", "/api/v1/runs/\(run)/git-token/\(percentEncoded(grant))",
            // The end of a run does not wait long for a server that is away: it ends tokens by itself.
            headers: [("accept", "application/json")], timeout: 5000)
    }

    /// - Throws: `EgressError` when the answer lacks what it must have, or has what git could take for another line.
    package static func minted(_ body: [UInt8]) throws(EgressError) -> GitBroker.Minted {
        let answer = try Members(body)
        guard let grant = answer.text("grant"), let name = answer.text("username"), let token = answer.text("token"),
            [grant, name, token].allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) } })
        else { throw EgressError("an answer without grant, username and token") }
        let isPerOperation = if case .bool(true)? = answer["per_operation"] { true } else { false }
        return GitBroker.Minted(
            grant: grant, username: name, token: token,
            expires: answer.text("expires_at").flatMap { Timestamp($0) }.map { $0.microseconds / 1_000_000 },
            isPerOperation: isPerOperation)
    }

    package static func pullRequest(
        _ run: String, _ repository: String, title: String, body: String, head: String, base: String?, isDraft: Bool
    ) -> (LinkRequest, [UInt8]) {
        let content = Array(
            JSONValue.members([
                ("repository", .string(repository)), ("title", .string(title)), ("body", .string(body)),
                ("head", .string(head)), ("base", base.map { .string($0) } ?? .null), ("draft", .bool(isDraft)),
            ]).text.utf8)
        return (
            LinkRequest(
                "POST", "/api/v1/runs/\(percentEncoded(run))/pull-requests", headers: json, length: content.count),
            content
        )
    }

    package static func pullRequestAddress(_ body: [UInt8]) throws(EgressError) -> String {
        guard let url = try Members(body).text("url") else { throw EgressError("an answer without url") }
        return url
    }

    /// A form as browsers send it.
    package static func form(_ path: String, _ fields: [(String, String)]) -> (LinkRequest, [UInt8]) {
        let text = fields.map { "\($0.0)=\(percentEncoded($0.1))" }.joined(separator: "&")
        let body = Array(text.utf8)
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
        return (LinkRequest("POST", path, headers: headers, length: body.count, isAuthorized: false), body)
    }

    /// RFC 3986, section 2.1: everything but unreserved characters.
    static func percentEncoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: result.append(byte)
            default: result += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// - Throws: `EgressError` when the answer lacks what it must have.
    package static func progress(_ body: [UInt8]) throws(EgressError) -> Progress {
        let answer = try Members(body)
        guard let next = answer.integer("next_seq"), next > 0, let head = answer.hash("head") else {
            throw EgressError("an answer without next_seq and head")
        }
        let flush = answer.integer("flush_ms") ?? Progress.defaultFlushInterval
        let receipt: JSONValue? = if case .object? = answer["receipt"] { answer["receipt"] } else { nil }
        return Progress(
            nextSequence: next, head: head,
            flushInterval: min(max(flush, Progress.flushIntervals.lowerBound), Progress.flushIntervals.upperBound),
            commands: answer.commands, receipt: receipt)
    }

    /// The commands of an answer that may hold nothing else.
    package static func commands(_ body: [UInt8]) -> [Command] { (try? Members(body))?.commands ?? [] }

    /// The problem of a refusal, as far as it has one.
    package static func problem(_ body: [UInt8]) -> Problem {
        guard let answer = try? Members(body) else { return Problem(code: "", title: "") }
        let type = answer.text("code") ?? answer.text("type") ?? ""
        return Problem(
            code: type.split(separator: ":").last.map(String.init) ?? "",
            title: String((answer.text("title") ?? "").prefix(200)), nextSequence: answer.integer("next_seq"),
            head: answer.hash("head"), sequence: answer.integer("seq"), rule: answer.text("rule"))
    }

    /// - Throws: `EgressError`.
    package static func identity(_ body: [UInt8]) throws(EgressError) -> Identity { try identity(try Members(body)) }

    static func identity(_ answer: Members) throws(EgressError) -> Identity {
        guard let organization = answer.text("organization"), let runner = answer.text("runner") else {
            throw EgressError("an answer without organization and runner")
        }
        var key: ReceiptKey?
        if let value = answer["receipt_key"], case .object = value { key = try ReceiptKey(value) }
        return Identity(
            organization: organization, organizationName: answer.text("organization_name") ?? organization,
            runner: runner, receiptKey: key)
    }

    /// The members of an answer.
    struct Members {
        private let members: [(name: String, value: JSONValue)]

        init(_ body: [UInt8]) throws(EgressError) {
            var reader = JSONReader<EgressError>()
            let bytes = body.span
            let value = try reader.value(bytes)
            try reader.expectEnd(bytes)
            try self.init(value)
        }

        init(_ value: JSONValue) throws(EgressError) {
            guard case .object(let members) = value else { throw EgressError("an answer that is no object") }
            self.members = members
        }

        subscript(_ name: String) -> JSONValue? { members.first { $0.name == name }?.value }

        func text(_ name: String) -> String? {
            guard case .string(let text)? = self[name] else { return nil }
            return text
        }

        func integer(_ name: String) -> Int? {
            guard case .number(let digits)? = self[name] else { return nil }
            return Int(digits)
        }

        func hash(_ name: String) -> ChainHash? { text(name).flatMap { ChainHash($0) } }

        var commands: [Command] {
            guard case .array(let elements)? = self["commands"] else { return [] }
            return elements.compactMap { element in
                (try? Members(element))?.text("type") == "cancel" ? .cancel : nil
            }
        }
    }
}
