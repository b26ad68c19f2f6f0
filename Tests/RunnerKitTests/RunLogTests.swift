internal import CommandSupport
internal import Glibc
internal import RedactionKit
internal import RunModel
internal import Testing

@testable import RunnerKit

@Suite struct RunLogTests {
    private let place = Place()

    private func begin(_ redactor: Redactor? = nil) throws -> RunLog {
        try RunLog(
            in: place.runs, redactor: try redactor ?? Redactor(), rules: LineTests.rules, policy: .end,
            started: RunStarted(runner: "test", branch: "main", command: ["make"], epoch: 1, protections: []))
    }

    /// A run that is over, with nobody holding its log.
    private func finished(_ body: (RunLog) -> Void) throws -> RunID {
        let log = try begin()
        body(log)
        log.finish(Ending(.succeeded, exit: 0))
        return log.run
    }

    private func read(_ run: RunID) throws -> [RunEvent] {
        var reader = LogReader()
        var events: [RunEvent] = []
        let bytes = place.read(place.runs.logPath(of: run))
        try reader.write(bytes.span) { event, _ in events.append(event) }
        try reader.finish()
        return events
    }

    @Test func `texts of events are scrubbed, word by word and together`() throws {
        let word = "hunter" + "22xyz"
        let token = "gh" + "p_" + "0123456789abcdefghijklmnopqrstuvwxyz"
        let value = try KnownValue(name: "DEPLOY", value: Array("correct horse battery".utf8))
        var options = RedactorOptions()
        options.knownValues = [value]
        let log = try begin(try Redactor(options))
        log.append(.commandStarted(CommandStarted(command: ["curl", "--password", word, token])))
        log.append(.agentMessage(AgentMessage(role: .assistant, text: "I used \(token) and correct horse battery")))
        log.append(.phaseFinished(Ending(.failed, reason: "correct horse battery")))
        log.finish(Ending(.succeeded, exit: 0))
        let text = String(decoding: place.read(place.runs.logPath(of: log.run)), as: UTF8.self)
        for secret in [token, word, "correct horse"] { #expect(!text.contains(secret)) }
        let events = try read(log.run)
        #expect(
            events.map(\.body.type) == [
                "run.started", "command.started", "agent.message", "phase.finished", "run.finished",
            ])
        #expect(events[2].scrub.hits == ["github-pat": 1, "known:DEPLOY": 1])
    }

    @Test func `time never goes back`() throws {
        let log = try begin()
        log.append(.iterationStarted(IterationStarted(limit: 2)), time: MonotonicClock.microseconds + 1_000_000)
        log.append(.iterationFinished(Ending(.failed)), time: 5)
        log.finish(Ending(.failed))
        #expect(try read(log.run).map(\.monotonic).max() == read(log.run).last?.monotonic)
    }

    /// A killed runner can leave any number of the bytes that it wrote.
    @Test func `a log that was cut anywhere is repaired, and keeps its whole lines`() throws {
        let run = try finished { log in
            for limit in 1...3 {
                log.append(.iterationStarted(IterationStarted(limit: limit)), phase: "test", iteration: limit)
            }
        }
        let path = place.runs.logPath(of: run)
        let whole = place.read(path)
        let original = try read(run)
        for cut in stride(from: whole.count - 1, to: 0, by: -37) {
            place.write(path, Array(whole[..<cut]))
            try place.runs.markUnfinished(run)
            let lines = whole[..<cut].count { $0 == 10 }
            let outcome = try LogRepair.repair(run, in: place.runs)
            guard lines > 0 else {
                #expect(outcome == .removed)
                #expect(place.runs.runs.isEmpty)
                try place.runs.makeDirectory(of: run)
                continue
            }
            let tail = cut - (whole[..<cut].lastIndex(of: 10).map { $0 + 1 } ?? 0)
            #expect(outcome == .repaired(dropped: tail))
            let events = try read(run)
            #expect(Array(events.prefix(lines)) == Array(original.prefix(lines)))
            #expect(events[lines].body == .logRepaired(LogRepaired(epoch: 2, dropped: tail)))
            #expect(events.last?.body == .runFinished(Ending(.interrupted, reason: "the runner was killed")))
            #expect(events.count == lines + 2)
            #expect(place.runs.unfinished.isEmpty)
        }
    }

    @Test func `a log that was changed is not repaired`() throws {
        let run = try finished { $0.append(.iterationStarted(IterationStarted(limit: 1))) }
        let path = place.runs.logPath(of: run)
        var bytes = place.read(path)
        bytes[20] ^= 1
        place.write(path, bytes)
        try place.runs.markUnfinished(run)
        guard case .damaged(let error) = try LogRepair.repair(run, in: place.runs) else {
            Issue.record("repaired")
            return
        }
        #expect(error.line == 1)
        #expect(place.read(path) == bytes)
    }

    @Test func `a log has one writer`() throws {
        let log = try begin()
        let path = place.runs.logPath(of: log.run)
        #expect(throws: Failure.self) { _ = try LogFile(path, isNew: false, policy: .end) }
        #expect(place.runs.isLive(log.run))
        #expect(try LogRepair.repair(log.run, in: place.runs) == .live)
        // Whoever writes without asking is noticed, and told of.
        place.append(path, Array("x\n".utf8))
        log.append(.iterationStarted(IterationStarted(limit: 1)))
        log.finish(Ending(.succeeded, exit: 0))
        #expect(place.read(path).suffix(2) == Array("x\n".utf8))
    }

    @Test func `the newest log has the short name, unless an older one is still written`() throws {
        let first = try begin()
        let firstRun = first.run
        #expect(place.runs.newest == firstRun)
        let inner = try begin()
        inner.finish(Ending(.succeeded))
        #expect(place.runs.newest == firstRun)
        first.finish(Ending(.succeeded))
        let second = try finished { _ in }
        // `first` holds its lock until it is gone.
        _ = consume first
        let third = try begin()
        #expect(place.runs.newest == third.run)
        #expect(Set(place.runs.runs) == [firstRun, inner.run, second, third.run])
    }
}

/// A directory for one test.
final class Place {
    let path: String
    let runs: RunDirectory

    init() {
        var template = Array("/tmp/pipemason-test-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "no temporary directory")
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        runs = RunDirectory(in: Path(path))
    }

    deinit { remove(Path(path)) }

    func read(_ path: Path) -> [UInt8] { Descriptor.open(path, O_RDONLY)?.readAll(limit: 1 << 30) ?? [] }

    func write(_ path: Path, _ bytes: [UInt8]) { put(path, bytes, O_CREAT | O_TRUNC) }

    func append(_ path: Path, _ bytes: [UInt8]) { put(path, bytes, O_APPEND) }

    private func put(_ path: Path, _ bytes: [UInt8], _ flags: Int32) {
        let file = path.withCString { open($0, O_WRONLY | flags, 0o600) }
        precondition(file >= 0 && Glibc.write(file, bytes, bytes.count) == bytes.count, "cannot write")
        close(file)
    }

    private func remove(_ path: Path) {
        if let directory = Descriptor.openDirectory(path), let names = FileTree.names(in: directory) {
            for name in names { remove(path.appending(name)) }
        }
        _ = path.withCString { rmdir($0) == 0 ? 0 : unlink($0) }
    }
}
