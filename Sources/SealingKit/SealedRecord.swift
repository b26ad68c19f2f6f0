public import OpenSSLEngine
internal import TextEncodings

/// What a sealed record holds. The caller says which kind it expects; the record's own byte is never believed.
public enum RecordKind: UInt8, Sendable, CaseIterable {
    /// A value in a database row.
    case field = 1
    /// The body of a file.
    case file = 2
    /// A wrapped key.
    case key = 3
}

/// Where a sealed record belongs. A record opens only in the place it was sealed for.
///
/// Fixed before sealing: a row id that the database allocates later can not be bound.
public struct RecordContext: Sendable, Hashable {
    public let purpose: String
    public let tenant: String
    public let table: String
    public let row: String
    public let column: String
    /// Distinguishes versions of the same place. Whoever needs to detect a replay of an older value keeps the
    /// current generation elsewhere.
    public let generation: String

    /// The longest field in bytes of UTF-8.
    public static let maximumFieldSize = 255
    /// The longest encoding in bytes, the record's header included.
    public static let maximumSize = Cobblestone.maximumContextSize

    /// - Throws: `.limitExceeded` when a field or the whole is too long; `.malformed` when `purpose` is empty.
    public init(
        purpose: String, tenant: String, table: String, row: String, column: String, generation: String
    ) throws(SealingError) {
        self.purpose = purpose
        self.tenant = tenant
        self.table = table
        self.row = row
        self.column = column
        self.generation = generation
        guard !purpose.isEmpty else { throw SealingError(.malformed, "the purpose of a context is empty") }
        let sizes = fields.map(\.utf8.count)
        guard sizes.allSatisfy({ $0 <= Self.maximumFieldSize }) else {
            throw SealingError(.limitExceeded, "a field of the context is longer than \(Self.maximumFieldSize) bytes")
        }
        guard RecordHeader.prefixSize + sizes.reduce(0, { $0 + 2 + $1 }) <= Self.maximumSize else {
            throw SealingError(.limitExceeded, "the context is longer than \(Self.maximumSize) bytes")
        }
    }

    private var fields: [String] { [purpose, tenant, table, row, column, generation] }

    /// The bytes that go into the key derivation: the record's first 13 bytes, then each field with a 16-bit
    /// big-endian length before it (docs/formats/sealed-record.md, "Context").
    func encoded(after prefix: Span<UInt8>) -> [UInt8] {
        [UInt8](appending: Self.maximumSize) { output in
            output.append(contentsOf: prefix)
            for field in fields {
                output.append(UInt8(field.utf8.count >> 8))
                output.append(UInt8(field.utf8.count & 255))
                for byte in field.utf8 { output.append(byte) }
            }
        }
    }
}

/// The name of a key: HKDF-Expand-SHA-512(key, "pipemason/v1/kid", 8).
///
/// A look-up value that can be recomputed; trust comes from a record's commitment.
public struct KeyID: Sendable, Hashable, CustomStringConvertible {
    /// The 8 bytes as a big-endian integer.
    let value: UInt64

    public static let size = 8

    init(_ bytes: Span<UInt8>) {
        var value: UInt64 = 0
        for index in 0..<Self.size { value = value << 8 | UInt64(bytes[index]) }
        self.value = value
    }

    /// Makes an id from its 16 hexadecimal digits; nil for anything else.
    public init?(hex: String) {
        guard let bytes = Hex.decode(hex), bytes.count == Self.size else { return nil }
        self.init(bytes.span)
    }

    public var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (7 - $0))) } }

    /// 16 hexadecimal digits.
    public var description: String { Hex.encode(bytes.span) }
}

/// A 32-byte key that seals records, with its id. Shared by reference; wiped when the last reference goes.
public final class SealingKey: Sendable {
    public let id: KeyID
    let secret: Secret

    /// The size of a key in bytes.
    public static let size = 32

    /// Takes over a key.
    /// - Throws: `.malformed` unless it has 32 bytes.
    public init(_ secret: consuming Secret) throws(SealingError) {
        guard secret.count == Self.size else { throw SealingError(.malformed, "a key must have \(Self.size) bytes") }
        let id = try Self.derive(secret, label: "pipemason/v1/kid", count: KeyID.size)
        self.id = KeyID(id.bytes)
        self.secret = secret
    }

    /// Makes a key from the private random generator.
    public static func generate() throws(SealingError) -> SealingKey {
        do { return try SealingKey(.random(count: size)) } catch let error as CryptoError {
            throw SealingError(error)
        } catch let error as SealingError { throw error } catch { fatalError("unreachable") }
    }

