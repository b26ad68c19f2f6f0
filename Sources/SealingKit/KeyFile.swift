public import OpenSSLEngine
internal import TextEncodings

/// What a key may still do.
public enum KeyState: String, Sendable, CaseIterable {
    /// Seals and opens. A ring has exactly one.
    case primary
    /// Opens.
    case open
    /// Neither: a record under it is answered like one under an unknown key.
    case revoked
}

/// The keys of a key file: the KEK ring, or a ring for the `seal` and `open` commands (docs/formats/key-file.md).
///
/// One line for each key: "pmk1 <id> <base64 of 32 bytes> <state>".
public struct KeyFile: Sendable, SealingKeySource {
    /// One line.
    public struct Entry: Sendable {
        public let key: SealingKey
        public var state: KeyState

        public init(key: SealingKey, state: KeyState) {
            self.key = key
            self.state = state
        }
    }

    /// In the order of the file.
    public private(set) var entries: [Entry]

    /// The most keys in a file.
    public static let maximumEntries = 256
    /// The largest file that is read, in bytes.
    public static let maximumSize = 1 << 16

    /// Makes a ring.
    /// - Throws: `.malformed` unless there is exactly one primary key and no id twice.
    public init(_ entries: [Entry]) throws(SealingError) {
        guard entries.count <= Self.maximumEntries else {
            throw SealingError(.limitExceeded, "a key file has at most \(Self.maximumEntries) keys")
        }
        guard entries.filter({ $0.state == .primary }).count == 1 else {
            throw SealingError(.malformed, "a key file has exactly one primary key")
        }
        guard Set(entries.map(\.key.id)).count == entries.count else {
            throw SealingError(.malformed, "a key file has a key twice")
        }
        self.entries = entries
    }

    /// Makes a ring of one new key.
    public static func generate() throws(SealingError) -> KeyFile {
        try KeyFile([Entry(key: .generate(), state: .primary)])
    }

    /// Parses a file. Empty lines and lines that begin with `#` are passed over.
    /// - Throws: `.malformed`, naming the line: also when a key does not have the id that stands beside it.
    public init(parsing bytes: Span<UInt8>) throws(SealingError) {
        guard bytes.count <= Self.maximumSize else {
            throw SealingError(.limitExceeded, "a key file has at most \(Self.maximumSize) bytes")
        }
        var entries: [Entry] = []
        var number = 0
        var start = 0
        while start < bytes.count {
            number += 1
            var end = start
            while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
            if end > start, bytes[start] != UInt8(ascii: "#") {
                do throws(SealingError) {
                    entries.append(try Self.entry(bytes.extracting(start..<end)))
                } catch {
                    throw SealingError(error.code, "line \(number) of the key file: \(error.detail)")
                }
            }
            start = end + 1
        }
        try self.init(entries)
    }

    /// The key that seals.
    public var primary: SealingKey {
        // The initialisers and `rotated` keep exactly one.
        entries.first { $0.state == .primary }!.key
    }

    public func key(_ id: KeyID) throws(SealingError) -> SealingKey {
        guard let entry = entries.first(where: { $0.key.id == id }) else {
            throw SealingError(.unknownKey, "no key \(id) here")
        }
        guard entry.state != .revoked else { throw SealingError(.unknownKey, "key \(id) is revoked") }
        return entry.key
    }

    /// Returns the ring with a new primary key; the old one stays open.
    public func rotated() throws(SealingError) -> KeyFile {
        var entries = entries
        for index in entries.indices where entries[index].state == .primary { entries[index].state = .open }
        return try KeyFile(entries + [Entry(key: .generate(), state: .primary)])
    }

    /// Returns the ring without the keys called `ids`.
    public func removing(_ ids: Set<KeyID>) throws(SealingError) -> KeyFile {
        try KeyFile(entries.filter { !ids.contains($0.key.id) })
    }

    /// The file's text.
    public var text: WipedBuffer {
        var buffer = WipedBuffer(capacity: entries.count * 96)
        for entry in entries { Self.append(entry, to: &buffer) }
        return buffer
    }

    private static let magic = Array("pmk1 ".utf8)
    private static let keyCharacters = Base64.encodedCount(SealingKey.size, .padded)

    private static func append(_ entry: Entry, to buffer: inout WipedBuffer) {
        buffer.append(Array("pmk1 \(entry.key.id) ".utf8).span)
        entry.key.appendBase64(to: &buffer)
        buffer.append(Array(" \(entry.state.rawValue)\n".utf8).span)
    }

    private static func entry(_ line: Span<UInt8>) throws(SealingError) -> Entry {
        let idStart = magic.count
        let keyStart = idStart + 2 * KeyID.size + 1
        let stateStart = keyStart + keyCharacters + 1
        guard line.count > stateStart, constantTimeEqual(line.extracting(0..<idStart), magic.span),
            line[keyStart - 1] == UInt8(ascii: " "), line[stateStart - 1] == UInt8(ascii: " "),
            let id = KeyID(hex: copy(line.extracting(idStart..<keyStart - 1))),
            let state = KeyState(rawValue: copy(line.extracting(stateStart...)))
        else { throw SealingError(.malformed, "not \"pmk1 ID KEY STATE\"") }
        let key = try SealingKey(base64: line.extracting(keyStart..<stateStart - 1))
        guard key.id == id else { throw SealingError(.malformed, "the key does not have the id beside it") }
        return Entry(key: key, state: state)
    }

    private static func copy(_ bytes: Span<UInt8>) -> String {
        let array = [UInt8](appending: bytes.count) { $0.append(contentsOf: bytes) }
        return String(decoding: array, as: UTF8.self)
    }
}

extension SealingKey {
    fileprivate convenience init(base64: Span<UInt8>) throws(SealingError) {
        var buffer = WipedBuffer(capacity: Base64.decodedCapacity(base64.count))
        let valid = buffer.edit { output in Base64.decode(base64, .padded, into: &output) }
        guard valid else { throw SealingError(.malformed, "not base64") }
        let secret: Secret
        do { secret = try Secret(copying: buffer.bytes) } catch { throw SealingError(error) }
        try self.init(secret)
    }

    fileprivate func appendBase64(to buffer: inout WipedBuffer) { Self.append(secret, to: &buffer) }

    private static func append(_ secret: borrowing Secret, to buffer: inout WipedBuffer) {
        let bytes = secret.bytes
        buffer.edit { output in Base64.encode(bytes, .padded, into: &output) }
    }
}
