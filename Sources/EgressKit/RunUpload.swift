package import CommandSupport
internal import Glibc
internal import Gzip
internal import JSONText
internal import LinkProtocol
internal import RunFiles
internal import RunModel
internal import SealingKit

/// Sends one run's log to the server, from its spool, and keeps at it (docs/formats/egress.md, "Upload").
///
/// One batch is under way at a time; the next goes when the server has answered. Nothing is kept that could be lost: a
/// new start asks the server what it has. Memory: a batch and its compressed form, below 4 MiB.
package final class RunUpload {
    /// How it ended.
    package enum Outcome: Sendable, Equatable {
        /// The server has everything, and the run is over.
        case delivered
        /// There was no more time; the rest goes another time.
        case pending
        /// The server or the log does not allow to go on. The reason is for programs, the message for people.
        case stopped(reason: String, message: String)
    }

    /// What the runner is told while it goes on.
    package enum Notice: Sendable, Equatable {
        /// The server has all lines up to this one.
        case delivered(upTo: Int)
        /// Someone wants the run to end.
        case cancel
        /// The server does not answer; told once, until it does.
        case unreachable(String)
        /// The lines from this one on are to be scrubbed again, and `doneByte` or `notDoneByte` to be written to the watched
        /// descriptor: the server's rule finds a secret there.
        case scrubAgain(from: Int, rule: String)
        case warning(String)
    }

    package struct Settings: Sendable {
        /// The run's directory: `.pipeline/runs/<id>`.
        package var directory: String
        /// `.pipeline/egress.jsonl`
        package var ledger: String
        package var origin: Origin
        package var receiptKey: ReceiptKey?
        /// How long to go on after the run is over, in milliseconds.
        package var patience: Int

        package init(
            directory: String, ledger: String, origin: Origin, receiptKey: ReceiptKey?, patience: Int = 30_000
        ) {
            self.directory = directory
            self.ledger = ledger
            self.origin = origin
            self.receiptKey = receiptKey
            self.patience = patience
        }
    }

    /// Compression of batches: what is fast, since the log's own speed must not be lost.
    private static let compressionLevel = 1
    /// How long the server may keep a question for commands, in seconds.
    private static let commandWait = 30
    /// How often the log is looked at when nothing tells that it grew, in milliseconds.
    private static let look = 100

    private let settings: Settings
    private let link: LinkProcess
    private let ledger: EgressLedger
    private let notify: (Notice) -> Void
    private var spool: Spool
    private var backoff = Backoff()
    private var generator = SystemRandomNumberGenerator()
    private var flushInterval = ControlPlane.Progress.defaultFlushInterval
    private var maximumBytes = Spool.maximumBytes
    /// The watched descriptor, until it has ended: then the run is over.
    private var watched: Int32?
    /// When the run was seen to be over.
    private var overSince: Int?
    private var nextID: UInt32 = 0
    private var commandID: UInt32?
    private var nextCommandQuestion = 0
    private var isUnreachable = false
    private var hasCancelled = false
    private var rewrites = 0
    /// What the runner answered to `scrubAgain`.
    private var runnersAnswer: Bool?
    package static let doneByte = UInt8(ascii: "+")
    package static let notDoneByte = UInt8(ascii: "-")
    /// How often the server may find another secret before the upload stops.
    private static let maximumRewrites = 100
    private var artifacts: [Artifact] = []
    private var endsRun = false

    /// - Parameters:
    ///   - watching: a descriptor whose end means that the run is over; nil when it is.
    ///   - notify: told what the runner should know; called on the calling thread of `run`.
    /// - Throws: `Failure` when the log cannot be opened.
    package init(
        _ settings: Settings, link: LinkProcess, watching: Int32?, notify: @escaping (Notice) -> Void
    ) throws(Failure) {
        self.settings = settings
        self.link = link
        self.notify = notify
        watched = watching
        overSince = watching == nil ? Monotonic.milliseconds : nil
        ledger = EgressLedger(path: settings.ledger)
        try TailRewriter.recover(settings.directory)
        spool = try Spool(path: settings.directory + "/iterations.log")
    }

    /// Goes on until everything is delivered, time is up, or nothing more can be done.
    /// - Throws: `Failure` when the log is damaged, or the ledger cannot be written.
    package func run() throws(Failure) -> Outcome {
        var opening: Run?
        while opening == nil {
            opening = try spool.opening()
            if opening == nil, !rest(Self.look) { return .pending }
        }
        guard let run = opening else { return .pending }
        if let outcome = try begin(run) { return outcome }
        while true {
            if let batch = try spool.next(maximumBytes: maximumBytes) {
                if let outcome = try deliver(batch, of: run) { return outcome }
                // Behind a whole batch there is more to send now.
                if batch.isFull { continue }
            }
            if let outcome = try deliverArtifacts(of: run) { return outcome }
            if endsRun, artifacts.isEmpty {
                noteDelivery()
                return .delivered
            }
            // The run is over and its log has no end: the runner was killed, and the next one repairs the log.
            if overSince != nil, !endsRun, try spool.isExhausted() { return .pending }
            askForCommands(run.id)
            // Lines are gathered for as long as the server wants, unless the run is over.
            guard rest(overSince == nil ? min(flushInterval, Self.look * 50) : Self.look) else { return .pending }
        }
    }

    // MARK: Opening

    /// What the server shows of a run: its command in one line, of the length that the server takes. A script in an argument has
    /// several lines, and the server refuses control characters.
    package static func title(of command: [String]) -> String {
        var title: [UInt8] = []
        for scalar in command.joined(separator: " ").unicodeScalars {
            let isControl = scalar.value < 0x20 || scalar.value == 0x7F
            let bytes = isControl ? [UInt8(ascii: " ")] : Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            guard title.count + bytes.count <= maximumTitle else { break }
            title += bytes
        }
        return title.contains { $0 != UInt8(ascii: " ") } ? String(decoding: title, as: UTF8.self) : "run"
    }

    /// Bytes of a title; the server takes 512.
    package static let maximumTitle = 200

    /// Tells the server of the run and stands where it wants to go on.
    private func begin(_ run: Run) throws(Failure) -> Outcome? {
        let title = Self.title(of: run.command)
        let (request, body) = ControlPlane.openRun(
            run.id, title: title, branch: run.branch, rules: spool.rules,
            started: run.startedAt)
        while true {
            let answer = try exchange(
                request, body,
                .metadata(request, body, host: settings.origin.authority, run: run.id))
            switch try judge(answer) {
            case .success(let body):
                guard let progress = try? ControlPlane.progress(body) else { return badAnswer }
                take(progress)
                return try stand(at: progress.nextSequence, head: progress.head)
            case .again(let delay):
                guard rest(delay) else { return .pending }
            case .refused(let status, let problem):
                return stopped(status, problem)
            }
        }
    }

    /// Goes to line `sequence` of the log, if the line before has that hash.
    private func stand(at sequence: Int, head: ChainHash) throws(Failure) -> Outcome? {
        while try !spool.skip(to: sequence) {
            // The server has more than the log: it may still be coming, or the log was replaced.
            guard overSince == nil, rest(Self.look) else {
                return .stopped(
                    reason: "chain-fork", message: "the server has line \(sequence - 1), which this log does not have")
            }
        }
        guard spool.head == head else {
            return .stopped(
                reason: "chain-fork",
                message: "the server has another line \(sequence - 1) than this log: one of the two was changed")
        }
        endsRun = spool.run?.finishedAt != nil
        artifacts = spool.run?.artifacts ?? []
        return nil
    }

    // MARK: Batches

    private func deliver(_ batch: Spool.Batch, of run: Run) throws(Failure) -> Outcome? {
        let compressed: [UInt8]
        do { compressed = try Gzip.deflate(batch.lines, level: Self.compressionLevel) } catch {
            throw Failure(.internal, "gzip: \(error)")
        }
        let request = ControlPlane.events(
            run.id, first: batch.sequences.lowerBound, body: compressed, isCompressed: true)
        while true {
            let answer = try exchange(
                request, compressed,
                EgressLedger.Entry(
                    time: .now, category: .logs, method: request.method, host: settings.origin.authority,
                    path: request.path, bytes: compressed.count, digest: ChainHash(of: compressed.span), run: run.id,
                    sequences: batch.sequences))
            switch try judge(answer) {
            case .success(let body):
                guard let progress = try? ControlPlane.progress(body) else { return badAnswer }
                take(progress)
                keepReceipt(progress, batch, run.id)
                artifacts += batch.artifacts
                if batch.endsRun { endsRun = true }
                guard progress.nextSequence == batch.sequences.upperBound + 1, progress.head == batch.head else {
                    return try stand(at: progress.nextSequence, head: progress.head)
                }
                notify(.delivered(upTo: batch.sequences.upperBound))
                return nil
            case .again(let delay):
                guard rest(delay) else { return .pending }
            case .refused(let status, let problem):
                switch (status, problem.code) {
                case (409, "sequence-gap"):
                    guard let next = problem.nextSequence, let head = problem.head else { return badAnswer }
                    return try stand(at: next, head: head)
                case (413, _) where batch.sequences.count > 1:
                    // Half as much, from the same line on.
                    maximumBytes = max(1, batch.lines.count / 2)
                    guard try spool.skip(to: batch.sequences.lowerBound) else { return badAnswer }
                    return nil
                case (422, "unscrubbed-content"):
                    guard let sequence = problem.sequence, sequence >= batch.sequences.lowerBound,
                        rewrites < Self.maximumRewrites
                    else { return stopped(status, problem) }
                    rewrites += 1
                    return try scrubAgain(from: sequence, rule: problem.rule, next: batch.sequences.lowerBound)
                default: return stopped(status, problem)
                }
            }
        }
    }

    /// Has the lines scrubbed again that the server has not taken: by the runner while the run goes on, here when it is over.
    private func scrubAgain(from sequence: Int, rule: String?, next: Int) throws(Failure) -> Outcome? {
        let isName = rule.map {
            $0.utf8.count <= 128 && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x5D }
        }
        let rule = isName == true ? rule ?? "" : "server"
        let place = "the server's rule \(rule) finds a secret in line \(sequence)"
        if overSince == nil {
            // The log has a writer, which alone may change it.
            runnersAnswer = nil
            notify(.scrubAgain(from: sequence, rule: rule))
            while overSince == nil, runnersAnswer == nil { guard rest(1000) else { return .pending } }
            let isDone = runnersAnswer == true
            runnersAnswer = nil
            if isDone {
                notify(.warning("\(place); what had not been sent was scrubbed again"))
                return try goBack(to: next)
            }
            if overSince == nil {
                notify(.warning("\(place); the rest is scrubbed again and sent when the run is over"))
            }
        }
        while overSince == nil { guard rest(1000) else { return .pending } }
        while try !TailRewriter.rewrite(settings.directory, from: sequence, rule: rule) {
            guard rest(Self.look) else { return .pending }
        }
        notify(.warning("\(place); it was scrubbed again"))
        return try goBack(to: next)
    }

    /// Reads the log anew and stands at line `sequence`.
    private func goBack(to sequence: Int) throws(Failure) -> Outcome? {
        spool.rewind()
        guard try spool.skip(to: sequence) else { return badAnswer }
        return nil
    }

    private func keepReceipt(_ progress: ControlPlane.Progress, _ batch: Spool.Batch, _ run: RunID) {
        guard let value = progress.receipt else { return }
        guard let key = settings.receiptKey, let receipt = try? Receipt(value),
            receipt.isValid(by: key, run: run, head: { $0 == batch.sequences.upperBound ? batch.head : nil })
        else {
            notify(.warning("the server's receipt for line \(batch.sequences.upperBound) does not verify"))
            return
        }
        append(value.text + "\n", to: Receipt.fileName)
    }

    /// Whether `lines` make the body that `entry` notes: compressing them again gives the same bytes.
    package static func isBody(_ lines: [UInt8], of entry: EgressLedger.Entry) -> Bool {
        guard let compressed = try? Gzip.deflate(lines, level: compressionLevel) else { return false }
        return compressed.count == entry.bytes && ChainHash(of: compressed.span) == entry.digest
    }

    // MARK: Artifacts

    /// Sends the images that were offered and have not been sent.
    private func deliverArtifacts(of run: Run) throws(Failure) -> Outcome? {
        while let artifact = artifacts.first {
            let place = settings.directory + "/" + ArtifactShelf.directoryName + "/\(artifact.digest)"
            guard access(place + ArtifactShelf.sentSuffix, F_OK) != 0,
                let content = ArtifactShelf.load(artifact, from: settings.directory)
            else {
                artifacts.removeFirst()
                continue
            }
            let request = ControlPlane.artifact(run.id, artifact)
            let answer = try exchange(
                request, content,
                EgressLedger.Entry(
                    time: .now, category: .artifact, method: request.method, host: settings.origin.authority,
                    path: request.path, bytes: content.count, digest: artifact.digest, run: run.id))
            switch try judge(answer) {
            case .success:
                append("", to: ArtifactShelf.directoryName + "/\(artifact.digest)" + ArtifactShelf.sentSuffix)
                artifacts.removeFirst()
            case .again(let delay):
                guard rest(delay) else { return .pending }
            case .refused(let status, let problem):
                // A refused picture is no reason to keep the log back; a refused token is.
                if status == 401 { return stopped(status, problem) }
                notify(.warning("the server does not take \(artifact.name): \(problem.title) (\(status))"))
                artifacts.removeFirst()
            }
        }
        return nil
    }

    // MARK: Requests

    private enum Verdict {
        case success([UInt8])
        /// Try again after so many milliseconds.
        case again(Int)
        case refused(Int, ControlPlane.Problem)
    }

    private typealias Answer = Result<(LinkResponse, [UInt8]), LinkFailure>

    /// Notes a request, sends it, and waits for its answer.
    private func exchange(
        _ request: LinkRequest, _ body: [UInt8], _ entry: EgressLedger.Entry
    ) throws(Failure) -> Answer {
        try ledger.record(entry)
        nextID += 1
        let id = nextID
        link.send(request, id: id, body: body)
        let deadline = Monotonic.milliseconds + request.timeout + 5000
        while true {
            switch link.wait(milliseconds: max(0, deadline - Monotonic.milliseconds), watching: watched) {
            case .answer(id, let response, let body): return .success((response, body))
            case .failure(id, let failure): return .failure(failure)
            case .answer(let other, let response, let body): takeCommands(other, response, body)
            case .failure(let other, _): if other == commandID { commandFailed() }
            case .watched: readWatched()
            case .timeout: return .failure(LinkFailure(.timeout))
            case .ended: throw Failure(.input, "\(LinkProcess.programName) ended unexpectedly")
            }
        }
    }

    private func judge(_ answer: Answer) throws(Failure) -> Verdict {
        switch answer {
        case .failure(let failure):
            if failure.kind == .request {
                throw Failure(.internal, "a request that \(LinkProcess.programName) refuses")
            }
            tellUnreachable(failure.kind.sentence)
            return .again(backoff.next(retryAfter: nil, using: &generator))
        case .success((let response, let body)):
            switch response.status {
            case 200..<300:
                backoff.reset()
                isUnreachable = false
                return .success(body)
            case 408, 429, 500...599:
                if response.status != 429 { tellUnreachable("status \(response.status)") }
                let now = Timestamp.now.microseconds / 1_000_000
                let retryAfter = Backoff.retryAfter(response["retry-after"], now: now)
                return .again(backoff.next(retryAfter: retryAfter, using: &generator))
            default: return .refused(response.status, ControlPlane.problem(body))
            }
        }
    }

    private func take(_ progress: ControlPlane.Progress) {
        flushInterval = progress.flushInterval
        take(progress.commands)
    }

    private func take(_ commands: [ControlPlane.Command]) {
        guard commands.contains(.cancel), !hasCancelled else { return }
        hasCancelled = true
        notify(.cancel)
    }

    // MARK: Commands

    /// Keeps a question at the server while the run goes on, so that a cancel arrives at once.
    private func askForCommands(_ run: RunID) {
        guard overSince == nil, !hasCancelled, commandID == nil, Monotonic.milliseconds >= nextCommandQuestion else {
            return
        }
        nextID += 1
        commandID = nextID
        let request = ControlPlane.commands(run, seconds: Self.commandWait)
        let entry = EgressLedger.Entry.metadata(request, [], host: settings.origin.authority, run: run)
        guard (try? ledger.record(entry)) != nil else { return }
        link.send(request, id: nextID)
    }

    private func takeCommands(_ id: UInt32, _ response: LinkResponse, _ body: [UInt8]) {
        guard id == commandID else { return }
        commandID = nil
        guard response.status == 200 else { return commandFailed() }
        take(ControlPlane.commands(body))
        // A server that answers at once is not asked at once.
        nextCommandQuestion = Monotonic.milliseconds + flushInterval
    }

    private func commandFailed() {
        commandID = nil
        nextCommandQuestion = Monotonic.milliseconds + 1000 * Self.commandWait
    }

    // MARK: Time

    /// Lets time pass; ends early when the run is over. Returns false when patience is at its end.
    private func rest(_ milliseconds: Int) -> Bool {
        let end = Monotonic.milliseconds + milliseconds
        while true {
            let now = Monotonic.milliseconds
            if let overSince, now - overSince >= settings.patience { return false }
            let limit = overSince.map { min(end, $0 + settings.patience) } ?? end
            guard now < limit else { return now < end ? false : true }
            switch link.wait(milliseconds: limit - now, watching: watched) {
            case .answer(let id, let response, let body): takeCommands(id, response, body)
            case .failure(let id, _): if id == commandID { commandFailed() }
            case .watched:
                readWatched()
                // The last lines go without delay, and so does what was waited for.
                if overSince != nil || runnersAnswer != nil { return true }
            case .ended: return false
            case .timeout: continue
            }
        }
    }

    private func readWatched() {
        guard let descriptor = watched else { return }
        var chunk = [UInt8](repeating: 0, count: 512)
        let count = read(descriptor, &chunk, chunk.count)
        if count > 0 { runnersAnswer = chunk[count - 1] == Self.doneByte }
        if count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN) {
            watched = nil
            overSince = Monotonic.milliseconds
        }
    }

    private func tellUnreachable(_ why: String) {
        guard !isUnreachable else { return }
        isUnreachable = true
        notify(.unreachable(why))
    }

    // MARK: Ends

    private var badAnswer: Outcome {
        .stopped(reason: "bad-answer", message: "the server's answer cannot be understood")
    }

    private func stopped(_ status: Int, _ problem: ControlPlane.Problem) -> Outcome {
        switch (status, problem.code) {
        case (401, _):
            .stopped(
                reason: "token-refused",
                message:
                    "the server no longer takes this machine's token: it was revoked or has expired; run pipemason login"
            )
        case (422, "unscrubbed-content"):
            .stopped(
                reason: "unscrubbed-content",
                message:
                    "the server's rules find a secret (\(problem.rule ?? "no rule named")) in line \(problem.sequence ?? 0)"
            )
        case (409, "chain-fork"):
            .stopped(reason: "chain-fork", message: "the server has other lines than this log")
        default:
            .stopped(
                reason: problem.code.isEmpty ? "status-\(status)" : problem.code,
                message: "the server refuses: \(problem.title.isEmpty ? "status" : problem.title) (\(status))")
        }
    }

    private func noteDelivery() { append("", to: Self.deliveredName) }

    /// The file that says that all of a run is at the server.
    package static let deliveredName = "delivered"

    private func append(_ text: String, to name: String) {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW
        let file = Glibc.open(settings.directory + "/" + name, flags, 0o600)
        guard file >= 0 else { return }
        let descriptor = Descriptor(file)
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { write(descriptor.number, $0.baseAddress, $0.count) }
    }
}
