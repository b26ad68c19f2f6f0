public import ArgumentParser
internal import CommandSupport
internal import EgressKit
internal import Glibc
internal import LinkProtocol
internal import RunFiles
internal import RunModel
internal import SealingKit

/// The commands that have to do with a server, for the root command of `pipemason`.
public enum EgressCommands {
    /// login, logout, whoami, egress, git-credential, pr, and the internal upload and git-broker.
    public static let all: [any ParsableCommand.Type] = [
        LoginCommand.self, LogoutCommand.self, WhoAmICommand.self, EgressCommand.self, UploadCommand.self,
        GitCredentialCommand.self, GitBrokerCommand.self, PullRequestCommand.self,
    ]
}

/// Which server, and what is needed to reach it.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The server: https://host. Otherwise $PIPEMASON_SERVER, or the one that this machine is paired with.",
            valueName: "address"))
    var server: String?

    @Option(
        help: ArgumentHelp(
            "Trust the certificates in this file (PEM) instead of the system's. Otherwise $PIPEMASON_CA_FILE.",
            valueName: "file"))
    var caFile: String?

    /// The address that was named, if one was.
    func namedOrigin() throws(Failure) -> Origin? {
        guard let text = server ?? Environment["PIPEMASON_SERVER"] else { return nil }
        return try Self.origin(text)
    }

    static func origin(_ text: String) throws(Failure) -> Origin {
        do { return try Origin(parsing: text) } catch { throw Failure(.usage, "\(error)") }
    }

    /// Starts a link to `origin`.
    func link(to origin: Origin) throws(Failure) -> LinkProcess {
        try LinkProcess(try configuration(for: origin))
    }

    func configuration(for origin: Origin) throws(Failure) -> LinkConfiguration {
        LinkConfiguration(
            origin: origin.description, authorities: try authorities(), proxy: try Self.proxy(for: origin))
    }

    /// The file of certificates, which the link would otherwise find wanting only when it connects.
    private func authorities() throws(Failure) -> String? {
        guard let path = caFile ?? Environment["PIPEMASON_CA_FILE"], !path.isEmpty else { return nil }
        guard let file = Descriptor.open(Path(path), O_RDONLY), let bytes = file.readAll(limit: 16 << 20) else {
            throw Failure(.usage, "\(path): \(Diagnostics.reason(errno))")
        }
        guard String(decoding: bytes, as: UTF8.self).contains("-----BEGIN CERTIFICATE-----") else {
            throw Failure(.usage, "\(path): holds no certificate (PEM)")
        }
        return path
    }

    /// What the environment says, for a server that is reached by TLS.
    private static func proxy(for origin: Origin) throws(Failure) -> String? {
        guard origin.isSecure, let text = Environment["HTTPS_PROXY"] ?? Environment["https_proxy"], !text.isEmpty,
            !ProxyAddress.isExcepted(origin.host, by: Environment["NO_PROXY"] ?? Environment["no_proxy"] ?? "")
        else { return nil }
        do throws(LinkError) { _ = try ProxyAddress(parsing: text) } catch {
            throw Failure(.usage, "HTTPS_PROXY: \(error)")
        }
        return text
    }
}

/// The user's credentials file.
enum CredentialsFile {
    static func directory() throws(Failure) -> String {
        guard let directory = Credentials.defaultDirectory else {
            throw Failure(.usage, "HOME is not set: there is no place for credentials")
        }
        return directory
    }

    static func load() throws(Failure) -> Credentials {
        let directory = try directory()
        do { return try Credentials.load(from: directory) } catch { throw Failure(.input, "\(error)") }
    }

    /// The credential for `origin`; when none is named, the only one there is.
    /// - Throws: `Failure` that says what to do.
    static func find(_ origin: Origin?) throws(Failure) -> (Origin, Credential) {
        let credentials = try load()
        if let origin {
            guard let found = credentials.find(server: origin.description) else {
                throw Failure(
                    .usage, "this machine is not paired with \(origin): run pipemason login --server \(origin)")
            }
            return (origin, found)
        }
        guard let first = credentials.entries.first else {
            throw Failure(.usage, "this machine is not paired with a server: run pipemason login --server https://…")
        }
        guard credentials.entries.count == 1 else {
            throw Failure(.usage, "this machine is paired with several servers: name one with --server")
        }
        return (try ServerOptions.origin(first.server), first)
    }

    /// Where requests that belong to no run are noted.
    static func ledger() throws(Failure) -> EgressLedger {
        let directory = try directory()
        do { _ = try PrivateDirectory(directory, create: true) } catch { throw Failure(.input, "\(error)") }
        return EgressLedger(path: directory + "/" + EgressLedger.fileName)
    }
}

/// Does single requests: each is noted first, and what goes wrong is said in a sentence.
struct AccountLink {
    let origin: Origin
    let link: LinkProcess
    private let ledger: EgressLedger
    /// The run whose ledger it is; nil for requests that belong to none.
    private let run: RunID?

    /// - Parameter run: The run that the requests are about. They are noted in its ledger, if its `.pipeline` is here or above;
    ///   else where those that belong to no run are.
    init(_ origin: Origin, _ link: LinkProcess, run: String? = nil) throws(Failure) {
        self.origin = origin
        self.link = link
        if let run = run.flatMap({ RunID($0) }), let directory = try? RunDirectory.nearest(),
            directory.directory(of: run).withCString({ access($0, F_OK) }) == 0
        {
            self.run = run
            ledger = EgressLedger(path: directory.inner(EgressLedger.fileName).text)
        } else {
            self.run = nil
            ledger = try CredentialsFile.ledger()
        }
    }

    func exchange(_ request: LinkRequest, _ body: [UInt8] = []) throws(Failure) -> (LinkResponse, [UInt8]) {
        let entry =
            run.map { EgressLedger.Entry.metadata(request, body, host: origin.authority, run: $0) }
            ?? .account(request, body, host: origin.authority)
        guard entry.text.utf8.count <= EgressLedger.maximumLine else {
            throw Failure(
                .usage, "too long: what is noted of it must fit a line of the ledger, \(EgressLedger.maximumLine) bytes"
            )
        }
        try ledger.record(entry)
        switch link.exchange(request, body: body) {
        case .success(let answer): return answer
        case .failure(let failure): throw Failure(.input, "\(origin): \(failure.kind.sentence)")
        }
    }

    /// How long the server may take to learn of a run, which the uploader tells it, in milliseconds.
    private static let announcement = 10_000

    /// Does a request about a run that has just begun: a server that does not know of it yet is asked again.
    func exchangeWithinRun(
        _ request: LinkRequest, _ body: [UInt8]
    ) throws(Failure) -> (LinkResponse, [UInt8]) {
        let deadline = Monotonic.milliseconds + Self.announcement
        while true {
            let answer = try exchange(request, body)
            guard answer.0.status == 404, Monotonic.milliseconds < deadline else { return answer }
            usleep(250_000)
        }
    }
}
