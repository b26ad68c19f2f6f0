internal import ArgumentParser
internal import CommandSupport
internal import EgressKit
internal import Glibc
internal import RunFiles
internal import RunModel
internal import RunnerKit

/// `pipemason runs`.
struct RunsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "runs", abstract: "Remove old runs.",
        discussion: "`pipemason status --all` lists them.", subcommands: [Prune.self])

    /// `pipemason runs prune`
    struct Prune: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove the logs and artifacts of old runs of the working directory.",
            discussion: """
                With both options, a run goes only if neither keeps it. Runs that go on are never removed, and on a machine \
                that is paired with a server neither are those that it does not have yet.
                """)

        @Option(help: ArgumentHelp("Keep the newest runs.", valueName: "n"))
        var keep: Int?

        @Option(help: ArgumentHelp("Keep runs that began within this time, such as 12h or 30d.", valueName: "duration"))
        var olderThan: String?

        @Flag(help: "Remove what the server does not have as well.")
        var undelivered = false

        @Flag(help: "Say what would be removed; nothing is.")
        var dryRun = false

        func run() throws {
            guard keep != nil || olderThan != nil else {
                throw Failure(.usage, "say what to keep: --keep, --older-than or both")
            }
            if let keep, keep < 0 { throw Failure(.usage, "--keep takes a number from 0 on") }
            let age = try olderThan.map { try Duration.parse($0) }
            let directory = try RunDirectory.nearest()
            LogRepair.repairAll(in: directory)
            let unfinished = Set(directory.unfinished)
            let limit = age.map { Timestamp.now.microseconds - Int($0 * 1e6) }
            let old = try directory.runs().dropLast(keep ?? 0).filter { run in
                !unfinished.contains(run) && !directory.isLive(run) && limit.map { run.time.microseconds < $0 } ?? true
            }
            let isPaired = Uplink.isPaired && !undelivered
            let removed = old.filter { run in
                !isPaired || Self.exists(directory.directory(of: run).appending(Array(RunUpload.deliveredName.utf8)))
            }
            var bytes = 0
            for run in removed {
                if dryRun { try StandardOutput.print("\(run)") } else { bytes += try directory.remove(run) }
            }
            if !dryRun { try StandardOutput.print("\(removed.count) runs removed, \(bytes) bytes") }
            let kept = old.count - removed.count
            if kept > 0 {
                Diagnostics.say(
                    "\(kept) runs are kept because the server does not have them; --undelivered removes them")
            }
        }

        private static func exists(_ path: Path) -> Bool { path.withCString { access($0, F_OK) } == 0 }
    }
}
