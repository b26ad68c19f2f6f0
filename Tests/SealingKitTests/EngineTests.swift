import OpenSSLEngine
import SealingKit
import Testing

@Suite("Primitives against published vectors")
struct EngineTests {
    @Test("SHA-256 (FIPS 180-4, \"abc\") and the empty message")
    func digests() throws {
        #expect(
            hex(try sha256(Array("abc".utf8)))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            hex(try sha256([]))
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        var digest = try Digest(.sha256)
        for byte in Array("abc".utf8) { try digest.update([byte].span) }
        #expect(try digest.finish() == sha256(Array("abc".utf8)))
    }

    @Test("HMAC-SHA-256 and -SHA-512 (RFC 4231, cases 1, 2 and 6), one context for many messages")
    func hmac() throws {
        let cases: [(key: [UInt8], data: String, sha256: String, sha512: String)] = [
            (
                [UInt8](repeating: 0x0b, count: 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
            ),
            (
                [UInt8](repeating: 0xaa, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"
            ),
        ]
        for vector in cases {
            let key = try secret(vector.key)
            let message = Array(vector.data.utf8)
            var sha256 = try HMAC(.sha256, key: key)
            var sha512 = try HMAC(.sha512, key: key)
            for _ in 0..<2 {
                #expect(hex(try sha256.authenticate(message.span)) == vector.sha256)
                #expect(hex(try sha512.authenticate(message.span)) == vector.sha512)
            }
            var code = unhex(vector.sha256)
            #expect(try sha256.verify(code.span, of: message.span))
            #expect(try !sha256.verify(Array(code.dropLast()).span, of: message.span))
            code[31] ^= 1
            #expect(try !sha256.verify(code.span, of: message.span))
        }
    }

    @Test("HKDF-SHA-256 (RFC 5869, A.1 and A.3) and Expand alone")
    func hkdf() throws {
        let key = try secret([UInt8](repeating: 0x0b, count: 22))
        let salt = unhex("000102030405060708090a0b0c")
        let info = unhex("f0f1f2f3f4f5f6f7f8f9")
        let first = try HKDF.derive(.sha256, key: key, salt: salt.span, info: info.span, count: 42)
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        #expect(hex(first.array) == expected)
        let empty = nothing
        let third = try HKDF.derive(.sha256, key: key, salt: empty.span, info: empty.span, count: 42)
        #expect(
            hex(third.array) == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
        // The pseudorandom key of A.1 expands to the same bytes.
        let prk = try secret(unhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"))
        #expect(hex(try HKDF.expand(.sha256, key: prk, info: info.span, count: 42).array) == expected)
    }

    @Test("HKDF refuses what it would have to cut or guess")
    func hkdfLimits() throws {
        let long = [UInt8](repeating: 0, count: HKDF.maximumInfoSize + 1)
        #expect(throws: CryptoError.self) { _ = try expand([1], info: long, count: 1) }
        #expect(throws: CryptoError.self) { _ = try expand([1], info: [], count: 0) }
        #expect(throws: CryptoError.self) { _ = try expand([1], info: [], count: 255 * 32 + 1) }
        #expect(throws: CryptoError.self) { _ = try expand([], info: [], count: 1) }
        #expect(try expand([1], info: [], count: 255 * 32).count == 255 * 32)
    }

    private func expand(_ key: [UInt8], info: [UInt8], count: Int) throws -> [UInt8] {
        let key = try secret(key)
        return try HKDF.expand(.sha256, key: key, info: info.span, count: count).array
    }

    @Test("scrypt (RFC 7914, section 12) with N = 2^14 and r = 8")
    func scrypt() throws {
        let passphrase = try secret(Array("pleaseletmein".utf8))
        let output = try Scrypt.derive(
            passphrase: passphrase, salt: Array("SodiumChloride".utf8).span, logN: 14, count: 64)
        #expect(
            hex(output.array)
                == "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
        )
        for logN in [0, -1, Scrypt.maximumLogN + 1] {
            #expect(throws: CryptoError.self) { _ = try scrypt(logN: logN) }
        }
    }

    private func scrypt(logN: Int) throws -> [UInt8] {
        let passphrase = try secret([1])
        let salt = nothing
        return try Scrypt.derive(passphrase: passphrase, salt: salt.span, logN: logN, count: 32).array
    }

    @Test("X25519 (RFC 7748, section 5.2) and points of small order")
    func x25519() throws {
        let scalar = try secret(unhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"))
        let point = unhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
        #expect(
            hex(try X25519.sharedSecret(scalar, with: point.span).array)
                == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
        // Both sides agree.
        let a = try Secret.random(count: 32)
        let b = try Secret.random(count: 32)
        let publicA = try X25519.publicKey(of: a)
        let publicB = try X25519.publicKey(of: b)
        let sharedAB = try X25519.sharedSecret(a, with: publicB.span)
        let sharedBA = try X25519.sharedSecret(b, with: publicA.span)
        #expect(sharedAB.array == sharedBA.array)
        for small in [
            String(repeating: "00", count: 32), "01" + String(repeating: "00", count: 31),
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ] {
            let bytes = unhex(small)
            #expect(throws: CryptoError.self) { _ = try sharedSecret(scalar.array, bytes) }
        }
        #expect(throws: CryptoError.self) { _ = try sharedSecret(scalar.array, [1, 2]) }
    }

    @Test("Ed25519 (RFC 8032, section 7.1, tests 1 and 2)")
    func ed25519() throws {
        let cases = [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            ),
        ]
        for (seed, publicKey, message, signature) in cases {
            let key = try secret(unhex(seed))
            let message = unhex(message)
            var signed = try Ed25519.sign(message.span, with: key)
            #expect(hex(signed) == signature)
            let publicBytes = try Ed25519.publicKey(of: key)
            #expect(hex(publicBytes) == publicKey)
            #expect(try Ed25519.verify(signed.span, of: message.span, by: publicBytes.span))
            signed[0] ^= 1
            #expect(try !Ed25519.verify(signed.span, of: message.span, by: publicBytes.span))
            #expect(try !Ed25519.verify(signed.span.extracting(0..<63), of: message.span, by: publicBytes.span))
        }
    }

    struct AEADVector: Sendable, CustomTestStringConvertible {
        var name: String
        var algorithm: AEADAlgorithm
        var key, nonce, aad, plaintext, sealed: String
        var testDescription: String { name }
    }

    static let aeadVectors = [
        AEADVector(
            name: "AES-256-GCM (McGrew and Viega, test case 16)", algorithm: .aes256GCM,
            key: "feffe992" + "8665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
            nonce: "cafebabefacedbaddecaf888",
            aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            plaintext:
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
            sealed:
                "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"
        ),
        AEADVector(
            name: "AES-256-GCM (test case 13: nothing at all)", algorithm: .aes256GCM,
            key: String(repeating: "00", count: 32), nonce: String(repeating: "00", count: 12), aad: "", plaintext: "",
            sealed: "530f8afbc74536b9a963b4f1c4cb738b"),
        AEADVector(
            name: "ChaCha20-Poly1305 (RFC 8439, section 2.8.2)", algorithm: .chacha20Poly1305,
            key: "80818283" + "8485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
            nonce: "070000004041424344454647",
            aad: "50515253c0c1c2c3c4c5c6c7",
            plaintext: hex(
                Array(
                    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
                        .utf8)),
            sealed:
                "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"
        ),
    ]

    @Test("Sealing and opening give the published bytes", arguments: aeadVectors)
    func aead(_ vector: AEADVector) throws {
        let key = unhex(vector.key)
        let nonce = AEADNonce(unhex(vector.nonce).span)!
        let aad = unhex(vector.aad)
        let plaintext = unhex(vector.plaintext)
        let expected = unhex(vector.sealed)
        var sealer = try AEAD(vector.algorithm, .seal, key: key.span)
        var opener = try AEAD(vector.algorithm, .open, key: key.span)
        // Twice, because a context serves many messages.
        for _ in 0..<2 {
            var sealed = WipedBuffer(capacity: expected.count)
            try sealed.edit { (output) throws(CryptoError) in
                try sealer.seal(plaintext.span, nonce: nonce, associatedData: aad.span, into: &output)
            }
            #expect(sealed.array == expected)
            #expect(try open(&opener, expected, nonce, aad) == plaintext)
        }
    }

    @Test("Every bit flip, every shorter tag and every other input is refused", arguments: aeadVectors)
    func aeadRefusals(_ vector: AEADVector) throws {
        let key = unhex(vector.key)
        let nonce = AEADNonce(unhex(vector.nonce).span)!
        let aad = unhex(vector.aad)
        let sealed = unhex(vector.sealed)
        var opener = try AEAD(vector.algorithm, .open, key: key.span)
        for bit in 0..<sealed.count * 8 {
            var damaged = sealed
            damaged[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: CryptoError.self) { _ = try open(&opener, damaged, nonce, aad) }
        }
        // OpenSSL itself accepts tags of 1 to 15 bytes.
        let body = sealed.count - 16
        for size in 0..<16 {
            #expect(throws: CryptoError.self) {
                _ = try open(&opener, Array(sealed.prefix(body + size)), nonce, aad, tagSize: size)
            }
        }
        #expect(throws: CryptoError.self) { _ = try open(&opener, sealed, nonce, aad + [0]) }
        var otherNonce = nonce
        otherNonce.bytes[0] ^= 1
        #expect(throws: CryptoError.self) { _ = try open(&opener, sealed, otherNonce, aad) }
        // And the context still works afterwards.
        #expect(try open(&opener, sealed, nonce, aad) == unhex(vector.plaintext))
        #expect(throws: CryptoError.self) { _ = try AEAD(vector.algorithm, .open, key: key.span.extracting(0..<31)) }
    }

    private func open(
        _ aead: inout AEAD, _ sealed: [UInt8], _ nonce: AEADNonce, _ aad: [UInt8], tagSize: Int = 16
    ) throws -> [UInt8] {
        var output = WipedBuffer(capacity: sealed.count)
        let body = sealed.count - tagSize
        do {
            try output.edit { (output) throws(CryptoError) in
                try aead.open(
                    sealed.span.extracting(0..<body), tag: sealed.span.extracting(body...), nonce: nonce,
                    associatedData: aad.span, into: &output)
            }
        } catch {
            // A failed open gives nothing.
            #expect(output.count == 0)
            throw error
        }
        return output.array
    }
}

@Suite("Secrets")
struct SecretTests {
    @Test("Compare, print, and count")
    func basics() throws {
        let one = try secret([1, 2, 3])
        let same = try secret([1, 2, 3])
        let other = try secret([1, 2, 4])
        let short = try secret([1, 2])
        let isSame = one == same
        let isOther = one == other
        let isShort = one == short
        #expect(isSame && !isOther && !isShort)
        #expect(one.description == "<redacted>")
        #expect(try secret([]).count == 0)
    }

