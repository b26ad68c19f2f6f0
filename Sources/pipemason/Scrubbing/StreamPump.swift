internal import CPlatform
internal import CommandSupport
internal import Glibc
internal import RedactionKit

/// Moves one input through the engine: read, process, write, and only then read again; or, while it comes faster than that, with
/// several threads (`ReadAhead`).
///
/// So whatever the engine released is out before the next byte is asked for, and a prompt without a newline shows at
/// once. A failure drops what the engine still holds back: bytes that may be part of a secret never leave.
struct StreamPump {
    let redactor: Redactor
    /// Most threads for an input that is read as it is.
    let jobs: Int

    /// Bytes asked for at a time. Measured over pipes and files: below 256 KiB system calls show, above it the buffer
    /// leaves the second-level cache.
    static let readSize = 256 << 10

    /// Pipes get this much room once they have proved busy; it takes them from 1.8 to 2.5 GB/s.
    private static let pipeSize: Int32 = 1 << 20

    /// Linux's F_SETPIPE_SZ, which Swift's Glibc does not show.
    private static let setPipeSize: Int32 = 1031

    /// Processes `descriptor` to its end, or until `sink` has `findingLimit` findings.
    ///
    /// - Parameters:
    ///   - name: For messages.
    ///   - path: For rules that are limited to paths; nil for standard input.
    ///   - compressed: Reads the descriptor, if its bytes stand for others.
    ///   - firstBytes: Called with the beginning of an input that is read as it is.
    /// - Returns: The number of bytes read, and what the engine warns of.
    func run(
        _ descriptor: Int32, name: String, path: Path?, compressed: CompressedInput?, sink: inout ScrubSink,
        masks: inout MaskChannel?, findingLimit: Int = .max, progress: inout ProgressBar?,
        firstBytes: (UnsafeRawBufferPointer) -> Void = { _ in }
    ) throws(Failure) -> (bytes: UInt64, warnings: [String]) {
        let first = StreamBox(redactor.makeStream(path: path?.text))
        var delivery = Delivery(sink: sink, stream: first)
        defer { sink = delivery.sink.base }
        let ahead =
            jobs > 1 && compressed == nil && masks == nil && findingLimit == .max
            ? ReadAhead(redactor: redactor, jobs: jobs, path: path?.text) : nil
        var position: UInt64 = 0
        var isBusy = false
        while delivery.sink.base.findings < findingLimit {
            // Everything released is written: a signal may end the process while it waits.
            pm_signals_release()
            let box = delivery.stream!
            if compressed?.isPending != true { masks?.wait(for: descriptor) { box.stream.addKnownValue($0) } }
            let buffer = UnsafeMutableRawBufferPointer(
                rebasing: box.stream.inputBuffer(minimum: StreamPump.readSize).prefix(StreamPump.readSize))
            let count =
                try compressed?.read(descriptor, into: buffer) ?? read(descriptor, buffer.baseAddress, buffer.count)
            let reason = errno
            pm_signals_hold()
            if count < 0 {
                try recover(from: reason, descriptor, name)
                continue
            }
            if count == 0 { break }
            if compressed == nil, position == 0 {
                firstBytes(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
            }
            masks?.drain { box.stream.addKnownValue($0) }
            // There was more than was asked for, and it has lines.
            let comesFast =
                ahead != nil && count == buffer.count
                && memchr(buffer.baseAddress!, Int32(UInt8(ascii: "\n")), count) != nil
            box.stream.commit(count, to: &delivery.sink)
            position += UInt64(count)
            try flush(sink)
            if !isBusy, count >= 1 << 16 {
                isBusy = true
                // Refused on anything but a pipe, and beyond the user's share: then it stays as it is.
                _ = fcntl(descriptor, StreamPump.setPipeSize, StreamPump.pipeSize)
                if let output = sink.output { output.enlargePipe(StreamPump.setPipeSize, StreamPump.pipeSize) }
            }
            progress?.update(compressed?.bytesRead ?? position)
            guard comesFast, let ahead else { continue }
            let end = try ahead.run(descriptor, position: &position, &delivery) { (bytes) throws(Failure) in
                try flush(sink)
                progress?.update(bytes)
            }
            if case .failed(let reason) = end { try recover(from: reason, descriptor, name) }
        }
        masks?.drain { delivery.stream!.stream.addKnownValue($0) }
        delivery.stream!.stream.finish(to: &delivery.sink)
        try flush(sink)
        return (position, delivery.warnings)
    }

    private func flush(_ sink: ScrubSink) throws(Failure) {
        guard let output = sink.output else { return }
        output.flush()
        try output.check()
    }

    private func recover(from reason: Int32, _ descriptor: Int32, _ name: String) throws(Failure) {
        switch reason {
        case EINTR:
            return
        case EAGAIN:
            // Somebody who shares the descriptor made it non-blocking.
            var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            pm_signals_release()
            _ = poll(&wait, 1, -1)
            pm_signals_hold()
        default:
            throw Failure(.input, "\(name): \(Diagnostics.reason(reason))")
        }
    }
}
