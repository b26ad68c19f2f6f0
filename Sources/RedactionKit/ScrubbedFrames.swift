internal import Glibc

/// A piece of what a scrubbing process sends (docs/formats/scrubbed-frames.md).
package struct ScrubbedFrame: Sendable {
    package enum Kind: UInt8, Sendable, CaseIterable {
        /// The process has confined itself and reads from now on; `inputBytes` has the bits of its protections.
        case ready = 1
        case stdout = 2
        case stderr = 3
        case tty = 4
        /// What an agent wrote to its events descriptor.
        case events = 5
        /// Something about the rules that a person should know.
        case warning = 6
        /// All inputs have ended and everything has been sent.
        case finished = 7
        /// The key that suspends was typed at the command's terminal.
        case suspend = 8
    }
    package let kind: Kind
    /// When the last of the bytes was read: CLOCK_MONOTONIC in microseconds.
    package let time: Int
    /// Bytes of the stream before scrubbing, up to now.
    package let inputBytes: Int
    /// What was redacted in `bytes`: rules, each with how often.
    package let hits: [(rule: ScrubbedBytes, count: Int)]
    package let bytes: ScrubbedBytes
}

/// Bounds and layout of frames.
package enum ScrubbedFrames {
    /// Bytes of one frame's content: an event's worth of output, with room for the beginning of a character before it.
    package static let payload = 64 << 10 - 16
    /// Rules in one frame.
    package static let rules = 64
    /// Bytes of a rule's id; longer ones are cut.
    package static let ruleID = 128
    /// Fixed part: length of the rest (4), kind (1), unused (1), rules (2), time (8), input bytes (8). Little endian.
    static let header = 24
    /// The largest rest of a frame.
    static let rest = payload + rules * (1 + ruleID + 4)
}

/// Takes what the engine releases and sends it as frames: the end of the pipe in the scrubbing process.
///
/// Writes block. The first failure is kept, and from then on nothing is sent.
package final class ScrubbedFrameWriter {
    private let descriptor: Int32
    /// A frame that is being filled: room for the largest one.
    private var frame: [UInt8] = []
    /// Where secrets were found in `content`, in its order.
    private var found: [(offset: Int, rule: String)] = []
    private var distinct: Set<String> = []
    private var content: [UInt8] = []
    /// Whether the other end still reads.
    package private(set) var isOpen = true

    package init(_ descriptor: Int32) {
        self.descriptor = descriptor
        content.reserveCapacity(ScrubbedFrames.payload)
        frame.reserveCapacity(ScrubbedFrames.header + ScrubbedFrames.rest)
    }

    /// What a stream's output goes to; everything given to it is sent by `flush` at the latest.
    package struct Sink: RedactionSink {
        let writer: ScrubbedFrameWriter
        let kind: ScrubbedFrame.Kind
        let inputBytes: Int

        package func write(_ bytes: UnsafeRawBufferPointer) { writer.add(bytes, kind, inputBytes) }

        package func redacted(_ finding: Finding) { writer.note(finding, kind, inputBytes) }

        /// Sends what has been given.
        package func flush() { writer.send(kind, upTo: writer.content.count, inputBytes) }
    }

    /// - Parameter inputBytes: Bytes of this stream before scrubbing, what is being processed included.
    package func sink(_ kind: ScrubbedFrame.Kind, inputBytes: Int) -> Sink {
        Sink(writer: self, kind: kind, inputBytes: inputBytes)
    }

    /// Sends a frame that is not part of a stream. Its text must be made by the scrubber: names of rules, no content.
    package func send(_ kind: ScrubbedFrame.Kind, text: String = "", value: Int = 0) {
        content = Array(text.utf8.prefix(ScrubbedFrames.payload))
        send(kind, upTo: content.count, value, evenIfEmpty: true)
    }

    private func add(_ bytes: UnsafeRawBufferPointer, _ kind: ScrubbedFrame.Kind, _ inputBytes: Int) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(ScrubbedFrames.payload - content.count)
            content.append(contentsOf: piece)
            rest = rest.dropFirst(piece.count)
            if content.count == ScrubbedFrames.payload { send(kind, upTo: cut, inputBytes) }
        }
    }

    private func note(_ finding: Finding, _ kind: ScrubbedFrame.Kind, _ inputBytes: Int) {
        let rule = String(decoding: finding.ruleID.utf8.prefix(ScrubbedFrames.ruleID), as: UTF8.self)
        if distinct.count == ScrubbedFrames.rules, !distinct.contains(rule) {
            send(kind, upTo: content.count, inputBytes)
        }
        distinct.insert(rule)
        found.append((content.count, rule))
    }

    /// Where a full frame is best cut: after a line in its second half, or else between two characters.
    private var cut: Int {
        if let end = content[(content.count / 2)...].lastIndex(of: UInt8(ascii: "\n")) { return end + 1 }
        return content.count - UTF8Boundary.incompleteTail(content[...])
    }

    private func send(_ kind: ScrubbedFrame.Kind, upTo end: Int, _ inputBytes: Int, evenIfEmpty: Bool = false) {
        guard end > 0 || evenIfEmpty else { return }
        var counts: [(rule: String, count: UInt32)] = []
        let inside = found.prefix { $0.offset < end }
        for entry in inside {
            if let index = counts.firstIndex(where: { $0.rule == entry.rule }) {
                counts[index].count += 1
            } else {
                counts.append((entry.rule, 1))
            }
        }
        found.removeFirst(inside.count)
        frame.removeAll(keepingCapacity: true)
        let rest = counts.reduce(end) { $0 + 1 + $1.rule.utf8.count + 4 }
        append(UInt64(rest), 4)
        frame.append(kind.rawValue)
        frame.append(0)
        append(UInt64(counts.count), 2)
        append(UInt64(Self.now), 8)
        append(UInt64(inputBytes), 8)
        for entry in counts {
            frame.append(UInt8(entry.rule.utf8.count))
            frame.append(contentsOf: entry.rule.utf8)
            append(UInt64(entry.count), 4)
        }
        frame.append(contentsOf: content[..<end])
        content.removeSubrange(..<end)
        for index in found.indices { found[index].offset -= end }
        distinct = Set(found.map(\.rule))
        writeFrame()
    }

    private func append(_ value: UInt64, _ bytes: Int) {
        for index in 0..<bytes { frame.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
    }

    private func writeFrame() {
        var sent = 0
        while isOpen, sent < frame.count {
            let count = frame.withUnsafeBytes { write(descriptor, $0.baseAddress! + sent, $0.count - sent) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                isOpen = false
                return
            }
            sent += count
        }
    }

    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}

