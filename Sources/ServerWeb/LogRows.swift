internal import RunModel
internal import RunPlayback
internal import ServerKit
internal import ServerStore
internal import TerminalText

/// A part of a run's log as lines of HTML, for pages without scripts.
enum LogRows {
    struct Row {
        /// Markup of `TerminalHTML`.
        let html: String
    }

    /// Events of a page, and their bytes.
    static let events = 500
    static let bytes = 256 << 10

    /// Reads events behind `after`. The lines begin where these events do: a colour that was begun before is not known.
    static func read(_ call: Call, _ run: ServerKit.RunID, after: Int64) async throws -> (rows: [Row], last: Int64) {
        let stored = try await call.store.events(call.scope, of: run, after: after, limit: events, bytes: bytes)
        return (rows(of: stored.map(\.line)), stored.last?.sequence ?? after)
    }

    /// - Parameter lines: Event lines as they are stored.
    static func rows(of lines: [[UInt8]]) -> [Row] {
        var transcript = Transcript()
        var screen = TerminalText()
        var output: [UInt8] = []
        for line in lines {
            guard let event = try? EventLine(parsing: line.span).event else { continue }
            transcript.write(event, to: &output)
            screen.write(output)
            output.removeAll(keepingCapacity: true)
        }
        transcript.finish(to: &output)
        screen.write(output)
        screen.finish()
        return screen.takeLines().map { line in
            var html: [UInt8] = []
            TerminalHTML.append(line, to: &html)
            return Row(html: String(decoding: html, as: UTF8.self))
        }
    }
}
