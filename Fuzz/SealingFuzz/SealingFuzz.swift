internal import OpenSSLEngine
internal import SealingCommands
internal import SealingKit

/// Entry points for the parsers of hostile input. A fuzzer and `swift test` both call them.
///
/// Each takes any bytes, must not trap by itself, and traps when an invariant is broken.
public enum SealingFuzz {
    /// All entry points, by name.
    public static let all: [(name: String, run: @Sendable (Span<UInt8>) -> Void)] = [
        ("age-header", ageHeader), ("age-file", ageFile), ("record", record), ("record-text", recordText),
        ("token", token), ("key-file", keyFile), ("key-ring", keyRing), ("credentials", credentials),
        ("identities", identities), ("crypto-probe", cryptoProbe),
    ]

    /// An age header that is accepted is canonical: writing it gives the same bytes.
    public static func ageHeader(_ bytes: Span<UInt8>) {
        guard let header = try? AgeHeader(parsing: bytes) else { return }
        check(header.encoded, equals: bytes)
    }

    /// Nobody but the holder of a key makes a file that opens; the identity here sealed nothing.
    public static func ageFile(_ bytes: Span<UInt8>) {
        var output = MemorySink()
        guard let identity = try? AgeIdentity.generate() else { return }
        let opened: Void? = try? Age.open(
            from: MemorySource(copy(bytes)), to: &output, with: AgeKeys(identities: [identity]))
        precondition(opened == nil && output.bytes.isEmpty)
    }

    /// A record never opens under a key that did not seal it, in memory, as a stream, or at random.
    public static func record(_ bytes: Span<UInt8>) {
        guard let key = try? SealingKey.generate(),
            let context = try? RecordContext(
                purpose: "fuzz", tenant: "t", table: "t", row: "r", column: "c", generation: "1")
        else { return }
        // The id is public: an attacker writes the right one, so that the commitment has to decide.
        var input = copy(bytes)
        if input.count >= 13 { input.replaceSubrange(5..<13, with: key.id.bytes) }
        for kind in RecordKind.allCases {
            precondition((try? SealedRecord.open(input.span, kind: kind, context: context, keys: key).count) == nil)
        }
        var output = MemorySink()
        let opened: Void? = try? RecordStream.open(
            from: MemorySource(input), to: &output, kind: .file, context: context, keys: key)
        precondition(opened == nil && output.bytes.isEmpty)
        precondition((try? SealedFileReader(input, context: context, keys: key).count) == nil)
    }

    /// The text form of a record is canonical.
    public static func recordText(_ bytes: Span<UInt8>) {
        guard let record = try? RecordText.decode(bytes) else { return }
        check(Array(RecordText.encode(record.span).utf8), equals: bytes)
    }

    /// A token that is accepted has 53 characters and is what was given.
    public static func token(_ bytes: Span<UInt8>) {
        guard let token = try? Token(parsing: bytes) else { return }
        precondition(constantTimeEqual(token.text.bytes, bytes))
    }

    /// A key file that is accepted survives being written and read.
    public static func keyFile(_ bytes: Span<UInt8>) {
        guard let file = try? KeyFile(parsing: bytes) else { return }
        let text = file.text
        guard let again = try? KeyFile(parsing: text.bytes) else {
            preconditionFailure("a key file was not written well")
        }
        precondition(again.entries.map(\.key.id) == file.entries.map(\.key.id))
        precondition(again.entries.map(\.state) == file.entries.map(\.state))
    }

    /// A key ring that is accepted survives being written and read.
    public static func keyRing(_ bytes: Span<UInt8>) {
        guard let contents = try? KeyRingFile.Contents(parsing: bytes) else { return }
        guard let again = try? KeyRingFile.Contents(parsing: contents.encoded.span) else {
            preconditionFailure("a key ring was not written well")
        }
        precondition(again == contents)
    }

    /// Credentials that are accepted survive being written and read.
    public static func credentials(_ bytes: Span<UInt8>) {
        guard let credentials = try? Credentials(parsing: bytes) else { return }
        let text = credentials.encoded
        guard let again = try? Credentials(parsing: text.bytes) else {
            preconditionFailure("credentials were not written well")
        }
        precondition(again.entries.map(\.server) == credentials.entries.map(\.server))
        precondition(again.entries.map(\.name) == credentials.entries.map(\.name))
    }

    /// An identity file gives at least one identity or an error.
    public static func identities(_ bytes: Span<UInt8>) {
        guard let identities = try? AgeIdentity.parseFile(bytes) else { return }
        precondition(!identities.isEmpty)
    }

    /// The probe answers every line with one object on one line.
    public static func cryptoProbe(_ bytes: Span<UInt8>) {
        let answer = CryptoProbe.answer(bytes)
        precondition(answer.hasPrefix("{\"ok\":") || answer.hasPrefix("{\"error\":"))
        precondition(!answer.utf8.contains(UInt8(ascii: "\n")))
    }

    private static func copy(_ bytes: Span<UInt8>) -> [UInt8] { bytes.indices.map { bytes[$0] } }

    private static func check(_ written: [UInt8], equals bytes: Span<UInt8>) {
        precondition(constantTimeEqual(written.span, bytes))
    }
}
