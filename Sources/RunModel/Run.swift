/// What is known of a run as a whole; made from its events, one after another.
package struct Run: Sendable, Equatable {
    package let id: RunID
    package private(set) var status = RunStatus.running
    /// The exit status that the runner passed on.
    package private(set) var exit: Int?
    package private(set) var branch: String?
    package private(set) var command: [String] = []
    package private(set) var startedAt: Timestamp?
    package private(set) var finishedAt: Timestamp?
    /// The phase of the last event that had one.
    package private(set) var phase: String?
    /// The iteration of the last event that had one.
    package private(set) var iteration: Int?
    package private(set) var inputTokens = 0
    package private(set) var outputTokens = 0
    /// Millionths of each currency's unit.
    package private(set) var costs: [String: Int] = [:]
    /// Whether any part of the costs is an estimate.
    package private(set) var costIsEstimate = false
    package private(set) var artifacts: [Artifact] = []
    /// Secrets redacted, by rule.
    package private(set) var hits: [String: Int] = [:]
    /// Microseconds since the run began, of the last event.
    package private(set) var duration = 0
    /// Events so far.
    package private(set) var events = 0

    /// How many artifacts and rules are remembered; there may be more in the log.
    package static let remembered = 1000

    package init(id: RunID) { self.id = id }

    /// Takes the next event.
    package mutating func apply(_ event: RunEvent) {
        events += 1
        duration = event.monotonic
        if let phase = event.phase { self.phase = phase }
        if let iteration = event.iteration { self.iteration = iteration }
        for (rule, count) in event.scrub.hits where hits[rule] != nil || hits.count < Self.remembered {
            hits[rule] = Self.sum(hits[rule] ?? 0, count)
        }
        switch event.body {
        case .runStarted(let data):
            startedAt = event.time
            branch = data.branch
            command = data.command
        case .runFinished(let data):
            status = data.status
            exit = data.exit
            finishedAt = event.time
        case .agentUsage(let data):
            inputTokens = Self.sum(inputTokens, data.inputTokens)
            outputTokens = Self.sum(outputTokens, data.outputTokens)
            if let cost = data.cost {
                costs[cost.currency] = Self.sum(costs[cost.currency] ?? 0, cost.micros)
                if cost.isEstimate { costIsEstimate = true }
            }
        case .artifactOffered(let data):
            if artifacts.count < Self.remembered { artifacts.append(data) }
        default: break
        }
    }

    /// Numbers come from a file that anybody may have written.
    private static func sum(_ left: Int, _ right: Int) -> Int {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
    }
}
