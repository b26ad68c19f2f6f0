import OpenSSLEngine
import Testing

@testable import SealingKit

@Suite("Tokens")
struct TokenTests {
    @Test("Made tokens have the documented form and parse", arguments: Token.Kind.allCases)
    func form(_ kind: Token.Kind) throws {
        var seen: Set<[UInt8]> = []
        for _ in 0..<50 {
            let token = try Token.generate(kind)
            let text = token.text.array
            #expect(text.count == 53 && seen.insert(text).inserted)
            #expect(String(decoding: text, as: UTF8.self).wholeMatch(of: /pm[rui]_[0-9A-Za-z]{49}/) != nil)
            let parsed = try Token(parsing: text.span)
            #expect(parsed.kind == kind)
            #expect(parsed.description == kind.rawValue + "_<redacted>")
            #expect(try parsed.hash == token.hash)
        }
    }

    @Test("The checksum is GitHub's: CRC-32 in base62, six digits")
    func checksum() {
        // The check value of CRC-32/ISO-HDLC, and a published sample of GitHub's layout, cut.
        #expect(CRC32.checksum(Array("123456789".utf8).span) == 0xCBF4_3926)
        let body = Array(("zQWBuTSOoRi4A9" + "spHcVY5ncnsDkxkJ").utf8)
        #expect(Base62.encode(CRC32.checksum(body.span)) == Array("0mLq17".utf8))
    }

    @Test("The hash is what sha256sum prints for the whole token")
    func hash() throws {
        let token = try Token.generate(.runner)
        let text = token.text.array
        #expect(try token.hash.description == hex(try sha256(text)))
        let printed = try run("/usr/bin/sha256sum", [], input: text)
        #expect(try printed.text.hasPrefix(token.hash.description + " "))
        #expect(TokenHash(hex: try token.hash.description) == (try token.hash))
        #expect(TokenHash(stored: [1, 2]) == nil)
    }

    @Test("Every changed character, and every other length, is refused")
    func damage() throws {
        let token = try Token.generate(.user)
        let text = token.text.array
        var refused = 0
        for position in text.indices {
            // Every other character that may stand there, and one that may not.
            for character in Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_ ".utf8)
            where character != text[position] {
                var damaged = text
                damaged[position] = character
                // Another kind with the same digits is a well-formed token, and another token.
                if position == 2, "ri".utf8.contains(character) { continue }
                #expect(try code { _ = try Token(parsing: damaged.span).kind } == .malformed)
                refused += 1
            }
        }
        for count in 0..<text.count {
            #expect(try code { _ = try Token(parsing: text.span.extracting(0..<count)).kind } == .malformed)
        }
        #expect(try code { _ = try Token(parsing: (text + [0]).span).kind } == .malformed)
        #expect(refused == 53 * 63 - 2)
    }

    @Test("A checksum that is right does not help an integer that is out of range")
    func range() throws {
        // 43 times "z" is 62^43 - 1 > 2^256.
        let digits = Array(String(repeating: "z", count: 43).utf8)
        var checksum = CRC32.checksum(digits.span)
        var suffix: [UInt8] = []
        for _ in 0..<6 {
            suffix.insert(
                Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)[Int(checksum % 62)], at: 0)
            checksum /= 62
        }
        let text = Array("pmr_".utf8) + digits + suffix
        do {
            _ = try Token(parsing: text.span).kind
            Issue.record("accepted")
        } catch { #expect(error.detail == "the token is out of range") }
    }
}
