internal import ArgumentParser
internal import CommandSupport
internal import EgressKit
internal import Glibc
internal import LinkProtocol
internal import OpenSSLEngine
internal import SealingKit

/// `pipemason login`.
struct LoginCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Pair this machine with a server.",
        discussion: """
            Shows a code, which you enter at the server; then keeps the token that it gives in \
            ~/.pipemason/credentials.json. Machines without a person read a token from --token-fd instead. A token is never \
            an argument.
            """)

    @OptionGroup var options: ServerOptions

    @Option(help: "What the server calls this machine; otherwise its host name.")
    var name: String?

    @Option(
        name: .customLong("token-fd"),
        help: ArgumentHelp("Read a token from this descriptor instead of pairing.", valueName: "number"))
    var tokenDescriptor: Int32?

    func run() throws {
        guard let origin = try options.namedOrigin() else {
            throw Failure(.usage, "which server? Give --server https://… or set PIPEMASON_SERVER")
        }
        try handlingKeys {
            let account = try AccountLink(origin, try options.link(to: origin))
            let credential =
                if let tokenDescriptor { try adopt(tokenDescriptor, account) } else { try pair(account) }
            try Credentials.update(in: try CredentialsFile.directory()) { (credentials) throws(SealingError) in
                credentials.removeAll(server: credential.server)
                credentials.set(credential)
            }
            try StandardOutput.print("paired with \(origin) as \(credential.name) (\(credential.organization))")
        }
    }

    /// Pairs by a code.
    private func pair(_ account: AccountLink) throws -> Credential {
        let key = try SigningKey.generate()
        let name = Self.deviceName(name)
        let (begin, form) = Pairing.begin(name: name, publicKey: key.publicHex)
        let (response, body) = try account.exchange(begin, form)
        guard response.status == 200 else {
            throw Failure(.input, "\(account.origin) does not offer to pair (status \(response.status))")
        }
        let offer = try Pairing.offer(body)
        Diagnostics.write("Open \(offer.address)\nand enter the code  \(offer.userCode)\n")
        var pace = Pairing.Pace(interval: offer.interval)
        let deadline = Monotonic.milliseconds + 1000 * offer.lifetime
        while Monotonic.milliseconds < deadline {
            usleep(UInt32(clamping: pace.wait * 1000))
            let (ask, form) = Pairing.ask(offer)
            let (response, body) = try account.exchange(ask, form)
            if response.status == 429 || response.status >= 500 {
                pace.slowDown()
                continue
            }
            let answer = try Pairing.answer(status: response.status, body) { token, identity in
                try Credential(
                    server: account.origin.description, organization: identity.organizationName, name: name,
                    token: token, runner: identity.runner, receiptKey: identity.receiptKey?.text ?? "",
                    signingKey: key)
            }
            switch answer {
            case .granted(let credential): return credential
            case .pending: continue
            case .slowDown: pace.slowDown()
            case .refused(let reason): throw Failure(.input, reason)
            }
        }
        throw Failure(.input, "the code has expired; run pipemason login again")
    }

    /// Takes a token that was made elsewhere, after the server has said whose it is.
    private func adopt(_ descriptor: Int32, _ account: AccountLink) throws -> Credential {
        let text = try readAll(descriptor, maximumSize: Token.length + 2, name: "the token")
        var end = text.count
        while end > 0, text.bytes[end - 1] == 0x0A || text.bytes[end - 1] == 0x0D { end -= 1 }
        let asking = try Credential(
            server: account.origin.description, organization: "", name: "",
            token: Token(parsing: text.bytes.extracting(0..<end)))
        asking.withToken { account.link.setToken($0) }
        let (response, body) = try account.exchange(ControlPlane.whoAmI)
        guard response.status == 200 else {
            throw Failure(
                .input,
                response.status == 401
                    ? "\(account.origin) does not take this token: it was revoked, has expired, or is another server's"
                    : "\(account.origin) refuses (status \(response.status))")
        }
        let identity = try ControlPlane.identity(body)
        let key = try register(account)
        return try Credential(
            server: account.origin.description, organization: identity.organizationName, name: Self.deviceName(name),
            token: Token(parsing: text.bytes.extracting(0..<end)), runner: identity.runner,
            receiptKey: identity.receiptKey?.text ?? "", signingKey: key)
    }

    /// Registers this machine's key with the token: the one that it had for the server before, if it had one. Nil when the
    /// server has another one, as when machines share a token.
    private func register(_ account: AccountLink) throws -> SigningKey? {
        let known = try? Credentials.load(from: CredentialsFile.directory())
        let old = known?.find(server: account.origin.description)?.signingKey
        let key = try old ?? SigningKey.generate()
        let (request, body) = ControlPlane.registerKey(key.publicHex)
        let (response, _) = try account.exchange(request, body)
        if (200..<300).contains(response.status) { return key }
        Diagnostics.warn(
            response.status == 409
                ? "the server has another key for this token: this machine's is not registered"
                : "the server does not register this machine's key (status \(response.status))")
        return nil
    }

    private static func deviceName(_ named: String?) -> String {
        if let named { return named }
        var text = [CChar](repeating: 0, count: 256)
        guard gethostname(&text, text.count - 1) == 0 else { return "machine" }
        let name = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return name.isEmpty ? "machine" : name
    }
}

