internal import CReportAssets
internal import RunModel
internal import TerminalText
internal import TextEncodings

/// Everything of a report but the log: the head with its policy, numbers, the timeline, redactions, the end.
enum ReportHead {
    private static let style = text(pm_report_css(), pm_report_css_size()) + TerminalHTML.stylesheet
    private static let script = text(pm_report_js(), pm_report_js_size())

    /// Names in the timeline; further ones share a row.
    private static let maximumRows = 30

    static func append(_ plan: ReportPlan, _ provenance: ReportPage.Provenance, to html: inout [UInt8]) {
        let run = plan.run
        let title = run.command.isEmpty ? "run" : Transcript.words(run.command)
        func escaped(_ text: String) -> String {
            var bytes: [UInt8] = []
            HTML.append(text, to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
        html +=
            """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '\(digest(style))'; script-src '\(digest(script))'; base-uri 'none'; form-action 'none'">
            <meta name="referrer" content="no-referrer">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(escaped(run.status.rawValue)): \(escaped(title))</title>
            <style>\(style)</style>
            </head>
            <body>
            <a class="skip" href="#log">Skip to the log</a>
            <header>
            <div class="brand"><b>pipemason</b> run report</div>
            <h1>\(HTML.status(run.status)) \(escaped(title))</h1>
            <p class="meta">

            """.utf8
        var meta: [String] = []
        if let branch = run.branch { meta.append("branch <code>\(escaped(branch))</code>") }
        if let start = run.startedAt {
            meta.append("started <time>\(start.description.prefix(19).replacing("T", with: " ")) UTC</time>")
        }
        if let exit = run.exit { meta.append("exit status \(exit)") }
        meta.append("run <code>\(run.id)</code>")
        html += meta.map { "<span>\($0)</span>\n" }.joined().utf8
        html += "</p>\n".utf8
        cards(plan, to: &html)
        if let failure = provenance.failure {
            html +=
                "<p class=\"notice bad\" role=\"alert\">The log is damaged: \(escaped(failure)). What follows that line is not shown.</p>\n"
                .utf8
        } else if run.status == .running {
            html += "<p class=\"notice\">The run had not ended when this page was made.</p>\n".utf8
        }
        let isCut = plan.sections.contains { $0.head != .max }
        if isCut {
            html +=
                "<p class=\"notice\">The log is larger than this page may be: of long sections only the beginning and the end are shown. The log has everything.</p>\n"
                .utf8
        }
        html += "</header>\n".utf8
        bar(plan, to: &html)
        html += "<main>\n".utf8
        timeline(plan, to: &html)
        redactions(run, to: &html)
        html += "<section id=\"log\" aria-labelledby=\"log-title\">\n<h2 id=\"log-title\">Log</h2>\n".utf8
        if plan.sections.isEmpty { html += "<p>The log has no output.</p>\n".utf8 }
    }

    static func appendEnd(_ plan: ReportPlan, _ provenance: ReportPage.Provenance, to html: inout [UInt8]) {
        var runner: [UInt8] = []
        HTML.append(plan.runner, to: &runner)
        html +=
            """
            <footer>
            <p>\(Quantity.count(plan.run.events, "event")), verified as a chain of hashes up to <code class="mono">\(provenance.head)</code>.
            Written by \(String(decoding: runner, as: UTF8.self)). Secrets were taken out before anything was stored; a mark stands for each.</p>
            </footer>
            <dialog id="help" aria-labelledby="help-title">
            <h2 id="help-title">Keys</h2>
            <dl>
            <dt><kbd>/</kbd></dt><dd>search; <kbd>n</kbd> and <kbd>N</kbd> go to the next and previous line found</dd>
            <dt><kbd>f</kbd> <kbd>F</kbd></dt><dd>next and previous failure</dd>
            <dt><kbd>r</kbd> <kbd>R</kbd></dt><dd>next and previous redaction</dd>
            <dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next and previous section</dd>
            <dt><kbd>o</kbd> <kbd>c</kbd></dt><dd>open and close all sections</dd>
            <dt><kbd>w</kbd></dt><dd>wrap long lines</dd>
            <dt><kbd>t</kbd></dt><dd>light or dark</dd>
            </dl>
            <form method="dialog"><button autofocus>Close</button></form>
            </dialog>
            <script>\(script)</script>
            </body>
            </html>

            """.utf8
    }

    // MARK: Parts

    private static func cards(_ plan: ReportPlan, to html: inout [UInt8]) {
        let run = plan.run
        var cards: [(name: String, value: String, detail: String)] = []
        cards.append(("time", Quantity.duration(run.duration), ""))
        if !plan.iterations.isEmpty { cards.append(("iterations", Quantity.count(plan.iterations.count), "")) }
        let phases = plan.sections.filter { $0.isPhase }
        if !phases.isEmpty {
            let failed = phases.count { $0.hasFailed }
            cards.append(
                (
                    "phases", Quantity.count(phases.count),
                    failed == 0 ? "none failed" : "\(Quantity.count(failed)) failed"
                ))
        }
        if run.inputTokens > 0 || run.outputTokens > 0 {
            cards.append(("tokens in", Quantity.count(run.inputTokens), ""))
            cards.append(("tokens out", Quantity.count(run.outputTokens), ""))
        }
        for (currency, micros) in run.costs.sorted(by: { $0.key < $1.key }) {
            cards.append(("cost", Quantity.money(micros, currency), run.costIsEstimate ? "estimated" : ""))
        }
        let redacted = run.hits.values.reduce(0) { $0 &+ $1 }
        cards.append(
            (
                "redacted", Quantity.count(redacted, "secret"),
                run.hits.isEmpty ? "" : "by " + Quantity.count(run.hits.count, "rule")
            ))
        if !run.artifacts.isEmpty { cards.append(("artifacts", Quantity.count(run.artifacts.count), "")) }
        html += "<dl class=\"cards\">\n".utf8
        for card in cards {
            let detail = card.detail.isEmpty ? "" : "<small>\(card.detail)</small>"
            html += "<div><dt>\(card.name)</dt><dd>\(card.value)\(detail)</dd></div>\n".utf8
        }
        html += "</dl>\n".utf8
    }

    private static func bar(_ plan: ReportPlan, to html: inout [UInt8]) {
        html += "<nav aria-label=\"Log\"><div>\n".utf8
        html +=
            "<form class=\"js\" role=\"search\"><input type=\"search\" id=\"search\" placeholder=\"Search the log\" aria-label=\"Search the log\" autocomplete=\"off\"><span id=\"count\" role=\"status\" aria-live=\"polite\"></span></form>\n"
            .utf8
        if plan.sections.contains(where: { $0.hasFailed }) {
            let target = plan.sections.firstIndex { $0.hasFailed }.map { "p\($0 + 1)" } ?? "log"
            html += "<a class=\"button bad\" href=\"#\(target)\" data-key=\"f\">Jump to failure</a>\n".utf8
        }
        html +=
            """
            <span class="js"><button type="button" data-key="r">Next redaction</button></span>
            <span class="js wide"><button type="button" data-key="o">Open all</button><button type="button" data-key="c">Close all</button>
            <button type="button" data-key="w" id="wrap" aria-pressed="false">Wrap</button><button type="button" data-key="t">Light or dark</button></span>
            <span class="js wide"><button type="button" data-key="?" aria-haspopup="dialog">Keys <kbd>?</kbd></button></span>
            </div></nav>

            """.utf8
    }

    private static func timeline(_ plan: ReportPlan, to html: inout [UInt8]) {
        guard !plan.sections.isEmpty else { return }
        let total = max(plan.run.duration, 1)
        html +=
            "<section aria-labelledby=\"time-title\">\n<h2 id=\"time-title\">Timeline</h2>\n<div class=\"time\">\n".utf8
        func bar(_ href: String, _ label: String, _ classes: String, _ start: Int, _ end: Int) {
            let x = Quantity.fixed(Double(start) / Double(total) * 1000, 2)
            let width = Quantity.fixed(max(Double(end - start) / Double(total) * 1000, 3), 2)
            html += "<a href=\"#\(href)\" aria-label=\"".utf8
            HTML.append(label, to: &html)
            html += "\"><title>".utf8
            HTML.append(label, to: &html)
            html +=
                "</title><rect class=\"\(classes)\" x=\"\(x)\" y=\"2\" width=\"\(width)\" height=\"16\" rx=\"2\"/></a>"
                .utf8
        }
        func row(_ name: String, _ time: Int, _ bars: () -> Void) {
            html += "<div class=\"row\"><span>".utf8
            HTML.append(name, to: &html)
            html += "</span><svg viewBox=\"0 0 1000 20\" preserveAspectRatio=\"none\">".utf8
            bars()
            html += "</svg><span>\(Quantity.duration(time))</span></div>\n".utf8
        }
        if !plan.iterations.isEmpty {
            row("iterations", plan.run.duration) {
                for entry in plan.iterations {
                    bar(
                        "i\(entry.number)",
                        "iteration \(entry.number), \(entry.status.rawValue), \(Quantity.duration(entry.end - entry.start))",
                        "it", entry.start, entry.end)
                }
            }
        }
        var names: [String] = []
        for section in plan.sections where !names.contains(section.title) && names.count < maximumRows {
            names.append(section.title)
        }
        for (place, name) in names.enumerated() {
            // The last row takes what has no row of its own.
            let isLast = place == maximumRows - 1
            let chosen = plan.sections.indices.filter {
                plan.sections[$0].title == name || isLast && !names.contains(plan.sections[$0].title)
            }
            row(name, chosen.reduce(0) { $0 + plan.sections[$1].end - plan.sections[$1].start }) {
                for index in chosen {
                    let section = plan.sections[index]
                    let iteration = section.iteration.map { ", iteration \($0)" } ?? ""
                    bar(
                        "p\(index + 1)",
                        "\(section.title)\(iteration), \(section.status.rawValue), \(Quantity.duration(section.end - section.start))",
                        section.status.rawValue, section.start, section.end)
                }
            }
        }
        html += "<div class=\"row\" aria-hidden=\"true\"><div class=\"ticks\">".utf8
        for tick in 0...4 { html += "<span>\(Quantity.duration(plan.run.duration * tick / 4))</span>".utf8 }
        html += "</div></div>\n</div>\n</section>\n".utf8
    }

    private static func redactions(_ run: Run, to html: inout [UInt8]) {
        guard !run.hits.isEmpty else { return }
        html +=
            "<section aria-labelledby=\"red-title\">\n<h2 id=\"red-title\">Redacted</h2>\n<ul class=\"chips\">\n".utf8
        for (rule, count) in run.hits.sorted(by: { $0.value == $1.value ? $0.key < $1.key : $0.value > $1.value }) {
            html += "<li><button type=\"button\" data-find=\"[REDACTED:".utf8
            HTML.append(rule, to: &html)
            html += "\">".utf8
            HTML.append(rule, to: &html)
            html += " × \(Quantity.count(count))</button></li>\n".utf8
        }
        html += "</ul>\n</section>\n".utf8
    }

    // MARK: Texts

    /// A constant of C, which lives as long as the process.
    private static func text(_ start: UnsafeRawPointer?, _ count: Int) -> String {
        String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// A source of the policy: CSP level 3, 2.3.1.
    private static func digest(_ text: String) -> String {
        let bytes = Array(text.utf8)
        return "sha256-" + Base64.encode(ChainHash(of: bytes.span).bytes.span, .padded)
    }
}
