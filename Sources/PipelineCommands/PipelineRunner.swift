internal import CommandSupport
internal import Glibc
internal import Pipelines
internal import RunModel
internal import RunnerCommands
internal import RunnerKit
internal import SecretNames

/// Runs a pipeline: does what `PipelineProgress` says, and keeps the log.
final class PipelineRunner {
    private let pipeline: Pipeline
    private let session: RunSession
    private let log: RunLog
    private let uplink: RunUplink?
    private var progress: PipelineProgress
    private var phase: String?
    private var lastFailure: String?
    private let start = Clock.now
    /// What this process exits with.
    private var exit = ExitStatus.success
    private let style = Style(for: STDERR_FILENO)

    init(_ pipeline: Pipeline, _ session: RunSession, _ log: RunLog, _ uplink: RunUplink?) {
        self.pipeline = pipeline
        self.session = session
        self.log = log
        self.uplink = uplink
        progress = PipelineProgress(pipeline)
    }

    /// Runs to the end and returns what this process exits with.
    func run() -> ExitStatus {
        while true {
            switch progress.next() {
            case .beginIteration(let limit):
                phase = nil
                append(.iterationStarted(IterationStarted(limit: limit)))
            case .endIteration(let ending):
                if ending.status != .succeeded { lastFailure = phase }
                phase = nil
                append(.iterationFinished(ending))
            case .beginPhase(let index, let attempt):
                let entry = pipeline.phases[index]
                phase = entry.name
                append(.phaseStarted(PhaseStarted(kind: entry.kind, attempt: attempt)))
                announce(entry, attempt)
            case .run(let index, let command): runCommand(pipeline.phases[index], command)
            case .endPhase(let index, let ending):
                offerArtifacts(pipeline.phases[index])
                append(.phaseFinished(ending))
            case .skip(let index):
                log.append(.phaseFinished(Ending(.skipped)), phase: pipeline.phases[index].name)
            case .finish(let ending):
                finish(ending)
                return exit
            }
        }
    }

    private func append(_ body: RunEvent.Body) {
        log.append(body, phase: phase, iteration: isInLoop ? progress.iteration : nil)
    }

    /// Whether the events now belong to an iteration: those of its phases, and its own.
    private var isInLoop: Bool {
        guard let loop = pipeline.loop, let iteration = progress.iteration, iteration > 0 else { return false }
        guard let phase else { return true }
        return pipeline.phases[loop.phases].contains { $0.name == phase }
    }

    private func announce(_ entry: Pipeline.Phase, _ attempt: Int) {
        var text = entry.name
        if isInLoop, let iteration = progress.iteration, let loop = pipeline.loop {
            text += ", iteration \(iteration) of at most \(loop.limit)"
        }
        if attempt > 1 { text += ", attempt \(attempt)" }
        Diagnostics.write(style.bold("── \(text)") + "\n")
    }

    // MARK: Commands

    private func runCommand(_ entry: Pipeline.Phase, _ index: Int) {
        // An interrupt between two commands.
        while let number = session.signals.next() {
            guard [SIGINT, SIGTERM, SIGHUP, SIGQUIT].contains(number) else { continue }
            exit = ExitStatus(code: 128 + number)
            progress.commandEnded(.cancelled, exit: Int(exit.code), reason: "signal \(number)")
            return
        }
        var plan = session.plan(entry.commands[index].words.map { Array($0.utf8) })
        plan.phase = phase
        plan.iteration = isInLoop ? progress.iteration : nil
        plan.timeout = entry.timeout
        plan.environment = session.withGitHub(environment(entry))
        if let uplink { plan.spared.append(uplink.process) }
        var secrets = SecretVariables(session.redactor)
        for variable in entry.variables {
            secrets.add(name: variable.name, value: Array(variable.value.utf8), from: .file)
        }
        for warning in secrets.warnings { Diagnostics.warn(warning) }
        plan.values += secrets.values
        do throws(Failure) {
            let outcome = try session.run(plan, log: log)
            exit = outcome.exit
            progress.commandEnded(outcome.status, exit: Int(outcome.exit.code), reason: outcome.reason)
        } catch {
            Diagnostics.say(error.message)
            exit = error.status
            progress.commandEnded(.error, exit: Int(error.status.code), reason: "the runner failed")
        }
    }

    private func environment(_ entry: Pipeline.Phase) -> [[UInt8]] {
        var result: [[UInt8]] = []
        Environment.forEach { name, value in
            let passes = entry.environment.map { ($0 + Pipeline.alwaysPassed).contains { $0.matches(name) } } ?? true
            if passes { result.append(Array("\(name)=".utf8) + value) }
        }
        var own = entry.variables.map { ($0.name, $0.value) }
        own.append(("PIPEMASON_PHASE", entry.name))
        own.append(("PIPEMASON_ITERATION", isInLoop ? progress.iteration.map { String($0) } ?? "" : ""))
        own.append(("PIPEMASON_FAILED_PHASE", lastFailure ?? ""))
        for (name, value) in own {
            result.removeAll { $0.starts(with: "\(name)=".utf8) }
            if !value.isEmpty || entry.variables.contains(where: { $0.name == name }) {
                result.append(Array("\(name)=\(value)".utf8))
            }
        }
        return result
    }

    // MARK: The end

    private func offerArtifacts(_ entry: Pipeline.Phase) {
        guard !entry.artifacts.isEmpty else { return }
        let finder = ArtifactFinder(entry.artifacts, runDirectory: log.directory.directory(of: log.run).text)
        for artifact in finder.find() { append(.artifactOffered(artifact)) }
    }

    private func finish(_ ending: Ending) {
        phase = nil
        if ending.status == .succeeded { exit = .success }
        let final = Ending(ending.status, exit: Int(exit.code), reason: ending.reason)
        log.finish(final)
        let iterations = progress.iteration.map { " after \($0) iteration\($0 == 1 ? "" : "s")" } ?? ""
        let seconds = Int(Clock.now.seconds(since: start) * 10)
        let reason = ending.reason.map { ": \($0)" } ?? ""
        let text =
            "pipeline \(ending.status.rawValue)\(iterations), \(seconds / 10).\(seconds % 10) s\(Diagnostics.printable(reason))"
        let line = ending.status == .succeeded ? style.green("── \(text)") : style.red("── \(text)")
        Diagnostics.write(line + "\n")
    }
}
