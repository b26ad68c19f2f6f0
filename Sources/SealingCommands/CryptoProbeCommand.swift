internal import ArgumentParser
internal import Glibc
internal import JSONText
internal import OpenSSLEngine
internal import SealingKit
internal import TextEncodings

/// `pipemason crypto-probe`: the primitives that ship, for outside vector suites (docs/formats/crypto-probe.md).
///
/// Reads one JSON object a line, answers with one. For test vectors only: it works on what it is told, keeps
/// nothing, and takes keys in clear.
struct CryptoProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crypto-probe", abstract: "Answer cryptographic test vectors, one JSON object a line.",
        shouldDisplay: false)

    func run() throws {
        try handlingKeys {
            var input = LineReader(descriptor: STDIN_FILENO)
            var sink = DescriptorSink(STDOUT_FILENO)
            while let line = try input.next() {
                try sink.write(Array((CryptoProbe.answer(line.span) + "\n").utf8).span)
            }
        }
    }
}

/// Reads lines of bounded length.
private struct LineReader {
    /// The longest line in bytes: a message of about 12 MiB in hexadecimal.
    static let maximumLine = 1 << 24 + 1 << 23

    let descriptor: CInt
    private var buffer: [UInt8] = []
    /// Where the next line begins.
    private var start = 0
    private var isAtEnd = false

    init(descriptor: CInt) { self.descriptor = descriptor }

    mutating func next() throws(SealingError) -> [UInt8]? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(buffer[start..<end])
                start = end + 1
                return line
            }
            searched = buffer.count
            if isAtEnd {
                guard start < buffer.count else { return nil }
                let line = Array(buffer[start...])
                start = buffer.count
                return line
            }
            guard buffer.count - start <= Self.maximumLine else {
                throw SealingError(.limitExceeded, "a request has at most \(Self.maximumLine) bytes")
            }
            buffer.removeFirst(start)
            searched -= start
            start = 0
            var source = DescriptorSource(descriptor)
            var piece = WipedBuffer(capacity: 1 << 16)
            let amount = try piece.edit { (output) throws(SealingError) in try source.read(into: &output) }
            for index in 0..<amount { buffer.append(piece.bytes[index]) }
            isAtEnd = amount == 0
        }
    }
}

