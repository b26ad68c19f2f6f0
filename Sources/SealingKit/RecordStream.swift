internal import Glibc
public import OpenSSLEngine

/// Sealed records of any size, with flat memory (docs/formats/sealed-record.md).
public enum RecordStream {
    /// How many chunks are read and written at a time: 256 KiB, where the cost of a system call no longer shows.
    static let batch = 16

    /// Seals everything from `source` as one record of `kind`.
    /// - Throws: what source and sink throw.
    public static func seal<Source: ByteSource & ~Copyable, Sink: ByteSink & ~Copyable>(
        from source: consuming Source, to sink: inout Sink, kind: RecordKind, context: RecordContext, key: SealingKey
    ) throws(SealingError) {
        let prefix = RecordHeader.prefix(kind, key.id)
        let salt: [UInt8]
        do { salt = try Random.publicBytes(count: Cobblestone.saltSize) } catch { throw SealingError(error) }
        let encoded = context.encoded(after: prefix.span)
        let derived = try key.derived(for: context.purpose)
        var cipher = try Cobblestone(.seal, key: derived, salt: salt.span, context: encoded.span)
        var input = InputBuffer(source, capacity: batch * Cobblestone.chunkSize)
        var output = WipedBuffer(capacity: RecordHeader.size + batch * Cobblestone.sealedChunkSize)
        output.append(prefix.span)
        output.append(salt.span)
        output.append(cipher.commitment.span)
        while !cipher.isFinished {
            _ = try input.require(batch * Cobblestone.chunkSize)
            while input.count >= Cobblestone.chunkSize || (input.isAtEnd && !cipher.isFinished) {
                let size = min(input.count, Cobblestone.chunkSize)
                try cipher.sealChunk(input.bytes.extracting(0..<size), appendingTo: &output)
                input.consume(size)
            }
            try sink.write(output.bytes)
            output.reset()
        }
    }

    /// Opens one record of `kind` and writes its plaintext, chunk by chunk, each after it has authenticated.
    ///
    /// The sink sees an authentic beginning before the end has been checked: who must not act on a cut file
    /// collects the output (`OutputFile`) and uses it only when this returns.
    /// - Throws: `.malformed`, `.unknownKey`, `.wrongKeyOrContext`, `.damagedBody`, and what source and sink throw.
    public static func open<Source: ByteSource & ~Copyable, Sink: ByteSink & ~Copyable>(
        from source: consuming Source, to sink: inout Sink, kind: RecordKind, context: RecordContext,
        keys: some SealingKeySource
    ) throws(SealingError) {
        var input = InputBuffer(source, capacity: batch * Cobblestone.sealedChunkSize)
        guard try input.require(RecordHeader.size) else {
            throw SealingError(.malformed, "a record has at least \(RecordHeader.size) bytes")
        }
        let header = try RecordHeader(parsing: input.bytes, expecting: kind)
        input.consume(RecordHeader.size)
        var cipher = try header.cipher(context: context, keys: keys)
        var output = WipedBuffer(capacity: batch * Cobblestone.chunkSize)
        while !cipher.isFinished {
            _ = try input.require(batch * Cobblestone.sealedChunkSize)
            var failure: SealingError? = nil
            while !cipher.isFinished, input.count >= Cobblestone.sealedChunkSize || input.isAtEnd {
                let size = min(input.count, Cobblestone.sealedChunkSize)
                do {
                    try cipher.openChunk(input.bytes.extracting(0..<size), appendingTo: &output)
                } catch {
                    failure = error
                    break
                }
                input.consume(size)
            }
            // What authenticated goes out even when the chunk after it does not.
            try sink.write(output.bytes)
            output.reset()
            if let failure { throw failure }
        }
        let hasMore = try input.require(1)
        guard !hasMore else {
            throw SealingError(.damagedBody, "bytes follow the last chunk")
        }
    }
}

/// Bytes that can be read at any offset.
public protocol RandomAccessBytes: ~Copyable {
    /// The number of bytes.
    var count: Int { get }
    /// Appends the bytes of `range`, which is within the bytes.
    func read(_ range: Range<Int>, into output: inout OutputSpan<UInt8>) throws(SealingError)
}

extension [UInt8]: RandomAccessBytes {
    public func read(_ range: Range<Int>, into output: inout OutputSpan<UInt8>) throws(SealingError) {
        output.append(contentsOf: span.extracting(range))
    }
}

/// A regular file read with `pread`. The descriptor stays the caller's; the file must not shrink meanwhile.
public struct DescriptorBytes: RandomAccessBytes {
    private let descriptor: CInt
    public let count: Int

    /// - Throws: `.inputOutput` when the descriptor is not a regular file.
    public init(_ descriptor: CInt) throws(SealingError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system("fstat", errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SealingError(.inputOutput, "not a regular file") }
        self.descriptor = descriptor
        count = Int(status.st_size)
    }

