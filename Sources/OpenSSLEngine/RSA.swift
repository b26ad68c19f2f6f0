internal import COpenSSL

/// An RSA private key for signatures of the kind RS256 (RFC 7518, section 3.3: RSASSA-PKCS1-v1_5 with SHA-256).
///
/// For services that demand it, such as GitHub Apps; what we choose ourselves is signed with Ed25519.
public final class RSASigningKey: @unchecked Sendable {
    // SAFETY: an EVP_PKEY is not changed after it was read, and OpenSSL documents it as shareable between threads then.
    private let pointer: OpaquePointer

    /// The sizes in bits that a key may have.
    public static let sizes = 2048...8192
    /// The longest text of a key in bytes.
    public static let maximumTextSize = 32 << 10

    /// Reads a private key from PEM (RFC 7468), in PKCS#1's form or PKCS#8's, not encrypted.
    /// - Throws: `.invalidKey` for anything else, `.invalidLength` for a size that is not in `sizes`.
    public init(pem text: Span<UInt8>) throws(CryptoError) {
        guard text.count <= Self.maximumTextSize else { throw CryptoError(.limitExceeded, in: "RSA") }
        let library = try Library.require(Library.context, for: "RSA")
        let pointer = text.withPointer { bytes, count -> OpaquePointer? in
            // The memory is read while this call lasts.
            guard let bio = BIO_new_mem_buf(bytes, Int32(count)) else { return nil }
            defer { BIO_free(bio) }
            // Without a callback OpenSSL would ask for a password at the terminal.
            return PEM_read_bio_PrivateKey_ex(bio, nil, { _, _, _, _ in -1 }, nil, library, nil)
        }
        guard let pointer else { throw CryptoError(.invalidKey, in: "RSA") }
        guard EVP_PKEY_is_a(pointer, "RSA") == 1 else {
            EVP_PKEY_free(pointer)
            throw CryptoError(.invalidKey, in: "RSA")
        }
        guard Self.sizes.contains(Int(EVP_PKEY_get_bits(pointer))) else {
            EVP_PKEY_free(pointer)
            throw CryptoError(.invalidLength, in: "RSA")
        }
        self.pointer = pointer
    }

    /// Makes a key of 2048 bits. Slow: tens to hundreds of milliseconds.
    public static func generate() throws(CryptoError) -> RSASigningKey {
        let library = try Library.require(Library.context, for: "RSA")
        guard let context = EVP_PKEY_CTX_new_from_name(library, "RSA", nil) else {
            throw CryptoError(.algorithmUnavailable, in: "RSA")
        }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_generate(context, &key) == 1, let key else {
            throw CryptoError(.libraryFailure, in: "RSA")
        }
        return RSASigningKey(owned: key)
    }

    private init(owned pointer: OpaquePointer) { self.pointer = pointer }

    /// The private key as PEM, PKCS#8, not encrypted: for a file that only its owner can read.
    public var pem: [UInt8] {
        get throws(CryptoError) {
            try Self.text { bio in PEM_write_bio_PrivateKey(bio, pointer, nil, nil, 0, nil, nil) }
        }
    }

    /// The public key as PEM (SubjectPublicKeyInfo).
    public var publicPEM: [UInt8] {
        get throws(CryptoError) { try Self.text { bio in PEM_write_bio_PUBKEY(bio, pointer) } }
    }

    private static func text(_ write: (OpaquePointer) -> Int32) throws(CryptoError) -> [UInt8] {
        guard let bio = BIO_new(BIO_s_mem()) else { throw CryptoError(.outOfMemory, in: "RSA") }
        defer { BIO_free(bio) }
        guard write(bio) == 1 else { throw CryptoError(.libraryFailure, in: "RSA") }
        var text = [UInt8](repeating: 0, count: maximumTextSize)
        let count = BIO_read(bio, &text, Int32(text.count))
        guard count > 0 else { throw CryptoError(.libraryFailure, in: "RSA") }
        return Array(text[..<Int(count)])
    }

    /// Returns the signature of `message`, as many bytes as the key has.
    public func sign(_ message: Span<UInt8>) throws(CryptoError) -> [UInt8] {
        let library = try Library.require(Library.context, for: "RSA")
        guard let context = EVP_MD_CTX_new() else { throw CryptoError(.outOfMemory, in: "RSA") }
        defer { EVP_MD_CTX_free(context) }
        var size = 0
        let measured = message.withPointer { pointer, count in
            EVP_DigestSignInit_ex(context, nil, "SHA256", library, nil, self.pointer, nil) == 1
                && EVP_DigestSign(context, nil, &size, pointer, count) == 1
        }
        guard measured else { throw CryptoError(.libraryFailure, in: "RSA") }
        var signature = [UInt8](repeating: 0, count: size)
        let status = message.withPointer { pointer, count in
            EVP_DigestSign(context, &signature, &size, pointer, count)
        }
        guard status == 1, size <= signature.count else { throw CryptoError(.libraryFailure, in: "RSA") }
        return Array(signature[..<size])
    }

    deinit { EVP_PKEY_free(pointer) }
}

/// The public half of an `RSASigningKey`.
public final class RSAVerifyingKey: @unchecked Sendable {
    // SAFETY: as `RSASigningKey`.
    private let pointer: OpaquePointer

    /// Reads a public key from PEM (SubjectPublicKeyInfo).
    /// - Throws: `.invalidKey` for anything else.
    public init(pem text: Span<UInt8>) throws(CryptoError) {
        guard text.count <= RSASigningKey.maximumTextSize else { throw CryptoError(.limitExceeded, in: "RSA") }
        let library = try Library.require(Library.context, for: "RSA")
        let pointer = text.withPointer { bytes, count -> OpaquePointer? in
            // The memory is read while this call lasts.
            guard let bio = BIO_new_mem_buf(bytes, Int32(count)) else { return nil }
            defer { BIO_free(bio) }
            return PEM_read_bio_PUBKEY_ex(bio, nil, { _, _, _, _ in -1 }, nil, library, nil)
        }
        guard let pointer else { throw CryptoError(.invalidKey, in: "RSA") }
        self.pointer = pointer
        guard EVP_PKEY_is_a(pointer, "RSA") == 1 else { throw CryptoError(.invalidKey, in: "RSA") }
    }

    /// Returns whether `signature` is this key's signature of `message`.
    public func verify(_ signature: Span<UInt8>, of message: Span<UInt8>) throws(CryptoError) -> Bool {
        let library = try Library.require(Library.context, for: "RSA")
        guard let context = EVP_MD_CTX_new() else { throw CryptoError(.outOfMemory, in: "RSA") }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestVerifyInit_ex(context, nil, "SHA256", library, nil, pointer, nil) == 1 else {
            throw CryptoError(.libraryFailure, in: "RSA")
        }
        let status = message.withPointer { message, messageCount in
            signature.withPointer { pointer, count in
                EVP_DigestVerify(context, pointer, count, message, messageCount)
            }
        }
        if status != 1 { ERR_clear_error() }
        return status == 1
    }

    deinit { EVP_PKEY_free(pointer) }
}
