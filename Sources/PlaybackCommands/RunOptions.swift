internal import ArgumentParser
internal import CommandSupport
internal import RunFiles

/// The argument that names a run.
struct RunArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "A run's id, its beginning or end, its directory, or a log file; the newest run if left out.",
            valueName: "run"))
    var run: String?

    func path() throws(Failure) -> Path { try RunDirectory.findLog(run) }
}

/// Options that choose events.
struct SelectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only this phase.", valueName: "name"))
    var phase: String?

    @Option(help: ArgumentHelp("Only this iteration.", valueName: "n"))
    var iteration: Int?

    func apply(to options: inout TranscriptOptions) {
        options.phase = phase
        options.iteration = iteration
    }
}
