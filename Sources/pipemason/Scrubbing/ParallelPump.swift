internal import CPlatform
internal import CommandSupport
internal import Glibc
internal import RedactionKit

/// Scrubs regular files with several threads, and delivers what they make in the order of the input.
///
/// A file is cut after line ends, and each part is scrubbed by a thread of its own, from the bytes before it as context (`Part`). So the
/// output is the same whatever the number of threads, and memory is bounded by what waits to be delivered.
final class ParallelPump {
    /// Bytes after which a line end is looked for; a line that is longer is cut.
    static let lineSearch = 64 << 10
    /// Most parts that are made and not delivered, of small files.
    private static let maximumParts = 64

    private let redactor: Redactor
    private let jobs: Int
    /// Bytes of a part. Each is scrubbed behind `Redactor.contextLength` bytes of context, which shows in small ones; of large ones, the
    /// memory does that many threads have in hand.
    private let partSize: UInt64
    /// Made when there is a second part.
    private var workers: WorkerThreads?
    /// Parts in the order of the input.
    private var parts: [FilePart] = []
    private var bytesInHand: UInt64 = 0
    private let pool = OutputPool()

    init(redactor: Redactor, jobs: Int) {
        self.redactor = redactor
        self.jobs = jobs
        partSize = jobs <= 2 ? 1 << 20 : jobs <= 4 ? 512 << 10 : 256 << 10
    }

    /// Takes a file; delivers of it and of those before what is ready and must make room.
    func add(_ file: ParallelFile) throws(Failure) {
        var start: UInt64 = 0
        var startsLine = true
        while true {
            let cut = try cut(file, after: start)
            let size = (cut?.offset ?? max(file.size, start)) - start
            let part = Part(
                redactor, file.bytes, path: file.path.text, start: start, end: cut?.offset,
                pool: file.wantsBytes ? pool : nil)
            while !parts.isEmpty,
                parts.count >= Self.maximumParts || bytesInHand + size > UInt64(jobs + 1) * partSize
            {
                try deliverFirst()
            }
            bytesInHand += size
            // Behind a cut within a line something is in hand, as a rule: not worth a thread.
            parts.append(FilePart(part: part, file: file, size: size, isOwn: startsLine))
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
        for index in parts.indices where parts[index].isOwn && !parts[index].isSubmitted {
            parts[index].isSubmitted = true
            workers.submit(parts[index].part)
        }
    }

    /// Where the part that begins at `start` ends; nil: with the file.
    private func cut(_ file: ParallelFile, after start: UInt64) throws(Failure) -> (offset: UInt64, isLineEnd: Bool)? {
        let wanted = start + partSize
        guard wanted + partSize / 2 < file.size else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: Self.lineSearch, alignment: 64) { buffer in
            var looked = 0
            // Most lines are short.
            for size in [4 << 10, Self.lineSearch - 4 << 10] {
                let count = pread(file.bytes.descriptor.number, buffer.baseAddress, size, Int(wanted) + looked)
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
        let next = parts.removeFirst()
        bytesInHand -= next.size
        let (part, file) = (next.part, next.file)
        if next.isSubmitted {
            workers?.wait(for: part)
        } else if next.isOwn {
            part.run()
        }
        guard !file.isDone else { return }
        pm_signals_hold()
        defer { pm_signals_release() }
        if part.start == 0 { file.begin() }
        file.delivery.deliver(part)
        file.delivered += part.bytes
        if let output = file.delivery.sink.base.output {
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
            file.progress?.update(file.delivered)
        }
    }
}

/// A part that waits to be delivered.
private struct FilePart {
    let part: Part
    let file: ParallelFile
    /// In bytes; of the last part of a file, as far as it was known.
    let size: UInt64
    /// It is scrubbed with a stream of its own.
    let isOwn: Bool
    var isSubmitted = false
}

/// A file that is scrubbed in parts, and what has been delivered of it.
final class ParallelFile {
    fileprivate let bytes: FileBytes
    let name: String
    let path: Path
    let size: UInt64
    fileprivate var delivery: Delivery
    fileprivate var progress: ProgressBar?
    fileprivate let begin: () -> Void
    private let finished: (_ bytes: UInt64, _ warnings: [String]) -> Void
    fileprivate let fail: (Failure) -> Void

    /// Bytes that have been delivered.
    fileprivate var delivered: UInt64 = 0
    fileprivate var isDone = false

    /// - Parameters:
    ///   - begin: Called before anything of the file is delivered.
    ///   - finished: Called when all of it was, with its size and what the engine warns of.
    ///   - fail: Called instead if it cannot be read to its end.
    init(
        _ descriptor: consuming Descriptor, name: String, path: Path, size: UInt64, sink: ScrubSink,
        progress: ProgressBar?, begin: @escaping () -> Void,
        finished: @escaping (_ bytes: UInt64, _ warnings: [String]) -> Void, fail: @escaping (Failure) -> Void
    ) {
        bytes = FileBytes(descriptor)
        self.name = name
        self.path = path
        self.size = size
        delivery = Delivery(sink: sink)
        self.progress = progress
        self.begin = begin
        self.finished = finished
        self.fail = fail
    }

    /// Whether the scrubbed bytes are wanted.
    fileprivate var wantsBytes: Bool { delivery.sink.base.output != nil }

    fileprivate func end() {
        progress?.finish()
        finished(delivered, delivery.warnings)
    }
}

/// A regular file, whose bytes are read where they are needed.
private final class FileBytes: PartBytes, Sendable {
    let descriptor: Descriptor

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        while true {
            let count = pread(descriptor.number, buffer.baseAddress, buffer.count, Int(offset))
            if count >= 0 || errno != EINTR { return count }
        }
    }
}
