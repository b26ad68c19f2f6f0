internal import HTTPTypes
internal import Hummingbird
internal import RunModel
internal import RunPlayback
internal import ServerKit
internal import ServerStore
internal import TextEncodings

extension Routes {
    /// The list of runs, a run, and its log without scripts.
    func addRunPages() {
        on(.get, "/runs", .member, as: .page) { call in try await RunListView.response(call) }

        on(.get, "/runs/:id", .member, as: .page) { call in
            guard let run = try await call.store.run(call.scope, try call.id()) else { throw Problem.notFound }
            let view = try await RunView(run, call)
            var frame = try await call.frame(run.description.title, Templates.render("run", view), in: .runs)
            frame.hasLog = true
            frame.hasLogStyle = true
            frame.isWide = true
            frame.refreshes = !run.summary.isOver
            return frame.response()
        }

        on(.get, "/runs/:id/log", .member, as: .page) { call in
            guard let run = try await call.store.run(call.scope, try call.id()) else { throw Problem.notFound }
            guard let after = Int64(try call.open.query()["after"] ?? "0"), after >= 0 else {
                throw Problem.badField("after", "It must be the number of an event, or 0.")
            }
            let view = try await LogPageView(run, after: after, call)
            var frame = try await call.frame(
                "Log of \(run.description.title)", Templates.render("run-log", view), in: .runs)
            frame.isWide = true
            frame.hasLogStyle = true
            return frame.response()
        }

        on(.post, "/runs/:id/cancel", .member, as: .page) { call in
            guard let run = try await call.plane.cancel(call.scope, try call.id(), now: call.now) else {
                throw Problem.notFound
            }
            return .see("/runs/\(run.id)")
        }
    }
}

/// `runs.html`
private struct RunListView {
    let filter: Filter
    let isFiltered: Bool
    let error: String?
    let runs: [Row]
    let hasRuns: Bool
    let isLive: Bool
    let newest: String?
    let older: String?
    let publicURL: String

    /// Runs of a page.
    static let pageSize = 50

    struct Filter {
        let text: String
        let branch: String
        let phase: String
        let from: String
        let to: String
        let statuses: [Choice]
    }

    struct Choice {
        let value: String
        let isSelected: Bool
    }

    struct Row {
        let id: String
        let title: String
        let status: String
        let branch: String?
        let runner: String?
        let phase: String?
        let iteration: String?
        let started: Moment
        let duration: String
        let tokens: String?
        let cost: String?
        let redactions: String?

        init(_ run: ServerKit.Run, runner: String?, now: ServerKit.Timestamp) {
            let summary = run.summary
            id = run.id.description
            title = run.description.title
            status = summary.status
            branch = run.description.branch?.nonEmpty
            self.runner = runner
            phase = summary.phase
            iteration = summary.iteration.map { String($0) }
            started = Moment(run.description.started ?? run.created)
            duration = run.duration(now: now)
            let count = Int(clamping: summary.inputTokens.saturating(adding: summary.outputTokens))
            tokens = count > 0 ? Quantity.count(count) : nil
            cost = run.costs.nonEmpty
            redactions = summary.redactions > 0 ? Quantity.count(Int(clamping: summary.redactions)) : nil
        }
    }

    static func response(_ call: Call) async throws -> Response {
        let query = try call.open.query()
        var filter = RunFilter()
        filter.text = query["text"]?.nonEmpty
        filter.branch = query["branch"]?.nonEmpty
        filter.phase = query["phase"]?.nonEmpty
        filter.status = query["status"]?.nonEmpty
        var error: String?
        var (from, to) = (query["from"] ?? "", query["to"] ?? "")
        if !from.isEmpty {
            filter.createdFrom = ServerKit.Timestamp(day: from)
            if filter.createdFrom == nil {
                error = "From is not a date such as 2026-01-31."
                from = ""
            }
        }
        if !to.isEmpty {
            // The last day belongs to the range.
            filter.createdBefore = ServerKit.Timestamp(day: to).map { $0 + .seconds(86_400) }
            if filter.createdBefore == nil {
                error = "To is not a date such as 2026-01-31."
                to = ""
            }
        }
        var before: ServerKit.RunID?
        if let text = query["before"]?.nonEmpty {
            guard let id = ServerKit.RunID(text) else { throw Problem.badField("before", "It must be a run's id.") }
            before = id
        }
        let isFiltered = filter != RunFilter() || error != nil

        let found =
            error == nil ? try await call.store.runs(call.scope, filter, before: before, limit: pageSize + 1) : []
        let page = found.prefix(pageSize)
        let runners = Dictionary(
            try await call.store.runnerTokens(call.scope).map { ($0.id, $0.name) },
            uniquingKeysWith: { first, _ in first })
        let fields =
            [("text", filter.text), ("branch", filter.branch), ("phase", filter.phase), ("status", filter.status)]
            .compactMap { name, value in value.map { (name, $0) } }
            + [("from", from), ("to", to)].filter { !$0.1.isEmpty }
        let view = RunListView(
            filter: Filter(
                text: filter.text ?? "", branch: filter.branch ?? "", phase: filter.phase ?? "", from: from, to: to,
                statuses: RunStatus.allCases.filter { $0 != .skipped }.map {
                    Choice(value: $0.rawValue, isSelected: $0.rawValue == filter.status)
                }),
            isFiltered: isFiltered, error: error,
            runs: page.map { Row($0, runner: runners[$0.runner], now: call.now) }, hasRuns: !page.isEmpty,
            isLive: page.contains { !$0.summary.isOver }, newest: before == nil ? nil : Address("/runs", fields).text,
            older: found.count > pageSize
                ? page.last.map { Address("/runs", fields + [("before", $0.id.description)]).text } : nil,
            publicURL: call.plane.settings.publicURL)
        return try await call.frame("Runs", Templates.render("runs", view), in: .runs)
            .response(error == nil ? .ok : .badRequest)
    }
}

