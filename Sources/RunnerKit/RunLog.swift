package import CommandSupport
internal import Glibc
package import RedactionKit
package import RunFiles
package import RunModel

/// The log of one run, open: the only writer of its events.
///
/// Whatever is appended is scrubbed, numbered, chained and written. Output comes as frames of a scrubbing process; every
/// other text is scrubbed here, word by word, and the finished line is looked at once more: a line in which the rules
/// still find something is not written as it is.
///
/// A log that cannot be written does not stop the run. What is missing is counted, the person is told once, and as soon
/// as lines can be written again the first one says what was lost.
package final class RunLog {
    package let run: RunID
    package let directory: RunDirectory
    /// What other threads ask of this log.
    package let requests: LogRequests
    private let file: LogFile
    private let redactor: Redactor
    private let rules: ChainHash
    /// CLOCK_MONOTONIC in microseconds when the run began.
    private let start: Int

    private var head = ChainHash.zero
    private var nextSequence = 1
    /// The clock of the last event; no event is earlier than the one before.
    private var monotonic = 0
    /// Lines that have not been written.
    private var batch = ScrubbedBytes()
    /// Where the chain stood, and the number, before the first line of `batch`.
    private var batchStart: (head: ChainHash, sequence: Int) = (.zero, 1)
    private var batchOutput = 0
    private var gathered = GatheredOutput()
    private var composer: OutputLineComposer
    private var lost: Loss?
    private var isFinished = false

    /// Lines are written together when they have so many bytes, or when there is nothing else to do.
    private static let batchSize = 256 << 10

    private struct Loss {
        var reason: LogLost.Reason
        var events: Int
        var bytes: Int
        /// When to try again, CLOCK_MONOTONIC in microseconds.
        var retry: Int
    }

    /// Microseconds between two attempts to write a log that could not be written.
    private static let retryInterval = 1_000_000

    /// Begins a run: repairs what killed runners left, makes the directories, the file and its first event.
    ///
    /// - Parameters:
    ///   - redactor: What scrubs words, names and messages.
    ///   - rules: The digest of its rules.
    ///   - started: Makes the first event, when everything else is done.
    package init(
        in directory: RunDirectory, redactor: Redactor, rules: ChainHash, policy: LogFile.SyncPolicy,
        acknowledgements: Int32? = nil, started: () throws(Failure) -> RunStarted
    ) throws(Failure) {
        try directory.create()
        LogRepair.repairAll(in: directory)
        let now = Self.now
        start = MonotonicClock.microseconds
        run = RunID.make(at: now)
        self.directory = directory
        self.redactor = redactor
        self.rules = rules
        requests = try LogRequests()
        try directory.markUnfinished(run)
        let first: RunStarted
        do throws(Failure) {
            try directory.makeDirectory(of: run)
            file = try LogFile(
                directory.logPath(of: run), isNew: true, policy: policy, acknowledgements: acknowledgements)
            first = try started()
        } catch {
            directory.removeEmpty(run)
            throw error
        }
        composer = OutputLineComposer(run: run, rules: rules)
        directory.nameLatest(run)
        append(.runStarted(first))
        writeBatch()
    }

    /// Appends an event that is no output.
    ///
    /// - Parameter time: When it happened, CLOCK_MONOTONIC in microseconds; nil: now.
    package func append(_ body: RunEvent.Body, phase: String? = nil, iteration: Int? = nil, time: Int? = nil) {
        flushOutput()
        for tail in gathered.takeTails() { write(tail) }
        let offset = (time ?? MonotonicClock.microseconds) - start
        for body in scrubbed(body) {
            add(body.body, phase: phase, iteration: iteration, offset: offset, hits: body.hits)
        }
        if batch.count >= Self.batchSize { writeBatch() }
    }

    /// Appends what a command wrote. Small pieces that follow each other within `GatheredOutput.window` share an event.
    package func append(_ frame: ScrubbedFrame, _ stream: CommandOutput.Stream, phase: String?, iteration: Int?) {
        if !gathered.accepts(frame, stream, phase: phase, iteration: iteration) { flushOutput() }
        gathered.add(frame, stream, phase: phase, iteration: iteration)
        if gathered.isFull { flushOutput() }
    }

    /// Writes what is due; to be called when there is nothing else to do. Returns the milliseconds until it wants to be
    /// called again, or nil.
    package func idle() -> Int? {
        serveRequests()
        let now = MonotonicClock.microseconds
        if let due = gathered.due, due <= now { flushOutput() }
        writeBatch()
        return gathered.due.map { max(1, ($0 - now + 999) / 1000) }
    }

    /// Ends the run: its last event, durable.
    package func finish(_ ending: Ending) {
        guard !isFinished else { return }
        serveRequests()
        isFinished = true
        flushOutput()
        for tail in gathered.takeTails() { write(tail) }
        // What waits is among what is lost if anything is; the end shall not be.
        if lost != nil { writeBatch(isLast: true) }
        append(.runFinished(ending))
        writeBatch(isLast: true)
        let number = file.finish()
        if number != 0 {
            Diagnostics.warn("\(file.path.text): not certainly on disk: \(Diagnostics.reason(number))")
        }
        guard lost == nil else { return }
        directory.markFinished(run)
    }

    private func serveRequests() {
        for request in requests.take() { request.answer(scrubAgain(from: request.sequence, rule: request.rule)) }
    }

    /// Scrubs the lines again from `sequence` on: a server refused that one by its rule `rule`. What stands before stays as it
    /// is. Returns false when the log is as it was.
    private func scrubAgain(from sequence: Int, rule: String) -> Bool {
        flushOutput()
        writeBatch()
        guard batch.isEmpty, lost == nil, (1..<nextSequence).contains(sequence) else { return false }
        let place = directory.directory(of: run).text
        do throws(Failure) {
            head = try file.rewriteTail { (log) throws(Failure) in
                let result = try TailRewriter.rewrite(log, in: place, from: sequence, rule: rule, redactor)
                return (result.head, size: result.size)
            }
            return true
        } catch {
            Diagnostics.warn(error.message)
            return false
        }
    }

    // MARK: Scrubbing

    private struct Scrubbed {
        var body: RunEvent.Body
        var hits: [String: Int]
    }

    /// The event with its texts scrubbed. Words of a command are looked at as a line, since one word may say that the next
    /// is secret; if there is a secret in it, the line stands for the words.
    private func scrubbed(_ body: RunEvent.Body) -> [Scrubbed] {
        var counter = CountingSink()
        func scrub(_ text: String) -> String {
            counter.text = []
            var stream = redactor.makeStream()
            Array(text.utf8).withUnsafeBytes { stream.write($0, to: &counter) }
            stream.finish(to: &counter)
            return String(decoding: counter.text, as: UTF8.self)
        }
        func line(_ words: [String]) -> [String] {
            let text = words.joined(separator: " ")
            let result = scrub(text)
            return (result == text ? words : [result]).prefix(EventLimits.words).map { Self.limited($0) }
        }
        var body = body
        switch body {
        case .runStarted(var data):
            data.command = line(data.command)
            data.branch = data.branch.map { Self.limited(scrub($0)) }
            body = .runStarted(data)
        case .commandStarted(var data):
            data.command = line(data.command)
            body = .commandStarted(data)
        default: body = body.mappingText(scrub)
        }
        return [Scrubbed(body: body, hits: counter.hits)]
    }

    private static func limited(_ text: String) -> String {
        text.utf8.count <= EventLimits.text
            ? text : String(decoding: text.utf8.prefix(EventLimits.text - 3), as: UTF8.self).filter { $0 != "\u{FFFD}" }
    }

    private struct CountingSink: RedactionSink {
        var text: [UInt8] = []
        var hits: [String: Int] = [:]
        mutating func write(_ bytes: UnsafeRawBufferPointer) { text.append(contentsOf: bytes) }
        mutating func redacted(_ finding: Finding) {
            let rule = String(decoding: finding.ruleID.utf8.prefix(EventLimits.ruleID), as: UTF8.self)
            if hits[rule] != nil || hits.count < EventLimits.rules { hits[rule, default: 0] += 1 }
        }
    }

    // MARK: Lines

    private func add(_ body: RunEvent.Body, phase: String?, iteration: Int?, offset: Int, hits: [String: Int]) {
        monotonic = max(monotonic, offset)
        let event = RunEvent(
            run: run, sequence: nextSequence, time: Self.now, monotonic: monotonic, phase: phase,
            iteration: iteration, body: body, scrub: ScrubStamp(rules: rules, hits: hits))
        let line: EventLine
        do {
            line = try EventLine(event, after: head)
        } catch {
            // Too large for a line, which only an agent's event can be.
            if case .logLost = body { return }
            add(
                .logLost(LogLost(reason: .agentEvent, events: 1, bytes: 0)), phase: phase, iteration: iteration,
                offset: offset, hits: hits)
            return
        }
        guard let clean = redactor.confirmed(line.bytes) else {
            // Words that are harmless one by one and not as they stand in the line.
            let blank = body.mappingText { _ in "[REDACTED]" }
            guard blank != body else {
                Diagnostics.warn("an event was left out of the log, because the rules find a secret in it")
                return
            }
            add(blank, phase: phase, iteration: iteration, offset: offset, hits: hits)
            return
        }
        beginLine()
        batch.append(clean)
        batch.append("\n")
        head = line.hash
        nextSequence += 1
    }

    private func flushOutput() {
        if let output = gathered.take() { write(output) }
    }

    private func write(_ output: GatheredOutput.Piece) {
        monotonic = max(monotonic, output.time - start)
        beginLine()
        head = composer.append(
            output, sequence: nextSequence, time: Self.now, monotonic: monotonic, previous: head, to: &batch,
            redactor: redactor)
        nextSequence += 1
        batchOutput += output.bytes.count
        if batch.count >= Self.batchSize { writeBatch() }
    }

    private func beginLine() {
        if batch.isEmpty { batchStart = (head, nextSequence) }
    }

    // MARK: Writing, and what happens when that fails

    private func writeBatch(isLast: Bool = false) {
        guard !batch.isEmpty else { return }
        if let loss = lost {
            guard isLast || MonotonicClock.microseconds >= loss.retry else {
                if batch.count >= Self.batchSize { drop() }
                return
            }
            // The lines of this batch follow one that says what is missing before them, so they are numbered anew.
            guard recover(from: loss) else {
                if batch.count >= Self.batchSize || isLast { drop() }
                return
            }
        }
        do throws(LogWriteError) {
            try file.append(batch, upTo: nextSequence - 1)
            batch.removeAll()
            batchOutput = 0
        } catch {
            Diagnostics.warn(
                "\(file.path.text): \(error.reason); the command goes on, and the log will say what it has lost")
            lost = Loss(reason: error.isFull ? .diskFull : .writeFailed, events: 0, bytes: 0, retry: 0)
            drop()
        }
    }

    /// Writes that lines are missing. What waits in `batch` is counted among them: it was chained to lines that are not
    /// there.
    private func recover(from loss: Loss) -> Bool {
        var total = loss
        total.events += nextSequence - batchStart.sequence
        total.bytes += batchOutput
        let event = RunEvent(
            run: run, sequence: batchStart.sequence, time: Self.now, monotonic: monotonic,
            body: .logLost(LogLost(reason: total.reason, events: total.events, bytes: total.bytes)),
            scrub: ScrubStamp(rules: rules))
        guard let line = try? EventLine(event, after: batchStart.head), let clean = redactor.confirmed(line.bytes)
        else {
            return false
        }
        var text = clean
        text.append("\n")
        do throws(LogWriteError) { try file.append(text, upTo: batchStart.sequence) } catch {
            lost?.retry = MonotonicClock.microseconds + Self.retryInterval
            return false
        }
        Diagnostics.warn("\(file.path.text): can be written again; \(total.events) events were lost")
        lost = nil
        head = line.hash
        nextSequence = batchStart.sequence + 1
        batch.removeAll()
        batchOutput = 0
        return true
    }

    /// Gives up the lines of the batch.
    private func drop() {
        lost?.events += nextSequence - batchStart.sequence
        lost?.bytes += batchOutput
        lost?.retry = MonotonicClock.microseconds + Self.retryInterval
        head = batchStart.head
        nextSequence = batchStart.sequence
        batch.removeAll()
        batchOutput = 0
    }

    private static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: time.tv_sec * 1_000_000 + time.tv_nsec / 1000)
    }
}

/// The clock that nobody sets.
package enum MonotonicClock {
    package static var microseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}
