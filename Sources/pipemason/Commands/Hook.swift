internal import ArgumentParser
internal import CPlatform
internal import CommandSupport
internal import Glibc
internal import LogHook
internal import RedactionKit

/// `pipemason hook`: parses; `HookJob` works.
struct Hook: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take secrets out of another program's log as it is written.",
        discussion: """
            --follow reads a log file that is rotated, by rename or by copy and truncate; --fifo a named pipe whose writers \
            come and go; --journal systemd's export format (journalctl -o export) from standard input; --rsyslog serves \
            rsyslog's mmexternal, which changes messages on their way, or omprog, which writes them to -o.
            """)

    @Option(help: ArgumentHelp("Follow this file through its rotations.", valueName: "file"), completion: .file())
    var follow: String?

    @Flag(help: "With --follow: leave out what is in the file already.")
    var new = false

    @Option(
        help: ArgumentHelp(
            "With --follow: keep in this file how far it came, and go on there at the next start.", valueName: "file"),
        completion: .file())
    var state: String?

    @Option(help: ArgumentHelp("Read this named pipe, for ever.", valueName: "file"), completion: .file())
    var fifo: String?

    @Option(help: "Read the journal's export format and write it again, or a line for each entry.")
    var journal: JournalOutput?

    @Option(help: "Serve rsyslog.")
    var rsyslog: Rsyslog?

    @Option(help: "With --rsyslog mmexternal: interface.input of the action in rsyslog.")
    var input = Input.msg

    @Flag(help: "With --rsyslog omprog: confirmMessages is on in rsyslog.")
    var confirm = false

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "Append to this file, which may be rotated too; standard output by default.", valueName: "file"),
        completion: .file())
    var output: String?

    @OptionGroup var detection: DetectionOptions

    enum JournalOutput: String, ExpressibleByArgument, CaseIterable { case export, lines }
    enum Rsyslog: String, ExpressibleByArgument, CaseIterable { case mmexternal, omprog }
    enum Input: String, ExpressibleByArgument, CaseIterable { case msg, rawmsg, fulljson }

    func run() throws {
        let sources = [follow != nil, fifo != nil, journal != nil, rsyslog != nil].count { $0 }
        guard sources == 1 else { throw Failure(.usage, "give one of --follow, --fifo, --journal and --rsyslog") }
        if new, follow == nil { throw Failure(.usage, "--new is about --follow") }
        if state != nil, follow == nil { throw Failure(.usage, "--state is about --follow") }
        if confirm, rsyslog != .omprog { throw Failure(.usage, "--confirm is about --rsyslog omprog") }
        if rsyslog == .omprog, output == nil {
            throw Failure(.usage, "--rsyslog omprog needs -o, because standard output answers rsyslog")
        }
        if rsyslog == .mmexternal, output != nil {
            throw Failure(.usage, "--rsyslog mmexternal answers on standard output and has no -o")
        }
        var (options, warnings) = try detection.settings.redactorOptions()
        let redactor: Redactor
        do { redactor = try Redactor(options) } catch { throw Failure(.usage, "\(error)") }
        warnings += redactor.warnings
        for warning in warnings { Diagnostics.warn(warning) }
        pm_signals_install()
        let digest = String(FollowState.Fingerprint(options.ruleSet.blob()).hash, radix: 16)
        let job = HookJob(redactor, digest: digest, HookOutput(output.map { Path($0) }))
        if let follow {
            try job.follow(Path(follow), skipsOld: new, states: try state.map { try FollowStateFile(Path($0)) })
        } else if let fifo {
            try job.readFifo(Path(fifo))
        } else if let journal {
            try job.readJournal(asLines: journal == .lines)
        } else if rsyslog == .mmexternal {
            try job.modify(SyslogModifier.Input(rawValue: input.rawValue) ?? .message)
        } else {
            try job.receive(confirming: confirm)
        }
    }
}
