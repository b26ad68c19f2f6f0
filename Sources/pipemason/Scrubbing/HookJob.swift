internal import CPlatform
internal import CommandSupport
internal import Glibc
internal import LogHook
internal import RedactionKit

/// Reads another program's log for as long as it goes on, and writes it without secrets.
///
/// What is read is scrubbed and written before more is read. A signal ends the process between two of these, never within; what
/// is then held back, because it may be part of a secret, is dropped.
final class HookJob {
    private let redactor: Redactor
    private let digest: String
    private let output: HookOutput

    /// Between looks at a file that has not grown, in microseconds.
    private static let interval: useconds_t = 50_000
    private static let readSize = 64 << 10

    /// - Parameter digest: Of the rules in use.
    init(_ redactor: Redactor, digest: String, _ output: HookOutput) {
        self.redactor = redactor
        self.digest = digest
        self.output = output
    }

    /// Follows a file until a signal comes.
    ///
    /// - Parameters:
    ///   - skipsOld: Begin at the end of what is there, unless there is a state.
    ///   - states: Where to keep how far it came.
    func follow(_ path: Path, skipsOld: Bool, states: FollowStateFile?) throws(Failure) {
        let saved = try states?.load()
        if let saved, saved.path != path.text {
            throw Failure(.usage, "the state is that of another log, \(saved.path)")
        }
        let file =
            saved.map { FollowedFile(path, at: $0.place, passing: output.identity.map { [$0] } ?? []) }
            ?? FollowedFile(path, skipsOld: skipsOld)
        var stream = redactor.makeStream(path: path.text)
        if let saved { try skip(saved, file, &stream) }
        /// Where nothing was held back, and what was written since.
        var settled = saved?.place ?? file.place
        var written = saved?.written ?? 0
        while true {
            pm_signals_release()
            let bytes = try file.next()
            for warning in file.takeWarnings() { Diagnostics.warn(warning) }
            guard !bytes.isEmpty else {
                usleep(Self.interval)
                continue
            }
            pm_signals_hold()
            let before = output.sink.count
            bytes.withUnsafeBytes { stream.write($0, to: &output.sink) }
            written += output.sink.count - before
            try output.flush()
            guard let states else { continue }
            // At the end of a line, so that no construct is cut.
            if stream.isSettled, bytes.last == 0x0A, let place = file.place {
                settled = place
                written = 0
            }
            guard let settled else { continue }
            try states.save(
                FollowState(
                    path: path.text, place: settled, written: written, rules: digest, output: output.position))
        }
    }

    /// Gives the stream what stood before, and leaves out of the output what was written of what stands behind.
    private func skip(_ saved: FollowState, _ file: FollowedFile, _ stream: inout RedactionStream) throws(Failure) {
        var unwanted = HookSink()
        file.bytesBehind(stream.contextSize).withUnsafeBytes { stream.write($0, to: &unwanted) }
        var count = saved.written
        // A process that was killed may have written more than it could save.
        if let old = saved.output, let now = output.position, old.device == now.device, old.inode == now.inode {
            count += max(0, now.size - old.size)
        }
        guard count > 0 else { return }
        guard saved.rules == digest else {
            return Diagnostics.warn(
                "the rules are others than before, so up to \(count) bytes of output that were written are written again"
            )
        }
        output.sink.skip(count)
    }

    /// Reads a named pipe until a signal comes; writers may come and go.
    func readFifo(_ path: Path) throws(Failure) {
        // Open for writing too, so that it does not end when its last writer goes.
        guard let file = Descriptor.open(path, O_RDWR), let status = file.status else {
            throw Failure(.input, "\(path.text): \(Diagnostics.reason(errno))")
        }
        guard status.kind == S_IFIFO else { throw Failure(.input, "\(path.text): is no named pipe") }
        var stream = redactor.makeStream()
        try read(file.number, path.text) { bytes throws(Failure) in
            bytes.withUnsafeBytes { stream.write($0, to: &output.sink) }
            try output.flush()
        }
    }

    /// Reads journal entries from standard input.
    func readJournal(asLines: Bool) throws(Failure) {
        var journal = JournalExport()
        var scrubber = JournalScrubber(RecordScrubber(redactor))
        func write(_ entry: [JournalExport.Field]) {
            let clean = scrubber.scrub(entry)
            var bytes: [UInt8] = []
            if asLines { bytes = JournalScrubber.line(clean) } else { JournalExport.append(clean, to: &bytes) }
            bytes.withUnsafeBytes { output.sink.write($0) }
        }
        try read(STDIN_FILENO, "standard input") { bytes throws(Failure) in
            journal.write(bytes, write)
            try output.flush()
        }
        journal.finish(write)
        try output.flush()
    }

