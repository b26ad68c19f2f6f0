internal import ArgumentParser
internal import CommandSupport
internal import EgressKit
internal import Glibc
internal import RunFiles
internal import RunModel
internal import RunnerKit
internal import SealingKit

/// `pipemason verify`: holds logs against their chain, and what was sent of them against the logs.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check that a run's log is whole and unchanged, and what was sent of it.",
        discussion: """
            Every line is numbered and carries the hash of the one before. Of runs that were sent to a server, its receipts are \
            held against the log and the key that was pinned at login, and each request that .pipeline/egress.jsonl notes \
            against what the log has. Without RUNS, the newest run. The first bad line is named.

            Exit status: 0 everything is good, 1 something is not, 2 wrong usage, 3 something could not be read.
            """)

    @Flag(help: "All runs of the working directory.")
    var all = false

    @Flag(help: "First finish the logs of runners that were killed: cut off a line that is not whole, and say so.")
    var repair = false

    @Option(
        help: ArgumentHelp(
            "A server's key for receipts, beside those pinned at login: its id, a colon, 64 hexadecimal digits.",
            valueName: "key"))
    var receiptKey: [String] = []

    @Argument(
        help: ArgumentHelp(
            "Ids of runs, their beginnings or ends, their directories, or files.", valueName: "runs"),
        completion: .file())
    var runs: [String] = []

    func run() throws {
        let keys = try self.keys()
        var logs: [Path] = []
        for run in runs { logs.append(try RunDirectory.findLog(run)) }
        if all || logs.isEmpty || repair {
            let directory = try RunDirectory.nearest()
            if repair { LogRepair.repairAll(in: directory) }
            if all { logs += try directory.runs().map(directory.logPath(of:)) }
            if logs.isEmpty, !all { logs = [try RunDirectory.findLog(nil)] }
        }
        var status = ExitStatus.success
        for log in logs { status = status.orWorse(check(log, keys)) }
        throw ExitCode(status.code)
    }

    /// What receipts may be signed with; nil: this machine knows of no server.
    private func keys() throws(Failure) -> [ReceiptKey]? {
        var keys: [ReceiptKey] = []
        for text in receiptKey {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, let key = ReceiptKey(id: parts[0], hex: parts[1]) else {
                throw Failure(.usage, "--receipt-key takes an id, a colon and 64 hexadecimal digits")
            }
            keys.append(key)
        }
        guard Uplink.isPaired, let directory = Credentials.defaultDirectory else {
            return keys.isEmpty ? nil : keys
        }
        do {
            keys += try Credentials.load(from: directory).entries.compactMap { ReceiptKey(text: $0.receiptKey) }
        } catch { throw Failure(.input, "\(error)") }
        return keys
    }

    private func check(_ log: Path, _ keys: [ReceiptKey]?) -> ExitStatus {
        do throws(Failure) {
            // A log that goes on may be scrubbed again while it is read.
            var checked: Checked
            do throws(Failure) { checked = try Checked(log, keys) } catch {
                guard error.status == .found, Checked.isLive(log) else { throw error }
                usleep(300_000)
                checked = try Checked(log, keys)
            }
            // A process that was being started when the runner was killed holds the lock a little longer than it lived.
            if repair, checked.isAbandoned, let directory = try? RunDirectory.nearest() {
                LogRepair.repairAll(in: directory)
                checked = try Checked(log, keys)
            }
            try print(checked)
            return .success
        } catch {
            Diagnostics.say(error.message)
            return error.status
        }
    }

    private func print(_ checked: Checked) throws(Failure) {
        var text = "\(checked.path.text): \(checked.lines) events, whole, \(checked.state)\n"
        text += "  run \(checked.run), last hash \(checked.head)"
        if let sent = checked.sent {
            var words: [String] = []
            if sent.receipts > 0 {
                words.append("\(sent.receipts) receipts: the server has the lines up to \(sent.upTo)")
            }
            if sent.unknown > 0 {
                words.append("\(sent.unknown) receipts that fit; no server's key is pinned here:")
                words.append("  their signatures are not checked")
            }
            if sent.requests > 0 { words.append("\(sent.requests) requests, as they are noted") }
            if sent.rewrites > 0 {
                words.append("scrubbed again \(sent.rewrites) times, because the server refused a line")
            }
            text += words.map { "\n  " + $0 }.joined()
        }
        try StandardOutput.print(text)
    }
}

/// A log that is good, and what belongs to it.
private struct Checked {
    let path: Path
    let lines: Int
    let head: ChainHash
    let run: RunID
    let state: String
    /// Whether it has no end, and nobody who would write one.
    let isAbandoned: Bool
    let sent: SentRecord.Summary?

    /// - Throws: `Failure` with `.found` and the first line that is not good, or `.input`.
    init(_ log: Path, _ keys: [ReceiptKey]?) throws(Failure) {
        path = log
        guard let file = Descriptor.open(log, O_RDONLY) else { throw Self.failure(log) }
        let record = try Self.record(log)
        var wanted = record?.sequences ?? []
        var heads: [Int: ChainHash] = [:]
        var reader = LogReader()
        var last: RunEvent?
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(file.number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure(log) }
            if count == 0 { break }
            do throws(LogError) {
                try reader.write(chunk.span.extracting(0..<count)) { (event, line) throws(LogError) in
                    last = event
                    if wanted.remove(event.sequence) != nil { heads[event.sequence] = ChainHash(lineEnd: line) }
                }
            } catch { throw Failure(.found, "\(log.text): \(error)") }
        }
        let isLive = file.isLockedElsewhere
        // A runner may be in the middle of a line.
        if !isLive {
            do throws(LogError) { try reader.finish() } catch { throw Failure(.found, "\(log.text): \(error)") }
        }
        guard let last else { throw Failure(.found, "\(log.text): line 1: torn: no event") }
        lines = reader.lines
        head = reader.chain.head
        run = last.run
        if case .runFinished(let ending) = last.body {
            state = ending.status.rawValue
            isAbandoned = false
        } else {
            isAbandoned = !isLive
            state = isLive ? "still being written" : "not finished; run: pipemason verify --repair"
        }
        sent = try record?.check(last.run, heads: heads, keys: keys)
    }

    /// What belongs to a log that lies in a run's directory; nil for one that lies elsewhere.
    private static func record(_ log: Path) throws(Failure) -> SentRecord? {
        let directory = log.split.directory
        let outer = directory.split.directory
        guard log.split.name == Array(RunDirectory.logName.utf8),
            RunID(String(decoding: directory.split.name, as: UTF8.self)) != nil,
            outer.split.name == Array("runs".utf8)
        else { return nil }
        return try SentRecord(
            of: directory, ledger: outer.split.directory.appending(Array(EgressLedger.fileName.utf8)))
    }

    static func isLive(_ log: Path) -> Bool {
        Descriptor.open(log, O_RDONLY)?.isLockedElsewhere ?? false
    }

    private static func failure(_ path: Path) -> Failure {
        Failure(.input, "\(path.text): \(Diagnostics.reason(errno))")
    }
}
