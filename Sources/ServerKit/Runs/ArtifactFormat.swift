/// What kind of file an artifact is, by its bytes and not by its name.
enum ArtifactFormat {
    /// Media types that are shown as pictures. Everything else is handed out as a download: SVG and HTML, above all, never run.
    static let pictures: Set<String> = ["image/png", "image/jpeg", "image/webp", "image/gif"]

    /// Whether `bytes` begin as a file of this media type does. Types that are not pictures are not looked at.
    static func agrees(_ bytes: [UInt8], with mediaType: String) -> Bool {
        switch mediaType {
        case "image/png": bytes.starts(with: pngSignature)
        case "image/jpeg": bytes.starts(with: [0xff, 0xd8, 0xff])
        case "image/gif": bytes.starts(with: "GIF87a".utf8) || bytes.starts(with: "GIF89a".utf8)
        case "image/webp":
            bytes.count >= 12 && bytes.starts(with: "RIFF".utf8) && bytes[8..<12].elementsEqual("WEBP".utf8)
        default: true
        }
    }

    /// Whether a PNG holds text that nobody can look at as it stands: compressed text and profiles (`zTXt`, `iTXt`, `iCCP` hold zlib
    /// streams), or bytes after its end. A malformed one counts as such.
    static func hidesText(png bytes: [UInt8]) -> Bool {
        var offset = pngSignature.count
        while bytes.count - offset >= 12 {
            let length = bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
            let type = String(decoding: bytes[offset + 4..<offset + 8], as: UTF8.self)
            guard length <= bytes.count - offset - 12 else { return true }
            let data = bytes[offset + 8..<offset + 8 + length]
            switch type {
            case "zTXt": return true
            case "iTXt" where isCompressed(iTXt: data): return true
            case "IEND": return offset + 12 + length != bytes.count
            default: offset += 12 + length
            }
        }
        return true
    }

    /// The flag behind the keyword and its NUL (PNG, third edition, 11.3.3.4).
    private static func isCompressed(iTXt data: ArraySlice<UInt8>) -> Bool {
        guard let end = data.firstIndex(of: 0), end + 1 < data.endIndex else { return true }
        return data[end + 1] != 0
    }

    private static let pngSignature: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
}
