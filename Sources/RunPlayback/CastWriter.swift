internal import JSONText
package import RunModel

/// Writes a log as an asciicast, which asciinema and its players show.
///
/// Version 2 (https://docs.asciinema.org/manual/asciicast/v2/) and version 3 (…/v3/), which counts time from event to event and
/// has the exit status. Players write what it holds to their terminal, so it is filtered (`TerminalFilter`). Phases and
/// iterations are markers.
package struct CastWriter: Sendable {
    package enum Version: Int, Sendable, CaseIterable { case two = 2, three = 3 }

    /// What players assume of a recording without a terminal.
    package static let defaultSize = TerminalSize(columns: 80, rows: 24)

    private let version: Version
    private var transcript: Transcript
    private let options: Transcript.Options
    /// Of the last event that was written, in microseconds.
    private var last = 0

    /// Appends the header.
    ///
    /// - Parameters:
    ///   - start: The log's first event.
    ///   - size: Of the terminal in which the recording begins.
    package init(
        _ version: Version, start: RunEvent, size: TerminalSize?, options: Transcript.Options, to output: inout [UInt8]
    ) {
        var options = options
        options.isTerminal = true
        options.addsCarriageReturns = true
        options.showsPlaces = false
        self.version = version
        self.options = options
        transcript = Transcript(options)
        let size = size ?? Self.defaultSize
        let columns = String(min(max(size.columns, 1), TerminalFilter.parameter))
        let rows = String(min(max(size.rows, 1), TerminalFilter.parameter))
        var command: String?
        if case .runStarted(let data) = start.body { command = Transcript.words(data.command) }
        var members: [(name: String, value: String?)] = [("version", String(version.rawValue))]
        switch version {
        case .two: members += [("width", columns), ("height", rows)]
        case .three: members.append(("term", JSON.object([("cols", columns), ("rows", rows)])))
        }
        members += [
            ("timestamp", String(start.time.microseconds / 1_000_000)),
            ("command", command.map { JSON.string(TerminalFilter.plain($0)) }),
            ("title", JSON.string("run \(start.run)")),
        ]
        output += (JSON.object(members) + "\n").utf8
    }

    /// Appends what is to be seen of the next event.
    package mutating func write(_ event: RunEvent, to output: inout [UInt8]) {
        guard options.admits(event) else { return }
        var text: [UInt8] = []
        transcript.write(event, to: &text)
        switch event.body {
        case .phaseStarted(let data):
            let iteration = event.iteration.map { ", iteration \($0)" } ?? ""
            add("m", (event.phase ?? data.kind.rawValue) + iteration, event.monotonic, &output)
        case .commandResized(let size):
            let columns = min(max(size.columns, 1), TerminalFilter.parameter)
            let rows = min(max(size.rows, 1), TerminalFilter.parameter)
            add("r", "\(columns)x\(rows)", event.monotonic, &output)
        default: break
        }
        if !text.isEmpty { add("o", String(decoding: text, as: UTF8.self), event.monotonic, &output) }
        if case .runFinished(let data) = event.body, version == .three, let exit = data.exit {
            add("x", String(exit), event.monotonic, &output)
        }
    }

    /// Ends the recording.
    package mutating func finish(to output: inout [UInt8]) {
        var text: [UInt8] = []
        transcript.finish(to: &text)
        if !text.isEmpty { add("o", String(decoding: text, as: UTF8.self), last, &output) }
    }

    private mutating func add(_ code: String, _ data: String, _ time: Int, _ output: inout [UInt8]) {
        let shown = version == .two ? time : time - last
        last = time
        let seconds = "\(shown / 1_000_000).\(String(1_000_000 + shown % 1_000_000).dropFirst())"
        output += "[\(seconds), \(JSON.string(code)), \(JSON.string(data))]\n".utf8
    }
}
