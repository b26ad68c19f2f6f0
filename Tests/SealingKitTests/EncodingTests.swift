import OpenSSLEngine
import SealingKit
import Testing
internal import TextEncodings

@Suite("Encodings")
struct EncodingTests {
    @Test("Base64 (RFC 4648, section 10), both ways, all forms")
    func base64() {
        let cases = [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ]
        for (plain, encoded) in cases {
            let bytes = Array(plain.utf8)
            #expect(Base64.encode(bytes.span, .padded) == encoded)
            #expect(Base64.decode(Array(encoded.utf8).span, .padded) == bytes)
            let unpadded = encoded.filter { $0 != "=" }
            #expect(Base64.encode(bytes.span, .unpadded) == unpadded)
            #expect(Base64.decode(Array(unpadded.utf8).span, .unpadded) == bytes)
            if unpadded != encoded {
                #expect(Base64.decode(Array(unpadded.utf8).span, .padded) == nil)
                #expect(Base64.decode(Array(encoded.utf8).span, .unpadded) == nil)
            }
        }
        #expect(Base64.encode([0xFB, 0xFF].span, .urlSafe) == "-_8")
        #expect(Base64.decode(Array("-_8".utf8).span, .urlSafe) == [0xFB, 0xFF])
        #expect(Base64.decode(Array("+/8".utf8).span, .urlSafe) == nil)
    }

    @Test(
        "Base64 that is not canonical is refused",
        arguments: ["Zh==", "Zm9=", "Z", "Zg=", "Zg===", "====", "Zm 9", "Zm9v\n"])
    func base64Refusals(_ text: String) {
        #expect(Base64.decode(Array(text.utf8).span, .padded) == nil)
    }

    @Test("Random bytes survive every encoding")
    func roundTrips() {
        for count in 0..<100 {
            let bytes = TestBytes.make(count, seed: UInt64(count) + 7)
            for form in [Base64.Form.padded, .unpadded, .urlSafe] {
                #expect(Base64.decode(Array(Base64.encode(bytes.span, form).utf8).span, form) == bytes)
            }
            #expect(Hex.decode(Hex.encode(bytes.span)) == bytes)
        }
        #expect(Hex.decode("0") == nil && Hex.decode("0g") == nil && Hex.decode("FF") == [255])
    }

    @Test("Base32 (RFC 4648, section 10), lower case without padding")
    func base32() {
        #expect(Base32.encode(Array("foobar".utf8).span) == "mzxw6ytboi")
        #expect(Base32.encode(Array("fooba".utf8).span) == "mzxw6ytb")
        #expect(Base32.encode(TestBytes.make(10).span).count == 16)
    }
}
