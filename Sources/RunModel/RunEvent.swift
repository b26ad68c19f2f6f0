/// One thing that happened in a run: a line of its log (docs/formats/iterations-log.md, "Lines").
package struct RunEvent: Sendable, Equatable {
    package var run: RunID
    /// Counts from 1, without a gap.
    package var sequence: Int
    /// When it happened, by the machine's clock, which may be set while the run goes on.
    package var time: Timestamp
    /// Microseconds since the run began, by a clock that nobody sets; never less than in the event before.
    package var monotonic: Int
    /// The phase that it belongs to, if it belongs to one.
    package var phase: String?
    /// The iteration that it belongs to, from 1, if it belongs to one.
    package var iteration: Int?
    package var body: Body
    package var scrub: ScrubStamp

    package init(
        run: RunID, sequence: Int, time: Timestamp, monotonic: Int, phase: String? = nil, iteration: Int? = nil,
        body: Body, scrub: ScrubStamp
    ) {
        self.run = run
        self.sequence = sequence
        self.time = time
        self.monotonic = monotonic
        self.phase = phase
        self.iteration = iteration
        self.body = body
        self.scrub = scrub
    }

    /// What happened, by the line's `type`; its members are the line's `data`.
    package enum Body: Sendable, Equatable {
        case runStarted(RunStarted)
        case runFinished(Ending)
        case phaseStarted(PhaseStarted)
        case phaseFinished(Ending)
        case iterationStarted(IterationStarted)
        case iterationFinished(Ending)
        case commandStarted(CommandStarted)
        case commandOutput(CommandOutput)
        case commandResized(TerminalSize)
        case commandFinished(CommandFinished)
        case agentMessage(AgentMessage)
        case agentUsage(AgentUsage)
        /// Any other type that begins with `agent.`: what an agent wants to have in the log.
        case agentOther(AgentEvent)
        case artifactOffered(Artifact)
        case logLost(LogLost)
        case logRepaired(LogRepaired)
    }
}

/// What the scrubber did to an event's data.
package struct ScrubStamp: Sendable, Equatable {
    /// SHA-256 of the rule set in use (docs/formats/iterations-log.md, "Rules digest").
    package var rules: ChainHash
    /// How many secrets each rule redacted; rules without any are not there.
    package var hits: [String: Int]

    package init(rules: ChainHash, hits: [String: Int] = [:]) {
        self.rules = rules
        self.hits = hits
    }
}

/// How something ended. A failure outranks nothing: each thing that ends has one.
package enum RunStatus: String, Sendable, CaseIterable {
    case running
    case succeeded
    case failed
    /// Somebody ended it: an interrupt from the terminal, or a request.
    case cancelled
    case timedOut = "timed-out"
    /// The runner was killed, and a later start found what it left.
    case interrupted
    /// The runner could not do its work, for example start the command.
    case error
    /// It was not its turn.
    case skipped
}

/// What a phase is for.
package enum PhaseKind: String, Sendable, CaseIterable {
    case setup, agent, lint, test, build, custom
}

/// Data of `run.started`.
package struct RunStarted: Sendable, Equatable {
    /// Program and version, such as `pipemason 0.1.0`.
    package var runner: String
    /// The branch that is checked out, if there is one.
    package var branch: String?
    /// The command, or the pipeline's name, as words.
    package var command: [String]
    /// How many writers have opened this log, this one included: 1, and one more for each repair.
    package var epoch: Int
    /// Protections of the scrubbing process that this kernel gives, by name.
    package var protections: [String]

    package init(runner: String, branch: String?, command: [String], epoch: Int, protections: [String]) {
        self.runner = runner
        self.branch = branch
        self.command = command
        self.epoch = epoch
        self.protections = protections
    }
}

/// Data of `run.finished`, `phase.finished` and `iteration.finished`.
package struct Ending: Sendable, Equatable {
    package var status: RunStatus
    /// The exit status that the runner passes on, if the thing has one.
    package var exit: Int?
    /// In a few words, for people.
    package var reason: String?

    package init(_ status: RunStatus, exit: Int? = nil, reason: String? = nil) {
        self.status = status
        self.exit = exit
        self.reason = reason
    }
}

