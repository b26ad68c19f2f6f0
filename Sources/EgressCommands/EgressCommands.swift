public import ArgumentParser
internal import CommandSupport
internal import EgressKit
internal import Glibc
internal import LinkProtocol
internal import SealingKit

/// The commands that have to do with a server, for the root command of `pipemason`.
public enum EgressCommands {
    /// login, logout, whoami, egress, and the internal upload.
    public static let all: [any ParsableCommand.Type] = [
        LoginCommand.self, LogoutCommand.self, WhoAmICommand.self, EgressCommand.self, UploadCommand.self,
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
        try LinkProcess(configuration(for: origin))
    }

    func configuration(for origin: Origin) -> LinkConfiguration {
        let proxy = origin.isSecure ? Environment["HTTPS_PROXY"] ?? Environment["https_proxy"] : nil
        return LinkConfiguration(
            origin: origin.description, authorities: caFile ?? Environment["PIPEMASON_CA_FILE"],
            proxy: proxy?.isEmpty == true ? nil : proxy)
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

/// Does requests that belong to no run: each is noted first, and what goes wrong is said in a sentence.
struct AccountLink {
    let origin: Origin
    let link: LinkProcess
    private let ledger: EgressLedger

    init(_ origin: Origin, _ link: LinkProcess) throws(Failure) {
        self.origin = origin
        self.link = link
        ledger = try CredentialsFile.ledger()
    }

    func exchange(_ request: LinkRequest, _ body: [UInt8] = []) throws(Failure) -> (LinkResponse, [UInt8]) {
        try ledger.record(.account(request, body, host: origin.authority))
        switch link.exchange(request, body: body) {
        case .success(let answer): return answer
        case .failure(let failure): throw Failure(.input, "\(origin): \(Self.sentence(failure.kind))")
        }
    }

    static func sentence(_ kind: LinkFailure.Kind) -> String {
        switch kind {
        case .resolve: "this name has no address"
        case .connect: "nobody answers there"
        case .tls: "the certificate is not trusted, or TLS fails"
        case .timeout: "no answer in time"
        case .closed: "the connection was closed"
        case .response: "the answer cannot be understood"
        case .request: "the request cannot be made"
        }
    }
}