    @Test("Random secrets differ")
    func random() throws {
        let first = try Secret.random(count: 32).array
        let second = try Secret.random(count: 32).array
        #expect(first != second && first.count == 32)
    }

    @Test("The secure heap runs out with an error, and recovers")
    func exhaustion() throws {
        final class Box { let secret: Secret; init(_ secret: consuming Secret) { self.secret = secret } }
        var held: [Box] = []
        var failure: CryptoError? = nil
        do {
            while held.count < 64 { held.append(Box(try Secret(count: Secret.maximumCount) { _ in })) }
        } catch { failure = error }
        #expect(failure?.code == .secureMemoryExhausted)
        held = []
        #expect(try Secret(count: Secret.maximumCount) { _ in }.count == Secret.maximumCount)
        #expect(throws: CryptoError.self) { _ = try Secret(count: Secret.maximumCount + 1) { _ in }.count }
    }

    @Test("A wiped buffer keeps count, and traps when it is overfilled")
    func wipedBuffer() async {
        var buffer = WipedBuffer(capacity: 4)
        buffer.append([1, 2, 3].span)
        buffer.relocate(from: 1, to: 0)
        #expect(buffer.array == [2, 3])
        buffer.wipe()
        #expect(buffer.count == 0)
        await #expect(processExitsWith: .failure) {
            var buffer = WipedBuffer(capacity: 1)
            buffer.append([1, 2].span)
        }
    }

    @Test("Errors name the operation and hold no input")
    func errors() throws {
        do {
            _ = try AEAD(.aes256GCM, .open, key: Array("short-secret".utf8).span)
            Issue.record("a short key was accepted")
        } catch {
            #expect("\(error)" == "AEAD: invalid length")
        }
    }
}
