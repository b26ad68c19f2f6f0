internal import RedactionKit
internal import RunModel

/// Output that waits to become an event.
///
/// The first piece after a pause is due at once; what follows within `window` is gathered, so that a program which
/// writes byte by byte does not make an event of each. A terminal does not wait for any of this.
struct GatheredOutput {
    /// One event's worth of output.
    struct Piece {
        var stream: CommandOutput.Stream
        var phase: String?
        var iteration: Int?
        /// When its first byte was read, CLOCK_MONOTONIC in microseconds.
        var time: Int
        var bytes: ScrubbedBytes
        var hits: [(rule: ScrubbedBytes, count: Int)]
    }

    private var piece: Piece?
    /// When the last event was made.
    private var last = Int.min / 2
    /// When the piece becomes an event; nil: there is none.
    private(set) var due: Int?
    /// The beginning of a character whose rest has not come, by stream.
    private var tails: [CommandOutput.Stream: Piece] = [:]

    /// Microseconds: two frames of a screen at 60 Hz.
    static let window = 33_000

    var isFull: Bool { (piece?.bytes.count ?? 0) >= EventLimits.output }

    /// Whether a frame goes into the same event as what waits.
    func accepts(_ frame: ScrubbedFrame, _ stream: CommandOutput.Stream, phase: String?, iteration: Int?) -> Bool {
        guard let piece else { return true }
        guard piece.stream == stream, piece.phase == phase, piece.iteration == iteration else { return false }
        guard piece.bytes.count + frame.bytes.count <= EventLimits.output else { return false }
        return piece.hits.count + frame.hits.count <= EventLimits.rules
    }

    mutating func add(_ frame: ScrubbedFrame, _ stream: CommandOutput.Stream, phase: String?, iteration: Int?) {
        guard piece != nil else {
            var bytes = ScrubbedBytes()
            var time = frame.time
            if let tail = tails.removeValue(forKey: stream) {
                bytes = tail.bytes
                time = tail.time
            }
            bytes.append(frame.bytes)
            piece = Piece(
                stream: stream, phase: phase, iteration: iteration, time: time, bytes: bytes, hits: frame.hits)
            due = frame.time - last > Self.window ? frame.time : frame.time + Self.window
            return
        }
        piece!.bytes.append(frame.bytes)
        for hit in frame.hits {
            if let index = piece!.hits.firstIndex(where: { $0.rule == hit.rule }) {
                piece!.hits[index].count += hit.count
            } else {
                piece!.hits.append(hit)
            }
        }
    }

    /// What waits, without the beginning of a character that may go on; nil if there is nothing else.
    mutating func take() -> Piece? {
        guard var piece else { return nil }
        self.piece = nil
        due = nil
        let tail = piece.bytes.incompleteTail
        if tail > 0 {
            var rest = piece
            rest.bytes = piece.bytes[(piece.bytes.count - tail)..<piece.bytes.count]
            rest.hits = []
            tails[piece.stream] = rest
            piece.bytes = piece.bytes[0..<(piece.bytes.count - tail)]
            if piece.bytes.isEmpty { return nil }
        }
        last = MonotonicClock.microseconds
        return piece
    }

    /// The beginnings of characters that did not go on.
    mutating func takeTails() -> [Piece] {
        let result = tails.values.sorted { $0.time < $1.time }
        tails = [:]
        return result
    }
}
