internal import CBzip2

extension UnsafeMutablePointer<bz_stream> {
    /// Lends input and output to one call, and takes note of what it used.
    fileprivate func lend(
        _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ call: () -> CInt
    ) -> (status: CInt, count: Int) {
        // libbzip2 reads and writes these only during the call, which both outlive.
        let given = Swift.min(input.count, Int(UInt32.max))
        pointee.next_in = UnsafeMutablePointer<CChar>(mutating: input.baseAddress?.assumingMemoryBound(to: CChar.self))
        pointee.avail_in = UInt32(given)
        pointee.next_out = output.baseAddress?.assumingMemoryBound(to: CChar.self)
        pointee.avail_out = UInt32(output.count)
        let status = call()
        input = input.advanced(given - Int(pointee.avail_in))
        return (status, output.count - Int(pointee.avail_out))
    }
}

final class Bzip2Decoder: Coder {
    /// libbzip2 keeps the address of its stream, so it has one that does not move.
    private let stream = UnsafeMutablePointer<bz_stream>.allocate(capacity: 1)
    private(set) var isBetweenMembers = false
    private var isOpen = true
    private var members = 0

    init() throws(CompressionError) {
        stream.initialize(to: bz_stream())
        guard BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK else {
            stream.deallocate()
            throw .outOfMemory
        }
    }

    deinit {
        if isOpen { BZ2_bzDecompressEnd(stream) }
        stream.deallocate()
    }

    func step(
        _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) throws(CompressionError) -> Int {
        if isBetweenMembers {
            if input.isEmpty { return 0 }
            BZ2_bzDecompressEnd(stream)
            isOpen = false
            stream.initialize(to: bz_stream())
            guard BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK else { throw .outOfMemory }
            isOpen = true
            isBetweenMembers = false
        }
        let (status, count) = stream.lend(&input, output) { BZ2_bzDecompress(stream) }
        switch status {
        case BZ_OK: break
        case BZ_STREAM_END:
            isBetweenMembers = true
            members += 1
        case BZ_DATA_ERROR_MAGIC: throw members > 0 ? .trailing : .damaged
        case BZ_MEM_ERROR: throw .outOfMemory
        default: throw .damaged
        }
        return count
    }
}

final class Bzip2Encoder: Coder {
    private let stream = UnsafeMutablePointer<bz_stream>.allocate(capacity: 1)
    private(set) var isBetweenMembers = false

    init() throws(CompressionError) {
        stream.initialize(to: bz_stream())
        guard BZ2_bzCompressInit(stream, 9, 0, 0) == BZ_OK else {
            stream.deallocate()
            throw .outOfMemory
        }
    }

    deinit {
        BZ2_bzCompressEnd(stream)
        stream.deallocate()
    }

    func step(
        _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) throws(CompressionError) -> Int {
        // An action without input is an error to libbzip2, and finishing must go on until it says that it is done.
        if input.isEmpty, !isLast { return 0 }
        let (status, count) = stream.lend(&input, output) { BZ2_bzCompress(stream, isLast ? BZ_FINISH : BZ_RUN) }
        switch status {
        case BZ_RUN_OK, BZ_FINISH_OK: break
        case BZ_STREAM_END: isBetweenMembers = true
        default: throw .outOfMemory
        }
        return count
    }
}
