internal import CProcess
package import CommandSupport
internal import Glibc
package import RedactionKit
package import RunModel

/// A command to run, and how.
package struct CommandPlan: Sendable {
    /// Which of its standard streams are a terminal.
    package enum TerminalUse: Sendable {
        /// Those that are one here, if standard output is.
        case automatic
        case always
        case never
    }
    /// The program and its arguments, as bytes.
    package var words: [[UInt8]]
    /// `NAME=value`; nil: what this process has.
    package var environment: [[UInt8]]?
    package var terminal = TerminalUse.automatic
    /// Seconds until it is ended.
    package var timeout: Double?
    package var phase: String?
    package var iteration: Int?
    /// Values to mask.
    package var values: [KnownValue] = []
    /// Arguments with which this program becomes a scrubbing process for the same rules as `redactor`.
    package var scrubberArguments: [String]
    /// Scrubs what this process says about the command.
    package var redactor: Redactor
    /// Processes of ours that are no part of the command.
    package var spared: [Int32] = []
    /// Where values to mask come from while it runs.
    package var valueSource: (any ValueSource)?

    package init(words: [[UInt8]], scrubberArguments: [String], redactor: Redactor) {
        self.words = words
        self.scrubberArguments = scrubberArguments
        self.redactor = redactor
    }
}

/// How a command ended.
package struct CommandOutcome: Sendable, Equatable {
    package var status: RunStatus
    /// What this process passes on: the command's exit status, 128 + signal, 124 after its time, 126 and 127 as shells
    /// have them, 125 when the runner failed.
    package var exit: ExitStatus
    package var reason: String?

    package static let timedOut = ExitStatus(code: 124)
    package static let notExecutable = ExitStatus(code: 126)
    package static let notFound = ExitStatus(code: 127)
}

