internal import CommandSupport
internal import Glibc
internal import RedactionKit

extension UnsafeRawBufferPointer {
    /// Behind the last line end; nil: there is none.
    var lastLineEnd: Int? { lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } }
}

/// Where a part's bytes are.
protocol PartBytes: AnyObject, Sendable {
    /// Reads bytes of the input from `offset` on. Returns how many; 0 at its end; less if they cannot be read, for the reason in `errno`.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int
}

/// A part of an input, scrubbed by whatever thread takes it, with a stream of its own that has seen the bytes before it as context.
///
/// From where that one has nothing in hand, and stands as one stream does that has seen everything (`RedactionStream.Seam`), it gives
/// what that one gives: as a rule from the beginning. `Delivery` finds the place.
final class Part: WorkerTask, @unchecked Sendable {
    // SAFETY: one worker has it from `WorkerThreads.submit` until it is done, and the thread that delivers before and after;
    // `WorkerThreads` orders the two.

    /// Bytes of a piece, behind each of which a stream may be found to stand as another. Less, and passes show.
    private static let pieceSize = 64 << 10

    private let redactor: Redactor
    private let source: any PartBytes
    private let path: String?
    let start: UInt64
    /// nil: the end of the input.
    let end: UInt64?
    /// nil: what the bytes become is not wanted, only what is found in them.
    private let pool: OutputPool?

    fileprivate var output: PartSink
    fileprivate var stream: StreamBox?
    private var marks: [Mark] = []
    private(set) var bytes: UInt64 = 0
    /// An errno; 0: it could be read.
    private(set) var reason: Int32 = 0
    /// The input ends with this part.
    private(set) var sawEnd = false

    init(_ redactor: Redactor, _ source: any PartBytes, path: String?, start: UInt64, end: UInt64?, pool: OutputPool?) {
        self.redactor = redactor
        self.source = source
        self.path = path
        self.start = start
        self.end = end
        self.pool = pool
        output = PartSink(wantsBytes: pool != nil, bytes: pool?.take() ?? [])
    }

    func run() {
        guard let stream = begin() else { return }
        self.stream = stream
        var position = start
        mark(stream)
        while let next = step(stream, from: position, to: &output) {
            position = next
            mark(stream)
        }
        bytes = position - start
    }

    /// A stream that has seen what stands before the part; nil if that cannot be read.
    private func begin() -> StreamBox? {
        if start == 0 { return StreamBox(redactor.makeStream(path: path)) }
        let length = Int(min(start, UInt64(redactor.contextLength)))
        return withUnsafeTemporaryAllocation(byteCount: length, alignment: 64) { buffer in
            // It may hold a secret.
            defer { memset(buffer.baseAddress!, 0, length) }
            var count = 0
            while count < length {
                let read = source.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]), at: start - UInt64(length - count))
                guard read > 0 else { return nil }
                count += read
            }
            return StreamBox(redactor.makeStream(path: path, at: start, context: UnsafeRawBufferPointer(buffer)))
        }
    }

    /// Remembers where the part's own stream stands, if it has nothing in hand.
    private func mark(_ box: StreamBox) {
        guard let seam = box.stream.seam else { return }
        marks.append(Mark(seam: seam, bytes: output.bytes.count, findings: output.findings.count))
    }

    /// Scrubs a piece of the part, with whole lines if there are any. Returns where it ends; nil: there is nothing more.
    private func step(_ box: StreamBox, from position: UInt64, to sink: inout some RedactionSink) -> UInt64? {
        let wanted = Int(min(UInt64(Self.pieceSize), (end ?? .max) - position))
        if wanted == 0 { return nil }
        let buffer = UnsafeMutableRawBufferPointer(rebasing: box.stream.inputBuffer(minimum: wanted).prefix(wanted))
        let count = source.read(into: buffer, at: position)
        if count < 0 {
            reason = errno
            return nil
        }
        if count == 0 {
            // Also if the file has become shorter than it was.
            sawEnd = true
            box.stream.finish(to: &sink)
            return nil
        }
        let size = UnsafeRawBufferPointer(rebasing: buffer[..<count]).lastLineEnd ?? count
        box.stream.commit(size, to: &sink)
        return position + UInt64(size)
    }

    /// Scrubs the part with the stream that has come to it, until that stands where the part's own stood. Returns from where that
    /// one's output holds; nil: nowhere.
    fileprivate func goOn(with box: StreamBox, to sink: inout some RedactionSink) -> Mark? {
        let own = (reason, sawEnd)
        (reason, sawEnd) = (0, false)
        var position = start
        var ahead = marks[...]
        while true {
            ahead = ahead.drop { $0.seam.offset < position }
            if let mark = ahead.first, mark.seam == box.stream.seam {
                (reason, sawEnd) = own
                return mark
            }
            guard let next = step(box, from: position, to: &sink) else { break }
            position = next
        }
        bytes = position - start
        return nil
    }

    /// Gives the buffer back.
    fileprivate func emptyOutput() {
        let bytes = output.bytes
        output = PartSink(wantsBytes: false, bytes: [])
        pool?.give(bytes)
    }

    /// Where the part's own stream stood, and what it had given before.
    fileprivate struct Mark {
        let seam: RedactionStream.Seam
        let bytes: Int
        let findings: Int
    }
}

