internal import ArgumentParser
internal import CommandSupport
internal import EgressKit
internal import Glibc
internal import RedactionKit
internal import SealingKit

/// `pipemason pr`.
struct PullRequestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pr", abstract: "Pull requests, through the server.", subcommands: [Create.self])

    /// `pipemason pr create`.
    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Make a pull request from within a run.",
            discussion: """
                The server makes it, with the GitHub connection of the person who paired this machine; no token comes here. \
                Title and text are scrubbed here and looked at again there.
                """)

        @OptionGroup var options: ServerOptions

        @Option(help: "The title.")
        var title: String

        @Option(help: ArgumentHelp("A file with the text; - is standard input.", valueName: "file"))
        var bodyFile: String?

        @Option(help: "The branch to merge; otherwise the one that is checked out. It must have been pushed.")
        var head: String?

        @Option(help: "The branch to merge into; otherwise the repository's default branch.")
        var base: String?

        @Option(
            help: ArgumentHelp("owner/name; otherwise the repository of the remote origin.", valueName: "repository"))
        var repo: String?

        @Flag(help: "Make it a draft.")
        var draft = false

        /// The largest text in bytes.
        private static let maximumBody = 60_000

        func run() throws {
            guard let run = Environment["PIPEMASON_RUN_ID"] else {
                throw Failure(.usage, "pr create works within a run: pipemason run -- …")
            }
            try handlingKeys {
                let remote = try repository()
                let head = try head ?? Self.git(["branch", "--show-current"])
                guard let head, !head.isEmpty else {
                    throw Failure(.usage, "no branch is checked out; name one with --head")
                }
                let redactor: Redactor
                do { redactor = try Redactor() } catch { throw Failure(.internal, "\(error)") }
                let (origin, credential) = try CredentialsFile.find(try options.namedOrigin())
                let account = try AccountLink(origin, try options.link(to: origin), run: run)
                credential.withToken { account.link.setToken($0) }
                let (request, body) = ControlPlane.pullRequest(
                    run, remote.name, title: redactor.redact(title), body: redactor.redact(try text()), head: head,
                    base: base, isDraft: draft)
                let (response, answer) = try account.exchangeWithinRun(request, body)
                guard response.status == 201 else {
                    let problem = ControlPlane.problem(answer)
                    throw Failure(.input, "\(origin) does not make it: \(problem.title) (status \(response.status))")
                }
                try StandardOutput.print(try ControlPlane.pullRequestAddress(answer))
            }
        }

        private func repository() throws(Failure) -> GitRemote {
            if let repo {
                guard let remote = GitRemote(repo, allowsShort: true) else {
                    throw Failure(.usage, "--repo: \(repo) is no repository; write owner/name")
                }
                return remote
            }
            guard let address = try Self.git(["remote", "get-url", "origin"]), let remote = GitRemote(address) else {
                throw Failure(.usage, "the remote origin is no repository at a GitHub; name one with --repo")
            }
            return remote
        }

        private func text() throws(Failure) -> String {
            guard let bodyFile else { return "" }
            let bytes: [UInt8]?
            if bodyFile == "-" {
                bytes = Descriptor(dup(STDIN_FILENO)).readAll(limit: Self.maximumBody)
            } else if let file = Descriptor.open(Path(bodyFile), O_RDONLY) {
                bytes = file.readAll(limit: Self.maximumBody)
            } else {
                bytes = nil
            }
            guard let bytes else { throw Failure(.input, "\(bodyFile): \(Diagnostics.reason(errno))") }
            return String(decoding: bytes, as: UTF8.self)
        }

        /// The first line that git prints; nil when it fails.
        private static func git(_ arguments: [String]) throws(Failure) -> String? {
            ChildProgram.ask(["git"] + arguments, environment: Environment.entries, milliseconds: 5000).map { output in
                String(decoding: output.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
            }
        }
    }
}
