internal import CZlib

/// Inflates gzip members (RFC 1952) that arrive in pieces.
package final class GzipInflater {
    /// zlib keeps the address of its stream, so it has one that does not move.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    /// Members that have ended.
    package private(set) var members = 0
    /// Whether a member has ended and none has begun since.
    package private(set) var isBetweenMembers = false

    /// nil: there is no memory.
    package init?() {
        guard pm_gzip_inflate_init(stream) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Inflates the beginning of `input`, moves it behind what was used, and returns how many bytes were written.
    /// - Throws: `.malformed`, `.trailing` if something else than a member follows one, `.outOfMemory`.
    package func step(
        _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(GzipError) -> Int {
        if isBetweenMembers {
            guard let first = input.first else { return 0 }
            guard first == 0x1F, inflateReset(stream) == Z_OK else { throw .trailing }
            isBetweenMembers = false
        }
        // zlib reads and writes these only during the call below, which both outlive.
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        let given = min(input.count, Int(UInt32.max))
        stream.pointee.avail_in = UInt32(given)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(output.count)
        let status = CZlib.inflate(stream, Z_NO_FLUSH)
        input = UnsafeRawBufferPointer(rebasing: input[(given - Int(stream.pointee.avail_in))...])
        switch status {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END:
            members += 1
            isBetweenMembers = true
        case Z_MEM_ERROR: throw .outOfMemory
        default: throw .malformed
        }
        return output.count - Int(stream.pointee.avail_out)
    }
}

/// Deflates pieces into one gzip member.
package final class GzipDeflater {
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    package private(set) var isFinished = false

    /// nil: there is no memory.
    package init?(level: Int) {
        guard pm_gzip_deflate_init(stream, CInt(level)) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Deflates the beginning of `input`, moves it behind what was used, and returns how many bytes were written.
    package func step(
        _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) -> Int {
        // As above.
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        let given = min(input.count, Int(UInt32.max))
        stream.pointee.avail_in = UInt32(given)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(output.count)
        let status = CZlib.deflate(stream, isLast && given == input.count ? Z_FINISH : Z_NO_FLUSH)
        input = UnsafeRawBufferPointer(rebasing: input[(given - Int(stream.pointee.avail_in))...])
        if status == Z_STREAM_END { isFinished = true }
        return output.count - Int(stream.pointee.avail_out)
    }
}
