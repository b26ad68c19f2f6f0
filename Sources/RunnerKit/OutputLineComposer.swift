internal import JSONText
internal import RedactionKit
internal import RunModel

/// Makes the lines of output events, which are nearly all of a loud command's log, from scrubbed bytes directly.
///
/// Its slow twin is `EventLine`: the same event gives the same line, as a test holds.
struct OutputLineComposer {
    /// `{"v":1,"run":"…","seq":`
    private let beginning: ScrubbedBytes
    private let rules: [UInt8]
    /// The phase of the last line, as JSON.
    private var phase: (name: String?, text: ScrubbedBytes) = (nil, ScrubbedBytes("null"))

    init(run: RunID, rules: ChainHash) {
        var text = ScrubbedBytes("{\"v\":1,\"run\":\"")
        text.append(run)
        text.append("\",\"seq\":")
        beginning = text
        self.rules = rules.bytes
    }

    /// Appends the line of `output` with its line feed, and returns its hash.
    mutating func append(
        _ output: GatheredOutput.Piece, sequence: Int, time: Timestamp, monotonic: Int, previous: ChainHash,
        to lines: inout ScrubbedBytes, redactor: Redactor
    ) -> ChainHash {
        if output.phase != phase.name {
            let name = output.phase.map { JSON.string($0) } ?? "null"
            phase = (output.phase, redactor.scrubbed(name))
        }
        let start = lines.count
        lines.append(beginning)
        lines.append(sequence)
        lines.append(",\"ts\":\"")
        lines.append(time)
        lines.append("\",\"mono\":")
        lines.append(monotonic)
        lines.append(",\"type\":\"command.output\",\"phase\":")
        lines.append(phase.text)
        lines.append(",\"iter\":")
        if let iteration = output.iteration { lines.append(iteration) } else { lines.append("null") }
        lines.append(",\"data\":{\"stream\":\"")
        switch output.stream {
        case .stdout: lines.append("stdout")
        case .stderr: lines.append("stderr")
        case .tty: lines.append("tty")
        }
        let content = lines.count
        lines.append("\",\"text\":\"")
        if !lines.appendJSONText(of: output.bytes, limit: EventLimits.outputText(output.bytes.count)) {
            lines.removeLast(lines.count - content)
            lines.append("\",\"b64\":\"")
            lines.appendBase64(of: output.bytes)
        }
        lines.append("\"},\"scrub\":{\"rules\":\"sha256:")
        lines.append(digest: rules)
        lines.append("\",\"hits\":{")
        appendHits(output.hits, to: &lines)
        lines.append("}},\"prev\":\"")
        lines.append(digest: previous.bytes)
        lines.append("\"")
        let hash = lines.withUnsafeBytes { bytes in
            // Lent for the call.
            ChainHash(after: previous, Span(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes[start...])))
        }
        lines.append(",\"hash\":\"")
        lines.append(digest: hash.bytes)
        lines.append("\"}\n")
        return hash
    }

    private func appendHits(_ hits: [(rule: ScrubbedBytes, count: Int)], to lines: inout ScrubbedBytes) {
        let sorted = hits.sorted { $0.rule.bytes.lexicographicallyPrecedes($1.rule.bytes) }
        for (index, hit) in sorted.enumerated() {
            lines.append(index == 0 ? "\"" : ",\"")
            _ = lines.appendJSONText(of: hit.rule, limit: .max)
            lines.append("\":")
            lines.append(hit.count)
        }
    }
}

extension ScrubbedBytes {
    /// Appends an id: digits and hyphens.
    fileprivate mutating func append(_ run: RunID) {
        for character in run.description.utf8 {
            switch character {
            case UInt8(ascii: "-"): append("-")
            case UInt8(ascii: "a"): append("a")
            case UInt8(ascii: "b"): append("b")
            case UInt8(ascii: "c"): append("c")
            case UInt8(ascii: "d"): append("d")
            case UInt8(ascii: "e"): append("e")
            case UInt8(ascii: "f"): append("f")
            default: append(Int(character) - 48)
            }
        }
    }

    /// Appends a time as `Timestamp.description` has it.
    fileprivate mutating func append(_ time: Timestamp) {
        let fields = time.fields
        append(fields.year, digits: 4)
        append("-")
        append(fields.month, digits: 2)
        append("-")
        append(fields.day, digits: 2)
        append("T")
        append(fields.hour, digits: 2)
        append(":")
        append(fields.minute, digits: 2)
        append(":")
        append(fields.second, digits: 2)
        append(".")
        append(fields.microsecond, digits: 6)
        append("Z")
    }
}
