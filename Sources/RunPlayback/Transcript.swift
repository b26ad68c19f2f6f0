package import RunModel

/// Writes a log as a person reads it: the output of its commands, with a line where a phase begins and ends, and what
/// agents say.
///
/// What is written is safe for a terminal, whatever the log holds (`TerminalFilter`).
package struct Transcript: Sendable {
    package struct Options: Sendable {
        /// Whether colours and moves of the cursor pass, and lines of ours are coloured.
        package var isTerminal = true
        /// Whether a line feed becomes CR LF, for a terminal in raw mode or a recording.
        package var addsCarriageReturns = false
        /// Whether each line begins with its place in the log.
        package var showsPlaces = false
        /// Only events of this phase; nil: all.
        package var phase: String?
        /// Only events of this iteration; nil: all.
        package var iteration: Int?
        /// Only output of this stream; nil: all.
        package var stream: CommandOutput.Stream?

        package init() {}

        /// Whether an event passes.
        package func admits(_ event: RunEvent) -> Bool {
            if let phase, event.phase != phase { return false }
            if let iteration, event.iteration != iteration { return false }
            if let stream {
                guard case .commandOutput(let output) = event.body else { return false }
                return output.stream == stream
            }
            return true
        }
    }

    private let options: Options
    private var filters: [CommandOutput.Stream: TerminalFilter] = [:]
    private var isLineStart = true
    private var phaseBegan = 0
    private var place = 0

    package init(_ options: Options = Options()) { self.options = options }

    /// Appends what is to be seen of the next event.
    package mutating func write(_ event: RunEvent, to output: inout [UInt8]) {
        guard options.admits(event) else { return }
        place = event.monotonic
        switch event.body {
        case .commandOutput(let data): write(data, &output)
        case .runStarted(let data):
            let branch = data.branch.map { ", branch \($0)" } ?? ""
            line(.faint, "run \(event.run)\(branch): \(Self.words(data.command))", &output)
        case .runFinished(let data): line(.ending(data.status), "run " + ending(data, event.monotonic), &output)
        case .iterationStarted(let data):
            line(.heading, "iteration \(event.iteration ?? 0) of at most \(data.limit)", &output)
        case .iterationFinished(let data):
            line(.ending(data.status), "iteration \(event.iteration ?? 0) " + ending(data, nil), &output)
        case .phaseStarted(let data):
            phaseBegan = event.monotonic
            let attempt = data.attempt > 1 ? ", attempt \(data.attempt)" : ""
            line(.heading, "\(event.phase ?? data.kind.rawValue)\(attempt)", &output)
        case .phaseFinished(let data):
            line(
                .ending(data.status),
                "\(event.phase ?? "phase") "
                    + ending(data, data.status == .skipped ? nil : event.monotonic - phaseBegan), &output
            )
        case .commandStarted(let data): line(.faint, "$ " + Self.words(data.command), &output)
        case .commandResized: break
        case .commandFinished(let data):
            guard data.status != .succeeded else { break }
            let signal = data.signal.map { "signal \($0)" }
            let parts = [data.exit.map { "exit status \($0)" } ?? signal, data.reason].compactMap { $0 }
            line(.ending(data.status), "command \(data.status.rawValue)" + Self.list(parts), &output)
        case .agentMessage(let data): message(data, &output)
        case .agentUsage(let data): line(.faint, Self.usage(data), &output)
        case .agentOther(let data): line(.faint, "\(data.type) \(data.data.text)", &output)
        case .artifactOffered(let data):
            line(.faint, "artifact \(data.name), \(data.mediaType), \(Quantity.bytes(data.size))", &output)
        case .logLost(let data):
            let bytes = data.bytes > 0 ? " (\(Quantity.bytes(data.bytes)))" : ""
            line(
                .warning, "\(Quantity.count(data.events, "event"))\(bytes) missing here: \(data.reason.rawValue)",
                &output)
        case .logRepaired(let data):
            line(
                .warning, "the runner was killed; \(Quantity.bytes(data.dropped)) of half a line were cut off", &output)
        }
    }

    /// Ends the log; what its sequences changed about the terminal is put back.
    package mutating func finish(to output: inout [UInt8]) {
        for stream in CommandOutput.Stream.allCases { filters[stream]?.finish(to: &output) }
        if options.isTerminal, !isLineStart { endLine(&output) }
    }

    /// `1,200 tokens in, 300 out, 0.0123 USD (estimate), model-1`
    package static func usage(_ data: AgentUsage) -> String {
        var parts = ["\(Quantity.count(data.inputTokens)) tokens in", "\(Quantity.count(data.outputTokens)) out"]
        if let cost = data.cost {
            parts.append(Quantity.money(cost.micros, cost.currency) + (cost.isEstimate ? " (estimate)" : ""))
        }
        parts += [data.model, data.provider].compactMap { $0 }
        return parts.joined(separator: ", ")
    }

    /// The words of a command line; those that a shell would split or change are quoted.
    package static func words(_ words: [String]) -> String {
        words.map { word in
            let isPlain =
                !word.isEmpty
                && word.utf8.allSatisfy { byte in
                    byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte >= 0x80 || "@%_+=:,./-".utf8.contains(byte)
                }
            return isPlain
                ? word
                : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        }.joined(separator: " ")
    }

    // MARK: Pieces

    private mutating func write(_ data: CommandOutput, _ output: inout [UInt8]) {
        var filter =
            filters[data.stream]
            ?? TerminalFilter(
                addsCarriageReturns: options.addsCarriageReturns && data.stream != .tty,
                passesSequences: options.isTerminal)
        if options.showsPlaces {
            var text: [UInt8] = []
            filter.write(data.bytes, to: &text)
            for part in text.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
                if part.offset > 0 { endLine(&output) }
                guard !part.element.isEmpty else { continue }
                beginLine(&output)
                output += part.element
                isLineStart = false
            }
        } else {
            filter.write(data.bytes, to: &output)
            if let last = output.last { isLineStart = last == 0x0A }
        }
        filters[data.stream] = filter
    }

    private mutating func message(_ data: AgentMessage, _ output: inout [UInt8]) {
        line(.heading, "\(data.role.rawValue):", &output)
        for text in data.text.split(separator: "\n", omittingEmptySubsequences: false) {
            line(.text, String(text), &output)
        }
    }

    private enum Look {
        case heading, faint, text, warning
        case ending(RunStatus)
    }

    /// A line of our own; it begins at the left.
    private mutating func line(_ look: Look, _ text: String, _ output: inout [UInt8]) {
        if !isLineStart { endLine(&output) }
        beginLine(&output)
        let (mark, code): (String, String)
        switch look {
        case .heading: (mark, code) = ("── ", "1")
        case .faint: (mark, code) = ("", "2")
        case .text: (mark, code) = ("   ", "")
        case .warning: (mark, code) = ("!! ", "33")
        case .ending(.succeeded): (mark, code) = ("── ", "32")
        case .ending(.skipped), .ending(.running): (mark, code) = ("── ", "2")
        case .ending: (mark, code) = ("── ", "31")
        }
        let plain = mark + TerminalFilter.plain(text)
        output += (options.isTerminal && !code.isEmpty ? "\u{1B}[0;\(code)m\(plain)\u{1B}[0m" : plain).utf8
        endLine(&output)
    }

    private mutating func beginLine(_ output: inout [UInt8]) {
        guard options.showsPlaces, isLineStart else { return }
        let text = Quantity.place(place)
        output += (options.isTerminal ? "\u{1B}[2m\(text)\u{1B}[22m " : text + " ").utf8
    }

    private mutating func endLine(_ output: inout [UInt8]) {
        if options.addsCarriageReturns, output.last != 0x0D { output.append(0x0D) }
        output.append(0x0A)
        isLineStart = true
    }

    private func ending(_ data: Ending, _ duration: Int?) -> String {
        let parts = [data.exit.map { "exit status \($0)" }, data.reason, duration.map { Quantity.duration($0) }]
        return data.status.rawValue + Self.list(parts.compactMap { $0 })
    }

    private static func list(_ parts: [String]) -> String { parts.isEmpty ? "" : ": " + parts.joined(separator: ", ") }
}
