/// PNG (ISO/IEC 15948, W3C PNG third edition) with its animations.
enum PNGCleaner {
    /// What a decoder needs, or what changes how the picture looks. Text, time, profiles (which have names), Exif and
    /// everything unknown are left out.
    private static let kept: Set<String> = [
        "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "sBIT", "bKGD", "pHYs", "acTL", "fcTL", "fdAT",
    ]
    /// Sizes of those that have one, so that they hold nothing else.
    private static let sizes: [String: ClosedRange<Int>] = [
        "IHDR": 13...13, "IEND": 0...0, "PLTE": 3...768, "tRNS": 0...256, "gAMA": 4...4, "cHRM": 32...32, "sRGB": 1...1,
        "sBIT": 1...4, "bKGD": 1...6, "pHYs": 9...9, "acTL": 8...8, "fcTL": 26...26,
    ]

    static func clean(_ content: [UInt8]) throws(ImageError) -> [UInt8] {
        var reader = ImageReader(content)
        var result = Array(try reader.take(8))
        var seen: Set<String> = []
        var isData = false
        while true {
            try reader.beginPart()
            let start = reader.offset
            let length = try reader.bigEndian(4)
            let type = String(decoding: try reader.take(4), as: UTF8.self)
            let data = try reader.take(length)
            let checksum = try reader.bigEndian(4)
            guard checksum == Int(CRC.checksum(content[start + 4..<start + 8 + length])) else {
                throw ImageError("a PNG chunk whose checksum is wrong")
            }
            guard seen.isEmpty == (type == "IHDR") else {
                throw ImageError("a PNG that does not begin with its header")
            }
            if type == "IHDR" {
                var header = ImageReader(Array(data))
                try ImageReader.checkSides(try header.bigEndian(4), try header.bigEndian(4))
            }
            // The data of the picture stand together; once, unless they are data.
            if type == "IDAT" {
                guard isData || !seen.contains("IDAT") else { throw ImageError("a PNG whose data are not together") }
            }
            isData = type == "IDAT"
            let isRepeatable = ["IDAT", "fcTL", "fdAT"].contains(type)
            // Bit 5 of the first letter: whether a decoder may pass over what it does not know (section 5.4).
            let isCritical = type.utf8.first! & 0x20 == 0
            guard kept.contains(type) || !isCritical else { throw ImageError("a PNG chunk that is not known") }
            guard isRepeatable || !kept.contains(type) || !seen.contains(type) else {
                throw ImageError("a PNG chunk that stands twice")
            }
            guard sizes[type]?.contains(length) ?? true else { throw ImageError("a PNG chunk of the wrong size") }
            if kept.contains(type) { result += content[start..<reader.offset] }
            seen.insert(type)
            if type == "IEND" { break }
        }
        guard seen.contains("IDAT") else { throw ImageError("a PNG without data") }
        return result
    }
}

/// CRC-32 (ISO-HDLC), by table: PNG has one for each chunk.
enum CRC {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
    }

    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var remainder: UInt32 = 0xFFFF_FFFF
        for byte in bytes { remainder = remainder >> 8 ^ table[Int((remainder ^ UInt32(byte)) & 255)] }
        return ~remainder
    }
}
