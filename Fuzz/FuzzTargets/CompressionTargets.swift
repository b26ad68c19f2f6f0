internal import Compression
internal import RedactionFuzz

/// Compressed files of anybody.
enum CompressionTargets {
    static let all: [FuzzTarget] =
        CompressionFormat.allCases.map { format in
            FuzzTarget(name: "decompress-" + format.rawValue) {
                decompress($0.withUnsafeBufferPointer { Array($0) }, format)
            }
        } + [FuzzTarget(name: "compress", run: compress)]

    /// What comes out, and the error at the end, does not depend on how the input is cut.
    private static func decompress(_ bytes: [UInt8], _ format: CompressionFormat) {
        let whole = read(bytes, format, by: max(1, bytes.count))
        for size in [1, 7] {
            let cut = read(bytes, format, by: size)
            // A decoder that has the whole of a damaged block may say so before it hands out its beginning.
            let agree = whole.error == nil ? cut == whole : cut.error != nil
            if !agree { fatalError("\(format) by \(size): \(show(bytes))") }
        }
    }

    private struct Outcome: Equatable {
        var bytes: [UInt8] = []
        var error: CompressionError?
    }

    /// Output is kept up to this many bytes: a bomb is no error, but would take long.
    private static let enough = 1 << 20

    private static func read(_ bytes: [UInt8], _ format: CompressionFormat, by size: Int) -> Outcome {
        var outcome = Outcome()
        guard let decompressor = try? Decompressor(format) else { return outcome }
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
        defer { room.deallocate() }
        var start = 0
        repeat {
            let end = min(bytes.count, start + size)
            bytes[start..<end].withUnsafeBytes { part in
                var input = part
                do throws(CompressionError) {
                    while case let count = try decompressor.decode(&input, into: room, isLast: end == bytes.count),
                        count > 0
                    {
                        outcome.bytes.append(contentsOf: room[..<count])
                        if outcome.bytes.count > enough { break }
                    }
                } catch {
                    outcome.error = error
                }
            }
            start = end
        } while start < bytes.count && outcome.error == nil && outcome.bytes.count <= enough
        return outcome
    }

    /// Whatever is compressed comes back: the first byte chooses the format, the second the size of the pieces.
    private static func compress(_ bytes: Span<UInt8>) {
        guard bytes.count >= 2 else { return }
        let formats = CompressionFormat.allCases
        let format = formats[Int(bytes[0]) % formats.count]
        let size = 1 + Int(bytes[1])
        let text = bytes.extracting(2...).withUnsafeBufferPointer { Array($0) }
        guard let compressor = try? Compressor(format) else { return }
        var packed: [UInt8] = []
        var start = 0
        repeat {
            let end = min(text.count, start + size)
            text[start..<end].withUnsafeBytes { part in
                try? compressor.encode(part, isLast: end == text.count) { packed.append(contentsOf: $0) }
            }
            start = end
        } while start < text.count
        let outcome = read(packed, format, by: size)
        if outcome != Outcome(bytes: text) { fatalError("\(format) by \(size): \(show(text))") }
    }
}
