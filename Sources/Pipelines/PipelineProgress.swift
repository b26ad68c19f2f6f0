package import RunModel

/// What is to be done next in a run of a pipeline. Pure: it says what to do, and is told how commands ended.
///
///     while true {
///         switch progress.next() {
///         case .run(let phase, let command): …; progress.commandEnded(status, exit: exit, reason: reason)
///         case .finish(let ending): return ending
///         default: …
///         }
///     }
///
/// Phases run in the order of the file, each when the one before has succeeded. A phase that fails is tried again as often
/// as it says. The phases of the loop are repeated from its first one when one of them fails, up to the loop's limit.
package struct PipelineProgress: Sendable {
    package enum Action: Sendable, Equatable {
        case beginIteration(limit: Int)
        case endIteration(Ending)
        case beginPhase(Int, attempt: Int)
        /// Phase and command by their places.
        case run(Int, command: Int)
        case endPhase(Int, Ending)
        /// A phase whose turn does not come.
        case skip(Int)
        case finish(Ending)
    }

    private let pipeline: Pipeline
    /// What was decided and not handed out.
    private var actions: [Action] = []
    private var phase = 0
    private var command = 0
    private var attempt = 1
    /// The iteration that goes on, from 1; nil outside the loop.
    package private(set) var iteration: Int?

    package init(_ pipeline: Pipeline) {
        self.pipeline = pipeline
        enterPhase(0)
    }

    /// What to do now. After `.run`, `commandEnded` must be called.
    package mutating func next() -> Action {
        precondition(!actions.isEmpty, "the command has not ended, or the run has")
        let action = actions.removeFirst()
        // The number belongs to what is handed out, not to what is decided.
        if case .beginIteration = action { iteration = (iteration ?? 0) + 1 }
        return action
    }

    /// Says how the command of the last `.run` ended.
    package mutating func commandEnded(_ status: RunStatus, exit: Int?, reason: String?) {
        let ending = Ending(status, exit: exit, reason: reason)
        if status == .succeeded {
            command += 1
            if command < pipeline.phases[phase].commands.count {
                actions.append(.run(phase, command: command))
            } else {
                actions.append(.endPhase(phase, ending))
                leavePhase()
            }
            return
        }
        actions.append(.endPhase(phase, ending))
        let mayRepeat = status == .failed || status == .timedOut
        if mayRepeat, attempt <= pipeline.phases[phase].retries {
            attempt += 1
            beginPhase()
            return
        }
        guard let loop = pipeline.loop, loop.phases.contains(phase) else {
            stop(after: phase, ending)
            return
        }
        actions.append(
            .endIteration(Ending(status, exit: exit, reason: "\(pipeline.phases[phase].name) \(status.rawValue)")))
        let count = iteration ?? 1
        if mayRepeat, count < loop.limit {
            actions.append(.beginIteration(limit: loop.limit))
            enter(loop.phases.lowerBound)
        } else {
            let reason = mayRepeat ? "not green after \(count) iteration\(count == 1 ? "" : "s")" : reason
            stop(after: loop.phases.upperBound - 1, Ending(status, exit: exit, reason: reason))
        }
    }

    private mutating func leavePhase() {
        if let loop = pipeline.loop, phase == loop.phases.upperBound - 1 {
            actions.append(.endIteration(Ending(.succeeded)))
        }
        guard phase + 1 < pipeline.phases.count else {
            actions.append(.finish(Ending(.succeeded, exit: 0)))
            return
        }
        enterPhase(phase + 1)
    }

    private mutating func enterPhase(_ index: Int) {
        if let loop = pipeline.loop, index == loop.phases.lowerBound {
            actions.append(.beginIteration(limit: loop.limit))
        }
        enter(index)
    }

    private mutating func enter(_ index: Int) {
        phase = index
        attempt = 1
        beginPhase()
    }

    private mutating func beginPhase() {
        command = 0
        actions += [.beginPhase(phase, attempt: attempt), .run(phase, command: 0)]
    }

    private mutating func stop(after last: Int, _ ending: Ending) {
        for index in last + 1..<max(last + 1, pipeline.phases.count) { actions.append(.skip(index)) }
        actions.append(.finish(ending))
    }
}
