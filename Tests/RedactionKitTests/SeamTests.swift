internal import RedactionFuzz
internal import Testing

@testable internal import RedactionKit

/// A stream that begins where another has nothing in hand goes on as that one would.
@Suite("Seams")
struct SeamTests {
    struct Result: Equatable {
        var bytes: [UInt8]
        var findings: [Finding]
    }

    private static let lines: Redactor = {
        var options = RedactorOptions()
        options.countsLines = true
        do { return try Redactor(options) } catch { fatalError("\(error)") }
    }()

    private func whole(_ text: [UInt8]) -> Result {
        var sink = Collector()
        var stream = Self.lines.makeStream()
        stream.write(text[...], to: &sink)
        stream.finish(to: &sink)
        return Result(bytes: sink.bytes, findings: sink.findings)
    }

    /// The text in two streams; nil if the first has something in hand where the second would begin.
    private func split(_ text: [UInt8], at cut: Int, step: Int = .max) -> Result? {
        var sink = Collector()
        var first = Self.lines.makeStream()
        var at = 0
        while at < cut {
            let end = min(cut, at + min(step, cut))
            first.write(text[at..<end], to: &sink)
            at = end
        }
        let context = text[max(0, cut - Self.lines.contextLength)..<cut]
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: context.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: context)
        var second = Self.lines.makeStream(path: nil, at: UInt64(cut), context: UnsafeRawBufferPointer(copy))
        guard let seam = first.seam, seam == second.seam else { return nil }
        let lines = first.lineEnds()
        let before = sink.findings.count
        second.write(text[cut...], to: &sink)
        second.finish(to: &sink)
        for index in before..<sink.findings.count { sink.findings[index] = sink.findings[index].movedDown(by: lines) }
        return Result(bytes: sink.bytes, findings: sink.findings)
    }

    /// All of a finding but its length, which of an open construct is told as far as it is known: that depends on the reads.
    private func place(_ finding: Finding) -> String {
        "\(finding.ruleID) \(finding.offset) \(finding.line ?? 0) \(finding.column ?? 0) \(finding.confidence)"
    }

    /// Cuts behind line ends, which are where files are cut, and elsewhere too.
    private func expectSeams(_ text: [UInt8], _ cuts: some Sequence<Int>, _ what: Comment) -> Int {
        let expected = whole(text)
        var seams = 0
        for cut in cuts {
            guard let result = split(text, at: cut, step: cut % 3 == 0 ? 100 : .max) else { continue }
            seams += 1
            guard result.bytes == expected.bytes else {
                Issue.record("cut at \(cut) gives other bytes: \(what)")
                return seams
            }
            // Columns are counted from a line's beginning, which only a cut behind a line end knows.
            if cut == 0 || text[cut - 1] == UInt8(ascii: "\n") {
                #expect(result.findings.map(place) == expected.findings.map(place), what)
            }
        }
        return seams
    }

    @Test(.tags(.corpus), arguments: Repository.logs)
    func `in logs, behind every line`(log: LogCase) {
        let text = Array(log.input.prefix(40_000))
        let cuts = text.indices.filter { text[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
        let some = cuts.enumerated().filter { $0.offset % max(1, cuts.count / 60) == 0 }.map(\.element)
        let seams = expectSeams(text, some, "\(log)")
        // Parts are worth while only if most cuts are seams.
        #expect(some.isEmpty || seams * 2 > some.count)
    }

    @Test func `in random texts, at every place`() {
        var random = SplitMix(seed: 11)
        var seams = 0
        for number in 0..<60 {
            var text: [UInt8] = []
            while text.count < 500 { text += TextGenerator.text(with: &random) + (random.below(2) == 0 ? [0x0a] : []) }
            seams += expectSeams(text, 0...text.count, "random text \(number)")
        }
        #expect(seams > 1000)
    }

    @Test func `in constructs that are longer than any context`() {
        let key = "-----BEG<cut>IN RSA PRI<cut>VATE KEY-----\n".joined
        let body = (0..<200).map { "MIIEpAIBAAKCAQEA\($0 % 10)aB3dE5gH7jK9mN1pQ3aB3dE5gH7jK9mN1pQ3aB3dE5gH7j" }
            .joined(separator: "\n")
        let end = "\n-----END<cut> RSA PRI<cut>VATE KEY-----\nplain text follows\n".joined
        let token = "gh<cut>p_".joined + String(repeating: "a1B2", count: 12_000)
        let encoded = String(repeating: "cGFzc3dv<cut>cmQ9".joined, count: 3000)
        let texts = [
            "before\n" + key + body + end,
            "before\n" + key + body + "\nno end, and prose instead of it\nmore\n",
            "x=" + token + "\nafter " + token.prefix(50) + "\n",
            "data: " + encoded + "\nand a line\n",
            "pass<cut>word: \"".joined + String(repeating: "lorem ipsum\n", count: 600) + "\"\n",
            String(repeating: "p\0a\0s\0s\0", count: 5000) + "\n\0word\n\0",
            "kind: Sec<cut>ret\ndata:\n".joined
                + String(repeating: "  a: YWJjZGVm<cut>Z2hpamtsbW5v\n".joined, count: 300),
        ]
        for text in texts {
            let bytes = Array(text.utf8)
            let ends = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
            let some = ends.enumerated().filter { $0.offset % max(1, ends.count / 40) == 0 }.map(\.element)
            _ = expectSeams(bytes, some + [bytes.count / 2, bytes.count / 3, bytes.count - 1], "\(text.prefix(30))")
        }
    }

    @Test func `nothing is a seam while something is in hand`() {
        func seam(after text: String) -> RedactionStream.Seam? {
            var sink = Collector()
            var stream = Self.lines.makeStream()
            stream.write(text.joined, to: &sink)
            return stream.seam
        }
        #expect(seam(after: "a finished line\n") != nil)
        #expect(seam(after: "a line with gh<cut>p_aB3dE5gH7jK9mN1pQ3aB") == nil)
        #expect(seam(after: "-----BEG<cut>IN RSA PRI<cut>VATE KEY-----\nMIIEpAIBAAKCAQEA\n") == nil)
    }
}
