internal import ArgumentParser
internal import CommandSupport
internal import Glibc
internal import RunModel
internal import RunnerKit

/// `pipemason verify`: holds logs against their chain.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that a run's log is whole and unchanged.",
        discussion: """
            Every line is numbered and carries the hash of the one before. Without RUNS, the newest run of the working \
            directory. The first bad line is named.

            Exit status: 0 all logs are good, 1 one is not, 2 wrong usage, 3 one could not be read.
            """)

    @Flag(help: "All runs of the working directory.")
    var all = false

    @Flag(help: "First finish the logs of runners that were killed: cut off a line that is not whole, and say so.")
    var repair = false

    @Argument(help: ArgumentHelp("Ids of runs, or files.", valueName: "runs"), completion: .file())
    var runs: [String] = []

    func run() throws {
        let directory = RunDirectory()
        var logs = runs.map { RunID($0).map(directory.logPath(of:)) ?? Path($0) }
        if all { logs += directory.runs.map(directory.logPath(of:)) }
        if logs.isEmpty {
            guard let newest = directory.newest else {
                throw Failure(.input, "there is no run in \(directory.path.text)")
            }
            logs = [directory.logPath(of: newest)]
        }
        if repair { LogRepair.repairAll(in: directory) }
        var status = ExitStatus.success
        for log in logs { status = status.orWorse(check(log)) }
        throw ExitCode(status.code)
    }

    private func check(_ log: Path) -> ExitStatus {
        var reader = LogReader()
        var last: RunEvent?
        do {
            guard let file = Descriptor.open(log, O_RDONLY) else {
                throw Failure(.input, "\(log.text): \(Diagnostics.reason(errno))")
            }
            var chunk = [UInt8](repeating: 0, count: 1 << 18)
            while true {
                let count = chunk.withUnsafeMutableBytes { read(file.number, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw Failure(.input, "\(log.text): \(Diagnostics.reason(errno))") }
                if count == 0 { break }
                try reader.write(chunk.span.extracting(0..<count)) { event, _ in last = event }
            }
            let isLive = flock(file.number, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
            // A runner may be in the middle of a line.
            if !isLive { try reader.finish() }
            guard let last else { throw LogError(line: 1, EventLineError(.torn, "no event")) }
            var state = "not finished; run: pipemason verify --repair"
            if isLive { state = "still being written" }
            if case .runFinished(let ending) = last.body { state = ending.status.rawValue }
            try StandardOutput.print(
                "\(log.text): \(reader.lines) events, whole, \(state)\n  run \(last.run), last hash \(reader.chain.head)"
            )
            return .success
        } catch let failure as Failure {
            Diagnostics.say(failure.message)
            return failure.status
        } catch {
            Diagnostics.say("\(log.text): \(error)")
            return .found
        }
    }
}
