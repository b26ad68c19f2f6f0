internal import COpenSSL

/// HKDF (RFC 5869).
public enum HKDF {
    /// The longest `info` in bytes: what the manual of OpenSSL 3.0 promises.
    public static let maximumInfoSize = 1024

    /// Returns `count` bytes of HKDF-Extract and HKDF-Expand.
    /// - Throws: `.limitExceeded` when `info` is too long; `.invalidLength` when `key` is empty or `count` is not
    ///   in 1...255 × the digest size.
    public static func derive(
        _ function: HashFunction, key: borrowing Secret, salt: Span<UInt8>, info: Span<UInt8>, count: Int
    ) throws(CryptoError) -> Secret {
        try run(function, mode: extractAndExpand, key: key, salt: salt, info: info, count: count)
    }

    /// Returns `count` bytes of HKDF-Expand alone; `key` is a uniformly random key.
    /// - Throws: as `derive`.
    public static func expand(
        _ function: HashFunction, key: borrowing Secret, info: Span<UInt8>, count: Int
    ) throws(CryptoError) -> Secret {
        try run(function, mode: expandOnly, key: key, salt: info.extracting(0..<0), info: info, count: count)
    }

    private static let extractAndExpand: StaticString = "EXTRACT_AND_EXPAND"
    private static let expandOnly: StaticString = "EXPAND_ONLY"

    private static func run(
        _ function: HashFunction, mode: StaticString, key: borrowing Secret, salt: Span<UInt8>, info: Span<UInt8>,
        count: Int
    ) throws(CryptoError) -> Secret {
        guard info.count <= maximumInfoSize else { throw CryptoError(.limitExceeded, in: "HKDF") }
        guard key.count > 0, count >= 1, count <= 255 * function.digestSize else {
            throw CryptoError(.invalidLength, in: "HKDF")
        }
        let algorithm = try Library.require(Library.hkdf, for: "HKDF")
        guard let context = EVP_KDF_CTX_new(algorithm) else { throw CryptoError(.outOfMemory, in: "HKDF") }
        defer { EVP_KDF_CTX_free(context) }  // cleanses its copy of the key
        let keyBytes = key.bytes
        return try Secret(count: count) { (target) throws(CryptoError) in
            let status = keyBytes.withPointer { keyPointer, keyCount in
                salt.withPointer { saltPointer, saltCount in
                    info.withPointer { infoPointer, infoCount in
                        let parameters = [
                            Parameter.text("mode", mode), Parameter.text("digest", function.parameterName),
                            Parameter.octets("key", keyPointer, keyCount),
                            Parameter.octets("salt", saltPointer, saltCount),
                            Parameter.octets("info", infoPointer, infoCount), Parameter.end,
                        ]
                        return target.withUnsafeMutableBufferPointer { buffer in
                            EVP_KDF_derive(context, buffer.baseAddress, buffer.count, parameters)
                        }
                    }
                }
            }
            guard status == 1 else { throw CryptoError(.libraryFailure, in: "HKDF") }
        }
    }
}

/// scrypt (RFC 7914), with r = 8 and p = 1.
public enum Scrypt {
    /// The block size parameter r.
    public static let blockSize: UInt64 = 8

    /// The largest base-2 logarithm of the cost N that is accepted: 1 GiB of memory and about 4 s of work.
    public static let maximumLogN = 20

    /// Returns `count` bytes derived from `passphrase`.
    ///
    /// Takes 128 × 8 × 2^`logN` bytes of memory: 256 MiB for 18.
    /// - Throws: `.limitExceeded` unless `logN` is in 1...`maximumLogN`.
    public static func derive(
        passphrase: borrowing Secret, salt: Span<UInt8>, logN: Int, count: Int
    ) throws(CryptoError) -> Secret {
        guard (1...maximumLogN).contains(logN) else { throw CryptoError(.limitExceeded, in: "scrypt") }
        let algorithm = try Library.require(Library.scrypt, for: "scrypt")
        guard let context = EVP_KDF_CTX_new(algorithm) else { throw CryptoError(.outOfMemory, in: "scrypt") }
        defer { EVP_KDF_CTX_free(context) }
        let passphraseBytes = passphrase.bytes
        return try Secret(count: count) { (target) throws(CryptoError) in
            var cost = UInt64(1) << UInt64(logN)
            var block = blockSize
            var parallel: UInt64 = 1
            // The work area, twice: OpenSSL counts some overhead on top of 128·r·N.
            var memoryLimit = 2 * 128 * block * cost + (1 << 20)
            let status = passphraseBytes.withPointer { passPointer, passCount in
                salt.withPointer { saltPointer, saltCount in
                    withUnsafeMutablePointer(to: &cost) { cost in
                        withUnsafeMutablePointer(to: &block) { block in
                            withUnsafeMutablePointer(to: &parallel) { parallel in
                                withUnsafeMutablePointer(to: &memoryLimit) { memoryLimit in
                                    let parameters = [
                                        Parameter.octets("pass", passPointer, passCount),
                                        Parameter.octets("salt", saltPointer, saltCount),
                                        Parameter.unsigned("n", cost), Parameter.unsigned("r", block),
                                        Parameter.unsigned("p", parallel),
                                        Parameter.unsigned("maxmem_bytes", memoryLimit), Parameter.end,
                                    ]
                                    return target.withUnsafeMutableBufferPointer { buffer in
                                        EVP_KDF_derive(context, buffer.baseAddress, buffer.count, parameters)
                                    }
                                }
                            }
                        }
                    }
                }
            }
            guard status == 1 else { throw CryptoError(.libraryFailure, in: "scrypt") }
        }
    }
}
