public import OpenSSLEngine
internal import TextEncodings

/// A public key that age files can be sealed to: `age1…`.
public struct AgeRecipient: Sendable, Hashable, CustomStringConvertible {
    /// The X25519 public key.
    public let publicKey: [UInt8]

    static let prefix: StaticString = "age"

    /// Parses `age1…`, lower or upper case.
    /// - Throws: `.malformed`.
    public init(parsing text: String) throws(SealingError) {
        let text = Array(text.utf8)
        var valid = false
        publicKey = [UInt8](appending: X25519.keySize) { output in
            valid = Bech32.decode(text.span, prefix: Self.prefix, into: &output)
        }
        guard valid, publicKey.count == X25519.keySize else {
            throw SealingError(.malformed, "not an age recipient (age1…)")
        }
    }

    init(publicKey: [UInt8]) { self.publicKey = publicKey }

    /// The text form, lower case.
    public var description: String {
        let count = Bech32.encodedCount(prefixCount: Self.prefix.utf8CodeUnitCount, publicKey.count)
        let text = [UInt8](appending: count) { output in
            Bech32.encode(prefix: Self.prefix, publicKey.span, uppercase: false, into: &output)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Returns the stanza that gives `fileKey` to this recipient (age-encryption.org/v1, "X25519 recipient stanza").
    func wrap(_ fileKey: borrowing Secret) throws(SealingError) -> AgeStanza {
        do {
            let ephemeral = try Secret.random(count: X25519.keySize)
            let share = try X25519.publicKey(of: ephemeral)
            let shared = try X25519.sharedSecret(ephemeral, with: publicKey.span)
            let key = try AgeWrapping.key(shared: shared, share: share, recipient: publicKey)
            return AgeStanza(
                type: "X25519", arguments: [Base64.encode(share.span, .unpadded)],
                body: try AgeWrapping.seal(fileKey, under: key))
        } catch {
            if error.code == .invalidPublicKey {
                throw SealingError(.malformed, "the recipient is a point of small order")
            }
            throw SealingError(error)
        }
    }
}

/// A private key that opens age files: `AGE-SECRET-KEY-1…`. Shared by reference; wiped when the last reference goes.
public final class AgeIdentity: Sendable {
    private let secret: Secret
    public let recipient: AgeRecipient

    static let prefix: StaticString = "age-secret-key-"

    /// Makes an identity from the private random generator.
    public static func generate() throws(SealingError) -> AgeIdentity {
        let secret: Secret
        do { secret = try Secret.random(count: X25519.keySize) } catch { throw SealingError(error) }
        return try AgeIdentity(secret)
    }

    /// Parses `AGE-SECRET-KEY-1…`.
    /// - Throws: `.malformed`.
    public convenience init(parsing text: Span<UInt8>) throws(SealingError) {
        var buffer = WipedBuffer(capacity: X25519.keySize)
        let valid = buffer.edit { output in Bech32.decode(text, prefix: Self.prefix, into: &output) }
        guard valid, buffer.count == X25519.keySize else { throw SealingError(.malformed, "not an age identity") }
        let secret: Secret
        do { secret = try Secret(copying: buffer.bytes) } catch { throw SealingError(error) }
        try self.init(secret)
    }

    private init(_ secret: consuming Secret) throws(SealingError) {
        do { recipient = AgeRecipient(publicKey: try X25519.publicKey(of: secret)) } catch { throw SealingError(error) }
        self.secret = secret
    }

    /// The text form in ASCII, upper case.
    public var text: WipedBuffer { Self.text(of: secret) }

    private static func text(of secret: borrowing Secret) -> WipedBuffer {
        let count = Bech32.encodedCount(prefixCount: prefix.utf8CodeUnitCount, secret.count)
        var buffer = WipedBuffer(capacity: count)
        let bytes = secret.bytes
        buffer.edit { output in Bech32.encode(prefix: prefix, bytes, uppercase: true, into: &output) }
        return buffer
    }

    /// The largest identity file that is read, in bytes.
    public static let maximumFileSize = 1 << 16

    /// Parses a file of identities: one a line, with empty lines and lines that begin with `#` between them.
    /// - Throws: `.malformed`, naming the line; also when there is no identity at all.
    public static func parseFile(_ bytes: Span<UInt8>) throws(SealingError) -> [AgeIdentity] {
        var identities: [AgeIdentity] = []
        var number = 0
        var start = 0
        while start < bytes.count {
            number += 1
            var end = start
            while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
            var stop = end
            if stop > start, bytes[stop - 1] == UInt8(ascii: "\r") { stop -= 1 }
            if stop > start, bytes[start] != UInt8(ascii: "#") {
                do throws(SealingError) {
                    identities.append(try AgeIdentity(parsing: bytes.extracting(start..<stop)))
                } catch {
                    throw SealingError(error.code, "line \(number) of the identity file: \(error.detail)")
                }
            }
            start = end + 1
        }
        guard !identities.isEmpty else { throw SealingError(.malformed, "no identity in the identity file") }
        return identities
    }

    /// Returns the file key in `stanza`, or nil when the stanza is for someone else.
    /// - Throws: `.malformed` when it is an X25519 stanza that breaks the format.
    func unwrap(_ stanza: AgeStanza) throws(SealingError) -> Secret? {
        guard stanza.type == "X25519" else { return nil }
        guard stanza.arguments.count == 1, stanza.body.count == AgeWrapping.bodySize,
            let share = Base64.decode(Array(stanza.arguments[0].utf8).span, .unpadded), share.count == X25519.keySize
        else { throw SealingError(.malformed, "an X25519 recipient of the wrong form") }
        do {
            let shared = try X25519.sharedSecret(secret, with: share.span)
            let key = try AgeWrapping.key(shared: shared, share: share, recipient: recipient.publicKey)
            return try AgeWrapping.open(stanza.body, under: key)
        } catch {
            // A share of small order is an attack, not a miss (age-encryption.org/v1).
            if error.code == .invalidPublicKey { throw SealingError(.malformed, "an X25519 share of small order") }
            throw SealingError(error)
        }
    }
}

/// A passphrase. Shared by reference; wiped when the last reference goes.
public final class Passphrase: Sendable {
    private let secret: Secret

    /// The longest passphrase in bytes.
    public static let maximumSize = 4096
    /// The cost of files that are sealed here, as base-2 logarithm of scrypt's N: 256 MiB and about a second.
    public static let defaultLogN = 18
    /// The highest cost that is accepted from a file: an attacker names it, and we pay for it.
    public static let maximumLogN = Scrypt.maximumLogN

    private static let label: StaticString = "age-encryption.org/v1/scrypt"
    private static let saltSize = 16

    /// Takes a passphrase as it was typed, without line end.
    /// - Throws: `.malformed` when it is empty; `.limitExceeded` above `maximumSize`.
    public init(_ bytes: Span<UInt8>) throws(SealingError) {
        guard !bytes.isEmpty else { throw SealingError(.malformed, "an empty passphrase") }
        guard bytes.count <= Self.maximumSize else {
            throw SealingError(.limitExceeded, "a passphrase has at most \(Self.maximumSize) bytes")
        }
        do { secret = try Secret(copying: bytes) } catch { throw SealingError(error) }
    }

    /// Whether two passphrases are the same. Constant time.
    public func matches(_ other: Passphrase) -> Bool { secret == other.secret }

    /// Returns the stanza that gives `fileKey` to whoever knows the passphrase ("scrypt recipient stanza").
    func wrap(_ fileKey: borrowing Secret, logN: Int) throws(SealingError) -> AgeStanza {
        do {
            let salt = try Random.publicBytes(count: Self.saltSize)
            let key = try derive(salt: salt, logN: logN)
            return AgeStanza(
                type: "scrypt", arguments: [Base64.encode(salt.span, .unpadded), String(logN)],
                body: try AgeWrapping.seal(fileKey, under: key))
        } catch { throw SealingError(error) }
    }

    /// Returns the file key in `stanza`, or nil when the passphrase is another one.
    /// - Throws: `.malformed` when it is a scrypt stanza that breaks the format; `.limitExceeded` above
    ///   `maximumLogN`, before any work.
    func unwrap(_ stanza: AgeStanza) throws(SealingError) -> Secret? {
        guard stanza.type == "scrypt" else { return nil }
        guard stanza.arguments.count == 2, stanza.body.count == AgeWrapping.bodySize,
            let salt = Base64.decode(Array(stanza.arguments[0].utf8).span, .unpadded), salt.count == Self.saltSize,
            let logN = Self.workFactor(stanza.arguments[1])
        else { throw SealingError(.malformed, "a scrypt recipient of the wrong form") }
        guard logN <= Self.maximumLogN else {
            throw SealingError(.limitExceeded, "a scrypt work factor above \(Self.maximumLogN)")
        }
        do {
            let key = try derive(salt: salt, logN: logN)
            return try AgeWrapping.open(stanza.body, under: key)
        } catch { throw SealingError(error) }
    }

    private func derive(salt: [UInt8], logN: Int) throws(CryptoError) -> Secret {
        let salted = [UInt8](appending: Self.label.utf8CodeUnitCount + salt.count) { output in
            for index in 0..<Self.label.utf8CodeUnitCount { output.append(Self.label.utf8Start[index]) }
            output.append(contentsOf: salt.span)
        }
        return try Scrypt.derive(passphrase: secret, salt: salted.span, logN: logN, count: 32)
    }

    /// A decimal number from 1 to 99 without sign or leading zero.
    private static func workFactor(_ text: String) -> Int? {
        let digits = Array(text.utf8)
        guard (1...2).contains(digits.count), digits[0] != UInt8(ascii: "0"),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }
}

/// How age wraps a 16-byte file key: ChaCha20-Poly1305 with a key used once and a zero nonce.
enum AgeWrapping {
    static let fileKeySize = 16
    static let bodySize = fileKeySize + AEAD.tagSize

    static func key(shared: borrowing Secret, share: [UInt8], recipient: [UInt8]) throws(CryptoError) -> Secret {
        let salt = share + recipient
        let info = Array("age-encryption.org/v1/X25519".utf8)
        return try HKDF.derive(.sha256, key: shared, salt: salt.span, info: info.span, count: 32)
    }

    static func seal(_ fileKey: borrowing Secret, under key: borrowing Secret) throws(CryptoError) -> [UInt8] {
        var aead = try AEAD(.chacha20Poly1305, .seal, key: key.bytes)
        let plaintext = fileKey.bytes
        return try [UInt8](appending: bodySize) { (output) throws(CryptoError) in
            try aead.seal(
                plaintext, nonce: AEADNonce(), associatedData: plaintext.extracting(0..<0), into: &output)
        }
    }

    /// Nil when `key` is another one.
    static func open(_ body: [UInt8], under key: borrowing Secret) throws(CryptoError) -> Secret? {
        var aead = try AEAD(.chacha20Poly1305, .open, key: key.bytes)
        var plaintext = WipedBuffer(capacity: fileKeySize)
        do {
            let sealed = body.span.extracting(0..<fileKeySize)
            let tag = body.span.extracting(fileKeySize...)
            try plaintext.edit { (output) throws(CryptoError) in
                try aead.open(
                    sealed, tag: tag, nonce: AEADNonce(), associatedData: sealed.extracting(0..<0), into: &output)
            }
        } catch {
            guard error.code == .authenticationFailed else { throw error }
            return nil
        }
        return try Secret(copying: plaintext.bytes)
    }
}
