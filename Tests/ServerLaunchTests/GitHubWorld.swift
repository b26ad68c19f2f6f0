internal import Foundation
internal import GitHubStandIn
internal import JSONText
internal import OpenSSLEngine
internal import PostgresTestSupport
internal import RawHTTP
internal import ServerKit
internal import ServerTestSupport
internal import Testing

/// Everything that is real: the server's process, `pipemason` with its link and its broker, git over HTTP at the stand-in, and a person whose
/// GitHub is connected.
final class GitHubWorld: @unchecked Sendable {
    // SAFETY: one test has it, and waits for each step before the next.
    let standIn: GitHubStandIn
    /// All files of the world lie in here.
    let root: URL
    private(set) var server: ServerProcess
    /// Another server on the same database.
    private(set) var other: ServerProcess?
    /// The name of the database, when it is PostgreSQL's.
    private let database: String?
    private let port: Int
    private let arguments: [String]
    private(set) var cookie = ""
    /// The token of the runner.
    private(set) var runner = ""

    static let program = ServerProcess.program.deletingLastPathComponent().appendingPathComponent("pipemason")

    init(
        _ mode: GitTokenMode = .installation, connects: Bool = true, onPostgres: Bool = false,
        _ change: (inout GitHubStandIn.Options) -> Void = { _ in }
    ) async throws {
        let handle = try await GitHubHandle.start(mode, hasContent: true, change)
        standIn = try #require(handle.standIn)
        root = FileManager.default.temporaryDirectory.appendingPathComponent("pipemason-\(UUID().uuidString)")
        for name in ["home", "work", "data"] {
            try FileManager.default.createDirectory(
                at: root.appendingPathComponent(name), withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        }
        let secret = root.appendingPathComponent("client-secret")
        let key = root.appendingPathComponent("app-key.pem")
        for (file, bytes) in [(secret, Array(standIn.clientSecret.utf8)), (key, try standIn.appKey.pem)] {
            #expect(
                FileManager.default.createFile(
                    atPath: file.path, contents: Data(bytes), attributes: [.posixPermissions: 0o600]))
        }
        var arguments = [
            "--github-url", standIn.url, "--github-client-id", standIn.clientID, "--github-client-secret-file",
            secret.path, "--log-level", "trace",
        ]
        if mode.isPerOperation { arguments += ["--github-app-id", standIn.appID] }
        if mode == .installation { arguments += ["--github-app-key-file", key.path] }
        database = onPostgres ? try PostgresCluster.shared.get().newDatabase() : nil
        if let database {
            // The second server is given the keys of the first.
            arguments += [
                "--database", try PostgresCluster.shared.get().uri(database), "--kek-file",
                root.appendingPathComponent("kek").path,
            ]
        }
        self.arguments = arguments
        port = try Self.freePort()
        server = try ServerProcess(root.appendingPathComponent("data"), port: port, arguments)
        // The user keeps credentials in a file: whatever git tells its helpers would be written there.
        let config = """
            [user]
                name = A
                email = \("a" + "@" + "acme.example")
            [credential]
                helper = store
            """
        try Data(config.utf8).write(to: home.appendingPathComponent(".gitconfig"))
        try await signIn()
        if connects { try await connect() }
        try await pair()
    }

    deinit {
        server.kill()
        other?.kill()
        if let database { try? PostgresCluster.shared.get().dropDatabase(database) }
        try? FileManager.default.removeItem(at: root)
    }

    var home: URL { root.appendingPathComponent("home") }
    var work: URL { root.appendingPathComponent("work") }
    /// Where the stand-in has a repository for git.
    func address(_ name: String) -> String { "\(standIn.url)/\(name).git" }

    /// Starts the server again after it was killed.
    func restart() throws { server = try ServerProcess(root.appendingPathComponent("data"), port: port, arguments) }

    /// Starts a second server on the database.
    func startOther() throws {
        let directory = root.appendingPathComponent("data-2")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        other = try ServerProcess(directory, port: try Self.freePort(), arguments)
    }

    // MARK: - What people do

