internal import ArgumentParser
internal import CommandSupport
internal import EgressKit
internal import Glibc
internal import LinkProtocol
internal import SealingKit

/// `pipemason git-credential`: git starts it within a run, by the configuration that `run` puts into the environment
/// (gitcredentials(7), docs/github.md).
struct GitCredentialCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "git-credential",
        abstract: "Answer git's questions for credentials within a run.",
        discussion: """
            git calls this program with get, store or erase; pipemason run arranges for that. It answers for the run's own \
            repositories with a token that the server makes, and has it masked first. Whatever the server has nothing for is \
            passed to the helpers that you have set. A token of the server's is never stored.
            """)

    @Argument(help: "get, store or erase; others are passed over, as git demands.")
    var operation: String

    func run() throws {
        try handlingKeys {
            let input = Descriptor(dup(STDIN_FILENO))
            guard let bytes = input.readAll(limit: GitCredential.maximumSize),
                let question = GitCredential(parsing: bytes)
            else { throw Failure(.usage, "git-credential: what came on standard input is no credential") }
            switch operation {
            case "get": try get(question)
            case "store": forward(question, "approve")
            case "erase":
                if isOurs(question), let socket = Environment[GitWiring.socket] {
                    var attributes = question.attributes.filter { ["protocol", "host", "path"].contains($0.name) }
                    attributes.append((name: "pipemason", value: "erase"))
                    _ = GitQuestion.ask(socket, GitCredential(attributes))
                }
                forward(question, "reject")
            default: break
            }
        }
    }

    private func get(_ question: GitCredential) throws {
        if let socket = Environment[GitWiring.socket], let answer = GitQuestion.ask(socket, question) {
            return try Self.print(answer.text)
        }
        // Strict: git is to ask nobody else, and not the terminal.
        if Environment[GitWiring.strict] != nil { return try Self.print(Array("quit=1\n".utf8)) }
        if let answer = ask(question, "fill"), let found = GitCredential(parsing: answer), found["password"] != nil {
            try Self.print(found.text)
        }
    }

    /// Whether a credential is one of the server's: those have this name, and nobody keeps them.
    private func isOurs(_ credential: GitCredential) -> Bool { credential["username"] == "x-access-token" }

    /// Tells the user's own helpers of a credential that is theirs.
    private func forward(_ credential: GitCredential, _ action: String) {
        guard !isOurs(credential), Environment[GitWiring.strict] == nil else { return }
        _ = ask(credential, action)
    }

    /// Asks git, as if this program were not there.
    private func ask(_ credential: GitCredential, _ action: String) -> [UInt8]? {
        ChildProgram.ask(
            ["git", "credential", action], environment: GitWiring.unwire(Environment.entries), input: credential.text,
            limit: GitCredential.maximumSize, milliseconds: GitQuestion.patience)
    }

    private static func print(_ bytes: [UInt8]) throws {
        let writer = ByteWriter(STDOUT_FILENO, name: "standard output")
        bytes.withUnsafeBytes { writer.write($0) }
        writer.flush()
        if let failure = writer.failure { throw failure }
    }
}

/// `pipemason git-broker`: gets tokens for the git processes of one run. Started by `pipemason run`, not by people; the end of its
/// standard input tells it that the run is over.
struct GitBrokerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "git-broker", abstract: "Get tokens for the git processes of a run.", shouldDisplay: false)

    @OptionGroup var options: ServerOptions

    @Option(name: .customLong("run"), help: ArgumentHelp("The run.", valueName: "id"))
    var runID: String

    @Option(help: ArgumentHelp("A repository besides those of the working directory.", valueName: "repository"))
    var githubRepo: [String] = []

    func run() throws {
        // A ^C at the terminal is for the command.
        signal(SIGINT, SIG_IGN)
        try handlingKeys {
            var repositories: [GitRemote] = []
            for text in githubRepo {
                guard let remote = GitRemote(text, allowsShort: true) else {
                    throw Failure(.usage, "--github-repo: \(text) is no repository; write owner/name or its address")
                }
                repositories.append(remote)
            }
            // Before the command starts: what it does to the remotes afterwards does not widen what it gets.
            if let output = ChildProgram.ask(
                ["git", "remote", "--verbose"], environment: Environment.entries, milliseconds: 5000)
            {
                repositories += GitRemote.list(output).filter { !repositories.contains($0) }
            }
            guard !repositories.isEmpty else { return Self.say(.ready(socket: "", bases: [])) }
            let (origin, credential) = try CredentialsFile.find(try options.namedOrigin())
            let account = try AccountLink(origin, try options.link(to: origin), run: runID)
            credential.withToken { account.link.setToken($0) }
            let minter = Minter(account: account, run: runID)
            let broker = try GitBroker(
                repositories,
                GitBroker.Services(
                    mint: { minter.mint($0, $1) }, giveBack: { minter.giveBack($0) }, mask: { Self.mask($0) }))
            var bases: [String] = []
            for remote in repositories where !bases.contains(remote.base) { bases.append(remote.base) }
            Self.say(.ready(socket: broker.socket, bases: bases))
            broker.run(until: STDIN_FILENO)
        }
    }

    /// Has a value masked: the runner answers with one byte when it is.
    private static func mask(_ value: [UInt8]) -> Bool {
        say(.value(value))
        var wait = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, 5000) > 0 else { return false }
        var byte: UInt8 = 0
        return read(STDIN_FILENO, &byte, 1) == 1
    }

    private static func say(_ message: BrokerMessage) {
        let bytes = message.encoded
        _ = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    }

    /// Gets tokens from the server, and gives them back.
    private final class Minter {
        private let account: AccountLink
        private let run: String
        private var told: Set<String> = []

        init(account: AccountLink, run: String) {
            self.account = account
            self.run = run
        }

        func mint(_ remote: GitRemote, _ operation: String) -> GitBroker.Minted? {
            let (request, body) = ControlPlane.gitToken(run, remote, operation)
            let (response, answer): (LinkResponse, [UInt8])
            do throws(Failure) { (response, answer) = try account.exchangeWithinRun(request, body) } catch {
                tell("git uses the credentials of this machine: \(error.message)")
                return nil
            }
            if response.status == 201 { return try? ControlPlane.minted(answer) }
            let problem = ControlPlane.problem(answer)
            // Without a connection there is nothing to say: everything is as it was.
            if !["github-not-configured", "github-not-connected"].contains(problem.code) {
                tell("no token for \(remote.name): \(problem.title)")
            }
            return nil
        }

        func giveBack(_ grant: String) {
            _ = try? account.exchange(ControlPlane.returnGitToken(run, grant))
        }

        /// Says something once.
        private func tell(_ text: String) {
            if told.insert(text).inserted { GitBrokerCommand.say(.warning(text)) }
        }
    }
}
