internal import CPlatform
internal import CommandSupport
internal import Glibc
internal import RunModel
internal import RunPlayback

/// Plays a log on standard output, with the keys of a terminal if there is one.
final class Player {
    private let source: EventSource
    private let options: Transcript.Options
    private var transcript: Transcript
    private var clock: PlaybackClock
    private let writer = ByteWriter(STDOUT_FILENO, name: "standard output")
    private var output: [UInt8] = []
    /// Before this place, nothing is shown as it comes: only its end is.
    private var target: Int
    /// Where phases began, as far as they were seen.
    private var phases: [Int] = []
    private var hasKeys = false

    /// When one moves to another place, so many bytes of what stands before it are shown: a few screens.
    private static let context = 64 << 10
    /// So many phases are remembered to go back to.
    private static let maximumPhases = 10_000

    private enum Move { case wait, show, seek(Int), nextPhase, quit }

    init(_ source: EventSource, _ options: Transcript.Options, speed: Double, idleLimit: Int?, from: Int) {
        self.source = source
        self.options = options
        transcript = Transcript(options)
        clock = PlaybackClock(speed: speed, idleLimit: idleLimit, at: from, wall: Player.now)
        target = from
    }

    func play() throws(Failure) {
        pm_signals_install()
        if options.isTerminal { pm_screen_reset_at_exit(STDOUT_FILENO) }
        if options.isTerminal, Terminal.isTerminal(STDIN_FILENO) { hasKeys = pm_keys_begin(STDIN_FILENO) == 0 }
        defer { if hasKeys { pm_keys_end() } }
        if hasKeys { Diagnostics.write(Style(for: STDERR_FILENO).dim(Self.help) + "\n") }
        do throws(Failure) {
            try playEvents()
        } catch {
            try end()
            throw error
        }
        try end()
    }

    private static let help = "space pause   ←→ 5 s   ↑↓ 1 min   + - speed   [ ] phase   . step   0 start   q quit"

    private func end() throws(Failure) {
        transcript.finish(to: &output)
        try flush()
    }

    private func playEvents() throws(Failure) {
        events: while let event = try source.next() {
            guard options.admits(event) else { continue }
            if case .phaseStarted = event.body, phases.last.map({ $0 < event.monotonic }) ?? true,
                phases.count < Self.maximumPhases
            {
                phases.append(event.monotonic)
            }
            if event.monotonic >= target {
                clock.expect(event.monotonic, wall: Player.now)
                switch try wait(for: event) {
                case .wait, .show: break
                case .quit: return
                case .seek(let place):
                    try move(to: place)
                    continue events
                case .nextPhase:
                    try moveToNextPhase(after: event)
                    continue events
                }
            }
            transcript.write(event, to: &output)
            if event.monotonic >= target {
                if output.count > Self.context { try flush() }
            } else if output.count > 2 * Self.context {
                // From the beginning of a line, so that no sequence is cut.
                let start = output[(output.count - Self.context)...].firstIndex(of: 0x0A) ?? output.count - 1
                output.removeFirst(start + 1)
            }
        }
        try flush()
    }

    // MARK: Time and keys

    /// Waits until the event is due, or a key says something else.
    private func wait(for event: RunEvent) throws(Failure) -> Move {
        while true {
            let due = clock.due(event.monotonic)
            let rest = due.map { max(0, $0 - Player.now) }
            if rest == 0, !hasKeys { return .show }
            // Everything before is shown before anything waits.
            if rest != 0 { try flush() }
            var wait = pollfd(fd: hasKeys ? STDIN_FILENO : -1, events: Int16(POLLIN), revents: 0)
            // Rounded up: waking early would spin.
            let milliseconds = rest.map { Int32(clamping: ($0 + 999) / 1000) } ?? -1
            let ready = poll(&wait, 1, milliseconds)
            if ready > 0 {
                switch readKeys() {
                case .wait: continue
                case let move: return move
                }
            }
            if rest == 0 { return .show }
        }
    }

    private func readKeys() -> Move {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return .wait }
        if count <= 0 {
            // The terminal is gone, and with it whoever would press a key.
            pm_keys_end()
            hasKeys = false
            return .wait
        }
        let now = Player.now
        for key in PlaybackKey.read(bytes[..<count]) {
            switch key {
            case .quit: return .quit
            case .pause: if clock.isPaused { clock.resume(wall: now) } else { clock.pause(wall: now) }
            case .step:
                clock.pause(wall: now)
                return .show
            case .faster: clock.faster(wall: now)
            case .slower: clock.slower(wall: now)
            case .seek(let distance): return .seek(max(0, clock.position(wall: now) + distance))
            case .start: return .seek(0)
            case .nextPhase: return .nextPhase
            case .previousPhase:
                // At the very beginning of a phase, the one before it is meant.
                let here = clock.position(wall: now) - 1_000_000
                return .seek(phases.last { $0 < here } ?? 0)
            case .help: Diagnostics.write("\r\n" + Self.help + "\r\n")
            }
        }
        return .wait
    }

    /// Goes to a place: what stands before it is on the screen as it was.
    private func move(to place: Int) throws(Failure) {
        try restart()
        source.rewind(before: place, distance: Self.context)
        target = place
        clock.jump(to: place, wall: Player.now)
    }

    private func moveToNextPhase(after event: RunEvent) throws(Failure) {
        var place: Int?
        while place == nil, let next = try source.next() {
            if case .phaseStarted = next.body, options.admits(next), next.monotonic > event.monotonic {
                place = next.monotonic
            }
        }
        try move(to: place ?? event.monotonic)
    }

    private func restart() throws(Failure) {
        transcript.finish(to: &output)
        transcript = Transcript(options)
        output = Array("\u{1B}[0m\u{1B}[2J\u{1B}[3J\u{1B}[H".utf8)
        try flush()
    }

    private func flush() throws(Failure) {
        guard !output.isEmpty else { return }
        // A sequence is not cut in half by a signal.
        pm_signals_hold()
        output.withUnsafeBytes { writer.write($0) }
        output.removeAll(keepingCapacity: true)
        writer.flush()
        pm_signals_release()
        try writer.check()
    }

    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}
