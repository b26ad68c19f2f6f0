/// WebP (RFC 9649).
enum WebPCleaner {
    static func clean(_ content: [UInt8]) throws(ImageError) -> [UInt8] {
        var reader = ImageReader(content)
        _ = try reader.take(4)
        let size = try reader.littleEndian(4)
        // What follows the container is no part of the image.
        guard size >= 4, size <= content.count - 8 else { throw ImageError("an image that is cut short") }
        var body = ImageReader(Array(content[12..<8 + size]))
        var parts: [UInt8] = []
        var seen: Set<String> = []
        while !body.isAtEnd {
            try body.beginPart()
            let (type, data) = try chunk(&body)
            switch type {
            case "VP8 ", "VP8L", "ALPH", "ANIM":
                guard seen.insert(type).inserted else { throw ImageError("a WebP chunk that stands twice") }
                guard type != "ANIM" || data.count == 6 else { throw ImageError("a WebP chunk of the wrong size") }
                append(type, data, to: &parts)
            case "VP8X":
                guard data.count == 10, seen.isEmpty else { throw ImageError("a WebP header of the wrong form") }
                seen.insert(type)
                var header = data
                // Alpha and animation stay; profile, Exif and XMP go (section 2.7).
                header[0] &= 0b0001_0010
                for index in 1...3 { header[index] = 0 }
                try ImageReader.checkSides(side(header[4...6]), side(header[7...9]))
                append(type, header, to: &parts)
            case "ANMF":
                seen.insert(type)
                append(type, try frame(data), to: &parts)
            default: break
            }
        }
        guard !seen.isDisjoint(with: ["VP8 ", "VP8L", "ANMF"]) else { throw ImageError("a WebP without a picture") }
        return Array("RIFF".utf8) + littleEndian(parts.count + 4) + Array("WEBP".utf8) + parts
    }

    /// A frame of an animation: 16 bytes, then chunks of its own.
    private static func frame(_ data: [UInt8]) throws(ImageError) -> [UInt8] {
        var reader = ImageReader(data)
        var result = Array(try reader.take(16))
        var hasPicture = false
        while !reader.isAtEnd {
            try reader.beginPart()
            let (type, data) = try chunk(&reader)
            guard ["VP8 ", "VP8L", "ALPH"].contains(type) else { continue }
            if type != "ALPH" { hasPicture = true }
            append(type, data, to: &result)
        }
        guard hasPicture else { throw ImageError("a WebP frame without a picture") }
        return result
    }

    private static func chunk(_ reader: inout ImageReader) throws(ImageError) -> (type: String, data: [UInt8]) {
        let type = String(decoding: try reader.take(4), as: UTF8.self)
        let size = try reader.littleEndian(4)
        let data = Array(try reader.take(size))
        // Chunks have even sizes; the last one's padding may be missing.
        if size % 2 == 1, !reader.isAtEnd { _ = try reader.byte() }
        return (type, data)
    }

    private static func append(_ type: String, _ data: [UInt8], to result: inout [UInt8]) {
        result += Array(type.utf8) + littleEndian(data.count) + data
        if data.count % 2 == 1 { result.append(0) }
    }

    private static func side(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reversed().reduce(0) { $0 << 8 | Int($1) } + 1 }

    private static func littleEndian(_ value: Int) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}
