internal import Glibc
internal import HTTPTypes
internal import Hummingbird
internal import JSONText
internal import Metrics
internal import RunModel
internal import ServerStore

extension Routes {
    func addEvents() {
        on(.post, "/api/v1/runs/:id/events", .runner) { call in
            let id: RunID = try call.id()
            let limits = call.plane.settings.limits
            guard Body.mediaType(call.request) == "application/x-ndjson" else {
                throw Problem(
                    .unsupportedMediaType, "unsupported-media-type", "The body must be application/x-ndjson.")
            }
            let bytes = try await Body.inflated(
                call.request, limit: limits.batchBytes, inflatedLimit: limits.inflatedBytes)
            guard !bytes.isEmpty else {
                // A batch without events asks where the run stands, and for commands.
                guard let run = try await call.store.run(call.scope, id) else { throw Problem.notFound }
                return call.json(try await call.standing(run))
            }
            let first = call.request.headers[.firstSequence].flatMap { Int($0) }
            let batch = try Batch(parsing: bytes, run: id, first: first, limit: limits.lines)
            try batch.requireScrubbed(call.plane.scrubber)
            let result = try await call.store.append(call.scope, to: id, batch.events, now: call.now)
            switch result {
            case .accepted(let run, let added):
                let new = batch.events.suffix(added)
                call.plane.hub.publish(
                    Hub.Key(organization: call.scope.organization, run: id), new, isOver: run.summary.isOver)
                Counter(label: "pipemason_events_total").increment(by: added)
                return call.json(try await call.standing(run))
            case .gap(let head): throw Problem.gap(head)
            case .fork(let sequence, let head): throw Problem.fork(at: sequence, head)
            case .noRun: throw Problem.notFound
            }
        }

        on(.get, "/api/v1/runs/:id/events", .any) { call in
            guard let run = try await call.store.run(call.scope, try call.id()) else { throw Problem.notFound }
            let query = try call.open.query()
            guard let after = Int64(query["after"] ?? "0"), after >= 0 else {
                throw Problem.badField("after", "It must be the number of an event, or 0.")
            }
            guard let limit = Int(query["limit"] ?? "1000"), (1...10_000).contains(limit) else {
                throw Problem.badField("limit", "It must be a number from 1 to 10000.")
            }
            return Response(
                status: .ok, headers: [.contentType: "application/x-ndjson"],
                body: ResponseBody { writer in
                    // What is stored later than the request is not sent: `limit` alone does not bound a run that goes on.
                    try await call.write(run, after: after, limit: limit, to: &writer)
                    try await writer.finish(nil)
                })
        }
    }
}

extension Call {
    fileprivate func write(
        _ run: Run, after: Int64, limit: Int, to writer: inout any ResponseBodyWriter
    ) async throws {
        var cursor = after
        var left = min(Int64(limit), run.chain.next - 1 - after)
        while left > 0 {
            let events = try await store.events(
                scope, of: run.id, after: cursor, limit: Int(min(left, 1000)),
                bytes: plane.settings.limits.streamBytes)
            guard let last = events.last?.sequence else { return }
            var buffer = ByteBuffer()
            for event in events {
                buffer.writeBytes(event.line)
                buffer.writeInteger(UInt8(ascii: "\n"))
            }
            try await writer.write(buffer)
            left -= Int64(events.count)
            cursor = last
        }
    }
}

/// The lines of one request, each with its event, linked to each other.
struct Batch {
    let events: [IncomingEvent]
    /// What the scrubber looks at.
    private var texts = ArrivingTexts()

    /// Takes a body apart.
    ///
    /// - Throws: a problem that names the line (from 1) and the member. Never what is in it.
    init(parsing bytes: [UInt8], run: RunID, first: Int?, limit: Int) throws(Problem) {
        let lines = Self.lines(bytes)
        guard lines.count <= limit else {
            throw .tooLarge("The batch has more lines than the limit.", limit: limit)
        }
        var events: [IncomingEvent] = []
        events.reserveCapacity(lines.count)
        let run = RunModel.RunID(run.description)
        var hasher = ChainHasher()
        for (index, content) in lines.enumerated() {
            let line = try Self.parse(content, number: index + 1, &hasher)
            try Self.check(line, run: run, first: first, after: events.last, number: index + 1)
            texts.add(line.event)
            events.append(IncomingEvent(line))
        }
        self.events = events
    }

