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

    /// Redacts in one piece, and expects the same byte by byte and of the slow twin.
    private func everyWay(_ bytes: [UInt8]) -> [UInt8] {
        let whole = redactor.redact(bytes)
        #expect(redactor.redactByteByByte(bytes) == whole)
        #expect(ReferenceScanner(redactor).redact(bytes) == whole)
        #expect(redactor.redact(whole) == whole)
        return whole
    }

    private func ends(_ bytes: [UInt8], with end: ArraySlice<UInt8>) -> Bool {
        bytes.suffix(end.count).elementsEqual(end)
    }

    @Test(arguments: [Encoding.utf16LE, .utf16BE], ["\n", "\r\n"])
    func `a private key of many lines in UTF-16`(encoding: Encoding, end: String) {
        let key = (begin + "Proc-Type: 4,ENCRYPTED\n\n" + line + line + "AbCd==\n-----END RSA PRIVATE KEY-----")
            .replacing("\n", with: end)
        let before = encoding.apply(Array("first\(end)".utf8))
        let after = encoding.apply(Array("\(end)the line after it, and more\(end)".utf8))
        let output = everyWay(before + encoding.apply(Array(key.utf8)) + after)
        #expect(output.starts(with: before.dropLast()) && ends(output, with: after.drop { $0 < 0x20 }))
        #expect(output.count <= before.count + "[REDACTED:private-key]".utf8.count + after.count + 1)
        // Without an end, what cannot be key material ends it.
        let open = everyWay(encoding.apply(Array((begin + line + line).replacing("\n", with: end).utf8)) + after)
        #expect(ends(open, with: after.drop { $0 < 0x20 }) && open.count <= after.count + 30)
    }

    @Test func `values of a Kubernetes Secret, however many`() {
        var random = SplitMix(seed: 5)
        var manifest = "kind: Secret\ndata:\n"
        var expected = manifest
        for index in 0..<60 {
            manifest += "  item-\(index): \(random.base62(62))==\n"
            expected += "  item-\(index): [REDACTED:kubernetes-secret]\n"
        }
        #expect(
            String(decoding: everyWay(Array((manifest + "kind: x\n").utf8)), as: UTF8.self) == expected + "kind: x\n")
    }

    @Test(arguments: [4092, 4096, 4100, 20_000])
    func `over-long values of a Kubernetes Secret and a JWK`(length: Int) {
        var random = SplitMix(seed: 6)
        let value = random.base62(length)
        let manifest = redact("kind: Secret\ndata:\n  tls: \(value)\nafter: 1\n")
        #expect(manifest == "kind: Secret\ndata:\n  tls: [REDACTED:kubernetes-secret]\nafter: 1\n")
        let key = redact("{\"kty\":\"oct\",\"k\":\"\(value)\",\"n\":1}\n")
        #expect(key == "{\"kty\":\"oct\",\"k\":\"[REDACTED:generic-secret]\",\"n\":1}\n")
    }

    @Test func `a JSON Web Key in a string`() {
        let member = "Jm5TEmQKmg-dAL<cut>DePHi_zHJbTo6pd6v8OxM0dq9LD_o"
        let text = #"{"log":"{\"kty\":\"oct\",\"k\":\""# + member.joined + #"\"}"}"#
        #expect(
            String(decoding: everyWay(Array(text.utf8)), as: UTF8.self)
                == #"{"log":"{\"kty\":\"oct\",\"k\":\"[REDACTED:generic-secret]\"}"}"#)
    }

    /// A reference is excused if it closes and the rest is nothing.
    @Test(arguments: [
        ("${DB_PASSWORD}", false), ("${DB_HOST:-postgres}", false), ("${xK9!qqT2<cut>mB7$", true),
        ("%(password)s", false),
        ("%{name}", false), ("%DB_PASSWORD%", false), ("%7Z11Xt<cut>3J3qU%", true), ("#{db_password}", false),
        ("${P}kT3nV8xQ0<cut>pLr5Yw2ZbHs", true), ("$(cat /run/secrets/db)", false), ("@{password}", false),
    ])
    func `values that begin like a template`(value: String, isSecret: Bool) {
        let output = redact("password=\"\(value.joined)\"\n")
        #expect(output.contains("[REDACTED") == isSecret, "\(output)")
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
