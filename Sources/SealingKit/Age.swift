internal import OpenSSLEngine

/// What can open age files: identities, and a passphrase that is asked for only when a file needs one.
public struct AgeKeys {
    public let identities: [AgeIdentity]
    public let passphrase: (() throws(SealingError) -> Passphrase)?

    public init(identities: [AgeIdentity] = [], passphrase: (() throws(SealingError) -> Passphrase)? = nil) {
        self.identities = identities
        self.passphrase = passphrase
    }
}

/// Who can open an age file that is sealed here.
public enum AgeRecipients: Sendable {
    /// Any of these; at least one, at most `AgeHeader.maximumStanzas`.
    case publicKeys([AgeRecipient])
    /// Whoever knows the passphrase; `logN` is the base-2 logarithm of scrypt's cost.
    case passphrase(Passphrase, logN: Int)
}

/// Files in the age format, version 1 (age-encryption.org/v1, C2SP), which `age -d` opens without us.
public enum Age {
    /// Plaintext bytes of every chunk but the last.
    static let chunkSize = 1 << 16
    static let sealedChunkSize = chunkSize + AEAD.tagSize
    static let nonceSize = 16
    /// How many chunks are read and written at a time: 256 KiB.
    static let batch = 4

    /// Seals everything from `source` with flat memory.
    /// - Parameter armored: whether to write ASCII armor.
    /// - Throws: `.malformed` without recipients; `.limitExceeded` above the limits of recipients and work factor;
    ///   what source and sink throw.
    public static func seal<Source: ByteSource & ~Copyable, Sink: ByteSink & ~Copyable>(
        from source: consuming Source, to sink: inout Sink, for recipients: AgeRecipients, armored: Bool = false
    ) throws(SealingError) {
        let fileKey: Secret
        do { fileKey = try Secret.random(count: AgeWrapping.fileKeySize) } catch { throw SealingError(error) }
        var stanzas: [AgeStanza] = []
        switch recipients {
        case .publicKeys(let keys):
            guard !keys.isEmpty else { throw SealingError(.malformed, "no recipient") }
            guard keys.count <= AgeHeader.maximumStanzas else {
                throw SealingError(.limitExceeded, "at most \(AgeHeader.maximumStanzas) recipients")
            }
            for key in keys { stanzas.append(try key.wrap(fileKey)) }
        case .passphrase(let passphrase, let logN):
            guard (1...Passphrase.maximumLogN).contains(logN) else {
                throw SealingError(.limitExceeded, "a scrypt work factor above \(Passphrase.maximumLogN)")
            }
            stanzas.append(try passphrase.wrap(fileKey, logN: logN))
        }
        var header = AgeHeader(stanzas: stanzas)
        header.mac = try header.authenticationCode(fileKey: fileKey)
        if armored {
            // The armor collects the file's bytes and writes lines to a sink of its own; hand the sink through.
            var armor = AgeArmorEncoder()
            try sealPayload(from: source, header: header, fileKey: fileKey) { (bytes) throws(SealingError) in
                try armor.encode(bytes, to: &sink)
            }
            try armor.finish(to: &sink)
        } else {
            try sealPayload(from: source, header: header, fileKey: fileKey) { (bytes) throws(SealingError) in
                try sink.write(bytes)
            }
        }
    }

    /// Opens an age file, armored or not, and writes its plaintext, chunk by chunk, each after it has authenticated.
    ///
    /// The sink sees an authentic beginning before the end has been checked: who must not act on a cut file
    /// collects the output (`OutputFile`) and uses it only when this returns.
    /// - Throws: `.wrongKeyOrContext` when none of `keys` fits, `.headerMACFailed`, `.malformed`, `.limitExceeded`,
    ///   `.damagedBody`, `.damagedArmor`, and what source and sink throw.
    public static func open<Source: ByteSource & ~Copyable, Sink: ByteSink & ~Copyable>(
        from source: consuming Source, to sink: inout Sink, with keys: AgeKeys
    ) throws(SealingError) {
        var input = InputBuffer(source, capacity: batch * sealedChunkSize + 1)
        if try AgeArmor.isArmored(&input) {
            var inner = InputBuffer(AgeArmorSource(input), capacity: batch * sealedChunkSize + 1)
            try openBinary(&inner, to: &sink, with: keys)
        } else {
            try openBinary(&input, to: &sink, with: keys)
        }
    }

