internal import JSONText
internal import TextEncodings

/// Bytes without secrets: what a log, a spool, an uploader and a terminal accept.
///
/// Only this module makes them: a `Redactor` of bytes that are complete, and `ScrubbedFrameReader` of what a scrubbing
/// process sent. Everything else is made of them, of a program's own constant words, and of numbers. There is no way
/// from bytes of another origin, and none shall be added: to have bytes as `ScrubbedBytes`, scrub them.
public struct ScrubbedBytes: Sendable, Equatable {
    private var storage: [UInt8]

    init(scrubbed bytes: [UInt8]) { storage = bytes }

    /// No bytes.
    public init() { storage = [] }

    /// A program's own words, known when it was compiled.
    public init(_ text: StaticString) {
        // Constant memory of that length.
        storage = text.withUTF8Buffer { Array($0) }
    }

    public var count: Int { storage.count }
    public var isEmpty: Bool { storage.isEmpty }

    /// A copy, to look at.
    public var bytes: [UInt8] { storage }

    /// Lends the bytes, to be written where scrubbed bytes go.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // The storage outlives the call.
        try storage.span.withUnsafeBytes(body)
    }

    /// A part of the bytes.
    public subscript(_ range: Range<Int>) -> ScrubbedBytes { ScrubbedBytes(scrubbed: Array(storage[range])) }

    public mutating func append(_ other: ScrubbedBytes) { storage.append(contentsOf: other.storage) }

    public mutating func append(_ text: StaticString) {
        // Constant memory of that length.
        text.withUTF8Buffer { storage.append(contentsOf: $0) }
    }

    /// Appends a number that is not negative in decimal, with zeros before it up to `digits`.
    public mutating func append(_ number: Int, digits: Int = 1) {
        precondition(number >= 0, "numbers in a log are not negative")
        let text = String(number)
        for _ in text.utf8.count..<max(digits, text.utf8.count) { storage.append(UInt8(ascii: "0")) }
        storage.append(contentsOf: text.utf8)
    }

    /// Appends a SHA-256 in hexadecimal.
    package mutating func append(digest: [UInt8]) {
        precondition(digest.count == 32, "a SHA-256 has 32 bytes")
        storage.append(contentsOf: Hex.encode(digest.span).utf8)
    }

    /// Appends `other` as the contents of a JSON string; returns false, and appends nothing, if it is not UTF-8 or
    /// becomes more than `limit` bytes.
    package mutating func appendJSONText(of other: ScrubbedBytes, limit: Int) -> Bool {
        other.storage.withUnsafeBytes { JSON.appendText($0, to: &storage, limit: limit) }
    }

    /// Appends `other` in base64 (RFC 4648, section 4).
    package mutating func appendBase64(of other: ScrubbedBytes) {
        storage.append(contentsOf: Base64.encode(other.storage.span, .padded).utf8)
    }

    /// Removes everything and keeps the memory.
    package mutating func removeAll() { storage.removeAll(keepingCapacity: true) }

    /// Removes the last bytes.
    package mutating func removeLast(_ count: Int) { storage.removeLast(count) }

    /// How many bytes at the end are the beginning of a UTF-8 sequence that may go on: 0 to 3.
    package var incompleteTail: Int { UTF8Boundary.incompleteTail(storage[...]) }
}

extension Redactor {
    /// Redacts complete bytes.
    public func scrubbed(_ bytes: [UInt8]) -> ScrubbedBytes { ScrubbedBytes(scrubbed: redact(bytes)) }

    /// Redacts a complete string.
    public func scrubbed(_ text: String) -> ScrubbedBytes { scrubbed(Array(text.utf8)) }

    /// The bytes as they are, if there is no secret in them; nil if there is.
    public func confirmed(_ bytes: [UInt8]) -> ScrubbedBytes? {
        let result = redact(bytes)
        return result == bytes ? ScrubbedBytes(scrubbed: result) : nil
    }
}

/// Where UTF-8 text may be cut.
enum UTF8Boundary {
    /// How many bytes at the end of `bytes` begin a sequence of UTF-8 that needs more.
    static func incompleteTail(_ bytes: ArraySlice<UInt8>) -> Int {
        for back in 1...3 where back <= bytes.count {
            let byte = bytes[bytes.endIndex - back]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1
            return length > back ? back : 0
        }
        return 0
    }
}
