internal import CPrefilter
internal import Testing

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

    /// Candidates of `text` from `from` on, by one kernel.
    private func scan(_ text: [UInt8], from: Int, to: Int, kernel: Int32) -> [Candidate] {
        let tables = UnsafeMutablePointer<pm_tables>.allocate(capacity: 1)
        defer { tables.deallocate() }
        pm_tables_init(tables)
        for fragment in ["pass", "token", "://", "begin "] {
            let bytes = Array(fragment.utf8)
            #expect(pm_tables_add_fragment(tables, bytes, bytes.count) >= 0)
        }
        for anchor in ["ghp", "eyJ", "AKI"] { pm_tables_add_anchor(tables, Array(anchor.utf8)) }
        var room = [pm_candidate](repeating: pm_candidate(), count: 4096)
        var found: [Candidate] = []
        var position = from
        while position < to {
            var next = 0
            let count = pm_scan(tables, kernel, text, position, to, &room, room.count, &next)
            found += room[0..<count].map {
                Candidate(start: $0.start, end: $0.end, kind: $0.kind, flags: $0.flags, id: $0.id)
            }
            position = next
        }
        return found
    }

    @Test func `the best kernel agrees with the scalar one on mixed text`() {
        var state: UInt64 = 1
        func random(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        let pieces = [
            "PASS", "token", "://", "BEGIN ", "gh" + "p_", "ey" + "J", "aB3dE5gH7jK9mN1p", "41424344", "aGVsbG8g", "@",
            "%41", "\\u0041", "&#64;", "\u{1b}[0m", "\0a\0", " ", "\n", "=", "é", ".",
        ]
        for _ in 0..<300 {
            var text: [UInt8] = []
            for _ in 0..<random(60) { text += Array(pieces[random(pieces.count)].utf8) }
            if text.isEmpty { continue }
            let from = random(text.count)
            let scalar = scan(text, from: from, to: text.count, kernel: Int32(PM_KERNEL_SCALAR.rawValue))
            #expect(scan(text, from: from, to: text.count, kernel: pm_best_kernel()) == scalar)
        }
    }

    @Test func `every offset and every byte`() {
        let text =
            Array(repeating: Array(UInt8(0)...255), count: 2).flatMap { $0 }
            + Array(("x tok" + "en=gh" + "p_aB3dE5gH7jK9mN1pQ3").utf8)
        for from in 0..<130 {
            let scalar = scan(text, from: from, to: text.count, kernel: Int32(PM_KERNEL_SCALAR.rawValue))
            #expect(!scalar.isEmpty)
            #expect(scan(text, from: from, to: text.count, kernel: pm_best_kernel()) == scalar)
        }
    }
}