/// `pipemason logout`.
struct LogoutCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logout", abstract: "Give this machine's token back and forget it.",
        discussion: "The token is forgotten also when the server cannot be reached; then revoke it there.")

    @OptionGroup var options: ServerOptions

    func run() throws {
        try handlingKeys {
            let (origin, credential) = try CredentialsFile.find(try options.namedOrigin())
            var trouble: String?
            do {
                let account = try AccountLink(origin, try options.link(to: origin))
                credential.withToken { account.link.setToken($0) }
                let (response, _) = try account.exchange(ControlPlane.signOut)
                // 401: it was revoked before.
                if !(200..<300).contains(response.status), response.status != 401 {
                    trouble = "\(origin) did not revoke the token (status \(response.status))"
                }
            } catch let failure as Failure { trouble = failure.message }
            try Credentials.update(in: try CredentialsFile.directory()) { (credentials) throws(SealingError) in
                credentials.remove(server: credential.server, organization: credential.organization)
            }
            if let trouble {
                throw Failure(.input, "\(trouble); the token is forgotten here, revoke it at the server")
            }
            try StandardOutput.print("signed out of \(origin)")
        }
    }
}

/// `pipemason whoami`.
struct WhoAmICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "whoami", abstract: "Say which server this machine is paired with, and as what.")

    @OptionGroup var options: ServerOptions

    @Flag(help: "Do not ask the server whether the token is still good.")
    var offline = false

    func run() throws {
        try handlingKeys {
            let (origin, credential) = try CredentialsFile.find(try options.namedOrigin())
            var lines = ["server        \(origin)", "organization  \(credential.organization)"]
            lines.append("machine       \(credential.name)")
            if let key = credential.signingKey { lines.append("key           \(key.publicHex)") }
            if !credential.runner.isEmpty { lines.append("runner        \(credential.runner)") }
            if !offline {
                let account = try AccountLink(origin, try options.link(to: origin))
                credential.withToken { account.link.setToken($0) }
                let (response, _) = try account.exchange(ControlPlane.whoAmI)
                guard response.status == 200 else {
                    throw Failure(
                        .input,
                        response.status == 401
                            ? "\(origin) no longer takes this machine's token: it was revoked or has expired; run pipemason login"
                            : "\(origin) refuses (status \(response.status))")
                }
                lines.append("token         accepted")
            }
            try StandardOutput.print(lines.joined(separator: "\n"))
        }
    }
}

/// Runs what handles keys: no core dumps first; failures of the toolkit become this program's.
func handlingKeys(_ body: () throws -> Void) throws {
    do {
        try ProcessHardening.forbidDumps()
        try body()
    } catch let error as SealingError {
        throw Failure(.input, "\(error)")
    } catch let error as CryptoError {
        throw Failure(.internal, "\(error)")
    } catch let error as EgressError {
        throw Failure(.input, "\(error)")
    }
}
