/// GIF (the GIF89a specification) with the one extension that makes animations repeat.
enum GIFCleaner {
    static func clean(_ content: [UInt8]) throws(ImageError) -> [UInt8] {
        var reader = ImageReader(content)
        var result = Array(try reader.take(6))
        let screen = Array(try reader.take(7))
        try ImageReader.checkSides(
            Int(screen[1]) << 8 | Int(screen[0]), Int(screen[3]) << 8 | Int(screen[2]))
        result += screen
        if screen[4] & 0x80 != 0 { result += try reader.take(3 << (Int(screen[4] & 7) + 1)) }
        var hasImage = false
        while true {
            try reader.beginPart()
            switch try reader.byte() {
            case 0x3B:
                guard hasImage else { throw ImageError("a GIF without a picture") }
                return result + [0x3B]
            case 0x2C:
                hasImage = true
                let descriptor = Array(try reader.take(9))
                result += [0x2C] + descriptor
                if descriptor[8] & 0x80 != 0 { result += try reader.take(3 << (Int(descriptor[8] & 7) + 1)) }
                result.append(try reader.byte())
                for block in try blocks(&reader) { result += [UInt8(block.count)] + block }
                result.append(0)
            case 0x21:
                let label = try reader.byte()
                let blocks = try blocks(&reader)
                if label == 0xF9, blocks.count == 1, blocks[0].count == 4 {
                    // Graphic control: delay, transparency.
                    result += [0x21, 0xF9, 4] + blocks[0] + [0]
                } else if label == 0xFF, blocks.count == 2, isLoop(blocks[0]), blocks[1].count == 3,
                    blocks[1].first == 1
                {
                    result += [0x21, 0xFF, 11] + blocks[0] + [3] + blocks[1] + [0]
                }
            default: throw ImageError("a GIF block that is not known")
            }
        }
    }

    private static func isLoop(_ block: ArraySlice<UInt8>) -> Bool {
        block.elementsEqual("NETSCAPE2.0".utf8) || block.elementsEqual("ANIMEXTS1.0".utf8)
    }

    /// Sub-blocks up to the empty one.
    private static func blocks(_ reader: inout ImageReader) throws(ImageError) -> [ArraySlice<UInt8>] {
        var result: [ArraySlice<UInt8>] = []
        while true {
            try reader.beginPart()
            let size = Int(try reader.byte())
            if size == 0 { return result }
            result.append(try reader.take(size))
        }
    }
}
