import RedactionFuzz
import Testing

@testable import RedactionKit

/// A secret is found in an encoding, and the encoded text is what is redacted.
@Suite("Encodings")
struct EncodingTests {
    private static let token = Array(("gh" + "p_q3vgy3iyzcAcaoFRo6RfNKImHfZLMe0H0H36").utf8)
    private let mark = Array("[REDACTED:github-pat]".utf8)

    @Test(arguments: Encoding.undone)
    func `every byte encoded`(encoding: Encoding) {
        check(encoding.apply(Self.token), encoding, encoding.rawValue)
    }

    @Test(arguments: Encoding.undone)
    func `some bytes encoded`(encoding: Encoding) {
        for seed in 0..<8 as Range<UInt64> {
            var random = SplitMix(seed: seed)
            check(encoding.apply(Self.token, &random), encoding, "\(encoding.rawValue), seed \(seed)")
        }
    }

    /// Text before and after the token shifts it through the three alignments of base64.
    @Test(arguments: [Encoding.base64, .base64url, .base64Unpadded], 0..<9)
    func `base64 at every alignment`(encoding: Encoding, shift: Int) {
        for tail in 0..<3 {
            let text =
                Array("config=".utf8.prefix(shift)) + Array(";;;".prefix(shift > 0 ? 1 : 0).utf8) + Self.token
                + Array(" \n.".utf8.prefix(tail))
            let output = Shared.standard.redact(Array("x ".utf8) + encoding.apply(text) + Array(" y\n".utf8))
            #expect(contains(output, mark), "\(shift), \(tail): \(show(output))")
            #expect(!reveals(output, encoding, text), "\(shift), \(tail): \(show(output))")
        }
    }

    /// Whether what is left of an encoded text decodes to eight bytes of the token.
    private func reveals(_ output: [UInt8], _ encoding: Encoding, _ text: [UInt8]) -> Bool {
        let left = Set(output.split { !$0.isBase64 }.map { Array($0) })
        // Encoded parts of the token at each alignment, long enough to be no chance.
        for alignment in 0..<3 {
            let encoded = encoding.apply(Array(repeating: 0x20, count: alignment) + Self.token[4..<36]).dropFirst(
                alignment == 0 ? 0 : alignment + 1)
            for start in encoded.indices.dropLast(10) {
                let part = Array(encoded[start..<(start + 10)])
                if left.contains(where: { contains($0, part) }) { return true }
            }
        }
        return false
    }

    @Test(arguments: Encoding.undone, Encoding.undone)
    func `nested twice`(inner: Encoding, outer: Encoding) {
        // A colour inside an encoding is text that no terminal shows, and NUL in base64 of UTF-16 is no text.
        if inner == .colored, outer != .colored { return }
        // A colour in the middle of an escape breaks it.
        if outer == .colored,
            ![.base64, .base64url, .base64Unpadded, .hexLower, .hexUpper, .jsonString].contains(inner)
        {
            return
        }
        if inner == .utf16LE || inner == .utf16BE { return }
        let text = outer.apply(inner.apply(Self.token))
        let output = Shared.standard.redact(Array("x ".utf8) + text + Array(" y\n".utf8))
        #expect(contains(output, mark), "\(show(Array("x ".utf8) + text)) → \(show(output))")
    }

    @Test func `only the secret's part of an encoded text is redacted`() {
        let text = Encoding.percent.apply(Array("a b".utf8))
        let output = Shared.standard.redact(
            text + Array("&t=".utf8) + Encoding.percent.apply(Self.token) + Array("&c=%20".utf8))
        #expect(output == text + Array("&t=".utf8) + mark + Array("&c=%20".utf8))
    }

    @Test func `colours end where they ended`() {
        let middle = Self.token.count / 2
        let colored =
            Self.token[..<middle] + Array("\u{1b}[31m".utf8) + Self.token[middle...] + Array("\u{1b}[0m\n".utf8)
        #expect(Shared.standard.redact(Array(colored)) == mark + Array("\u{1b}[31m\u{1b}[0m\n".utf8))
    }

    @Test(arguments: [
        "quinn%<cut>40example.net", "quinn&<cut>#64;example.net", "quinn&<cut>commat;example.net",
        "quinn\\u<cut>0040example.net",
        "quinn\\x<cut>40example.net",
    ])
    func `addresses`(text: String) {
        #expect(Shared.standard.redact("to \(text.joined), ok") == "to [REDACTED:email], ok")
    }

    @Test func `escapes without a secret stay as they are`() {
        for text in [
            "a%20b%2Fc%3Dd", "\\u0041\\u0042\\n", "&lt;tag&gt;&amp;&#10;", "48656c6c6f20776f726c6421",
            "SGVsbG8gd29ybGQsIGhlcmUgd2UgYXJl", "\\x41\\x42\\x43",
        ] {
            #expect(Shared.standard.redact(text) == text)
        }
    }

    /// Checks that the encoded token alone is replaced, whatever the cuts.
    private func check(_ encoded: [UInt8], _ encoding: Encoding, _ what: String) {
        // UTF-16 text stands in UTF-16 text; padding of base64 may stay, since it says nothing.
        let isWide = encoding == .utf16LE || encoding == .utf16BE
        let (before, after) = (Array("x ".utf8), Array(" y\n".utf8))
        let text = isWide ? encoding.apply(before) + encoded + encoding.apply(after) : before + encoded + after
        let output = Shared.standard.redact(text)
        let rest = withoutSequences(output).filter { $0 != 0 && $0 != UInt8(ascii: "=") }
        #expect(rest == before + mark + after, "\(what): \(show(text)) → \(show(output))")
        #expect(Shared.standard.redactByteByByte(text) == output, "\(what), byte by byte")
    }

    private func withoutSequences(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == 0x1b {
                while bytes[index] != UInt8(ascii: "m") { index += 1 }
            } else {
                result.append(bytes[index])
            }
            index += 1
        }
        return result
    }
}

/// Whether `part` occurs in `bytes`.
func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    guard bytes.count >= part.count else { return false }
    return (0...(bytes.count - part.count)).contains { bytes[$0...].starts(with: part) }
}
