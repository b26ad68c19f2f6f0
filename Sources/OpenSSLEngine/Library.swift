internal import COpenSSL

/// OpenSSL as this process uses it: a library context of our own and the algorithms fetched from it, once.
///
/// The context is private, so that neither `OPENSSL_CONF` nor another library in the process can change which
/// implementation runs. Fetching per call costs more than the work for short inputs.
enum Library {
    /// Owns nothing and changes never: an immutable pointer to an object that OpenSSL reference-counts and locks.
    struct Handle: @unchecked Sendable {
        // SAFETY: fetched objects (EVP_MD, EVP_CIPHER, EVP_KDF, EVP_MAC, OSSL_LIB_CTX) are immutable after the
        // fetch and documented as shareable between threads; they live until the process ends.
        let pointer: OpaquePointer

        init?(_ pointer: OpaquePointer?) {
            guard let pointer else { return nil }
            self.pointer = pointer
        }
    }

    static let context: Handle? = {
        // The secure heap first: the random generators of the context then live there too.
        _ = SecureHeap.isReady
        return Handle(OSSL_LIB_CTX_new())
    }()

    static let sha256 = Handle(EVP_MD_fetch(context?.pointer, "SHA256", nil))
    static let sha512 = Handle(EVP_MD_fetch(context?.pointer, "SHA512", nil))
    static let aes128GCM = Handle(EVP_CIPHER_fetch(context?.pointer, "AES-128-GCM", nil))
    static let aes256GCM = Handle(EVP_CIPHER_fetch(context?.pointer, "AES-256-GCM", nil))
    static let chacha20Poly1305 = Handle(EVP_CIPHER_fetch(context?.pointer, "ChaCha20-Poly1305", nil))
    static let hkdf = Handle(EVP_KDF_fetch(context?.pointer, "HKDF", nil))
    static let scrypt = Handle(EVP_KDF_fetch(context?.pointer, "SCRYPT", nil))
    static let hmac = Handle(EVP_MAC_fetch(context?.pointer, "HMAC", nil))

    /// Returns the pointer of a fetched algorithm, or throws `.algorithmUnavailable`.
    static func require(_ handle: Handle?, for operation: StaticString) throws(CryptoError) -> OpaquePointer {
        guard let handle else { throw CryptoError(.algorithmUnavailable, in: operation) }
        return handle.pointer
    }
}

/// The hash functions of this module.
public enum HashFunction: Sendable, Hashable {
    case sha256, sha512

    /// The size of a digest in bytes.
    public var digestSize: Int { self == .sha256 ? 32 : 64 }

    /// The name that OpenSSL's parameters use, as a constant that outlives every call.
    var parameterName: StaticString { self == .sha256 ? "SHA256" : "SHA512" }

    func algorithm(for operation: StaticString) throws(CryptoError) -> OpaquePointer {
        try Library.require(self == .sha256 ? Library.sha256 : Library.sha512, for: operation)
    }
}

extension Span<UInt8> {
    /// Calls `body` with a pointer that is valid even when the span is empty (C functions may refuse null).
    func withPointer<Result, Failure: Error>(
        _ body: (UnsafePointer<UInt8>, Int) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeBufferPointer { (buffer) throws(Failure) -> Result in
            guard let base = buffer.baseAddress else { return try body(emptyPlaceholder, 0) }
            return try body(base, buffer.count)
        }
    }
}

/// A readable address for empty inputs. A literal of the program: lives as long as it.
private var emptyPlaceholder: UnsafePointer<UInt8> { ("\0" as StaticString).utf8Start }

/// Builds `OSSL_PARAM` entries whose keys are literals.
///
/// OpenSSL keeps the pointer of the key. A Swift string passed straight in is gone when the call returns, so the
/// names are `StaticString`s.
enum Parameter {
    /// The entry refers to `pointer`, which must outlive the call that reads it.
    static func octets(_ name: StaticString, _ pointer: UnsafePointer<UInt8>, _ count: Int) -> OSSL_PARAM {
        OSSL_PARAM_construct_octet_string(cName(name), UnsafeMutableRawPointer(mutating: pointer), count)
    }

    static func text(_ name: StaticString, _ value: StaticString) -> OSSL_PARAM {
        // OpenSSL only reads the value; length 0 means that it is null-terminated.
        let pointer = UnsafeMutableRawPointer(mutating: value.utf8Start).assumingMemoryBound(to: CChar.self)
        return OSSL_PARAM_construct_utf8_string(cName(name), pointer, 0)
    }

    static func integer(_ name: StaticString, _ value: UnsafeMutablePointer<Int32>) -> OSSL_PARAM {
        OSSL_PARAM_construct_int(cName(name), value)
    }

    static func unsigned(_ name: StaticString, _ value: UnsafeMutablePointer<UInt64>) -> OSSL_PARAM {
        OSSL_PARAM_construct_uint64(cName(name), value)
    }

    /// A natural number of any size, least significant byte first, as the machines that we build for have it in memory.
    static func number(_ name: StaticString, _ pointer: UnsafePointer<UInt8>, _ count: Int) -> OSSL_PARAM {
        OSSL_PARAM_construct_BN(cName(name), UnsafeMutablePointer(mutating: pointer), count)
    }

    static var end: OSSL_PARAM { OSSL_PARAM_construct_end() }

    private static func cName(_ name: StaticString) -> UnsafePointer<CChar> {
        UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
