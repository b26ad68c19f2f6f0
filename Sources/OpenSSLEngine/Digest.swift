internal import COpenSSL

/// A hash computation over several pieces.
public struct Digest: ~Copyable {
    /// Owned; freed in `deinit`. Ready for the next message between calls.
    private let context: OpaquePointer
    private let function: HashFunction

    /// Prepares a computation with `function`.
    public init(_ function: HashFunction) throws(CryptoError) {
        let algorithm = try function.algorithm(for: "Digest")
        guard let context = EVP_MD_CTX_new() else { throw CryptoError(.outOfMemory, in: "Digest") }
        guard EVP_DigestInit_ex2(context, algorithm, nil) == 1 else {
            EVP_MD_CTX_free(context)
            throw CryptoError(.libraryFailure, in: "Digest")
        }
        self.context = context
        self.function = function
    }

    /// Adds `bytes` to the message.
    public mutating func update(_ bytes: Span<UInt8>) throws(CryptoError) {
        let status = bytes.withPointer { pointer, count in EVP_DigestUpdate(context, pointer, count) }
        guard status == 1 else { throw CryptoError(.libraryFailure, in: "Digest") }
    }

    /// Returns the digest and starts a new message.
    public mutating func finish() throws(CryptoError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: function.digestSize)
        var size: UInt32 = 0
        let finished = EVP_DigestFinal_ex(context, &result, &size)
        let restarted = EVP_DigestInit_ex2(context, nil, nil)
        if finished != 1 || restarted != 1 || Int(size) != result.count {
            throw CryptoError(.libraryFailure, in: "Digest")
        }
        return result
    }

    /// Returns the SHA-256 of `bytes`: 32 bytes.
    public static func sha256(_ bytes: Span<UInt8>) throws(CryptoError) -> [UInt8] {
        var digest = try Digest(.sha256)
        try digest.update(bytes)
        return try digest.finish()
    }

    deinit { EVP_MD_CTX_free(context) }
}

/// HMAC (RFC 2104) with one key, for any number of messages.
///
/// The key is absorbed once; each further message costs only its own hashing. Not safe for use from two threads at
/// the same time, as the type system enforces: it can not be copied and its methods are `mutating`.
public struct HMAC: ~Copyable, @unchecked Sendable {
    // SAFETY: a context is used by whoever has exclusive access; OpenSSL ties it to no thread.
    private let context: OpaquePointer
    /// The size of a whole authentication code in bytes.
    public let size: Int

    /// Prepares HMAC with `function` and `key`, which may have any length.
    public init(_ function: HashFunction = .sha256, key: borrowing Secret) throws(CryptoError) {
        let algorithm = try Library.require(Library.hmac, for: "HMAC")
        guard let context = EVP_MAC_CTX_new(algorithm) else { throw CryptoError(.outOfMemory, in: "HMAC") }
        let parameters = [Parameter.text("digest", function.parameterName), Parameter.end]
        let status = key.bytes.withPointer { pointer, count in EVP_MAC_init(context, pointer, count, parameters) }
        guard status == 1 else {
            EVP_MAC_CTX_free(context)
            throw CryptoError(.libraryFailure, in: "HMAC")
        }
        self.context = context
        size = function.digestSize
    }

    /// Adds `bytes` to the current message.
    public mutating func update(_ bytes: Span<UInt8>) throws(CryptoError) {
        let status = bytes.withPointer { pointer, count in EVP_MAC_update(context, pointer, count) }
        guard status == 1 else { throw CryptoError(.libraryFailure, in: "HMAC") }
    }

    /// Returns the authentication code (`size` bytes) and starts a new message with the same key.
    public mutating func finish() throws(CryptoError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: size)
        var written = 0
        let finished = EVP_MAC_final(context, &result, &written, size)
        // A null key keeps the absorbed one.
        let restarted = EVP_MAC_init(context, nil, 0, nil)
        if finished != 1 || restarted != 1 || written != size { throw CryptoError(.libraryFailure, in: "HMAC") }
        return result
    }

    /// Returns the authentication code of one message.
    public mutating func authenticate(_ message: Span<UInt8>) throws(CryptoError) -> [UInt8] {
        try update(message)
        return try finish()
    }

    /// Returns whether `code` authenticates `message`. Only whole codes are accepted; compared in constant time.
    public mutating func verify(_ code: Span<UInt8>, of message: Span<UInt8>) throws(CryptoError) -> Bool {
        let expected = try authenticate(message)
        return constantTimeEqual(expected.span, code)
    }

    deinit { EVP_MAC_CTX_free(context) }
}