/// Delivers the parts of an input in order.
struct Delivery {
    var sink: LineSink
    /// The stream that has delivered last.
    var stream: StreamBox? {
        willSet { if let stream { note(stream.stream.warnings) } }
    }
    private var ended: [String] = []

    init(sink: ScrubSink, stream: StreamBox? = nil) {
        self.sink = LineSink(base: sink)
        self.stream = stream
    }

    /// What the engine warned of.
    var warnings: [String] {
        var copy = self
        copy.note(stream?.stream.warnings ?? [])
        return copy.ended
    }

    private mutating func note(_ new: [String]) {
        for warning in new where !ended.contains(warning) { ended.append(warning) }
    }

    /// Delivers a part that has been run, or not, behind the one before.
    mutating func deliver(_ part: Part) {
        defer { part.emptyOutput() }
        var (bytes, findings, lines) = (0, 0, 0)
        if let stream {
            lines = sink.linesBefore + stream.stream.lineEnds()
            guard let mark = part.goOn(with: stream, to: &sink) else { return }
            (bytes, findings) = (mark.bytes, mark.findings)
        }
        sink.linesBefore = lines
        stream = part.stream
        part.output.bytes.withUnsafeBytes {
            if $0.count > bytes { sink.write(UnsafeRawBufferPointer(rebasing: $0[bytes...])) }
        }
        for finding in part.output.findings[findings...] { sink.redacted(finding) }
    }
}

/// Buffers for what parts become, to be used again: used by one thread only.
final class OutputPool {
    private var spare: [[UInt8]] = []

    func take() -> [UInt8] { spare.popLast() ?? [] }

    func give(_ buffer: consuming [UInt8]) {
        buffer.removeAll(keepingCapacity: true)
        spare.append(buffer)
    }
}

/// Adds the lines before a part to the places of its findings.
struct LineSink: RedactionSink {
    var base: ScrubSink
    var linesBefore = 0

    mutating func write(_ bytes: UnsafeRawBufferPointer) { base.write(bytes) }
    mutating func redacted(_ finding: Finding) {
        // A copy would cost as much as the rest.
        if linesBefore == 0 { base.redacted(finding) } else { base.redacted(finding.movedDown(by: linesBefore)) }
    }
}

/// A stream that threads hand on to each other.
final class StreamBox {
    var stream: RedactionStream

    init(_ stream: consuming RedactionStream) { self.stream = stream }
}

/// Keeps what a part becomes until it is delivered.
private struct PartSink: RedactionSink {
    let wantsBytes: Bool
    var bytes: [UInt8]
    var findings: [Finding] = []

    init(wantsBytes: Bool, bytes: [UInt8]) {
        self.wantsBytes = wantsBytes
        self.bytes = bytes
    }

    mutating func write(_ part: UnsafeRawBufferPointer) {
        if wantsBytes { bytes.append(contentsOf: part) }
    }
    mutating func redacted(_ finding: Finding) { findings.append(finding) }
}
