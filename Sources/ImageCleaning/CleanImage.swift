/// An image without anything that is not picture: no text, no camera's or editor's data, no colour profile, no thumbnail,
/// nothing behind its end. Made by reading the format and writing again only the parts that a decoder needs.
///
/// The pixels are not looked at. Cleaning a clean image changes nothing.
package struct CleanImage: Sendable {
    package let format: ImageFormat
    package let bytes: [UInt8]

    /// The largest image in bytes.
    package static let maximumSize = 8 << 20
    /// The largest width or height in pixels.
    package static let maximumSide = 32_768
    /// The most parts (chunks, segments, blocks) of an image.
    package static let maximumParts = 100_000

    /// - Throws: `ImageError` when the bytes are not an image of one of the formats, or break its rules.
    /// - Complexity: linear.
    package init(_ content: [UInt8]) throws(ImageError) {
        guard content.count <= Self.maximumSize else { throw ImageError("larger than an artifact may be") }
        guard let format = ImageFormat(of: content) else { throw ImageError("not a PNG, JPEG, GIF or WebP image") }
        self.format = format
        switch format {
        case .png: bytes = try PNGCleaner.clean(content)
        case .jpeg: bytes = try JPEGCleaner.clean(content)
        case .gif: bytes = try GIFCleaner.clean(content)
        case .webp: bytes = try WebPCleaner.clean(content)
        }
    }
}

/// The formats that are taken, told by content and never by name.
package enum ImageFormat: String, Sendable, CaseIterable {
    case png, jpeg, gif, webp

    package var mediaType: String { "image/" + rawValue }

    package init?(of content: [UInt8]) {
        if content.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if content.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if content.starts(with: Array("GIF87a".utf8)) || content.starts(with: Array("GIF89a".utf8)) {
            self = .gif
        } else if content.starts(with: Array("RIFF".utf8)), content.dropFirst(8).starts(with: Array("WEBP".utf8)) {
            self = .webp
        } else {
            return nil
        }
    }
}

/// What is wrong with an image. Constant words only.
package struct ImageError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Reads numbers and parts, and never beyond the end.
struct ImageReader {
    let content: [UInt8]
    private(set) var offset = 0
    private var parts = 0

    init(_ content: [UInt8]) { self.content = content }

    var isAtEnd: Bool { offset >= content.count }
    var left: Int { content.count - offset }

    mutating func take(_ count: Int) throws(ImageError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= left else { throw ImageError("an image that is cut short") }
        offset += count
        return content[offset - count..<offset]
    }

    mutating func byte() throws(ImageError) -> UInt8 { try take(1).first! }

    mutating func bigEndian(_ size: Int) throws(ImageError) -> Int {
        try take(size).reduce(0) { $0 << 8 | Int($1) }
    }

    mutating func littleEndian(_ size: Int) throws(ImageError) -> Int {
        try take(size).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// Counts one part of the image.
    mutating func beginPart() throws(ImageError) {
        parts += 1
        guard parts <= CleanImage.maximumParts else { throw ImageError("an image of too many parts") }
    }

    static func checkSides(_ width: Int, _ height: Int) throws(ImageError) {
        guard (1...CleanImage.maximumSide).contains(width), (1...CleanImage.maximumSide).contains(height) else {
            throw ImageError("an image of a size that is not taken")
        }
    }
}
