package import CommandSupport
internal import Glibc
internal import JSONText
package import RunModel

/// That the end of a run's log was written anew, because a server had refused a line (docs/formats/egress.md, "A secret that the
/// server finds"): what was sent before may have held other lines from there on.
package struct RewriteNote: Sendable, Equatable {
    /// When, by the machine's clock.
    package var time: Timestamp
    /// The line that was refused; what stands before it is as it was.
    package var from: Int
    /// The server's rule.
    package var rule: String

    /// The file's name in the run's directory: one note a line.
    package static let fileName = "rescrubbed.jsonl"
    /// The longest line in bytes.
    package static let maximumLine = 1024

    package init(time: Timestamp, from: Int, rule: String) {
        self.time = time
        self.from = from
        self.rule = rule
    }

    /// Reads a line, without its line feed; nil: it is no note.
    package init?(parsing line: Span<UInt8>) {
        guard line.count <= Self.maximumLine else { return nil }
        var reader = JSONReader<NoteError>()
        var numbers: [String: Int] = [:]
        var texts: [String: String] = [:]
        do throws(NoteError) {
            try reader.object(line) { (reader, name) throws(NoteError) in
                switch name {
                case "v", "from_seq": numbers[name] = try reader.integer(line)
                case "ts", "rule": texts[name] = try reader.string(line)
                default: throw NoteError(jsonOffset: 0)
                }
            }
            try reader.expectEnd(line)
        } catch { return nil }
        guard numbers["v"] == 1, let from = numbers["from_seq"], from > 0, let rule = texts["rule"],
            let time = texts["ts"].flatMap({ Timestamp($0) })
        else { return nil }
        self.init(time: time, from: from, rule: rule)
    }

    /// The line, without a line feed.
    package var text: String {
        JSON.object([
            ("v", "1"), ("ts", JSON.string("\(time)")), ("from_seq", String(from)), ("rule", JSON.string(rule)),
        ])
    }

    /// All notes of a run, the oldest first.
    ///
    /// - Throws: when the file cannot be read or holds something else, with the line.
    package static func all(in runDirectory: Path) throws(Failure) -> [RewriteNote] {
        let path = runDirectory.appending(Array(fileName.utf8))
        guard let file = Descriptor.open(path, O_RDONLY | O_NOFOLLOW) else {
            if errno == ENOENT { return [] }
            throw Failure(.input, "\(path.text): \(Diagnostics.reason(errno))")
        }
        var notes: [RewriteNote] = []
        var number = 0
        try file.forEachLine(path, limit: maximumLine) { line throws(Failure) in
            number += 1
            guard let note = RewriteNote(parsing: line.span) else {
                throw Failure(.found, "\(path.text): line \(number): is no note of a log that was scrubbed again")
            }
            notes.append(note)
        }
        return notes
    }

    /// Adds the note to the run's, durably.
    func append(to runDirectory: String) throws(Failure) {
        let path = runDirectory + "/" + Self.fileName
        let number = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw Failure(.output, "\(path): \(Diagnostics.reason(errno))") }
        let file = Descriptor(number)
        let writer = ByteWriter(file.number, name: path)
        writer.write(text + "\n")
        writer.flush()
        try writer.check()
        guard fsync(file.number) == 0 else { throw Failure(.output, "\(path): \(Diagnostics.reason(errno))") }
    }

    private struct NoteError: JSONFailure {
        init(jsonOffset offset: Int) {}
    }
}

extension Timestamp {
    /// By the machine's clock.
    package static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: time.tv_sec * 1_000_000 + time.tv_nsec / 1000)
    }
}

/// The fuzz entry point: what is read is written again as it was read.
package func fuzzRewriteNote(_ bytes: [UInt8]) {
    guard let note = RewriteNote(parsing: bytes.span) else { return }
    let text = Array(note.text.utf8)
    precondition(
        text.count > RewriteNote.maximumLine || RewriteNote(parsing: text.span) == note,
        "a note is not read as it was written")
}
