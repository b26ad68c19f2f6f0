package import CommandSupport
internal import Glibc
package import RunModel

/// A run's log as what is to be sent: whole lines, each checked against the chain before it goes. Memory: one batch.
package struct Spool: ~Copyable {
    /// Lines that go together.
    package struct Batch: Sendable {
        package var sequences: ClosedRange<Int>
        /// The lines with their line feeds.
        package var lines: [UInt8]
        /// The hash of the last one.
        package var head: ChainHash
        package var artifacts: [Artifact]
        /// Whether the run's last event is among them.
        package var endsRun: Bool
        /// Whether there was no room for more.
        package var isFull: Bool
    }

    /// The most lines of a batch (docs/formats/control-plane.md).
    package static let maximumLines = 1000
    /// The most bytes of a batch before compression. The server takes 4 MiB, and 1 MiB on the wire; this stays below both
    /// even when nothing compresses.
    package static let maximumBytes = (1 << 20) - (1 << 13)

    private let file: Descriptor
    private let path: String
    /// Stands after the last line that was taken.
    private var chain = ChainVerifier()
    /// Where in the file that is.
    private var offset = 0
    /// Bytes of the file from `offset` on.
    private var ahead: [UInt8] = []

    /// What is known of the run from the lines that were taken.
    package private(set) var run: Run?
    /// The digest of the rules that the first line was scrubbed with.
    package private(set) var rules: ChainHash?

    /// - Throws: `Failure` when the log cannot be opened.
    package init(path: String) throws(Failure) {
        guard let file = Descriptor.open(Path(path), O_RDONLY | O_NOFOLLOW) else {
            throw Failure(.input, "\(path): \(Diagnostics.reason(errno))")
        }
        self.file = file
        self.path = path
    }

    /// The number of the next line.
    package var nextSequence: Int { chain.nextSequence }
    /// The hash of the line before.
    package var head: ChainHash { chain.head }

    /// Begins again with the first line.
    package mutating func rewind() {
        chain = ChainVerifier()
        offset = 0
        ahead = []
        run = nil
    }

    /// What the run is, from its first line, which is not taken; nil when that is not there yet.
    package mutating func opening() throws(Failure) -> Run? {
        rewind()
        guard try next(maximumLines: 1) != nil else { return nil }
        let opening = run
        rewind()
        return opening
    }

    /// Whether there is nothing behind the lines that were taken, whole or not.
    package mutating func isExhausted() throws(Failure) -> Bool {
        let hasMore = try read()
        return ahead.isEmpty && !hasMore
    }

    /// Passes over lines until `sequence` is next. Returns false when the log does not reach so far yet.
    /// - Throws: `Failure` when a line is damaged.
    package mutating func skip(to sequence: Int) throws(Failure) -> Bool {
        if sequence < chain.nextSequence { rewind() }
        while chain.nextSequence < sequence {
            guard try next(maximumLines: min(Self.maximumLines, sequence - chain.nextSequence)) != nil else {
                return false
            }
        }
        return true
    }

    /// Takes the next whole lines that are there; nil when there are none yet.
    /// - Throws: `Failure` when a line is damaged: nothing behind it is sent.
    package mutating func next(
        maximumLines: Int = Spool.maximumLines, maximumBytes: Int = Spool.maximumBytes
    ) throws(Failure) -> Batch? {
        var lines: [UInt8] = []
        var first = 0
        var count = 0
        var artifacts: [Artifact] = []
        var endsRun = false
        var isFull = false
        var taken = 0
        batch: while count < maximumLines {
            guard let end = ahead[taken...].firstIndex(of: UInt8(ascii: "\n")) else {
                guard ahead.count - taken <= EventLimits.line else { throw damaged("too large: line") }
                ahead.removeFirst(taken)
                taken = 0
                guard try read() else { break batch }
                continue batch
            }
            let line = ahead[taken...end]
            guard lines.count + line.count <= maximumBytes || count == 0 else {
                isFull = true
                break batch
            }
            let event: RunEvent
            do throws(Failure) { event = try check(line.dropLast()) } catch {
                // What is good goes first; the next call finds the same again.
                guard count > 0 else { throw error }
                break batch
            }
            if count == 0 { first = event.sequence }
            count += 1
            lines += line
            switch event.body {
            case .artifactOffered(let artifact): artifacts.append(artifact)
            case .runFinished: endsRun = true
            default: break
            }
            taken = end + 1
        }
        ahead.removeFirst(taken)
        guard count > 0 else { return nil }
        return Batch(
            sequences: first...first + count - 1, lines: lines, head: chain.head, artifacts: artifacts,
            endsRun: endsRun,
            isFull: isFull || count == maximumLines)
    }

    private mutating func check(_ line: ArraySlice<UInt8>) throws(Failure) -> RunEvent {
        let event: RunEvent
        do { event = try chain.add(Array(line).span) } catch { throw damaged("\(error)") }
        if run == nil {
            run = Run(id: event.run)
            rules = event.scrub.rules
        }
        run?.apply(event)
        return event
    }

    /// Reads on. Returns false at the end of what is there.
    private mutating func read() throws(Failure) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = pread(file.number, &chunk, chunk.count, off_t(offset))
            if count > 0 {
                offset += count
                ahead += chunk[..<count]
                return true
            }
            if count == 0 { return false }
            guard errno == EINTR else { throw Failure(.input, "\(path): \(Diagnostics.reason(errno))") }
        }
    }

    private func damaged(_ reason: String) -> Failure {
        Failure(.input, "\(path): line \(chain.nextSequence): \(reason); nothing from there on is sent")
    }
}
