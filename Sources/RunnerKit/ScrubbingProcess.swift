internal import CPlatform
internal import CProcess
internal import CommandSupport
internal import Glibc
package import RedactionKit

/// The process that sees what a command writes, and nothing else: it reads, scrubs and passes on.
///
/// It has no environment, no files, no network and no way to get any (`Sources/CProcess/confine.c`); its runner gets
/// scrubbed frames from it and has no other access to the output. If it ends, what it held is gone, and nothing that it
/// had not scrubbed has gone anywhere.
package final class ScrubbingProcess {
    private final class Source {
        let descriptor: Int32
        let kind: ScrubbedFrame.Kind
        var stream: RedactionStream
        var isOpen = true

        init(_ descriptor: Int32, _ kind: ScrubbedFrame.Kind, _ redactor: Redactor) {
            self.descriptor = descriptor
            self.kind = kind
            stream = redactor.makeStream()
        }
    }

    private let writer = ScrubbedFrameWriter(ScrubberDescriptor.frames)
    private let sources: [Source]
    private let hasTerminal: Bool
    private var control: [UInt8] = []
    private var hasBegun = false
    private var hasEnded = false
    /// Typed bytes that the terminal has not taken yet.
    private var typed: [UInt8] = []
    private var readsInput: Bool
    private var lastTyped: UInt8 = 10

    /// Bytes asked for at a time.
    private static let readSize = 256 << 10

    /// Confines this process and scrubs until all streams have ended.
    package static func run(_ redactor: Redactor) -> Never {
        // Standard error is /dev/null: whoever crashes does not say a word, either.
        pm_signals_install()
        signal(SIGINT, SIG_IGN)
        let process = ScrubbingProcess(redactor)
        let given = pm_confine(process.hasTerminal ? ScrubberDescriptor.tty : -1)
        process.loop(given)
        _exit(0)
    }

    /// Confines this process and tries what it must not be able to do: for `doctor`. A deed that is forbidden ends it.
    package static func attempt(_ deed: Int32) -> Never {
        _ = pm_confine(-1)
        _exit(pm_attempt(deed) == 0 ? 1 : 2)
    }

    /// Ends this process before it has read anything.
    package static func refuse() -> Never { _exit(2) }

    private init(_ redactor: Redactor) {
        let numbers: [(Int32, ScrubbedFrame.Kind)] = [
            (ScrubberDescriptor.stdout, .stdout), (ScrubberDescriptor.stderr, .stderr),
            (ScrubberDescriptor.tty, .tty), (ScrubberDescriptor.events, .events),
        ]
        sources = numbers.compactMap { fcntl($0.0, F_GETFD) >= 0 ? Source($0.0, $0.1, redactor) : nil }
        hasTerminal = sources.contains { $0.kind == .tty }
        readsInput = fcntl(ScrubberDescriptor.input, F_GETFD) >= 0
        for warning in redactor.warnings { warnings.append(warning) }
    }

    private var warnings: [String] = []

    private func loop(_ protections: UInt32) {
        while !hasBegun { receiveControl() }
        writer.send(.ready, value: Int(protections))
        for warning in warnings { writer.send(.warning, text: warning) }
        while !hasEnded, sources.contains(where: \.isOpen) { step() }
        for source in sources where source.isOpen { end(source) }
        var told: Set<String> = []
        for warning in sources.flatMap({ $0.stream.warnings }) where told.insert(warning).inserted {
            writer.send(.warning, text: warning)
        }
        writer.send(.finished)
    }

    /// Waits for anything, and does it. The control descriptor comes first: a value that was sent before the bytes that
    /// hold it were written is always in time.
    private func step() {
        let open = sources.filter(\.isOpen)
        var waits = [pollfd(fd: ScrubberDescriptor.control, events: Int16(POLLIN), revents: 0)]
        for source in open {
            let writes = source.kind == .tty && !typed.isEmpty
            waits.append(
                pollfd(fd: source.descriptor, events: Int16(POLLIN) | (writes ? Int16(POLLOUT) : 0), revents: 0))
        }
        if readsInput, typed.isEmpty {
            waits.append(pollfd(fd: ScrubberDescriptor.input, events: Int16(POLLIN), revents: 0))
        }
        guard poll(&waits, nfds_t(waits.count), -1) > 0 else { return }
        if waits[0].revents != 0 { receiveControl() }
        for (source, wait) in zip(open, waits.dropFirst()) where wait.revents != 0 && source.isOpen && !hasEnded {
            if wait.revents & Int16(POLLOUT) != 0 { type() }
            if wait.revents & ~Int16(POLLOUT) != 0 { receive(source) }
        }
        if let wait = waits.last, wait.fd == ScrubberDescriptor.input, wait.revents != 0 { receiveInput() }
        // The runner is gone: nobody is left to scrub for.
        if !writer.isOpen { _exit(0) }
    }

    private func receive(_ source: Source) {
        let buffer = source.stream.inputBuffer(minimum: Self.readSize)
        let count = read(source.descriptor, buffer.baseAddress, min(buffer.count, Self.readSize))
        if count < 0, errno == EINTR || errno == EAGAIN { return }
        // EIO: the last process that had the terminal is gone.
        guard count > 0 else { return end(source) }
        drainControl()
        let sink = writer.sink(source.kind, inputBytes: Int(source.stream.bytesIn) + count)
        var output = sink
        source.stream.commit(count, to: &output)
        sink.flush()
    }

    private func end(_ source: Source) {
        source.isOpen = false
        let sink = writer.sink(source.kind, inputBytes: Int(source.stream.bytesIn))
        var output = sink
        source.stream.finish(to: &output)
        sink.flush()
        close(source.descriptor)
    }

    // MARK: Control

    private func drainControl() {
        while true {
            var wait = pollfd(fd: ScrubberDescriptor.control, events: Int16(POLLIN), revents: 0)
            guard poll(&wait, 1, 0) > 0 else { return }
            receiveControl()
        }
    }

    private func receiveControl() {
        let chunk = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
            count = max(0, read(ScrubberDescriptor.control, buffer.baseAddress, buffer.count))
        }
        // The runner is gone: what is held is dropped.
        guard !chunk.isEmpty else { _exit(0) }
        control += chunk
        do {
            while let message = try ControlMessage.take(from: &control) { obey(message) }
        } catch {
            _exit(2)
        }
    }

    private func obey(_ message: ControlMessage) {
        switch message {
        case .value(let name, let bytes):
            // A value that cannot be masked was refused by the runner, with a warning.
            guard let value = try? KnownValue(name: name, value: bytes) else { return }
            for source in sources { source.stream.addKnownValue(value) }
        case .begin: hasBegun = true
        case .resize(let columns, let rows):
            if hasTerminal { _ = pm_terminal_resize(ScrubberDescriptor.tty, columns, rows) }
        case .close(let kind):
            for source in sources where source.kind == kind && source.isOpen {
                source.isOpen = false
                close(source.descriptor)
            }
        case .end: hasEnded = true
        }
    }

    // MARK: Typing

    private func receiveInput() {
        let chunk = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = max(0, read(ScrubberDescriptor.input, buffer.baseAddress, buffer.count))
        }
        if let last = chunk.last {
            lastTyped = last
            typed += chunk
            if pm_terminal_suspends(ScrubberDescriptor.tty, chunk, chunk.count) != 0 { writer.send(.suspend) }
        } else {
            // The end of input is typed as ^D, twice after an unfinished line (termios(3), VEOF).
            readsInput = false
            close(ScrubberDescriptor.input)
            typed += lastTyped == 10 || lastTyped == 13 ? [4] : [4, 4]
        }
        type()
    }

    private func type() {
        guard !typed.isEmpty else { return }
        let count = typed.withUnsafeBytes { write(ScrubberDescriptor.tty, $0.baseAddress, $0.count) }
        if count > 0 { typed.removeFirst(count) }
    }
}