    private func signIn() async throws {
        let link =
            server.output.split(whereSeparator: \.isWhitespace).first { $0.contains("/sign-in/link?token=") } ?? ""
        let token = Tenant.token(in: String(link))
        let answer = try await page("POST", "/sign-in/link", form: "token=\(token)")
        let cookies = (answer.headers["set-cookie"] ?? "").split(separator: "\n")
        cookie = String((cookies.first { $0.hasPrefix("__Host-pipemason=") } ?? "").prefix { $0 != ";" })
        #expect(cookie.hasPrefix("__Host-pipemason="), "\(answer.text)")
    }

    func connect() async throws {
        let begun = try await page("POST", "/settings/github/connect", form: "")
        let fields = try await standIn.answer(toBrowserAt: begun.headers["location"] ?? "")
        let back = try await page("GET", "/github/callback?code=\(fields["code"] ?? "")&state=\(fields["state"] ?? "")")
        #expect(back.headers["location"] == "/settings/github?outcome=connected", "\(back.text)")
    }

    private func pair() async throws {
        let made = try await apart { [self] in
            try HTTPSocket(port: port).request(
                "POST", "/api/v1/runner-tokens",
                ["Cookie": cookie, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"],
                Array(#"{"name":"desk"}"#.utf8))
        }
        runner = made.text.split(separator: "\"").map(String.init).first { $0.hasPrefix("pmr_") } ?? ""
        let login = try await pipemason(
            ["login", "--server", "http://127.0.0.1:\(port)", "--token-fd", "0"], input: runner + "\n")
        #expect(login.status == 0, "\(login.output)")
    }

    func page(_ method: String, _ path: String, form: String? = nil) async throws -> HTTPSocket.Answer {
        try await apart { [self] in
            var headers = ["Cookie": cookie, "Sec-Fetch-Site": "same-origin"]
            if form != nil { headers["Content-Type"] = "application/x-www-form-urlencoded" }
            return try HTTPSocket(port: port, timeout: 60).request(method, path, headers, Array((form ?? "").utf8))
        }
    }

    /// A request of the runner's, at the first server if no other is named.
    func api(
        _ method: String, _ path: String, json: String? = nil, at server: ServerProcess? = nil
    ) async throws -> HTTPSocket.Answer {
        let port = server?.port ?? port
        return try await apart { [self] in
            var headers = bearer(runner)
            if json != nil { headers["Content-Type"] = "application/json" }
            return try HTTPSocket(port: port, timeout: 60).request(method, path, headers, Array((json ?? "").utf8))
        }
    }

    /// Does what waits on a thread of its own: the stand-in runs in this process, and needs those of the pool.
    private func apart<Value: Sendable>(_ work: @Sendable @escaping () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Swift.Result { try work() }) }.start()
        }
    }

    /// Sends a request of the runner's, and does not wait for its answer.
    func begin(_ method: String, _ path: String, json: String) throws -> HTTPSocket {
        let socket = try HTTPSocket(port: port)
        socket.send(
            "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\(bearerLine(runner))"
                + "Content-Length: \(json.utf8.count)\r\n\r\n\(json)")
        return socket
    }

    // MARK: - Programs

    struct Result: Sendable {
        let status: Int32
        let output: String
    }

    /// Runs `pipemason`; looks meanwhile at every process's arguments and environment for tokens.
    func pipemason(
        _ arguments: [String], in directory: URL? = nil, input: String = "", environment: [String: String] = [:]
    ) async throws -> Result {
        try await apart { [self] in
            try runProgram(arguments, in: directory, input: input, environment: environment)
        }
    }

    private func runProgram(
        _ arguments: [String], in directory: URL?, input: String, environment: [String: String]
    ) throws -> Result {
        let process = Process()
        process.executableURL = Self.program
        process.arguments = arguments
        process.currentDirectoryURL = directory ?? work
        process.environment = [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": home.path,
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
        ].merging(environment) { _, new in new }
        let output = root.appendingPathComponent("output-\(UUID().uuidString)")
        let typed = root.appendingPathComponent("input")
        try Data(input.utf8).write(to: typed)
        #expect(FileManager.default.createFile(atPath: output.path, contents: nil))
        let writing = try FileHandle(forWritingTo: output)
        process.standardInput = try FileHandle(forReadingFrom: typed)
        process.standardOutput = writing
        process.standardError = writing
        try process.run()
        while process.isRunning {
            lookAtProcesses()
            usleep(5000)
        }
        process.waitUntilExit()
        let text = String(decoding: try Data(contentsOf: output), as: UTF8.self)
        try FileManager.default.removeItem(at: typed)
        return Result(status: process.terminationStatus, output: text)
    }

