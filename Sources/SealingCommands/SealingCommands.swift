public import ArgumentParser
internal import Glibc
internal import OpenSSLEngine
internal import SealingKit

/// The commands of the crypto toolkit, for the root command of `pipemason`.
public enum SealingCommands {
    /// token, keygen, seal, open, keys, and the internal crypto-probe.
    public static let all: [any ParsableCommand.Type] = [
        TokenCommand.self, KeygenCommand.self, SealCommand.self, OpenCommand.self, KeysCommand<RingOptions>.self,
        CryptoProbeCommand.self,
    ]
}

/// Runs the work of a command that handles keys: no core dumps first, then one line on standard error and the exit
/// status of its class (docs/crypto.md, "Exit status") for every failure.
func handlingKeys(_ body: () throws -> Void) throws {
    do {
        try ProcessHardening.forbidDumps()
        try body()
    } catch let error as SealingError {
        report("\(error)")
        throw ExitCode(error.code.exitStatus)
    } catch let error as CryptoError {
        report("\(error)")
        throw ExitCode(SealingError(error).code.exitStatus)
    }
}

/// Writes one line to standard error.
func report(_ message: String) {
    var sink = DescriptorSink(STDERR_FILENO)
    try? sink.write(Array("pipemason: \(message)\n".utf8).span)
}

/// Writes text that is no secret to standard output.
func printOut(_ text: String) throws(SealingError) {
    var sink = DescriptorSink(STDOUT_FILENO)
    try sink.write(Array((text + "\n").utf8).span)
}

/// Runs asynchronous work from a synchronous command and waits for it.
func waiting<Result: Sendable>(_ work: @escaping @Sendable () async throws -> Result) throws -> Result {
    let box = ResultBox<Result>()
    Task.detached {
        do { box.finish(.success(try await work())) } catch { box.finish(.failure(error)) }
    }
    return try box.wait().get()
}

/// A place for one result.
private final class ResultBox<Value: Sendable>: @unchecked Sendable {
    // SAFETY: `result` is written once before `sem_post` and read once after `sem_wait`, which orders the two.
    private var result: Result<Value, any Error>?
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(semaphore, 0, 0) }

    func finish(_ result: Result<Value, any Error>) {
        self.result = result
        sem_post(semaphore)
    }

    func wait() -> Result<Value, any Error> {
        while sem_wait(semaphore) != 0 {}
        return result!
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }
}

/// An input file, or standard input.
struct InputFile: ~Copyable {
    let descriptor: CInt
    private let isOwned: Bool

    /// Opens `path`; nil or "-" is standard input.
    init(_ path: String?) throws(SealingError) {
        guard let path, path != "-" else {
            descriptor = STDIN_FILENO
            isOwned = false
            return
        }
        descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else {
            throw SealingError(.inputOutput, "open \(path): \(String(cString: strerror(errno)))")
        }
        isOwned = true
    }

    deinit { if isOwned { close(descriptor) } }
}

/// Calls `body` with a sink for `path`, nil or "-" being standard output. A file appears only when `body` returns.
func writing(
    to path: String?, _ body: (inout CommandSink) throws -> Void
) throws {
    var sink = try CommandSink(path)
    try body(&sink)
    try sink.commit()
}

/// Standard output, or a file that appears on `commit`.
struct CommandSink: ~Copyable, ByteSink {
    private var file: OutputFile?

    init(_ path: String?) throws(SealingError) {
        if let path, path != "-" { file = try OutputFile(path) } else { file = nil }
    }

    mutating func write(_ bytes: Span<UInt8>) throws(SealingError) {
        if file != nil {
            try file!.write(bytes)
        } else {
            var sink = DescriptorSink(STDOUT_FILENO)
            try sink.write(bytes)
        }
    }

    func commit() throws(SealingError) {
        if file != nil { try file!.commit() }
    }
}

/// Collects bytes that are wiped afterwards.
struct WipedSink: ~Copyable, ByteSink {
    private(set) var buffer: WipedBuffer

    init(capacity: Int) { buffer = WipedBuffer(capacity: capacity) }

    mutating func write(_ bytes: Span<UInt8>) throws(SealingError) {
        guard bytes.count <= buffer.capacity - buffer.count else {
            throw SealingError(.limitExceeded, "more than \(buffer.capacity) bytes")
        }
        buffer.append(bytes)
    }
}

