import Foundation
import OpenSSLEngine
import SealingCommands
import Testing

@testable import SealingKit

/// What outside vector suites ask of `crypto-probe` beyond right answers to right questions, from the RFCs and
/// docs/formats/crypto-probe.md.
@Suite("crypto-probe beyond the usual")
struct ProbeConformanceTests {
    /// Asks with string members and, where given, a length.
    private func ask(_ op: String, _ members: [String: String], length: Int? = nil) -> String {
        var text = "{\"op\":\"\(op)\""
        for (name, value) in members.sorted(by: { $0.key < $1.key }) { text += ",\"\(name)\":\"\(value)\"" }
        if let length { text += ",\"length\":\(length)" }
        return CryptoProbe.answer(Array((text + "}").utf8).span)
    }

    private func ok(_ value: String) -> String { "{\"ok\":\"\(value)\"}" }

    private func zeros(_ count: Int) -> String { String(repeating: "00", count: count) }

    static let ciphers = [("aes-128-gcm", 16), ("aes-256-gcm", 32), ("chacha20-poly1305", 32)]

    @Test("Nonces other than 12 bytes, tags other than 16, keys of other sizes are refused", arguments: ciphers)
    func sizes(_ cipher: String, _ keySize: Int) throws {
        let input = "0102030405"
        let good = ["key": zeros(keySize), "nonce": zeros(12), "aad": "ff", "input": input]
        let sealed = ask(cipher + "-seal", good)
        let parts = try #require(sealed.wholeMatch(of: /{"ok":"([0-9a-f]{10})","tag":"([0-9a-f]{32})"}/))
        var request = good
        request["input"] = String(parts.1)
        request["tag"] = String(parts.2)
        #expect(ask(cipher + "-open", request) == ok(input))
        // The tag may not be cut or lengthened, although OpenSSL would take a cut one.
        for size in [0, 1, 4, 8, 12, 13, 14, 15] {
            request["tag"] = String(parts.2.prefix(2 * size))
            #expect(ask(cipher + "-open", request) == #"{"error":"invalid length"}"#, "tag of \(size)")
        }
        request["tag"] = parts.2 + "00"
        #expect(ask(cipher + "-open", request) == #"{"error":"invalid length"}"#)
        request["tag"] = nil
        #expect(ask(cipher + "-open", request) == #"{"error":"malformed: tag is missing"}"#)
        for size in [0, 1, 8, 11, 13, 16, 24, 32] {
            for direction in ["-seal", "-open"] {
                var other = good
                other["nonce"] = zeros(size)
                other["tag"] = String(parts.2)
                #expect(ask(cipher + direction, other).hasPrefix(#"{"error":"malformed"#), "nonce of \(size)")
            }
        }
        for size in [0, 15, 17, 24, 31, 33, 64] {
            var other = good
            other["key"] = zeros(size)
            #expect(ask(cipher + "-seal", other) == #"{"error":"invalid length"}"#, "key of \(size)")
        }
    }

    @Test("Every changed bit of nonce, aad, ciphertext or tag is refused", arguments: ciphers)
    func changes(_ cipher: String, _ keySize: Int) throws {
        var members: [String: [UInt8]] = [
            "key": TestBytes.make(keySize), "nonce": TestBytes.make(12), "aad": TestBytes.make(3),
            "input": TestBytes.make(33),
        ]
        let sealed = ask(cipher + "-seal", members.mapValues(hex))
        let parts = try #require(sealed.wholeMatch(of: /{"ok":"([0-9a-f]*)","tag":"([0-9a-f]*)"}/))
        members["input"] = unhex(String(parts.1))
        members["tag"] = unhex(String(parts.2))
        for (name, value) in members {
            for bit in 0..<value.count * 8 {
                var other = members
                other[name]![bit / 8] ^= 1 << (bit % 8)
                let answer = ask(cipher + "-open", other.mapValues(hex))
                #expect(answer == #"{"error":"authentication failed"}"#, "\(name), bit \(bit)")
            }
        }
    }

    @Test("HKDF: the longest output, one byte more, and none", arguments: [("sha256", 32), ("sha512", 64)])
    func hkdf(_ hash: String, _ digest: Int) throws {
        for op in ["hkdf-", "hkdf-expand-"] {
            let members = ["key": zeros(22), "info": "01"]
            let longest = ask(op + hash, members, length: 255 * digest)
            #expect(longest.count == ok("").count + 2 * 255 * digest)
            #expect(ask(op + hash, members, length: 255 * digest + 1) == #"{"error":"invalid length"}"#)
            #expect(ask(op + hash, members, length: 0) == #"{"error":"invalid length"}"#)
            #expect(ask(op + hash, members, length: -1) == #"{"error":"invalid length"}"#)
            // A shorter output is the beginning of a longer one (RFC 5869, section 2.3).
            let short = ask(op + hash, members, length: digest + 1)
            #expect(longest.hasPrefix(String(short.dropLast(2))))
            #expect(ask(op + hash, ["key": zeros(22), "info": zeros(1025)]) == #"{"error":"limit exceeded"}"#)
        }
        // No salt is a salt of zeros as long as a digest (section 2.2).
        let unsalted = ask("hkdf-" + hash, ["key": zeros(22)], length: 42)
        #expect(unsalted == ask("hkdf-" + hash, ["key": zeros(22), "salt": zeros(digest)], length: 42))
    }