/// Data of `phase.started`. The phase's name is the event's `phase`.
package struct PhaseStarted: Sendable, Equatable {
    package var kind: PhaseKind
    /// Counts from 1.
    package var attempt: Int

    package init(kind: PhaseKind, attempt: Int = 1) {
        self.kind = kind
        self.attempt = attempt
    }
}

/// Data of `iteration.started`. Its number is the event's `iter`.
package struct IterationStarted: Sendable, Equatable {
    /// How many iterations there are at most.
    package var limit: Int

    package init(limit: Int) { self.limit = limit }
}

/// Data of `command.started`.
package struct CommandStarted: Sendable, Equatable {
    /// The words of the command line.
    package var command: [String]
    /// The size of its terminal, if it has one.
    package var terminal: TerminalSize?

    package init(command: [String], terminal: TerminalSize? = nil) {
        self.command = command
        self.terminal = terminal
    }
}

/// Data of `command.resized`.
package struct TerminalSize: Sendable, Equatable {
    package var columns: Int
    package var rows: Int

    package init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }
}

/// Data of `command.output`: bytes as the command wrote them, scrubbed.
package struct CommandOutput: Sendable, Equatable {
    package enum Stream: String, Sendable, CaseIterable {
        case stdout, stderr
        /// A terminal, which carries both.
        case tty
    }
    package var stream: Stream
    /// At most `EventLimits.output` bytes.
    package var bytes: [UInt8]

    package init(stream: Stream, bytes: [UInt8]) {
        self.stream = stream
        self.bytes = bytes
    }
}

/// Data of `command.finished`.
package struct CommandFinished: Sendable, Equatable {
    package var status: RunStatus
    /// The exit status, unless a signal ended it or it never started.
    package var exit: Int?
    /// The number of the signal that ended it.
    package var signal: Int?
    package var reason: String?
    /// Bytes that it wrote, before scrubbing.
    package var outputBytes: Int
    /// Processor time in microseconds, its children included.
    package var processorTime: Int
    /// The largest resident set of its processes in KiB.
    package var peakMemory: Int

    package init(
        status: RunStatus, exit: Int? = nil, signal: Int? = nil, reason: String? = nil, outputBytes: Int,
        processorTime: Int, peakMemory: Int
    ) {
        self.status = status
        self.exit = exit
        self.signal = signal
        self.reason = reason
        self.outputBytes = outputBytes
        self.processorTime = processorTime
        self.peakMemory = peakMemory
    }
}

/// Data of `artifact.offered`: a file that may be uploaded.
package struct Artifact: Sendable, Equatable {
    package var name: String
    package var digest: ChainHash
    /// In bytes.
    package var size: Int
    package var mediaType: String

    package init(name: String, digest: ChainHash, size: Int, mediaType: String) {
        self.name = name
        self.digest = digest
        self.size = size
        self.mediaType = mediaType
    }
}

/// Data of `log.lost`: what is missing right before this event.
package struct LogLost: Sendable, Equatable {
    package enum Reason: String, Sendable, CaseIterable {
        case diskFull = "disk-full"
        case writeFailed = "write-failed"
        /// The scrubbing process ended early; what it had not released was dropped.
        case scrubberEnded = "scrubber-ended"
        /// An agent sent what is no event, or too much.
        case agentEvent = "agent-event"
    }
    package var reason: Reason
    /// How many events would have been written.
    package var events: Int
    /// How many bytes of output they held; 0 when nobody knows.
    package var bytes: Int

    package init(reason: Reason, events: Int, bytes: Int) {
        self.reason = reason
        self.events = events
        self.bytes = bytes
    }
}

/// Data of `log.repaired`: the writer before did not finish, and this one cut off what it left half.
package struct LogRepaired: Sendable, Equatable {
    /// The number of the new writer.
    package var epoch: Int
    /// Bytes of a line that was not whole.
    package var dropped: Int

    package init(epoch: Int, dropped: Int) {
        self.epoch = epoch
        self.dropped = dropped
    }
}
