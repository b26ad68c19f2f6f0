public import OpenSSLEngine
internal import TextEncodings

/// A bearer token of ours: who has it, is it (docs/formats/token.md).
///
/// `pmr_`, `pmu_` or `pmi_`, then 43 base62 digits of 256 random bits, then 6 base62 digits of their CRC-32:
/// 53 characters. The checksum lets a reader reject a typing error, and a scanner a false hit, without a database.
public struct Token: ~Copyable, Sendable {
    /// Whom a token stands for.
    public enum Kind: String, Sendable, CaseIterable {
        case runner = "pmr"
        case user = "pmu"
        case invitation = "pmi"
    }

    public let kind: Kind

    /// The whole token in ASCII.
    public let text: Secret

    /// The length of every token in bytes.
    public static let length = 4 + Base62.width256 + Base62.width32

    /// Makes a token from 256 bits of the private random generator.
    public static func generate(_ kind: Kind) throws(SealingError) -> Token {
        do {
            let text = try Secret(count: length) { (target) throws(CryptoError) in
                _ = try Secret(count: 32) { (integer) throws(CryptoError) in
                    try Random.fillPrivate(&integer)
                    Base62.encode(consuming: &integer, into: &target, at: 4)
                }
                for (offset, byte) in kind.rawValue.utf8.enumerated() { target[offset] = byte }
                target[3] = UInt8(ascii: "_")
                let checksum = CRC32.checksum(target.span.extracting(4..<4 + Base62.width256))
                for (offset, byte) in Base62.encode(checksum).enumerated() {
                    target[4 + Base62.width256 + offset] = byte
                }
            }
            return Token(kind: kind, text: text)
        } catch { throw SealingError(error) }
    }

    /// Parses a token: length and characters first, then the checksum, then the range of the integer.
    /// - Throws: `.malformed`.
    public init(parsing bytes: Span<UInt8>) throws(SealingError) {
        guard bytes.count == Self.length, bytes[3] == UInt8(ascii: "_"),
            let kind = Kind.allCases.first(where: { kind in
                var offset = 0
                for byte in kind.rawValue.utf8 {
                    guard bytes[offset] == byte else { return false }
                    offset += 1
                }
                return true
            })
        else { throw SealingError(.malformed, "not a pipemason token") }
        let digits = bytes.extracting(4..<4 + Base62.width256)
        let checksum = Base62.encode(CRC32.checksum(digits))
        guard constantTimeEqual(checksum.span, bytes.extracting((4 + Base62.width256)...)) else {
            throw SealingError(.malformed, "the token's checksum does not match")
        }
        guard try Base62.fits256(digits) else { throw SealingError(.malformed, "the token is out of range") }
        do { text = try Secret(copying: bytes) } catch { throw SealingError(error) }
        self.kind = kind
    }

    private init(kind: Kind, text: consuming Secret) {
        self.kind = kind
        self.text = text
    }

    /// What a server keeps: the SHA-256 of the whole token.
    public var hash: TokenHash {
        get throws(SealingError) { try TokenHash(of: text.bytes) }
    }

    /// What may be shown and logged: the kind alone.
    public var description: String { "\(kind.rawValue)_<redacted>" }
}

/// The SHA-256 of a whole token, which is what `printf %s "$TOKEN" | sha256sum` prints.
///
/// No salt and no slow hash: the input has 256 random bits. Never make one of anything that a person chose.
public struct TokenHash: Sendable, Hashable, CustomStringConvertible {
    /// 32 bytes; the primary key of a server's token table.
    public let bytes: [UInt8]

    /// The size in bytes.
    public static let size = 32

    init(of token: Span<UInt8>) throws(SealingError) {
        do { bytes = try Digest.sha256(token) } catch { throw SealingError(error) }
    }

    /// Makes a hash from its 32 stored bytes; nil for another length.
    public init?(stored bytes: [UInt8]) {
        guard bytes.count == Self.size else { return nil }
        self.bytes = bytes
    }

    /// Makes a hash from its 64 hexadecimal digits; nil for anything else.
    public init?(hex: String) {
        guard let bytes = Hex.decode(hex) else { return nil }
        self.init(stored: bytes)
    }

    /// Compares in constant time.
    public static func == (lhs: Self, rhs: Self) -> Bool { constantTimeEqual(lhs.bytes.span, rhs.bytes.span) }

    /// 64 hexadecimal digits.
    public var description: String { Hex.encode(bytes.span) }
}
