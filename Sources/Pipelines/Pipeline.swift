package import CommandSupport
package import RunModel

/// What `.pipeline/pipeline.toml` says (docs/formats/pipeline.md).
package struct Pipeline: Sendable, Equatable {
    /// For people; "pipeline" if the file names none.
    package var name: String
    /// In the order of the file; at least one.
    package var phases: [Phase]
    /// The phases that are repeated until all of them succeed.
    package var loop: Loop?

    package struct Phase: Sendable, Equatable {
        package var name: String
        package var kind: PhaseKind
        /// Run one after another until one fails; at least one.
        package var commands: [Command]
        /// Names of the variables that its commands get; nil: all.
        package var environment: [Glob]?
        /// Variables that its commands get besides.
        package var variables: [Variable]
        /// Seconds for each command; nil: as long as it takes.
        package var timeout: Double?
        /// How often it is tried again when it fails.
        package var retries: Int
        /// Files that are offered as artifacts when it has ended: paths below the working directory.
        package var artifacts: [Glob]
        /// Where it stands in the file.
        package var line: Int
    }

    package struct Variable: Sendable, Equatable {
        package let name: String
        package let value: String
    }

    package enum Command: Sendable, Equatable {
        /// A line for `/bin/sh -c`.
        case shell(String)
        case words([String])

        /// The program and its arguments.
        package var words: [String] {
            switch self {
            case .shell(let line): ["/bin/sh", "-c", line]
            case .words(let words): words
            }
        }
    }

    package struct Loop: Sendable, Equatable {
        /// Places in `phases`; consecutive.
        package var phases: Range<Int>
        /// How often at most.
        package var limit: Int
    }

    package enum Limits {
        /// Bytes of the file.
        package static let file = 1 << 20
        package static let phases = 100
        package static let commands = 100
        /// Bytes of a name of a phase.
        package static let name = 64
        package static let retries = 10
        package static let iterations = 100
        /// Variables, patterns of a list, words of a command.
        package static let entries = 256
        /// Mistakes that are told at once.
        package static let problems = 50
    }

    /// Variables that every command gets: without them few programs work.
    package static let alwaysPassed = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TERM", "TMPDIR", "TZ",
    ]
    .map { Glob(pattern: $0) }

    /// Only the phases with these names, each once and without a loop.
    ///
    /// - Throws: `PipelineError` if there is no such phase.
    package func selecting(_ names: [String]) throws(PipelineError) -> Pipeline {
        for name in names where !phases.contains(where: { $0.name == name }) {
            let known = phases.map(\.name).joined(separator: ", ")
            throw PipelineError([Problem(line: 0, reason: "there is no phase \"\(name)\"; there are \(known)")])
        }
        var result = self
        result.phases = phases.filter { names.contains($0.name) }
        result.loop = nil
        return result
    }

    /// Agent phases run `command` in place of their own.
    ///
    /// - Throws: `PipelineError` if there is no agent phase.
    package func replacingAgent(with command: Command) throws(PipelineError) -> Pipeline {
        guard phases.contains(where: { $0.kind == .agent }) else {
            throw PipelineError([Problem(line: 0, reason: "there is no phase of the kind agent")])
        }
        var result = self
        for index in phases.indices where phases[index].kind == .agent { result.phases[index].commands = [command] }
        return result
    }

    package struct Problem: Sendable, Equatable {
        /// From 1; 0: the file as a whole.
        package let line: Int
        package let reason: String
    }
}

/// Everything that is wrong with a pipeline file, in the order of lines. Never empty.
package struct PipelineError: Error, Sendable, Equatable {
    package let problems: [Pipeline.Problem]

    init(_ problems: [Pipeline.Problem]) { self.problems = problems }
}
