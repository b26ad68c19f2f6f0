/// One execution of the runner, as the control plane knows it.
public struct Run: Sendable, Hashable {
    public let id: RunID
    /// The token whose runner made it; the only runner that may add to it.
    public let runner: RunnerTokenID
    /// When the server first heard of it.
    public let created: Timestamp
    public let description: RunDescription
    public var summary: RunSummary
    /// Where the event chain stands.
    public var chain: ChainHead
    public var cancelRequested: Timestamp?
    /// When the last batch was accepted.
    public var updated: Timestamp
    /// Bytes of all event lines.
    public var eventBytes: Int64

    public init(
        id: RunID, runner: RunnerTokenID, created: Timestamp, description: RunDescription, summary: RunSummary,
        chain: ChainHead, cancelRequested: Timestamp? = nil, updated: Timestamp, eventBytes: Int64 = 0
    ) {
        self.id = id
        self.runner = runner
        self.created = created
        self.description = description
        self.summary = summary
        self.chain = chain
        self.cancelRequested = cancelRequested
        self.updated = updated
        self.eventBytes = eventBytes
    }
}

/// What the runner says of a run when it makes it; never changes.
public struct RunDescription: Sendable, Hashable {
    public var title: String
    public var branch: String?
    public var rulesDigest: String?
    /// When it began, by the runner's clock.
    public var started: Timestamp?

    public init(title: String, branch: String? = nil, rulesDigest: String? = nil, started: Timestamp? = nil) {
        self.title = title
        self.branch = branch
        self.rulesDigest = rulesDigest
        self.started = started
    }
}

/// What a run's events add up to.
public struct RunSummary: Sendable, Hashable {
    /// `running` until an event says how it ended.
    public var status = "running"
    public var phase: String?
    public var iteration: Int64?
    public var exitCode: Int64?
    public var ended: Timestamp?
    public var inputTokens: Int64 = 0
    public var outputTokens: Int64 = 0
    /// Millionths of each currency's unit, at most `maximumCurrencies` of them.
    public var costs: [String: Int64] = [:]
    /// Secrets that the runner redacted.
    public var redactions: Int64 = 0

    /// Currencies beyond these are not added up; their events are stored all the same.
    public static let maximumCurrencies = 8

    public init() {}

    /// Whether the run's last event has arrived.
    public var isOver: Bool { ended != nil }

    /// Adds an event. Sums saturate: a runner that lies about its tokens can not stop the server.
    public mutating func apply(_ effect: RunEffect) {
        if let phase = effect.phase { self.phase = phase }
        if let iteration = effect.iteration { self.iteration = iteration }
        redactions = redactions.saturatingAdding(effect.redactions)
        if let ending = effect.ending {
            status = ending.status
            exitCode = ending.exitCode
            ended = ending.time
        }
        if let usage = effect.usage {
            inputTokens = inputTokens.saturatingAdding(usage.inputTokens)
            outputTokens = outputTokens.saturatingAdding(usage.outputTokens)
            if let currency = usage.currency, costs[currency] != nil || costs.count < Self.maximumCurrencies {
                costs[currency] = (costs[currency] ?? 0).saturatingAdding(usage.costMicros)
            }
        }
    }
}

/// What one event does to its run's summary.
public struct RunEffect: Sendable, Hashable {
    public struct Ending: Sendable, Hashable {
        public var status: String
        public var exitCode: Int64?
        public var time: Timestamp

        public init(status: String, exitCode: Int64?, time: Timestamp) {
            self.status = status
            self.exitCode = exitCode
            self.time = time
        }
    }

    public struct Usage: Sendable, Hashable {
        public var inputTokens: Int64
        public var outputTokens: Int64
        public var costMicros: Int64
        /// Three capital letters (ISO 4217); nil without a cost.
        public var currency: String?

        public init(inputTokens: Int64, outputTokens: Int64, costMicros: Int64 = 0, currency: String? = nil) {
            self.inputTokens = inputTokens
            self.outputTokens = outputTokens
            self.costMicros = costMicros
            self.currency = currency
        }
    }

    public var phase: String?
    public var iteration: Int64?
    public var redactions: Int64
    public var ending: Ending?
    public var usage: Usage?

    public init(
        phase: String? = nil, iteration: Int64? = nil, redactions: Int64 = 0, ending: Ending? = nil, usage: Usage? = nil
    ) {
        self.phase = phase
        self.iteration = iteration
        self.redactions = redactions
        self.ending = ending
        self.usage = usage
    }
}

/// Which runs a list shows. All conditions hold at once.
public struct RunFilter: Sendable, Hashable {
    public var status: String?
    public var phase: String?
    public var branch: String?
    public var runner: RunnerTokenID?
    /// Occurs in the title, without regard to ASCII case.
    public var text: String?
    /// Bounds of the time at which the server first heard of the run: from, and before.
    public var createdFrom: Timestamp?
    public var createdBefore: Timestamp?

    public init() {}
}

/// What became of `putRun`.
public enum PutRunResult: Sendable, Hashable {
    case created(Run)
    /// The same runner made it before, with the same description.
    case existing(Run)
    /// It exists in this organization, made by another runner or described otherwise.
    case conflict
}

/// The runs of an organization. A scope of a runner sees that runner's runs only.
public protocol RunStore: Sendable {
    /// Makes a run, or finds the one that was made before. The actor must be a runner.
    func putRun(
        _ scope: Scope, _ id: RunID, _ description: RunDescription, chain: ChainHead, now: Timestamp
    ) async throws -> PutRunResult
    func run(_ scope: Scope, _ id: RunID) async throws -> Run?
    /// Returns runs, newest first by the server's clock, from behind the run `before`.
    func runs(_ scope: Scope, _ filter: RunFilter, before: RunID?, limit: Int) async throws -> [Run]
    /// Marks a run that is not over as to be cancelled; returns it, or nil when there is no such run.
    func requestCancel(_ scope: Scope, _ id: RunID, now: Timestamp) async throws -> Run?
    /// Deletes a run with its events and artifacts; returns false when there is no such run.
    func deleteRun(_ scope: Scope, _ id: RunID, now: Timestamp) async throws -> Bool
}

extension Int64 {
    package func saturatingAdding(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
