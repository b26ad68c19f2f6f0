package import ArgumentParser
package import CommandSupport
internal import RedactionKit
internal import RunnerKit

/// The commands of the runner, for the root command of `pipemason`.
package enum RunnerCommands {
    /// run, runs, verify, doctor.
    package static let all: [any ParsableCommand.Type] = [
        RunCommand.self, RunsCommand.self, VerifyCommand.self, DoctorCommand.self,
    ]

    /// The first argument with which this program becomes a scrubbing process: for its runner only.
    package static let scrubbingProcess = "scrubbing-process"

    /// `run -- …`, without options: everything after the first `--` is the command. It starts in half the time without the parser.
    package static func runPlainly(_ arguments: [String]) throws(Failure) -> ExitStatus {
        var settings = RunSettings()
        settings.words = try RawArguments.last(arguments.count - 2)
        return try settings.run()
    }

    /// Becomes a scrubbing process. `arguments` are those after the first.
    package static func runScrubbingProcess(_ arguments: [String]) -> Never {
        if arguments.count == 2, arguments[0] == "attempt", let deed = Int32(arguments[1]) {
            ScrubbingProcess.attempt(deed)
        }
        do {
            // Rule files are read before it confines itself, and hold no secrets.
            let (options, _) = try DetectionSettings(arguments: arguments).redactorOptions()
            ScrubbingProcess.run(try Redactor(options))
        } catch {
            // The runner has loaded the same rules; its message is better.
            ScrubbingProcess.refuse()
        }
    }
}

extension DetectionSettings {
    /// The arguments that stand for these settings in a scrubbing process. Values to mask are not among them: arguments
    /// can be read by other users.
    package var arguments: [String] {
        var result: [String] = []
        if !rules.usesBuiltin { result.append("no-default-rules") }
        for file in rules.files { result += ["rules", file.text] }
        for pack in packs { result += ["pack", pack] }
        for name in only { result += ["only", name] }
        for name in except { result += ["except", name] }
        if let placeholder { result += ["placeholder", placeholder] }
        return result
    }

    /// The settings that `arguments` stand for.
    fileprivate init(arguments: [String]) throws(Failure) {
        self.init()
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if name == "no-default-rules" {
                rules.usesBuiltin = false
                continue
            }
            guard let value = rest.popFirst() else { throw Failure(.usage, "") }
            switch name {
            case "rules": rules.files.append(Path(value))
            case "pack": packs.append(value)
            case "only": only.append(value)
            case "except": except.append(value)
            case "placeholder": placeholder = value
            default: throw Failure(.usage, "")
            }
        }
    }
}
