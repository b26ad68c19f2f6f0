/// Decompresses a stream of one or more members, which follow each other without a gap.
///
/// Memory is what the format's window needs, at most `memoryLimit`; it does not grow with the input or with what comes out of
/// it. How far the input inflates is not limited: output is a stream as well.
package final class Decompressor {
    package let format: CompressionFormat
    private let coder: any Coder

    /// The largest window that is accepted, in bytes: that of `xz -9` and of `zstd --ultra -22`, with room for the decoder.
    package static let memoryLimit = 160 << 20

    package init(_ format: CompressionFormat) throws(CompressionError) {
        self.format = format
        coder =
            switch format {
            case .gzip: try GzipDecoder()
            case .zstd: try ZstdDecoder()
            case .xz: try XZDecoder()
            case .bzip2: try Bzip2Decoder()
            }
    }

    /// Decodes the beginning of `input`, moves it behind what was used, and returns how many bytes of `output` were written.
    ///
    /// 0 with an empty `input`: it needs more. With `isLast`, 0 means the end.
    /// - Parameter isLast: Nothing comes after `input`.
    /// - Throws: `CompressionError`; the bytes written by earlier calls were right as far as the format can tell by then.
    package func decode(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) throws(CompressionError) -> Int {
        precondition(!output.isEmpty, "an output buffer has room")
        while true {
            let before = input.count
            let count = try coder.step(&input, output, isLast: isLast)
            if count > 0 { return count }
            if input.isEmpty {
                guard isLast else { return 0 }
                if coder.isBetweenMembers { return 0 }
                if before == 0 { throw .truncated }
            } else if input.count == before {
                // Neither output nor progress, though there is input: no decoder does that with valid bytes.
                throw .damaged
            }
        }
    }
}

/// Compresses a stream into one member.
package final class Compressor {
    private let coder: any Coder
    private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)

    /// Compresses as the format's own program does without options.
    package init(_ format: CompressionFormat) throws(CompressionError) {
        coder =
            switch format {
            case .gzip: try GzipEncoder()
            case .zstd: try ZstdEncoder()
            case .xz: try XZEncoder()
            case .bzip2: try Bzip2Encoder()
            }
    }

    deinit { room.deallocate() }

    /// Compresses `input` and gives what is ready to `write`; with `isLast`, everything, and the stream ends.
    package func encode(
        _ input: UnsafeRawBufferPointer, isLast: Bool, write: (UnsafeRawBufferPointer) -> Void
    ) throws(CompressionError) {
        var input = input
        repeat {
            let count = try coder.step(&input, room, isLast: isLast)
            if count > 0 { write(UnsafeRawBufferPointer(rebasing: room[..<count])) }
            if count == 0, input.isEmpty, !isLast { return }
        } while !input.isEmpty || isLast && !coder.isBetweenMembers
    }
}

/// One library's stream. Its state has an address of its own that does not move, and is freed with the object.
protocol Coder: AnyObject {
    /// Uses some of `input` and writes some of `output`; returns how much it wrote.
    func step(
        _ input: inout UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, isLast: Bool
    ) throws(CompressionError) -> Int
    /// Whether a member has ended and none has begun since.
    var isBetweenMembers: Bool { get }
}

extension UnsafeRawBufferPointer {
    /// Without its first `count` bytes.
    func advanced(_ count: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[count...]) }

    /// C's streams take a pointer to bytes that they only read.
    var mutableBytes: UnsafeMutablePointer<UInt8>? {
        UnsafeMutablePointer(mutating: baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
}

extension UnsafeMutableRawBufferPointer {
    var bytes: UnsafeMutablePointer<UInt8>? { baseAddress?.assumingMemoryBound(to: UInt8.self) }
}
