internal import CProcess
package import CommandSupport
internal import Glibc
package import RedactionKit
internal import Synchronization

/// The file of a log: whole lines are added at its end, by one writer, and reach the disk as the policy says.
///
/// The writer holds an exclusive lock for as long as it lives. What a failed write left half is cut off again, so that
/// the file always ends with a line feed unless the process is killed in the middle of a write.
package final class LogFile {
    private let descriptor: Descriptor
    /// For messages.
    package let path: Path
    /// Where the next line begins.
    package private(set) var size: Int
    private let flusher: DiskFlusher

    /// When written lines are made durable. What is durable survives a crash of the machine; what is written survives
    /// a crash of the runner.
    package enum SyncPolicy: Sendable, Equatable {
        /// In the background once a second while lines come, and at the end.
        case interval
        /// Each batch of lines before anything else happens.
        case always
        /// At the end only.
        case end
    }

    /// Milliseconds between two flushes in the background.
    static let interval: UInt32 = 1000

    /// Opens a log for writing and locks it.
    ///
    /// - Parameters:
    ///   - isNew: The file must not be there yet; otherwise it must be.
    ///   - acknowledgements: A descriptor that gets `SEQ\n` for each event that has become durable; or nil.
    package init(
        _ path: Path, isNew: Bool, policy: SyncPolicy, acknowledgements: Int32? = nil
    ) throws(Failure) {
        let flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | (isNew ? O_CREAT | O_EXCL : 0)
        let number = path.withCString { open($0, flags, 0o600) }
        guard number >= 0 else { throw Failure(.runner, "\(path.text): \(Diagnostics.reason(errno))") }
        let descriptor = Descriptor(number)
        guard descriptor.lock() else {
            throw Failure(.runner, "\(path.text): another process writes this log")
        }
        guard let status = descriptor.status, status.isRegularFile else {
            throw Failure(.runner, "\(path.text): is not a regular file")
        }
        size = Int(status.st_size)
        self.path = path
        self.descriptor = descriptor
        flusher = DiskFlusher(number, policy: policy, acknowledgements: acknowledgements)
    }

    /// Adds whole lines, the last of which is event `sequence`.
    ///
    /// - Throws: why not; then none of them is there.
    package func append(_ lines: ScrubbedBytes, upTo sequence: Int) throws(LogWriteError) {
        // Whoever writes without asking for the lock would tear lines.
        guard let status = descriptor.status, Int(status.st_size) == size else {
            throw LogWriteError(number: EBUSY, reason: "somebody else changed it")
        }
        var written = 0
        while written < lines.count {
            let count = lines.withUnsafeBytes { bytes in
                pwrite(descriptor.number, bytes.baseAddress! + written, bytes.count - written, off_t(size + written))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let number = count < 0 ? errno : EIO
                _ = ftruncate(descriptor.number, off_t(size))
                throw LogWriteError(number: number, reason: Diagnostics.reason(number))
            }
            written += count
        }
        size += written
        flusher.written(upTo: sequence)
    }

    /// Reads the file from its beginning, for a repair.
    func read(_ body: (Span<UInt8>) throws(LogFileReadError) -> Void) throws(LogFileReadError) {
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        var offset = 0
        while true {
            let count = chunk.withUnsafeMutableBytes {
                pread(descriptor.number, $0.baseAddress, $0.count, off_t(offset))
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system(errno) }
            if count == 0 { return }
            offset += count
            try body(chunk.span.extracting(0..<count))
        }
    }

    /// Lets `body` write the end of the file anew; it returns the size that the file has then.
    func rewriteTail<Result>(
        _ body: (borrowing Descriptor) throws(Failure) -> (Result, size: Int)
    ) throws(Failure) -> Result {
        let (result, size) = try body(descriptor)
        self.size = size
        return result
    }

    /// Cuts the file off.
    func truncate(to size: Int) throws(LogWriteError) {
        guard ftruncate(descriptor.number, off_t(size)) == 0 else {
            throw LogWriteError(number: errno, reason: Diagnostics.reason(errno))
        }
        self.size = size
    }

    /// Makes everything durable, and lets others have the log: nothing is added any more. Returns 0, or why not.
    package func finish() -> Int32 {
        defer { flock(descriptor.number, LOCK_UN) }
        return flusher.finish()
    }
}

