internal import OpenSSLEngine
internal import SealingKit
internal import ServerStore
internal import Synchronization

/// An access key of an S3-compatible store. Prints as `<redacted>`.
final class S3Credentials: Sendable, CustomStringConvertible {
    /// Names the key; no secret.
    let keyID: String
    /// What signing keys are derived from: `AWS4`, then the secret access key.
    let seed: Secret
    /// What comes with keys that expire.
    let sessionToken: String?

    /// Bounds of the parts. Session tokens have no documented length; those that are in use have up to 2 KB.
    static let maximumKeyID = 128
    static let maximumSecret = 256
    static let maximumToken = 8192

    /// Returns nil when a part is empty, too long, or has a character that a header cannot have.
    init?(keyID: String, secret: Span<UInt8>, sessionToken: String?) {
        func isWord(_ byte: UInt8) -> Bool { (0x21...0x7E).contains(byte) }
        guard (1...Self.maximumKeyID).contains(keyID.utf8.count), (1...Self.maximumSecret).contains(secret.count),
            keyID.utf8.allSatisfy({ isWord($0) && !"/,=".utf8.contains($0) }),
            secret.indices.allSatisfy({ isWord(secret[$0]) }),
            (1...Self.maximumToken).contains(sessionToken?.utf8.count ?? 1),
            sessionToken?.utf8.allSatisfy(isWord) ?? true
        else { return nil }
        let label = Array("AWS4".utf8)
        let seed = try? Secret(count: label.count + secret.count) { (target) throws(CryptoError) in
            for index in label.indices { target[index] = label[index] }
            for index in secret.indices { target[label.count + index] = secret[index] }
        }
        guard let seed else { return nil }
        self.keyID = keyID
        self.seed = seed
        self.sessionToken = sessionToken
    }

    var description: String { "<redacted>" }

    func isSame(as other: S3Credentials) -> Bool {
        keyID == other.keyID && sessionToken == other.sessionToken && seed == other.seed
    }

    /// Reads a file in the form of `~/.aws/credentials`: `name = value` lines, of which those of `[default]` count, or those
    /// before any section.
    convenience init?(file bytes: Span<UInt8>) {
        var isRead = true
        var values: [String: Range<Int>] = [:]
        var start = 0
        while start < bytes.count {
            let end = (start..<bytes.count).first { bytes[$0] == 0x0A } ?? bytes.count
            let line = Self.trim(bytes, start..<end)
            start = end + 1
            guard !line.isEmpty, bytes[line.lowerBound] != 0x23, bytes[line.lowerBound] != 0x3B else { continue }
            if bytes[line.lowerBound] == 0x5B {
                isRead = Self.text(bytes, line) == "[default]"
                continue
            }
            guard isRead, let equals = line.first(where: { bytes[$0] == 0x3D }) else { continue }
            let name = Self.text(bytes, Self.trim(bytes, line.lowerBound..<equals)).lowercased()
            values[name] = Self.trim(bytes, equals + 1..<line.upperBound)
        }
        guard let keyID = values["aws_access_key_id"], let secret = values["aws_secret_access_key"] else { return nil }
        self.init(
            keyID: Self.text(bytes, keyID), secret: bytes.extracting(secret),
            sessionToken: values["aws_session_token"].map { Self.text(bytes, $0) })
    }

    private static func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
        String(decoding: range.map { bytes[$0] }, as: UTF8.self)
    }

    private static func trim(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        func isSpace(_ index: Int) -> Bool { [0x20, 0x09, 0x0D].contains(bytes[index]) }
        guard let first = range.first(where: { !isSpace($0) }), let last = range.last(where: { !isSpace($0) }) else {
            return range.lowerBound..<range.lowerBound
        }
        return first..<last + 1
    }
}

/// Where credentials come from. Those of a file are read again when they are not taken any more, so that they can be changed
/// while the server goes on.
public final class S3CredentialSource: Sendable {
    private let path: String?
    private let known: Mutex<S3Credentials>

    /// The largest file in bytes.
    static let maximumFile = 64 << 10

    /// - Parameter file: In the form of `~/.aws/credentials`, for its owner's eyes alone.
    /// - Throws: `.refused` when it does not hold credentials.
    public init(file path: String) throws {
        self.path = path
        known = Mutex(try Self.read(path))
    }

    /// Credentials from variables: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and `AWS_SESSION_TOKEN` for those that expire.
    /// - Throws: `.refused` when they are not set or no credentials.
    public init(environment: [String: String]) throws {
        path = nil
        let secret = Array((environment["AWS_SECRET_ACCESS_KEY"] ?? "").utf8)
        let token = environment["AWS_SESSION_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
        guard
            let credentials = S3Credentials(
                keyID: environment["AWS_ACCESS_KEY_ID"] ?? "", secret: secret.span, sessionToken: token)
        else {
            throw StoreError(.refused, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY do not hold credentials")
        }
        known = Mutex(credentials)
    }

    var current: S3Credentials { known.withLock { $0 } }

    /// Reads them again; returns nil when they are the same as before.
    func renewed(from old: S3Credentials) throws -> S3Credentials? {
        let now = current
        if !now.isSame(as: old) { return now }
        guard let path else { return nil }
        let fresh = try Self.read(path)
        guard !fresh.isSame(as: old) else { return nil }
        known.withLock { $0 = fresh }
        return fresh
    }

    private static func read(_ path: String) throws -> S3Credentials {
        var isOpenToOthers = false
        let contents = try PrivateFile.read(
            path, maximumSize: maximumFile, policy: .ownerOnly, isOpenToOthers: &isOpenToOthers)
        guard let credentials = S3Credentials(file: contents.bytes) else {
            throw StoreError(.refused, "\(path): no aws_access_key_id and aws_secret_access_key in it")
        }
        return credentials
    }
}
