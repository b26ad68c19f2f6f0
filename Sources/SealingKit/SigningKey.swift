public import OpenSSLEngine
internal import TextEncodings

/// An Ed25519 key of this machine (RFC 8032). Shared by reference; wiped when the last reference goes.
public final class SigningKey: Sendable {
    private let secret: Secret
    /// 32 bytes.
    public let publicKey: [UInt8]

    /// Takes over the 32 bytes of a private key.
    /// - Throws: `.malformed` for another size.
    public init(_ secret: consuming Secret) throws(SealingError) {
        guard secret.count == Ed25519.keySize else { throw SealingError(.malformed, "a signing key of the wrong size") }
        do { publicKey = try Ed25519.publicKey(of: secret) } catch { throw SealingError(error) }
        self.secret = secret
    }

    /// Makes a key from the private random generator.
    public static func generate() throws(SealingError) -> SigningKey {
        let secret: Secret
        do { secret = try Secret.random(count: Ed25519.keySize) } catch { throw SealingError(error) }
        return try SigningKey(secret)
    }

    /// Reads base64 with padding.
    convenience init(base64 text: Span<UInt8>) throws(SealingError) {
        var buffer = WipedBuffer(capacity: Base64.decodedCapacity(text.count))
        let valid = buffer.edit { output in Base64.decode(text, .padded, into: &output) }
        guard valid else { throw SealingError(.malformed, "a signing key that is not base64") }
        let secret: Secret
        do { secret = try Secret(copying: buffer.bytes) } catch { throw SealingError(error) }
        try self.init(secret)
    }

    /// Returns the signature of `message`: 64 bytes.
    public func sign(_ message: Span<UInt8>) throws(SealingError) -> [UInt8] {
        do { return try Ed25519.sign(message, with: secret) } catch { throw SealingError(error) }
    }

    /// The public key in hexadecimal.
    public var publicHex: String {
        let bytes = publicKey
        return Hex.encode(bytes.span)
    }

    func appendBase64(to buffer: inout WipedBuffer) { Self.append(secret, to: &buffer) }

    private static func append(_ secret: borrowing Secret, to buffer: inout WipedBuffer) {
        let bytes = secret.bytes
        buffer.edit { output in Base64.encode(bytes, .padded, into: &output) }
    }
}
