package import RedactionKit

/// Scrubs records that come one by one, each to be answered at once: nothing is held back from one record to the next.
///
/// What is undecided at a record's end is redacted. A private key whose lines are records of their own is redacted in all of
/// them: the scrubber remembers for each source that it is inside one.
package struct RecordScrubber {
    /// Records of one key: 16 KiB of key material in lines of 64 characters, and as much again.
    package static let keyRecords = 512
    /// Sources that are remembered to be inside a key.
    package static let sources = 1024

    private let redactor: Redactor
    private var inside: [[UInt8]: Int] = [:]

    /// What a line of key material is read behind. In two parts, so that our own scan of this file finds nothing.
    private static let begin = Array(("-----BEG" + "IN PRIVATE KEY-----\n").utf8)
    private static let end = Array("-----END".utf8)

    package init(_ redactor: Redactor) { self.redactor = redactor }

    /// Returns a record without its secrets. `source` tells records apart that may come between each other, such as those of
    /// different processes.
    package mutating func scrub(_ record: [UInt8], source: [UInt8] = []) -> [UInt8] {
        if let count = inside[source] {
            inside[source] = nil
            let (output, _) = run(Self.begin + record)
            let line = output.firstIndex(of: 0x0A)
            guard let line, line + 1 < output.count else {
                // The whole record is key material.
                if !Self.contains(record, Self.end), count < Self.keyRecords { inside[source] = count + 1 }
                return output.last == 0x0A ? Array(output.dropLast()) : output
            }
            return Array(output[(line + 1)...])
        }
        let (output, isKey) = run(record)
        if isKey, !Self.contains(record, Self.end), inside.count < Self.sources { inside[source] = 1 }
        return output
    }

    private func run(_ bytes: [UInt8]) -> (output: [UInt8], isKey: Bool) {
        var stream = redactor.makeStream()
        var sink = Sink()
        bytes.withUnsafeBytes { stream.write($0, to: &sink) }
        stream.finish(to: &sink)
        return (sink.bytes, sink.isKey)
    }

    private struct Sink: RedactionSink {
        var bytes: [UInt8] = []
        var isKey = false
        mutating func write(_ piece: UnsafeRawBufferPointer) { bytes.append(contentsOf: piece) }
        mutating func redacted(_ finding: Finding) { isKey = isKey || finding.ruleID == "private-key" }
    }

    private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        guard bytes.count >= part.count else { return false }
        return (0...bytes.count - part.count).contains { start in
            part.indices.allSatisfy { bytes[start + $0] == part[$0] }
        }
    }
}
