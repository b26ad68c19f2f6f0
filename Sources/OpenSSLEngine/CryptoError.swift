internal import COpenSSL

/// A failure of a cryptographic operation, without any secret content.
///
/// `reasons` are OpenSSL's own constant reason texts, oldest first; the library's data strings, which can hold
/// parts of an input, are dropped.
public struct CryptoError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What went wrong, for programs.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        /// A tag, signature or MAC did not verify.
        public static let authenticationFailed = Code(description: "authentication failed")
        /// A key, nonce, tag or input has a length that the algorithm does not take.
        public static let invalidLength = Code(description: "invalid length")
        /// A public key that X25519 refuses, because the shared secret would be all zero (RFC 7748, section 6.1).
        public static let invalidPublicKey = Code(description: "invalid public key")
        /// A text that is no key of the kind that is expected.
        public static let invalidKey = Code(description: "invalid key")
        /// A named limit of this module was reached.
        public static let limitExceeded = Code(description: "limit exceeded")
        /// The secure heap is full (`Secret.secureHeapSize`).
        public static let secureMemoryExhausted = Code(description: "secure memory exhausted")
        /// OpenSSL could not allocate.
        public static let outOfMemory = Code(description: "out of memory")
        /// The linked OpenSSL lacks an algorithm.
        public static let algorithmUnavailable = Code(description: "algorithm unavailable")
        /// The random generator failed.
        public static let randomUnavailable = Code(description: "random generator failed")
        /// OpenSSL refused a call for another reason.
        public static let libraryFailure = Code(description: "OpenSSL refused the operation")
    }

    public let code: Code
    /// The name of the operation, a constant such as "HKDF".
    public let operation: StaticString
    /// OpenSSL's reason texts, at most `maximumReasons`.
    public let reasons: [String]

    /// How many entries of OpenSSL's error queue an error keeps.
    public static let maximumReasons = 8

    /// Makes an error from `code` and drains the calling thread's OpenSSL error queue into it.
    init(_ code: Code, in operation: StaticString) {
        self.code = code
        self.operation = operation
        var reasons: [String] = []
        while case let packed = ERR_get_error(), packed != 0 {
            // ERR_reason_error_string returns a constant text of the library, or null for system errors.
            if reasons.count < Self.maximumReasons, let text = ERR_reason_error_string(packed) {
                reasons.append(String(cString: text))
            }
        }
        self.reasons = reasons
    }

    public var description: String {
        reasons.isEmpty ? "\(operation): \(code)" : "\(operation): \(code) (\(reasons.joined(separator: "; ")))"
    }

    public static func == (lhs: Self, rhs: Self) -> Bool {
        lhs.code == rhs.code && lhs.operation.description == rhs.operation.description && lhs.reasons == rhs.reasons
    }
}
