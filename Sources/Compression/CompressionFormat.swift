/// A format of compressed files, known by its first bytes.
package enum CompressionFormat: String, Sendable, CaseIterable {
    /// RFC 1952.
    case gzip
    /// RFC 8878.
    case zstd
    /// The .xz file format, version 1.2.
    case xz
    case bzip2

    /// Bytes that are enough for `init(startOf:)` to decide.
    package static let magicLength = 10

    /// The format of a file that begins with `bytes`; nil: none of these. A file shorter than its format's mark is no such file.
    package init?(startOf bytes: UnsafeRawBufferPointer) {
        if bytes.starts(with: [0x1F, 0x8B, 0x08]) {
            self = .gzip
        } else if bytes.starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) {
            self = .xz
        } else if bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
            || bytes.count >= 4 && bytes[0] & 0xF0 == 0x50 && bytes[1...].starts(with: [0x2A, 0x4D, 0x18])
        {
            // The second is a skippable frame (RFC 8878, 3.1.2), with which parallel compressors begin.
            self = .zstd
        } else if bytes.count >= 10, bytes.starts(with: Array("BZh".utf8)), (0x31...0x39).contains(bytes[3]),
            // A block, or the end of a stream without blocks. Three letters and a digit alone may be text.
            bytes[4...].starts(with: [0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
                || bytes[4...].starts(with: [0x17, 0x72, 0x45, 0x38, 0x50, 0x90])
        {
            self = .bzip2
        } else {
            return nil
        }
    }
}

/// Why compressed bytes could not be read or written.
package enum CompressionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The bytes are not what the format says, or a checksum is wrong.
    case damaged
    /// The input ends before the last member does.
    case truncated
    /// Something that is no further member stands behind the last one.
    case trailing
    /// Decoding would need more than `Decompressor.memoryLimit`.
    case needsMemory
    /// The system has no memory.
    case outOfMemory

    package var description: String {
        switch self {
        case .damaged: "is damaged"
        case .truncated: "ends too early"
        case .trailing: "has something else behind its end"
        case .needsMemory: "needs more than \(Decompressor.memoryLimit >> 20) MiB of memory to be decompressed"
        case .outOfMemory: "there is no memory to decompress it"
        }
    }
}
