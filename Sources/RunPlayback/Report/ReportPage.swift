internal import CReportAssets
package import RunModel
internal import TerminalText
internal import TextEncodings

/// Writes a report: one HTML page that needs nothing else, works from a file, and reads without JavaScript.
///
/// Its Content Security Policy admits its own style sheet and script by their digests and nothing else: whatever a log holds
/// cannot run, load, or send anything. Output becomes text in elements with classes (`TerminalHTML`).
///
///     var page = ReportPage(plan, state, to: &html)
///     for event in log { page.write(event, to: &html) }
///     page.finish(to: &html)
package struct ReportPage: Sendable {
    /// What the page says about the log as a whole.
    package struct Provenance: Sendable {
        /// The hash of its last good line.
        package var head: ChainHash
        /// What is wrong with the log, where it stops being good; nil: nothing.
        package var failure: String?

        package init(head: ChainHash, failure: String?) {
            self.head = head
            self.failure = failure
        }
    }

    /// Bytes of a page; what comes after is left out, with a notice. Controls and colours may take many times their bytes.
    package static let maximumSize = 64 << 20
    /// Lines in an element that a browser lays out when it comes into view.
    private static let groupSize = 100
    /// What a long section costs.
    private static let long = 64 << 10

    private let maximumSize: Int
    private let plan: ReportPlan
    private let provenance: Provenance
    private var tracker = SectionTracker()
    /// The section that is open.
    private var section: Int?
    private var position = 0
    private var iteration = 0
    private var texts: [CommandOutput.Stream: TerminalText] = [:]
    private var linesInGroup = 0
    private var line = 0
    private var place = ""
    private var hiddenLines = 0
    private var hiddenBytes = 0
    private var written = 0
    private var isFull = false
    private var failures = 0

    /// Appends everything before the log.
    package init(
        _ plan: ReportPlan, _ provenance: Provenance, maximumSize: Int = Self.maximumSize, to html: inout [UInt8]
    ) {
        self.maximumSize = maximumSize
        self.plan = plan
        self.provenance = provenance
        ReportHead.append(plan, provenance, to: &html)
        written = html.count
    }

    /// Appends what is to be seen of the next event.
    package mutating func write(_ event: RunEvent, to html: inout [UInt8]) {
        let before = html.count
        defer {
            written += html.count - before
            if written > maximumSize { isFull = true }
        }
        if case .iterationStarted = event.body, iteration < plan.iterations.count {
            close(to: &html)
            let entry = plan.iterations[iteration]
            iteration += 1
            html +=
                "<h3 id=\"i\(entry.number)\">Iteration \(entry.number) of at most \(entry.limit) \(HTML.status(entry.status))</h3>\n"
                .utf8
        }
        guard let index = tracker.section(of: event) else { return }
        if section != index {
            close(to: &html)
            open(index, to: &html)
        }
        let place = Quantity.place(event.monotonic)
        if case .commandOutput(let data) = event.body {
            show(data, place, to: &html)
        } else {
            let cost = ReportPlan.cost(event)
            if admits(cost) {
                flush(to: &html)
                notice(to: &html)
                show(event, place, to: &html)
            } else {
                hiddenLines += 1
            }
            position += cost
        }
        // The last section takes whatever follows.
        guard index < ReportPlan.maximumSections - 1 else { return }
        switch event.body {
        case .phaseFinished: close(to: &html)
        case .commandFinished where !plan.sections[index].isPhase: close(to: &html)
        default: break
        }
    }

    /// Appends everything after the log.
    package mutating func finish(to html: inout [UInt8]) {
        close(to: &html)
        if isFull {
            html +=
                "<p class=\"notice\">This page has reached \(Quantity.bytes(maximumSize)); lines after that are not in it. The log has them all.</p>\n"
                .utf8
        }
        html += "</section>\n</main>\n".utf8
        ReportHead.appendEnd(plan, provenance, to: &html)
    }

    // MARK: Sections

    private mutating func open(_ index: Int, to html: inout [UInt8]) {
        let entry = plan.sections[index]
        section = index
        position = 0
        // Long sections that went well are closed at first; a browser's search opens them. Only they are laid out as they come
        // into view.
        let isLong = entry.cost >= Self.long
        let isOpen = entry.hasFailed || entry.status == .running || !isLong || plan.sections.count == 1
        html +=
            "<details class=\"ph\" id=\"p\(index + 1)\" data-status=\"\(entry.status.rawValue)\"\(isOpen ? " open" : "")><summary>"
            .utf8
        html += "\(HTML.status(entry.status))<b>".utf8
        HTML.append(entry.title, to: &html)
        html += "</b>".utf8
        var facts: [String] = []
        if entry.attempt > 1 { facts.append("attempt \(entry.attempt)") }
        facts.append(Quantity.duration(entry.end - entry.start))
        if let exit = entry.ending?.exit, exit != 0 { facts.append("exit status \(exit)") }
        if let reason = entry.ending?.reason { facts.append(reason) }
        if entry.redactions > 0 { facts.append("\(Quantity.count(entry.redactions)) redacted") }
        if entry.inputTokens > 0 || entry.outputTokens > 0 {
            facts.append("\(Quantity.count(entry.inputTokens)) tokens in, \(Quantity.count(entry.outputTokens)) out")
        }
        html += "<span>".utf8
        HTML.append(facts.joined(separator: " · "), to: &html)
        html +=
            "</span><span class=\"end\">at \(Quantity.place(entry.start))</span></summary>\n<div class=\"term\(isLong ? " long" : "")\" tabindex=\"0\" role=\"log\" aria-live=\"off\" aria-label=\""
            .utf8
        HTML.append(entry.title, to: &html)
        html += "\">\n".utf8
        place = ""
    }

    private mutating func close(to html: inout [UInt8]) {
        guard section != nil else { return }
        flush(to: &html)
        notice(to: &html)
        if linesInGroup > 0 { html += "</div>\n".utf8 }
        linesInGroup = 0
        html += "</div></details>\n".utf8
        section = nil
    }

    /// Whether what comes next in the section is shown.
    private func admits(_ cost: Int) -> Bool {
        guard let section, !isFull else { return false }
        let entry = plan.sections[section]
        return position + cost <= entry.head || position >= entry.cost - entry.tail
    }

    // MARK: Lines

    private mutating func show(_ data: CommandOutput, _ place: String, to html: inout [UInt8]) {
        var rest = data.bytes[...]
        while !rest.isEmpty {
            // As many lines as are treated alike.
            var end = rest.startIndex
            var cost = 0
            var shown: Bool?
            var newlines = 0
            while end < rest.endIndex {
                let next = rest[end...].firstIndex(of: 0x0A).map { $0 + 1 } ?? rest.endIndex
                let isWhole = rest[next - 1] == 0x0A
                let lineCost = next - end + (isWhole ? ReportPlan.lineCost : 0)
                position += cost
                let admitted = admits(lineCost)
                position -= cost
                if let shown, shown != admitted { break }
                shown = admitted
                cost += lineCost
                newlines += isWhole ? 1 : 0
                end = next
            }
            if shown == true {
                notice(to: &html)
                texts[data.stream, default: TerminalText()].write(rest[..<end])
                for line in texts[data.stream]?.takeLines() ?? [] {
                    append(line, data.stream == .stderr ? "l e" : "l", place, to: &html)
                }
            } else {
                flush(to: &html)
                hiddenLines += newlines
                hiddenBytes += end - rest.startIndex
            }
            position += cost
            rest = rest[end...]
        }
    }

    /// Lines that were begun and not ended; what follows them is something else.
    private mutating func flush(to html: inout [UInt8]) {
        for stream in CommandOutput.Stream.allCases {
            guard var text = texts.removeValue(forKey: stream) else { continue }
            text.finish()
            for line in text.takeLines() { append(line, stream == .stderr ? "l e" : "l", place, to: &html) }
        }
    }

    /// Says what is missing here.
    private mutating func notice(to html: inout [UInt8]) {
        guard hiddenLines > 0 || hiddenBytes > 0 else { return }
        let text =
            "\(Quantity.count(hiddenLines, "line")) (\(Quantity.bytes(hiddenBytes))) are not on this page, which has a limit; pipemason log shows them."
        (hiddenLines, hiddenBytes) = (0, 0)
        append("l gap", "", to: &html) { HTML.append(text, to: &$0) }
    }

    private mutating func show(_ event: RunEvent, _ place: String, to html: inout [UInt8]) {
        func add(_ classes: String, _ text: String) {
            append(classes, place, to: &html) { HTML.append(text, to: &$0) }
        }
        switch event.body {
        case .commandStarted(let data): add("l c", "$ " + Transcript.words(data.command))
        case .commandFinished(let data):
            guard data.status != .succeeded else { break }
            let cause = data.exit.map { "exit status \($0)" } ?? data.signal.map { "signal \($0)" }
            let parts = [cause, data.reason].compactMap { $0 }
            failures += 1
            append("l x fail", place, id: "fail\(failures)", to: &html) {
                HTML.append(
                    "command \(data.status.rawValue)\(parts.isEmpty ? "" : ": ")\(parts.joined(separator: ", "))",
                    to: &$0)
            }
        case .phaseFinished(let data):
            guard [.failed, .error, .timedOut].contains(data.status), let reason = data.reason else { break }
            add("l x", "\(data.status.rawValue): \(reason)")
        case .agentMessage(let data):
            add("l h", data.role.rawValue)
            var text = TerminalText()
            text.write(Array(data.text.utf8))
            text.finish()
            for line in text.takeLines() { append(line, "l m", place, to: &html) }
        case .agentUsage(let data): add("l i", Transcript.usage(data))
        case .agentOther(let data): add("l i", "\(data.type) \(data.data.text)")
        case .artifactOffered(let data):
            add("l i", "artifact \(data.name), \(data.mediaType), \(Quantity.bytes(data.size)), sha256 \(data.digest)")
        case .logLost(let data):
            let bytes = data.bytes > 0 ? " (\(Quantity.bytes(data.bytes)))" : ""
            add("l w", "\(Quantity.count(data.events, "event"))\(bytes) missing here: \(data.reason.rawValue)")
        case .logRepaired(let data):
            add("l w", "the runner was killed; \(Quantity.bytes(data.dropped)) of half a line were cut off")
        case .runStarted, .runFinished, .iterationStarted, .iterationFinished, .phaseStarted, .commandOutput,
            .commandResized:
            break
        }
    }

    private mutating func append(_ line: TerminalLine, _ classes: String, _ place: String, to html: inout [UInt8]) {
        append(classes, place, to: &html) { TerminalHTML.append(line, to: &$0) }
    }

    private mutating func append(
        _ classes: String, _ place: String, id: String? = nil, to html: inout [UInt8],
        _ content: (inout [UInt8]) -> Void
    ) {
        if linesInGroup == 0 { html += "<div class=\"g\">\n".utf8 }
        linesInGroup += 1
        line += 1
        html += "<div class=\"\(classes)\" id=\"\(id ?? "n\(line)")\"".utf8
        // A place that stands above already says nothing.
        if place != self.place, !place.isEmpty { html += " data-t=\"\(place)\"".utf8 }
        self.place = place
        html += ">".utf8
        content(&html)
        html += "</div>\n".utf8
        if linesInGroup == Self.groupSize {
            html += "</div>\n".utf8
            linesInGroup = 0
        }
    }
}

/// Text in HTML.
enum HTML {
    /// Appends text on one line, without controls, escaped.
    static func append(_ text: String, to html: inout [UInt8]) {
        TerminalHTML.append(text: TerminalFilter.plain(text), to: &html)
    }

    static func status(_ status: RunStatus) -> String {
        "<span class=\"st \(status.rawValue)\">\(status.rawValue)</span>"
    }
}
