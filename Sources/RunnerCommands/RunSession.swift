package import CommandSupport
internal import Glibc
package import RedactionKit
internal import RunFiles
package import RunModel
package import RunnerKit
internal import SealingKit
internal import SecretNames

/// What commands need that run other commands: signals, rules, values to mask, a log.
///
///     let session = try RunSession(settings, terminal: .automatic)
///     let log = try session.openLog(words, policy: .interval)
///     let outcome = try session.run(session.plan(words), log: log)
///     log.finish(…)
package final class RunSession {
    package let signals: Signals
    package let redactor: Redactor
    /// The digest of the rules in use.
    package let rules: ChainHash
    /// All values to mask, of the environment, of `.env` files and of the options.
    package let values: [KnownValue]
    private let settings: DetectionSettings
    private let terminal: CommandPlan.TerminalUse
    /// The scrubbing process of the first command, until that takes it.
    private var prepared: PreparedScrubber?
    /// Tokens for git from the server.
    private var github: GitHubAccess?

    /// Prepares this process: its signals are taken from here on, and it leaves no core. The first command's scrubbing
    /// process is started at once, to get ready beside everything else.
    package init(_ settings: DetectionSettings, terminal: CommandPlan.TerminalUse) throws(Failure) {
        signals = try Signals()
        // Commands have their own limit, which `Signals` has noted.
        do { try ProcessHardening.forbidDumps(ofChildren: false) } catch { throw Failure(.runner, "\(error)") }
        self.settings = settings
        self.terminal = terminal
        prepared = try PreparedScrubber(terminal, arguments: Self.scrubberArguments(settings))
        let (options, optionWarnings) = try settings.redactorOptions()
        var warnings = optionWarnings
        do {
            let plain = try Redactor(options)
            var secrets = SecretVariables(plain)
            Environment.forEach { secrets.add(name: $0, value: $1, from: .environment) }
            for file in Self.environmentFiles {
                for variable in file.variables { secrets.add(name: variable.name, value: variable.value, from: .file) }
            }
            redactor = secrets.values.isEmpty ? plain : Redactor(plain, adding: secrets.values)
            values = options.knownValues + secrets.values
            warnings += secrets.warnings
        } catch {
            throw Failure(.usage, "\(error)")
        }
        rules = ChainHash(of: options.ruleSet.blob().span)
        for warning in warnings + redactor.warnings { Diagnostics.warn(warning) }
        try prepared?.begin(values)
    }

    /// Begins a run in the working directory.
    package func openLog(
        _ words: [[UInt8]], policy: LogFile.SyncPolicy, acknowledgements: Int32? = nil
    ) throws(Failure) -> RunLog {
        try RunLog(
            in: RunDirectory(), redactor: redactor, rules: rules, policy: policy, acknowledgements: acknowledgements,
            started: { () throws(Failure) in
                RunStarted(
                    runner: "pipemason \(Version.text)", branch: GitBranch.current,
                    command: words.map { String(decoding: $0, as: UTF8.self) }, epoch: 1,
                    protections: try prepared?.protections().names ?? [])
            })
    }

    /// Runs a command to its end; see `CommandRun.run`.
    package func run(_ plan: CommandPlan, log: RunLog?) throws(Failure) -> CommandOutcome {
        defer { prepared = nil }
        return try CommandRun.run(plan, prepared: prepared, log: log, signals: signals)
    }

    /// A command with these rules and values.
    package func plan(_ words: [[UInt8]]) -> CommandPlan {
        var plan = CommandPlan(
            words: words, scrubberArguments: Self.scrubberArguments(settings), redactor: redactor)
        plan.terminal = terminal
        plan.values = values
        if let github {
            plan.environment = withGitHub(Environment.entries)
            plan.valueSource = github
            plan.spared.append(github.process)
        }
        return plan
    }

    private static func scrubberArguments(_ settings: DetectionSettings) -> [String] {
        [RunnerCommands.scrubbingProcess] + settings.arguments
    }

    /// Offers the commands of a run tokens for git, if this machine is paired with a server that has some.
    package func offerGitHub(_ log: RunLog, _ settings: GitHubSettings) {
        github = GitHubAccess(run: "\(log.run)", settings)
    }

    /// `environment` with what makes git ask for them.
    package func withGitHub(_ environment: [[UInt8]]) -> [[UInt8]] { github?.wired(environment) ?? environment }

    /// Gives tokens back that are still out.
    package func endGitHub() { github?.finish() }

    /// `.env` and `.env.*` of the working directory, but for the samples that projects keep beside them.
    private static var environmentFiles: [DotEnvFile] {
        guard let directory = Descriptor.openDirectory(Path(".")), let names = FileTree.names(in: directory) else {
            return []
        }
        var files: [DotEnvFile] = []
        for name in names where name == Array(".env".utf8) || name.starts(with: ".env.".utf8) {
            let text = String(decoding: name, as: UTF8.self)
            guard ![".env.example", ".env.sample", ".env.template"].contains(text) else { continue }
            guard let file = Descriptor.open(at: directory.number, name, O_RDONLY | O_NONBLOCK),
                file.status?.isRegularFile == true, let bytes = file.readAll(limit: DotEnvFile.maximumSize)
            else {
                Diagnostics.warn("\(text) cannot be read; its values are not masked")
                continue
            }
            files.append(DotEnvFile(bytes))
        }
        return files
    }
}

/// The branch that is checked out where a command runs.
enum GitBranch {
    /// From `.git/HEAD` of the working directory or one above it; nil without a repository or a branch.
    static var current: String? {
        var directory = ""
        for _ in 0..<64 {
            if let head = head(directory + ".git") { return branch(head) }
            directory += "../"
        }
        return nil
    }

    private static func head(_ git: String) -> String? {
        if let head = read(git + "/HEAD") { return head }
        // A work tree beside its repository.
        guard let link = read(git), link.hasPrefix("gitdir: ") else { return nil }
        return read(link.dropFirst(8).trimmed + "/HEAD")
    }

    private static func branch(_ head: String) -> String? {
        let prefix = "ref: refs/heads/"
        guard head.hasPrefix(prefix) else { return nil }
        return String(head.dropFirst(prefix.count)).trimmed
    }

    private static func read(_ path: String) -> String? {
        guard let file = Descriptor.open(Path(path), O_RDONLY | O_NONBLOCK), file.status?.isRegularFile == true,
            let bytes = file.readAll(limit: 4096)
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension StringProtocol {
    /// Without white space at its end.
    fileprivate var trimmed: String {
        var rest = Substring(self)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
