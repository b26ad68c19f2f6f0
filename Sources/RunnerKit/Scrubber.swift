internal import CProcess
internal import CommandSupport
internal import Glibc
internal import RedactionKit

/// A scrubbing process, from its runner's side.
///
/// The runner makes the pipes, gives their reading ends away and closes its own before the command is started: from then
/// on it has no descriptor from which it could read what the command wrote.
final class Scrubber {
    let id: pid_t
    /// Where its frames come from. Does not block.
    let frames: ScrubbedFrameReader
    let framesDescriptor: Handle
    private let control: Handle
    /// Where typed bytes go, for its terminal. Does not block.
    private(set) var input: Handle?
    private(set) var protections = Protections(bits: 0)
    private var isReaped = false
    private var status: Int32 = 0

    /// How it is started: the same program again.
    struct Program: Sendable {
        var path = "/proc/self/exe"
        /// Its arguments, with which it calls `ScrubbingProcess.run` for the same rules.
        var arguments: [String]
    }

    /// Seconds that it may take to confine itself.
    static let startLimit = 10.0

    /// Starts it.
    ///
    /// - Parameters:
    ///   - streams: What it reads; given away.
    ///   - hasInput: Whether it gets a pipe for what is typed.
    init(_ program: Program, streams: OutputEnds, hasInput: Bool) throws(Failure) {
        let null = try Handle.checked(Glibc.open("/dev/null", O_RDWR | O_CLOEXEC))
        let controlPipe = try Handle.pipe()
        let framesPipe = try Handle.pipe(size: OutputEnds.pipeSize)
        let inputPipe = hasInput ? try Handle.pipe() : nil
        var numbers: [Int32] = []
        for standard in Int32(0)...2 { numbers += [null.number, standard] }
        numbers += [controlPipe.reading.number, ScrubberDescriptor.control]
        numbers += [framesPipe.writing.number, ScrubberDescriptor.frames]
        if let number = streams.stdout?.number { numbers += [number, ScrubberDescriptor.stdout] }
        if let number = streams.stderr?.number { numbers += [number, ScrubberDescriptor.stderr] }
        if let number = streams.tty?.number { numbers += [number, ScrubberDescriptor.tty] }
        if let number = streams.events?.number { numbers += [number, ScrubberDescriptor.events] }
        if let number = inputPipe?.reading.number { numbers += [number, ScrubberDescriptor.input] }
        let launched = launch(
            program.path, [program.path] + program.arguments, environment: [], descriptors: numbers, closesOthers: true,
            deathSignal: SIGKILL)
        guard launched > 0 else {
            throw Failure(.runner, "the scrubbing process cannot be started: \(Diagnostics.reason(errno))")
        }
        id = launched
        framesDescriptor = framesPipe.reading
        control = controlPipe.writing
        input = inputPipe?.writing
        frames = ScrubbedFrameReader(scrubbingProcess: framesDescriptor.number)
        if let input { _ = fcntl(input.number, F_SETFL, O_NONBLOCK) }
    }

    deinit { if !isReaped { _ = reap() } }

    /// Sends values to mask.
    func send(_ values: [KnownValue]) throws(Failure) {
        for value in values { try send(.value(name: value.name, bytes: value.value)) }
    }

    /// Waits until it has confined itself and reads, after `.begin`, and returns what it warned of.
    func waitUntilReady() throws(Failure) -> [String] {
        var warnings: [String] = []
        let deadline = MonotonicClock.microseconds + Int(Self.startLimit * 1e6)
        while true {
            do {
                while let frame = try frames.next() {
                    guard frame.kind == .ready else {
                        warnings.append(String(decoding: frame.bytes.bytes, as: UTF8.self))
                        continue
                    }
                    protections = Protections(bits: UInt32(truncatingIfNeeded: frame.inputBytes))
                    _ = fcntl(framesDescriptor.number, F_SETFL, O_NONBLOCK)
                    return warnings
                }
            } catch {
                throw Failure(.runner, error.description)
            }
            var wait = pollfd(fd: framesDescriptor.number, events: Int16(POLLIN), revents: 0)
            let rest = deadline - MonotonicClock.microseconds
            guard rest > 0, poll(&wait, 1, Int32(rest / 1000 + 1)) >= 0 || errno == EINTR else {
                throw Failure(.runner, "the scrubbing process did not start within \(Int(Self.startLimit)) seconds")
            }
            guard wait.revents == 0 || frames.receive() != .ended else {
                throw Failure(.runner, "the scrubbing process ended before it began; nothing was run")
            }
        }
    }

    /// Sends a message; a process that is gone is noticed by the end of its frames.
    func send(_ message: ControlMessage) throws(Failure) {
        let writer = ByteWriter(control.number, name: "the scrubbing process", capacity: 4096)
        let bytes = message.encoded
        bytes.withUnsafeBytes { writer.write($0) }
        writer.flush()
        guard writer.failure == nil else { throw Failure(.runner, "the scrubbing process is gone") }
    }

    /// Ends what is typed.
    func closeInput() { input = nil }

    /// Takes note of how it ended, for whoever waits for all children.
    func hasEnded(_ status: Int32) {
        isReaped = true
        self.status = status
    }

    /// Ends it, if it has not ended, and returns how it did, for a message.
    func reap() -> String {
        if !isReaped {
            kill(id, SIGKILL)
            while waitpid(id, &status, 0) < 0, errno == EINTR {}
            isReaped = true
        }
        let signal = status & 0x7F
        return signal == 0 ? "with status \(status >> 8 & 0xFF)" : "by signal \(signal)"
    }
}
