internal import ArgumentParser
internal import CommandSupport
internal import Glibc
internal import RunModel
internal import RunPlayback

/// `pipemason report`: a run as one HTML page.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write a run as one self-contained HTML page.",
        discussion: """
            The page needs no network and no server: open the file, or send it to somebody. It has the log with its colours, \
            phases on a timeline, redactions, tokens and cost, and a search. Nothing in a log can make it run or load anything.
            """)

    @OptionGroup var chosen: RunArgument

    @OptionGroup var target: OutputOption

    @Flag(help: "The format; there is one.")
    var format = Format.html

    @Option(
        help: ArgumentHelp(
            "How much output the page shows, in MiB; of more, the beginning and end of each section, failed ones more.",
            valueName: "MiB"))
    var limit: Int = ReportPlan.defaultLimit >> 20

    enum Format: String, EnumerableFlag { case html }

    /// What a browser can still hold, in MiB.
    private static let maximumLimit = 32

    func run() throws {
        guard (1...Self.maximumLimit).contains(limit) else {
            throw Failure(.usage, "--limit takes 1 to \(Self.maximumLimit) MiB")
        }
        if target.output == nil, Terminal.isTerminal(STDOUT_FILENO) {
            throw Failure(.usage, "the page would fill the terminal; name a file with -o, or send it to a program")
        }
        let path = try chosen.path()
        let source = try EventSource(path)
        guard let first = try source.next() else { throw Failure(.input, "\(path.text): the log is empty") }
        var plan = ReportPlan(run: first.run, limit: limit << 20)
        var failure: Failure?
        do throws(Failure) {
            var event: RunEvent? = first
            while let current = event {
                plan.add(current)
                event = try source.next()
            }
        } catch {
            failure = error
        }
        plan.finish()
        let provenance = ReportPage.Provenance(
            head: source.head, failure: failure?.message ?? (source.endsTorn ? "it ends in the middle of a line" : nil))
        let events = plan.run.events
        try target.write { writer throws(Failure) in
            var html: [UInt8] = []
            var page = ReportPage(plan, provenance, to: &html)
            source.rewind(before: 0)
            // As many events as were counted: a log may grow meanwhile.
            for _ in 0..<events {
                guard let event = try source.next() else { break }
                page.write(event, to: &html)
                if html.count >= 1 << 16 {
                    html.withUnsafeBytes { writer.write($0) }
                    html.removeAll(keepingCapacity: true)
                    try writer.check()
                }
            }
            page.finish(to: &html)
            html.withUnsafeBytes { writer.write($0) }
        }
        if let failure { throw failure }
    }
}
