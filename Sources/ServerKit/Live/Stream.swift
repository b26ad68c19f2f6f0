internal import HTTPTypes
internal import Hummingbird
internal import Metrics
internal import NIOCore
internal import ServerStore

extension Routes {
    func addStream() {
        on(.get, "/api/v1/runs/:id/stream", .any) { call in
            guard let run = try await call.store.run(call.scope, try call.id()) else { throw Problem.notFound }
            let cursor = try startingPoint(call)
            // A browser whose stream ended comes back by itself, and stops only at this answer (HTML Standard, 9.2.3).
            if run.summary.isOver, cursor > 0, cursor >= run.chain.next - 1 { return Response(status: .noContent) }
            let watcher = Watcher(call: call, run: run.id)
            return Response(
                status: .ok,
                headers: [
                    .contentType: "text/event-stream", .cacheControl: "no-store",
                    // nginx would collect events before it sends them on.
                    HTTPField.Name("X-Accel-Buffering")!: "no",
                ],
                body: ResponseBody { writer in
                    try await watcher.write(from: cursor, to: &writer)
                    try await writer.finish(nil)
                })
        }
    }
}

/// The event that the reader has: `Last-Event-ID`, or `?after=` for who is no browser, or the beginning.
private func startingPoint(_ call: Call) throws(Problem) -> Int64 {
    let query = try call.open.query()
    guard let text = call.request.headers[.lastEventID] ?? query["after"] else { return 0 }
    guard let cursor = Int64(text), cursor >= 0 else {
        throw .badField("after", "It must be the number of an event, or 0.")
    }
    return cursor
}

/// One reader of a run's stream.
private struct Watcher: Sendable {
    let call: Call
    let run: RunID

    private var key: Hub.Key { Hub.Key(organization: call.scope.organization, run: run) }
    private var limits: ServerLimits { call.plane.settings.limits }

    /// Sends a snapshot, everything behind `start`, then what comes, until the run is over.
    func write(from start: Int64, to writer: inout any ResponseBodyWriter) async throws {
        let hub = call.plane.hub
        hub.join(key, isWatcher: true)
        defer { hub.leave(key, isWatcher: true) }
        guard let first = try await call.store.run(call.scope, run) else { return }
        hub.advance(key, to: first.chain.next - 1)
        try await writer.write(Frame.retry)
        try await writer.write(Frame.named("snapshot", RunDocument(first).json))
        if try await end(first, cursor: start, &writer) { return }
        var cursor = start
        var checked = ContinuousClock.now
        var spoken = ContinuousClock.now
        var signals = hub.signals(key)
        while true {
            let seen = hub.signals(key)
            if seen != signals || ContinuousClock.now - checked >= limits.recheck {
                guard try await isStillAllowed() else { return }
                checked = .now
                signals = seen
            }
            let deadline = min(spoken + limits.heartbeat, checked + limits.recheck)
            switch await hub.next(key, after: cursor, until: deadline) {
            case .frames(let frames, let through, let isEnd):
                try await writer.write(frames)
                cursor = through
                spoken = .now
                if isEnd, try await isOver(cursor: cursor, &writer) { return }
            case .fetch:
                let events = try await fetch(after: cursor)
                // What was said to be there is not: asking again at once would never end.
                if events.isEmpty { return }
                if let last = events.last?.sequence {
                    var frames = ByteBuffer()
                    for event in events { Frame.event(event.sequence, event.line, into: &frames) }
                    try await writer.write(frames)
                    cursor = last
                    spoken = .now
                }
                if try await isOver(cursor: cursor, &writer) { return }
            case .silence:
                guard ContinuousClock.now - spoken >= limits.heartbeat else { continue }
                try await writer.write(Frame.comment)
                spoken = .now
            case .closing: return
            }
        }
    }

    /// Who was signed out, removed or revoked meanwhile sees nothing further; nor does anybody of a run that was deleted.
    private func isStillAllowed() async throws -> Bool {
        guard try await call.plane.authenticator.isStillGood(call.identity, now: call.plane.now()) else { return false }
        return try await call.store.run(call.scope, run) != nil
    }

    /// Whether the run is over, or gone, and all of it was sent; says so to the reader.
    private func isOver(cursor: Int64, _ writer: inout any ResponseBodyWriter) async throws -> Bool {
        guard let now = try await call.store.run(call.scope, run) else { return true }
        return try await end(now, cursor: cursor, &writer)
    }

    private func end(_ run: Run, cursor: Int64, _ writer: inout any ResponseBodyWriter) async throws -> Bool {
        guard run.summary.isOver, cursor >= run.chain.next - 1 else { return false }
        try await writer.write(Frame.named("end", RunDocument(run).json))
        return true
    }

    private func fetch(after cursor: Int64) async throws -> [StoredEvent] {
        try await call.store.events(
            call.scope, of: run, after: cursor, limit: limits.lines, bytes: limits.streamBytes)
    }
}
