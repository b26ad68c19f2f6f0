import Foundation
import OpenSSLEngine
import Testing

@testable import SealingKit

@Suite("Against the age program, both directions", .needsAge)
struct AgePeerTests {
    let directory: TemporaryDirectory
    let identityPath: String
    let identity: AgeIdentity

    init() throws {
        directory = try TemporaryDirectory()
        identityPath = directory.file("identity")
        let made = try run(#require(Programs.ageKeygen), ["-o", identityPath])
        #expect(made.status == 0)
        identity = try #require(try parseIdentities(directory.read("identity")).first)
    }

    private func age(_ arguments: [String], _ input: [UInt8]) throws -> Outcome {
        try run(#require(Programs.age), arguments, input: input)
    }

    static let sizes = ageSizes + [1 << 20, (1 << 20) + 1, 5_000_000]

    @Test("age opens ours and we open age's", arguments: sizes, [false, true])
    func bothWays(_ size: Int, _ armored: Bool) throws {
        let plaintext = TestBytes.make(size)
        let ours = try sealAge(plaintext, for: .publicKeys([identity.recipient]), armored: armored)
        let theirs = try age(["-d", "-i", identityPath], ours)
        #expect(theirs.status == 0 && theirs.output == plaintext, "\(theirs.errors)")
        let sealed = try age((armored ? ["-a"] : []) + ["-r", identity.recipient.description], plaintext)
        #expect(sealed.status == 0)
        #expect(try openAge(sealed.output, with: AgeKeys(identities: [identity])) == plaintext)
        #expect(sealed.output.count == ours.count)
    }

    @Test("age opens with our identities, and names our recipients")
    func ourIdentity() throws {
        let ours = try AgeIdentity.generate()
        let path = try directory.write("ours", ours.text.array)
        let named = try run(#require(Programs.ageKeygen), ["-y", path])
        #expect(named.text == ours.recipient.description + "\n")
        let sealed = try age(["-r", ours.recipient.description], [1, 2, 3])
        #expect(try openAge(sealed.output, with: AgeKeys(identities: [ours])) == [1, 2, 3])
    }

    @Test("Many recipients, ours and theirs")
    func manyRecipients() throws {
        let others = try (0..<10).map { _ in try AgeIdentity.generate() }
        let recipients = others.map(\.recipient) + [identity.recipient]
        let opened = try age(["-d", "-i", identityPath], sealAge([7], for: .publicKeys(recipients)))
        #expect(opened.output == [7])
        let sealed = try age(recipients.flatMap { ["-r", $0.description] }, [8])
        for each in others + [identity] {
            #expect(try openAge(sealed.output, with: AgeKeys(identities: [each])) == [8])
        }
    }

    @Test("Passphrases, both directions, through a terminal that `script` makes")
    func passphrases() throws {
        // age asks the terminal only; script(1) gives it one.
        let words = "synthetic passphrase"
        let passphrase = try Passphrase(Array(words.utf8).span)
        let plaintext = TestBytes.make(1000)
        let ours = try directory.write("ours.age", sealAge(plaintext, for: .passphrase(passphrase, logN: 12)))
        let output = directory.file("plain")
        let age = try #require(Programs.age)
        let opened = try run(
            "/bin/sh",
            ["-c", "(sleep 0.5; echo '\(words)'; sleep 1) | script -qec \"\(age) -d -o \(output) \(ours)\" /dev/null"])
        #expect(opened.status == 0, "\(opened.text)")
        #expect(try directory.read("plain") == plaintext)
        let sealed = directory.file("theirs.age")
        let made = try run(
            "/bin/sh",
            [
                "-c",
                "(sleep 0.5; echo '\(words)'; sleep 0.5; echo '\(words)'; sleep 3) | script -qec \"\(age) -p -o \(sealed) \(output)\" /dev/null",
            ])
        #expect(made.status == 0, "\(made.text)")
        let keys = AgeKeys(passphrase: { () throws(SealingError) in passphrase })
        #expect(try openAge(directory.read("theirs.age"), with: keys) == plaintext)
    }

    @Test("What age refuses, we refuse, and the other way round")
    func agreement() throws {
        let file = try sealAge(TestBytes.make(100), for: .publicKeys([identity.recipient]))
        var positions = Array(stride(from: 0, to: file.count, by: 9))
        positions += [file.count - 1]
        for position in positions {
            var damaged = file
            damaged[position] ^= 0x04
            let theirs = try age(["-d", "-i", identityPath], damaged)
            let ours = try code { _ = try openAge(damaged, with: AgeKeys(identities: [identity])) }
            #expect((theirs.status == 0) == (ours == nil), "byte \(position)")
        }
    }
}

@Suite("Against PyPI cryptography, both directions", .needsPython)
struct PythonPeerTests {
    /// Runs `script`, a Python program that reads lines of hexadecimal words and prints one line for each.
    private func python(_ script: String, _ lines: [String]) throws -> [String] {
        let imports = """
            import sys
            from cryptography.cobblestone import Cobblestone256Encryptor, Cobblestone256Decryptor
            from cryptography.hazmat.primitives import hashes, hmac
            from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
            b = bytes.fromhex

            """
        let loop =
            "\nfor line in sys.stdin:\n    words = [b(w[1:]) for w in line.split()]\n    print(answer(*words).hex())\n"
        let outcome = try run(
            #require(Programs.python), ["-c", imports + script + loop], input: Array(lines.joined(separator: "\n").utf8)
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    /// A word of a line; the dot keeps empty ones.
    private func word(_ bytes: [UInt8]) -> String { "." + hex(bytes) }

    static let sizes = interestingSizes + [1_000_000]

    @Test("Sealed records: Python makes and opens them from the specification alone")
    func records() throws {
        let key = try testKey(3)
        let keyBytes: [UInt8] = (0..<32).map { 3 + $0 }
        let context = try testContext(purpose: "artifact", generation: "é")
        // The specification again, in another language.
        let specification = """
            def expand(key, info, n):
                return HKDFExpand(algorithm=hashes.SHA512(), length=n, info=info).derive(key)
            def context(prefix, fields):
                return prefix + b"".join(len(f.encode()).to_bytes(2, "big") + f.encode() for f in fields)
            fields = ["artifact", "org-1", "connections", "42", "token", "\\u00e9"]

            """
        let seal =
            specification + """
                def answer(key, plaintext):
                    prefix = b"pms1" + bytes([2]) + expand(key, b"pipemason/v1/kid", 8)
                    e = Cobblestone256Encryptor(expand(key, b"pipemason/v1/artifact", 32), context(prefix, fields))
                    return prefix + e.update(plaintext) + e.finalize()
                """
        let open =
            specification + """
                def answer(key, record):
                    d = Cobblestone256Decryptor(expand(key, b"pipemason/v1/artifact", 32), context(record[:13], fields))
                    return d.update(record[13:]) + d.finalize()
                """
        let plaintexts = Self.sizes.map { TestBytes.make($0) }
        let theirs = try python(seal, plaintexts.map { "\(word(keyBytes)) \(word($0))" })
        #expect(theirs.count == plaintexts.count)
        for (record, plaintext) in zip(theirs, plaintexts) {
            var sink = MemorySink()
            try RecordStream.open(
                from: MemorySource(unhex(record)), to: &sink, kind: .file, context: context, keys: key)
            #expect(sink.bytes == plaintext)
        }
        let ours = try plaintexts.map { plaintext in
            var sink = MemorySink()
            try RecordStream.seal(from: MemorySource(plaintext), to: &sink, kind: .file, context: context, key: key)
            return "\(word(keyBytes)) \(word(sink.bytes))"
        }
        #expect(try python(open, ours) == plaintexts.map(hex))
    }

    @Test("Cobblestone-256 by itself, with any context")
    func cobblestone() throws {
        var bytes = TestBytes(seed: 5)
        var messages: [(key: [UInt8], context: [UInt8], plaintext: [UInt8])] = []
        for size in Self.sizes {
            messages.append((bytes.array(32), bytes.array(Int(bytes.next() % 901)), bytes.array(size)))
        }
        let theirs = try python(
            """
            def answer(key, context, plaintext):
                e = Cobblestone256Encryptor(key, context)
                return e.update(plaintext) + e.finalize()
            """, messages.map { "\(word($0.key)) \(word($0.context)) \(word($0.plaintext))" })
        for (message, sealed) in zip(messages, theirs) {
            let opened = try openCobblestone(unhex(sealed), key: message.key, context: message.context)
            #expect(opened == message.plaintext)
        }
        let ours = try messages.map { message in
            let salt = bytes.array(24)
            let sealed = try sealCobblestone(
                message.plaintext, key: message.key, salt: salt, context: message.context)
            return "\(word(message.key)) \(word(message.context)) \(word(sealed))"
        }
        let opened = try python(
            """
            def answer(key, context, sealed):
                d = Cobblestone256Decryptor(key, context)
                return d.update(sealed) + d.finalize()
            """, ours)
        #expect(opened == messages.map { hex($0.plaintext) })
    }

    @Test(
        "AEAD, both directions",
        arguments: [
            (AEADAlgorithm.aes256GCM, "AESGCM"), (.aes128GCM, "AESGCM"), (.chacha20Poly1305, "ChaCha20Poly1305"),
        ])
    func aead(_ algorithm: AEADAlgorithm, _ name: String) throws {
        var bytes = TestBytes(seed: 11)
        let messages = [0, 1, 15, 16, 17, 1000, 16_384, 100_000].map { size in
            (
                key: bytes.array(algorithm.keySize), nonce: bytes.array(12), aad: bytes.array(size % 40),
                plain: bytes.array(size)
            )
        }
        let theirs = try python(
            "def answer(k, n, a, p): return \(name)(k).encrypt(n, p, a)",
            messages.map { "\(word($0.key)) \(word($0.nonce)) \(word($0.aad)) \(word($0.plain))" })
        var ours: [String] = []
        for (message, sealed) in zip(messages, theirs) {
            let nonce = AEADNonce(message.nonce.span)!
            let sealed = unhex(sealed)
            var opener = try AEAD(algorithm, .open, key: message.key.span)
            var plain = WipedBuffer(capacity: sealed.count)
            let body = sealed.count - 16
            try plain.edit { (output) throws(CryptoError) in
                try opener.open(
                    sealed.span.extracting(0..<body), tag: sealed.span.extracting(body...), nonce: nonce,
                    associatedData: message.aad.span, into: &output)
            }
            #expect(plain.array == message.plain)
            var sealer = try AEAD(algorithm, .seal, key: message.key.span)
            var mine = WipedBuffer(capacity: sealed.count)
            try mine.edit { (output) throws(CryptoError) in
                try sealer.seal(message.plain.span, nonce: nonce, associatedData: message.aad.span, into: &output)
            }
            #expect(mine.array == sealed)
            ours.append("\(word(message.key)) \(word(message.nonce)) \(word(message.aad)) \(word(mine.array))")
        }
        #expect(
            try python("def answer(k, n, a, c): return \(name)(k).decrypt(n, c, a)", ours)
                == messages.map { hex($0.plain) })
    }

    @Test("HKDF, HMAC and X25519 agree on random inputs")
    func derivations() throws {
        var bytes = TestBytes(seed: 17)
        let inputs = (0..<40).map { index in
            (
                key: bytes.array(1 + index * 5), salt: bytes.array(index * 3), info: bytes.array(index * 20),
                count: 1 + index * 60
            )
        }
        for (function, name) in [(HashFunction.sha256, "SHA256"), (.sha512, "SHA512")] {
            let expected = try python(
                """
                def answer(k, s, i, n):
                    h = hashes.\(name)()
                    a = hmac.HMAC(k, h)
                    a.update(i)
                    return HKDF(algorithm=h, length=int.from_bytes(n, "big"), salt=s, info=i).derive(k) + a.finalize()
                """,
                inputs.map {
                    "\(word($0.key)) \(word($0.salt)) \(word($0.info)) \(word([UInt8($0.count >> 8), UInt8($0.count & 255)]))"
                })
            for (input, expected) in zip(inputs, expected) {
                let key = try secret(input.key)
                let derived = try HKDF.derive(
                    function, key: key, salt: input.salt.span, info: input.info.span, count: input.count)
                var hmac = try HMAC(function, key: key)
                let code = try hmac.authenticate(input.info.span)
                #expect(hex(derived.array + code) == expected)
            }
        }
        let pairs = (0..<20).map { _ in (bytes.array(32), bytes.array(32)) }
        let shared = try python(
            """
            def answer(k, p):
                key = X25519PrivateKey.from_private_bytes(k)
                peer = X25519PrivateKey.from_private_bytes(p).public_key()
                return peer.public_bytes_raw() + key.exchange(peer)
            """, pairs.map { "\(word($0.0)) \(word($0.1))" })
        for (pair, expected) in zip(pairs, shared) {
            let publicKey = try X25519.publicKey(of: secret(pair.1))
            #expect(try hex(publicKey + sharedSecret(pair.0, publicKey)) == expected)
        }
    }

    @Test("Damage is refused on both sides alike")
    func damage() throws {
        let key = TestBytes.make(32)
        let sealed = try sealCobblestone(TestBytes.make(40), key: key, salt: TestBytes.make(24), context: [])
        var variants = (0..<sealed.count).map { position in
            var damaged = sealed
            damaged[position] ^= 1
            return damaged
        }
        variants += (0..<sealed.count).map { Array(sealed.prefix($0)) } + [sealed + [0], sealed + sealed]
        let theirs = try python(
            """
            def answer(key, sealed):
                try:
                    d = Cobblestone256Decryptor(key, b"")
                    d.update(sealed)
                    d.finalize()
                    return b"opened"
                except Exception:
                    return b""
            """, variants.map { "\(word(key)) \(word($0))" })
        #expect(theirs.count == variants.count && theirs.allSatisfy(\.isEmpty))
        for variant in variants {
            let found = try code { _ = try openCobblestone(variant, key: key, context: []) }
            #expect(found != nil)
        }
    }
}
