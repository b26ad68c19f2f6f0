internal import ArgumentParser
internal import CPlatform
internal import CommandSupport
internal import EgressCommands
internal import Glibc
internal import PipelineCommands
internal import PlaybackCommands
internal import RunnerCommands
internal import SealingCommands

/// The command line.
struct Pipemason: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pipemason",
        abstract: "Keeps secrets out of everything that leaves a machine.",
        discussion: """
            some-command | pipemason scrub          a filter: output without secrets, at once
            pipemason scrub --in-place build.log    a file, replaced
            pipemason scrub --check .               a gate: status 1 if there is a secret
            """,
        version: Version.text,
        subcommands: [Scrub.self] + RunnerCommands.all + [PipelineCommand.self] + PlaybackCommands.all
            + EgressCommands.all + [Hook.self, Rules.self, Completions.self] + SealingCommands.all,
        defaultSubcommand: Scrub.self)

    /// Runs the command line and ends the process.
    static func start(_ arguments: [String], _ streams: StandardStreams) -> Never {
        pm_crashes_install(ExitStatus.internal.code, nil)
        // The filter without options is the frequent case, and starts in half the time without the parser.
        if arguments == ["scrub"] { end(ScrubJob.run(ScrubSettings(), streams: streams)) }
        if arguments.first == RunnerCommands.scrubbingProcess {
            RunnerCommands.runScrubbingProcess(Array(arguments.dropFirst()))
        }
        if arguments.starts(with: ["run", "--"]), arguments.count > 2 {
            do throws(Failure) { end(try RunnerCommands.runPlainly(arguments)) } catch {
                Diagnostics.say(error.message)
                end(error.status)
            }
        }
        var arguments = arguments
        // Nothing to do and nobody piping: tell what there is to do.
        if arguments.isEmpty, streams.hasInput, Terminal.isTerminal(STDIN_FILENO) { arguments = ["--help"] }
        do {
            var command = try parseAsRoot(arguments)
            if let scrub = command as? Scrub {
                end(ScrubJob.run(try scrub.settings(), streams: streams))
            }
            try command.run()
            end(.success)
        } catch let failure as Failure {
            if !failure.message.isEmpty { Diagnostics.say(failure.message) }
            end(failure.status)
        } catch let code as ExitCode {
            // A command that has told its own story.
            end(ExitStatus(code: code.rawValue))
        } catch {
            finish(with: error, streams)
        }
    }

    /// Help and the version are errors to the parser, and so are mistakes; their texts go where they belong.
    private static func finish(with error: any Error, _ streams: StandardStreams) -> Never {
        let text = fullMessage(for: error)
        guard exitCode(for: error) != .success else {
            let writer = ByteWriter(STDOUT_FILENO, name: "standard output")
            if !text.isEmpty { writer.write(text + "\n") }
            writer.flush()
            end(writer.failure?.status ?? .success)
        }
        let message = text.hasPrefix("Error: ") ? String(text.dropFirst("Error: ".count)) : text
        Diagnostics.write("pipemason: " + message + "\n")
        end(.usage)
    }

    private static func end(_ status: ExitStatus) -> Never {
        pm_signals_release()
        _exit(status.code)
    }
}
