internal import OpenSSLEngine
internal import TextEncodings

/// One recipient stanza of an age header.
package struct AgeStanza: Sendable, Equatable {
    package var type: String
    /// What follows the type on the first line.
    package var arguments: [String]
    package var body: [UInt8]
}

/// The header of an age file (age-encryption.org/v1, "Header").
///
/// The parser takes only the canonical form: whatever it accepts, `encoded` would write byte for byte.
package struct AgeHeader: Sendable, Equatable {
    static let versionLine: StaticString = "age-encryption.org/v1\n"
    /// The largest header that is read, in bytes: room for about 1,200 X25519 recipients.
    static let maximumSize = 1 << 17
    /// The most stanzas that are read or written. Each may cost one X25519 operation per identity.
    static let maximumStanzas = 1000
    static let columns = 64
    static let macSize = 32

    package var stanzas: [AgeStanza]
    package var mac: [UInt8]

    /// How many bytes a parsed header took, its last line end included.
    let count: Int

    /// Tells whether `bytes` begin with a whole header: the offset after its last line, nil when more is needed.
    /// - Throws: `.malformed` as soon as it can not become one.
    static func end(in bytes: Span<UInt8>) throws(SealingError) -> Int? {
        let versionCount = versionLine.utf8CodeUnitCount
        for index in 0..<min(versionCount, bytes.count) where bytes[index] != versionLine.utf8Start[index] {
            throw SealingError(.malformed, "not an age file of version 1")
        }
        var start = versionCount
        while start < bytes.count, let end = lineEnd(in: bytes, from: start) {
            if bytes.count >= start + 3, isFooter(bytes, start) { return end + 1 }
            start = end + 1
        }
        guard bytes.count < maximumSize else {
            throw SealingError(.limitExceeded, "an age header has at most \(maximumSize) bytes")
        }
        return nil
    }

    /// Parses a header that ends at the end of `bytes`.
    /// - Throws: `.malformed`, `.limitExceeded`.
    package init(parsing bytes: Span<UInt8>) throws(SealingError) {
        guard try Self.end(in: bytes) == bytes.count, bytes.count <= Self.maximumSize else {
            throw SealingError(.malformed, "the age header is cut short")
        }
        count = bytes.count
        stanzas = []
        var offset = Self.versionLine.utf8CodeUnitCount
        while !Self.isFooter(bytes, offset) {
            guard stanzas.count < Self.maximumStanzas else {
                throw SealingError(.limitExceeded, "an age header has at most \(Self.maximumStanzas) recipients")
            }
            stanzas.append(try Self.stanza(in: bytes, at: &offset))
        }
        // "--- " and 43 characters.
        let footer = try Self.line(in: bytes, at: &offset)
        guard offset == bytes.count, footer.count == 4 + Base64.encodedCount(Self.macSize, .unpadded),
            footer[3] == UInt8(ascii: " "), let mac = Base64.decode(footer.extracting(4...), .unpadded)
        else { throw SealingError(.malformed, "the last line of the age header") }
        guard !stanzas.isEmpty else { throw SealingError(.malformed, "an age header without recipients") }
        self.mac = mac
    }

    /// Makes a header that is to be written.
    init(stanzas: [AgeStanza], mac: [UInt8] = []) {
        self.stanzas = stanzas
        self.mac = mac
        count = 0
    }

    /// The part that the MAC covers: everything up to and including "---".
    var authenticatedBytes: [UInt8] {
        var result: [UInt8] = []
        for index in 0..<Self.versionLine.utf8CodeUnitCount { result.append(Self.versionLine.utf8Start[index]) }
        for stanza in stanzas {
            result += Array("-> ".utf8)
            result += Array(([stanza.type] + stanza.arguments).joined(separator: " ").utf8)
            result.append(UInt8(ascii: "\n"))
            var body = Array(Base64.encode(stanza.body.span, .unpadded).utf8)[...]
            // The last line is always short, so an exact multiple of 64 is followed by an empty one.
            while body.count >= Self.columns {
                result += body.prefix(Self.columns)
                result.append(UInt8(ascii: "\n"))
                body = body.dropFirst(Self.columns)
            }
            result += body
            result.append(UInt8(ascii: "\n"))
        }
        result += Array("---".utf8)
        return result
    }

    /// The whole header.
    package var encoded: [UInt8] {
        authenticatedBytes + Array(" ".utf8) + Array(Base64.encode(mac.span, .unpadded).utf8) + Array("\n".utf8)
    }

    /// Returns the MAC of this header under `fileKey`.
    func authenticationCode(fileKey: borrowing Secret) throws(SealingError) -> [UInt8] {
        do {
            let label = Array("header".utf8)
            let key = try HKDF.derive(.sha256, key: fileKey, salt: [UInt8]().span, info: label.span, count: 32)
            var hmac = try HMAC(.sha256, key: key)
            let message = authenticatedBytes
            return try hmac.authenticate(message.span)
        } catch { throw SealingError(error) }
    }

    private static func isFooter(_ bytes: Span<UInt8>, _ start: Int) -> Bool {
        bytes.count >= start + 3 && bytes[start] == UInt8(ascii: "-") && bytes[start + 1] == UInt8(ascii: "-")
            && bytes[start + 2] == UInt8(ascii: "-")
    }

    private static func lineEnd(in bytes: Span<UInt8>, from start: Int) -> Int? {
        var index = start
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "\n") { return index }
            index += 1
        }
        return nil
    }

    /// Returns the line at `offset` without its end, and moves past it.
    @_lifetime(copy bytes)
    private static func line(in bytes: Span<UInt8>, at offset: inout Int) throws(SealingError) -> Span<UInt8> {
        guard offset < bytes.count, let end = lineEnd(in: bytes, from: offset) else {
            throw SealingError(.malformed, "the age header is cut short")
        }
        let start = offset
        offset = end + 1
        return bytes.extracting(start..<end)
    }

    private static func stanza(in bytes: Span<UInt8>, at offset: inout Int) throws(SealingError) -> AgeStanza {
        let first = try line(in: bytes, at: &offset)
        guard first.count > 3, first[0] == UInt8(ascii: "-"), first[1] == UInt8(ascii: ">"),
            first[2] == UInt8(ascii: " ")
        else { throw SealingError(.malformed, "a recipient must begin with \"-> \"") }
        var words: [String] = []
        var word: [UInt8] = []
        for index in 3...first.count {
            if index == first.count || first[index] == UInt8(ascii: " ") {
                guard !word.isEmpty else { throw SealingError(.malformed, "an empty argument of a recipient") }
                words.append(String(decoding: word, as: UTF8.self))
                word = []
            } else {
                guard (33...126).contains(first[index]) else {
                    throw SealingError(.malformed, "a character that arguments may not have")
                }
                word.append(first[index])
            }
        }
        var body: [UInt8] = []
        while true {
            let text = try line(in: bytes, at: &offset)
            guard text.count <= columns, let part = Base64.decode(text, .unpadded) else {
                throw SealingError(.malformed, "a body line of a recipient")
            }
            body += part
            if text.count < columns { break }
        }
        return AgeStanza(type: words[0], arguments: Array(words.dropFirst()), body: body)
    }
}
