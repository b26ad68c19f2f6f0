internal import CZstd

final class ZstdDecoder: Coder {
    private let context: OpaquePointer
    private(set) var isBetweenMembers = false
    private var members = 0

    init() throws(CompressionError) {
        guard let context = ZSTD_createDCtx() else { throw .outOfMemory }
        self.context = context
        // 128 MiB, the most that zstd itself takes without being told.
        _ = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 27)
    }

    deinit { ZSTD_freeDCtx(context) }

    func step(
        _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) throws(CompressionError) -> Int {
        if isBetweenMembers {
            if input.isEmpty { return 0 }
            isBetweenMembers = false
        }
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let status = ZSTD_decompressStream(context, &target, &source)
        input = input.advanced(source.pos)
        if ZSTD_isError(status) != 0 {
            switch ZSTD_getErrorCode(status) {
            case ZSTD_error_frameParameter_windowTooLarge: throw .needsMemory
            case ZSTD_error_memory_allocation: throw .outOfMemory
            case ZSTD_error_prefix_unknown where members > 0: throw .trailing
            default: throw .damaged
            }
        }
        if status == 0 {
            isBetweenMembers = true
            members += 1
        }
        return target.pos
    }
}

final class ZstdEncoder: Coder {
    private let context: OpaquePointer
    private(set) var isBetweenMembers = false

    init() throws(CompressionError) {
        guard let context = ZSTD_createCCtx() else { throw .outOfMemory }
        self.context = context
        _ = ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    }

    deinit { ZSTD_freeCCtx(context) }

    func step(
        _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) throws(CompressionError) -> Int {
        var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let left = ZSTD_compressStream2(context, &target, &source, isLast ? ZSTD_e_end : ZSTD_e_continue)
        guard ZSTD_isError(left) == 0 else { throw .outOfMemory }
        input = input.advanced(source.pos)
        if isLast, left == 0, input.isEmpty { isBetweenMembers = true }
        return target.pos
    }
}
