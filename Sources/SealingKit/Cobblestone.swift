public import OpenSSLEngine

/// Chunked encryption as C2SP specifies it (c2sp.org/chunked-encryption), the construction inside every sealed record.
///
/// A message is a 24-byte salt, a 32-byte commitment and chunks of 16 KiB, each with a 16-byte tag. Salt and context
/// go into the key derivation, so a message opens only with the key and context that sealed it, which the commitment
/// tells before any chunk is touched.
///
/// HKDF-Expand(key, label ‖ 0x00 ‖ salt ‖ context) → chunk key ‖ base nonce ‖ commitment. Chunk n is sealed with
/// base nonce XOR n. Every chunk but the last holds exactly 16,384 bytes; the last holds fewer, possibly none.
public struct Cobblestone: ~Copyable {
    /// The variant. `cobblestone256` is the only one that records use; the others exist for the published vectors.
    public struct Variant: Sendable, Hashable {
        public let aead: AEADAlgorithm
        public let hash: HashFunction

        public init(aead: AEADAlgorithm, hash: HashFunction) {
            self.aead = aead
            self.hash = hash
        }

        /// AES-256-GCM and HKDF-Expand-SHA-512.
        public static let cobblestone256 = Variant(aead: .aes256GCM, hash: .sha512)

        var label: StaticString {
            switch aead {
            case .aes128GCM: "c2sp.org/chunked-encryption@v1+AEAD_AES_128_GCM"
            case .aes256GCM: "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM"
            case .chacha20Poly1305: "c2sp.org/chunked-encryption@v1+AEAD_CHACHA20_POLY1305"
            }
        }
    }

    /// Plaintext bytes of every chunk but the last.
    public static let chunkSize = 16_384
    /// Sealed bytes of every chunk but the last.
    public static let sealedChunkSize = chunkSize + AEAD.tagSize
    public static let saltSize = 24
    public static let commitmentSize = 32
    /// What precedes the first chunk: salt and commitment.
    public static let headerSize = saltSize + commitmentSize
    /// The longest context in bytes, so that the derivation's info stays within `HKDF.maximumInfoSize`.
    public static let maximumContextSize = 900

    /// The commitment of this key, salt and context.
    public let commitment: [UInt8]

    private var aead: AEAD
    private let baseNonce: AEADNonce
    /// The number of the next chunk.
    private var index: UInt64 = 0
    /// Whether the last chunk has been sealed or opened.
    public private(set) var isFinished = false

    /// Derives what is needed for one message.
    /// - Throws: `.limitExceeded` when the context is too long; `.malformed` when key or salt has a wrong length.
    public init(
        _ direction: AEAD.Direction, key: borrowing Secret, salt: Span<UInt8>, context: Span<UInt8>,
        variant: Variant = .cobblestone256
    ) throws(SealingError) {
        guard context.count <= Self.maximumContextSize else {
            throw SealingError(.limitExceeded, "the context is longer than \(Self.maximumContextSize) bytes")
        }
        guard salt.count == Self.saltSize, key.count == variant.aead.keySize else {
            throw SealingError(.malformed, "a key or salt of the wrong length")
        }
        let label = variant.label
        let info = [UInt8](appending: label.utf8CodeUnitCount + 1 + salt.count + context.count) { output in
            for index in 0..<label.utf8CodeUnitCount { output.append(label.utf8Start[index]) }
            output.append(0)
            output.append(contentsOf: salt)
            output.append(contentsOf: context)
        }
        let keySize = variant.aead.keySize
        do {
            let derived = try HKDF.expand(
                variant.hash, key: key, info: info.span, count: keySize + AEAD.nonceSize + Self.commitmentSize)
            let bytes = derived.bytes
            aead = try AEAD(variant.aead, direction, key: bytes.extracting(0..<keySize))
            // 12 bytes always make a nonce.
            baseNonce = AEADNonce(bytes.extracting(keySize..<keySize + AEAD.nonceSize))!
            commitment = [UInt8](appending: Self.commitmentSize) {
                $0.append(contentsOf: bytes.extracting((keySize + AEAD.nonceSize)...))
            }
        } catch { throw SealingError(error) }
    }

    /// Returns whether `stored` is the commitment of this key, salt and context. Constant time.
    public func matches(commitment stored: Span<UInt8>) -> Bool { constantTimeEqual(commitment.span, stored) }

