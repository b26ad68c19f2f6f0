internal import Glibc
internal import JSONText
public import OpenSSLEngine

/// One token and where it is good for.
public final class Credential: Sendable {
    /// The server's base address.
    public let server: String
    /// The organization that the token belongs to.
    public let organization: String
    /// What a person calls this machine.
    public let name: String
    /// What the server calls this machine; empty when it did not say.
    public let runner: String
    /// The key that the server signs receipts with: its id, a space, 64 hexadecimal digits; or empty.
    public let receiptKey: String
    private let token: Token
    /// This machine's own key, registered when it was paired.
    public let signingKey: SigningKey?

    /// - Throws: `.malformed` when a text has more than `Credentials.maximumTextSize` bytes or a control character.
    public init(
        server: String, organization: String, name: String, token: consuming Token, runner: String = "",
        receiptKey: String = "", signingKey: SigningKey? = nil
    ) throws(SealingError) {
        for text in [server, organization, name, runner, receiptKey] {
            guard text.utf8.count <= Credentials.maximumTextSize,
                text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
            else { throw SealingError(.malformed, "a text that a credentials file does not hold") }
        }
        self.server = server
        self.organization = organization
        self.name = name
        self.runner = runner
        self.receiptKey = receiptKey
        self.token = token
        self.signingKey = signingKey
    }

    /// Whom the token stands for.
    public var kind: Token.Kind { token.kind }

    /// Lets `body` use the token's characters, for the one place that writes them into a request.
    public func withToken<Result, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result { try Self.lend(token.text, to: body) }

    private static func lend<Result, Failure: Error>(
        _ text: borrowing Secret, to body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result { try body(text.bytes) }
}

/// The tokens of a user: `~/.pipemason/credentials.json` (docs/formats/credentials.md).
public struct Credentials: Sendable {
    /// At most one for each server and organization.
    public private(set) var entries: [Credential]

    /// The largest file that is read, in bytes.
    public static let maximumFileSize = 1 << 16
    /// The most credentials in a file.
    public static let maximumEntries = 64
    /// The longest text member in bytes.
    public static let maximumTextSize = 255
    /// The file's name in its directory.
    public static let fileName = "credentials.json"

    public init(_ entries: [Credential] = []) { self.entries = entries }

    /// Returns the credential for `server`, and for `organization` when one is given.
    public func find(server: String, organization: String? = nil) -> Credential? {
        entries.first { $0.server == server && (organization == nil || $0.organization == organization) }
    }

    /// Adds a credential, in place of the one for the same server and organization.
    public mutating func set(_ credential: Credential) {
        entries.removeAll { $0.server == credential.server && $0.organization == credential.organization }
        entries.append(credential)
    }

    /// Removes what is there for `server` and `organization`; returns whether there was something.
    @discardableResult
    public mutating func remove(server: String, organization: String) -> Bool {
        let before = entries.count
        entries.removeAll { $0.server == server && $0.organization == organization }
        return entries.count < before
    }

    /// Removes everything that is there for `server`.
    public mutating func removeAll(server: String) { entries.removeAll { $0.server == server } }

    /// The directory of the current user's credentials, from `HOME`; nil when that is not set.
    public static var defaultDirectory: String? {
        guard let home = getenv("HOME"), home.pointee != 0 else { return nil }
        return String(cString: home) + "/.pipemason"
    }

    /// Reads the credentials in `directory`; none when there is no such directory or file.
    /// - Throws: `.notPrivate` when others could have read or exchanged the file; `.malformed`; `.limitExceeded`.
    public static func load(from directory: String) throws(SealingError) -> Credentials {
        var status = stat()
        if lstat(directory, &status) != 0, errno == ENOENT { return Credentials() }
        let directory = try PrivateDirectory(directory)
        return try load(from: directory)
    }

    /// Changes the credentials in `directory` while no one else does, and replaces the file as a whole. Where none is left, neither is the
    /// file: that it is there says that this machine is paired.
    public static func update(
        in directory: String, _ change: (inout Credentials) throws(SealingError) -> Void
    ) throws(SealingError) {
        let directory = try PrivateDirectory(directory, create: true)
        let lock = try directory.lock()
        var credentials = try load(from: directory)
        try change(&credentials)
        guard credentials.entries.count <= maximumEntries else {
            throw SealingError(.limitExceeded, "at most \(maximumEntries) credentials")
        }
        if credentials.entries.isEmpty {
            try directory.remove(fileName)
        } else {
            let text = credentials.encoded
            try directory.replace(fileName, with: text.bytes)
        }
        _ = consume lock
    }

