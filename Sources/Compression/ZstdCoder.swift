internal import CZstd

final class ZstdDecoder: Coder {
    private let context: OpaquePointer
    private(set) var isBetweenMembers = false
    private var members = 0
    /// Bytes of the frame's magic number that have been seen, and whether it is a skippable frame's.
    private var magicCount = 0
    private var isSkippable = false

    /// RFC 8878, 3.1.1 and 3.1.2: a frame, and a skippable one, whose first byte has 16 values.
    private static let magic: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]
    private static let skippableMagic: [UInt8] = [0x50, 0x2a, 0x4d, 0x18]

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
        try checkMagic(input)
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
            magicCount = 0
        }
        return target.pos
    }

    /// Refuses what is no frame of RFC 8878. The library may read what came before that as well, and then what it makes of damage
    /// depends on how the input is cut.
    private func checkMagic(_ input: UnsafeRawBufferPointer) throws(CompressionError) {
        for byte in input.prefix(Self.magic.count - magicCount) {
            if magicCount == 0 { isSkippable = byte & 0xf0 == Self.skippableMagic[0] }
            let wanted =
                !isSkippable ? Self.magic[magicCount] : magicCount == 0 ? byte : Self.skippableMagic[magicCount]
            guard byte == wanted else { throw members > 0 ? .trailing : .damaged }
            magicCount += 1
        }
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
