import RedactionFuzz
import RedactionRules
import Testing

@testable import RedactionKit

/// Whatever is no secret passes byte for byte.
@Suite("Transparency")
struct TransparencyTests {
    private let redactor = Shared.standard

    @Test(arguments: 0..<24 as Range<UInt64>)
    func `random bytes`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let bytes = (0..<20_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        #expect(redactor.redact(bytes) == bytes)
        #expect(redactor.redact(bytes, cutAt: randomCuts(bytes.count, seed: seed)) == bytes)
    }

    /// Bytes that make constructs begin and end more often than chance does, with no rule for them to match.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func `random bytes of syntax`(seed: UInt64) {
        var random = SplitMix(seed: 1000 + seed)
        let bytes = random.bytes(4000, of: Array("%\\&;#=:@.-\"'<>[]{}()/ \t\r\n\u{1b}\u{0}".utf8))
        #expect(redactor.redact(bytes) == bytes)
        #expect(redactor.redactByteByByte(bytes) == bytes)
    }

    @Test(
        arguments: [
            [], [0], [0x0a], [0x0d, 0x0a], [0xff], [0xef, 0xbb, 0xbf], [0xfe, 0xff], [0xc3], [0xe2, 0x82],
            [0xf0, 0x9f, 0x94], [0x1b], [0x5c], [0x25],
            [0x80, 0x81, 0xff, 0xfe, 0x0a], Array("no newline at the end".utf8),
            Array("\u{feff}mark\r\ncarriage returns\r\n\r\n".utf8),
            Array("a\0b\0\0c\n".utf8), Array("\u{1b}[1mbold\u{1b}[0m \u{1b}[38;2;1;2;3mtrue\u{1b}[m\n".utf8),
            Array("tab\tbell\u{7} delete\u{7f}\n".utf8),
        ] as [[UInt8]])
    func `odd bytes`(bytes: [UInt8]) {
        #expect(redactor.redact(bytes) == bytes)
        #expect(redactor.redactByteByByte(bytes) == bytes)
    }

    /// What stands around a secret stays as it is.
    @Test func `odd bytes around a secret`() {
        let token = "gh" + "p_q3vgy3iyzcAcaoFRo6RfNKImHfZLMe0H0H36"
        for (before, after) in [
            ([0xef, 0xbb, 0xbf], [0x0d, 0x0a]), ([0, 0, 0], [0]), ([0xff, 0xfe], [0xff]), ([0x0d], [0x0d]), ([], []),
            ([0x22], [0x22]), ([0xc3], [0xc3]),
        ] as [([UInt8], [UInt8])] {
            let output = redactor.redact(before + Array(token.utf8) + after)
            #expect(output == before + Array("[REDACTED:github-pat]".utf8) + after, "\(show(before))")
        }
    }

    @Test func `nothing is written for nothing`() {
        var stream = redactor.makeStream()
        var sink = Collector()
        stream.write([][...], to: &sink)
        stream.commit(0, to: &sink)
        stream.finish(to: &sink)
        #expect(sink.bytes.isEmpty && sink.findings.isEmpty)
        #expect(stream.bytesIn == 0)
    }

    /// The two ways to give a stream its input are one.
    @Test func `filling the input buffer gives the same output`() {
        let log = Repository.logs[0]
        var stream = redactor.makeStream()
        var sink = Collector()
        var rest = log.input[...]
        while !rest.isEmpty {
            let room = stream.inputBuffer(minimum: 100)
            let count = min(room.count, rest.count, 777)
            room.copyBytes(from: rest.prefix(count))
            stream.commit(count, to: &sink)
            rest = rest.dropFirst(count)
        }
        stream.finish(to: &sink)
        #expect(sink.bytes == redactor.redact(log.input))
    }
}
