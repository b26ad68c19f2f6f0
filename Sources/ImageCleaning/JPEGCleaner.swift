/// JPEG (ITU-T T.81) with the two application segments that change how a picture looks.
enum JPEGCleaner {
    static func clean(_ content: [UInt8]) throws(ImageError) -> [UInt8] {
        var reader = ImageReader(content)
        var result = Array(try reader.take(2))
        var hasFrame = false
        var hasScan = false
        while true {
            try reader.beginPart()
            let marker = try nextMarker(&reader)
            switch marker {
            case 0xD9:
                guard hasScan else { throw ImageError("a JPEG without data") }
                return result + [0xFF, 0xD9]
            case 0x01, 0xD0...0xD8: throw ImageError("a JPEG marker in the wrong place")
            default: break
            }
            let length = try reader.bigEndian(2)
            guard length >= 2 else { throw ImageError("a JPEG segment that is too short") }
            let data = Array(try reader.take(length - 2))
            func keep(_ data: [UInt8]) {
                let length = data.count + 2
                result += [0xFF, marker, UInt8(length >> 8), UInt8(length & 255)] + data
            }
            switch marker {
            case 0xC4, 0xCC, 0xDB, 0xDC, 0xDD:
                // Tables, number of lines, restart interval.
                keep(data)
            case 0xC0...0xCF where marker != 0xC8:
                guard !hasFrame, data.count >= 6, data.count == 6 + 3 * Int(data[5]) else {
                    throw ImageError("a JPEG frame of the wrong form")
                }
                hasFrame = true
                let height = Int(data[1]) << 8 | Int(data[2])
                // A height of zero comes later, with the number of lines.
                try ImageReader.checkSides(Int(data[3]) << 8 | Int(data[4]), max(1, height))
                keep(data)
            case 0xDA:
                guard hasFrame, data.count >= 1, data.count == 4 + 2 * Int(data[0]) else {
                    throw ImageError("a JPEG scan of the wrong form")
                }
                hasScan = true
                keep(data)
                result += try entropyCoded(&reader)
            case 0xE0 where data.count >= 14 && data.starts(with: [0x4A, 0x46, 0x49, 0x46, 0x00]):
                // JFIF: version and density; the thumbnail is left out.
                keep(data[0..<12] + [0, 0])
            case 0xEE where data.count >= 12 && data.starts(with: Array("Adobe".utf8)):
                // Says how colours are coded.
                keep(Array(data[0..<12]))
            case 0xE0...0xEF, 0xFE, 0xF0...0xFD: break
            default: throw ImageError("a JPEG segment that is not known")
            }
        }
    }

    /// The byte after 0xFF; fill bytes before it are passed over (section B.1.1.2).
    private static func nextMarker(_ reader: inout ImageReader) throws(ImageError) -> UInt8 {
        guard try reader.byte() == 0xFF else { throw ImageError("a JPEG marker that is missing") }
        var marker = try reader.byte()
        while marker == 0xFF { marker = try reader.byte() }
        guard marker != 0 else { throw ImageError("a JPEG marker that is none") }
        return marker
    }

    /// The coded data of a scan, up to the next marker that does not belong to it.
    private static func entropyCoded(_ reader: inout ImageReader) throws(ImageError) -> ArraySlice<UInt8> {
        let content = reader.content
        var end = reader.offset
        while true {
            guard end + 1 < content.count else { throw ImageError("an image that is cut short") }
            if content[end] == 0xFF {
                let next = content[end + 1]
                // A stuffed zero, or a restart marker (section B.1.1.5).
                guard next == 0 || (0xD0...0xD7).contains(next) else { break }
                end += 2
            } else {
                end += 1
            }
        }
        return try reader.take(end - reader.offset)
    }
}
