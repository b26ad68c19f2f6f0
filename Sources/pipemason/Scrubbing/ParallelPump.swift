internal import CPlatform
internal import CommandSupport
internal import Glibc
internal import RedactionKit

/// Scrubs regular files with several threads, and delivers what they make in the order of the input.
///
/// A file is cut after line ends, and each part is scrubbed by a thread of its own, from the bytes before it as context. That
/// gives what one thread gives if that thread would have nothing in hand at the cut: no byte held back, no construct open
/// (`RedactionStream.Seam`). Whether that is so is known when the part before is done. If it is not, as within a private key, the stream
/// of the part before goes on through the part, and what had been made of it is thrown away. So the output is the same
/// whatever the number of threads, and memory is bounded by what waits to be delivered.
final class ParallelPump {
    /// Bytes of a part. Much smaller, and starting a stream shows; much larger, and memory does.
    static let partSize: UInt64 = 1 << 20
    /// Bytes after which a line end is looked for; a line that is longer is cut.
    static let lineSearch = 64 << 10
    /// Most parts that are made and not delivered, of small files.
    private static let maximumParts = 64

    private let redactor: Redactor
    private let jobs: Int
    /// Made when there is a second part.
    private var workers: WorkerThreads?
    /// Parts in the order of the input.
    private var parts: [FilePart] = []
    private var bytesInHand: UInt64 = 0

    init(redactor: Redactor, jobs: Int) {
        self.redactor = redactor
        self.jobs = jobs
    }

    /// Takes a file; delivers of it and of those before what is ready and must make room.
    func add(_ file: ParallelFile) throws(Failure) {
        var start: UInt64 = 0
        var startsLine = true
        while true {
            let cut = try cut(file, after: start)
            let part = FilePart(file, redactor, start: start, end: cut?.offset)
            let size = (cut?.offset ?? max(file.size, start)) - start
            while !parts.isEmpty,
                parts.count >= Self.maximumParts || bytesInHand + size > UInt64(jobs + 1) * Self.partSize
            {
                try deliverFirst()
            }
            part.size = size
            bytesInHand += size
            // Behind a cut within a line something is in hand, as a rule: not worth a thread.
            part.isOwn = startsLine
            parts.append(part)
            if parts.count > 1 { submit() }
            guard let cut else { return }
            start = cut.offset
            startsLine = cut.isLineEnd
        }
    }

    /// Delivers everything, and ends the threads.
    func finish() throws(Failure) {
        while !parts.isEmpty { try deliverFirst() }
        workers?.stop()
        workers = nil
    }

    private func submit() {
        let workers = workers ?? WorkerThreads(jobs)
        self.workers = workers
        for part in parts where part.isOwn && !part.isSubmitted {
            part.isSubmitted = true
            workers.submit(part)
        }
    }

    /// Where the part that begins at `start` ends; nil: with the file.
    private func cut(_ file: ParallelFile, after start: UInt64) throws(Failure) -> (offset: UInt64, isLineEnd: Bool)? {
        let wanted = start + Self.partSize
        guard wanted + Self.partSize / 2 < file.size else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: Self.lineSearch, alignment: 64) { buffer in
            var looked = 0
            // Most lines are short.
            for size in [4 << 10, Self.lineSearch - 4 << 10] {
                let count = pread(file.descriptor.number, buffer.baseAddress, size, Int(wanted) + looked)
                guard count > 0 else { break }
                if let end = memchr(buffer.baseAddress!, Int32(UInt8(ascii: "\n")), count) {
                    return (wanted + UInt64(looked + (end - buffer.baseAddress!) + 1), true)
                }
                looked += count
            }
            return (wanted + UInt64(looked), false)
        }
    }

    // MARK: Delivery

    private func deliverFirst() throws(Failure) {
        let part = parts.removeFirst()
        bytesInHand -= part.size
        let file = part.file
        if part.isSubmitted {
            workers?.wait(for: part)
        } else if part.isOwn {
            part.run()
        }
        guard !file.isDone else { return }
        pm_signals_hold()
        defer { pm_signals_release() }
        if part.start == 0 { file.begin() }
        if part.start == 0 || part.firstSeam != nil && part.firstSeam == file.stream?.seam {
            if let before = file.stream { file.linesBefore += before.lineEnds() }
            file.stream = part.stream
            file.deliver(part)
        } else {
            // The stream before has something in hand: it goes on.
            part.goOn(with: file.stream!, to: &file.sink)
        }
        file.bytes += part.bytes
        if let output = file.sink.base.output {
            output.flush()
            try output.check()
        }
        if part.reason != 0 {
            file.isDone = true
            file.fail(Failure(.input, "\(file.name): \(Diagnostics.reason(part.reason))"))
        } else if part.sawEnd {
            file.isDone = true
            file.end()
        } else {
            file.progress?.update(file.bytes)
        }
    }
}