    // MARK: Payload

    private static func sealPayload<Source: ByteSource & ~Copyable>(
        from source: consuming Source, header: AgeHeader, fileKey: borrowing Secret,
        write: (Span<UInt8>) throws(SealingError) -> Void
    ) throws(SealingError) {
        let nonce: [UInt8]
        do { nonce = try Random.publicBytes(count: nonceSize) } catch { throw SealingError(error) }
        try write(header.encoded.span)
        try write(nonce.span)
        var cipher = try AgeStream(.seal, fileKey: fileKey, nonce: nonce.span)
        // One byte more than a batch tells whether the last chunk of it is the last of all.
        var input = InputBuffer(source, capacity: batch * chunkSize + 1)
        var output = WipedBuffer(capacity: (batch + 1) * sealedChunkSize)
        while !cipher.isFinished {
            _ = try input.require(batch * chunkSize + 1)
            while !cipher.isFinished, input.count > chunkSize || input.isAtEnd {
                let isLast = input.count <= chunkSize
                let size = min(input.count, chunkSize)
                try sealChunk(input.bytes.extracting(0..<size), isLast: isLast, with: &cipher, into: &output)
                input.consume(size)
            }
            try write(output.bytes)
            output.reset()
        }
    }

    private static func openBinary<Source: ByteSource & ~Copyable, Sink: ByteSink & ~Copyable>(
        _ input: inout InputBuffer<Source>, to sink: inout Sink, with keys: AgeKeys
    ) throws(SealingError) {
        let header = try readHeader(&input)
        guard let fileKey = try fileKey(in: header, keys: keys) else {
            throw SealingError(.wrongKeyOrContext, "none of the keys is a recipient of this file")
        }
        let mac = try header.authenticationCode(fileKey: fileKey)
        guard constantTimeEqual(mac.span, header.mac.span) else {
            throw SealingError(.headerMACFailed, "the MAC of the age header")
        }
        guard try input.require(nonceSize) else { throw SealingError(.malformed, "the age file ends in its nonce") }
        var cipher = try AgeStream(.open, fileKey: fileKey, nonce: input.bytes.extracting(0..<nonceSize))
        input.consume(nonceSize)
        var output = WipedBuffer(capacity: batch * chunkSize)
        while !cipher.isFinished {
            _ = try input.require(batch * sealedChunkSize + 1)
            var failure: SealingError? = nil
            while !cipher.isFinished, input.count > sealedChunkSize || input.isAtEnd,
                output.capacity - output.count >= chunkSize
            {
                let size = min(input.count, sealedChunkSize)
                let hasMore = input.count > sealedChunkSize
                failure = try openChunk(
                    input.bytes.extracting(0..<size), hasMore: hasMore, with: &cipher, into: &output)
                if failure != nil { break }
                input.consume(size)
            }
            // What authenticated goes out even when the chunk after it does not.
            try sink.write(output.bytes)
            output.reset()
            if let failure { throw failure }
        }
    }

    private static func sealChunk(
        _ chunk: Span<UInt8>, isLast: Bool, with cipher: inout AgeStream, into output: inout WipedBuffer
    ) throws(SealingError) {
        try output.edit { (output) throws(SealingError) in
            try cipher.sealChunk(chunk, isLast: isLast, into: &output)
        }
    }

    /// Opens the next chunk and returns what is wrong with the file at this place, if something is.
    ///
    /// A full chunk that is marked as the last and followed by more, or not marked and followed by nothing, is
    /// authentic all the same: its plaintext goes out, as from `age`, and then the error follows.
    private static func openChunk(
        _ chunk: Span<UInt8>, hasMore: Bool, with cipher: inout AgeStream, into output: inout WipedBuffer
    ) throws(SealingError) -> SealingError? {
        do throws(SealingError) {
            try openChunk(chunk, isLast: !hasMore, with: &cipher, into: &output)
            return nil
        } catch {
            guard error.code == .damagedBody else { throw error }
            guard chunk.count == sealedChunkSize else { return error }
            do throws(SealingError) {
                try openChunk(chunk, isLast: hasMore, with: &cipher, into: &output)
            } catch let second {
                guard second.code == .damagedBody else { throw second }
                return error
            }
            return SealingError(.damagedBody, hasMore ? "bytes follow the last chunk" : "it ends before its last chunk")
        }
    }

