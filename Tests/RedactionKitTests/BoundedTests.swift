import RedactionFuzz
import Testing

@testable import RedactionKit

/// Memory depends on the limits, never on the input.
@Suite("Bounds")
struct BoundedTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let head: String
        /// Written over and over.
        let unit: String
        var testDescription: String { name }
    }

    /// Lines without an end, each of a kind that makes some detector wait.
    static let cases = [
        Case(name: "one letter", head: "", unit: "a"),
        Case(name: "base64", head: "", unit: "SGVsbG8gd29ybGQsIHRoaXMgaXMgYmFzZTY0IG9mIHRleHQu"),
        Case(name: "hexadecimal", head: "", unit: "48656c6c6f20776f726c6421"),
        Case(name: "at signs", head: "", unit: "@"),
        Case(name: "addresses", head: "", unit: "a@b<cut>.de@".joined),
        Case(name: "jwt headers", head: "", unit: "ey" + "J."),
        Case(
            name: "a jwt without an end", head: "ey" + "JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.",
            unit: "kT3nV8xQ0pLr5Yw2ZbHs7"),
        Case(
            name: "a key block never ended", head: "-----BEG" + "IN PRIVATE KEY-----\n",
            unit: "MIIEowIBAAKCAQEAzK3x7Yt1QmW5vRb8nLpE2sJd6HfUcA9oGiXkN4TyZ0Vb5Jq2\n"),
        Case(
            name: "a key in one line", head: "\"-----BEG" + "IN PRIVATE KEY-----\\n",
            unit: "MIIEowIBAAKCAQEAzK3x7Yt1QmW5vRb8\\n"),
        Case(name: "a value without an end", head: "password=\"", unit: "x! "),
        Case(name: "a bare value without an end", head: "api_key=", unit: "x9!Q"),
        Case(name: "assignments", head: "", unit: "password="),
        Case(name: "a URL without an end", head: "https://u:", unit: "x"),
        Case(name: "schemes", head: "", unit: "://"),
        Case(name: "percent", head: "", unit: "%41"),
        Case(name: "lone percent", head: "", unit: "%"),
        Case(name: "backslashes", head: "", unit: "\\"),
        Case(name: "character references", head: "", unit: "&#65;"),
        Case(name: "colours", head: "", unit: "\u{1b}[31m"),
        Case(name: "UTF-16", head: "", unit: "a\0"),
        Case(name: "dots", head: "", unit: "."),
        Case(name: "dashes", head: "", unit: "-"),
        Case(name: "quotes", head: "", unit: "\""),
        Case(name: "blanks", head: "", unit: " "),
        Case(name: "letters beyond ASCII", head: "", unit: "ü"),
        Case(name: "cookies", head: "Cookie: ", unit: "a=0123456789;"),
        Case(name: "headers", head: "", unit: "authorization: bearer "),
        Case(name: "key markers", head: "", unit: "-----BEG" + "IN "),
        Case(
            name: "mixed text", head: "",
            unit: "key=val; user<cut>@host.example https://a:<cut>b@c/ %20 \\u0041 ".joined),
    ]

    /// Four times what is examined at once, with what the longest construct may hold.
    private static let limit = 1024 * 1024

    @Test(arguments: cases)
    func `the buffer stays small`(bounded: Case) { run(bounded, bytes: 1_500_000) }

    @Test(.tags(.slow), .enabled(if: runsSlowTests), arguments: cases)
    func `the buffer stays small for 64 MB`(bounded: Case) { run(bounded, bytes: 64_000_000) }

    private func run(_ bounded: Case, bytes total: Int) {
        var stream = Shared.everything.makeStream()
        var sink = Counter()
        stream.write(bounded.head, to: &sink)
        let unit = Array(bounded.unit.utf8)
        var chunk: [UInt8] = []
        while chunk.count < 64 * 1024 { chunk += unit }
        var written = bounded.head.utf8.count
        while written < total {
            stream.write(chunk[...], to: &sink)
            written += chunk.count
            #expect(stream.bufferCapacity <= Self.limit)
            if stream.bufferCapacity > Self.limit { return }
        }
        stream.finish(to: &sink)
        #expect(stream.bytesIn == UInt64(written))
        #expect(sink.count > 0)
    }

    private struct Counter: RedactionSink {
        var count = 0
        mutating func write(_ bytes: UnsafeRawBufferPointer) { count += bytes.count }
    }

    /// Pieces of an over-long input give the same output as the whole.
    @Test(arguments: cases)
    func `long inputs do not depend on cuts`(bounded: Case) {
        var input = Array(bounded.head.utf8)
        while input.count < 150_000 { input += Array(bounded.unit.utf8) }
        let whole = Shared.everything.redact(input)
        for seed in 1...2 as ClosedRange<UInt64> {
            let cuts = stride(from: 1000, to: input.count, by: 30_011).flatMap { [$0, $0 + Int(seed) * 13] }.filter {
                $0 < input.count
            }.sorted()
            let output = Shared.everything.redact(input, cutAt: cuts)
            #expect(output == whole, "\(show(output, limit: 120)) and not \(show(whole, limit: 120))")
        }
    }
}