    private static func load(from directory: borrowing PrivateDirectory) throws(SealingError) -> Credentials {
        guard let contents = try directory.read(fileName, maximumSize: maximumFileSize) else { return Credentials() }
        return try Credentials(parsing: contents.bytes)
    }

    /// Parses a file's contents. Unknown members and versions are refused: a writer of ours would drop them.
    /// - Throws: `.malformed`, `.limitExceeded`.
    public init(parsing bytes: Span<UInt8>) throws(SealingError) {
        var reader = JSONReader<SealingError>()
        var version = 0
        var entries: [Credential]? = nil
        // The reader consumes values from the outer bytes; nested closures take them as arguments.
        try reader.object(bytes) { (reader, name) throws(SealingError) in
            switch name {
            case "version": version = try reader.integer(bytes)
            case "credentials": entries = try Self.parseEntries(&reader, bytes)
            default: throw reader.error()
            }
        }
        try reader.expectEnd(bytes)
        guard version == 1, let entries else { throw SealingError(.malformed, "not a credentials file of version 1") }
        self.entries = entries
    }

    private static func parseEntries(
        _ reader: inout JSONReader<SealingError>, _ bytes: Span<UInt8>
    ) throws(SealingError) -> [Credential] {
        var entries: [Credential] = []
        try reader.array(bytes) { (reader) throws(SealingError) in
            guard entries.count < maximumEntries else {
                throw SealingError(.limitExceeded, "at most \(maximumEntries) credentials")
            }
            entries.append(try parseEntry(&reader, bytes))
        }
        let places = Set(entries.map { [$0.server, $0.organization] })
        guard places.count == entries.count else {
            throw SealingError(.malformed, "two credentials for one server and organization")
        }
        return entries
    }

    private static func parseEntry(_ reader: inout JSONReader<SealingError>, _ bytes: Span<UInt8>) throws(SealingError)
        -> Credential
    {
        var texts: [String: String] = [:]
        var tokenRange: Range<Int>? = nil
        var signingKey: SigningKey? = nil
        try reader.object(bytes) { (reader, name) throws(SealingError) in
            switch name {
            case "server", "organization", "name", "runner", "receipt_key": texts[name] = try reader.string(bytes)
            case "token": tokenRange = try reader.plainString(bytes)
            case "signing_key": signingKey = try SigningKey(base64: bytes.extracting(try reader.plainString(bytes)))
            default: throw reader.error()
            }
        }
        guard let server = texts["server"], let tokenRange else { throw reader.error() }
        return try Credential(
            server: server, organization: texts["organization"] ?? "", name: texts["name"] ?? "",
            token: Token(parsing: bytes.extracting(tokenRange)), runner: texts["runner"] ?? "",
            receiptKey: texts["receipt_key"] ?? "", signingKey: signingKey)
    }

    /// The file's contents.
    public var encoded: WipedBuffer {
        // Escapes make a text at most six times as long.
        var buffer = WipedBuffer(capacity: 64 + entries.count * (256 + 5 * 6 * Self.maximumTextSize + Token.length))
        Self.append("{\"version\":1,\"credentials\":[", to: &buffer)
        for (index, entry) in entries.enumerated() {
            let server = JSON.string(entry.server)
            let organization = JSON.string(entry.organization)
            Self.append((index == 0 ? "\n" : ",\n") + "{\"server\":\(server),", to: &buffer)
            Self.append("\"organization\":\(organization),\"name\":\(JSON.string(entry.name)),", to: &buffer)
            if !entry.runner.isEmpty { Self.append("\"runner\":\(JSON.string(entry.runner)),", to: &buffer) }
            if !entry.receiptKey.isEmpty {
                Self.append("\"receipt_key\":\(JSON.string(entry.receiptKey)),", to: &buffer)
            }
            if let key = entry.signingKey {
                Self.append("\"signing_key\":\"", to: &buffer)
                key.appendBase64(to: &buffer)
                Self.append("\",", to: &buffer)
            }
            Self.append("\"token\":\"", to: &buffer)
            entry.withToken { buffer.append($0) }
            Self.append("\"}", to: &buffer)
        }
        Self.append("\n]}\n", to: &buffer)
        return buffer
    }

    private static func append(_ text: String, to buffer: inout WipedBuffer) { buffer.append(Array(text.utf8).span) }
}
