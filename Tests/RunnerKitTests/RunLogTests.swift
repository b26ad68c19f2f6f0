internal import CommandSupport
internal import Foundation
internal import Glibc
internal import RedactionKit
internal import RunModel
internal import Synchronization
internal import Testing

@testable import RunFiles
@testable import RunnerKit

@Suite struct RunLogTests {
    private let place = Place()

    private func begin(_ redactor: Redactor? = nil) throws -> RunLog {
        try RunLog(
            in: place.runs, redactor: try redactor ?? Redactor(), rules: LineTests.rules, policy: .end,
            started: { RunStarted(runner: "test", branch: "main", command: ["make"], epoch: 1, protections: []) })
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
                #expect(try place.runs.runs().isEmpty)
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

    @Test func `a line that a server refuses is scrubbed again while the log goes on`() throws {
        let log = try begin()
        for limit in 1...3 {
            log.append(.agentMessage(AgentMessage(role: .assistant, text: "message \(limit)")))
        }
        _ = log.idle()
        let before = try read(log.run)
        let answers = Mutex<[Bool]>([])
        log.requests.post(
            LogRequests.Request(from: 3, rule: "their-rule") { done in answers.withLock { $0.append(done) } })
        // A line that is not there, and one that never will be.
        for sequence in [0, 99] {
            log.requests.post(
                LogRequests.Request(from: sequence, rule: "their-rule") { done in answers.withLock { $0.append(done) } }
            )
        }
        log.append(.agentMessage(AgentMessage(role: .assistant, text: "message 4")))
        _ = log.idle()
        #expect(answers.withLock { $0 } == [true, false, false])
        log.append(.agentMessage(AgentMessage(role: .assistant, text: "message 5")))
        log.finish(Ending(.succeeded, exit: 0))
        let events = try read(log.run)
        let texts = events.compactMap { event -> String? in
            if case .agentMessage(let message) = event.body { return message.text }
            return nil
        }
        #expect(texts == ["message 1", "[REDACTED:their-rule]", "message 3", "message 4", "message 5"])
        #expect(events[2].scrub.hits == ["their-rule": 1])
        #expect(Array(events.prefix(2)) == Array(before.prefix(2)))
        #expect(events.last?.body == .runFinished(Ending(.succeeded, exit: 0)))
        let notes = try RewriteNote.all(in: place.runs.directory(of: log.run))
        #expect(notes.map(\.from) == [3] && notes.map(\.rule) == ["their-rule"])
    }

    @Test func `whenever a rewriting of the end is cut short, the next start makes it good`() throws {
        let run = try finished { log in
            for limit in 1...4 {
                log.append(.agentMessage(AgentMessage(role: .assistant, text: "message \(limit)")))
            }
        }
        let path = place.runs.logPath(of: run)
        let directory = place.runs.directory(of: run)
        let old = place.read(path)
        #expect(try TailRewriter.rewrite(directory.text, from: 3, rule: "r"))
        let new = place.read(path)
        let offset = zip(old, new).enumerated().first { $0.element.0 != $0.element.1 }!.offset
        let start = old[..<offset].lastIndex(of: 10)! + 1
        let tail = Array(new[start...])
        for cut in stride(from: 0, through: tail.count, by: 61) {
            // The tail was whole, and so much of it had reached the log.
            place.write(path, Array(old[..<start]) + tail[..<cut] + old.dropFirst(start + cut))
            place.write(directory.appending(Array("rescrub.\(start)".utf8)), tail)
            place.write(directory.appending(Array("rescrub.new".utf8)), Array("half of another".utf8))
            try place.runs.markUnfinished(run)
            #expect(try LogRepair.repair(run, in: place.runs) == .whole)
            #expect(place.read(path) == new)
            guard let opened = Descriptor.openDirectory(directory), let names = FileTree.names(in: opened) else {
                Issue.record("the directory is gone")
                return
            }
            #expect(!names.contains { $0.starts(with: "rescrub.".utf8) })
        }
        #expect(try read(run).count == 6)
    }

    @Test func `a run that is removed leaves nothing, and others alone`() throws {
        let kept = try finished { _ in }
        let old = try finished { _ in }
        place.write(place.runs.directory(of: old).appending(Array("receipts.jsonl".utf8)), [10])
        let artifacts = place.runs.directory(of: old).appending(Array("artifacts".utf8))
        _ = artifacts.withCString { mkdir($0, 0o700) }
        place.write(artifacts.appending([97]), [1, 2, 3])
        // What a link leads to is not ours.
        _ = artifacts.appending([98]).withCString { symlink(place.path, $0) }
        #expect(try place.runs.newest() == old)
        let size = place.read(place.runs.logPath(of: old)).count
        #expect(try place.runs.remove(old) >= size + 4)
        #expect(try place.runs.runs() == [kept])
        #expect(try place.runs.newest() == kept)
        #expect(place.runs.latestLog.withCString { access($0, F_OK) } != 0)
        #expect(try read(kept).count == 2)
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

    /// Found: a log could not be opened while a child of the test had not reached its exec, nor while `status` was looking.
    @Test func `who holds the lock for a moment keeps no writer from it`() throws {
        let run = try finished { _ in }
        let path = place.runs.logPath(of: run)
        let looking = path.withCString { open($0, O_RDONLY | O_CLOEXEC) }
        #expect(flock(looking, LOCK_SH) == 0)
        Thread.detachNewThread {
            usleep(50_000)
            close(looking)
        }
        _ = try LogFile(path, isNew: false, policy: .end)
    }

    @Test func `the newest log has the short name, unless an older one is still written`() throws {
        let first = try begin()
        let firstRun = first.run
        #expect(try place.runs.newest() == firstRun)
        let inner = try begin()
        inner.finish(Ending(.succeeded))
        #expect(try place.runs.newest() == firstRun)
        first.finish(Ending(.succeeded))
        let second = try finished { _ in }
        // `first` holds its lock until it is gone.
        _ = consume first
        let third = try begin()
        #expect(try place.runs.newest() == third.run)
        #expect(Set(try place.runs.runs()) == [firstRun, inner.run, second, third.run])
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
