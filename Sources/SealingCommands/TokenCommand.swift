public import ArgumentParser
internal import Glibc
internal import OpenSSLEngine
public import SealingKit

/// `pipemason token`.
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make, hash and check tokens.",
        discussion: """
            A token is read from standard input, --token-file or --token-fd, never from an argument. \
            `printf %s "$TOKEN" | sha256sum` prints what `token hash` prints and what the server keeps.
            """,
        subcommands: [New.self, Hash.self, Check.self])

    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write a new token to standard output.")

        @Option(help: "runner, user or invitation.")
        var kind: Token.Kind = .runner

        func run() throws {
            try handlingKeys {
                let token = try Token.generate(kind)
                var line = WipedBuffer(capacity: Token.length + 1)
                line.append(token.text.bytes)
                line.append(Array("\n".utf8).span)
                var sink = DescriptorSink(STDOUT_FILENO)
                try sink.write(line.bytes)
            }
        }
    }

    struct Hash: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the SHA-256 of a token, as the server keeps it.")
        @OptionGroup var source: TokenSource

        func run() throws {
            try handlingKeys { try printOut(try source.read().hash.description) }
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Tell whether a token is well formed; exit 5 if not.")
        @OptionGroup var source: TokenSource

        func run() throws {
            try handlingKeys { try printOut("\(try source.read().kind) token, well formed") }
        }
    }
}

extension Token.Kind: ExpressibleByArgument {
    public init?(argument: String) {
        switch argument {
        case "runner", "pmr": self = .runner
        case "user", "pmu": self = .user
        case "invitation", "pmi": self = .invitation
        default: return nil
        }
    }

    public var defaultValueDescription: String { "\(self)" }
    public static var allValueStrings: [String] { allCases.map { "\($0)" } }
}

/// Where a token is read from.
struct TokenSource: ParsableArguments {
    @Option(help: ArgumentHelp("Read the token from a file.", valueName: "file"))
    var tokenFile: String?

    @Option(help: ArgumentHelp("Read the token from a file descriptor.", valueName: "number"))
    var tokenFd: Int32?

    func validate() throws {
        if tokenFile != nil, tokenFd != nil {
            throw ValidationError("--token-file and --token-fd exclude each other.")
        }
    }

    func read() throws(SealingError) -> Token {
        // Room for the token and a line end; more is no token.
        let maximumSize = Token.length + 2
        do throws(SealingError) {
            if let tokenFile {
                let contents = try readNamedFile(tokenFile, maximumSize: maximumSize)
                return try Token(parsing: contents.bytes.withoutLineEnd)
            }
            let contents = try readAll(tokenFd ?? STDIN_FILENO, maximumSize: maximumSize, name: "the token")
            return try Token(parsing: contents.bytes.withoutLineEnd)
        } catch {
            guard error.code == .limitExceeded else { throw error }
            throw SealingError(.malformed, "not a pipemason token")
        }
    }
}