    /// Runs a command with `pipemason run`.
    func run(
        _ command: String, in directory: URL? = nil, _ options: [String] = [], environment: [String: String] = [:]
    ) async throws -> Result {
        try await pipemason(
            ["run", "--no-tty"] + options + ["--", "sh", "-c", command], in: directory, environment: environment)
    }

    // MARK: - The search for tokens

    /// Processes that had a token in arguments or environment.
    private(set) var exposed: Set<String> = []
    /// Programs of ours that could leave a core while they had a token.
    private(set) var dumpable: Set<String> = []
    /// Programs that were seen, to know that looking works.
    private(set) var seen: Set<String> = []
    private var firstSeen: [String: ContinuousClock.Instant] = [:]

    private func lookAtProcesses() {
        let needles = needles
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc") else { return }
        for name in names where Int(name) != nil {
            guard let words = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else { continue }
            let line = String(decoding: words, as: UTF8.self).split(separator: "\0").joined(separator: " ")
            for file in ["cmdline", "environ"] {
                guard let data = FileManager.default.contents(atPath: "/proc/\(name)/\(file)") else { continue }
                if needles.contains(where: { data.range(of: $0) != nil }) { exposed.insert("\(file) of \(line)") }
            }
            for own in ["git-broker", "git-credential", "pipemason-link"]
            where line.contains(own) && !line.hasPrefix("/bin/sh") {
                guard !line.contains("sh -c") else { continue }
                seen.insert(own)
                let core = Self.coreLimit(of: name)
                // A process that has only just begun has not got to it, and has no token yet.
                let since = firstSeen[name] ?? ContinuousClock.now
                firstSeen[name] = since
                let isOld = ContinuousClock.now - since > .seconds(1)
                if isOld, let core, core != "0" { dumpable.insert(own) }
            }
        }
    }

    /// The soft limit of the cores of a process, in bytes.
    private static func coreLimit(of process: String) -> String? {
        let limits = FileManager.default.contents(atPath: "/proc/\(process)/limits").map {
            String(decoding: $0, as: UTF8.self)
        }
        let core = limits?.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
        return core?.split(separator: " ").dropFirst(4).first.map(String.init)
    }

    /// Waits until git has used a token, and lets the process that has it crash. Returns the limit of its cores.
    func crashGit() async throws -> String? {
        try await apart { [self] in
            let before = standIn.count("git authorized")
            for _ in 0..<2000 {
                if standIn.count("git authorized") > before, let git = Self.transport(to: standIn.url) {
                    let limit = Self.coreLimit(of: String(git))
                    Foundation.kill(git, SIGABRT)
                    return limit
                }
                usleep(5000)
            }
            return nil
        }
    }

    private static func transport(to address: String) -> Int32? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.lazy.compactMap { Int32($0) }.first { process in
            guard let words = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return false }
            let line = String(decoding: words, as: UTF8.self).split(separator: "\0")
            return line.first?.hasSuffix("git-remote-http") == true && line.contains { $0.hasPrefix(address) }
        }
    }

    /// Every token as it is, and as the header of HTTP carries it.
    private var needles: [Data] {
        standIn.issued.flatMap { token in
            [Data(token.utf8), Data(Data("x-access-token:\(token)".utf8).base64EncodedString().utf8)]
        }
    }

    /// Files of the world in which a token stands.
    func filesWithTokens() -> [String] {
        let needles = needles
        var found: [String] = []
        var count = 0
        guard let files = FileManager.default.enumerator(atPath: root.path) else { return ["nothing to look at"] }
        for case let name as String in files {
            guard let data = FileManager.default.contents(atPath: root.appendingPathComponent(name).path) else {
                continue
            }
            count += 1
            if needles.contains(where: { data.range(of: $0) != nil }) { found.append(name) }
        }
        return count > 15 ? found : ["only \(count) files"]
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        try #require(status)
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
