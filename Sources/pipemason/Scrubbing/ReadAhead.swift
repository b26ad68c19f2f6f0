internal import CPlatform
internal import CommandSupport
internal import Glibc
internal import RedactionKit

/// Scrubs an input with several threads while it comes faster than one of them can.
///
/// What is there is read ahead and cut after line ends into parts (`Part`), which are delivered in order. Before it would wait for
/// input everything that was read has been delivered, and the caller goes on piece by piece: so nothing is ever held back
/// because more may come, whatever the number of threads.
final class ReadAhead {
    /// Bytes of a part. A pipe holds a mebibyte: larger ones would empty it, and what would wait for input first waits for its threads.
    private static let partSize = 256 << 10
    /// Most threads: a pipe brings no more than they can do, and each has two parts in memory.
    private static let maximumThreads = 6

    private let redactor: Redactor
    private let jobs: Int
    private let path: String?
    /// Made with the first part.
    private var workers: WorkerThreads?
    private var parts: [(part: Part, bytes: ReadBytes)] = []
    private var spare: [ReadBytes] = []
    private let pool = OutputPool()

    init(redactor: Redactor, jobs: Int, path: String?) {
        self.redactor = redactor
        self.jobs = min(jobs, Self.maximumThreads)
        self.path = path
    }

    deinit { workers?.stop() }

    /// How reading ahead ended: everything read has been delivered.
    enum End {
        /// Nothing more is there, the input ends, a signal wants the program to end, or a line is long: to be found out by reading on.
        case paused
        /// Reading failed, for this errno.
        case failed(Int32)
    }

    /// Reads ahead as long as there is something to read. Signals are held.
    ///
    /// - Parameters:
    ///   - position: Bytes read so far; counted on.
    ///   - delivered: Called when something was delivered, with the number of bytes before its end.
    func run(
        _ descriptor: Int32, position: inout UInt64, _ delivery: inout Delivery,
        delivered: (UInt64) throws(Failure) -> Void
    ) throws(Failure) -> End {
        var bytes = makeBytes()
        bytes.begin(at: position, behind: delivery.stream!.stream.context)
        var end: End?
        while end == nil {
            let room = bytes.room
            guard !room.isEmpty else {
                guard let rest = try send(bytes, &delivery, delivered: delivered) else {
                    end = .paused
                    break
                }
                bytes = rest
                continue
            }
            guard pm_signals_pending() == 0, isReadable(descriptor) else {
                if parts.isEmpty { end = .paused }
                try deliver(downTo: 0, &delivery, delivered: delivered)
                continue
            }
            let count = Glibc.read(descriptor, room.baseAddress, room.count)
            if count > 0 {
                bytes.count += count
                position += UInt64(count)
            } else if count == 0 {
                end = .paused
            } else if errno != EINTR, errno != EAGAIN {
                end = .failed(errno)
            }
        }
        try deliver(downTo: 0, &delivery, delivered: delivered)
        try goOn(with: bytes, upTo: bytes.count, &delivery, delivered: delivered)
        spare.append(bytes)
        return end!
    }

