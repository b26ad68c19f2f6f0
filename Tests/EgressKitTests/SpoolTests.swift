import Foundation
import RunModel
import Testing

@testable import EgressKit

/// A directory that goes away, with a run in it.
final class RunFiles {
    let root: String
    let run = RunID.make(at: .now)
    private(set) var head = ChainHash.zero
    private(set) var count = 0
    /// All lines so far.
    private(set) var bytes: [UInt8] = []

    init() throws {
        root = NSTemporaryDirectory() + "/egress-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try Data().write(to: URL(filePath: log))
    }

    var directory: String { "\(root)/.pipeline/runs/\(run)" }
    var log: String { directory + "/iterations.log" }

    /// Appends events to the log and returns their lines.
    @discardableResult
    func append(_ bodies: [RunEvent.Body]) throws -> [UInt8] {
        var added: [UInt8] = []
        for body in bodies {
            count += 1
            let event = RunEvent(
                run: run, sequence: count, time: .now, monotonic: count, body: body,
                scrub: ScrubStamp(rules: .zero, hits: [:]))
            let line = try EventLine(event, after: head)
            head = line.hash
            added += line.bytes + [0x0A]
        }
        try appendBytes(added)
        bytes += added
        return added
    }

    func appendBytes(_ added: [UInt8]) throws {
        let file = try #require(FileHandle(forWritingAtPath: log))
        try file.seekToEnd()
        try file.write(contentsOf: Data(added))
        try file.close()
    }

    func start() throws {
        try append([
            .runStarted(
                RunStarted(runner: "test", branch: "main", command: ["make", "test"], epoch: 1, protections: []))
        ])
    }

    func output(_ count: Int, size: Int = 40) throws {
        try append((0..<count).map { .commandOutput(CommandOutput(stream: .stdout, bytes: Self.text($0, size))) })
    }

    func finish() throws { try append([.runFinished(Ending(.succeeded, exit: 0))]) }

    /// Text that does not compress well, another for each number.
    static func text(_ number: Int, _ size: Int) -> [UInt8] {
        precondition(size <= noise.count - 256)
        return Array(noise[number % 256..<number % 256 + size])
    }

    private static let noise: [UInt8] = {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        return (0..<65_536).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return 0x21 + UInt8(state >> 57) % 90
        }
    }()

    deinit { try? FileManager.default.removeItem(atPath: root) }
}

@Suite("The log as a spool")
struct SpoolTests {
    @Test("Batches are whole lines within the limits, and together they are the log")
    func batches() throws {
        let files = try RunFiles()
        try files.start()
        try files.output(2500)
        try files.output(60, size: 60_000)
        try files.finish()
        var spool = try Spool(path: files.log)
        var sent: [UInt8] = []
        var next = 1
        var ended = false
        while let batch = try spool.next() {
            #expect(batch.sequences.lowerBound == next)
            #expect(batch.sequences.count <= 1000 && batch.lines.count <= Spool.maximumBytes)
            #expect(batch.lines.last == 0x0A && batch.lines.count(where: { $0 == 0x0A }) == batch.sequences.count)
            next = batch.sequences.upperBound + 1
            sent += batch.lines
            ended = batch.endsRun
            #expect(batch.head == spool.head)
        }
        #expect(sent == files.bytes && ended && spool.head == files.head)
    }

    @Test("A line that is not whole waits for its end")
    func torn() throws {
        let files = try RunFiles()
        try files.start()
        let whole = files.bytes
        var spool = try Spool(path: files.log)
        #expect(try spool.next()?.lines == whole)
        #expect(try spool.next() == nil)
        // The next line, byte by byte.
        let other = try RunFiles()
        _ = other
        let event = RunEvent(
            run: files.run, sequence: 2, time: .now, monotonic: 2, body: .runFinished(Ending(.failed, exit: 1)),
            scrub: ScrubStamp(rules: .zero, hits: [:]))
        let line = try EventLine(event, after: files.head).bytes + [0x0A]
        for byte in line.dropLast() {
            try files.appendBytes([byte])
            #expect(try spool.next() == nil)
        }
        try files.appendBytes([0x0A])
        #expect(try spool.next()?.lines == line)
    }

    @Test("It goes to any line, forwards and back")
    func skipping() throws {
        let files = try RunFiles()
        try files.start()
        try files.output(30)
        var spool = try Spool(path: files.log)
        for sequence in [1, 7, 31, 3, 32, 2] {
            #expect(try spool.skip(to: sequence))
            #expect(spool.nextSequence == sequence)
        }
        #expect(try !spool.skip(to: 33))
        #expect(try spool.opening()?.command == ["make", "test"])
        #expect(spool.nextSequence == 1)
    }

    @Test("A damaged line stops it there, and nothing of it or behind it comes out")
    func damage() throws {
        let files = try RunFiles()
        try files.start()
        try files.output(5)
        var content = files.bytes
        let third = content.split(separator: 0x0A, omittingEmptySubsequences: false)[2]
        content[third.startIndex + third.count / 2] ^= 1
        try Data(content).write(to: URL(fileURLWithPath: files.log))
        var spool = try Spool(path: files.log)
        #expect(throws: (any Error).self) { while try spool.next(maximumLines: 1) != nil {} }
        #expect(spool.nextSequence == 3)
        // A line without end is an error, not a reason to grow.
        try Data([UInt8](repeating: 0x61, count: 300_000)).write(to: URL(fileURLWithPath: files.log))
        var endless = try Spool(path: files.log)
        #expect(throws: (any Error).self) { _ = try endless.next() }
    }
}
