public import ArgumentParser
internal import Glibc
internal import OpenSSLEngine
public import SealingKit

/// `pipemason keygen`.
struct KeygenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen", abstract: "Make a key file, or an age identity.")

    @Flag(help: "Make an age identity. Its recipient is printed to standard error too.")
    var age = false

    @Option(name: .shortAndLong, help: ArgumentHelp("Write to a new file with mode 0600.", valueName: "file"))
    var output: String?

    func run() throws {
        try handlingKeys {
            if let output, access(output, F_OK) == 0 {
                throw SealingError(.refused, "\(output) exists; a key is never overwritten")
            }
            if age {
                let identity = try AgeIdentity.generate()
                var text = WipedBuffer(capacity: 512)
                text.append(Array("# public key: \(identity.recipient)\n".utf8).span)
                let secret = identity.text
                text.append(secret.bytes)
                text.append(Array("\n".utf8).span)
                try writing(to: output) { sink in try sink.write(text.bytes) }
                report("public key: \(identity.recipient)")
            } else {
                let keys = try KeyFile.generate()
                let text = keys.text
                try writing(to: output) { sink in try sink.write(text.bytes) }
                report("key id: \(keys.primary.id)")
            }
        }
    }
}

/// Which key and place a sealed record has.
struct RecordOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Use the keys of a key file (sealed records).", valueName: "file"))
    var keyFile: String?

    @Option(help: "What the record holds: field, file or key.")
    var kind: RecordKind?

    @Option(help: ArgumentHelp("purpose,tenant,table,row,column,generation", valueName: "context"))
    var context: String?

    func keys() throws(SealingError) -> KeyFile {
        let contents = try readNamedFile(keyFile!, maximumSize: KeyFile.maximumSize, policy: .closed)
        return try KeyFile(parsing: contents.bytes)
    }

    func recordContext() throws(SealingError) -> RecordContext {
        let fields = context!.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 6 else {
            throw SealingError(.malformed, "a context is purpose,tenant,table,row,column,generation")
        }
        return try RecordContext(
            purpose: fields[0], tenant: fields[1], table: fields[2], row: fields[3], column: fields[4],
            generation: fields[5])
    }

    /// Checks that exactly one of the two formats is asked for.
    func validate(age: Bool) throws {
        if age {
            guard keyFile == nil, kind == nil, context == nil else {
                throw ValidationError("--age excludes --key-file, --kind and --context.")
            }
        } else {
            guard keyFile != nil, kind != nil, context != nil else {
                throw ValidationError("Give --age, or all of --key-file, --kind and --context.")
            }
        }
    }
}

extension RecordKind: ExpressibleByArgument {
    public init?(argument: String) {
        guard let kind = RecordKind.allCases.first(where: { "\($0)" == argument }) else { return nil }
        self = kind
    }

    public var defaultValueDescription: String { "\(self)" }
    public static var allValueStrings: [String] { allCases.map { "\($0)" } }
}

