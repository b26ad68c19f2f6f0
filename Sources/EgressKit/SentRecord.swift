package import CommandSupport
internal import Glibc
internal import RunFiles
package import RunModel
internal import TextEncodings

/// Holds what is said to have left of a run against its log: the server's receipts, and the ledger's lines
/// (docs/formats/egress.md, "Verifying").
package struct SentRecord {
    /// The run's directory: `.pipeline/runs/<id>`.
    private let directory: Path
    /// `.pipeline/egress.jsonl`
    private let ledger: Path
    /// The server's receipts, with their lines in the file.
    private var receipts: [(line: Int, receipt: Receipt)] = []

    /// What was found to be right.
    package struct Summary: Sendable, Equatable {
        /// Receipts whose signature holds.
        package var receipts = 0
        /// Receipts of keys that are not known here; only when none is.
        package var unknown = 0
        /// The server has signed that it has the lines up to this one.
        package var upTo = 0
        /// The requests that the ledger notes about the run.
        package var requests = 0
        /// How often the server refused a line, which was then scrubbed again.
        package var rewrites = 0
    }

    /// Reads the receipts of the run in `directory`.
    ///
    /// - Throws: `Failure` with `.found` and the line that is none, or when the file cannot be read.
    package init(of directory: Path, ledger: Path) throws(Failure) {
        self.directory = directory
        self.ledger = ledger
        let path = receiptsPath
        guard let file = Descriptor.open(path, O_RDONLY | O_NOFOLLOW) else {
            guard errno == ENOENT else { throw Self.failure(path, errno) }
            return
        }
        var found: [(line: Int, receipt: Receipt)] = []
        var number = 0
        try file.forEachLine(path, limit: Receipt.maximumLine) { line throws(Failure) in
            number += 1
            do { found.append((number, try Receipt(parsing: line.span))) } catch {
                throw Failure(.found, "\(path.text): line \(number): \(error)")
            }
        }
        receipts = found
    }

    /// The lines of the log whose hashes are needed to check the receipts.
    package var sequences: Set<Int> { Set(receipts.map(\.receipt.sequence)) }

    /// Checks everything that there is about a run whose log is good.
    ///
    /// - Parameters:
    ///   - heads: The hashes of `sequences` in the log, as far as it has them.
    ///   - keys: The keys that receipts may be signed with; nil: none are known here, and signatures are not checked.
    /// - Throws: `Failure` with `.found`, the file and the first line that is not right; another one when something cannot be read.
    /// - Complexity: linear in log and ledger; again in the log for each request that was made a second time.
    package func check(_ run: RunID, heads: [Int: ChainHash], keys: [ReceiptKey]?) throws(Failure) -> Summary {
        guard directory.split.name == Array(run.description.utf8) else {
            throw Failure(.found, "\(directory.text): holds the log of another run, \(run)")
        }
        var summary = Summary()
        for (line, receipt) in receipts {
            let place = "\(receiptsPath.text): line \(line): "
            guard receipt.run == run.description else { throw Failure(.found, place + "is about another run") }
            guard let head = heads[receipt.sequence] else {
                throw Failure(.found, place + "the server has line \(receipt.sequence), which the log does not have")
            }
            guard head == receipt.head else {
                throw Failure(.found, place + "the server has another line \(receipt.sequence) than the log")
            }
            summary.upTo = max(summary.upTo, receipt.sequence)
            guard let keys else {
                summary.unknown += 1
                continue
            }
            guard let key = keys.first(where: { $0.id == receipt.key }) else {
                throw Failure(.found, place + "is signed with the key \(receipt.key), which is not pinned here")
            }
            guard receipt.isValid(by: key, run: run, head: { _ in head }) else {
                throw Failure(.found, place + "the signature does not verify")
            }
            summary.receipts += 1
        }
        let notes = try RewriteNote.all(in: directory)
        summary.rewrites = notes.count
        let entries = try entries(of: run)
        summary.requests = entries.count
        try check(entries, of: run, notes)
        let noted = entries.compactMap { $0.entry.sequences?.upperBound }.max() ?? 0
        guard noted >= summary.upTo else {
            throw Failure(
                .found,
                "\(ledger.text): the server has the lines up to \(summary.upTo), and only those up to \(noted) are noted"
            )
        }
        return summary
    }

    private typealias Numbered = (line: Int, entry: EgressLedger.Entry)

    /// The ledger's lines about a run. Every line is read, whatever it is about.
    private func entries(of run: RunID) throws(Failure) -> [Numbered] {
        guard let file = Descriptor.open(ledger, O_RDONLY | O_NOFOLLOW) else {
            guard errno == ENOENT else { throw Self.failure(ledger, errno) }
            return []
        }
        var found: [Numbered] = []
        var number = 0
        try file.forEachLine(ledger, limit: EgressLedger.maximumLine) { line throws(Failure) in
            number += 1
            do throws(EgressError) {
                let entry = try EgressLedger.parse(line.span)
                if entry.run == run { found.append((number, entry)) }
            } catch { throw Failure(.found, "\(ledger.text): line \(number): \(error)") }
        }
        return found
    }

    /// Throws for the first entry that does not fit what is here.
    private func check(_ entries: [Numbered], of run: RunID, _ notes: [RewriteNote]) throws(Failure) {
        var bad: (line: Int, reason: String)?
        func complain(_ line: Int, _ reason: String) { if bad.map({ line < $0.line }) ?? true { bad = (line, reason) } }
        for (line, entry) in entries {
            if let reason = Self.reason(entry, run) { complain(line, reason) }
            if entry.category == .artifact, !hasImage(entry) {
                complain(line, "the image is not in the run's directory as it was sent")
            }
        }
        // In the order of the log, so that it is read once.
        var spool = try Spool(path: directory.appending(Array(RunDirectory.logName.utf8)).text)
        let logs = entries.filter { $0.entry.category == .logs && $0.entry.sequences != nil }
            .sorted { ($0.entry.sequences!.lowerBound, $0.line) < ($1.entry.sequences!.lowerBound, $1.line) }
        for (line, entry) in logs {
            let sequences = entry.sequences!
            let lines = "lines \(sequences.lowerBound)-\(sequences.upperBound)"
            let isRefused = notes.contains { sequences.contains($0.from) && $0.time >= entry.time }
            if isRefused { continue }
            guard try spool.skip(to: sequences.lowerBound),
                let batch = try spool.next(maximumLines: sequences.count, maximumBytes: .max),
                batch.sequences == sequences
            else {
                complain(line, "\(lines) were sent, and the log does not have them")
                continue
            }
            if !RunUpload.isBody(batch.lines, of: entry) {
                complain(line, "\(lines) are not in the log as they were sent")
            }
        }
        if let bad { throw Failure(.found, "\(ledger.text): line \(bad.line): \(bad.reason)") }
    }

    /// What is wrong with an entry by itself.
    private static func reason(_ entry: EgressLedger.Entry, _ run: RunID) -> String? {
        let path = "/api/v1/runs/\(run)"
        guard entry.path == path || entry.path.hasPrefix(path + "/") else { return "path: is about another run" }
        switch entry.category {
        case .logs:
            guard entry.path == path + "/events", entry.sequences != nil else { return "are no lines of a log" }
        case .artifact:
            guard entry.path.hasPrefix(path + "/artifacts/\(entry.digest)?") else {
                return "path: is about another image"
            }
        case .metadata:
            guard let body = entry.body, body.utf8.count == entry.bytes,
                ChainHash(of: Array(body.utf8).span) == entry.digest
            else { return "body: is not what was sent" }
        case .account: return "category: an account has no run"
        }
        return nil
    }

    private func hasImage(_ entry: EgressLedger.Entry) -> Bool {
        let path = Path(directory.text + "/" + ArtifactShelf.directoryName + "/\(entry.digest)")
        guard let file = Descriptor.open(path, O_RDONLY | O_NOFOLLOW),
            let bytes = file.readAll(limit: ArtifactShelf.maximumSize)
        else { return false }
        return bytes.count == entry.bytes && ChainHash(of: bytes.span) == entry.digest
    }

    private var receiptsPath: Path { directory.appending(Array(Receipt.fileName.utf8)) }

    private static func failure(_ path: Path, _ number: Int32) -> Failure {
        Failure(.input, "\(path.text): \(Diagnostics.reason(number))")
    }
}
