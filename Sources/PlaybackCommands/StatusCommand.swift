internal import ArgumentParser
internal import CommandSupport
internal import Glibc
internal import JSONText
internal import RunFiles
internal import RunModel
internal import RunPlayback

/// `pipemason status`: where a run stands.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say where a run stands.",
        discussion: "Status, phase and iteration, time, tokens, cost, what was redacted.")

    @OptionGroup var chosen: RunArgument

    @Flag(name: .shortAndLong, help: "One line for each run, the newest first.")
    var all = false

    @Flag(help: "Print JSON: an object, or one a line with --all.")
    var json = false

    func run() throws {
        guard all else {
            let state = try Self.read(try chosen.path())
            try StandardOutput.print(json ? Self.json(state) : Self.text(state))
            return
        }
        let logs = try RunDirectory.nearest()
        for id in try logs.runs().reversed() {
            do throws(Failure) {
                let state = try Self.read(logs.logPath(of: id))
                try StandardOutput.print(json ? Self.json(state) : Self.line(state))
            } catch {
                guard error.status == .input else { throw error }
                Diagnostics.say(error.message)
            }
        }
    }

    /// A run as its log has it, and whether anybody still writes that.
    private struct State {
        var run: Run
        var lastEvent: Timestamp
        var hasWriter: Bool

        /// A run that goes on without a runner was interrupted, though nobody has written that yet.
        var status: RunStatus { run.status == .running && !hasWriter ? .interrupted : run.status }
    }

    /// Reads a whole log.
    private static func read(_ path: Path) throws(Failure) -> State {
        let source = try EventSource(path)
        guard let first = try source.next() else { throw Failure(.input, "\(path.text): the log is empty") }
        var run = Run(id: first.run)
        run.apply(first)
        var time = first.time
        while let event = try source.next() {
            run.apply(event)
            time = event.time
        }
        return State(run: run, lastEvent: time, hasWriter: source.hasWriter)
    }

    private static func text(_ state: State) -> String {
        let run = state.run
        let style = Style(for: STDOUT_FILENO)
        var rows: [(String, String)] = []
        rows.append(("command", Transcript.words(run.command)))
        if let branch = run.branch { rows.append(("branch", branch)) }
        if let iteration = run.iteration { rows.append(("iteration", String(iteration))) }
        if let phase = run.phase { rows.append(("phase", phase)) }
        if let start = run.startedAt { rows.append(("started", "\(start)")) }
        rows.append(("time", Quantity.duration(run.duration)))
        if run.status == .running {
            let age = Clock.wall - state.lastEvent.microseconds
            rows.append(("last event", Quantity.duration(age) + " ago"))
        }
        if run.inputTokens > 0 || run.outputTokens > 0 {
            rows.append(("tokens", "\(Quantity.count(run.inputTokens)) in, \(Quantity.count(run.outputTokens)) out"))
        }
        let costs = Quantity.costs(of: run)
        if !costs.isEmpty { rows.append(("cost", costs)) }
        let hits = run.hits.sorted { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }
        if !hits.isEmpty { rows.append(("redacted", hits.map { "\($0.key) \($0.value)" }.joined(separator: ", "))) }
        if !run.artifacts.isEmpty { rows.append(("artifacts", run.artifacts.map(\.name).joined(separator: ", "))) }
        let exit = run.exit.map { ", exit status \($0)" } ?? ""
        let status = state.status.rawValue + exit
        var text =
            "\(style.bold("\(run.id)")) \(state.status == .succeeded ? style.green(status) : state.status == .running ? status : style.red(status))\n"
        for (name, value) in rows {
            text += "  \(name)\(String(repeating: " ", count: max(1, 12 - name.count)))\(TerminalFilter.plain(value))\n"
        }
        return text
    }

    private static func line(_ state: State) -> String {
        let run = state.run
        let start = run.startedAt.map { String("\($0)".prefix(19)) } ?? ""
        let columns = [
            "\(run.id)", state.status.rawValue, start, Quantity.duration(run.duration), Transcript.words(run.command),
        ]
        return columns.map(TerminalFilter.plain).joined(separator: "\t")
    }

    private static func json(_ state: State) -> String {
        let run = state.run
        func text(_ value: String?) -> String? { value.map { JSON.string($0) } }
        return JSON.object([
            ("run", text("\(run.id)")), ("status", text(state.status.rawValue)), ("exit", run.exit.map { String($0) }),
            ("command", JSON.array(run.command.map { JSON.string($0) })), ("branch", text(run.branch)),
            ("phase", text(run.phase)), ("iteration", run.iteration.map { String($0) }),
            ("started", text(run.startedAt.map { "\($0)" })), ("finished", text(run.finishedAt.map { "\($0)" })),
            ("duration_us", String(run.duration)), ("events", String(run.events)),
            ("input_tokens", String(run.inputTokens)), ("output_tokens", String(run.outputTokens)),
            ("cost_micros", JSON.object(run.costs.sorted { $0.key < $1.key }.map { ($0.key, String($0.value)) })),
            ("cost_is_estimate", run.costIsEstimate ? "true" : "false"),
            ("redacted", JSON.object(run.hits.sorted { $0.key < $1.key }.map { ($0.key, String($0.value)) })),
            ("artifacts", JSON.array(run.artifacts.map { JSON.string($0.name) })),
        ])
    }
}

extension Clock {
    /// Microseconds since 1970, by the clock that people set.
    static var wall: Int {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}
