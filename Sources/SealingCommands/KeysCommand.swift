public import ArgumentParser
internal import Glibc
internal import OpenSSLEngine
public import SealingKit

/// `pipemason keys` over a file, `pipemason-server keys` over the server's database: `Options` says where the ring is.
public struct KeysCommand<Options: RingAccess>: ParsableCommand {
    public static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "keys", abstract: "Manage the keys that seal what is kept.",
            discussion: """
                A KEK file wraps the keys of organizations, which a ring keeps. The KEK file is --kek-file, or \
                $CREDENTIALS_DIRECTORY/pipemason-kek, or $PIPEMASON_KEK_FILE; only its owner may read it.
                """,
            subcommands: [
                Generate.self, Status.self, RotateKEK.self, RotateOrganization.self, Reseal.self, Revoke.self,
                ShredOrganization.self,
            ])
    }

    public init() {}

    struct Generate: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                abstract: "Make a KEK file, or the first keys of an organization.")
        }
        @OptionGroup var options: Options

        @Option(help: "Give this organization its first keys; without it, make the KEK file.")
        var organization: String?

        func run() throws {
            try handlingKeys {
                if let organization {
                    let ring = try options.ring()
                    try waiting { try await ring.create(organization, now: Int64(time(nil))) }
                    try printOut("organization \(organization): data and pseudonym keys, version 1")
                } else {
                    let path = try options.kekPath()
                    guard access(path, F_OK) != 0 else {
                        throw SealingError(.refused, "\(path) exists; a key is never overwritten")
                    }
                    let keks = try KeyFile.generate()
                    try options.write(keks, to: path)
                    try printOut("KEK \(keks.primary.id) in \(path)")
                }
            }
        }
    }

    struct Status: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(abstract: "Show every key, its state and how much is under it.")
        }
        @OptionGroup var options: Options

        @Option(help: "Only this organization.")
        var organization: String?

        func run() throws {
            try handlingKeys {
                let ring = try options.ring()
                let organization = organization
                let lines = try waiting { try await ring.status(organization) }
                try printOut("organization purpose version key state created records kek")
                for line in lines {
                    let key = line.key
                    try printOut(
                        "\(key.organization) \(key.purpose.rawValue) \(key.version) \(key.id) \(key.state.rawValue) "
                            + "\(key.created) \(line.records) \(line.kek)")
                }
                let use = try waiting { try await ring.kekUse() }
                for entry in ring.keks.entries {
                    try printOut("KEK \(entry.key.id) \(entry.state.rawValue): \(use[entry.key.id, default: 0]) rows")
                }
            }
        }
    }

    struct RotateKEK: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "rotate-kek", abstract: "Make a new KEK and wrap every organization's keys under it.",
                discussion: "No record is touched: the organizations' keys stay what they are.")
        }
        @OptionGroup var options: Options

        @Flag(help: "Then remove the KEKs that wrap nothing any more.")
        var dropUnused = false

        func run() throws {
            try handlingKeys {
                let path = try options.kekPath()
                let keks = try options.readKEKs(path).rotated()
                // The new KEK is on disk before a row depends on it.
                try options.write(keks, to: path)
                let ring = try options.ring(keks)
                let count = try waiting { try await ring.rewrapAll() }
                try printOut("\(count) rows are now wrapped under KEK \(keks.primary.id)")
                let use = try waiting { try await ring.kekUse() }
                let unused = Set(keks.entries.map(\.key.id).filter { $0 != keks.primary.id && use[$0] == nil })
                if dropUnused {
                    try options.write(try keks.removing(unused), to: path)
                    for id in unused { try printOut("KEK \(id) is removed; destroy its copies in backups too") }
                } else {
                    for id in unused { try printOut("KEK \(id) wraps nothing; --drop-unused removes it") }
                }
            }
        }
    }

    struct RotateOrganization: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "rotate-org", abstract: "Make a new primary data key for an organization.")
        }
        @OptionGroup var options: Options
        @Argument var organization: String

        func run() throws {
            try handlingKeys {
                let ring = try options.ring()
                let organization = organization
                let new = try waiting {
                    try await ring.rotateOrganization(organization, now: Int64(time(nil)))
                }
                try printOut("organization \(organization): key \(new.id), version \(new.version), is primary")
            }
        }
    }

    struct Reseal: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                abstract: "Seal an organization's records anew under its primary key.",
                discussion: "Exit status 6 when a record does not open; it stays as it is.")
        }
        @OptionGroup var options: Options
        @Argument var organization: String

        @Flag(help: "Open everything, change nothing.")
        var dryRun = false

        @Option(help: "Stop after this many records and print the cursor.")
        var limit: Int = .max

        @Option(help: ArgumentHelp("Go on after this record.", valueName: "key:record"))
        var cursor: String?

        func run() throws {
            try handlingKeys {
                let ring = try options.ring()
                let organization = organization
                let start = try cursor.map(Self.parse)
                let (limit, dryRun) = (limit, dryRun)
                let result = try waiting {
                    try await ring.reseal(organization, from: start, limit: limit, dryRun: dryRun) { progress in
                        report("\(progress.resealed) resealed, \(progress.failed.count) failed")
                    }
                }
                try printOut("\(result.resealed) \(dryRun ? "would be " : "")resealed, \(result.skipped) skipped")
                try printOut("\(result.remaining) records are left under older keys")
                if let cursor = result.cursor { try printOut("cursor: \(cursor.key):\(cursor.record)") }
                for id in result.failed { report("record \(id) does not open") }
                guard result.failed.isEmpty else {
                    throw SealingError(.damagedBody, "\(result.failed.count) records do not open")
                }
            }
        }

        private static func parse(_ text: String) throws(SealingError) -> KeyRing<Options.Store>.ResealCursor {
            guard let colon = text.firstIndex(of: ":"), let key = KeyID(hex: String(text[..<colon])) else {
                throw SealingError(.malformed, "a cursor is key:record")
            }
            return .init(key: key, record: String(text[text.index(after: colon)...]))
        }
    }

    struct Revoke: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                abstract: "End a key's use. Refused while records are under it.")
        }
        @OptionGroup var options: Options
        @Argument(help: "The key's id.") var key: String
        @Option var organization: String

        @Flag(help: "Revoke at once; lists the records that no longer open and must be issued anew.")
        var compromised = false

        func run() throws {
            try handlingKeys {
                guard let id = KeyID(hex: key) else { throw SealingError(.malformed, "not a key id") }
                let ring = try options.ring()
                let (organization, compromised) = (organization, compromised)
                let lost = try waiting { try await ring.revoke(id, of: organization, isCompromised: compromised) }
                try printOut("key \(id) is revoked")
                for record in lost {
                    let context = record.context
                    try printOut("issue anew: \(record.id) (\(context.table) \(context.row) \(context.column))")
                }
            }
        }
    }

    struct ShredOrganization: ParsableCommand {
        static var configuration: CommandConfiguration {
            CommandConfiguration(
                commandName: "shred-org", abstract: "Destroy the keys of an organization, for good.")
        }
        @OptionGroup var options: Options
        @Argument var organization: String

        @Flag(help: "Required: there is no way back.")
        var yes = false

        func validate() throws {
            guard yes else { throw ValidationError("Destroying the keys of \(organization) needs --yes.") }
        }

        func run() throws {
            try handlingKeys {
                let ring = try options.ring()
                let organization = organization
                let shred = try waiting { try await ring.shred(organization) }
                try printOut("organization \(organization): \(shred.keys.count) keys are destroyed in this ring")
                try printOut("Not yet beyond recall. A backup of the ring from before now, together with one of these")
                try printOut("KEKs, brings the keys back:")
                for kek in shred.keks {
                    try printOut(
                        "  KEK \(kek)" + (shred.keksInUse.contains(kek) ? " (still wraps other organizations)" : ""))
                }
                try printOut("To finish: keys rotate-kek --drop-unused, then destroy every copy of these KEKs.")
            }
        }
    }
}