    private func isReadable(_ descriptor: Int32) -> Bool {
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&wait, 1, 0) > 0
    }

    private func makeBytes() -> ReadBytes {
        spare.popLast() ?? ReadBytes(context: redactor.contextLength, size: Self.partSize)
    }

    /// Gives the whole lines of `bytes` to a thread. Returns what follows them; nil if there are none, since within a line nothing can be cut.
    private func send(
        _ bytes: ReadBytes, _ delivery: inout Delivery, delivered: (UInt64) throws(Failure) -> Void
    ) throws(Failure) -> ReadBytes? {
        // The end of a line that has begun before belongs to the stream before.
        if !bytes.startsLine, let first = bytes.firstLineEnd {
            try deliver(downTo: 0, &delivery, delivered: delivered)
            try goOn(with: bytes, upTo: first, &delivery, delivered: delivered)
        }
        guard let last = bytes.lastLineEnd else { return nil }
        let part = Part(
            redactor, bytes, path: path, start: bytes.offset(of: bytes.start), end: bytes.offset(of: last),
            pool: delivery.sink.base.output != nil ? pool : nil)
        let rest = makeBytes()
        rest.begin(at: part.end!, behind: bytes.before(last))
        rest.append(bytes.from(last))
        let workers = workers ?? WorkerThreads(jobs)
        self.workers = workers
        workers.submit(part)
        parts.append((part, bytes))
        try deliver(downTo: jobs, &delivery, delivered: delivered)
        return rest
    }

    /// Delivers the first parts, until so many are left.
    private func deliver(
        downTo count: Int, _ delivery: inout Delivery, delivered: (UInt64) throws(Failure) -> Void
    ) throws(Failure) {
        while parts.count > count {
            let (part, bytes) = parts.removeFirst()
            workers?.wait(for: part)
            delivery.deliver(part)
            spare.append(bytes)
            try delivered(part.end!)
        }
    }

    /// Scrubs what has not been sent, up to `end`, with the stream that has come to it.
    private func goOn(
        with bytes: ReadBytes, upTo end: Int, _ delivery: inout Delivery, delivered: (UInt64) throws(Failure) -> Void
    ) throws(Failure) {
        guard end > bytes.start else { return }
        delivery.stream!.stream.write(bytes.unsent(upTo: end), to: &delivery.sink)
        bytes.start = end
        try delivered(bytes.offset(of: end))
    }
}

/// Bytes that were read ahead, behind those before them.
private final class ReadBytes: PartBytes, @unchecked Sendable {
    // SAFETY: while a thread has the part that is made of it, nobody else uses it.
    private let buffer: UnsafeMutableRawBufferPointer
    private let context: Int
    /// Offset in the input of the first byte of the buffer.
    private var origin: UInt64 = 0
    /// Index of the first byte that has not been sent; what stands before it is context.
    var start = 0
    /// Bytes of the buffer that are in use.
    var count = 0

    /// - Parameters:
    ///   - context: Most bytes of context.
    ///   - size: Bytes of room behind it.
    init(context: Int, size: Int) {
        self.context = context
        buffer = .allocate(byteCount: context + size, alignment: 64)
    }

    deinit {
        // It may hold a secret.
        memset(buffer.baseAddress!, 0, buffer.count)
        buffer.deallocate()
    }

    /// Begins anew at `offset` of the input, with the last bytes of `before` as context.
    func begin(at offset: UInt64, behind before: UnsafeRawBufferPointer) {
        let kept = UnsafeRawBufferPointer(rebasing: before.suffix(context))
        buffer.copyMemory(from: kept)
        origin = offset - UInt64(kept.count)
        (start, count) = (kept.count, kept.count)
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyMemory(from: bytes)
        count += bytes.count
    }

    /// Room for more.
    var room: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: buffer[count...]) }

    /// Whether a line begins with what has not been sent.
    var startsLine: Bool { start == 0 || buffer[start - 1] == UInt8(ascii: "\n") }

    /// Behind the first line end of what has not been sent; nil: there is none.
    var firstLineEnd: Int? {
        memchr(buffer.baseAddress! + start, Int32(UInt8(ascii: "\n")), count - start)
            .map { UnsafeRawPointer($0) - UnsafeRawPointer(buffer.baseAddress!) + 1 }
    }

    /// Behind the last one.
    var lastLineEnd: Int? { from(start).lastLineEnd.map { start + $0 } }

    func offset(of index: Int) -> UInt64 { origin + UInt64(index) }
    func before(_ index: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[..<index]) }
    func from(_ index: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[index..<count]) }
    func unsent(upTo end: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: buffer[start..<end]) }

    func read(into destination: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int {
        let from = Int(offset - origin)
        let size = min(destination.count, count - from)
        destination.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[from..<(from + size)]))
        return size
    }
}