/// One command, running: it writes to a scrubbing process, which sends frames here, which go to the terminal and the log.
package final class CommandRun {
    private let plan: CommandPlan
    private let log: RunLog?
    private let signals: Signals
    private let scrubber: Scrubber
    private let streams: StreamSetup
    private let stdout = Outlet(STDOUT_FILENO)
    private let stderr = Outlet(STDERR_FILENO)
    private var agent = AgentEvents()

    private var leader: pid_t = 0
    private var ending: Ended?
    private var outputBytes: [ScrubbedFrame.Kind: Int] = [:]
    /// Why it was ended from here.
    private var cause: Cause?
    private var interrupts = 0
    private var hasFinished = false
    private var hasFailed = false
    private var closed: Set<ScrubbedFrame.Kind> = []
    private var typed: [UInt8] = []
    private var readsInput = false
    private var deadlines = Deadlines()

    private struct Ended {
        var exit: Int?
        var signal: Int?
        var processorTime = 0
        var peakMemory = 0
    }

    private enum Cause { case interrupt, signal(Int32), timeout, scrubber }

    /// Points in time, CLOCK_MONOTONIC in microseconds.
    private struct Deadlines {
        /// The command's time is over.
        var timeout: Int?
        /// It was asked to end, and did not.
        var kill: Int?
        /// It has ended, and somebody still holds its output open.
        var drain: Int?
        /// The scrubbing process was told to finish, and did not.
        var scrubber: Int?

        var next: Int? { [timeout, kill, drain, scrubber].compactMap { $0 }.min() }
    }

    /// Seconds between asking a command to end and killing it.
    package static let grace = 10.0
    /// Seconds that the output may stay open after the command has ended.
    package static let drain = 2.0

    /// Runs a command to its end. Its events go to `log`, its output there and to this process's standard streams.
    ///
    /// - Parameter prepared: The command's scrubbing process, if it was started before, with the same terminal.
    /// - Throws: when it could not even be tried.
    package static func run(
        _ plan: CommandPlan, prepared: PreparedScrubber? = nil, log: RunLog?, signals: Signals
    ) throws(Failure) -> CommandOutcome {
        let run = try CommandRun(plan, prepared, log: log, signals: signals)
        return run.perform()
    }

    private init(_ plan: CommandPlan, _ prepared: PreparedScrubber?, log: RunLog?, signals: Signals) throws(Failure) {
        self.plan = plan
        self.log = log
        self.signals = signals
        let prepared =
            if let prepared { prepared } else {
                try PreparedScrubber(plan.terminal, arguments: plan.scrubberArguments)
            }
        streams = prepared.streams
        scrubber = prepared.scrubber
        try prepared.begin(plan.values + (plan.valueSource?.received ?? []))
        let protections = try prepared.protections()
        let missing = protections.missing
        if protections.bits & PM_SECCOMP.rawValue == 0 {
            Diagnostics.warn("this kernel does not give every protection (\(missing.joined(separator: ", ")))")
        }
    }

    private func perform() -> CommandOutcome {
        let words = plan.words.map { String(decoding: $0, as: UTF8.self) }
        append(.commandStarted(CommandStarted(command: words, terminal: streams.size)))
        if let failure = start() { return failure }
        streams.closeWriting()
        if let timeout = plan.timeout { deadlines.timeout = MonotonicClock.microseconds + Int(timeout * 1e6) }
        readsInput = streams.typesInput
        enterRaw()
        while !isDone { step() }
        pm_terminal_restore()
        if cause != nil { killFamily() }
        return conclude()
    }

    private var isDone: Bool {
        ending != nil && (hasFinished || hasFailed) && !stdout.hasPending && !stderr.hasPending
    }

    // MARK: Starting

    /// Starts the command; if that fails, returns what that means.
    private func start() -> CommandOutcome? {
        let eventsNumber = streams.eventsNumber
        var environment = plan.environment ?? Environment.entries
        let own: [(String, String)] = [
            ("PIPEMASON_EVENTS_FD", String(eventsNumber)), ("PIPEMASON_RUN_ID", log?.run.description ?? ""),
        ]
        for (name, value) in own {
            environment.removeAll { $0.starts(with: (name + "=").utf8) }
            if !value.isEmpty { environment.append(Array("\(name)=\(value)".utf8)) }
        }
        let program = plan.words[0]
        leader = launch(
            program, plan.words, environment: environment, descriptors: streams.commandDescriptors,
            closesOthers: false, terminal: streams.terminalNumber, deathSignal: SIGTERM, inherited: signals.inherited)
        guard leader < 0 else { return nil }
        let number = errno
        let name = plan.redactor.redact(String(decoding: program, as: UTF8.self))
        let isThere = program.contains(UInt8(ascii: "/")) && Path(bytes: program).withCString { access($0, F_OK) } == 0
        let isMissing = number == ENOENT && !isThere
        let reason =
            isMissing && !program.contains(UInt8(ascii: "/")) ? "command not found" : Diagnostics.reason(number)
        Diagnostics.say("\(name): \(reason)")
        let exit = isMissing ? CommandOutcome.notFound : CommandOutcome.notExecutable
        append(
            .commandFinished(
                CommandFinished(
                    status: .error, exit: Int(exit.code), reason: reason, outputBytes: 0, processorTime: 0,
                    peakMemory: 0)))
        return CommandOutcome(status: .error, exit: exit, reason: "\(name): \(reason)")
    }

    // MARK: The loop

    private func step() {
        forwardFrames()
        guard !isDone else { return }
        // Nothing more can be done without waiting: what was gathered is due or has a time.
        let logWait = log?.idle()
        let readsFrames = !hasFinished && !hasFailed && !stdout.hasPending && !stderr.hasPending
        var waits = [
            pollfd(fd: signals.descriptor.number, events: Int16(POLLIN), revents: 0),
            pollfd(fd: readsFrames ? scrubber.framesDescriptor.number : -1, events: Int16(POLLIN), revents: 0),
            // Read in `log.idle`.
            pollfd(fd: log?.requests.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        let outlets = [stdout, stderr].filter(\.hasPending)
        let firstOutlet = waits.count
        waits += outlets.map(\.wait)
        let inputIndex = waits.count
        if readsInput {
            if typed.isEmpty {
                waits.append(pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0))
            } else if let input = scrubber.input {
                waits.append(pollfd(fd: input.number, events: Int16(POLLOUT), revents: 0))
            }
        }
        let sourceIndex = waits.count
        if let descriptor = plan.valueSource?.descriptor {
            waits.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
        }
        _ = poll(&waits, nfds_t(waits.count), timeout(logWait))
        // Before frames and before anything else: whoever sent the value waits for it to be known.
        if sourceIndex < waits.count, waits[sourceIndex].revents != 0 { passOnValues() }
        if waits[0].revents != 0 { while let number = signals.next() { obey(number) } }
        if readsFrames, waits[1].revents != 0, scrubber.frames.receive() == .ended { framesEnded() }
        for (outlet, wait) in zip(outlets, waits[firstOutlet...]) where wait.revents != 0 { outlet.resume() }
        if inputIndex < sourceIndex, waits[inputIndex].revents != 0 { forwardInput() }
        closeUnread()
        checkDeadlines()
    }

    private func timeout(_ logWait: Int?) -> Int32 {
        var milliseconds = logWait ?? -1
        if let next = deadlines.next {
            let rest = max(0, (next - MonotonicClock.microseconds + 999) / 1000)
            milliseconds = milliseconds < 0 ? rest : min(milliseconds, rest)
        }
        return Int32(clamping: milliseconds)
    }

    /// Passes on all frames that have come, for as long as their readers keep up.
    private func forwardFrames() {
        do {
            while !stdout.hasPending, !stderr.hasPending, let frame = try scrubber.frames.next() { forward(frame) }
        } catch {
            Diagnostics.say(error.description)
            fail()
        }
    }

    private func forward(_ frame: ScrubbedFrame) {
        switch frame.kind {
        case .stdout, .stderr, .tty:
            let stream: CommandOutput.Stream = frame.kind == .stdout ? .stdout : frame.kind == .stderr ? .stderr : .tty
            outputBytes[frame.kind] = frame.inputBytes
            (frame.kind == .stderr || frame.kind == .tty && !streams.stdoutIsTerminal ? stderr : stdout).write(
                frame.bytes)
            log?.append(frame, stream, phase: plan.phase, iteration: plan.iteration)
        case .events:
            agent.receive(frame.bytes) { append($0, time: frame.time) }
        case .warning: Diagnostics.warn(String(decoding: frame.bytes.bytes, as: UTF8.self))
        case .ready: break
        case .suspend:
            // The kernel does not stop a session's first process group, which is all that a command is to it. A program that does
            // something about the signal gets it, and nothing else happens.
            if ending == nil, pm_leaves_suspending(leader) != 0 { suspend(everybody: true) }
        case .finished:
            hasFinished = true
            deadlines.drain = nil
            deadlines.scrubber = nil
        }
    }

    /// Makes values that have come known to the scrubbing process. It drains its control descriptor before it processes what it has
    /// read, so a value that was acknowledged is in time for whatever is written with it.
    private func passOnValues() {
        guard let source = plan.valueSource else { return }
        for value in source.receive() {
            guard (try? scrubber.send(.value(name: value.name, bytes: value.value))) != nil else { return }
            source.acknowledge()
        }
    }

    private func framesEnded() {
        forwardFrames()
        // What is left to forward waits for its reader; the end comes again.
        if !hasFinished, !stdout.hasPending, !stderr.hasPending { fail() }
    }

    /// The scrubbing process is gone. Nothing that it had not scrubbed is here, and nothing more will come.
    private func fail() {
        guard !hasFailed else { return }
        hasFailed = true
        deadlines.drain = nil
        deadlines.scrubber = nil
        let reason = "the scrubbing process ended \(scrubber.reap())"
        Diagnostics.say("\(reason); output that it had not released is dropped, and the command is stopped")
        append(.logLost(LogLost(reason: .scrubberEnded, events: 0, bytes: 0)))
        cause = .scrubber
        killFamily()
    }

    /// Tells the command's side that a stream has lost its reader, as a pipe would.
    private func closeUnread() {
        if !stdout.isOpen { closeStream(streams.stdoutIsTerminal ? .tty : .stdout) }
        if !stderr.isOpen, streams.hasOwnStderr { closeStream(.stderr) }
    }

    private func closeStream(_ kind: ScrubbedFrame.Kind) {
        guard closed.insert(kind).inserted else { return }
        try? scrubber.send(.close(kind))
    }

    // MARK: Input

    private func enterRaw() {
        guard streams.typesInput, isatty(STDIN_FILENO) == 1 else { return }
        // In the background, reading and setting the terminal would stop this process.
        readsInput = tcgetpgrp(STDIN_FILENO) == getpgrp()
        if readsInput { _ = pm_terminal_raw(STDIN_FILENO) }
    }

    private func forwardInput() {
        if typed.isEmpty {
            let chunk = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                count = max(0, read(STDIN_FILENO, buffer.baseAddress, buffer.count))
            }
            guard !chunk.isEmpty else {
                readsInput = false
                scrubber.closeInput()
                return
            }
            typed = chunk
        }
        guard let input = scrubber.input else { return }
        let count = typed.withUnsafeBytes { write(input.number, $0.baseAddress, $0.count) }
        if count > 0 { typed.removeFirst(count) }
    }

    // MARK: Signals and time

    private func obey(_ number: Int32) {
        switch number {
        case SIGCHLD:
            // Whoever cancels a command does not want its helpers to go on.
            if collect(), cause != nil { killFamily() }
        case SIGWINCH: resize()
        case SIGINT:
            interrupts += 1
            if cause == nil { cause = .interrupt }
            if interrupts == 1 {
                signalGroup(SIGINT)
            } else {
                Diagnostics.say("interrupted twice; the command is killed")
                killFamily()
            }
        case SIGTSTP: suspend(everybody: false)
        case SIGCONT: resume()
        case SIGTERM, SIGHUP:
            if cause == nil { cause = .signal(number) }
            terminate(number)
        default: signalGroup(number)
        }
    }

    /// Sends a signal to the command's process group, for as long as its number is certainly its own.
    private func signalGroup(_ number: Int32) {
        if leader > 0, ending == nil { kill(-leader, number) }
    }

    /// Asks the command to end, and does not ask for ever.
    private func terminate(_ number: Int32) {
        signalGroup(number)
        signalGroup(SIGCONT)
        if deadlines.kill == nil { deadlines.kill = MonotonicClock.microseconds + Int(Self.grace * 1e6) }
    }

    /// Stops the command and this process, until somebody continues it.
    ///
    /// - Parameter everybody: Whether to stop this process's group, as the key does, and not this process alone.
    private func suspend(everybody: Bool) {
        signalGroup(SIGSTOP)
        pm_terminal_restore()
        // Once unblocked, the signal that is pending then stops this process.
        kill(everybody ? 0 : getpid(), SIGTSTP)
        pm_signal_unblock(SIGTSTP)
        pm_signal_block(SIGTSTP)
        // Where no shell could continue this process, the kernel has not stopped it.
        var pending = sigset_t()
        sigpending(&pending)
        if sigismember(&pending, SIGCONT) != 1 { resume() }
    }

    private func resume() {
        signalGroup(SIGCONT)
        enterRaw()
        resize()
    }

    private func resize() {
        guard let size = streams.currentSize else { return }
        try? scrubber.send(.resize(columns: UInt16(clamping: size.columns), rows: UInt16(clamping: size.rows)))
        append(.commandResized(size))
    }

    private func checkDeadlines() {
        let now = MonotonicClock.microseconds
        func isOver(_ deadline: Int?) -> Bool { deadline.map { $0 <= now } ?? false }
        if isOver(deadlines.timeout) {
            deadlines.timeout = nil
            if cause == nil { cause = .timeout }
            Diagnostics.say("the command's time is over; it is ended")
            terminate(SIGTERM)
        }
        if isOver(deadlines.kill) {
            deadlines.kill = nil
            killFamily()
        }
        if isOver(deadlines.drain) {
            deadlines.drain = nil
            Diagnostics.warn(
                "the command has ended, and a process that it left behind holds its output open; that is cut off")
            try? scrubber.send(.end)
            deadlines.scrubber = now + Int(Self.drain * 1e6)
        }
        if isOver(deadlines.scrubber) {
            deadlines.scrubber = nil
            fail()
        }
    }

    // MARK: Processes

    /// Takes note of every child that has ended, and returns whether the command is among them.
    private func collect() -> Bool {
        let wasRunning = ending == nil
        while true {
            var status: Int32 = 0
            var usage = rusage()
            let id = wait4(-1, &status, WNOHANG, &usage)
            if id < 0, errno == EINTR { continue }
            guard id > 0 else { return wasRunning && ending != nil }
            if id == scrubber.id { scrubber.hasEnded(status) }
            guard id == leader, ending == nil else { continue }
            let signal = Int(status & 0x7F)
            ending = Ended(
                exit: signal == 0 ? Int(status >> 8 & 0xFF) : nil, signal: signal == 0 ? nil : signal,
                processorTime: Self.microseconds(usage.ru_utime) + Self.microseconds(usage.ru_stime),
                peakMemory: usage.ru_maxrss)
            deadlines.timeout = nil
            deadlines.kill = nil
            if !hasFinished, !hasFailed { deadlines.drain = MonotonicClock.microseconds + Int(Self.drain * 1e6) }
        }
    }

    /// Kills the command and everything that descends from it. Orphans become children of this process, so nobody is
    /// missed who has left the process group.
    private func killFamily() {
        deadlines.kill = nil
        signalGroup(SIGKILL)
        var children = [pid_t](repeating: 0, count: 1024)
        for _ in 0..<500 {
            _ = collect()
            let count = pm_children(&children, children.count)
            let others = children.prefix(max(0, count)).filter { $0 != scrubber.id && !plan.spared.contains($0) }
            if others.isEmpty { return }
            for id in others { kill(id, SIGKILL) }
            usleep(2000)
        }
    }

    private static func microseconds(_ time: timeval) -> Int { time.tv_sec * 1_000_000 + Int(time.tv_usec) }

    // MARK: The end

    private func conclude() -> CommandOutcome {
        agent.finish { append($0) }
        let rejected = agent.takeRejected()
        if rejected > 0 {
            Diagnostics.warn("\(rejected) lines on PIPEMASON_EVENTS_FD were no events")
            append(.logLost(LogLost(reason: .agentEvent, events: rejected, bytes: 0)))
        }
        let ending = ending ?? Ended()
        var outcome: CommandOutcome
        if let exit = ending.exit {
            outcome = CommandOutcome(status: exit == 0 ? .succeeded : .failed, exit: ExitStatus(code: Int32(exit)))
        } else {
            let signal = ending.signal ?? 0
            outcome = CommandOutcome(
                status: .failed, exit: ExitStatus(code: Int32(128 + signal)), reason: "ended by signal \(signal)")
        }
        switch cause {
        case nil: break
        case .interrupt: (outcome.status, outcome.reason) = (.cancelled, "interrupted")
        case .signal(let number):
            (outcome.status, outcome.reason) = (.cancelled, "ended by signal \(number) to the runner")
        case .timeout:
            outcome = CommandOutcome(status: .timedOut, exit: CommandOutcome.timedOut, reason: "its time was over")
        case .scrubber:
            outcome = CommandOutcome(status: .error, exit: .runner, reason: "the scrubbing process ended")
        }
        append(
            .commandFinished(
                CommandFinished(
                    status: outcome.status, exit: ending.exit, signal: ending.signal, reason: outcome.reason,
                    outputBytes: outputBytes.values.reduce(0, +), processorTime: ending.processorTime,
                    peakMemory: ending.peakMemory)))
        return outcome
    }

    private func append(_ body: RunEvent.Body, time: Int? = nil) {
        log?.append(body, phase: plan.phase, iteration: plan.iteration, time: time)
    }
}
