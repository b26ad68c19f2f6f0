internal import ArgumentParser
package import CommandSupport
internal import Glibc
package import RunModel

/// The logs below a directory's `.pipeline`.
package struct RunLogs {
    /// The `.pipeline` itself.
    package let directory: Path

    /// The nearest `.pipeline` of this directory or one above it.
    package init() throws(Failure) {
        var path = Path(".")
        var last: stat?
        while true {
            let candidate = path.appending(Array(".pipeline".utf8))
            if let status = RunLogs.status(candidate), status.isDirectory {
                directory = candidate
                return
            }
            guard let here = RunLogs.status(path), last.map({ !$0.isSameFile(as: here) }) ?? true else {
                throw Failure(.input, "there is no .pipeline here or above: nothing has run yet")
            }
            last = here
            path = path == Path(".") ? Path("..") : path.appending(Array("..".utf8))
        }
    }

    /// Runs, the newest first.
    package func runs() throws(Failure) -> [RunID] {
        guard let runs = Descriptor.openDirectory(directory.appending(Array("runs".utf8))),
            let names = FileTree.names(in: runs)
        else {
            throw Failure(.input, "\(directory.text)/runs: \(Diagnostics.reason(errno))")
        }
        return names.compactMap { RunID(String(decoding: $0, as: UTF8.self)) }.sorted().reversed()
    }

    package func path(_ run: RunID) -> Path {
        directory.appending(Array("runs".utf8)).appending(Array("\(run)".utf8)).appending(Array("iterations.log".utf8))
    }

    /// The log that a user names: nothing for the newest, a file, a run's directory, or the beginning or end of a run's id.
    static func find(_ name: String?) throws(Failure) -> Path {
        if let name, name.utf8.contains(UInt8(ascii: "/")) || status(Path(name))?.isRegularFile == true {
            let path = Path(name)
            return status(path)?.isDirectory == true ? path.appending(Array("iterations.log".utf8)) : path
        }
        let logs = try RunLogs()
        let runs = try logs.runs()
        guard let name else {
            guard let newest = runs.first else { throw Failure(.input, "nothing has run yet") }
            return logs.path(newest)
        }
        let found = runs.filter { $0.description.hasPrefix(name) || $0.description.hasSuffix(name) }
        guard let run = found.first else {
            throw Failure(.input, "there is no run \(name); pipemason status --all lists them")
        }
        guard found.count == 1 else {
            throw Failure(.usage, "\(name) may be any of \(found.count) runs; give more of its id")
        }
        return logs.path(run)
    }

    private static func status(_ path: Path) -> stat? {
        var result = stat()
        return path.withCString { stat($0, &result) } == 0 ? result : nil
    }
}

/// The argument that names a run.
struct RunArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "A run's id, its beginning or end, its directory, or a log file; the newest run if left out.",
            valueName: "run"))
    var run: String?

    func path() throws(Failure) -> Path { try RunLogs.find(run) }
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
