package import HTTPTypes
package import Hummingbird
internal import JSONText
internal import NIOCore
internal import RunModel
package import ServerStore

extension Routes {
    func addRuns() {
        on(.put, "/api/v1/runs/:id", .runner) { call in
            let id: RunID = try call.id()
            guard id.isVersion7 else { throw Problem.badField("id", "It must be a UUID of version 7.") }
            var body = try await Body.document(call.request, limit: call.plane.settings.limits.documentBytes)
            let description = try describe(&body, call.plane)
            let result = try await call.store.putRun(
                call.scope, id, description,
                chain: ChainHead(next: 1, hash: ChainHash.zero.bytes), now: call.now)
            switch result {
            case .created(let run): return call.json(try await call.standing(run), .created)
            case .existing(let run): return call.json(try await call.standing(run))
            case .conflict:
                throw Problem.conflict(
                    "There is a run of this id that was made by another runner or described otherwise.")
            }
        }

        on(.get, "/api/v1/runs", .any) { call in
            let query = try call.open.query()
            let (filter, before, limit) = try RunQuery.parse(query)
            let runs = try await call.store.runs(call.scope, filter, before: before, limit: limit)
            return call.json(
                JSON.object([
                    ("runs", JSON.array(runs.map { RunDocument($0).json })),
                    ("next", runs.count == limit ? runs.last.map { JSON.string($0.id.description) } : "null"),
                ]))
        }

        on(.get, "/api/v1/runs/:id", .any) { call in
            guard let run = try await call.store.run(call.scope, try call.id()) else { throw Problem.notFound }
            return call.json(RunDocument(run).json)
        }

        on(.delete, "/api/v1/runs/:id", .admin) { call in
            guard try await call.store.deleteRun(call.scope, try call.id(), now: call.now) else {
                throw Problem.notFound
            }
            return Response(status: .noContent)
        }

        on(.post, "/api/v1/runs/:id/cancel", .member) { call in
            guard let run = try await call.plane.cancel(call.scope, try call.id(), now: call.now) else {
                throw Problem.notFound
            }
            return call.json(RunDocument(run).json)
        }

        on(.get, "/api/v1/runs/:id/commands", .runner) { call in
            let id: RunID = try call.id()
            let wait = try call.open.query()["wait"]
            let limit = Int(call.plane.settings.limits.commandWait.components.seconds)
            guard let seconds = Int(wait ?? "0"), (0...limit).contains(seconds) else {
                throw Problem.badField("wait", "It must be a number of seconds from 0 to \(limit).")
            }
            return call.json(try await call.commands(id, wait: .seconds(seconds)))
        }

        on(.get, "/api/v1/runs/:id/receipts", .any) { call in
            guard let run = try await call.store.run(call.scope, try call.id()) else { throw Problem.notFound }
            let receipt = try await call.receipt(run)
            return call.json(JSON.object([("receipts", JSON.array(receipt.map { [$0.json] } ?? []))]))
        }
    }
}

extension ControlPlane {
    /// Asks the runner of a run to end it; returns the run, or nil when there is none.
    package func cancel(_ scope: Scope, _ id: RunID, now: Timestamp) async throws -> Run? {
        guard let run = try await store.requestCancel(scope, id, now: now) else { return nil }
        hub.signal(Hub.Key(organization: scope.organization, run: id))
        return run
    }
}

/// What a runner says of a run when it makes it.
private func describe(_ body: inout Document, _ plane: ControlPlane) throws -> RunDescription {
    let limit = plane.settings.limits.textBytes
    let title = try body.text("title", limit: limit)
    let branch = try body.optionalText("branch", limit: limit)
    let rules = try body.optionalText("rules_digest", limit: limit)
    if let rules, ChainHash(digest: rules) == nil {
        throw Problem.badField("rules_digest", "It must be \"sha256:\" and 64 hexadecimal digits.")
    }
    var started: Timestamp?
    if let text = try body.optionalText("started", limit: limit) {
        guard let time = RunModel.Timestamp(text) else {
            throw Problem.badField("started", "It must be a time such as 2026-01-31T12:34:56.123456Z.")
        }
        started = Timestamp(time)
    }
    try body.finish()
    try plane.scrubber.require(title, field: "title")
    try plane.scrubber.require(branch, field: "branch")
    return RunDescription(title: title, branch: branch, rulesDigest: rules, started: started)
}

