import Testing

@testable import Compression

@Suite struct CompressionTests {
    static let texts: [[UInt8]] = [
        [], [0x61], Array(String(repeating: "a line of a log, 200 OK\n", count: 20_000).utf8),
        (0..<300_000).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) },
    ]

    @Test(arguments: CompressionFormat.allCases, texts.indices)
    func `what was compressed comes back, however it is cut`(_ format: CompressionFormat, _ index: Int) throws {
        let text = Self.texts[index]
        for size in [7, 4096, 1 << 20] {
            let packed = try compressed(text, format, by: size)
            #expect(packed.withUnsafeBytes { CompressionFormat(startOf: $0) } == format)
            #expect(try decompressed(packed, format, by: size, room: 1 << 16) == text)
        }
        #expect(try decompressed(compressed(text, format), format, by: 1, room: 1 << 10) == text)
    }

    @Test(arguments: CompressionFormat.allCases)
    func `members that follow each other are one stream`(_ format: CompressionFormat) throws {
        let packed = try compressed([1, 2], format) + compressed([], format) + compressed([3], format)
        for size in [1, 5, 1000] { #expect(try decompressed(packed, format, by: size, room: 10) == [1, 2, 3]) }
    }

    @Test(arguments: CompressionFormat.allCases)
    func `every cut-off file is an error`(_ format: CompressionFormat) throws {
        let packed = try compressed(Array("some words that are worth compressing, or not\n".utf8), format)
        for count in packed.indices.dropFirst() {
            #expect(throws: CompressionError.truncated, "\(count) of \(packed.count)") {
                try decompressed(Array(packed[..<count]), format)
            }
        }
    }

    @Test(arguments: CompressionFormat.allCases)
    func `something behind the end is an error`(_ format: CompressionFormat) throws {
        let packed = try compressed([1, 2, 3], format)
        for tail in ["x", "garbage that is long enough to be anything, even a header of some kind"] {
            #expect(throws: CompressionError.self) { try decompressed(packed + Array(tail.utf8), format) }
        }
    }

    @Test(arguments: CompressionFormat.allCases)
    func `a changed byte is an error or changes nothing`(_ format: CompressionFormat) throws {
        let text = Array("some words that are worth compressing, or not, or not, or not\n".utf8)
        let packed = try compressed(text, format)
        var errors = 0
        for place in packed.indices {
            var damaged = packed
            damaged[place] ^= 0x10
            do { #expect(try decompressed(damaged, format) == text) } catch { errors += 1 }
        }
        #expect(errors > packed.count / 2)
    }

    /// Frames of formats before RFC 8878, which the library reads too: what it made of them depended on the cuts.
    @Test(arguments: [0x22, 0x23, 0x24, 0x25, 0x26, 0x27] as [UInt8])
    func `a frame of old zstd is damage, however it is cut`(_ version: UInt8) throws {
        let frame: [UInt8] = [version, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0]
        for size in [1, 3, 8] {
            #expect(throws: CompressionError.damaged) { try decompressed(frame, .zstd, by: size, room: 100) }
            let behind = try compressed([1, 2, 3], .zstd) + frame
            #expect(throws: CompressionError.trailing) { try decompressed(behind, .zstd, by: size, room: 100) }
        }
    }

    @Test func `a skippable frame of zstd is passed over, however it is cut`() throws {
        let skipped: [UInt8] = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 7, 8, 9]
        let packed = try skipped + compressed([1, 2], .zstd) + skipped + compressed([3], .zstd)
        for size in [1, 3, 1000] { #expect(try decompressed(packed, .zstd, by: size, room: 100) == [1, 2, 3]) }
    }

    @Test func `a bomb needs no memory`() throws {
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        for format in CompressionFormat.allCases {
            let compressor = try Compressor(format)
            var packed: [UInt8] = []
            for _ in 0..<64 { try zeros.withUnsafeBytes { try compressor.encode($0, isLast: false) { packed += $0 } } }
            try compressor.encode(UnsafeRawBufferPointer(start: nil, count: 0), isLast: true) { packed += $0 }
            let decompressor = try Decompressor(format)
            var count = 0
            try packed.withUnsafeBytes { bytes in
                var input = bytes
                let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
                defer { room.deallocate() }
                while case let part = try decompressor.decode(&input, into: room, isLast: true), part > 0 {
                    count += part
                }
            }
            #expect(count == 64 << 20)
        }
    }

    @Test func `text is no compressed file`() {
        for text in ["BZh1 is a file name", "BZh9", "\u{1F}", "PK\u{3}\u{4}", "", "\u{1F}\u{8B}"] {
            #expect(Array(text.utf8).withUnsafeBytes { CompressionFormat(startOf: $0) } == nil)
        }
    }

    @Test func `a skippable frame begins a zstd file`() throws {
        let packed = try [0x50, 0x2A, 0x4D, 0x18, 2, 0, 0, 0, 1, 2] + compressed([5], .zstd)
        #expect(packed.withUnsafeBytes { CompressionFormat(startOf: $0) } == .zstd)
        #expect(try decompressed(packed, .zstd, by: 3) == [5])
    }
}

func compressed(_ bytes: [UInt8], _ format: CompressionFormat, by size: Int = 1 << 16) throws -> [UInt8] {
    let compressor = try Compressor(format)
    var result: [UInt8] = []
    var start = 0
    repeat {
        let end = min(bytes.count, start + size)
        try bytes[start..<end].withUnsafeBytes { part in
            try compressor.encode(part, isLast: end == bytes.count) { result.append(contentsOf: $0) }
        }
        start = end
    } while start < bytes.count
    return result
}

func decompressed(_ bytes: [UInt8], _ format: CompressionFormat, by size: Int = 1 << 16, room: Int = 100) throws
    -> [UInt8]
{
    let decompressor = try Decompressor(format)
    let output = UnsafeMutableRawBufferPointer.allocate(byteCount: room, alignment: 16)
    defer { output.deallocate() }
    var result: [UInt8] = []
    var start = 0
    while true {
        let end = min(bytes.count, start + size)
        var isDone = false
        try bytes[start..<end].withUnsafeBytes { part in
            var input = part
            while true {
                let count = try decompressor.decode(&input, into: output, isLast: end == bytes.count)
                result.append(contentsOf: output[..<count])
                if count == 0 { break }
            }
            isDone = end == bytes.count
        }
        if isDone { return result }
        start = end
    }
}
