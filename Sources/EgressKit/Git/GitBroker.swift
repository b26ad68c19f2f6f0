internal import CPlatform
package import CommandSupport
internal import Glibc

/// Answers what git processes of one run ask for, in a process of its own beside the runner: gets tokens from the server, has them masked
/// first, and gives them back when the process that asked has ended (docs/github.md).
///
/// One thread. One question at a time: a token takes a few requests of the server's, and git asks rarely.
package final class GitBroker {
    /// What the broker needs of others.
    package struct Services {
        /// Gets a token for a repository and `fetch` or `push`.
        package var mint: (GitRemote, String) -> Minted?
        /// Gives a grant back; what fails is the server's affair, which ends it by itself.
        package var giveBack: (String) -> Void
        /// Has a value masked, and returns whether it is.
        package var mask: ([UInt8]) -> Bool

        package init(
            mint: @escaping (GitRemote, String) -> Minted?, giveBack: @escaping (String) -> Void,
            mask: @escaping ([UInt8]) -> Bool
        ) {
            self.mint = mint
            self.giveBack = giveBack
            self.mask = mask
        }
    }

    /// A token, from the server.
    package struct Minted {
        package let grant: String
        package let username: String
        package let token: String
        /// Seconds since 1970.
        package let expires: Int?
        /// Whether it is for one operation, and to be given back after it.
        package let isPerOperation: Bool

        package init(grant: String, username: String, token: String, expires: Int?, isPerOperation: Bool) {
            self.grant = grant
            self.username = username
            self.token = token
            self.expires = expires
            self.isPerOperation = isPerOperation
        }
    }

    private let repositories: [GitRemote]
    private let services: Services
    private let directory: String
    private let listener: Int32
    /// Operations that go on: the descriptor of the process, and what it was given.
    private var operations: [(process: Int32, grant: String)] = []
    /// Grants whose process is not known: given back at the end.
    private var atEnd: [String] = []
    /// Tokens that are not of one operation, by repository and operation.
    private var kept: [String: Minted] = [:]
    /// Whether the runner did not answer in time once.
    private var isDeaf = false

    /// Seconds that a question may take to arrive.
    private static let questionTime = 2000
    /// A kept token is not handed out when it has less than this left, in seconds.
    private static let margin = 300
    /// Processes that one is looked for among: git starts a few of each other, shells may be between.
    private static let maximumAncestors = 16

    /// The place where it listens.
    package var socket: String { directory + "/s" }

    /// Listens in a new directory that only this user can enter.
    package init(_ repositories: [GitRemote], _ services: Services) throws(Failure) {
        self.repositories = repositories
        self.services = services
        // A short path: addresses of sockets have 108 bytes (unix(7)).
        let parent = Environment["XDG_RUNTIME_DIR"].flatMap { $0.utf8.count < 60 && $0.hasPrefix("/") ? $0 : nil }
        var template = Array("\(parent ?? "/tmp")/pipemason-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(.input, "git broker: \(Diagnostics.reason(errno))") }
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        listener = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0, UnixAddress.with(directory + "/s", { bind(listener, $0, $1) }) == 0,
            listen(listener, 64) == 0
        else {
            let reason = Diagnostics.reason(errno)
            rmdir(directory)
            throw Failure(.input, "git broker: \(reason)")
        }
    }

    /// Serves until `ending` can be read, or has ended; then gives everything back.
    package func run(until ending: Int32) {
        while true {
            var waits = [
                pollfd(fd: ending, events: Int16(POLLIN), revents: 0),
                pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
            ]
            waits += operations.map { pollfd(fd: $0.process, events: Int16(POLLIN), revents: 0) }
            guard poll(&waits, nfds_t(waits.count), -1) > 0 else { continue }
            // Whoever has ended needs its token no more.
            for (operation, wait) in zip(operations, waits.dropFirst(2)) where wait.revents != 0 {
                operations.removeAll { $0.process == operation.process }
                close(operation.process)
                services.giveBack(operation.grant)
            }
            if waits[0].revents != 0 {
                // An answer of the runner's that nobody waits for any more is passed over.
                var byte: UInt8 = 0
                guard Glibc.read(ending, &byte, 1) > 0 else { break }
            }
            if waits[1].revents != 0 { answer() }
        }
        close(listener)
        unlink(socket)
        rmdir(directory)
        for operation in operations { services.giveBack(operation.grant) }
        for grant in atEnd { services.giveBack(grant) }
    }

    private func answer() {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        let descriptor = Descriptor(connection)
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        var process: Int32 = 0
        var user: UInt32 = 0
        guard pm_peer(connection, &process, &user) == 0, user == geteuid(),
            let question = Self.read(descriptor.number), let credential = GitCredential(parsing: question)
        else { return }
        let reply = reply(to: credential, from: process)
        _ = reply.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    /// The lines for git; empty: the server has nothing.
    private func reply(to question: GitCredential, from process: Int32) -> [UInt8] {
        guard !isDeaf, let remote = repository(question) else { return [] }
        if question["pipemason"] == "erase" {
            // Git was refused with it: the next question gets a new one.
            kept = kept.filter { !$0.key.hasPrefix(remote.name + " ") }
            return []
        }
        let git = GitProcess.find(from: process)
        let key = "\(remote.name) \(git.operation)"
        var minted = kept[key].flatMap { isFresh($0) ? $0 : nil }
        if minted == nil {
            guard let new = services.mint(remote, git.operation) else { return [] }
            guard services.mask(Array(new.token.utf8)) else {
                // What is not masked is not used; and whose answers are late cannot be told apart any more.
                isDeaf = true
                services.giveBack(new.grant)
                return []
            }
            minted = new
            if new.isPerOperation { watch(git.transport, new.grant) } else { kept[key] = new }
        }
        guard let minted else { return [] }
        // A crash of git, or a ^\, would leave the token in a core.
        for holder in git.holders { _ = pm_forbid_core(holder) }
        var attributes = [("username", minted.username), ("password", minted.token)]
        // Newer gits do not use a credential beyond its time, 2.39 passes this over.
        if let expires = minted.expires { attributes.append(("password_expiry_utc", String(expires))) }
        return GitCredential(attributes.map { (name: $0.0, value: $0.1) }).text
    }

    /// The repository that is asked for, if it is one of the run's: exactly its scheme, host and port, and its path.
    private func repository(_ question: GitCredential) -> GitRemote? {
        guard let scheme = question["protocol"], let host = question["host"], let path = question["path"],
            let name = GitRemote.name(path[...])
        else { return nil }
        return repositories.first { $0.isAsked(base: "\(scheme)://\(host.lowercased())", name: name) }
    }

    private func isFresh(_ minted: Minted) -> Bool {
        guard let expires = minted.expires else { return true }
        return time(nil) + Self.margin < expires
    }

    private func watch(_ transport: Int32?, _ grant: String) {
        guard let transport else {
            atEnd.append(grant)
            return
        }
        let process = pm_process_open(transport)
        if process >= 0 {
            operations.append((process, grant))
        } else {
            atEnd.append(grant)
        }
    }

    private static func read(_ connection: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        let deadline = Monotonic.milliseconds + questionTime
        while bytes.count <= GitCredential.maximumSize {
            var wait = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
            let left = deadline - Monotonic.milliseconds
            guard left > 0, poll(&wait, 1, Int32(clamping: left)) >= 0 else { return nil }
            guard wait.revents != 0 else { continue }
            var chunk = [UInt8](repeating: 0, count: 4096)
            let count = Glibc.read(connection, &chunk, chunk.count)
            guard count > 0 else { return count == 0 ? bytes : nil }
            bytes += chunk[..<count]
            if bytes.suffix(2) == [10, 10] { return bytes }
        }
        return nil
    }
}

/// The git that a credential helper works for, found among its ancestors.
struct GitProcess: Equatable {
    /// The process that speaks HTTP: when it has ended, the token is needed no more.
    var transport: Int32?
    /// The processes that get to know the credential: the one that asks, and those that it asks for.
    var holders: [Int32] = []
    /// `fetch` or `push`. What is not known to read only counts as a push: a token for reading would let it fail.
    var operation = "push"

    /// Subcommands that need no more than to read.
    static let reading: Set<String> = [
        "fetch", "clone", "pull", "ls-remote", "fetch-pack", "archive", "submodule", "submodule--helper", "remote",
        "bundle", "lfs-pull",
    ]

    static func find(from process: Int32) -> GitProcess {
        var found = GitProcess()
        var id = process
        for _ in 0..<16 {
            guard let parent = parent(of: id), parent > 1 else { break }
            id = parent
            let words = commandLine(of: id)
            let program = words.first?.split(separator: "/").last.map(String.init) ?? ""
            if program.hasPrefix("git-remote-http") {
                found.transport = id
                found.holders.append(id)
                continue
            }
            let isGit = program == "git"
            guard isGit || program.hasPrefix("git-") else { continue }
            let command = isGit ? subcommand(words) : nil
            if found.holders.isEmpty || !isGit || command == "credential" { found.holders.append(id) }
            // `git remote-https` stands between the subcommand and the program that it starts.
            guard let command, !command.hasPrefix("remote-http"), command != "credential" else { continue }
            found.operation = reading.contains(command) ? "fetch" : "push"
            break
        }
        return found
    }

    /// The first word of git's that is no option, without the values of options that have one.
    static func subcommand(_ words: [String]) -> String? {
        var rest = words.dropFirst()
        while let word = rest.popFirst() {
            if ["-c", "-C", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env"].contains(word) {
                rest = rest.dropFirst()
            } else if !word.hasPrefix("-") {
                return word
            }
        }
        return nil
    }

    private static func parent(of process: Int32) -> Int32? {
        // The name in brackets may hold anything, so fields are counted from its end (proc(5)).
        guard let text = contents("/proc/\(process)/stat"), let end = text.lastIndex(of: UInt8(ascii: ")")) else {
            return nil
        }
        let fields = text[text.index(after: end)...].split(separator: UInt8(ascii: " "))
        return fields.count > 1 ? Int32(String(decoding: fields[1], as: UTF8.self)) : nil
    }

    private static func commandLine(of process: Int32) -> [String] {
        (contents("/proc/\(process)/cmdline") ?? []).split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private static func contents(_ path: String) -> [UInt8]? {
        guard let file = Descriptor.open(Path(path), O_RDONLY) else { return nil }
        return file.readAll(limit: 1 << 20)
    }
}

/// Addresses of Unix sockets.
enum UnixAddress {
    /// Calls `body` with the address of `path`; -1 when it is too long for one.
    static func with(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8) + [0]
        guard bytes.count <= MemoryLayout.size(ofValue: address.sun_path) else {
            errno = ENAMETOOLONG
            return -1
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

/// The other side: a credential helper that asks the broker.
package enum GitQuestion {
    /// Milliseconds that an answer may take: the server may wait for GitHub.
    package static let patience = 60_000

    /// Asks the broker at `socket`; nil when nobody answers, or with nothing.
    package static func ask(_ socket: String, _ question: GitCredential) -> GitCredential? {
        let connection = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard connection >= 0 else { return nil }
        let descriptor = Descriptor(connection)
        guard UnixAddress.with(socket, { connect(descriptor.number, $0, $1) }) == 0 else { return nil }
        let text = question.text
        let sent = text.withUnsafeBytes {
            send(descriptor.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        guard sent == text.count else { return nil }
        var bytes: [UInt8] = []
        let deadline = Monotonic.milliseconds + patience
        while bytes.count <= GitCredential.maximumSize {
            var wait = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
            let left = deadline - Monotonic.milliseconds
            guard left > 0, poll(&wait, 1, Int32(clamping: left)) >= 0 else { return nil }
            guard wait.revents != 0 else { continue }
            var chunk = [UInt8](repeating: 0, count: 4096)
            let count = Glibc.read(descriptor.number, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        guard let answer = GitCredential(parsing: bytes), answer["password"] != nil else { return nil }
        return answer
    }
}