/// A file that is scrubbed in parts, and what has been delivered of it.
final class ParallelFile: @unchecked Sendable {
    // SAFETY: workers use `descriptor` and `path` only, which do not change.
    let descriptor: Descriptor
    let name: String
    let path: Path
    let size: UInt64
    fileprivate var sink: LineSink
    fileprivate var progress: ProgressBar?
    fileprivate let begin: () -> Void
    private let finished: (_ bytes: UInt64, _ warnings: [String]) -> Void
    fileprivate let fail: (Failure) -> Void

    /// The stream that has delivered last.
    fileprivate var stream: StreamBox? {
        willSet { if let stream { note(stream.warnings) } }
    }
    fileprivate var bytes: UInt64 = 0
    fileprivate var isDone = false
    private var warnings: [String] = []
    /// Line ends before what `stream` began with.
    fileprivate var linesBefore: Int {
        get { sink.linesBefore }
        set { sink.linesBefore = newValue }
    }

    /// - Parameters:
    ///   - begin: Called before anything of the file is delivered.
    ///   - finished: Called when all of it was, with its size and what the engine warns of.
    ///   - fail: Called instead if it cannot be read to its end.
    init(
        _ descriptor: consuming Descriptor, name: String, path: Path, size: UInt64, sink: ScrubSink,
        progress: ProgressBar?, begin: @escaping () -> Void,
        finished: @escaping (_ bytes: UInt64, _ warnings: [String]) -> Void, fail: @escaping (Failure) -> Void
    ) {
        self.descriptor = descriptor
        self.name = name
        self.path = path
        self.size = size
        self.sink = LineSink(base: sink)
        self.progress = progress
        self.begin = begin
        self.finished = finished
        self.fail = fail
    }

    /// Whether the scrubbed bytes are wanted.
    fileprivate var wantsBytes: Bool { sink.base.output != nil }

    fileprivate func deliver(_ part: FilePart) {
        part.output.bytes.withUnsafeBytes { if !$0.isEmpty { sink.write($0) } }
        for finding in part.output.findings { sink.redacted(finding) }
        part.output = PartSink(wantsBytes: false)
    }

    fileprivate func end() {
        progress?.finish()
        if let stream { note(stream.warnings) }
        stream = nil
        finished(bytes, warnings)
    }

    private func note(_ new: [String]) {
        for warning in new where !warnings.contains(warning) { warnings.append(warning) }
    }
}

/// Adds the lines before a part to the places of its findings.
private struct LineSink: RedactionSink {
    var base: ScrubSink
    var linesBefore = 0

    mutating func write(_ bytes: UnsafeRawBufferPointer) { base.write(bytes) }
    mutating func redacted(_ finding: Finding) { base.redacted(finding.movedDown(by: linesBefore)) }
}

/// A stream that threads hand on to each other.
private final class StreamBox {
    var stream: RedactionStream

    init(_ stream: consuming RedactionStream) { self.stream = stream }

    var seam: RedactionStream.Seam? { stream.seam }
    var warnings: [String] { stream.warnings }
    func lineEnds() -> Int { stream.lineEnds() }
}

