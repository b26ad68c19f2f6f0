/// Splits a log into lines and verifies each, in memory of one line, however the bytes are cut.
///
///     var log = LogReader()
///     while let chunk = read() { try log.write(chunk) { event, line in … } }
///     try log.finish()
package struct LogReader: Sendable {
    package private(set) var chain: ChainVerifier
    /// Bytes of whole, good lines so far: where the next one begins.
    package private(set) var verifiedBytes = 0
    /// Lines so far.
    package private(set) var lines = 0
    /// The beginning of a line whose end has not come.
    private var pending: [UInt8] = []

    package init(_ chain: ChainVerifier = ChainVerifier()) { self.chain = chain }

    /// Bytes after the last line feed, so far.
    package var pendingBytes: Int { pending.count }

    /// Takes the next bytes of the log and hands out each event with its line, without the line feed.
    ///
    /// - Throws: `LogError` with the number of the first line that is not good. What follows it is not looked at.
    package mutating func write(
        _ chunk: Span<UInt8>, _ body: (RunEvent, Span<UInt8>) throws(LogError) -> Void
    ) throws(LogError) {
        var start = 0
        var index = 0
        while index < chunk.count {
            guard chunk[index] == UInt8(ascii: "\n") else {
                index += 1
                continue
            }
            let rest = chunk.extracting(start..<index)
            if pending.isEmpty {
                try add(rest, body)
            } else {
                try keep(rest)
                let line = pending
                pending = []
                try add(line.span, body)
            }
            index += 1
            start = index
        }
        try keep(chunk.extracting(start..<chunk.count))
    }

    /// Ends the log.
    ///
    /// - Throws: `.torn` if the last line has no line feed.
    package func finish() throws(LogError) {
        guard pending.isEmpty else { throw LogError(line: lines + 1, EventLineError(.torn, "the end")) }
    }

    private mutating func add(
        _ line: Span<UInt8>, _ body: (RunEvent, Span<UInt8>) throws(LogError) -> Void
    ) throws(LogError) {
        let event: RunEvent
        do { event = try chain.add(line) } catch { throw LogError(line: lines + 1, error) }
        lines += 1
        verifiedBytes += line.count + 1
        try body(event, line)
    }

    private mutating func keep(_ bytes: Span<UInt8>) throws(LogError) {
        guard pending.count + bytes.count < EventLimits.line else {
            throw LogError(line: lines + 1, EventLineError(.tooLarge, "line"))
        }
        bytes.withUnsafeBufferPointer { pending.append(contentsOf: $0) }
    }
}

/// What is wrong with a log, and where.
package struct LogError: Error, Sendable, Equatable, CustomStringConvertible {
    /// From 1.
    package let line: Int
    package let reason: EventLineError

    package init(line: Int, _ reason: EventLineError) {
        self.line = line
        self.reason = reason
    }

    package var description: String { "line \(line): \(reason)" }
}