/// Where a ring of keys is, and the file of the KEKs that wrap it.
public protocol RingAccess: ParsableArguments {
    associatedtype Store: KeyRingStore
    func kekPath() throws -> String
    /// The ring, under the KEKs given or those of the KEK file.
    func ring(_ keks: KeyFile?) throws -> KeyRing<Store>
    func readKEKs(_ path: String) throws -> KeyFile
    func write(_ keys: KeyFile, to path: String) throws
}

extension RingAccess {
    func ring() throws -> KeyRing<Store> { try ring(nil) }
}

/// Which ring and which KEK file.
struct RingOptions: RingAccess {
    @Option(help: ArgumentHelp("The key ring file.", valueName: "file"))
    var ring: String?

    @Option(help: ArgumentHelp("The KEK file.", valueName: "file"))
    var kekFile: String?

    @OptionGroup var passphrase: PassphraseOptions

    func kekPath() throws(SealingError) -> String {
        if let kekFile { return kekFile }
        if let directory = Self.environment("CREDENTIALS_DIRECTORY") { return directory + "/pipemason-kek" }
        if let path = Self.environment("PIPEMASON_KEK_FILE") { return path }
        throw SealingError(.inputOutput, "no KEK file; give --kek-file")
    }

    func ring(_ keks: KeyFile?) throws(SealingError) -> KeyRing<KeyRingFile> {
        guard let ring else { throw SealingError(.inputOutput, "no key ring; give --ring") }
        let given = if let keks { keks } else { try readKEKs(try kekPath()) }
        return KeyRing(store: try KeyRingFile(ring), keks: given)
    }

