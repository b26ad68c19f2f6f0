package import CommandSupport
internal import Glibc
internal import JSONText
package import LinkProtocol
package import RunModel

/// What leaves this machine: one line for each request, written before the request is (docs/formats/egress.md).
package struct EgressLedger: Sendable {
    /// What a request is about. There are no others.
    package enum Category: String, Sendable, CaseIterable {
        /// What a run is: its id, branch, status.
        case metadata
        /// Lines of a run's log.
        case logs
        /// A chosen image.
        case artifact
        /// Pairing, and asking who one is. Bodies are not kept: they hold codes.
        case account
    }

    /// One line.
    package struct Entry: Sendable, Equatable {
        package var time: Timestamp
        package var category: Category
        package var method: String
        /// With the port, if it is not the usual one.
        package var host: String
        package var path: String
        /// Bytes of the body as it goes over the wire.
        package var bytes: Int
        /// Of those bytes.
        package var digest: ChainHash
        package var run: RunID?
        /// The lines of the log that the body holds.
        package var sequences: ClosedRange<Int>?
        /// The body, for metadata.
        package var body: String?

        package init(
            time: Timestamp, category: Category, method: String, host: String, path: String, bytes: Int,
            digest: ChainHash, run: RunID? = nil, sequences: ClosedRange<Int>? = nil, body: String? = nil
        ) {
            self.time = time
            self.category = category
            self.method = method
            self.host = host
            self.path = path
            self.bytes = bytes
            self.digest = digest
            self.run = run
            self.sequences = sequences
            self.body = body
        }
    }

    /// The file's name in `.pipeline`.
    package static let fileName = "egress.jsonl"
    /// The longest line in bytes.
    package static let maximumLine = 1 << 14

    private let path: String

    package init(path: String) { self.path = path }

    /// Writes a line to the disk. Only when this returns may the request go.
    package func record(_ entry: Entry) throws(Failure) {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW
        let file = Glibc.open(path, flags, 0o600)
        guard file >= 0 else { throw failure(errno) }
        let descriptor = Descriptor(file)
        let line = Array((entry.text + "\n").utf8)
        // One write of a whole line: two uploads at a time do not mix theirs.
        let count = line.withUnsafeBytes { bytes in
            while true {
                let count = write(descriptor.number, bytes.baseAddress, bytes.count)
                if count >= 0 || errno != EINTR { return count }
            }
        }
        guard count == line.count else { throw failure(count < 0 ? errno : ENOSPC) }
        guard fdatasync(descriptor.number) == 0 || errno == EINVAL else { throw failure(errno) }
    }

    private func failure(_ number: Int32) -> Failure {
        Failure(.output, "\(path): nothing is sent that is not noted here: \(Diagnostics.reason(number))")
    }

    /// Reads a line.
    /// - Throws: `EgressError` with the member that is wrong.
    package static func parse(_ line: Span<UInt8>) throws(EgressError) -> Entry {
        guard line.count <= maximumLine else { throw EgressError("a line that is too long") }
        var reader = JSONReader<EgressError>()
        var texts: [String: String] = [:]
        var numbers: [String: Int] = [:]
        try reader.object(line) { (reader, name) throws(EgressError) in
            switch name {
            case "v", "bytes", "first_seq", "last_seq": numbers[name] = try reader.integer(line)
            case "ts", "category", "method", "host", "path", "sha256", "run", "body":
                texts[name] = try reader.string(line)
            default: throw EgressError("an unknown member")
            }
        }
        try reader.expectEnd(line)
        guard numbers["v"] == 1 else { throw EgressError("v") }
        guard let time = texts["ts"].flatMap({ Timestamp($0) }) else { throw EgressError("ts") }
        guard let category = texts["category"].flatMap({ Category(rawValue: $0) }) else {
            throw EgressError("category")
        }
        guard let digest = texts["sha256"].flatMap({ ChainHash($0) }) else { throw EgressError("sha256") }
        guard let method = texts["method"], let host = texts["host"], let path = texts["path"],
            let bytes = numbers["bytes"], bytes >= 0
        else { throw EgressError("a member is missing") }
        let run = texts["run"].flatMap { RunID($0) }
        guard run != nil || texts["run"] == nil else { throw EgressError("run") }
        var sequences: ClosedRange<Int>?
        if let first = numbers["first_seq"], let last = numbers["last_seq"] {
            guard first > 0, first <= last else { throw EgressError("first_seq") }
            sequences = first...last
        }
        return Entry(
            time: time, category: category, method: method, host: host, path: path, bytes: bytes, digest: digest,
            run: run, sequences: sequences, body: texts["body"])
    }
}

extension EgressLedger.Entry {
    /// A request about an account; its body is not kept.
    package static func account(_ request: LinkRequest, _ body: [UInt8], host: String) -> Self {
        Self(
            time: .now, category: .account, method: request.method, host: host, path: request.path, bytes: body.count,
            digest: ChainHash(of: body.span))
    }

    /// A request about a run, with its body.
    package static func metadata(_ request: LinkRequest, _ body: [UInt8], host: String, run: RunID) -> Self {
        Self(
            time: .now, category: .metadata, method: request.method, host: host, path: request.path, bytes: body.count,
            digest: ChainHash(of: body.span), run: run, body: String(decoding: body, as: UTF8.self))
    }

    /// The line without its end.
    package var text: String {
        JSONValue.members([
            ("v", .integer(1)), ("ts", .string("\(time)")), ("category", .string(category.rawValue)),
            ("method", .string(method)), ("host", .string(host)), ("path", .string(path)), ("bytes", .integer(bytes)),
            ("sha256", .string("\(digest)")), ("run", run.map { .string("\($0)") }),
            ("first_seq", sequences.map { .integer($0.lowerBound) }),
            ("last_seq", sequences.map { .integer($0.upperBound) }), ("body", body.map { .string($0) }),
        ]).text
    }
}

/// A file or an answer that is not what it should be. Constant words only.
package struct EgressError: Error, Sendable, Equatable, CustomStringConvertible, JSONFailure {
    package let description: String

    package init(_ description: String) { self.description = description }

    package init(jsonOffset offset: Int) { self.init("JSON, at byte \(offset)") }
}

/// The fuzz entry point: what is read is written again as it was read.
package func fuzzEgressLedger(_ bytes: [UInt8]) {
    guard let entry = try? EgressLedger.parse(bytes.span) else { return }
    let text = Array(entry.text.utf8)
    precondition(
        text.count > EgressLedger.maximumLine || (try? EgressLedger.parse(text.span)) == entry,
        "a line is not read as it was written")
}

/// The fuzz entry point: any bytes are an answer of a server, or are refused.
package func fuzzServerAnswer(_ bytes: [UInt8]) {
    if let progress = try? ControlPlane.progress(bytes) {
        precondition(
            progress.nextSequence > 0 && ControlPlane.Progress.flushIntervals.contains(progress.flushInterval),
            "an answer beyond its limits")
    }
    _ = ControlPlane.problem(bytes)
    _ = try? ControlPlane.identity(bytes)
    _ = try? Pairing.offer(bytes)
    _ = ControlPlane.commands(bytes)
    if let receipt = try? Receipt(parsing: bytes.span) {
        let text = Array(receipt.json.utf8)
        precondition((try? Receipt(parsing: text.span)) == receipt, "a receipt is not read as it was written")
    }
}