/// The protections of a scrubbing process, by name.
package struct Protections: Sendable, Equatable {
    /// Bits of `pm_protection`.
    package let bits: UInt32

    package init(bits: UInt32) { self.bits = bits }

    /// All there are, with what they mean.
    package static let all: [(bit: UInt32, name: String, meaning: String)] = [
        (PM_SECCOMP.rawValue, "seccomp", "system calls: read, write, poll, memory, time and exit only"),
        (PM_LANDLOCK_FILES.rawValue, "landlock-files", "no file can be reached (Linux 5.13)"),
        (PM_LANDLOCK_NETWORK.rawValue, "landlock-network", "no TCP (Linux 6.7)"),
        (PM_LANDLOCK_SCOPE.rawValue, "landlock-scope", "no signals or sockets to other processes (Linux 6.12)"),
        (PM_NO_NEW_PRIVILEGES.rawValue, "no-new-privileges", "executing cannot give privileges"),
        (PM_NOT_DUMPABLE.rawValue, "not-dumpable", "no core, no tracing by the same user"),
        (PM_LIMITS.rawValue, "limits", "no processes, files or cores, and few descriptors"),
    ]

    package var names: [String] { Self.all.filter { bits & $0.bit != 0 }.map(\.name) }
    package var missing: [String] { Self.all.filter { bits & $0.bit == 0 }.map(\.name) }
}