/// `run.html`
private struct RunView {
    let id: String
    let title: String
    let status: String
    let branch: String?
    let runner: String
    let started: Moment
    let duration: String
    let phase: String
    let iteration: String
    let tokens: String
    let cost: String
    let redactions: String
    let events: String
    let isRunning: Bool
    let isCancelling: Bool
    let artifacts: [ArtifactView]
    let hasArtifacts: Bool
    /// The last lines, for browsers without scripts.
    let rows: [LogRows.Row]
    let isCut: Bool

    struct ArtifactView {
        let name: String
        let size: String
        let mediaType: String
        let url: String
        let isImage: Bool
    }

    /// Events at the end whose lines stand in the page itself.
    private static let tail: Int64 = 200

    init(_ run: ServerKit.Run, _ call: Call) async throws {
        let summary = run.summary
        id = run.id.description
        title = run.description.title
        status = summary.status
        branch = run.description.branch?.nonEmpty
        runner = try await call.store.runnerToken(call.scope, run.runner)?.name ?? "a runner that is gone"
        started = Moment(run.description.started ?? run.created)
        duration = run.duration(now: call.now)
        phase = summary.phase ?? "–"
        iteration = summary.iteration.map { String($0) } ?? "–"
        tokens =
            "\(Quantity.count(Int(clamping: summary.inputTokens))) in · \(Quantity.count(Int(clamping: summary.outputTokens))) out"
        cost = run.costs.nonEmpty ?? "–"
        redactions = Quantity.count(Int(clamping: summary.redactions))
        events = Quantity.count(Int(clamping: run.chain.next - 1))
        isCancelling = !summary.isOver && run.cancelRequested != nil
        isRunning = !summary.isOver && run.cancelRequested == nil
        artifacts = try await call.store.artifacts(call.scope, of: run.id).map { artifact in
            ArtifactView(
                name: artifact.name, size: Quantity.bytes(artifact.size), mediaType: artifact.mediaType,
                url: "/api/v1/runs/\(run.id)/artifacts/\(Hex.encode(artifact.digest.span))",
                isImage: artifact.isPicture)
        }
        hasArtifacts = !artifacts.isEmpty
        let after = max(0, run.chain.next - 1 - Self.tail)
        rows = try await LogRows.read(call, run.id, after: after).rows
        isCut = after > 0
    }
}

/// `run-log.html`
private struct LogPageView {
    let id: String
    let title: String
    let status: String
    let rows: [LogRows.Row]
    let from: String
    let to: String
    let total: String
    let first: String?
    let next: String?

    init(_ run: ServerKit.Run, after: Int64, _ call: Call) async throws {
        id = run.id.description
        title = run.description.title
        status = run.summary.status
        let read = try await LogRows.read(call, run.id, after: after)
        rows = read.rows
        let last = run.chain.next - 1
        from = Quantity.count(Int(clamping: min(after + 1, last)))
        to = Quantity.count(Int(clamping: read.last))
        total = Quantity.count(Int(clamping: last))
        first = after > 0 ? "/runs/\(run.id)/log" : nil
        next = read.last < last ? "/runs/\(run.id)/log?after=\(read.last)" : nil
    }
}

extension ServerKit.Artifact {
    /// Whether browsers show it: a kind of picture in which nothing runs. Everything else is a download only.
    fileprivate var isPicture: Bool { ["image/png", "image/jpeg", "image/webp", "image/gif"].contains(mediaType) }
}

extension Int64 {
    fileprivate func saturating(adding other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
