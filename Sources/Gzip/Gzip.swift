internal import CZlib

/// gzip (RFC 1952) of whole messages in memory, with a limit on what they inflate to.
public enum Gzip {
    /// Returns what `bytes` inflate to: one or more gzip members and nothing after them.
    ///
    /// Memory is bounded by `limit` and a block, whatever the input claims: output is produced block by block and the
    /// limit is checked before the next one.
    /// - Parameter limit: The most bytes that may come out.
    /// - Throws: `.tooLarge` beyond the limit, `.truncated` when the last member does not end, `.malformed` otherwise.
    public static func inflate(_ bytes: [UInt8], limit: Int) throws(GzipError) -> [UInt8] {
        guard !bytes.isEmpty else { throw .truncated }
        var stream = z_stream()
        guard pm_gzip_inflate_init(&stream) == Z_OK else { throw .outOfMemory }
        defer { inflateEnd(&stream) }
        var input = bytes
        return try input.withUnsafeMutableBufferPointer { (input) throws(GzipError) -> [UInt8] in
            // zlib reads from `input` only during the calls below, which this closure outlives.
            stream.next_in = input.baseAddress
            stream.avail_in = UInt32(input.count)
            return try run(&stream, limit: limit)
        }
    }

    private static func run(_ stream: inout z_stream, limit: Int) throws(GzipError) -> [UInt8] {
        var output: [UInt8] = []
        var block = [UInt8](repeating: 0, count: blockSize)
        while true {
            var status: CInt = Z_OK
            let produced = block.withUnsafeMutableBufferPointer { block in
                stream.next_out = block.baseAddress
                stream.avail_out = UInt32(block.count)
                status = CZlib.inflate(&stream, Z_NO_FLUSH)
                return block.count - Int(stream.avail_out)
            }
            guard output.count + produced <= limit else { throw .tooLarge }
            output += block[..<produced]
            switch status {
            case Z_OK: continue
            case Z_STREAM_END where stream.avail_in == 0: return output
            case Z_STREAM_END:
                guard inflateReset(&stream) == Z_OK else { throw .malformed }
            case Z_BUF_ERROR: throw .truncated
            case Z_MEM_ERROR: throw .outOfMemory
            default: throw .malformed
            }
        }
    }

    /// Returns `bytes` as one gzip member.
    /// - Parameter level: 1 (fast) to 9 (small).
    /// - Throws: `.outOfMemory`.
    public static func deflate(_ bytes: [UInt8], level: Int = 6) throws(GzipError) -> [UInt8] {
        var stream = z_stream()
        guard pm_gzip_deflate_init(&stream, CInt(level)) == Z_OK else { throw .outOfMemory }
        defer { deflateEnd(&stream) }
        var input = bytes
        var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(bytes.count))))
        let status = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                return CZlib.deflate(&stream, Z_FINISH)
            }
        }
        // `deflateBound` promises room for the whole output in one call.
        guard status == Z_STREAM_END else { throw .outOfMemory }
        output.removeLast(Int(stream.avail_out))
        return output
    }

    /// How much is inflated before the limit is looked at again, in bytes.
    private static let blockSize = 1 << 16
}

/// Why a message could not be inflated.
public enum GzipError: Error, Sendable, Hashable {
    case malformed, truncated, tooLarge, outOfMemory
    /// Something else than a member follows one.
    case trailing
}
