public import JSONText
public import OpenSSLEngine

/// A failure to seal, open, parse or store, without any secret content.
///
/// Operators see `code` and `detail`; a client of the API is told `SealingError.clientMessage` for every one of them.
public struct SealingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The class of a failure. `exitStatus` is what the commands exit with.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String
        public let exitStatus: Int32

        /// No key here opens this: wrong key, wrong passphrase, wrong context, or none of the recipients is us.
        public static let wrongKeyOrContext = Code(description: "wrong key or wrong context", exitStatus: 3)
        /// The header of an age file does not authenticate.
        public static let headerMACFailed = Code(description: "the header does not authenticate", exitStatus: 4)
        /// The input does not follow its format.
        public static let malformed = Code(description: "malformed", exitStatus: 5)
        /// The header is good, and the body is damaged, cut, reordered or followed by other bytes.
        public static let damagedBody = Code(description: "damaged body", exitStatus: 6)
        /// The ASCII armor of an age file is damaged.
        public static let damagedArmor = Code(description: "damaged armor", exitStatus: 7)
        /// The record names a key that is not in the ring, or that has been revoked.
        public static let unknownKey = Code(description: "unknown key id", exitStatus: 8)
        /// A named limit was reached before any work was done.
        public static let limitExceeded = Code(description: "limit exceeded", exitStatus: 5)
        /// A file is not private enough to hold a secret, or is not what it should be.
        public static let notPrivate = Code(description: "not private", exitStatus: 1)
        /// The rules of the key ring forbid the operation now.
        public static let refused = Code(description: "refused", exitStatus: 1)
        /// The system could not read or write.
        public static let inputOutput = Code(description: "input or output failed", exitStatus: 1)
        /// OpenSSL failed for a reason that is not the input's fault.
        public static let cryptography = Code(description: "cryptography failed", exitStatus: 1)
    }

    public let code: Code
    /// What exactly, in constant words and safe values (lengths, offsets, key ids, file names).
    public let detail: String

    public init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    /// Wraps a failure of the engine; authentication failures are turned into a more specific error where they occur.
    public init(_ error: CryptoError) {
        self.init(.cryptography, error.description)
    }

    /// What a client of an API is told, whatever the reason was.
    public static let clientMessage = "the sealed value cannot be opened"

    public var description: String { "\(code): \(detail)" }
}

extension SealingError: JSONFailure {
    public init(jsonOffset offset: Int) { self.init(.malformed, "JSON, at byte \(offset)") }
}
