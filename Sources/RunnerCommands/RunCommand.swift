internal import ArgumentParser
package import CommandSupport
internal import EgressKit
internal import Glibc
internal import RedactionKit
internal import RunFiles
internal import RunModel
internal import RunnerKit

/// `pipemason run`: parses; `CommandRun` works.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a command; its output is scrubbed before it is shown or kept.",
        discussion: """
            The command runs in a session of its own. What it writes goes to a process that has confined itself to \
            scrubbing; the terminal and the log in .pipeline/iterations.log get what comes out of that. Values of \
            environment variables that look secret, and of .env files, are masked whatever they look like.

            One interrupt is passed on to the command, a second one kills it and everything that it has started.

            Exit status: the command's; 128+n ended by signal n, 124 its time was over, 125 the runner failed, 126 the \
            command cannot be executed, 127 it is not there.
            """)

    @Flag(
        name: .customLong("tty"), inversion: .prefixedNo,
        help: "Give the command a terminal; by default if this has one.")
    var terminal: Bool?

    @Option(
        help: ArgumentHelp("End the command after this time, such as 90s, 10m or 1.5h.", valueName: "duration"))
    var timeout: String?

    @Flag(help: "Keep no log.")
    var noLog = false

    @Option(
        help: ArgumentHelp(
            "When the log is made durable: interval (each second and at the end), always (each event), end.",
            valueName: "policy"))
    var sync = Sync.interval

    @Option(
        help: ArgumentHelp(
            "Offer this image to the server when the command has ended; repeatable. What is not picture is left out.",
            valueName: "file"))
    var artifact: [String] = []

    @OptionGroup var upload: UploadOptions

    @OptionGroup var github: GitHubOptions

    @OptionGroup var detection: DetectionOptions

    @Option(help: ArgumentHelp(visibility: .hidden))
    var acknowledgeFd: Int32?

    @Argument(
        parsing: .captureForPassthrough, help: ArgumentHelp("The command and its arguments.", valueName: "command"))
    var command: [String] = []

    enum Sync: String, ExpressibleByArgument, CaseIterable {
        case interval, always, end

        var policy: LogFile.SyncPolicy {
            switch self {
            case .interval: .interval
            case .always: .always
            case .end: .end
            }
        }
    }

    func run() throws {
        var settings = RunSettings()
        settings.terminal = terminal == nil ? .automatic : terminal == true ? .always : .never
        settings.timeout = try timeout.map { try Duration.parse($0) }
        settings.keepsLog = !noLog
        settings.sync = sync.policy
        settings.artifacts = artifact
        settings.upload = upload.settings
        settings.github = github.settings
        settings.detection = detection.settings
        settings.acknowledgements = acknowledgeFd
        // What the parser does not know goes to the command; before its name it can only be a mistake.
        if let first = command.first, first.hasPrefix("-"), first != "--" {
            // Without a value, which may be a secret.
            let name = first.prefix { $0 != "=" }
            throw Failure(.usage, "there is no option \(name); a command with such a name stands after --")
        }
        settings.words = try RawArguments.last(command.first == "--" ? command.count - 1 : command.count)
        throw ExitCode(try settings.run().code)
    }
}

/// What `run` was asked to do. The defaults are those of the command without options.
package struct RunSettings {
    var terminal = CommandPlan.TerminalUse.automatic
    /// Seconds.
    var timeout: Double?
    var keepsLog = true
    var sync = LogFile.SyncPolicy.interval
    var artifacts: [String] = []
    var upload = UploadSettings()
    var github = GitHubSettings()
    var detection = DetectionSettings()
    var acknowledgements: Int32?
    var words: [[UInt8]] = []

    /// Runs the command, and returns what this process exits with.
    func run() throws(Failure) -> ExitStatus {
        let session = try RunSession(detection, terminal: terminal)
        var log: RunLog?
        if keepsLog { log = try session.openLog(words, policy: sync, acknowledgements: acknowledgements) }
        // The server knows of a run what the upload tells it, so without an upload there is nothing that a token could belong to.
        if let log, upload.isOn { session.offerGitHub(log, github) }
        defer { session.endGitHub() }
        var plan = session.plan(words)
        plan.timeout = timeout
        let uplink = upload.start(log)
        if let uplink { plan.spared.append(uplink.process) }
        defer { uplink?.finish() }
        let outcome: CommandOutcome
        do throws(Failure) {
            outcome = try session.run(plan, log: log)
        } catch {
            log?.finish(Ending(.error, exit: Int(error.status.code), reason: error.message))
            throw error
        }
        if let log { offerArtifacts(to: log) }
        log?.finish(Ending(outcome.status, exit: Int(outcome.exit.code), reason: outcome.reason))
        return outcome.exit
    }

    /// Puts the named images beside the log and notes them there.
    private func offerArtifacts(to log: RunLog) {
        for path in artifacts {
            do throws(Failure) {
                let directory = log.directory.directory(of: log.run).text
                log.append(.artifactOffered(try ArtifactShelf.offer(Path(path), to: directory)))
            } catch { Diagnostics.warn(error.message) }
        }
    }
}

/// Lengths of time on the command line.
package enum Duration {
    /// Reads `90`, `90s`, `500ms`, `10m`, `1.5h` as seconds.
    package static func parse(_ text: String) throws(Failure) -> Double {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]
        let unit = units.first { text.hasSuffix($0.0) } ?? ("", 1)
        let number = text.dropLast(unit.0.count)
        guard number.utf8.allSatisfy({ $0 &- 0x30 < 10 || $0 == UInt8(ascii: ".") }), let value = Double(number),
            value > 0, value * unit.1 <= 1e9
        else { throw Failure(.usage, "\"\(text)\" is no duration; write 90s, 10m or 1.5h") }
        return value * unit.1
    }
}

/// The arguments of this process as bytes: nobody promises that they are UTF-8, and a command gets them as they came.
package enum RawArguments {
    /// The last `count` arguments.
    package static func last(_ count: Int) throws(Failure) -> [[UInt8]] {
        guard count > 0 else { throw Failure(.usage, "there is no command; write it after --") }
        let total = Int(CommandLine.argc)
        guard count < total else { throw Failure(.usage, "there is no command; write it after --") }
        // argv is constant while the process runs.
        return ((total - count)..<total).map { index in
            let text = CommandLine.unsafeArgv[index]!
            return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
        }
    }
}
