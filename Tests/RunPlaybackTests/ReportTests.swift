internal import RunFuzz
internal import RunModel
internal import RunPlayback
internal import Testing
internal import TextEncodings

/// The HTML report.
@Suite struct ReportTests {
    private func page(
        _ log: SampleLog, limit: Int = ReportPlan.defaultLimit, failure: String? = nil,
        maximumSize: Int = ReportPage.maximumSize
    ) -> String {
        var plan = ReportPlan(run: SampleLog.run, limit: limit)
        for event in log.events { plan.add(event) }
        plan.finish()
        var html: [UInt8] = []
        let provenance = ReportPage.Provenance(head: .zero, failure: failure)
        var page = ReportPage(plan, provenance, maximumSize: maximumSize, to: &html)
        for event in log.events { page.write(event, to: &html) }
        page.finish(to: &html)
        #expect(RunFuzz.isHarmlessPage(html))
        return String(decoding: html, as: UTF8.self)
    }

    private func between(_ text: String, _ start: String, _ end: String) -> String {
        guard let begin = text.ranges(of: start).first?.upperBound else { return "" }
        let rest = text[begin...]
        return String(rest[..<(rest.ranges(of: end).first?.lowerBound ?? rest.endIndex)])
    }

    @Test func `a page shows phases, iterations, tokens, cost and redactions`() {
        let text = page(.pipeline)
        for part in [
            "<h3 id=\"i1\">Iteration 1 of at most 3 <span class=\"st failed\">failed</span></h3>",
            "<details class=\"ph\" id=\"p2\" data-status=\"failed\" open>", "<dt>tokens in</dt><dd>2,400</dd>",
            "<dd>0.0246 USD<small>estimated</small></dd>", "href=\"#p2\" data-key=\"f\">Jump to failure</a>",
            "<mark class=\"tr\" title=\"redacted by rule github-pat\">", "<dt>redacted</dt><dd>2 secrets",
            "I change &lt;b&gt;one&lt;/b&gt; line.", "<span class=\"f1\">FAIL</span> one",
            "aria-label=\"test, iteration 1, failed, 2.2 s\"",
            ">command failed: exit status 2</div>",
        ] {
            #expect(text.contains(part), "\(part)")
        }
    }

    @Test func `the policy admits this page's style and script and nothing else`() throws {
        let text = page(.pipeline)
        let policy = between(text, "Content-Security-Policy\" content=\"", "\">")
        for (directive, name) in [("style-src", "style"), ("script-src", "script")] {
            let content = Array(between(text, "<\(name)>", "</\(name)>").utf8)
            let digest = Base64.encode(ChainHash(of: content.span).bytes.span, .padded)
            #expect(policy.contains("\(directive) 'sha256-\(digest)';"))
        }
        #expect(policy.hasPrefix("default-src 'none';") && !policy.contains("unsafe"))
    }

    @Test(arguments: [
        "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\" onmouseover=\"alert(1)",
        "' autofocus onfocus='x",
        "\u{1B}]8;;javascript:alert(1)\u{1B}\\click\u{1B}]8;;\u{1B}\\",
        "\u{1B}]8;;http://x/\"onclick=1\u{1B}\\click\u{1B}]8;;\u{1B}\\",
        "\u{1B}]52;c;cm0=\u{7}", "\u{202E}gpj.exe\u{202C}\u{2066}", "a\u{0}b\u{1}\u{7F}\u{9B}6n", "<!--", "]]>",
        "&lt;script&gt;", "</details></div></main>",
        "[REDACTED:<b>x</b>]", "[REDACTED:\" onclick=\"x]", "\u{2028}\u{2029}", "{{constructor}}",
        "<svg/onload=alert(1)>", "\u{FEFF}\u{E0041}",
    ])
    func `hostile text is text wherever it stands`(hostile: String) {
        var log = SampleLog()
        log.add(
            .runStarted(RunStarted(runner: hostile, branch: hostile, command: [hostile], epoch: 1, protections: [])))
        log.iteration = 1
        log.add(.iterationStarted(IterationStarted(limit: 1)))
        log.phase = hostile
        log.add(.phaseStarted(PhaseStarted(kind: .custom)))
        log.add(.commandStarted(CommandStarted(command: [hostile])))
        for stream in CommandOutput.Stream.allCases {
            log.output(hostile + "\n", stream, hits: [String(hostile.prefix(60)): 1])
        }
        log.add(
            .commandOutput(
                CommandOutput(stream: .stdout, bytes: Array(hostile.utf8) + [0xFF, 0xC3, 0x28, 0xED, 0xA0, 0x80])))
        log.add(.agentMessage(AgentMessage(role: .tool, text: hostile)))
        log.add(.agentOther(AgentEvent(type: "agent.x", data: .object([(hostile, .string(hostile))]))))
        log.add(.agentUsage(AgentUsage(provider: hostile, model: hostile, inputTokens: .max, outputTokens: .max)))
        log.add(.artifactOffered(Artifact(name: hostile, digest: .zero, size: .max, mediaType: hostile)))
        log.add(.phaseFinished(Ending(.failed, exit: 1, reason: hostile)))
        // `page` holds the elements and attributes against a list.
        _ = page(log, failure: hostile)
    }