    /// Answers rsyslog's mmexternal: each line at once.
    func modify(_ input: SyslogModifier.Input) throws(Failure) {
        var modifier = SyslogModifier(input, RecordScrubber(redactor))
        var lines = LineSplitter(limit: SyslogModifier.maximumLine)
        func write(_ line: [UInt8]) { modifier.answer(line).withUnsafeBytes { output.sink.write($0) } }
        try read(STDIN_FILENO, "standard input") { bytes throws(Failure) in
            lines.write(bytes, write)
            try output.flush()
        }
    }

    /// Takes messages from rsyslog's omprog, one a line.
    func receive(confirming: Bool) throws(Failure) {
        let answers = ByteWriter(STDOUT_FILENO, name: "standard output")
        func confirm() throws(Failure) {
            guard confirming else { return }
            answers.write("OK\n")
            answers.flush()
            try answers.check()
        }
        // Ready (rsyslog's documentation of omprog, "confirmMessages").
        try confirm()
        var records = RecordScrubber(redactor)
        var lines = LineSplitter(limit: SyslogModifier.maximumLine)
        var count = 0
        func write(_ line: [UInt8]) {
            let clean = line.count > SyslogModifier.maximumLine ? JournalExport.tooLarge : records.scrub(line)
            (clean + [0x0A]).withUnsafeBytes { output.sink.write($0) }
            count += 1
        }
        try read(STDIN_FILENO, "standard input") { bytes throws(Failure) in
            lines.write(bytes, write)
            // A message counts as delivered when it is in the file.
            try output.flush()
            while count > 0 {
                try confirm()
                count -= 1
            }
        }
        lines.finish(write)
        try output.flush()
    }

    private func read(
        _ descriptor: Int32, _ name: String, _ body: ([UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        var buffer = [UInt8](repeating: 0, count: Self.readSize)
        while true {
            pm_signals_release()
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            let reason = errno
            pm_signals_hold()
            if count < 0 {
                guard reason == EINTR || reason == EAGAIN else {
                    throw Failure(.input, "\(name): \(Diagnostics.reason(reason))")
                }
                if reason == EAGAIN {
                    var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                    pm_signals_release()
                    _ = poll(&wait, 1, -1)
                }
                continue
            }
            if count == 0 { return }
            try body(Array(buffer[..<count]))
        }
    }
}

/// Where a hook writes: standard output, or a file that is appended to and that may be rotated.
final class HookOutput {
    var sink = HookSink()
    private let path: Path?
    private var writer: ByteWriter?
    private var descriptor: Int32 = -1
    private var endsLine = true

    /// - Parameter path: nil: standard output.
    init(_ path: Path?) {
        self.path = path
        if path == nil { writer = ByteWriter(STDOUT_FILENO, name: "standard output") }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The file that is written to, if there is one by now.
    var identity: stat? {
        guard let path else { return nil }
        var status = stat()
        return (descriptor >= 0 ? fstat(descriptor, &status) : path.withCString { stat($0, &status) }) == 0
            ? status : nil
    }

    /// That file and its size; nil: there is none, or it is no regular one.
    var position: FollowState.Output? {
        guard let status = identity, status.isRegularFile else { return nil }
        return FollowState.Output(
            device: Int(bitPattern: UInt(status.st_dev)), inode: Int(bitPattern: UInt(status.st_ino)),
            size: Int(status.st_size))
    }

    /// Writes what was added. Of a file that was rotated away, a line that was begun is still finished.
    func flush() throws(Failure) {
        guard let last = sink.bytes.last else { return }
        if let path, endsLine, !isCurrent(path) { try reopen(path) }
        guard let writer else { return }
        sink.bytes.withUnsafeBytes { writer.write($0) }
        sink.bytes.removeAll(keepingCapacity: true)
        writer.flush()
        try writer.check()
        endsLine = last == 0x0A
    }

    private func isCurrent(_ path: Path) -> Bool {
        var named = stat()
        var own = stat()
        return descriptor >= 0 && path.withCString({ stat($0, &named) }) == 0 && fstat(descriptor, &own) == 0
            && named.isSameFile(as: own)
    }

    private func reopen(_ path: Path) throws(Failure) {
        if descriptor >= 0 { close(descriptor) }
        descriptor = path.withCString { open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0o640) }
        guard descriptor >= 0 else { throw Failure(.output, "\(path.text): \(Diagnostics.reason(errno))") }
        writer = ByteWriter(descriptor, name: path.text)
    }
}

/// Keeps what is to be written.
struct HookSink: RedactionSink {
    var bytes: [UInt8] = []
    /// Bytes that came, those that were left out included.
    private(set) var count = 0
    private var skipped = 0

    mutating func write(_ piece: UnsafeRawBufferPointer) {
        count += piece.count
        let unwanted = min(skipped, piece.count)
        skipped -= unwanted
        bytes.append(contentsOf: piece.dropFirst(unwanted))
    }

    /// Leaves out the next bytes.
    mutating func skip(_ count: Int) { skipped += count }
}
