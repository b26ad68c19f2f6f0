internal import ArgumentParser
internal import CommandSupport
internal import RunnerKit

/// `pipemason doctor`: what this machine gives, found out by trying.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say which protections this machine gives the scrubbing process.",
        discussion: """
            Starts the process that sees raw output, lets it confine itself, and lets it try what it must not be able \
            to do.

            Exit status: 0 every protection holds, 1 one does not, 125 it could not be found out.
            """)

    func run() throws {
        let examination = try Examination.perform(scrubberArguments: [RunnerCommands.scrubbingProcess])
        let style = Style(for: 1)
        var text = style.bold("Kernel") + "\n  Linux \(examination.kernel), Landlock \(examination.landlock)\n"
        text += style.bold("Protections of the scrubbing process") + "\n"
        for (_, name, meaning) in Protections.all {
            let holds = examination.protections.names.contains(name)
            text += line(holds, name, meaning, style)
        }
        text += style.bold("What it tried") + "\n"
        for trial in examination.trials { text += line(trial.isPrevented, trial.name, trial.result, style) }
        try StandardOutput.print(text)
        throw ExitCode(examination.isSound ? 0 : 1)
    }

    private func line(_ holds: Bool, _ name: String, _ text: String, _ style: Style) -> String {
        let padding = String(repeating: " ", count: max(1, 20 - name.count))
        return "  \(holds ? style.green("yes") : style.red("NO ")) \(name)\(padding)\(style.dim(text))\n"
    }
}
