import Foundation
import OpenSSLEngine
import SealingKit
import Testing
internal import TextEncodings

/// No bytes.
let nothing: [UInt8] = []

/// Returns the bytes of hexadecimal text; white space is passed over.
func unhex(_ text: String) -> [UInt8] { Hex.decode(text.filter { !$0.isWhitespace })! }

func hex(_ bytes: [UInt8]) -> String { Hex.encode(bytes.span) }

/// A secret with known contents.
func secret(_ bytes: [UInt8]) throws -> Secret { try Secret(copying: bytes.span) }

extension Secret {
    /// A copy, for comparing in tests.
    var array: [UInt8] {
        let span = bytes
        return span.indices.map { span[$0] }
    }
}

extension WipedBuffer {
    /// A copy, for comparing in tests.
    var array: [UInt8] {
        let span = bytes
        return span.indices.map { span[$0] }
    }
}

/// Bytes that look random and are the same in every run (SplitMix64).
struct TestBytes {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    mutating func array(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }

    static func make(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var bytes = TestBytes(seed: seed)
        return bytes.array(count)
    }
}

/// A synthetic key: 32 bytes that count from `first`.
func testKey(_ first: UInt8 = 0) throws -> SealingKey {
    try SealingKey(secret((0..<32).map { first &+ $0 }))
}

func testContext(
    purpose: String = "oauth", tenant: String = "org-1", table: String = "connections", row: String = "42",
    column: String = "token", generation: String = "1"
) throws -> RecordContext {
    try RecordContext(
        purpose: purpose, tenant: tenant, table: table, row: row, column: column, generation: generation)
}

/// Returns the code of the `SealingError` that `body` throws; nil when it throws nothing.
func code(_ body: () throws -> Void) throws -> SealingError.Code? {
    do { try body() } catch let error as SealingError { return error.code }
    return nil
}

/// A directory that goes away.
final class TemporaryDirectory {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/sealing-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    func file(_ name: String) -> String { path + "/" + name }

    func write(_ name: String, _ contents: [UInt8], mode: Int = 0o600) throws -> String {
        let target = file(name)
        try Data(contents).write(to: URL(fileURLWithPath: target))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: target)
        return target
    }

    func read(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: file(name)))) }

    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// What a program did.
struct Outcome {
    var status: Int32
    var output: [UInt8]
    var errors: String
    var text: String { String(decoding: output, as: UTF8.self) }
}

/// Runs a program with files as its standard streams, so that no pipe can fill up.
func run(
    _ program: String, _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:]
) throws -> Outcome {
    let directory = try TemporaryDirectory()
    let inputPath = try directory.write("in", input)
    for name in ["out", "err"] { _ = try directory.write(name, []) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle(forReadingAtPath: inputPath)
    process.standardOutput = FileHandle(forWritingAtPath: directory.file("out"))
    process.standardError = FileHandle(forWritingAtPath: directory.file("err"))
    try process.run()
    process.waitUntilExit()
    let errors = String(decoding: try directory.read("err"), as: UTF8.self)
    return Outcome(status: process.terminationStatus, output: try directory.read("out"), errors: errors)
}

/// The programs that tests run.
enum Programs {
    /// Set by `make test`: a missing program is then a failure and not a skipped test.
    static let areRequired = ProcessInfo.processInfo.environment["PIPEMASON_REQUIRE_PEERS"] == "1"

    /// The built `pipemason`, beside the test bundle or named by PIPEMASON_BINARY.
    static let pipemason: String? = {
        if let named = ProcessInfo.processInfo.environment["PIPEMASON_BINARY"] { return named }
        let directory = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
        let candidates = [directory + "/pipemason", root + "/.build/debug/pipemason"]
        return candidates.first { candidate in
            guard FileManager.default.isExecutableFile(atPath: candidate) else { return false }
            let probe = try? run(candidate, ["token", "check"], input: [])
            return probe?.status == 5
        }
    }()

    /// Debian's `age` and `age-keygen`.
    static let age = find("age")
    static let ageKeygen = find("age-keygen")

    /// A Python with `cryptography` 50 or later: what `scripts/install-peers.sh` makes.
    static let python: String? = {
        if let named = ProcessInfo.processInfo.environment["PIPEMASON_PEER_PYTHON"] { return named }
        let candidate = root + "/.build/peers/bin/python"
        return FileManager.default.isExecutableFile(atPath: candidate) ? candidate : nil
    }()

    /// The top of the repository.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    private static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}

extension Trait where Self == ConditionTrait {
    /// Needs `age`; skipped without it, unless PIPEMASON_REQUIRE_PEERS is set.
    static var needsAge: Self {
        .enabled(if: Programs.areRequired || (Programs.age != nil && Programs.ageKeygen != nil), "age is not installed")
    }

    /// Needs Python's `cryptography`; likewise.
    static var needsPython: Self {
        .enabled(if: Programs.areRequired || Programs.python != nil, "run scripts/install-peers.sh")
    }

    /// Needs the built `pipemason`; likewise.
    static var needsPipemason: Self {
        .enabled(if: Programs.areRequired || Programs.pipemason != nil, "build the product pipemason first")
    }
}

extension OrganizationKeys {
    /// Opens a stored field.
    func open(_ record: StoredRecord) throws -> [UInt8] {
        let sealed = record.sealed
        return try openField(sealed.span, record.context).array
    }
}

// The same calls on arrays. (A span of a temporary beside a call that may throw crashes the compiler of Swift 6.3.1.)

func parseIdentities(_ bytes: [UInt8]) throws -> [AgeIdentity] { try AgeIdentity.parseFile(bytes.span) }

func parseKeyFile(_ bytes: [UInt8]) throws -> KeyFile { try KeyFile(parsing: bytes.span) }

func parseKeyRing(_ bytes: [UInt8]) throws -> KeyRingFile.Contents { try KeyRingFile.Contents(parsing: bytes.span) }

func parseCredentials(_ bytes: [UInt8]) throws -> Credentials { try Credentials(parsing: bytes.span) }

func sealCobblestone(_ plaintext: [UInt8], key: [UInt8], salt: [UInt8], context: [UInt8]) throws -> [UInt8] {
    let key = try secret(key)
    return try Cobblestone.seal(plaintext.span, key: key, salt: salt.span, context: context.span)
}

func openCobblestone(_ message: [UInt8], key: [UInt8], context: [UInt8]) throws -> [UInt8] {
    let key = try secret(key)
    return try Cobblestone.open(message.span, key: key, context: context.span).array
}

func sharedSecret(_ privateKey: [UInt8], _ publicKey: [UInt8]) throws -> [UInt8] {
    let key = try secret(privateKey)
    return try X25519.sharedSecret(key, with: publicKey.span).array
}

func sealField(_ plaintext: [UInt8], context: RecordContext, key: SealingKey) throws -> [UInt8] {
    try SealedRecord.sealField(plaintext.span, context: context, key: key)
}

func openField(_ record: [UInt8], context: RecordContext, keys: some SealingKeySource) throws -> [UInt8] {
    try SealedRecord.openField(record.span, context: context, keys: keys).array
}

func sha256(_ bytes: [UInt8]) throws -> [UInt8] { try Digest.sha256(bytes.span) }