/// Keeps what a part becomes until it is delivered.
private struct PartSink: RedactionSink {
    let wantsBytes: Bool
    var bytes: [UInt8] = []
    var findings: [Finding] = []

    init(wantsBytes: Bool) { self.wantsBytes = wantsBytes }

    mutating func write(_ part: UnsafeRawBufferPointer) {
        if wantsBytes { bytes.append(contentsOf: part) }
    }
    mutating func redacted(_ finding: Finding) { findings.append(finding) }
}

/// A part of a file.
final class FilePart: WorkerTask, @unchecked Sendable {
    // SAFETY: one worker has it from `submit` until it is done, and the thread that delivers before and after; `WorkerThreads`
    // orders the two.
    fileprivate let file: ParallelFile
    private let redactor: Redactor
    fileprivate let start: UInt64
    /// nil: the end of the file.
    private let end: UInt64?
    fileprivate var size: UInt64 = 0
    /// It is scrubbed with a stream of its own.
    fileprivate var isOwn = true
    fileprivate var isSubmitted = false

    fileprivate var output: PartSink
    fileprivate var stream: StreamBox?
    fileprivate var firstSeam: RedactionStream.Seam?
    fileprivate var bytes: UInt64 = 0
    /// An errno; 0: it could be read.
    fileprivate var reason: Int32 = 0
    /// The file ends with this part.
    fileprivate var sawEnd = false

    fileprivate init(_ file: ParallelFile, _ redactor: Redactor, start: UInt64, end: UInt64?) {
        self.file = file
        self.redactor = redactor
        self.start = start
        self.end = end
        output = PartSink(wantsBytes: file.wantsBytes)
    }

    func run() {
        guard let stream = begin() else { return }
        firstSeam = stream.seam
        self.stream = stream
        if file.wantsBytes { output.bytes.reserveCapacity(Int(size) + Int(size) / 8) }
        goOn(with: stream, to: &output)
    }

    /// A stream that has seen what stands before the part; nil if that cannot be read.
    private func begin() -> StreamBox? {
        if start == 0 { return StreamBox(redactor.makeStream(path: file.path.text)) }
        let length = Int(min(start, UInt64(redactor.contextLength)))
        return withUnsafeTemporaryAllocation(byteCount: length, alignment: 64) { buffer in
            var count = 0
            while count < length {
                let read = self.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]), at: start - UInt64(length - count))
                guard read > 0 else {
                    memset(buffer.baseAddress!, 0, length)
                    return nil
                }
                count += read
            }
            let stream = redactor.makeStream(path: file.path.text, at: start, context: UnsafeRawBufferPointer(buffer))
            // It may hold a secret.
            memset(buffer.baseAddress!, 0, length)
            return StreamBox(stream)
        }
    }

    /// Scrubs the part with a stream that has come to it.
    fileprivate func goOn(with box: StreamBox, to sink: inout some RedactionSink) {
        var position = start
        bytes = 0
        while true {
            // To multiples of the size, as one thread reads: how long an open construct is said to be depends on it.
            let size = UInt64(StreamPump.readSize)
            let wanted = Int(min(size - position % size, (end ?? .max) - position))
            if wanted == 0 { return }
            let buffer = UnsafeMutableRawBufferPointer(
                rebasing: box.stream.inputBuffer(minimum: wanted).prefix(wanted))
            let count = read(into: buffer, at: position)
            if count < 0 {
                reason = errno
                return
            }
            if count == 0 {
                // Also if the file has become shorter than it was.
                sawEnd = true
                box.stream.finish(to: &sink)
                return
            }
            box.stream.commit(count, to: &sink)
            position += UInt64(count)
            bytes += UInt64(count)
        }
    }

    private func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        while true {
            let count = pread(file.descriptor.number, buffer.baseAddress, buffer.count, Int(offset))
            if count >= 0 || errno != EINTR { return count }
        }
    }
}
