internal import CommandSupport
internal import Compression
internal import Glibc

/// Compressed input, read as what it stands for (docs/redactor.md, "Compressed files").
///
/// Memory is that of the decoder and one buffer. Damage is found where it is: what came before it has been read by then.
final class CompressedInput {
    /// The format; nil: not known yet, or not compressed.
    private(set) var format: CompressionFormat?
    /// Bytes read from the descriptor.
    private(set) var bytesRead: UInt64 = 0

    private let name: String
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)
    /// Bytes of `buffer` that have not been used.
    private var pending: Range<Int> = 0..<0
    private var isAtEnd = false
    private var isDecided = false
    private var decompressor: Decompressor?

    /// Input whose first bytes tell whether it is compressed; if not, it is read as it is.
    init(name: String) { self.name = name }

    deinit {
        // It may have held a secret.
        memset(buffer.baseAddress!, 0, buffer.count)
        buffer.deallocate()
    }

    /// What reads `descriptor`, a file; nil: it is no regular file, or not compressed, and needs no help.
    static func recognize(_ descriptor: Int32, name: String) -> CompressedInput? {
        var magic = [UInt8](repeating: 0, count: CompressionFormat.magicLength)
        let count = magic.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
        guard count > 0 else { return nil }
        guard let format = magic[..<count].withUnsafeBytes({ CompressionFormat(startOf: $0) }) else { return nil }
        let input = CompressedInput(name: name)
        input.format = format
        return input
    }

    /// Whether bytes can be had without reading.
    var isPending: Bool { !pending.isEmpty || isAtEnd }

    /// As read(2): fills the beginning of `target` and returns how much, 0 at the end, -1 with a reason in `errno`.
    func read(_ descriptor: Int32, into target: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        while true {
            if isDecided, let decompressor {
                var input = UnsafeRawBufferPointer(rebasing: buffer[pending])
                let before = input.count
                let count: Int
                do throws(CompressionError) {
                    count = try decompressor.decode(&input, into: target, isLast: isAtEnd)
                } catch {
                    throw Failure(.input, "\(name): \(decompressor.format.rawValue): \(error)")
                }
                pending = (pending.lowerBound + before - input.count)..<pending.upperBound
                if count > 0 || isAtEnd { return count }
            } else if isDecided, !pending.isEmpty || isAtEnd {
                let count = min(target.count, pending.count)
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[pending].prefix(count)))
                pending = (pending.lowerBound + count)..<pending.upperBound
                return count
            } else if isDecided {
                return Glibc.read(descriptor, target.baseAddress, target.count)
            }
            let count = fill(descriptor)
            if count < 0 { return count }
            if !isDecided, pending.count >= CompressionFormat.magicLength || isAtEnd { try decide() }
        }
    }

    /// Reads more into the buffer, behind what is pending.
    private func fill(_ descriptor: Int32) -> Int {
        if pending.isEmpty { pending = 0..<0 }
        let room = UnsafeMutableRawBufferPointer(rebasing: buffer[pending.upperBound...])
        let count = Glibc.read(descriptor, room.baseAddress, room.count)
        if count == 0 { isAtEnd = true }
        if count > 0 {
            bytesRead += UInt64(count)
            pending = pending.lowerBound..<(pending.upperBound + count)
        }
        return count
    }

    private func decide() throws(Failure) {
        isDecided = true
        format = CompressionFormat(startOf: UnsafeRawBufferPointer(rebasing: buffer[pending]))
        guard let format else { return }
        do throws(CompressionError) {
            decompressor = try Decompressor(format)
        } catch {
            throw Failure(.internal, "\(name): \(error)")
        }
    }
}

/// Compresses what a `ByteWriter` writes.
final class CompressedOutput: ByteEncoder {
    private let compressor: Compressor

    init(_ format: CompressionFormat) throws(Failure) {
        do throws(CompressionError) {
            compressor = try Compressor(format)
        } catch {
            throw Failure(.internal, String(describing: error))
        }
    }

    func encode(_ bytes: UnsafeRawBufferPointer, isLast: Bool, write: (UnsafeRawBufferPointer) -> Void) -> Bool {
        (try? compressor.encode(bytes, isLast: isLast, write: write)) != nil
    }
}