/// The query of a list of runs.
package enum RunQuery {
    package static let maximumLimit = 200

    package static func parse(_ query: Form) throws(Problem) -> (RunFilter, before: RunID?, limit: Int) {
        var filter = RunFilter()
        filter.status = query["status"]
        filter.phase = query["phase"]
        filter.branch = query["branch"]
        filter.text = query["text"]
        if let runner = query["runner"] {
            guard let id = RunnerTokenID(runner) else { throw .badField("runner", "It must be a runner token's id.") }
            filter.runner = id
        }
        filter.createdFrom = try time(query, "created_from")
        filter.createdBefore = try time(query, "created_before")
        var before: RunID?
        if let text = query["before"] {
            guard let id = RunID(text) else { throw .badField("before", "It must be a run's id.") }
            before = id
        }
        guard let limit = Int(query["limit"] ?? "50"), (1...maximumLimit).contains(limit) else {
            throw .badField("limit", "It must be a number from 1 to \(maximumLimit).")
        }
        return (filter, before, limit)
    }

    private static func time(_ query: Form, _ name: String) throws(Problem) -> Timestamp? {
        guard let text = query[name] else { return nil }
        guard let time = RunModel.Timestamp(text) else {
            throw .badField(name, "It must be a time such as 2026-01-31T12:34:56.123456Z.")
        }
        return Timestamp(time)
    }
}

extension Call {
    /// Where a run stands, as its runner is told.
    func standing(_ run: Run) async throws -> String {
        JSON.object([
            ("next_seq", String(run.chain.next)), ("head", JSON.string(ChainHash(run.chain.hash)?.description ?? "")),
            ("rules_digest", run.description.rulesDigest.map(JSON.string) ?? "null"),
            ("receipt", try await receipt(run)?.json ?? "null"), ("flush_ms", String(flush(run.id))),
            ("commands", commands(run)),
        ])
    }

    /// What a runner has to do, waiting for something as long as it asks to.
    func commands(_ id: RunID, wait: Duration) async throws -> String {
        let key = Hub.Key(organization: scope.organization, run: id)
        plane.hub.join(key, isWatcher: false)
        defer { plane.hub.leave(key, isWatcher: false) }
        let seen = plane.hub.signals(key)
        guard var run = try await store.run(scope, id) else { throw Problem.notFound }
        if run.cancelRequested == nil, !run.summary.isOver, wait > .zero {
            await plane.hub.waitForSignal(key, beyond: seen, until: .now + wait)
            guard let later = try await store.run(scope, id) else { throw Problem.notFound }
            run = later
        }
        return JSON.object([("commands", commands(run)), ("flush_ms", String(flush(id)))])
    }

    private func commands(_ run: Run) -> String {
        run.cancelRequested != nil && !run.summary.isOver
            ? JSON.array([JSON.object([("type", JSON.string("cancel"))])]) : "[]"
    }

    private func flush(_ id: RunID) -> Int64 {
        plane.hub.flushTime(Hub.Key(organization: scope.organization, run: id)).wholeMilliseconds
    }

    func receipt(_ run: Run) async throws -> Receipt? {
        let rules = run.description.rulesDigest.flatMap { ChainHash(digest: $0) }
        return try await plane.cabinet.signer(scope, now: now).receipt(run.id, run.chain, rules: rules)
    }

    func json(_ text: String, _ status: HTTPResponse.Status = .ok) -> Response { .json(text, status) }
}

extension Response {
    package static func json(_ text: String, _ status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

/// A run as JSON.
package struct RunDocument {
    package let json: String

    package init(_ run: Run) {
        let costs = run.summary.costs.sorted { $0.key < $1.key }
        json = JSON.object([
            ("id", JSON.string(run.id.description)), ("runner", JSON.string(run.runner.description)),
            ("title", JSON.string(run.description.title)),
            ("branch", run.description.branch.map(JSON.string) ?? "null"),
            ("status", JSON.string(run.summary.status)), ("phase", run.summary.phase.map(JSON.string) ?? "null"),
            ("iteration", run.summary.iteration.map { String($0) } ?? "null"),
            ("exit_code", run.summary.exitCode.map { String($0) } ?? "null"),
            ("created", run.created.json), ("started", run.description.started?.json ?? "null"),
            ("updated", run.updated.json), ("ended", run.summary.ended?.json ?? "null"),
            ("cancel_requested", run.cancelRequested?.json ?? "null"),
            ("input_tokens", String(run.summary.inputTokens)), ("output_tokens", String(run.summary.outputTokens)),
            ("cost_micros", JSON.object(costs.map { ($0.key, String($0.value)) })),
            ("redactions", String(run.summary.redactions)), ("last_seq", String(run.chain.next - 1)),
            ("event_bytes", String(run.eventBytes)),
        ])
    }
}

extension Timestamp {
    init(_ time: RunModel.Timestamp) { self.init(milliseconds: Int64(time.microseconds / 1000)) }

    /// As the API writes times: RFC 3339 with six digits of a second's fraction.
    package var text: String {
        RunModel.Timestamp(microseconds: Int(clamping: milliseconds.multipliedReportingOverflow(by: 1000).partialValue))
            .description
    }

    package var json: String { JSON.string(text) }
}

extension ChainHash {
    /// Reads `sha256:` and 64 digits.
    init?(digest: String) {
        guard digest.hasPrefix("sha256:") else { return nil }
        self.init(String(digest.dropFirst(7)))
    }
}