    /// Appends the next sealed chunk to `output`.
    ///
    /// A chunk of exactly `chunkSize` bytes is followed by another; a shorter one, which may be empty, is the last.
    public mutating func sealChunk(_ plaintext: Span<UInt8>, into output: inout OutputSpan<UInt8>) throws(SealingError)
    {
        precondition(!isFinished && plaintext.count <= Self.chunkSize)
        let nonce = nextNonce
        do {
            try aead.seal(plaintext, nonce: nonce, associatedData: plaintext.extracting(0..<0), into: &output)
        } catch { throw SealingError(error) }
        index += 1
        isFinished = plaintext.count < Self.chunkSize
    }

    /// Appends the plaintext of the next chunk to `output`.
    ///
    /// A chunk of exactly `sealedChunkSize` bytes is followed by another; a shorter one is the last.
    /// - Throws: `.damagedBody`; nothing is appended then.
    public mutating func openChunk(_ sealed: Span<UInt8>, into output: inout OutputSpan<UInt8>) throws(SealingError) {
        precondition(!isFinished && sealed.count <= Self.sealedChunkSize)
        guard sealed.count >= AEAD.tagSize else {
            throw SealingError(.damagedBody, "chunk \(index) is cut short")
        }
        let nonce = nextNonce
        let plaintextSize = sealed.count - AEAD.tagSize
        do {
            try aead.open(
                sealed.extracting(0..<plaintextSize), tag: sealed.extracting(plaintextSize...), nonce: nonce,
                associatedData: sealed.extracting(0..<0), into: &output)
        } catch {
            guard error.code == .authenticationFailed else { throw SealingError(error) }
            throw SealingError(.damagedBody, "chunk \(index) does not authenticate")
        }
        index += 1
        isFinished = plaintextSize < Self.chunkSize
    }

    /// Makes chunk `number` the next one, for random access to a message that is opened.
    public mutating func seek(toChunk number: UInt64) {
        index = number
        isFinished = false
    }

    /// `baseNonce` XOR the number of the next chunk, big-endian in the last 8 bytes.
    private var nextNonce: AEADNonce {
        var nonce = baseNonce
        for position in 0..<8 {
            nonce.bytes[4 + position] ^= UInt8(truncatingIfNeeded: index >> UInt64(8 * (7 - position)))
        }
        return nonce
    }

    /// Returns a whole message: salt, commitment and chunks. For small inputs; `RecordStream` is for the others.
    public static func seal(
        _ plaintext: Span<UInt8>, key: borrowing Secret, salt: Span<UInt8>, context: Span<UInt8>,
        variant: Variant = .cobblestone256
    ) throws(SealingError) -> [UInt8] {
        var cipher = try Cobblestone(.seal, key: key, salt: salt, context: context, variant: variant)
        let chunks = plaintext.count / chunkSize + 1
        let size = headerSize + plaintext.count + chunks * AEAD.tagSize
        let commitment = cipher.commitment
        return try [UInt8](appending: size) { (output) throws(SealingError) in
            output.append(contentsOf: salt)
            output.append(contentsOf: commitment.span)
            for chunk in 0..<chunks {
                let start = chunk * chunkSize
                let end = min(start + chunkSize, plaintext.count)
                try cipher.sealChunk(plaintext.extracting(start..<end), into: &output)
            }
        }
    }

    /// Returns the plaintext of a whole message.
    /// - Throws: `.malformed` when the header is cut; `.wrongKeyOrContext`; `.damagedBody`.
    public static func open(
        _ message: Span<UInt8>, key: borrowing Secret, context: Span<UInt8>, variant: Variant = .cobblestone256
    ) throws(SealingError) -> WipedBuffer {
        guard message.count >= headerSize else { throw SealingError(.malformed, "the header is cut short") }
        var cipher = try Cobblestone(
            .open, key: key, salt: message.extracting(0..<saltSize), context: context, variant: variant)
        guard cipher.matches(commitment: message.extracting(saltSize..<headerSize)) else {
            throw SealingError(.wrongKeyOrContext, "the commitment does not match")
        }
        var plaintext = WipedBuffer(capacity: message.count - headerSize)
        var offset = headerSize
        while !cipher.isFinished {
            let end = min(offset + sealedChunkSize, message.count)
            let chunk = message.extracting(offset..<end)
            try cipher.openChunk(chunk, appendingTo: &plaintext)
            offset = end
        }
        guard offset == message.count else { throw SealingError(.damagedBody, "bytes follow the last chunk") }
        return plaintext
    }
}