    private static func openChunk(
        _ chunk: Span<UInt8>, isLast: Bool, with cipher: inout AgeStream, into output: inout WipedBuffer
    ) throws(SealingError) {
        try output.edit { (output) throws(SealingError) in
            try cipher.openChunk(chunk, isLast: isLast, into: &output)
        }
    }

    private static func readHeader<Source: ByteSource & ~Copyable>(
        _ input: inout InputBuffer<Source>
    ) throws(SealingError) -> AgeHeader {
        while true {
            if let end = try AgeHeader.end(in: input.bytes) {
                let header = try AgeHeader(parsing: input.bytes.extracting(0..<end))
                input.consume(end)
                return header
            }
            guard try input.fill() else { throw SealingError(.malformed, "the age header is cut short") }
        }
    }

    private static func fileKey(in header: AgeHeader, keys: AgeKeys) throws(SealingError) -> Secret? {
        let isPassphraseFile = header.stanzas.contains { $0.type == "scrypt" }
        // A passphrase must be the only recipient: otherwise a second sender could read along unnoticed.
        guard !isPassphraseFile || header.stanzas.count == 1 else {
            throw SealingError(.malformed, "a passphrase together with other recipients")
        }
        if isPassphraseFile {
            guard let passphrase = keys.passphrase else { return nil }
            return try passphrase().unwrap(header.stanzas[0])
        }
        for identity in keys.identities {
            for stanza in header.stanzas {
                if let fileKey = try identity.unwrap(stanza) { return fileKey }
            }
        }
        return nil
    }
}

/// The STREAM construction of age's payload: ChaCha20-Poly1305, an 11-byte counter and a last flag in the nonce.
struct AgeStream: ~Copyable {
    private var aead: AEAD
    private var index: UInt64 = 0
    private(set) var isFinished = false

    init(_ direction: AEAD.Direction, fileKey: borrowing Secret, nonce: Span<UInt8>) throws(SealingError) {
        do {
            let label = Array("payload".utf8)
            let key = try HKDF.derive(.sha256, key: fileKey, salt: nonce, info: label.span, count: 32)
            aead = try AEAD(.chacha20Poly1305, direction, key: key.bytes)
        } catch { throw SealingError(error) }
    }

    mutating func sealChunk(
        _ plaintext: Span<UInt8>, isLast: Bool, into output: inout OutputSpan<UInt8>
    ) throws(SealingError) {
        do {
            let nonce = nonce(isLast: isLast)
            try aead.seal(plaintext, nonce: nonce, associatedData: plaintext.extracting(0..<0), into: &output)
        } catch { throw SealingError(error) }
        index += 1
        isFinished = isLast
    }

    /// - Throws: `.damagedBody`; nothing is appended then.
    mutating func openChunk(
        _ sealed: Span<UInt8>, isLast: Bool, into output: inout OutputSpan<UInt8>
    ) throws(SealingError) {
        let size = sealed.count - AEAD.tagSize
        guard size >= 0 else { throw SealingError(.damagedBody, "chunk \(index) is cut short") }
        guard size > 0 || index == 0 else { throw SealingError(.damagedBody, "an empty last chunk") }
        do {
            let nonce = nonce(isLast: isLast)
            try aead.open(
                sealed.extracting(0..<size), tag: sealed.extracting(size...), nonce: nonce,
                associatedData: sealed.extracting(0..<0), into: &output)
        } catch {
            guard error.code == .authenticationFailed else { throw SealingError(error) }
            throw SealingError(.damagedBody, "chunk \(index) does not authenticate")
        }
        index += 1
        isFinished = isLast
    }

    /// The counter, big-endian in the first 11 bytes, and the flag in the last.
    private func nonce(isLast: Bool) -> AEADNonce {
        var nonce = AEADNonce()
        for position in 0..<8 {
            nonce.bytes[3 + position] = UInt8(truncatingIfNeeded: index >> UInt64(8 * (7 - position)))
        }
        nonce.bytes[11] = isLast ? 1 : 0
        return nonce
    }
}