    /// Reads a KEK file: its lines, or an age file of them under a passphrase.
    func readKEKs(_ path: String) throws(SealingError) -> KeyFile {
        let contents = try Self.contents(path)
        guard Self.isAge(contents.bytes) else { return try KeyFile(parsing: contents.bytes) }
        let options = passphrase
        var plaintext = WipedSink(capacity: KeyFile.maximumSize)
        try Age.open(
            from: WipedSource(copying: contents.bytes), to: &plaintext,
            with: AgeKeys { () throws(SealingError) in try options.read(new: false) })
        return try KeyFile(parsing: plaintext.buffer.bytes)
    }

    /// Replaces a KEK file; under the passphrase when one is given or the file is under one.
    func write(_ keys: KeyFile, to path: String) throws(SealingError) {
        var isSealed = passphrase.isGiven
        if access(path, F_OK) == 0 {
            let contents = try Self.contents(path)
            isSealed = Self.isAge(contents.bytes)
        }
        let text = keys.text
        guard isSealed else { return try PrivateFile.replace(path, with: text.bytes) }
        var sealed = MemorySink()
        try Age.seal(
            from: WipedSource(copying: text.bytes), to: &sealed,
            for: .passphrase(try passphrase.read(new: true), logN: Passphrase.defaultLogN))
        try PrivateFile.replace(path, with: sealed.bytes.span)
    }

    private static func contents(_ path: String) throws(SealingError) -> WipedBuffer {
        var isOpenToOthers = false
        return try PrivateFile.read(
            path, maximumSize: KeyFile.maximumSize, policy: .ownerOnly, isOpenToOthers: &isOpenToOthers)
    }

    private static func isAge(_ contents: Span<UInt8>) -> Bool {
        let magic = Array("age-encryption.org/".utf8)
        return contents.count > magic.count && constantTimeEqual(contents.extracting(0..<magic.count), magic.span)
    }

    private static func environment(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}

/// Reads memory that is wiped afterwards.
struct WipedSource: ~Copyable, ByteSource {
    private let buffer: WipedBuffer
    private var offset = 0

    init(copying bytes: Span<UInt8>) { buffer = WipedBuffer(copying: bytes) }

    mutating func read(into output: inout OutputSpan<UInt8>) throws(SealingError) -> Int {
        let amount = min(output.freeCapacity, buffer.count - offset)
        for index in offset..<offset + amount { output.append(buffer.bytes[index]) }
        offset += amount
        return amount
    }
}
