internal import CPrefilter
internal import RedactionFuzz
internal import Testing

@testable internal import RedactionKit

/// Each kernel of the prefilter yields what its slow twin yields, at every offset and length.
@Suite("Prefilter kernels")
struct KernelTests {
    struct Candidate: Equatable {
        let start: UInt32
        let end: UInt32
        let kind: UInt8
        let flags: UInt8
        let id: UInt16
    }

    /// Kernels that this processor runs, but for the slow twin.
    static let kernels = (PM_KERNEL_SSSE3.rawValue..<UInt32(PM_KERNEL_COUNT)).map(Int32.init)
        .filter { pm_has_kernel($0) != 0 }
    private static let scalar = Int32(PM_KERNEL_SCALAR.rawValue)

    /// Candidates of `text` from `from` on, by one kernel, with the tables of the built-in rules.
    private func scan(_ text: [UInt8], from: Int, kernel: Int32) -> [Candidate] {
        let tables = Shared.standard.rules.tables.pointer
        let capacity = Int(PM_MINIMUM_CAPACITY)
        var room = [pm_candidate](repeating: pm_candidate(), count: capacity)
        var found: [Candidate] = []
        var position = from
        // No byte behind the end: a kernel that reads one is told by the sanitizer.
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, text.count))
        defer { copy.deallocate() }
        copy.initialize(from: text, count: text.count)
        while position < text.count {
            var next = 0
            let count = pm_scan(tables, kernel, copy, position, text.count, &room, capacity, &next)
            found += room[0..<count].map {
                Candidate(start: $0.start, end: $0.end, kind: $0.kind, flags: $0.flags, id: $0.id)
            }
            position = next
        }
        return found
    }

    @Test func `this processor has a kernel`() {
        #expect(pm_has_kernel(pm_best_kernel()) != 0)
        #expect(pm_has_kernel(Self.scalar) != 0)
        #expect(pm_has_kernel(Int32(PM_KERNEL_COUNT)) == 0)
    }

    @Test(arguments: kernels)
    func `agrees on random texts`(kernel: Int32) {
        var random = SplitMix(seed: 1)
        for _ in 0..<200 {
            var text: [UInt8] = []
            while text.count < 300 { text += TextGenerator.text(with: &random) }
            let from = random.below(text.count)
            #expect(
                scan(text, from: from, kernel: kernel) == scan(text, from: from, kernel: Self.scalar),
                "from \(from) of \(show(text, limit: 4000))")
        }
    }

    @Test(.tags(.corpus), arguments: kernels, Repository.logs)
    func `agrees on logs`(kernel: Int32, log: LogCase) {
        #expect(scan(log.input, from: 0, kernel: kernel) == scan(log.input, from: 0, kernel: Self.scalar))
    }

    @Test(arguments: kernels)
    func `agrees at every offset and alignment, on every byte`(kernel: Int32) {
        let parts = [
            "x api tok<cut>en=gh<cut>p_aB3dE5gH7jK9mN1pQ3aB3dE5gH7jK9mN1pQ3 ",
            "mailgun k<cut>ey = 3f9ac1e85b7d2046<cut>a8c0e1f3b5d79284\n",
            "dXNlcm5hbWU6<cut>cGFzc3dvcmQ= 4142434445464748494a4b4c a<cut>@example.com https://u:p<cut>@h ",
        ]
        var text: [UInt8] = Array(0...255)
        text += text
        for part in parts { text += Array(part.joined.utf8) }
        for from in 0..<130 {
            for end in [text.count, text.count - from % 67] {
                let part = Array(text[..<end])
                let scalar = scan(part, from: from, kernel: Self.scalar)
                #expect(!scalar.isEmpty)
                #expect(scan(part, from: from, kernel: kernel) == scalar)
            }
        }
    }

    @Test(arguments: kernels)
    func `runs across chunks and full buffers`(kernel: Int32) {
        for text in [
            Array(repeating: UInt8(ascii: "@"), count: 20_000),
            Array(String(repeating: "a<cut>@b.cd ".joined, count: 3000).utf8),
            Array(repeating: UInt8(ascii: "A"), count: 5000) + Array("=b x".utf8),
            Array(String(repeating: "%41\\u0041&amp;", count: 1000).utf8),
        ] {
            #expect(scan(text, from: 3, kernel: kernel) == scan(text, from: 3, kernel: Self.scalar))
        }
    }

    /// Colours of a log begin and end words: only within one they may hide a secret.
    @Test func `which control sequences are reported`() {
        func escapes(_ text: String) -> Int {
            scan(Array(text.utf8), from: 0, kernel: pm_best_kernel()).count { $0.kind == PM_ESCAPE.rawValue }
        }
        #expect(escapes("\u{1b}[36;1mGet sources\u{1b}[0m\nmore") == 0)
        #expect(escapes("\r\u{1b}[K\u{1b}[1;36mword\u{1b}[0;m\u{1b}[K done") == 0)
        #expect(escapes("a\u{1b}[1mb ") == 1)
        #expect(escapes("a\u{1b}[1m\u{1b}[4mb ") == 2)
        #expect(escapes("ä\u{1b}[1mö ") == 1)
        #expect(escapes("a\u{1b}[1mb\u{1b}[0m ") == 1)
        // What the end of the text cuts off may go on.
        #expect(escapes("a\u{1b}[1") == 1)
        #expect(escapes("a\u{1b}[1m") == 1)
    }

    @Test func `what pattern sources say about followers and look-behinds`() {
        let plain = PatternHints.followers(of: "abc_", in: "abc_[A-Za-z0-9]{36,1200}")
        #expect(plain.count == 36)
        #expect(plain.set.value.bits.0 == 0x03ff_0000_0000_0000)
        let choice = PatternHints.followers(
            of: "a.b", in: #"(?<![_-])(?:x_|a\.b)(?=[a-z]{0,64}[0-9])[0-9a-f]{32}(?![a-z])"#)
        #expect(choice.count == 32)
        let longer = PatternHints.followers(of: "s.4", in: #"(?<![.])s\.(?=[A-Z]{0,3}[0-9])[A-Z0-9]{24}"#)
        #expect(longer.count == 23)
        #expect(PatternHints.followers(of: "s.a", in: #"s\.[A-Z0-9]{24}"#).count == 0)
        #expect(PatternHints.followers(of: "s.A", in: #"(?:s\.|s\.AB)[A-Z0-9]{24}"#).count == 0)
        #expect(PatternHints.followers(of: "AKIA", in: "(?:A3T[A-Z0-9]|AKIA|ASIA)[A-Z0-9]{16}").count == 16)
        #expect(PatternHints.followers(of: "A3T", in: "(?:A3T[A-Z0-9]|AKIA|ASIA)[A-Z0-9]{16}").count == 0)
        #expect(PatternHints.followers(of: "A3TA", in: "(?:A3T[A-Z0-9]|A)[A-Z0-9]{16}").count == 0)
        #expect(PatternHints.followers(of: "AB", in: "[A-Z]{8}AB[0-9]{4}").count == 0)
        #expect(PatternHints.followers(of: "b_", in: "ab_[0-9]{5}").count == 0)
        #expect(PatternHints.followers(of: "ab", in: "abc?[0-9]{5}").count == 0)
        #expect(PatternHints.followers(of: "ab", in: "ab[0-9]*").count == 0)
        #expect(PatternHints.followers(of: "ab", in: "ab[^0-9]{5}").count == 0)
        let (before, first) = PatternHints.context(#"(?<=[0-9]{2}\|)x"#)
        #expect(before[0].value.bits.1 == 1 << 60)
        #expect(before[1].value.bits.0 == 0x03ff_0000_0000_0000)
        #expect(before[3].value.bits.0 == .max)
        #expect(first.value.bits.1 == 1 << 56)
        #expect(PatternHints.context("x").before.allSatisfy { $0.value.bits.2 == .max })
    }
}
