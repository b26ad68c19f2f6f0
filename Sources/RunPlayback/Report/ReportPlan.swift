package import RunModel

/// What a report will show of a log: made from all its events, before the page is written from the same events again.
///
/// A log may be larger than any page that a browser can hold, so each section, a phase or a command, gets a share of a limit;
/// failed ones get more. Of a section that is larger than its share the beginning and the end are shown. Memory does not
/// depend on the log's size.
package struct ReportPlan: Sendable {
    /// What is shown of the output, in cost units: a byte of output is 1, a line `lineCost` more.
    package static let defaultLimit = 4 << 20
    /// What the elements around a line cost, in bytes of the page.
    static let lineCost = 48
    /// Sections; what comes after is part of the last one.
    package static let maximumSections = 500
    /// Iterations that get a heading.
    static let maximumIterations = 1000

    package private(set) var run: Run
    /// Program and version.
    private(set) var runner = ""
    private(set) var sections: [Section] = []
    private(set) var iterations: [Iteration] = []
    private var tracker = SectionTracker()
    private let limit: Int

    struct Section: Sendable {
        /// The phase, or the command of a run without phases.
        var title: String
        var isPhase: Bool
        var iteration: Int?
        var attempt: Int
        /// Microseconds of the run.
        var start: Int
        var end: Int
        /// nil: it did not end.
        var ending: Ending?
        var inputTokens = 0
        var outputTokens = 0
        var redactions = 0
        /// Of everything in it.
        var cost = 0
        /// What is shown from its beginning and before its end, in cost units.
        var head = Int.max
        var tail = 0

        var status: RunStatus { ending?.status ?? .running }
        var hasFailed: Bool { [.failed, .error, .timedOut, .interrupted].contains(status) }
    }

    struct Iteration: Sendable {
        var number: Int
        var limit: Int
        var start: Int
        var end: Int
        var status = RunStatus.running
    }

    /// - Parameter limit: See `defaultLimit`.
    package init(run: RunID, limit: Int = defaultLimit) {
        self.run = Run(id: run)
        self.limit = limit
    }

    /// Takes the next event of the log.
    package mutating func add(_ event: RunEvent) {
        run.apply(event)
        switch event.body {
        case .runStarted(let data): runner = data.runner
        case .iterationStarted(let data):
            guard iterations.count < Self.maximumIterations else { break }
            iterations.append(
                Iteration(number: event.iteration ?? 0, limit: data.limit, start: event.monotonic, end: event.monotonic)
            )
        case .iterationFinished(let data):
            guard let index = iterations.lastIndex(where: { $0.number == event.iteration }) else { break }
            iterations[index].end = event.monotonic
            iterations[index].status = data.status
        default: break
        }
        guard let index = tracker.section(of: event) else { return }
        if index == sections.count { sections.append(Self.section(event)) }
        sections[index].end = event.monotonic
        sections[index].cost += Self.cost(event)
        sections[index].redactions += event.scrub.hits.values.reduce(0) { $0 &+ $1 }
        switch event.body {
        case .agentUsage(let data):
            sections[index].inputTokens &+= data.inputTokens
            sections[index].outputTokens &+= data.outputTokens
        case .phaseFinished(let data): sections[index].ending = data
        case .commandFinished(let data) where !sections[index].isPhase:
            sections[index].ending = Ending(data.status, exit: data.exit, reason: data.reason)
        default: break
        }
    }

    /// Divides the limit among the sections.
    package mutating func finish() {
        var rest = limit
        var open = Array(sections.indices)
        func weight(_ index: Int) -> Int { sections[index].hasFailed ? 4 : 1 }
        while !open.isEmpty {
            let weights = open.reduce(0) { $0 + weight($1) }
            let fitting = open.filter { sections[$0].cost <= rest / weights * weight($0) }
            if fitting.isEmpty {
                for index in open {
                    let share = rest / weights * weight(index)
                    sections[index].head = share / 4
                    sections[index].tail = share - share / 4
                }
                return
            }
            rest -= fitting.reduce(0) { $0 + sections[$1].cost }
            open.removeAll { fitting.contains($0) }
        }
    }

    /// What an event costs. Output is counted by lines when the page is written, and must come to the same.
    static func cost(_ event: RunEvent) -> Int {
        switch event.body {
        case .commandOutput(let data): data.bytes.count + lineCost * data.bytes.count { $0 == 0x0A }
        case .agentMessage(let data): data.text.utf8.count + lineCost * (1 + data.text.utf8.count { $0 == 0x0A })
        case .agentOther(let data): data.data.text.utf8.count + lineCost
        default: lineCost
        }
    }

    private static func section(_ event: RunEvent) -> Section {
        var section = Section(
            title: "log", isPhase: false, iteration: event.iteration, attempt: 1, start: event.monotonic,
            end: event.monotonic)
        switch event.body {
        case .phaseStarted(let data):
            section.title = event.phase ?? data.kind.rawValue
            section.isPhase = true
            section.attempt = data.attempt
        case .commandStarted(let data): section.title = Transcript.words(data.command)
        default: break
        }
        return section
    }
}

/// Says which section an event belongs to, by number; the same for the same events.
struct SectionTracker: Sendable {
    private var count = 0
    private var kind: Kind?

    private enum Kind { case phase, command, other }

    /// nil: to none. The number after the last one: a new section begins with it.
    mutating func section(of event: RunEvent) -> Int? {
        switch event.body {
        case .runStarted, .runFinished, .iterationStarted, .iterationFinished:
            kind = nil
            return nil
        case .phaseStarted: return begin(.phase)
        case .phaseFinished:
            defer { kind = nil }
            return kind == .phase ? count - 1 : begin(.phase)
        case .commandStarted: return kind == nil || kind == .other ? begin(.command) : count - 1
        case .commandFinished:
            defer { if kind != .phase { kind = nil } }
            return kind == nil ? begin(.command) : count - 1
        default: return kind == nil ? begin(.other) : count - 1
        }
    }

    private mutating func begin(_ kind: Kind) -> Int {
        self.kind = kind
        if count < ReportPlan.maximumSections { count += 1; return count - 1 }
        return count - 1
    }
}