    /// The lines without their line feeds. Behind the last line feed is none, if nothing is there.
    private static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let end = bytes.withUnsafeBytes { buffer -> Int? in
                // Searches within the buffer, which outlives the call.
                guard let base = buffer.baseAddress, let found = memchr(base + start, 10, buffer.count - start) else {
                    return nil
                }
                return UnsafeRawPointer(found) - base
            }
            lines.append(bytes[start..<(end ?? bytes.count)])
            start = (end ?? bytes.count) + 1
        }
        return lines
    }

    /// - Throws: `unscrubbed-content` for the first secret.
    func requireScrubbed(_ scrubber: ArrivalScrubber) throws(Problem) { try texts.requireScrubbed(scrubber) }

    private static func parse(
        _ bytes: ArraySlice<UInt8>, number: Int, _ hasher: inout ChainHasher
    ) throws(Problem) -> EventLine {
        do throws(EventLineError) {
            return try EventLine(parsing: bytes.span, &hasher)
        } catch {
            throw .malformedEvent(error, line: number)
        }
    }

    private static func check(
        _ line: EventLine, run: RunModel.RunID?, first: Int?, after previous: IncomingEvent?, number: Int
    ) throws(Problem) {
        guard line.event.run == run else {
            throw .malformedEvent(EventLineError(.badField, "run"), line: number)
        }
        guard let previous else {
            guard first == line.event.sequence else {
                throw .badField("Pipemason-First-Seq", "It must be the sequence number of the first line.")
            }
            return
        }
        guard line.event.sequence == previous.sequence + 1 else {
            throw .malformedEvent(EventLineError(.brokenChain, "seq"), line: number)
        }
        guard line.previous.bytes == previous.hash else {
            throw .malformedEvent(EventLineError(.brokenChain, "prev"), line: number)
        }
    }
}

extension IncomingEvent {
    fileprivate init(_ line: EventLine) {
        let event = line.event
        var effect = RunEffect(
            phase: event.phase, iteration: event.iteration.map(Int64.init),
            redactions: event.scrub.hits.values.reduce(0) { $0.saturatingAdding(Int64($1)) })
        switch event.body {
        case .runFinished(let ending):
            effect.ending = RunEffect.Ending(
                status: ending.status.rawValue, exitCode: ending.exit.map(Int64.init),
                time: Timestamp(event.time))
        case .agentUsage(let usage):
            effect.usage = RunEffect.Usage(
                inputTokens: Int64(usage.inputTokens), outputTokens: Int64(usage.outputTokens),
                costMicros: Int64(usage.cost?.micros ?? 0), currency: usage.cost?.currency)
        default: break
        }
        self.init(
            sequence: Int64(event.sequence), previous: line.previous.bytes, hash: line.hash.bytes, line: line.bytes,
            effect: effect)
    }
}

extension Problem {
    fileprivate static func malformedEvent(_ error: EventLineError, line: Int) -> Problem {
        Problem(
            .badRequest, "malformed-event", "A line is not an event, or not the next one.",
            detail: error.code.rawValue,
            members: [("line", String(line)), ("field", JSON.string(error.place))])
    }

    fileprivate static func gap(_ head: ChainHead) -> Problem {
        Problem(
            .conflict, "sequence-gap", "Events before these are missing.", members: standing(head))
    }

    fileprivate static func fork(at sequence: Int64, _ head: ChainHead) -> Problem {
        Problem(
            .conflict, "chain-fork", "An event differs from the one that is stored, or does not follow it.",
            members: [("seq", String(sequence))] + standing(head))
    }

    private static func standing(_ head: ChainHead) -> [(name: String, json: String)] {
        [("next_seq", String(head.next)), ("head", JSON.string(ChainHash(head.hash)?.description ?? ""))]
    }
}
