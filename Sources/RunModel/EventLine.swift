internal import JSONText

/// A line of a log: an event and its place in the chain (docs/formats/iterations-log.md).
package struct EventLine: Sendable, Equatable {
    package let event: RunEvent
    /// The hash of the line before.
    package let previous: ChainHash
    /// The hash of this line.
    package let hash: ChainHash
    /// The line without its line feed.
    package let bytes: [UInt8]

    package static let version = 1

    /// Writes an event as the line that continues `previous`.
    ///
    /// - Throws: `.tooLarge` or `.badField` when the event exceeds a limit that its reader checks.
    package init(_ event: RunEvent, after previous: ChainHash) throws(EventLineError) {
        var bytes: [UInt8] = []
        bytes.append(contentsOf: Self.head(of: event).utf8)
        bytes += try event.body.encodedData()
        bytes.append(contentsOf: Self.tail(of: event, previous).utf8)
        let hash = ChainHash(after: previous, bytes.span)
        bytes.append(contentsOf: Self.ending(hash).utf8)
        guard bytes.count < EventLimits.line else { throw EventLineError(.tooLarge, "line") }
        try Self.check(event)
        self.event = event
        self.previous = previous
        self.hash = hash
        self.bytes = bytes
    }

    /// Reads a line without its line feed and checks its hash.
    package init(parsing bytes: Span<UInt8>) throws(EventLineError) {
        var hasher = ChainHasher()
        try self.init(parsing: bytes, &hasher)
    }

    /// The same for one of many lines, which share a hasher.
    package init(parsing bytes: Span<UInt8>, _ hasher: inout ChainHasher) throws(EventLineError) {
        guard bytes.count < EventLimits.line else { throw EventLineError(.tooLarge, "line") }
        var reader = EnvelopeReader()
        let (event, previous) = try reader.read(bytes)
        let content = bytes.extracting(0..<reader.offset)
        hash = hasher.hash(after: previous, content)
        guard reader.takesEnding(hash, bytes) else { throw EventLineError(.wrongHash, "hash") }
        self.event = event
        self.previous = previous
        self.bytes = bytes.withUnsafeBufferPointer { Array($0) }
    }

    /// Everything before `data`'s value.
    package static func head(of event: RunEvent) -> String {
        let phase = event.phase.map { JSON.string($0) } ?? "null"
        let iteration = event.iteration.map { String($0) } ?? "null"
        return "{\"v\":\(version),\"run\":\"\(event.run)\",\"seq\":\(event.sequence),\"ts\":\"\(event.time)\","
            + "\"mono\":\(event.monotonic),\"type\":\"\(event.body.type)\",\"phase\":\(phase),\"iter\":\(iteration),\"data\":"
    }

    /// Everything after `data`'s value and before `,"hash":`.
    package static func tail(of event: RunEvent, _ previous: ChainHash) -> String {
        let hits = event.scrub.hits.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        let counts = JSON.object(hits.map { ($0.key, String($0.value)) })
        return ",\"scrub\":{\"rules\":\"sha256:\(event.scrub.rules)\",\"hits\":\(counts)},\"prev\":\"\(previous)\""
    }

    /// `,"hash":"…"}`
    package static func ending(_ hash: ChainHash) -> String { ",\"hash\":\"\(hash)\"}" }

    private static func check(_ event: RunEvent) throws(EventLineError) {
        guard event.sequence > 0 else { throw EventLineError(.badField, "seq") }
        guard event.monotonic >= 0 else { throw EventLineError(.badField, "mono") }
        guard event.iteration.map({ $0 > 0 }) ?? true else { throw EventLineError(.badField, "iter") }
        guard event.phase.map({ Self.isName($0) }) ?? true else { throw EventLineError(.badField, "phase") }
        try checkHits(event.scrub.hits)
    }

    fileprivate static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= EventLimits.text
    }

    fileprivate static func checkHits(_ hits: [String: Int]) throws(EventLineError) {
        guard hits.count <= EventLimits.rules,
            hits.allSatisfy({ !$0.key.isEmpty && $0.key.utf8.count <= EventLimits.ruleID && $0.value > 0 })
        else { throw EventLineError(.badField, "hits") }
    }
}

