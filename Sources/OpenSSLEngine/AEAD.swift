internal import COpenSSL

/// The authenticated ciphers of this module, all with 12-byte nonces and 16-byte tags.
public enum AEADAlgorithm: Sendable, Hashable {
    case aes128GCM, aes256GCM, chacha20Poly1305

    /// The size of a key in bytes.
    public var keySize: Int { self == .aes128GCM ? 16 : 32 }

    fileprivate var handle: Library.Handle? {
        switch self {
        case .aes128GCM: Library.aes128GCM
        case .aes256GCM: Library.aes256GCM
        case .chacha20Poly1305: Library.chacha20Poly1305
        }
    }
}

/// A 12-byte nonce. For one key, no value may seal twice.
public struct AEADNonce: Sendable {
    public var bytes: InlineArray<12, UInt8>

    /// All zero: for keys that seal one message only.
    public init() { bytes = InlineArray(repeating: 0) }

    /// Makes a nonce of 12 bytes; nil for another length.
    public init?(_ bytes: Span<UInt8>) {
        guard bytes.count == AEAD.nonceSize else { return nil }
        self.init()
        for index in bytes.indices { self.bytes[index] = bytes[index] }
    }
}

/// One direction of an authenticated cipher with one key.
///
/// The key schedule is computed once; each message costs only its own work. This is the primitive layer: nonces are
/// the caller's, and a nonce must never be used twice for sealing with one key. The formats in `SealingKit` see
/// to that.
public struct AEAD: ~Copyable, @unchecked Sendable {
    // SAFETY: used by whoever has exclusive access; OpenSSL ties a context to no thread.
    /// Owned; freed and cleansed in `deinit`.
    private let context: OpaquePointer
    private let direction: Direction

    public enum Direction: Sendable { case seal, open }

    /// The size of a nonce in bytes.
    public static let nonceSize = 12
    /// The size of a tag in bytes.
    public static let tagSize = 16
    /// The longest message in one call, in bytes: OpenSSL counts in `int`.
    public static let maximumMessageSize = 1 << 30

    /// Prepares `algorithm` with `key`.
    /// - Throws: `.invalidLength` unless the key has `algorithm.keySize` bytes.
    public init(_ algorithm: AEADAlgorithm, _ direction: Direction, key: Span<UInt8>) throws(CryptoError) {
        guard key.count == algorithm.keySize else { throw CryptoError(.invalidLength, in: "AEAD") }
        let cipher = try Library.require(algorithm.handle, for: "AEAD")
        guard let context = EVP_CIPHER_CTX_new() else { throw CryptoError(.outOfMemory, in: "AEAD") }
        let status = key.withPointer { pointer, _ in
            EVP_CipherInit_ex2(context, cipher, pointer, nil, direction == .seal ? 1 : 0, nil)
        }
        guard status == 1, EVP_CIPHER_CTX_get_iv_length(context) == Self.nonceSize else {
            EVP_CIPHER_CTX_free(context)
            throw CryptoError(.libraryFailure, in: "AEAD")
        }
        self.context = context
        self.direction = direction
    }

