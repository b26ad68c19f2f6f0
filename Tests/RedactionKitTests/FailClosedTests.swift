import RedactionFuzz
import RedactionRules
import Testing

@testable import RedactionKit

/// A limit, an open construct, the end of input: what is undecided is redacted, never let through.
@Suite("Fails closed")
struct FailClosedTests {
    private let redactor = Shared.standard
    private func redact(_ text: String) -> String { redactor.redact(text) }
    private let begin = "-----BEG" + "IN RSA PRIVATE KEY-----\n"
    private let line = "MIIEowIBAAKCAQEAzK3x7Yt1QmW5vRb8nLpE2sJd6HfUcA9oGiXkN4TyZ0Vb5Jq2\n"

    @Test func `the input ends inside a private key`() {
        #expect(redact(begin + line + line.dropLast(20)) == "[REDACTED:private-key]")
        #expect(redact(begin) == "[REDACTED:private-key]\n")
        #expect(redact("key: " + begin + line).hasPrefix("key: [REDACTED:private-key]"))
    }

    @Test func `a private key without an end does not swallow the stream`() {
        let output = redact(begin + line + line + "2026-11-24 12:00:00 INFO started, 7 workers\nmore\n")
        #expect(output == "[REDACTED:private-key]\n2026-11-24 12:00:00 INFO started, 7 workers\nmore\n")
    }

    @Test func `a private key of any length`() {
        let lines = String(repeating: line, count: 20_000)
        #expect(redact(begin + lines + "-----END RSA PRIVATE KEY-----\nafter\n") == "[REDACTED:private-key]\nafter\n")
    }

    @Test(arguments: [1, 1000, 8 * 1024, 32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 100_000, 400_000])
    func `over-long tokens`(length: Int) {
        var random = SplitMix(seed: UInt64(length))
        let header = "ey" + "JhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI0MjE3In0."
        let output = redact("a " + header + random.base62(length) + " b\n")
        #expect(output == "a [REDACTED:jwt] b\n")
    }

    @Test(arguments: [
        "password=", "password=\"", "api_key: ", "Authorization: Bearer ", "Cookie: session=", "token=\"",
    ])
    func `over-long values`(name: String) {
        var random = SplitMix(seed: 7)
        for length in [4095, 4096, 4097, 10_000, 100_000] {
            // `^` keeps it from being a token run.
            var value = ""
            while value.utf8.count < length { value += random.base62(11) + "^" }
            let output = redact("x " + name + value + "\nafter\n")
            #expect(
                output.hasPrefix("x " + name + "[REDACTED:") && output.hasSuffix("]\nafter\n"),
                "\(length): \(output.utf8.count) bytes")
            #expect(!output.contains(value.suffix(12)), "\(length)")
        }
    }

    @Test func `the end of the input is the end of a value`() {
        #expect(redact("password=<cut>hunter2z9".joined) == "password=[REDACTED:generic-password]")
        #expect(redact("postgres://app:<cut>tR7xQ2mPw9@db".joined) == "postgres://app:[REDACTED:url-password]@db")
        #expect(redact("mail quinn<cut>@example.net".joined) == "mail [REDACTED:email]")
    }

    @Test func `an exploding pattern redacts its window and warns`() throws {
        let rule = Rule(id: "explodes", detector: .pattern, regex: "trap((a+)+)+b", keywords: ["trap"])
        var options = RedactorOptions(ruleSet: RuleSet(rules: [rule]))
        options.limits.matchLimit = 10_000
        let redactor = try Redactor(options)
        let bytes = Array(("before\ntrap" + String(repeating: "a", count: 400) + " c\nafter\n").utf8)
        var stream = redactor.makeStream()
        var sink = Collector()
        stream.write(bytes[...], to: &sink)
        stream.finish(to: &sink)
        #expect(String(decoding: sink.bytes, as: UTF8.self) == "before\n[REDACTED:explodes]\nafter\n")
        #expect(stream.warnings.count == 1 && stream.warnings[0].contains("explodes"))
        expectChunkInvariance(of: bytes, redactor, cutAt: [3, 20, 300], "exploding")
        #expect(redactor.redactByteByByte(bytes) == sink.bytes)
    }

    @Test func `an exploding token rule redacts its run`() throws {
        let rule = Rule(id: "explodes", detector: .token, regex: "trap_((a+)+)+b", anchors: ["trap_"])
        var options = RedactorOptions(ruleSet: RuleSet(rules: [rule]))
        options.limits.matchLimit = 10_000
        let redactor = try Redactor(options)
        #expect(redactor.redact("x trap_" + String(repeating: "a", count: 400) + "-b y") == "x [REDACTED:explodes] y")
    }

    @Test func `bytes that were held are not lost`() {
        // Everything a stream took comes out or is redacted, whatever it was waiting for.
        for tail in [
            "-----BEG", "eyJ", "%4", "\\u00", "&#11", "\u{1b}[", "pass", "https://u:", "\"quoted", "a@", "\0a\0",
        ] {
            #expect(redact("x " + tail) == "x " + tail)
        }
    }
}