    @Test("HMAC: keys of every length, truncated codes")
    func hmac() throws {
        // RFC 2104 has no least length of a key; the empty message under the empty key is well known.
        #expect(
            ask("hmac-sha256", ["key": "", "input": ""])
                == ok("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"))
        // Zeros that fill the block change nothing (section 2), and a longer key is hashed first.
        #expect(
            ask("hmac-sha256", ["key": "aa", "input": "01"])
                == ask("hmac-sha256", ["key": "aa" + zeros(63), "input": "01"]))
        #expect(
            ask("hmac-sha256", ["key": "aa", "input": "01"])
                != ask("hmac-sha256", ["key": "aa" + zeros(64), "input": "01"]))
        for (op, digest) in [("hmac-sha256", 32), ("hmac-sha512", 64)] {
            let whole = ask(op, ["key": "0b", "input": "4869"])
            for length in 1...digest {
                let cut = ask(op, ["key": "0b", "input": "4869"], length: length)
                #expect(cut == ok(String(whole.dropFirst(7).prefix(2 * length))))
            }
            for length in [-1, 0, digest + 1] {
                #expect(ask(op, ["key": "0b", "input": ""], length: length).hasPrefix(#"{"error":"malformed"#))
            }
        }
    }

    @Test("X25519 (RFC 7748, sections 5 and 6): the ladder a thousand times, unreduced and small points")
    func x25519() throws {
        // Section 5.2, the second kind of test.
        var scalar = "09" + zeros(31)
        var point = scalar
        for round in 1...1000 {
            let answer = ask("x25519", ["key": scalar, "public": point])
            point = scalar
            scalar = String(answer.dropFirst(7).dropLast(2))
            if round == 1 { #expect(scalar == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079") }
        }
        #expect(scalar == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")
        // Implementations accept what is not reduced and ignore the top bit: p + 9, and 9 with that bit, are 9.
        let key = hex(TestBytes.make(32))
        let base = ask("x25519", ["key": key, "public": "09" + zeros(31)])
        #expect(ask("x25519", ["key": key, "public": "09" + zeros(30) + "80"]) == base)
        #expect(
            ask("x25519", ["key": key, "public": "f6" + String(repeating: "ff", count: 30) + "7f"]) == base)
        for small in PayloadConformanceTests.smallOrder {
            #expect(ask("x25519", ["key": key, "public": hex(small)]) == #"{"error":"invalid public key"}"#)
        }
        for size in [0, 31, 33] {
            #expect(ask("x25519", ["key": key, "public": zeros(size)]) == #"{"error":"invalid length"}"#)
            #expect(ask("x25519", ["key": zeros(size), "public": key]).hasPrefix(#"{"error":"#))
        }
    }

    @Test("Cobblestone: chunk borders, every refusal", arguments: ["aes-128-gcm", "aes-256-gcm", "chacha20-poly1305"])
    func cobblestone(_ aead: String) throws {
        for hash in ["sha256", "sha512"] {
            let common = [
                "hash": hash, "aead": aead, "key": zeros(aead == "aes-128-gcm" ? 16 : 32), "context": "c0ffee",
            ]
            for size in [0, 1, 16_383, 16_384, 16_385, 32_768] {
                var request = common
                request["input"] = hex(TestBytes.make(size))
                request["salt"] = zeros(24)
                let sealed = String(ask("cobblestone-seal", request).dropFirst(7).dropLast(2))
                // Salt, commitment, and a tag for every chunk: also for the empty one after a full last one.
                #expect(sealed.count == 2 * (56 + size + (size / 16_384 + 1) * 16))
                request["salt"] = nil
                request["input"] = sealed
                #expect(ask("cobblestone-open", request) == ok(hex(TestBytes.make(size))))
                let refusals: [(name: String, input: String, error: String)] = [
                    ("cut in the header", String(sealed.prefix(110)), "malformed"),
                    ("cut by a byte", String(sealed.dropLast(2)), "damaged body"),
                    ("followed by a byte", sealed + "00", "damaged body"),
                    ("no chunk", String(sealed.prefix(112)), "damaged body"),
                    ("salt", "01" + sealed.dropFirst(2), "wrong key or wrong context"),
                    ("commitment", sealed.prefix(48) + "ff00" + sealed.dropFirst(52), "wrong key or wrong context"),
                ]
                for refusal in refusals {
                    request["input"] = refusal.input
                    let answer = ask("cobblestone-open", request)
                    #expect(answer.hasPrefix("{\"error\":\"\(refusal.error)"), "\(size), \(refusal.name): \(answer)")
                }
                request["input"] = sealed
                request["context"] = "c0ffef"
                #expect(ask("cobblestone-open", request).hasPrefix(#"{"error":"wrong key or wrong context"#))
            }
        }
    }

    @Test("Requests that are no requests are answered, each with one line")
    func malformed() throws {
        let deep = String(repeating: "[", count: 100_000)
        for text in [
            "", "{", "[]", "null", #"{"op":1}"#, #"{"op":"x25519"}"#, #"{"op":"x25519","key":"0","public":""}"#,
            #"{"op":"x25519","key":"zz","public":""}"#, #"{"op":"x25519","op":"x25519"}"#, "{\"op\":\"\u{1}\"}", deep,
            #"{"op":"hmac-sha256","key":"","input":"","length":9223372036854775808}"#, #"{"op":"x"} {}"#,
            "{\"op\":\"hmac-sha256\",\"key\":\"\(zeros(70_000))\",\"input\":\"\"}",
        ] {
            let answer = CryptoProbe.answer(Array(text.utf8).span)
            #expect(answer.hasPrefix("{\"error\":\"") && answer.hasSuffix("\"}"), "\(text.prefix(60)): \(answer)")
        }
    }
}