/// Reads the members around `data`, in the order in which they are written and without white space between them.
private struct EnvelopeReader {
    private var reader = JSONReader<EventLineError>()

    /// How far reading has come: after `read`, the end of what the hash covers.
    var offset: Int { reader.offset }

    mutating func read(_ bytes: Span<UInt8>) throws(EventLineError) -> (RunEvent, ChainHash) {
        try member("{\"v\":", "v", bytes)
        guard try reader.integer(bytes) == EventLine.version else { throw EventLineError(.unknownVersion, "v") }
        try member(",\"run\":", "run", bytes)
        guard let run = RunID(bytes.extracting(try reader.plainString(bytes))) else {
            throw EventLineError(.badField, "run")
        }
        try member(",\"seq\":", "seq", bytes)
        let sequence = try reader.integer(bytes)
        guard sequence > 0 else { throw EventLineError(.badField, "seq") }
        try member(",\"ts\":", "ts", bytes)
        guard let time = Timestamp(bytes.extracting(try reader.plainString(bytes))) else {
            throw EventLineError(.badField, "ts")
        }
        try member(",\"mono\":", "mono", bytes)
        let monotonic = try reader.integer(bytes)
        guard monotonic >= 0 else { throw EventLineError(.badField, "mono") }
        try member(",\"type\":", "type", bytes)
        let type = try reader.string(bytes)
        try member(",\"phase\":", "phase", bytes)
        var phase: String?
        if try !null(bytes) {
            let name = try reader.string(bytes)
            guard EventLine.isName(name) else { throw EventLineError(.badField, "phase") }
            phase = name
        }
        try member(",\"iter\":", "iter", bytes)
        var iteration: Int?
        if try !null(bytes) {
            let number = try reader.integer(bytes)
            guard number > 0 else { throw EventLineError(.badField, "iter") }
            iteration = number
        }
        try member(",\"data\":", "data", bytes)
        let body = try RunEvent.Body(type: type, &reader, bytes)
        try member(",\"scrub\":{\"rules\":", "rules", bytes)
        guard let rules = ChainHash(labelled: bytes.extracting(try reader.plainString(bytes))) else {
            throw EventLineError(.badField, "rules")
        }
        try member(",\"hits\":", "hits", bytes)
        var hits: [String: Int] = [:]
        try reader.object(bytes) { (reader, name) throws(EventLineError) in hits[name] = try reader.integer(bytes) }
        try EventLine.checkHits(hits)
        try member("},\"prev\":", "prev", bytes)
        guard let previous = ChainHash(digits: bytes.extracting(try reader.plainString(bytes))) else {
            throw EventLineError(.badField, "prev")
        }
        let event = RunEvent(
            run: run, sequence: sequence, time: time, monotonic: monotonic, phase: phase, iteration: iteration,
            body: body, scrub: ScrubStamp(rules: rules, hits: hits))
        return (event, previous)
    }

    /// Whether exactly `EventLine.ending` of this hash follows.
    mutating func takesEnding(_ hash: ChainHash, _ bytes: Span<UInt8>) -> Bool {
        let end = bytes.count
        return reader.takeExactly(",\"hash\":\"", in: bytes) && reader.offset + 2 * ChainHash.size + 2 == end
            && hash.isWritten(bytes.extracting(reader.offset..<end - 2)) && bytes[end - 2] == UInt8(ascii: "\"")
            && bytes[end - 1] == UInt8(ascii: "}")
    }

    /// Consumes exactly `text`.
    private mutating func member(
        _ text: StaticString, _ name: String, _ bytes: Span<UInt8>
    ) throws(EventLineError) {
        guard reader.takeExactly(text, in: bytes) else { throw EventLineError(.badField, name) }
    }

    private mutating func null(_ bytes: Span<UInt8>) throws(EventLineError) -> Bool {
        reader.takeExactly("null", in: bytes)
    }
}