    /// Returns the key for one purpose: HKDF-Expand-SHA-512(key, "pipemason/v1/" + purpose, `count`).
    ///
    /// - Parameter purpose: a short constant such as "log"; at most 255 bytes.
    public func derived(for purpose: String, count: Int = 32) throws(SealingError) -> Secret {
        guard purpose != "kid" else { throw SealingError(.malformed, "\"kid\" is the label of key ids") }
        return try Self.derive(secret, label: "pipemason/v1/" + purpose, count: count)
    }

    private static func derive(_ secret: borrowing Secret, label: String, count: Int) throws(SealingError) -> Secret {
        let label = Array(label.utf8)
        do { return try HKDF.expand(.sha512, key: secret, info: label.span, count: count) } catch {
            throw SealingError(error)
        }
    }
}

/// The keys that can open a record, by id.
public protocol SealingKeySource {
    /// Returns the key called `id`.
    /// - Throws: `.unknownKey` when there is none, or when it has been revoked.
    func key(_ id: KeyID) throws(SealingError) -> SealingKey
}

extension SealingKey: SealingKeySource {
    public func key(_ id: KeyID) throws(SealingError) -> SealingKey {
        guard id == self.id else { throw SealingError(.unknownKey, "no key \(id) here") }
        return self
    }
}

/// The first 69 bytes of a record.
struct RecordHeader {
    static let magic: StaticString = "pms1"
    /// Magic, kind and key id: the part that is bound through the context.
    static let prefixSize = 4 + 1 + KeyID.size
    /// Prefix, salt and commitment.
    static let size = prefixSize + Cobblestone.headerSize

    /// The first 13 bytes.
    let prefix: [UInt8]
    let keyID: KeyID
    let salt: [UInt8]
    let commitment: [UInt8]

    /// Parses the start of a record.
    /// - Throws: `.malformed` when it is cut, is not a record, or has another kind than expected.
    init(parsing bytes: Span<UInt8>, expecting kind: RecordKind) throws(SealingError) {
        guard bytes.count >= Self.size else {
            throw SealingError(.malformed, "a record has at least \(Self.size) bytes")
        }
        for index in 0..<4 where bytes[index] != Self.magic.utf8Start[index] {
            throw SealingError(.malformed, "not a pms1 record")
        }
        guard bytes[4] == kind.rawValue else { throw SealingError(.malformed, "a record of another kind") }
        prefix = Self.copy(bytes.extracting(0..<Self.prefixSize))
        keyID = KeyID(bytes.extracting(5..<Self.prefixSize))
        salt = Self.copy(bytes.extracting(Self.prefixSize..<Self.prefixSize + Cobblestone.saltSize))
        commitment = Self.copy(bytes.extracting(Self.prefixSize + Cobblestone.saltSize..<Self.size))
    }

    /// The first 13 bytes of a record of `kind` under `keyID`.
    static func prefix(_ kind: RecordKind, _ keyID: KeyID) -> [UInt8] {
        [UInt8](appending: prefixSize) { output in
            for index in 0..<4 { output.append(magic.utf8Start[index]) }
            output.append(kind.rawValue)
            output.append(contentsOf: keyID.bytes.span)
        }
    }

    private static func copy(_ bytes: Span<UInt8>) -> [UInt8] {
        [UInt8](appending: bytes.count) { $0.append(contentsOf: bytes) }
    }

    /// Returns the cipher for the record's body, once the commitment has been checked. Exactly one key is tried.
    func cipher(context: RecordContext, keys: some SealingKeySource) throws(SealingError) -> Cobblestone {
        let key = try keys.key(keyID)
        let cipher = try Cobblestone(
            .open, key: key.derived(for: context.purpose), salt: salt.span,
            context: context.encoded(after: prefix.span).span)
        guard cipher.matches(commitment: commitment.span) else {
            throw SealingError(.wrongKeyOrContext, "key \(keyID) does not open this record in this context")
        }
        return cipher
    }
}

/// Sealed records in memory: fields and wrapped keys (docs/formats/sealed-record.md).
public enum SealedRecord {
    /// The largest plaintext of a field in bytes. Larger things are files.
    public static let maximumFieldSize = 1 << 20

    /// How many bytes a record has more than its plaintext of `count` bytes.
    public static func overhead(_ count: Int) -> Int {
        RecordHeader.size + (count / Cobblestone.chunkSize + 1) * AEAD.tagSize
    }

    /// Returns a kind-1 record of `plaintext`.
    /// - Throws: `.limitExceeded` above `maximumFieldSize`.
    public static func sealField(
        _ plaintext: Span<UInt8>, context: RecordContext, key: SealingKey
    ) throws(SealingError) -> [UInt8] {
        try seal(plaintext, kind: .field, context: context, key: key)
    }

