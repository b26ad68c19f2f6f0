internal import Glibc
internal import RedactionKit
internal import Testing

/// docs/formats/scrubbed-frames.md.
@Suite struct FrameTests {
    /// Sends `bytes` in pieces through the engine and frames, and returns what arrives.
    private func send(_ bytes: [UInt8], by size: Int) throws -> (
        bytes: [UInt8], hits: [String: Int], frames: [ScrubbedFrame]
    ) {
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        defer { close(ends[0]) }
        let reader = ScrubbedFrameReader(scrubbingProcess: ends[0])
        let writer = ScrubbedFrameWriter(ends[1])
        let thread = Receiver(reader)
        let redactor = try Redactor()
        var stream = redactor.makeStream()
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Array(bytes[start..<min(bytes.count, start + size)])
            let sink = writer.sink(.stdout, inputBytes: start + piece.count)
            var output = sink
            piece.withUnsafeBytes { stream.write($0, to: &output) }
            sink.flush()
        }
        let sink = writer.sink(.stdout, inputBytes: bytes.count)
        var output = sink
        stream.finish(to: &output)
        sink.flush()
        writer.send(.finished)
        close(ends[1])
        let frames = try thread.frames()
        var hits: [String: Int] = [:]
        for hit in frames.flatMap(\.hits) {
            hits[String(decoding: hit.rule.bytes, as: UTF8.self), default: 0] += hit.count
        }
        #expect(frames.last?.kind == .finished)
        return (frames.flatMap(\.bytes.bytes), hits, frames)
    }

    @Test(arguments: [1, 7, 4096, 300_000])
    func `what is released arrives, with what was redacted in it`(_ size: Int) throws {
        let secret = "gh" + "p_" + "0123456789abcdefghijklmnopqrstuvwxyz"
        var text: [UInt8] = []
        for line in 0..<(size == 1 ? 50 : 3000) {
            text += Array("line \(line) of a log, 漢字 \u{1B}[32mgreen\u{1B}[0m\r\n".utf8)
            if line % 10 == 3 { text += Array("token \(secret)\n".utf8) }
        }
        let sent = try send(text, by: size)
        #expect(sent.bytes == (try Redactor().redact(text)))
        #expect(sent.hits == ["github-pat": (size == 1 ? 50 : 3000) / 10])
        for frame in sent.frames {
            #expect(frame.bytes.count <= ScrubbedFrames.payload)
            let marks = String(decoding: frame.bytes.bytes, as: UTF8.self).split(
                separator: "[REDACTED:", omittingEmptySubsequences: false)
            #expect(frame.hits.reduce(0) { $0 + $1.count } == marks.count - 1)
        }
    }

    @Test func `full frames end after lines, or between characters`() throws {
        let lines = Array(String(repeating: "a line of text of some length\n", count: 10_000).utf8)
        for frame in try send(lines, by: lines.count).frames.dropLast(2) { #expect(frame.bytes.bytes.last == 10) }
        let characters = Array(String(repeating: "漢", count: 80_000).utf8)
        for frame in try send(characters, by: characters.count).frames {
            #expect(String(validating: frame.bytes.bytes, as: UTF8.self) != nil)
        }
    }

    /// Any bytes: frames or an error, and never a trap.
    @Test(arguments: [UInt64](1...200))
    func `what is no frame is refused`(_ seed: UInt64) throws {
        var generator = Generator(state: seed)
        var bytes: [UInt8] = [3, 0, 0, 0, 2, 0, 0, 0] + [UInt8](repeating: 0, count: 16) + [97, 98, 99]
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
        }
        var ends: [Int32] = [0, 0]
        #expect(pipe(&ends) == 0)
        #expect(write(ends[1], bytes, bytes.count) == bytes.count)
        close(ends[1])
        defer { close(ends[0]) }
        let reader = ScrubbedFrameReader(scrubbingProcess: ends[0])
        do {
            while reader.receive() == .received {
                while let frame = try reader.next() { #expect(frame.bytes.count <= 3) }
            }
        } catch {
            #expect(!error.description.isEmpty)
        }
    }

    /// Reads frames on a thread of its own, so that neither side waits for the other.
    private final class Receiver: @unchecked Sendable {
        // SAFETY: the thread writes, and `frames` reads after it has ended.
        private let reader: ScrubbedFrameReader
        private var received: [ScrubbedFrame] = []
        private var failure: (any Error)?
        private var thread = pthread_t()

        init(_ reader: ScrubbedFrameReader) {
            self.reader = reader
            let argument = Unmanaged.passUnretained(self).toOpaque()
            pthread_create(
                &thread, nil,
                {
                    Unmanaged<Receiver>.fromOpaque($0!).takeUnretainedValue().run()
                    return nil
                }, argument)
        }

        private func run() {
            do {
                while reader.receive() == .received {
                    while let frame = try reader.next() { received.append(frame) }
                }
            } catch { failure = error }
        }

        func frames() throws -> [ScrubbedFrame] {
            pthread_join(thread, nil)
            if let failure { throw failure }
            return received
        }
    }
}
