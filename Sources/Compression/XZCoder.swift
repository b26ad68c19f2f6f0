internal import CLzma

/// The stream of either direction; liblzma keeps no pointer to it between calls, but its state has one owner.
private func step(
    _ stream: UnsafeMutablePointer<lzma_stream>, _ input: inout UnsafeRawBufferPointer,
    _ output: UnsafeMutableRawBufferPointer, isLast: Bool
) -> (status: lzma_ret, count: Int) {
    // liblzma reads and writes these only during the call, which both outlive.
    stream.pointee.next_in = UnsafePointer(input.mutableBytes)
    stream.pointee.avail_in = input.count
    stream.pointee.next_out = output.bytes
    stream.pointee.avail_out = output.count
    let status = lzma_code(stream, isLast ? LZMA_FINISH : LZMA_RUN)
    input = input.advanced(input.count - stream.pointee.avail_in)
    return (status, output.count - stream.pointee.avail_out)
}

final class XZDecoder: Coder {
    private let stream = UnsafeMutablePointer<lzma_stream>.allocate(capacity: 1)
    private(set) var isBetweenMembers = false
    private var hasOutput = false

    init() throws(CompressionError) {
        stream.initialize(to: lzma_stream())
        let status = lzma_stream_decoder(stream, UInt64(Decompressor.memoryLimit), pm_lzma_concatenated)
        guard status == LZMA_OK else {
            stream.deallocate()
            throw .outOfMemory
        }
    }

    deinit {
        lzma_end(stream)
        stream.deallocate()
    }

    func step(
        _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) throws(CompressionError) -> Int {
        if isBetweenMembers {
            guard input.isEmpty else { throw .trailing }
            return 0
        }
        let (status, count) = Compression.step(stream, &input, output, isLast: isLast)
        switch status {
        case LZMA_OK: break
        case LZMA_STREAM_END: isBetweenMembers = true
        // No progress was possible: more input is needed, and with the last of it there is none.
        case LZMA_BUF_ERROR: if isLast, input.isEmpty, count == 0 { throw .truncated }
        case LZMA_FORMAT_ERROR: throw hasOutput ? .trailing : .damaged
        case LZMA_MEMLIMIT_ERROR: throw .needsMemory
        case LZMA_MEM_ERROR: throw .outOfMemory
        default: throw .damaged
        }
        if count > 0 { hasOutput = true }
        return count
    }
}

final class XZEncoder: Coder {
    private let stream = UnsafeMutablePointer<lzma_stream>.allocate(capacity: 1)
    private(set) var isBetweenMembers = false

    init() throws(CompressionError) {
        stream.initialize(to: lzma_stream())
        guard lzma_easy_encoder(stream, pm_lzma_default_preset, LZMA_CHECK_CRC64) == LZMA_OK else {
            stream.deallocate()
            throw .outOfMemory
        }
    }

    deinit {
        lzma_end(stream)
        stream.deallocate()
    }

    func step(
        _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) throws(CompressionError) -> Int {
        let (status, count) = Compression.step(stream, &input, output, isLast: isLast)
        switch status {
        case LZMA_OK, LZMA_BUF_ERROR: break
        case LZMA_STREAM_END: isBetweenMembers = true
        default: throw .outOfMemory
        }
        return count
    }
}