    public func read(_ range: Range<Int>, into output: inout OutputSpan<UInt8>) throws(SealingError) {
        precondition(output.freeCapacity >= range.count)
        let failure = output.withUnsafeMutableBufferPointer { buffer, initialized -> CInt? in
            var offset = range.lowerBound
            while offset < range.upperBound {
                // In bounds: the precondition above.
                let result = pread(
                    descriptor, buffer.baseAddress! + initialized, range.upperBound - offset, off_t(offset))
                if result > 0 {
                    offset += result
                    initialized += result
                } else if result == 0 {
                    return 0
                } else if errno != EINTR {
                    return errno
                }
            }
            return nil
        }
        switch failure {
        case nil: return
        case 0?: throw SealingError(.damagedBody, "the file became shorter")
        case let number?: throw .system("pread", number)
        }
    }
}

/// Reads parts of a sealed file without opening the rest.
///
/// Before anything is returned the last chunk has been authenticated, so that `count` can be believed.
public struct SealedFileReader<Storage: RandomAccessBytes & ~Copyable>: ~Copyable {
    private let storage: Storage
    private var cipher: Cobblestone

    /// The number of plaintext bytes.
    public let count: Int

    /// Checks header, commitment and last chunk of a kind-2 record.
    /// - Throws: as `RecordStream.open`.
    public init(
        _ storage: consuming Storage, context: RecordContext, keys: some SealingKeySource
    ) throws(SealingError) {
        let size = storage.count
        let head = try Self.load(storage, 0..<min(size, RecordHeader.size))
        let header = try RecordHeader(parsing: head.bytes, expecting: .file)
        var cipher = try header.cipher(context: context, keys: keys)
        let body = size - RecordHeader.size
        let fullChunks = body / Cobblestone.sealedChunkSize
        let last = body % Cobblestone.sealedChunkSize
        guard last >= AEAD.tagSize else { throw SealingError(.damagedBody, "the last chunk is missing") }
        let sealed = try Self.load(storage, size - last..<size)
        var plaintext = WipedBuffer(capacity: last)
        cipher.seek(toChunk: UInt64(fullChunks))
        try cipher.openChunk(sealed.bytes, appendingTo: &plaintext)
        count = fullChunks * Cobblestone.chunkSize + last - AEAD.tagSize
        self.storage = storage
        self.cipher = cipher
    }

    /// Returns the plaintext bytes of `range`, cut to the file's size.
    ///
    /// Costs the chunks that the range touches. At most `maximumReadSize` bytes in one call.
    /// - Throws: `.damagedBody` when one of them does not authenticate; `.limitExceeded`.
    public mutating func read(_ range: Range<Int>) throws(SealingError) -> WipedBuffer {
        let range = range.clamped(to: 0..<count)
        guard range.count <= Self.maximumReadSize else {
            throw SealingError(.limitExceeded, "one read gives at most \(Self.maximumReadSize) bytes")
        }
        var result = WipedBuffer(capacity: range.count)
        guard !range.isEmpty else { return result }
        var chunk = WipedBuffer(capacity: Cobblestone.chunkSize)
        for number in range.lowerBound / Cobblestone.chunkSize...(range.upperBound - 1) / Cobblestone.chunkSize {
            let start = RecordHeader.size + number * Cobblestone.sealedChunkSize
            let sealed = try Self.load(storage, start..<min(start + Cobblestone.sealedChunkSize, storage.count))
            chunk.reset()
            cipher.seek(toChunk: UInt64(number))
            try cipher.openChunk(sealed.bytes, appendingTo: &chunk)
            let offset = number * Cobblestone.chunkSize
            let wanted = range.clamped(to: offset..<offset + chunk.count)
            result.append(chunk.bytes.extracting(wanted.lowerBound - offset..<wanted.upperBound - offset))
        }
        return result
    }

    /// The most plaintext bytes that one read gives.
    public static var maximumReadSize: Int { 1 << 24 }

    private static func load(_ storage: borrowing Storage, _ range: Range<Int>) throws(SealingError) -> WipedBuffer {
        var buffer = WipedBuffer(capacity: range.count)
        try fill(&buffer, from: storage, range)
        return buffer
    }

    private static func fill(
        _ buffer: inout WipedBuffer, from storage: borrowing Storage, _ range: Range<Int>
    ) throws(SealingError) {
        var failure: SealingError? = nil
        buffer.edit { output in
            do throws(SealingError) { try storage.read(range, into: &output) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

extension Cobblestone {
    /// As `sealChunk(_:into:)`.
    mutating func sealChunk(_ plaintext: Span<UInt8>, appendingTo buffer: inout WipedBuffer) throws(SealingError) {
        try buffer.edit { (output) throws(SealingError) in try sealChunk(plaintext, into: &output) }
    }

    /// As `openChunk(_:into:)`.
    mutating func openChunk(_ sealed: Span<UInt8>, appendingTo buffer: inout WipedBuffer) throws(SealingError) {
        try buffer.edit { (output) throws(SealingError) in try openChunk(sealed, into: &output) }
    }
}