    /// Appends the ciphertext of `plaintext` and its tag to `output`.
    /// - Throws: `.invalidLength` when the message is too long or `output` has no room for `plaintext.count + 16`
    ///   bytes; nothing is appended then.
    public mutating func seal(
        _ plaintext: Span<UInt8>, nonce: AEADNonce, associatedData: Span<UInt8>,
        into output: inout OutputSpan<UInt8>
    ) throws(CryptoError) {
        precondition(direction == .seal)
        guard plaintext.count <= Self.maximumMessageSize,
            associatedData.count <= Self.maximumMessageSize,
            output.freeCapacity >= plaintext.count + Self.tagSize
        else { throw CryptoError(.invalidLength, in: "AEAD seal") }
        let sealed = output.withUnsafeMutableBufferPointer { buffer, initialized in
            // In bounds: the guard above; `initialized` bytes are already in use.
            let target = buffer.baseAddress! + initialized
            guard begin(nonce: nonce, associatedData: associatedData),
                update(plaintext, into: target), finish(into: target + plaintext.count),
                EVP_CIPHER_CTX_ctrl(
                    context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagSize), target + plaintext.count) == 1
            else {
                OPENSSL_cleanse(target, plaintext.count + Self.tagSize)
                return false
            }
            initialized += plaintext.count + Self.tagSize
            return true
        }
        guard sealed else { throw CryptoError(.libraryFailure, in: "AEAD seal") }
    }

    /// Appends the plaintext of `ciphertext` to `output`, once its tag has verified.
    ///
    /// OpenSSL writes plaintext before it decides; on failure what it wrote is overwritten and nothing is appended.
    /// - Throws: `.authenticationFailed` when the tag does not verify; `.invalidLength` when the tag does not
    ///   have 16 bytes (OpenSSL itself would accept shorter ones) or `output` has no room.
    public mutating func open(
        _ ciphertext: Span<UInt8>, tag: Span<UInt8>, nonce: AEADNonce, associatedData: Span<UInt8>,
        into output: inout OutputSpan<UInt8>
    ) throws(CryptoError) {
        precondition(direction == .open)
        guard tag.count == Self.tagSize,
            ciphertext.count <= Self.maximumMessageSize, associatedData.count <= Self.maximumMessageSize,
            output.freeCapacity >= ciphertext.count
        else { throw CryptoError(.invalidLength, in: "AEAD open") }
        let opened = output.withUnsafeMutableBufferPointer { buffer, initialized in
            var scratch: UInt8 = 0
            return withUnsafeMutablePointer(to: &scratch) { scratch in
                // In bounds: the guard above; `initialized` bytes are already in use.
                let target = buffer.baseAddress.map { $0 + initialized } ?? scratch
                guard begin(nonce: nonce, associatedData: associatedData), setTag(tag),
                    update(ciphertext, into: target), finish(into: scratch)
                else {
                    OPENSSL_cleanse(target, ciphertext.count)
                    return false
                }
                initialized += ciphertext.count
                return true
            }
        }
        guard opened else { throw CryptoError(.authenticationFailed, in: "AEAD open") }
    }

    /// Sets the nonce, keeps the key, and adds the associated data.
    private func begin(nonce: AEADNonce, associatedData: Span<UInt8>) -> Bool {
        let status = nonce.bytes.span.withPointer { pointer, _ in
            EVP_CipherInit_ex2(context, nil, nil, pointer, -1, nil)
        }
        guard status == 1 else { return false }
        guard !associatedData.isEmpty else { return true }
        var written: Int32 = 0
        return associatedData.withPointer { pointer, count in
            EVP_CipherUpdate(context, nil, &written, pointer, Int32(count)) == 1
        }
    }

    private func setTag(_ tag: Span<UInt8>) -> Bool {
        tag.withPointer { pointer, count in
            // Only read by OpenSSL.
            EVP_CIPHER_CTX_ctrl(
                context, EVP_CTRL_AEAD_SET_TAG, Int32(count), UnsafeMutablePointer(mutating: pointer)) == 1
        }
    }

    private func update(_ input: Span<UInt8>, into target: UnsafeMutablePointer<UInt8>) -> Bool {
        guard !input.isEmpty else { return true }
        var written: Int32 = 0
        return input.withPointer { pointer, count in
            EVP_CipherUpdate(context, target, &written, pointer, Int32(count)) == 1 && Int(written) == count
        }
    }

    /// Computes or checks the tag; these ciphers have no bytes left to write here.
    private func finish(into target: UnsafeMutablePointer<UInt8>) -> Bool {
        var written: Int32 = 0
        return EVP_CipherFinal_ex(context, target, &written) == 1 && written == 0
    }

    deinit { EVP_CIPHER_CTX_free(context) }
}