/// Receives frames: the end of the pipe in the runner.
///
/// This is the one door by which bytes that another process sent become `ScrubbedBytes`. It holds because the pipe's
/// other end is given to a scrubbing process and to nobody else; so it is made where that process is started, and
/// nowhere else.
package final class ScrubbedFrameReader {
    private let descriptor: Int32
    private var buffer: UnsafeMutableRawBufferPointer
    /// Bytes of `buffer` that have been received and not been handed out.
    private var start = 0
    private var end = 0

    /// - Parameter descriptor: The reading end of a pipe whose writing end only a scrubbing process has. Not owned.
    package init(scrubbingProcess descriptor: Int32) {
        self.descriptor = descriptor
        buffer = .allocate(byteCount: 4 * (ScrubbedFrames.header + ScrubbedFrames.rest), alignment: 16)
    }

    deinit { buffer.deallocate() }

    package enum Progress: Sendable { case received, nothing, ended }

    /// Reads once. With `.nothing`, there was nothing to read from a descriptor that does not block.
    package func receive() -> Progress {
        if start > 0 {
            // Source and destination may overlap: memmove.
            memmove(buffer.baseAddress!, buffer.baseAddress! + start, end - start)
            end -= start
            start = 0
        }
        while true {
            let count = read(descriptor, buffer.baseAddress! + end, buffer.count - end)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return .nothing }
            guard count > 0 else { return .ended }
            end += count
            return .received
        }
    }

    /// The next whole frame; nil if there is none yet.
    ///
    /// - Throws: what is not a frame. The process cannot be relied on any more.
    package func next() throws(ScrubbedFrameError) -> ScrubbedFrame? {
        guard end - start >= ScrubbedFrames.header else { return nil }
        let rest = integer(at: 0, 4)
        guard rest <= ScrubbedFrames.rest else { throw ScrubbedFrameError(reason: "too long") }
        guard end - start >= ScrubbedFrames.header + rest else { return nil }
        guard let kind = ScrubbedFrame.Kind(rawValue: UInt8(integer(at: 4, 1))), integer(at: 5, 1) == 0 else {
            throw ScrubbedFrameError(reason: "unknown kind")
        }
        let time = integer(at: 8, 8)
        let inputBytes = integer(at: 16, 8)
        let rules = integer(at: 6, 2)
        guard rules <= ScrubbedFrames.rules, time >= 0, inputBytes >= 0 else {
            throw ScrubbedFrameError(reason: "a number out of range")
        }
        var offset = ScrubbedFrames.header
        let limit = ScrubbedFrames.header + rest
        var hits: [(rule: ScrubbedBytes, count: Int)] = []
        for _ in 0..<rules {
            guard offset < limit else { throw ScrubbedFrameError(reason: "too short") }
            let length = integer(at: offset, 1)
            guard length > 0, length <= ScrubbedFrames.ruleID, offset + 1 + length + 4 <= limit else {
                throw ScrubbedFrameError(reason: "too short")
            }
            hits.append((content(offset + 1, length), integer(at: offset + 1 + length, 4)))
            offset += 1 + length + 4
        }
        guard limit - offset <= ScrubbedFrames.payload else { throw ScrubbedFrameError(reason: "too long") }
        let bytes = content(offset, limit - offset)
        start += limit
        return ScrubbedFrame(kind: kind, time: time, inputBytes: inputBytes, hits: hits, bytes: bytes)
    }

    private func content(_ offset: Int, _ count: Int) -> ScrubbedBytes {
        ScrubbedBytes(scrubbed: Array(buffer[(start + offset)..<(start + offset + count)]))
    }

    private func integer(at offset: Int, _ bytes: Int) -> Int {
        var value: UInt64 = 0
        for index in 0..<bytes { value |= UInt64(buffer[start + offset + index]) << UInt64(8 * index) }
        return Int(truncatingIfNeeded: value)
    }
}

/// Why bytes are not a frame.
package struct ScrubbedFrameError: Error, Sendable, CustomStringConvertible {
    package let reason: String
    package var description: String { "a frame of the scrubbing process: \(reason)" }
}