/// The probe's requests and answers.
package enum CryptoProbe {
    /// Answers one request: `{"ok":…}` or `{"error":"…"}`.
    package static func answer(_ request: Span<UInt8>) -> String {
        do {
            return "{" + (try Request(parsing: request).perform()) + "}"
        } catch let error as SealingError {
            return "{\"error\":\(JSON.string(error.description))}"
        } catch let error as CryptoError {
            return "{\"error\":\(JSON.string(error.code.description))}"
        } catch {
            return "{\"error\":\"unexpected\"}"
        }
    }

    /// One parsed request.
    private struct Request {
        var operation = ""
        /// The members whose values are hexadecimal.
        var bytes: [String: [UInt8]] = [:]
        var length: Int?
        var hash = "sha512"
        var aead = "aes-256-gcm"

        init(parsing line: Span<UInt8>) throws(SealingError) {
            var reader = JSONReader<SealingError>()
            var operation = ""
            var bytes: [String: [UInt8]] = [:]
            var length: Int?
            var hash = "sha512"
            var aead = "aes-256-gcm"
            try reader.object(line) { (reader, name) throws(SealingError) in
                switch name {
                case "op": operation = try reader.string(line)
                case "hash": hash = try reader.string(line)
                case "aead": aead = try reader.string(line)
                case "length": length = try reader.integer(line)
                case "key", "nonce", "aad", "input", "tag", "salt", "info", "public", "context":
                    let range = try reader.plainString(line)
                    var valid = false
                    bytes[name] = [UInt8](unsafeUninitializedCapacity: range.count / 2) { buffer, count in
                        var output = OutputSpan(buffer: buffer, initializedCount: 0)
                        valid = Hex.decode(line.extracting(range), into: &output)
                        count = output.finalize(for: buffer)
                    }
                    guard valid else { throw SealingError(.malformed, "\(name) is not hexadecimal") }
                default: throw SealingError(.malformed, "an unknown member")
                }
            }
            try reader.expectEnd(line)
            self.operation = operation
            self.bytes = bytes
            self.length = length
            self.hash = hash
            self.aead = aead
        }

        /// Returns the members of the answer.
        func perform() throws -> String {
            switch operation {
            case "aes-128-gcm-seal": return try seal(.aes128GCM)
            case "aes-128-gcm-open": return try open(.aes128GCM)
            case "aes-256-gcm-seal": return try seal(.aes256GCM)
            case "aes-256-gcm-open": return try open(.aes256GCM)
            case "chacha20-poly1305-seal": return try seal(.chacha20Poly1305)
            case "chacha20-poly1305-open": return try open(.chacha20Poly1305)
            case "hkdf-sha256": return try hkdf(.sha256)
            case "hkdf-sha512": return try hkdf(.sha512)
            case "hkdf-expand-sha256": return try hkdfExpand(.sha256)
            case "hkdf-expand-sha512": return try hkdfExpand(.sha512)
            case "hmac-sha256": return try hmac(.sha256)
            case "hmac-sha512": return try hmac(.sha512)
            case "x25519": return try x25519()
            case "cobblestone-seal": return try cobblestoneSeal()
            case "cobblestone-open": return try cobblestoneOpen()
            default: throw SealingError(.malformed, "an unknown op")
            }
        }

        /// A required member.
        private func value(_ name: String) throws(SealingError) -> [UInt8] {
            guard let value = bytes[name] else { throw SealingError(.malformed, "\(name) is missing") }
            return value
        }

        private func secret(_ name: String) throws -> Secret {
            let value = try value(name)
            return try Secret(copying: value.span)
        }

        private func ok(_ bytes: Span<UInt8>) -> String { "\"ok\":\"\(Hex.encode(bytes))\"" }

        private func nonce() throws -> AEADNonce {
            let value = try value("nonce")
            guard let nonce = AEADNonce(value.span) else { throw SealingError(.malformed, "a nonce has 12 bytes") }
            return nonce
        }

        private func seal(_ algorithm: AEADAlgorithm) throws -> String {
            let key = try value("key")
            let input = try value("input")
            let associatedData = bytes["aad"] ?? []
            var aead = try AEAD(algorithm, .seal, key: key.span)
            var output = WipedBuffer(capacity: input.count + AEAD.tagSize)
            let nonce = try nonce()
            try output.edit { (output) throws(CryptoError) in
                try aead.seal(input.span, nonce: nonce, associatedData: associatedData.span, into: &output)
            }
            let ciphertext = Hex.encode(output.bytes.extracting(0..<input.count))
            let tag = Hex.encode(output.bytes.extracting(input.count...))
            return "\"ok\":\"\(ciphertext)\",\"tag\":\"\(tag)\""
        }

        private func open(_ algorithm: AEADAlgorithm) throws -> String {
            let key = try value("key")
            let input = try value("input")
            let tag = try value("tag")
            let associatedData = bytes["aad"] ?? []
            var aead = try AEAD(algorithm, .open, key: key.span)
            var output = WipedBuffer(capacity: input.count)
            let nonce = try nonce()
            try output.edit { (output) throws(CryptoError) in
                try aead.open(
                    input.span, tag: tag.span, nonce: nonce, associatedData: associatedData.span, into: &output)
            }
            return ok(output.bytes)
        }

        private func hkdf(_ function: HashFunction) throws -> String {
            let salt = bytes["salt"] ?? []
            let info = bytes["info"] ?? []
            let key = try secret("key")
            let output = try HKDF.derive(
                function, key: key, salt: salt.span, info: info.span, count: length ?? function.digestSize)
            return ok(output.bytes)
        }

        private func hkdfExpand(_ function: HashFunction) throws -> String {
            let info = bytes["info"] ?? []
            let key = try secret("key")
            let output = try HKDF.expand(
                function, key: key, info: info.span, count: length ?? function.digestSize)
            return ok(output.bytes)
        }

        private func hmac(_ function: HashFunction) throws -> String {
            let key = try secret("key")
            var hmac = try HMAC(function, key: key)
            let input = try value("input")
            let code = try hmac.authenticate(input.span)
            let length = length ?? code.count
            guard (1...code.count).contains(length) else { throw SealingError(.malformed, "length") }
            return ok(code.span.extracting(0..<length))
        }

        private func x25519() throws -> String {
            let peer = try value("public")
            let key = try secret("key")
            let shared = try X25519.sharedSecret(key, with: peer.span)
            return ok(shared.bytes)
        }

        private func variant() throws(SealingError) -> Cobblestone.Variant {
            let hashes: [String: HashFunction] = ["sha256": .sha256, "sha512": .sha512]
            let aeads: [String: AEADAlgorithm] = [
                "aes-128-gcm": .aes128GCM, "aes-256-gcm": .aes256GCM, "chacha20-poly1305": .chacha20Poly1305,
            ]
            guard let hash = hashes[hash], let aead = aeads[aead] else {
                throw SealingError(.malformed, "an unknown hash or aead")
            }
            return Cobblestone.Variant(aead: aead, hash: hash)
        }

        private func cobblestoneSeal() throws -> String {
            let salt = try bytes["salt"] ?? Random.publicBytes(count: Cobblestone.saltSize)
            let input = try value("input")
            let context = bytes["context"] ?? []
            let key = try secret("key")
            let variant = try variant()
            let message = try Cobblestone.seal(
                input.span, key: key, salt: salt.span, context: context.span, variant: variant)
            return ok(message.span)
        }

        private func cobblestoneOpen() throws -> String {
            let input = try value("input")
            let context = bytes["context"] ?? []
            let key = try secret("key")
            let variant = try variant()
            let plaintext = try Cobblestone.open(input.span, key: key, context: context.span, variant: variant)
            return ok(plaintext.bytes)
        }
    }
}