/// `pipemason seal`.
struct SealCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal", abstract: "Encrypt a file or standard input.",
        discussion: """
            With --age, for people: to recipients, or to a passphrase when none is given; `age -d` opens it. With \
            --key-file, as a sealed record that opens only in its context.
            """)

    @Flag(help: "Write an age file.")
    var age = false

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Seal to this age1… recipient; repeatable.", valueName: "recipient"))
    var recipient: [String] = []

    @Flag(name: .shortAndLong, help: "Write ASCII armor (with --age).")
    var armor = false

    @Option(help: ArgumentHelp("Cost of a passphrase, base-2 logarithm, 1 to 20.", valueName: "log2"))
    var workFactor = Passphrase.defaultLogN

    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var record: RecordOptions

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Write to a file, which appears when everything has been written.", valueName: "file"))
    var output: String?

    @Argument(help: "The input; standard input when missing or -.")
    var input: String?

    func validate() throws {
        try record.validate(age: age)
        guard age || (recipient.isEmpty && !armor && !passphrase.isGiven) else {
            throw ValidationError("--recipient, --armor and passphrases belong to --age.")
        }
        guard recipient.isEmpty || !passphrase.isGiven else {
            throw ValidationError("A passphrase must be the only recipient.")
        }
    }

    func run() throws {
        try handlingKeys {
            let file = try InputFile(input)
            let source = DescriptorSource(file.descriptor)
            if age {
                let recipients: AgeRecipients =
                    recipient.isEmpty
                    ? .passphrase(try passphrase.read(new: true), logN: workFactor)
                    : .publicKeys(try recipient.map { try AgeRecipient(parsing: $0) })
                try writing(to: output) { sink in
                    try Age.seal(from: source, to: &sink, for: recipients, armored: armor)
                }
            } else {
                let key = try record.keys().primary
                let context = try record.recordContext()
                let kind = record.kind!
                try writing(to: output) { sink in
                    if kind == .file {
                        try RecordStream.seal(from: source, to: &sink, kind: kind, context: context, key: key)
                    } else {
                        let plaintext = try readAll(
                            file.descriptor, maximumSize: SealedRecord.maximumFieldSize, name: "the input")
                        let sealed = try SealedRecord.seal(
                            plaintext.bytes, kind: kind, context: context, key: key)
                        try sink.write(sealed.span)
                    }
                }
            }
        }
    }
}

/// `pipemason open`.
struct OpenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "open", abstract: "Decrypt what `seal` or `age` wrote.",
        discussion: """
            Standard output receives each piece once it has authenticated; a file given with --output appears only \
            when all of it has. Exit status: 3 wrong key or context, 4 header MAC, 5 malformed, 6 damaged body, \
            7 damaged armor, 8 unknown key id.
            """)

    @Flag(help: "Read an age file.")
    var age = false

    @Option(name: .shortAndLong, help: ArgumentHelp("Use the identities of a file; repeatable.", valueName: "file"))
    var identity: [String] = []

    @OptionGroup var passphrase: PassphraseOptions
    @OptionGroup var record: RecordOptions

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Write to a file, which appears when everything has authenticated.", valueName: "file"))
    var output: String?

    @Argument(help: "The input; standard input when missing or -.")
    var input: String?

    func validate() throws {
        try record.validate(age: age)
        guard age || (identity.isEmpty && !passphrase.isGiven) else {
            throw ValidationError("--identity and passphrases belong to --age.")
        }
    }

    func run() throws {
        try handlingKeys {
            if age {
                let keys = try ageKeys()
                let file = try InputFile(input)
                let source = DescriptorSource(file.descriptor)
                try writing(to: output) { sink in try Age.open(from: source, to: &sink, with: keys) }
            } else {
                try openRecord()
            }
        }
    }

    private func openRecord() throws {
        let keys = try record.keys()
        let context = try record.recordContext()
        let kind = record.kind!
        let file = try InputFile(input)
        let source = DescriptorSource(file.descriptor)
        try writing(to: output) { sink in
            if kind == .file {
                try RecordStream.open(from: source, to: &sink, kind: kind, context: context, keys: keys)
            } else {
                let limit = SealedRecord.maximumFieldSize + SealedRecord.overhead(SealedRecord.maximumFieldSize)
                let sealed = try readAll(file.descriptor, maximumSize: limit, name: "the record")
                let plaintext = try SealedRecord.open(sealed.bytes, kind: kind, context: context, keys: keys)
                try sink.write(plaintext.bytes)
            }
        }
    }

    private func ageKeys() throws(SealingError) -> AgeKeys {
        var identities: [AgeIdentity] = []
        for path in identity {
            let contents = try readNamedFile(path, maximumSize: AgeIdentity.maximumFileSize)
            identities += try AgeIdentity.parseFile(contents.bytes)
        }
        let options = passphrase
        // Ask the terminal only when nothing else was given.
        guard identities.isEmpty || options.isGiven else { return AgeKeys(identities: identities) }
        return AgeKeys(identities: identities) { () throws(SealingError) in try options.read(new: false) }
    }
}
