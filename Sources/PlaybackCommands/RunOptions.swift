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

    /// Holds the choice against a log that has been read. A run that goes on may yet have what it lacks.
    ///
    /// - Throws: when there is no such phase or iteration.
    func check(_ source: EventSource) throws(Failure) {
        guard source.hasEnd else { return }
        if let phase, source.phases.count < EventSource.maximumPhases, !source.phases.contains(phase) {
            let names = source.phases.isEmpty ? "it has none" : "it has " + source.phases.joined(separator: ", ")
            throw Failure(.input, "no phase \(phase) in this run: \(names)")
        }
        if let iteration, iteration < 1 || iteration > source.iterations {
            throw Failure(.input, "no iteration \(iteration) in this run: it has \(source.iterations)")
        }
    }
}