/// Why lines could not be written.
package struct LogWriteError: Error, Sendable {
    package let number: Int32
    package let reason: String
    package var isFull: Bool { number == ENOSPC || number == EDQUOT || number == EFBIG }
}

enum LogFileReadError: Error {
    case system(Int32)
    case stopped
}

/// Makes a file durable without making its writer wait.
private final class DiskFlusher: Sendable {
    private struct State {
        /// The last event that has been written, and that is durable.
        var written = 0
        var durable = 0
        var isFinished = false
        var failure: Int32 = 0
    }
    private let state = Mutex(State())
    private let descriptor: Int32
    private let acknowledgements: Int32?
    private let policy: LogFile.SyncPolicy
    private let thread: FlusherThread?

    init(_ descriptor: Int32, policy: LogFile.SyncPolicy, acknowledgements: Int32?) {
        self.descriptor = descriptor
        self.policy = policy
        self.acknowledgements = acknowledgements
        thread = policy == .interval ? FlusherThread() : nil
    }

    /// Takes note that events up to `sequence` are in the file.
    func written(upTo sequence: Int) {
        state.withLock { $0.written = max($0.written, sequence) }
        switch policy {
        case .interval: thread?.start { [self] in flush() }
        case .always: flush()
        case .end: break
        }
    }

    func finish() -> Int32 {
        thread?.stop()
        flush()
        return state.withLock { $0.failure }
    }

    private func flush() {
        let target = state.withLock { $0.written == $0.durable ? nil : $0.written }
        guard let target else { return }
        let result = Descriptor.retrying { fdatasync(descriptor) }
        // Files on some file systems cannot be flushed; they are as durable as they get.
        let number = result == 0 || errno == EINVAL || errno == EROFS ? 0 : errno
        state.withLock {
            if number == 0 { $0.durable = target } else { $0.failure = number }
        }
        guard number == 0, let acknowledgements else { return }
        let writer = ByteWriter(acknowledgements, name: "acknowledgements", capacity: 64)
        writer.write("\(target)\n")
        writer.flush()
    }
}

/// A thread that does something once an interval, from the first time it is asked to.
private final class FlusherThread: @unchecked Sendable {
    // SAFETY: `thread` and `isStarted` are used by the log's writer only; the semaphore orders everything else.
    private var thread = pthread_t()
    private var isStarted = false
    private let stopping = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(stopping, 0, 0) }

    deinit {
        sem_destroy(stopping)
        stopping.deallocate()
    }

    func start(_ body: @escaping @Sendable () -> Void) {
        guard !isStarted else { return }
        let work = Unmanaged.passRetained(Work(stopping: stopping, body: body))
        // Signals are taken from a descriptor by the main thread; this one inherits that they are blocked.
        let result = pthread_create(
            &thread, nil,
            { argument in
                // Retained by whoever made the thread.
                Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().run()
                return nil
            }, work.toOpaque())
        isStarted = result == 0
        if !isStarted { work.release() }
    }

    func stop() {
        guard isStarted else { return }
        sem_post(stopping)
        pthread_join(thread, nil)
        isStarted = false
    }

    private final class Work {
        let stopping: UnsafeMutablePointer<sem_t>
        let body: @Sendable () -> Void

        init(stopping: UnsafeMutablePointer<sem_t>, body: @escaping @Sendable () -> Void) {
            self.stopping = stopping
            self.body = body
        }

        func run() {
            while true {
                if pm_semaphore_wait(stopping, LogFile.interval) == 0 { return }
                body()
            }
        }
    }
}
