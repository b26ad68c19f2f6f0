package import ArgumentParser
internal import CommandSupport
internal import Glibc
internal import Pipelines
internal import RedactionKit
internal import RunModel
internal import RunPlayback
internal import RunnerCommands
internal import RunnerKit

/// `pipemason pipeline`.
package struct PipelineCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "pipeline",
        abstract: "Run the phases of .pipeline/pipeline.toml, again and again until they succeed.",
        subcommands: [PipelineRunCommand.self, PipelineCheckCommand.self])

    package init() {}
}

/// `pipemason pipeline run`: parses; `PipelineRunner` works.
struct PipelineRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the pipeline, or some of its phases.",
        discussion: """
            Phases run in the order of the file. Those that [iterate] names are repeated from the first one until all of them \
            succeed, or its limit is reached. With names of phases, each of these runs once.

            Each command runs as with `pipemason run`; all of them write one log. Besides their environment they get \
            PIPEMASON_PHASE, PIPEMASON_ITERATION, and PIPEMASON_FAILED_PHASE: what failed in the iteration before.

            Exit status: 0 everything succeeded, otherwise that of the command that failed; 2 the pipeline file is wrong, 124 a \
            command's time was over, 125 the runner failed, 126 a command cannot be executed, 127 it is not there, 130 \
            interrupted.
            """)

    @Argument(help: ArgumentHelp("Run these phases only, each once.", valueName: "phases"))
    var phases: [String] = []

    @OptionGroup var file: PipelineFileOption

    @Option(
        help: ArgumentHelp(
            "What phases of the kind agent run in place of their commands: a line for the shell.", valueName: "command")
    )
    var agentCommand: String?

    @Option(help: ArgumentHelp("How often the loop runs at most.", valueName: "n"))
    var limit: Int?

    @OptionGroup var upload: UploadOptions

    @OptionGroup var github: GitHubOptions

    @OptionGroup var detection: DetectionOptions

    func run() throws {
        var pipeline = try file.read()
        do {
            if let agentCommand { pipeline = try pipeline.replacingAgent(with: .shell(agentCommand)) }
            if !phases.isEmpty { pipeline = try pipeline.selecting(phases) }
        } catch {
            throw Failure(.usage, error.problems[0].reason)
        }
        if let limit {
            guard (1...Pipeline.Limits.iterations).contains(limit) else {
                throw Failure(.usage, "--limit takes 1 to \(Pipeline.Limits.iterations)")
            }
            guard pipeline.loop != nil else { throw Failure(.usage, "--limit is about a loop, and none is run") }
            pipeline.loop?.limit = limit
        }
        let session = try RunSession(detection.settings, terminal: .automatic)
        let words = ["pipeline", pipeline.name] + phases
        let log = try session.openLog(words.map { Array($0.utf8) }, policy: .interval)
        if upload.settings.isOn { session.offerGitHub(log, github.settings) }
        defer { session.endGitHub() }
        let uplink = upload.settings.start(log)
        defer { uplink?.finish() }
        let runner = PipelineRunner(pipeline, session, log, uplink)
        throw ExitCode(runner.run().code)
    }
}

/// `pipemason pipeline check`: what the file says, or what is wrong with it.
struct PipelineCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read the pipeline file and say what would run.",
        discussion: "Exit status: 0 the file is right, 2 it is not; each mistake is told with its line.")

    @OptionGroup var file: PipelineFileOption

    func run() throws {
        let pipeline = try file.read()
        let redactor: Redactor
        do { redactor = try Redactor() } catch { throw Failure(.internal, "\(error)") }
        let style = Style(for: STDOUT_FILENO)
        var text = style.bold(Diagnostics.printable(pipeline.name)) + "\n"
        for (index, phase) in pipeline.phases.enumerated() {
            if let loop = pipeline.loop, loop.phases.lowerBound == index {
                text += style.dim("  until all succeed, at most \(loop.limit) times:") + "\n"
            }
            let isInLoop = pipeline.loop?.phases.contains(index) == true
            let indent = isInLoop ? "    " : "  "
            var facts = [phase.kind.rawValue]
            if let timeout = phase.timeout { facts.append("at most \(Quantity.duration(Int(timeout * 1e6)))") }
            if phase.retries > 0 { facts.append("retries \(phase.retries)") }
            if let environment = phase.environment {
                facts.append("environment \(environment.map(\.pattern).joined(separator: " "))")
            }
            if !phase.artifacts.isEmpty {
                facts.append("artifacts \(phase.artifacts.map(\.pattern).joined(separator: " "))")
            }
            text +=
                indent + phase.name + " " + style.dim("(" + Diagnostics.printable(facts.joined(separator: ", ")) + ")")
                + "\n"
            for command in phase.commands {
                let line =
                    switch command {
                    case .shell(let line): line
                    case .words(let words): words.joined(separator: " ")
                    }
                text += indent + "  " + Diagnostics.printable(redactor.redact(line)) + "\n"
            }
        }
        try StandardOutput.print(text)
    }
}

/// The option that names the pipeline file.
struct PipelineFileOption: ParsableArguments {
    @Option(help: ArgumentHelp("The pipeline file.", valueName: "file"), completion: .file(extensions: ["toml"]))
    var file = ".pipeline/pipeline.toml"

    /// Reads the file. Every mistake is told, `file:line: reason`.
    func read() throws(Failure) -> Pipeline {
        let path = Path(file)
        guard let descriptor = Descriptor.open(path, O_RDONLY) else {
            throw Failure(.usage, "\(file): \(Diagnostics.reason(errno))")
        }
        guard let bytes = descriptor.readAll(limit: Pipeline.Limits.file) else {
            throw Failure(.usage, "\(file): \(Diagnostics.reason(errno))")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Failure(.usage, "\(file): is not UTF-8")
        }
        do {
            return try Pipeline(parsing: text)
        } catch {
            let messages = error.problems.map { problem in
                "\(file)\(problem.line > 0 ? ":\(problem.line)" : ""): \(problem.reason)"
            }
            for message in messages.dropLast() { Diagnostics.say(message) }
            throw Failure(.usage, messages[messages.count - 1])
        }
    }
}