    /// A pipeline with a long phase that goes well and a long one that fails.
    private func long(lines: Int) -> SampleLog {
        var log = SampleLog()
        for (phase, status) in [("build", RunStatus.succeeded), ("test", .failed)] {
            log.phase = phase
            log.add(.phaseStarted(PhaseStarted(kind: .custom)))
            for start in stride(from: 0, to: lines, by: 100) {
                log.output((start..<start + 100).map { "\(phase) line \($0)\n" }.joined(), after: 10)
            }
            log.add(.phaseFinished(Ending(status)))
        }
        return log
    }

    @Test func `of a log that is too long the ends are shown, and what is missing is said`() {
        let log = long(lines: 10_000)
        let limit = 400_000
        let text = page(log, limit: limit)
        for line in ["build line 0<", "build line 9999<", "test line 0<", "test line 9999<"] {
            #expect(text.contains(line))
        }
        #expect(!text.contains("test line 5000<") || !text.contains("build line 5000<"))
        let shown = ["build", "test"].map { name in text.ranges(of: ">\(name) line ").count }
        #expect(shown[1] > 2 * shown[0], "the failed phase gets more")
        // Every line is shown or counted.
        let notices = text.split(separator: "<div class=\"l gap\"").dropFirst().compactMap { part in
            Int(between(String(part), ">", " line").filter(\.isNumber).drop { $0 == "0" })
        }
        #expect(notices.count == 2 && notices.reduce(0, +) + shown[0] + shown[1] == 20_000)
        #expect(text.contains("The log is larger than this page may be"))
        #expect(text.utf8.count < 2 * limit + 60_000)
    }

    @Test func `nothing is missing from a log that fits`() {
        let text = page(long(lines: 1000))
        #expect(text.ranges(of: ">build line ").count + text.ranges(of: ">test line ").count == 2000)
        #expect(!text.contains("class=\"l gap\""))
    }

    @Test func `a page has a size that no log exceeds`() {
        var log = SampleLog()
        // Each NUL becomes an element.
        for _ in 0..<8 { log.output(String(repeating: "\u{0}", count: 6000) + "\n") }
        let text = page(log, maximumSize: 500_000)
        #expect(text.utf8.count < 500_000 + 300_000)
        #expect(text.contains("This page has reached 488.3 KiB"))
    }

    @Test func `many sections are bounded`() {
        var log = SampleLog()
        for index in 0..<ReportPlan.maximumSections + 50 {
            log.phase = "p\(index)"
            log.add(.phaseStarted(PhaseStarted(kind: .custom)))
            log.output("output \(index)\n")
            log.add(.phaseFinished(Ending(.succeeded)))
        }
        let text = page(log)
        #expect(text.contains("id=\"p\(ReportPlan.maximumSections)\""))
        #expect(!text.contains("id=\"p\(ReportPlan.maximumSections + 1)\""))
        #expect(text.contains(">output \(ReportPlan.maximumSections + 49)<"))
    }

    @Test func `damage is said, and a run that goes on`() {
        #expect(page(.pipeline, failure: "line 7: wrong hash").contains("The log is damaged: line 7: wrong hash."))
        var log = SampleLog()
        log.output("x\n")
        #expect(page(log).contains("The run had not ended"))
    }
}
