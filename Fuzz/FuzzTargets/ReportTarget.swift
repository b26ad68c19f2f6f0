internal import CommandSupport
internal import Glibc
internal import JSONText
internal import RedactionKit
internal import RedactionRules
internal import ScrubReports

/// Reports of findings whose names come from a hostile rule file, a hostile path, a hostile tag.
enum ReportTarget {
    /// Fields end with 0xFF: a rule's id, its summary, a path, a tag, a warning, text around the secrets.
    static func run(_ bytes: Span<UInt8>) {
        var fields = bytes.withUnsafeBufferPointer { bytes in
            bytes.split(separator: 0xFF, maxSplits: 5, omittingEmptySubsequences: false).map { Array($0) }
        }
        while fields.count < 6 { fields.append([]) }
        let id = String(decoding: fields[0], as: UTF8.self)
        let path = Path(bytes: fields[2].filter { $0 != 0 })
        let tag = String(decoding: fields[3], as: UTF8.self)
        let secret = "tok_" + "0a1b2c3d4e5f6g7h"
        let text = fields[5] + Array(" \(secret)\n".utf8) + fields[5] + Array(" \(secret)\n".utf8)

        var options = RedactorOptions()
        options.ruleSet = RuleSet(rules: [
            Rule(
                id: id, summary: String(decoding: fields[1], as: UTF8.self), regex: "tok_[0-9a-z]{16}",
                anchors: ["tok_"])
        ])
        options.countsLines = true
        options.explains = true
        if !tag.isEmpty { options.tagger = { _, _ in tag } }
        // A rule's id may be one that a redactor refuses.
        guard let redactor = try? Redactor(options) else { return }
        var sink = Findings()
        var stream = redactor.makeStream(path: path.text)
        text.withUnsafeBytes { stream.write($0, to: &sink) }
        stream.finish(to: &sink)

        for format in Report.Format.allCases {
            let written = report(
                format, sink.findings, path, options.ruleSet, String(decoding: fields[4], as: UTF8.self))
            var reader = JSONReader<NotJSON>()
            guard let value = try? reader.value(written.span), (try? reader.expectEnd(written.span)) != nil else {
                preconditionFailure("a report is not JSON")
            }
            let strings = strings(of: value)
            guard !sink.findings.isEmpty else { continue }
            precondition(strings.contains(id), "a report does not name its rule")
            precondition(
                fields.contains { $0.contains(UInt8(ascii: "0")) } || !strings.contains { $0.contains(secret) })
        }
    }

    /// Every string of a value, names of members included.
    private static func strings(of value: JSONValue) -> Set<String> {
        switch value {
        case .null, .bool, .number: []
        case .string(let text): [text]
        case .array(let elements): elements.reduce(into: []) { $0.formUnion(strings(of: $1)) }
        case .object(let members):
            members.reduce(into: []) { $0.formUnion(strings(of: $1.value).union([$1.name])) }
        }
    }

    private struct Findings: RedactionSink {
        var findings: [Finding] = []
        mutating func write(_ bytes: UnsafeRawBufferPointer) {}
        mutating func redacted(_ finding: Finding) { findings.append(finding) }
    }

    private struct NotJSON: JSONFailure {
        init(jsonOffset: Int) {}
    }

    /// The report as it would be on disk.
    private static func report(
        _ format: Report.Format, _ findings: [Finding], _ path: Path, _ ruleSet: RuleSet, _ warning: String
    ) -> [UInt8] {
        guard let file = tmpfile() else { return Array("null".utf8) }
        defer { fclose(file) }
        var tally = Tally()
        var report = Report(format, to: ByteWriter(fileno(file), name: "report"), ruleSet: ruleSet)
        for (index, finding) in findings.enumerated() {
            tally.add(finding)
            report.add(finding, path: index % 2 == 0 ? path : nil)
        }
        do {
            try report.finish(tally, warnings: warning.isEmpty ? [] : [warning], isComplete: warning.isEmpty)
        } catch {
            return Array("null".utf8)
        }
        rewind(file)
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes[..<count])
    }
}
