internal import COpenSSL

/// A public key of somebody else, of one of the kinds that verify signatures here.
public enum SignatureKey: Sendable, Hashable {
    /// ECDSA over P-256 with SHA-256 (FIPS 186-5): the point's coordinates, 32 bytes each. Signatures are in DER
    /// (RFC 3279, section 2.2.3).
    case es256(x: [UInt8], y: [UInt8])
    /// Ed25519 (RFC 8032): 32 bytes.
    case ed25519([UInt8])
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, section 8.2): modulus and exponent, most significant byte first.
    case rs256(modulus: [UInt8], exponent: [UInt8])

    /// Sizes of RSA moduli in bytes: below is too weak, above costs too much.
    public static let modulusSizes = 256...1024
    /// The longest RSA exponent in bytes; with it a verification costs little.
    public static let exponentSize = 4

    /// Whether it is a key: of the right sizes, and a point on the curve.
    public var isValid: Bool {
        switch self {
        case .es256(let x, let y): x.count == 32 && y.count == 32 && (try? withKey { _ in }) != nil
        case .ed25519(let bytes): bytes.count == Ed25519.keySize
        case .rs256(let modulus, let exponent):
            Self.modulusSizes.contains(modulus.count) && modulus[0] != 0 && modulus[modulus.count - 1] & 1 == 1
                && (1...Self.exponentSize).contains(exponent.count) && exponent[exponent.count - 1] & 1 == 1
                && (exponent[exponent.count - 1] > 1 || exponent.dropLast().contains { $0 != 0 })
        }
    }

    /// Returns whether `signature` is this key's signature of `message`.
    /// - Throws: `.invalidPublicKey` when the key is not one (`isValid`).
    public func verify(_ signature: Span<UInt8>, of message: Span<UInt8>) throws(CryptoError) -> Bool {
        guard isValid else { throw CryptoError(.invalidPublicKey, in: "SignatureKey") }
        if case .ed25519(let bytes) = self { return try Ed25519.verify(signature, of: message, by: bytes.span) }
        let library = try Library.require(Library.context, for: "SignatureKey")
        guard let context = EVP_MD_CTX_new() else { throw CryptoError(.outOfMemory, in: "SignatureKey") }
        defer { EVP_MD_CTX_free(context) }
        var status: Int32 = 0
        try withKey { (key) throws(CryptoError) in
            guard EVP_DigestVerifyInit_ex(context, nil, "SHA256", library, nil, key, nil) == 1 else {
                throw CryptoError(.libraryFailure, in: "SignatureKey")
            }
            status = message.withPointer { message, messageCount in
                signature.withPointer { pointer, count in
                    EVP_DigestVerify(context, pointer, count, message, messageCount)
                }
            }
        }
        if status != 1 { ERR_clear_error() }
        return status == 1
    }

    /// Calls `body` with OpenSSL's form of the key.
    private func withKey(_ body: (OpaquePointer) throws(CryptoError) -> Void) throws(CryptoError) {
        let key: OpaquePointer?
        switch self {
        case .es256(let x, let y):
            let point = [4] + x + y
            key = try point.span.withPointer { (pointer, count) throws(CryptoError) in
                try Self.make(
                    "EC",
                    [Parameter.text("group", "P-256"), Parameter.octets("pub", pointer, count), Parameter.end])
            }
        case .rs256(let modulus, let exponent):
            let modulus = Array(modulus.reversed())
            let exponent = Array(exponent.reversed())
            key = try modulus.span.withPointer { (n, nCount) throws(CryptoError) in
                try exponent.span.withPointer { (e, eCount) throws(CryptoError) in
                    try Self.make(
                        "RSA",
                        [Parameter.number("n", n, nCount), Parameter.number("e", e, eCount), Parameter.end])
                }
            }
        case .ed25519: throw CryptoError(.libraryFailure, in: "SignatureKey")
        }
        guard let key else {
            ERR_clear_error()
            throw CryptoError(.invalidPublicKey, in: "SignatureKey")
        }
        defer { EVP_PKEY_free(key) }
        try body(key)
    }

    private static func make(_ type: StaticString, _ parameters: [OSSL_PARAM]) throws(CryptoError) -> OpaquePointer? {
        let library = try Library.require(Library.context, for: "SignatureKey")
        guard let context = EVP_PKEY_CTX_new_from_name(library, type.description, nil) else {
            throw CryptoError(.algorithmUnavailable, in: "SignatureKey")
        }
        defer { EVP_PKEY_CTX_free(context) }
        var parameters = parameters
        var key: OpaquePointer?
        guard EVP_PKEY_fromdata_init(context) == 1,
            EVP_PKEY_fromdata(context, &key, Int32(PM_EVP_PKEY_PUBLIC_KEY), &parameters) == 1
        else { return nil }
        return key
    }
}