/// Reads a file of secrets that was named by hand; under `.anything`, warns when others can read it.
func readNamedFile(
    _ path: String, maximumSize: Int, policy: PrivateFile.Policy = .anything
) throws(SealingError) -> WipedBuffer {
    var isOpenToOthers = false
    let contents = try PrivateFile.read(
        path, maximumSize: maximumSize, policy: policy, isOpenToOthers: &isOpenToOthers)
    if isOpenToOthers { report("warning: \(path) is open to other users; repair it with: chmod 600 \(path)") }
    return contents
}

extension Span<UInt8> {
    /// Without one line end at the end.
    var withoutLineEnd: Span<UInt8> {
        @_lifetime(copy self)
        borrowing get {
            var end = count
            if end > 0, self[end - 1] == UInt8(ascii: "\n") { end -= 1 }
            if end > 0, end < count, self[end - 1] == UInt8(ascii: "\r") { end -= 1 }
            return extracting(0..<end)
        }
    }
}

/// Where a passphrase comes from. Never from an argument: those are visible to every user of the machine.
struct PassphraseOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Read the passphrase from the first line of a file.", valueName: "file"))
    var passphraseFile: String?

    @Option(
        name: .customLong("passphrase-fd"),
        help: ArgumentHelp("Read the passphrase from a file descriptor.", valueName: "number"))
    var descriptor: Int32?

    func validate() throws {
        if passphraseFile != nil, descriptor != nil {
            throw ValidationError("Give one of --passphrase-file and --passphrase-fd.")
        }
    }

    /// Whether a source other than the terminal was named.
    var isGiven: Bool { passphraseFile != nil || descriptor != nil }

    /// Reads the passphrase, from the terminal when nothing was named; twice when it is `new`.
    func read(new: Bool) throws(SealingError) -> Passphrase {
        if let passphraseFile {
            return try Self.parse(try readNamedFile(passphraseFile, maximumSize: Passphrase.maximumSize + 2))
        }
        if let descriptor {
            return try Self.parse(
                try readAll(descriptor, maximumSize: Passphrase.maximumSize + 2, name: "the passphrase"))
        }
        let first = try Terminal.readPassphrase("Passphrase: ")
        if new {
            let second = try Terminal.readPassphrase("Once more: ")
            guard first.matches(second) else { throw SealingError(.refused, "the two passphrases differ") }
        }
        return first
    }

    private static func parse(_ contents: borrowing WipedBuffer) throws(SealingError) -> Passphrase {
        try Passphrase(contents.bytes.withoutLineEnd)
    }
}

/// The controlling terminal.
enum Terminal {
    /// Asks for a passphrase without showing it.
    ///
    /// Line editing and signals are ours while it lasts, so that no key leaves the terminal without echo behind.
    static func readPassphrase(_ prompt: String) throws(SealingError) -> Passphrase {
        let terminal = Glibc.open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard terminal >= 0 else {
            throw SealingError(.inputOutput, "no terminal to ask for a passphrase; use --passphrase-file")
        }
        defer { close(terminal) }
        var saved = termios()
        guard tcgetattr(terminal, &saved) == 0 else { throw SealingError(.inputOutput, "no terminal settings") }
        var quiet = saved
        quiet.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        guard tcsetattr(terminal, TCSAFLUSH, &quiet) == 0 else {
            throw SealingError(.inputOutput, "the terminal's echo cannot be turned off")
        }
        defer { tcsetattr(terminal, TCSAFLUSH, &saved) }
        var sink = DescriptorSink(terminal)
        try sink.write(Array(prompt.utf8).span)
        defer { try? sink.write(Array("\n".utf8).span) }
        var line = WipedBuffer(capacity: Passphrase.maximumSize)
        var key = WipedBuffer(capacity: 1)
        var source = DescriptorSource(terminal)
        let endOfText: UInt8 = 3, endOfTransmission: UInt8 = 4, backspace: UInt8 = 8, delete: UInt8 = 127
        while true {
            key.reset()
            let amount = try key.edit { (output) throws(SealingError) in try source.read(into: &output) }
            guard amount == 1 else { throw SealingError(.inputOutput, "the terminal was closed") }
            switch key.bytes[0] {
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"): return try Passphrase(line.bytes)
            case endOfText, endOfTransmission: throw SealingError(.refused, "no passphrase was given")
            case backspace, delete: if line.count > 0 { line.removeLast() }
            default: if line.count < line.capacity { line.append(key.bytes) }
            }
        }
    }
}
