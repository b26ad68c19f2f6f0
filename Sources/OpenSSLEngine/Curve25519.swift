internal import COpenSSL

/// Diffie–Hellman over Curve25519 (RFC 7748).
public enum X25519 {
    /// The size of private keys, public keys and shared secrets in bytes.
    public static let keySize = 32

    /// Returns the public key of `privateKey`.
    public static func publicKey(of privateKey: borrowing Secret) throws(CryptoError) -> [UInt8] {
        let key = try PrivateKey("X25519", privateKey)
        return try key.publicKey(for: "X25519")
    }

    /// Returns the shared secret of `privateKey` and `publicKey`.
    /// - Throws: `.invalidPublicKey` when the result would be all zero (a point of small order);
    ///   `.invalidLength` when a key is not 32 bytes.
    public static func sharedSecret(
        _ privateKey: borrowing Secret, with publicKey: Span<UInt8>
    ) throws(CryptoError) -> Secret {
        let key = try PrivateKey("X25519", privateKey)
        guard publicKey.count == keySize else { throw CryptoError(.invalidLength, in: "X25519") }
        let library = try Library.require(Library.context, for: "X25519")
        let peer = publicKey.withPointer { pointer, count in
            EVP_PKEY_new_raw_public_key_ex(library, "X25519", nil, pointer, count)
        }
        guard let peer else { throw CryptoError(.invalidPublicKey, in: "X25519") }
        defer { EVP_PKEY_free(peer) }
        guard let context = EVP_PKEY_CTX_new_from_pkey(library, key.pointer, nil) else {
            throw CryptoError(.outOfMemory, in: "X25519")
        }
        defer { EVP_PKEY_CTX_free(context) }
        guard EVP_PKEY_derive_init(context) == 1, EVP_PKEY_derive_set_peer(context, peer) == 1 else {
            throw CryptoError(.invalidPublicKey, in: "X25519")
        }
        return try Secret(count: keySize) { (target) throws(CryptoError) in
            var size = keySize
            let status = target.withUnsafeMutableBufferPointer { buffer in
                EVP_PKEY_derive(context, buffer.baseAddress, &size)
            }
            guard status == 1, size == keySize else { throw CryptoError(.invalidPublicKey, in: "X25519") }
        }
    }
}

/// Signatures over Curve25519 (RFC 8032, Ed25519).
public enum Ed25519 {
    /// The size of private and public keys in bytes.
    public static let keySize = 32
    /// The size of a signature in bytes.
    public static let signatureSize = 64

    /// Returns the public key of `privateKey` (the 32-byte seed).
    public static func publicKey(of privateKey: borrowing Secret) throws(CryptoError) -> [UInt8] {
        let key = try PrivateKey("ED25519", privateKey)
        return try key.publicKey(for: "Ed25519")
    }

    /// Returns the signature of `message`: 64 bytes.
    public static func sign(_ message: Span<UInt8>, with privateKey: borrowing Secret) throws(CryptoError) -> [UInt8] {
        let key = try PrivateKey("ED25519", privateKey)
        guard let context = EVP_MD_CTX_new() else { throw CryptoError(.outOfMemory, in: "Ed25519") }
        defer { EVP_MD_CTX_free(context) }
        let library = try Library.require(Library.context, for: "Ed25519")
        var signature = [UInt8](repeating: 0, count: signatureSize)
        var size = signatureSize
        let status = message.withPointer { pointer, count in
            EVP_DigestSignInit_ex(context, nil, nil, library, nil, key.pointer, nil) == 1
                && EVP_DigestSign(context, &signature, &size, pointer, count) == 1
        }
        guard status, size == signatureSize else { throw CryptoError(.libraryFailure, in: "Ed25519") }
        return signature
    }

    /// Returns whether `signature` is `publicKey`'s signature of `message`.
    /// - Throws: `.invalidLength` or `.invalidPublicKey` when the public key is not one.
    public static func verify(
        _ signature: Span<UInt8>, of message: Span<UInt8>, by publicKey: Span<UInt8>
    ) throws(CryptoError) -> Bool {
        guard publicKey.count == keySize else { throw CryptoError(.invalidLength, in: "Ed25519") }
        guard signature.count == signatureSize else { return false }
        let library = try Library.require(Library.context, for: "Ed25519")
        let key = publicKey.withPointer { pointer, count in
            EVP_PKEY_new_raw_public_key_ex(library, "ED25519", nil, pointer, count)
        }
        guard let key else { throw CryptoError(.invalidPublicKey, in: "Ed25519") }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { throw CryptoError(.outOfMemory, in: "Ed25519") }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestVerifyInit_ex(context, nil, nil, library, nil, key, nil) == 1 else {
            throw CryptoError(.libraryFailure, in: "Ed25519")
        }
        let status = message.withPointer { message, messageCount in
            signature.withPointer { pointer, count in
                EVP_DigestVerify(context, pointer, count, message, messageCount)
            }
        }
        if status != 1 { ERR_clear_error() }
        return status == 1
    }
}

/// Owns OpenSSL's form of a private key; OpenSSL keeps it on the secure heap and cleanses it.
private struct PrivateKey: ~Copyable {
    let pointer: OpaquePointer

    init(_ algorithm: StaticString, _ secret: borrowing Secret) throws(CryptoError) {
        guard secret.count == X25519.keySize else { throw CryptoError(.invalidLength, in: algorithm) }
        let library = try Library.require(Library.context, for: algorithm)
        let pointer = secret.bytes.withPointer { pointer, count in
            EVP_PKEY_new_raw_private_key_ex(library, algorithm.description, nil, pointer, count)
        }
        guard let pointer else { throw CryptoError(.libraryFailure, in: algorithm) }
        self.pointer = pointer
    }

    func publicKey(for operation: StaticString) throws(CryptoError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: X25519.keySize)
        var size = result.count
        guard EVP_PKEY_get_raw_public_key(pointer, &result, &size) == 1, size == result.count else {
            throw CryptoError(.libraryFailure, in: operation)
        }
        return result
    }

    deinit { EVP_PKEY_free(pointer) }
}
