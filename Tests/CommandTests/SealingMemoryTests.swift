internal import Glibc
internal import Testing

/// Sealing and opening keep at most 16 MiB resident, however much goes through.
///
/// `make test` runs this on 96 MiB, `make test-large` on 1 GiB.
@Suite(.serialized) struct SealingMemoryTests {
    enum Form: String, CaseIterable, CustomTestStringConvertible {
        case age, armored, record
        var testDescription: String { rawValue }
    }

    private static var size: Int { getenv("PIPEMASON_LARGE") == nil ? 96 << 20 : 1 << 30 }
    private static let limit = 16 << 10

    @Test(.enabled(if: Child.isRelease), arguments: Form.allCases)
    func `memory stays below 16 MiB`(form: Form) throws {
        let directory = Directory()
        let identity = directory.path + "/identity"
        let keys = directory.path + "/keys"
        let made = try Child.run(["keygen", "--age", "-o", identity])
        let recipient = try #require(made.error.split(separator: " ").last).filter { !$0.isWhitespace }
        #expect(try Child.run(["keygen", "-o", keys]).status == 0)
        let record = ["--key-file", keys, "--kind", "file", "--context", "artifact,a,b,c,d,1"]
        let sealing: [String]
        switch form {
        case .age: sealing = ["--age", "-r", recipient]
        case .armored: sealing = ["--age", "--armor", "-r", recipient]
        case .record: sealing = record
        }
        let sealed = directory.path + "/sealed"
        let sealer = try Child(["seal"] + sealing, output: .file(sealed))
        let block = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for _ in 0..<Self.size >> 20 { sealer.write(block) }
        try expectPeak(of: sealer)
        #expect(sealer.finish().status == 0)

        let opener = try Child(["open"] + (form == .record ? record : ["--age", "-i", identity]))
        opener.keepsOutput = false
        let file = open(sealed, O_RDONLY)
        defer { close(file) }
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        while case let count = read(file, &piece, piece.count), count > 0 { opener.write(Array(piece[..<count])) }
        try expectPeak(of: opener)
        let result = opener.finish()
        #expect(result.status == 0, "\(result.error)")
        #expect(opener.outputCount == Self.size)
    }

    private func expectPeak(of child: Child) throws {
        let peak = child.peakMemory
        #expect(peak > 1 << 10, "no figure")
        #expect(peak <= Self.limit, "\(peak) KiB at the peak")
    }
}
