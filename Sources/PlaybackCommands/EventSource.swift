internal import CommandSupport
internal import Glibc
internal import RunModel

/// Reads a log's events one after another, and can go back. Memory: one read, and a place every few megabytes.
final class EventSource {
    let path: Path
    private let descriptor: Int32
    private var reader = LogReader()
    /// Where the next read begins in the file.
    private var offset = 0
    private var events: [RunEvent] = []
    /// The lines of `events`, if they are kept.
    private var lines: [[UInt8]] = []
    private let keepsLines: Bool
    private var index = 0
    private var buffer: [UInt8]
    private var failure: Failure?
    /// Events before this one were handed out, and are passed over when the log is read anew.
    private var firstWanted = 1
    private var checkpoints: [Checkpoint] = []
    /// The names of the phases among the events that were handed out, in their order, and the number of iterations.
    private(set) var phases: [String] = []
    private(set) var iterations = 0
    /// Whether the run's last event was handed out.
    private(set) var hasEnd = false

    private struct Checkpoint {
        /// Where a line begins.
        let offset: Int
        let reader: LogReader
        /// Of the last event before it.
        let monotonic: Int
    }

    /// As many phases as a pipeline file may have; no more names are remembered.
    static let maximumPhases = 100
    /// Bytes that are read at a time.
    private static let readSize = 256 << 10
    /// Bytes of the log from one place to which one can go back to the next.
    private static let checkpointDistance = 4 << 20

    /// - Parameter keepsLines: Whether `line` is of use.
    init(_ path: Path, keepsLines: Bool = false) throws(Failure) {
        self.path = path
        self.keepsLines = keepsLines
        descriptor = path.withCString { name in Descriptor.retrying { open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY) } }
        guard descriptor >= 0 else { throw Failure(.input, "\(path.text): \(Diagnostics.reason(errno))") }
        buffer = [UInt8](repeating: 0, count: Self.readSize)
        checkpoints.append(Checkpoint(offset: 0, reader: reader, monotonic: 0))
    }

    deinit { close(descriptor) }

    /// The next event, or nil where the log ends for now. Half a line at the end is left for later.
    ///
    /// - Throws: when the log cannot be read, or a line of it is not good; the events before it were handed out.
    func next() throws(Failure) -> RunEvent? {
        while true {
            while index == events.count {
                if let failure {
                    guard beginAgain() else { throw failure }
                }
                guard try fill() else { return nil }
            }
            index += 1
            let event = events[index - 1]
            if event.sequence >= firstWanted {
                note(event)
                return event
            }
        }
    }

    private func note(_ event: RunEvent) {
        if let phase = event.phase, phases.last != phase, phases.count < Self.maximumPhases, !phases.contains(phase) {
            phases.append(phase)
        }
        iterations = max(iterations, event.iteration ?? 0)
        if case .runFinished = event.body { hasEnd = true }
    }

    /// Begins with the first line again, because the log goes on otherwise than what was read: its end may have been scrubbed
    /// again in the meantime (docs/formats/egress.md). Returns false when that was tried at this line.
    private func beginAgain() -> Bool {
        guard reader.chain.nextSequence > firstWanted else { return false }
        firstWanted = reader.chain.nextSequence
        checkpoints.removeLast(checkpoints.count - 1)
        start(at: checkpoints[0])
        return true
    }

    /// The line of the event that `next` returned, without its line feed.
    var line: [UInt8] { lines[index - 1] }

    /// The hash of the last good line that was read.
    var head: ChainHash { reader.chain.head }

    /// Whether a runner has the log open for writing: it holds a lock for as long as it does.
    var hasWriter: Bool { Descriptor.isLockedElsewhere(descriptor) }

    /// Whether half a line stands at the end.
    var endsTorn: Bool { reader.pendingBytes > 0 }

    /// Goes back to where not all events before `monotonic` have been read; as near as it can, but at least
    /// `distance` bytes of the log before it.
    func rewind(before monotonic: Int, distance: Int = 0) {
        let end = checkpoints.last { $0.monotonic < monotonic }?.offset ?? 0
        let place = checkpoints.last { $0.offset == 0 || $0.offset <= end - distance } ?? checkpoints[0]
        firstWanted = 1
        start(at: place)
    }

    private func start(at place: Checkpoint) {
        offset = place.offset
        reader = place.reader
        events = []
        lines = []
        index = 0
        failure = nil
    }

    private func fill() throws(Failure) -> Bool {
        let count = buffer.withUnsafeMutableBytes { buffer in
            pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
        }
        guard count >= 0 else { throw Failure(.input, "\(path.text): \(Diagnostics.reason(errno))") }
        guard count > 0 else { return false }
        events.removeAll(keepingCapacity: true)
        lines.removeAll(keepingCapacity: true)
        index = 0
        do throws(LogError) {
            try reader.write(buffer.span.extracting(0..<count)) { (event, line) in
                events.append(event)
                if keepsLines { lines.append(line.withUnsafeBufferPointer { Array($0) }) }
            }
        } catch {
            failure = Failure(.input, "\(path.text): \(error)")
        }
        offset += count
        let lineStart = offset - reader.pendingBytes
        if failure == nil, let last = events.last,
            lineStart >= checkpoints[checkpoints.count - 1].offset + Self.checkpointDistance
        {
            // At the beginning of a line the reader holds nothing but the chain.
            checkpoints.append(
                Checkpoint(offset: lineStart, reader: LogReader(reader.chain), monotonic: last.monotonic))
        }
        return true
    }
}
