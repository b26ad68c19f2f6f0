package import CommandSupport
internal import Glibc
internal import JSONText
package import RedactionKit
package import RunModel

/// Scrubs again what a server has not taken because it found a secret there (docs/formats/egress.md, "A secret that the
/// server finds").
///
/// The lines from the refused one on are written anew: scrubbed with the rules of this version, the refused one without
/// its text if those find nothing, the chain continued through all of them. What the server has stays as it is.
package enum TailRewriter {
    /// Where a log stands after its tail was written anew.
    package struct Result: Sendable {
        /// The hash of its last line.
        package var head: ChainHash
        /// Its size in bytes.
        package var size: Int
    }

    /// Begins the name of the file that holds a new tail until it is in its place; the offset of the tail follows.
    static let prefix = "rescrub."
    /// The name of a tail that is not whole yet.
    static let unfinishedName = prefix + "new"

    /// Rewrites the log of a run that is over, from line `sequence` on, which the server refused by its rule `rule`.
    /// Returns false when the run is not over.
    ///
    /// - Throws: `Failure` when the log is damaged or cannot be written; it then stands as it stood.
    /// - Complexity: linear; memory of one line.
    package static func rewrite(
        _ runDirectory: String, from sequence: Int, rule: String
    ) throws(Failure) -> Bool {
        let path = runDirectory + "/" + RunDirectory.logName
        guard let log = Descriptor.open(Path(path), O_RDWR | O_NOFOLLOW) else { throw failure(path) }
        guard log.lock() else { return false }
        let redactor: Redactor
        do { redactor = try Redactor() } catch { throw Failure(.internal, "\(error)") }
        _ = try rewrite(log, in: runDirectory, from: sequence, rule: rule, redactor)
        return true
    }

    /// The same for whoever holds the log's lock: its writer, while the run goes on.
    package static func rewrite(
        _ log: borrowing Descriptor, in runDirectory: String, from sequence: Int, rule: String, _ redactor: Redactor
    ) throws(Failure) -> Result {
        let path = runDirectory + "/" + RunDirectory.logName
        let temporary = runDirectory + "/" + unfinishedName
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW
        let number = Glibc.open(temporary, flags, 0o600)
        guard number >= 0 else { throw failure(temporary) }
        let file = Descriptor(number)
        let writer = ByteWriter(file.number, name: temporary)
        let (offset, head) = try writeTail(of: log, path, from: sequence, rule: rule, redactor, to: writer)
        writer.flush()
        try writer.check()
        guard fsync(file.number) == 0 else { throw failure(temporary) }
        try RewriteNote(time: .now, from: sequence, rule: rule).append(to: runDirectory)
        // From here on a crash is made good by `recover`.
        let whole = runDirectory + "/" + prefix + String(offset)
        guard rename(temporary, whole) == 0 else { throw failure(whole) }
        return Result(head: head, size: try put(whole, at: offset, into: log, path))
    }

    /// Puts a tail in its place that a crash kept from it.
    package static func recover(_ runDirectory: String) throws(Failure) {
        guard let directory = Descriptor.openDirectory(Path(runDirectory)), let names = FileTree.names(in: directory)
        else { return }
        for name in names.map({ String(decoding: $0, as: UTF8.self) }) where name.hasPrefix(prefix) {
            let path = runDirectory + "/" + RunDirectory.logName
            guard let log = Descriptor.open(Path(path), O_RDWR | O_NOFOLLOW), log.lock() else { continue }
            if let offset = Int(name.dropFirst(prefix.count)) {
                _ = try put(runDirectory + "/" + name, at: offset, into: log, path)
            } else if name == unfinishedName {
                // Nothing of it is in the log.
                unlink(runDirectory + "/" + name)
            }
        }
    }

    /// Copies the new tail over the old one, and returns where it ends. Doing it twice is doing it once.
    private static func put(
        _ tail: String, at offset: Int, into log: borrowing Descriptor, _ path: String
    ) throws(Failure) -> Int {
        guard let source = Descriptor.open(Path(tail), O_RDONLY | O_NOFOLLOW) else { throw failure(tail) }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var end = offset
        while true {
            let count = read(source.number, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(tail) }
            if count == 0 { break }
            var done = 0
            while done < count {
                let written = chunk.withUnsafeBytes {
                    pwrite(log.number, $0.baseAddress! + done, count - done, off_t(end + done))
                }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { throw failure(path) }
                done += written
            }
            end += count
        }
        guard ftruncate(log.number, off_t(end)) == 0, fsync(log.number) == 0 else { throw failure(path) }
        unlink(tail)
        return end
    }

    /// Writes the new tail and returns where in the log it begins, and its last hash.
    private static func writeTail(
        of log: borrowing Descriptor, _ path: String, from sequence: Int, rule: String, _ redactor: Redactor,
        to writer: ByteWriter
    ) throws(Failure) -> (offset: Int, head: ChainHash) {
        var reader = LogReader()
        var offset = 0
        var head: ChainHash?
        var previous = ChainHash.zero
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var place = 0
        while true {
            let count = pread(log.number, &chunk, chunk.count, off_t(place))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path) }
            if count == 0 { break }
            place += count
            do throws(LogError) {
                try reader.write(chunk.span.extracting(0..<count)) { (event, line) throws(LogError) in
                    guard event.sequence >= sequence else {
                        offset += line.count + 1
                        previous = ChainHash(lineEnd: line) ?? previous
                        return
                    }
                    var event = event
                    let wasRefused = event.sequence == sequence
                    event.body = scrubbed(event.body, redactor, isRefused: wasRefused, rule: rule)
                    if wasRefused, event.scrub.hits[rule] != nil || event.scrub.hits.count < EventLimits.rules {
                        event.scrub.hits[rule, default: 0] += 1
                    }
                    do throws(EventLineError) {
                        let written = try EventLine(event, after: head ?? previous)
                        head = written.hash
                        (written.bytes + [0x0A]).withUnsafeBytes { writer.write($0) }
                    } catch { throw LogError(line: event.sequence, error) }
                }
            } catch { throw Failure(.input, "\(path): \(error)") }
        }
        guard let head else { throw Failure(.input, "\(path): there is no line \(sequence)") }
        return (offset, head)
    }

    /// The body, scrubbed; the refused one without its text when scrubbing does not change it.
    static func scrubbed(
        _ body: RunEvent.Body, _ redactor: Redactor, isRefused: Bool, rule: String
    ) -> RunEvent.Body {
        let mark = "[REDACTED:" + rule + "]"
        if case .commandOutput(var output) = body {
            let clean = redactor.redact(output.bytes)
            output.bytes = clean == output.bytes && isRefused ? Array(mark.utf8) : clean
            return .commandOutput(output)
        }
        guard let data = try? body.encodedData(), let value = parse(data) else { return body }
        let clean = value.mappingStrings { redactor.redact($0) }
        if !(clean == value && isRefused), let result = try? RunEvent.Body(type: body.type, clean) { return result }
        guard isRefused else { return body }
        // Every text but the words that the format itself knows.
        let replaced = value.mappingStrings { text in
            (try? RunEvent.Body(type: body.type, value.mappingStrings { $0 == text ? mark : $0 })) == nil ? text : mark
        }
        return (try? RunEvent.Body(type: body.type, replaced))
            ?? .logLost(LogLost(reason: .writeFailed, events: 1, bytes: data.count))
    }

    private static func parse(_ data: [UInt8]) -> JSONValue? {
        var reader = JSONReader<RewriteError>()
        let bytes = data.span
        return try? reader.value(bytes)
    }

    private struct RewriteError: JSONFailure {
        init(jsonOffset offset: Int) {}
    }

    private static func failure(_ path: String) -> Failure { Failure(.input, "\(path): \(Diagnostics.reason(errno))") }
}