    /// Returns the plaintext of a kind-1 record.
    /// - Throws: `.malformed`, `.unknownKey`, `.wrongKeyOrContext` or `.damagedBody`; never returns part of it.
    public static func openField(
        _ record: Span<UInt8>, context: RecordContext, keys: some SealingKeySource
    ) throws(SealingError) -> WipedBuffer {
        try open(record, kind: .field, context: context, keys: keys)
    }

    /// Returns a kind-3 record of `secret`: 117 bytes for a key.
    public static func wrapKey(
        _ secret: borrowing Secret, context: RecordContext, key: SealingKey
    ) throws(SealingError) -> [UInt8] {
        try seal(secret.bytes, kind: .key, context: context, key: key)
    }

    /// Returns a kind-3 record of the secret of `wrapped`.
    public static func wrapKey(
        _ wrapped: SealingKey, context: RecordContext, key: SealingKey
    ) throws(SealingError) -> [UInt8] {
        try wrapKey(wrapped.secret, context: context, key: key)
    }

    /// Returns the key in a kind-3 record.
    /// - Throws: as `openField`.
    public static func unwrapKey(
        _ record: Span<UInt8>, context: RecordContext, keys: some SealingKeySource
    ) throws(SealingError) -> SealingKey {
        let plaintext = try open(record, kind: .key, context: context, keys: keys)
        let secret: Secret
        do { secret = try Secret(copying: plaintext.bytes) } catch { throw SealingError(error) }
        return try SealingKey(secret)
    }

    /// Returns the same content sealed under another key, in the same context. The plaintext is not shown.
    public static func reseal(
        _ record: Span<UInt8>, kind: RecordKind, context: RecordContext, keys: some SealingKeySource,
        under key: SealingKey
    ) throws(SealingError) -> [UInt8] {
        let plaintext = try open(record, kind: kind, context: context, keys: keys)
        return try seal(plaintext.bytes, kind: kind, context: context, key: key)
    }

    /// Returns the id of the key that a record says it was sealed under. Nothing has been verified.
    public static func keyID(of record: Span<UInt8>, kind: RecordKind) throws(SealingError) -> KeyID {
        try RecordHeader(parsing: record, expecting: kind).keyID
    }

    /// Returns a record of any kind.
    /// - Throws: `.limitExceeded` above `maximumFieldSize`.
    package static func seal(
        _ plaintext: Span<UInt8>, kind: RecordKind, context: RecordContext, key: SealingKey
    ) throws(SealingError) -> [UInt8] {
        guard plaintext.count <= maximumFieldSize else {
            throw SealingError(.limitExceeded, "a record in memory holds at most \(maximumFieldSize) bytes")
        }
        let prefix = RecordHeader.prefix(kind, key.id)
        let salt: [UInt8]
        do { salt = try Random.publicBytes(count: Cobblestone.saltSize) } catch { throw SealingError(error) }
        let message = try Cobblestone.seal(
            plaintext, key: key.derived(for: context.purpose), salt: salt.span,
            context: context.encoded(after: prefix.span).span)
        return prefix + message
    }

    /// Returns the plaintext of a record of any kind.
    /// - Throws: as `openField`.
    package static func open(
        _ record: Span<UInt8>, kind: RecordKind, context: RecordContext, keys: some SealingKeySource
    ) throws(SealingError) -> WipedBuffer {
        guard record.count <= maximumFieldSize + overhead(maximumFieldSize) else {
            throw SealingError(.limitExceeded, "a record in memory holds at most \(maximumFieldSize) bytes")
        }
        let header = try RecordHeader(parsing: record, expecting: kind)
        var cipher = try header.cipher(context: context, keys: keys)
        var plaintext = WipedBuffer(capacity: record.count - RecordHeader.size)
        var offset = RecordHeader.size
        while !cipher.isFinished {
            let end = min(offset + Cobblestone.sealedChunkSize, record.count)
            let chunk = record.extracting(offset..<end)
            try cipher.openChunk(chunk, appendingTo: &plaintext)
            offset = end
        }
        guard offset == record.count else { throw SealingError(.damagedBody, "bytes follow the last chunk") }
        return plaintext
    }
}

/// Records as text, for configuration files only: "pms1." and base64url. Databases store the bytes.
public enum RecordText {
    private static let prefix = Array("pms1.".utf8)

    /// Returns the text form of a record.
    public static func encode(_ record: Span<UInt8>) -> String {
        "pms1." + Base64.encode(record, .urlSafe)
    }

    /// Returns the record of a text form.
    /// - Throws: `.malformed`.
    public static func decode(_ text: Span<UInt8>) throws(SealingError) -> [UInt8] {
        guard text.count >= prefix.count, constantTimeEqual(text.extracting(0..<prefix.count), prefix.span),
            let record = Base64.decode(text.extracting(prefix.count...), .urlSafe)
        else { throw SealingError(.malformed, "not a pms1 record in text form") }
        return record
    }
}
