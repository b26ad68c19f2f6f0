internal import OpenSSLEngine

/// The public key of a passkey, as COSE writes it (RFC 9052, section 7; RFC 9053).
public struct CredentialKey: Sendable, Hashable {
    /// The bytes that the authenticator sent: what a store keeps.
    public let encoded: [UInt8]
    let key: SignatureKey

    /// The algorithms that a new passkey may have, the preferred one first (IANA, COSE Algorithms): ES256, EdDSA, RS256.
    static let algorithms: [Int64] = [-7, -8, -257]

    /// Reads a key that stands alone.
    /// - Throws: `.malformed`; `.unsupported` for another algorithm than ES256, EdDSA with Ed25519, or RS256.
    public init(encoded: [UInt8]) throws(WebAuthnError) {
        var reader = CBORReader(encoded[...])
        self = try Self(&reader, in: encoded[...])
        guard reader.position == encoded.endIndex else { throw .malformed("key: too long") }
    }

    init(_ reader: inout CBORReader, in input: ArraySlice<UInt8>) throws(WebAuthnError) {
        let start = reader.position
        let map = try reader.value()
        func integer(_ label: Int64) -> Int64? { map[.integer(label)]?.integerValue }
        func bytes(_ label: Int64) throws(WebAuthnError) -> [UInt8] {
            guard let bytes = map[.integer(label)]?.byteValue else { throw .malformed("key: a part is missing") }
            return bytes
        }
        // 1 is the type, 3 the algorithm, -1 the curve.
        switch (integer(1), integer(3), integer(-1)) {
        case (2, -7, 1): key = .es256(x: try bytes(-2), y: try bytes(-3))
        case (1, -8, 6): key = .ed25519(try bytes(-2))
        case (3, -257, nil): key = .rs256(modulus: try bytes(-1), exponent: try bytes(-2))
        default: throw .unsupported("key: algorithm")
        }
        encoded = Array(input[start..<reader.position])
        guard key.isValid else { throw .malformed("key: it is not one") }
    }
}
