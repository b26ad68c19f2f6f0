internal import Foundation
internal import JSONText
internal import RawHTTP
internal import RunModel
internal import SealingKit
internal import ServerKit
internal import ServerLaunch
internal import ServerStore
internal import ServerTestSupport
internal import Synchronization
internal import Testing

/// The program as people start it.
@Suite(.serialized) struct ProcessTests {
    @Test func firstStartMakesWhatIsNeededAndTheSecondKeepsIt() throws {
        let directory = try ServerProcess.newDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let first = try ServerProcess(directory)
        #expect(first.output.contains("/sign-in/link?token=pmi_"))
        let kek = directory.appendingPathComponent("kek")
        let mode = try FileManager.default.attributesOfItem(atPath: kek.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let second = try ServerProcess.run(directory, ["serve", "--listen", "127.0.0.1:0"])
        #expect(second.status == 1 && second.output.contains("another server uses this directory"))
        let link = try ServerProcess.run(directory, ["sign-in-link", "owner" + "@" + "localhost"])
        #expect(link.status == 0 && link.output.contains("token=pmi_"))
        #expect(try ServerProcess.run(directory, ["sign-in-link", "nobody" + "@" + "localhost"]).status == 1)
        #expect(
            try ServerProcess.run(directory, ["organization", "create", "second", "a" + "@" + "b.example"]).status == 0)
        #expect(try ServerProcess.run(directory, ["organization", "list"]).output.split(separator: "\n").count == 2)
        #expect(first.stop() == 0)
        let again = try ServerProcess(directory)
        #expect(!again.output.contains("sign in once"))
        #expect(again.stop() == 0)
        // A database without its keys is not given new ones.
        try FileManager.default.removeItem(at: kek)
        let without = try ServerProcess.run(directory, ["serve", "--listen", "127.0.0.1:0"])
        #expect(without.status == 1 && without.output.contains("restore it"))
        #expect(!FileManager.default.fileExists(atPath: kek.path))
    }

    @Test func openDirectoryAndBadConfigurationAreRefused() throws {
        let directory = try ServerProcess.newDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.path)
        let open = try ServerProcess.run(directory, ["serve", "--listen", "127.0.0.1:0"])
        #expect(open.status == 1 && !open.output.contains("listening"))
        #expect(try ServerProcess.run(directory, ["config", "check", "--listen", "x"]).status == 2)
        #expect(try ServerProcess.run(directory, ["verify"]).status == 1)
    }

    @Test func stopsInTimeWithOpenStreamsAndEndsThemProperly() async throws {
        let setup = try await Setup(runners: 1)
        let server = try ServerProcess(setup.directory)
        let log = try RunLog.make(3, isOpen: true)
        let socket = try HTTPSocket(port: server.port)
        try setup.makeRun(log, socket, setup.tokens[0])
        let stream = try HTTPSocket(port: server.port)
        stream.send(
            "GET /api/v1/runs/\(log.id)/stream HTTP/1.1\r\nHost: x\r\n\(bearerLine(setup.tokens[0]))\r\n")
        _ = try stream.read(until: "event: snapshot")
        let start = ContinuousClock.now
        #expect(server.stop() == 0)
        #expect(ContinuousClock.now - start < .seconds(10))
        // The chunk of length 0 says that nothing was cut off.
        #expect(String(decoding: try stream.readAll(), as: UTF8.self).hasSuffix("0\r\n\r\n"))
    }

    @Test func secretsStayOutOfTheLog() async throws {
        let setup = try await Setup(runners: 1)
        let server = try ServerProcess(setup.directory, ["--log-level", "trace"])
        let socket = try HTTPSocket(port: server.port)
        let runner = bearer(setup.tokens[0])
        for path in [
            "/\(secret)", "/api/v1/runs/\(secret)", "/api/v1/runs?status=\(secret)", "/sign-in/link?token=\(secret)",
        ] {
            _ = try socket.request("GET", path, runner)
        }
        _ = try socket.request("GET", "/api/v1/runner", bearer(secret))
        _ = try socket.request(
            "GET", "/healthz",
            [
                "User-Agent": secret, "Referer": "https://x.example/?\(secret)",
                "Cookie": ["a", secret].joined(separator: "="),
            ])
        _ = try socket.request(secret, "/healthz")
        let broken = try HTTPSocket(port: server.port)
        broken.send("GET /\(secret) HTTP/9.9\r\n\(secret)\r\n\r\n")
        _ = try broken.readAll()
        let metrics = try HTTPSocket(port: server.port).request("GET", "/metrics")
        #expect(
            metrics.status == 200 && !metrics.text.contains(secret)
                && metrics.text.contains("pipemason_http_requests_total"))
        // Through a proxy that nobody named, the reader's address is not known.
        let proxied = try HTTPSocket(port: server.port).request("GET", "/metrics", ["X-Forwarded-For": "203.0.113.9"])
        #expect(proxied.status == 404)
        #expect(server.stop() == 0)
        let log = try String(contentsOf: setup.directory.appendingPathComponent("log"), encoding: .utf8)
        #expect(
            log.contains("\"route\":\"/api/v1/runs/:id\"") && !log.contains(secret) && !log.contains(setup.tokens[0]))
    }

    @Test func backupOfARunningServerVerifiesAndADamagedOneDoesNot() async throws {
        let setup = try await Setup(runners: 1)
        let server = try ServerProcess(setup.directory)
        let log = try RunLog.make(40)
        let socket = try HTTPSocket(port: server.port)
        try setup.makeRun(log, socket, setup.tokens[0])
        #expect(try setup.send(log, 1...log.lines.count, socket, setup.tokens[0]) == log.lines.count + 1)
        let backup = setup.directory.appendingPathComponent("backup.sqlite")
        #expect(try ServerProcess.run(setup.directory, ["backup", backup.path]).status == 0)
        #expect(try ServerProcess.run(setup.directory, ["backup", backup.path]).status == 1)
        let verified = try ServerProcess.run(setup.directory, ["verify", "--backup", backup.path])
        #expect(
            verified.status == 0 && verified.output.contains("1 runs, 42 events, 0 artifacts, 0 problems"),
            "\(verified.output)")
        #expect(server.stop() == 0)
        // One byte of one line.
        var bytes = try Data(contentsOf: backup)
        let place = try #require(bytes.range(of: Data("line 17".utf8)))
        bytes[place.lowerBound] = UInt8(ascii: "L")
        try bytes.write(to: backup)
        let damaged = try ServerProcess.run(setup.directory, ["verify", "--backup", backup.path])
        #expect(damaged.status == 1 && damaged.output.contains("event 19: wrong hash"), "\(damaged.output)")
    }

    @Test func keysAreRotatedUnderARunningServer() async throws {
        let setup = try await Setup(runners: 1)
        let server = try ServerProcess(setup.directory)
        let log = try RunLog.make(3)
        let socket = try HTTPSocket(port: server.port)
        try setup.makeRun(log, socket, setup.tokens[0])
        let body = Array("an artifact".utf8)
        let path = "/api/v1/runs/\(log.id)/artifacts/\(ChainHash(of: body.span))"
        let runner = bearer(setup.tokens[0]).merging(["Content-Type": "text/plain"]) { $1 }
        #expect(try socket.request("PUT", path + "?name=a", runner, body).status == 201)
        func keys(_ arguments: String...) throws -> String {
            let done = try ServerProcess.run(setup.directory, ["keys"] + arguments)
            #expect(done.status == 0, "\(done.output)")
            return done.output
        }
        let organization = try #require(
            ServerProcess.run(setup.directory, ["organization", "list"]).output.split(separator: " ").first.map(
                String.init))
        #expect(try keys("rotate-kek", "--drop-unused").contains("2 rows are now wrapped"))
        #expect(try keys("rotate-org", organization).contains("version 2"))
        #expect(try keys("reseal", organization).contains("2 resealed"))
        #expect(try keys("status").contains(" open "))
        // The server goes on with what it has, and a new one opens everything with the new keys.
        #expect(try socket.request("GET", path, runner).body == body)
        #expect(server.stop() == 0)
        let verified = try ServerProcess.run(setup.directory, ["verify"])
        #expect(verified.status == 0 && verified.output.contains("1 artifacts, 0 problems"), "\(verified.output)")
        let again = try ServerProcess(setup.directory)
        #expect(try HTTPSocket(port: again.port).request("GET", path, runner).body == body)
        #expect(again.stop() == 0)
    }

    @Test func speaksTLS() throws {
        let directory = try ServerProcess.newDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let (certificate, key) = (directory.path + "/cert.pem", directory.path + "/key.pem")
        let openssl = try Process.run(
            URL(fileURLWithPath: "/usr/bin/env"),
            arguments: [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "1",
                "-subj", "/CN=localhost", "-keyout", key, "-out", certificate,
            ])
        openssl.waitUntilExit()
        let server = try ServerProcess(directory, ["--tls-certificate", certificate, "--tls-key", key])
        #expect(server.address.hasPrefix("https://"))
        let client = Process()
        client.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        client.arguments = [
            "python3", "-c",
            """
            import ssl, sys, urllib.request
            context = ssl.create_default_context(cafile=sys.argv[2]); context.check_hostname = False
            answer = urllib.request.urlopen(sys.argv[1] + "/healthz", context=context)
            print(answer.headers["Strict-Transport-Security"], answer.read().decode())
            """, server.address, certificate,
        ]
        let pipe = Pipe()
        client.standardOutput = pipe
        try client.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        client.waitUntilExit()
        #expect(output == "max-age=31536000 ok\n\n")
        #expect(server.stop() == 0)
    }

    /// Kills the server under load, again and again. PIPEMASON_KILLS says how often; without it, a few times.
    @Test func killedServerHasEverythingThatItAcknowledged() async throws {
        let kills = ProcessInfo.processInfo.environment["PIPEMASON_KILLS"].flatMap { Int($0) } ?? 5
        let setup = try await Setup(runners: 8)
        // Below the ports that the system gives out: nobody else may answer there while the server is gone.
        let port = Int.random(in: 20_000..<32_000)
        var server = try ServerProcess(setup.directory, port: port)
        let isOver = Mutex(false)
        let senders = try setup.tokens.map { token in
            let sender = Sender(
                setup: setup, token: token, port: port, log: try RunLog.make(40 * kills + 400, isOpen: true))
            Thread.detachNewThread { sender.run { isOver.withLock { $0 } } }
            return sender
        }
        for kill in 0..<kills {
            usleep(UInt32.random(in: 50_000...400_000))
            server.kill()
            // Some starts do not live to see a request.
            server = try ServerProcess(setup.directory, port: port)
            if kill % 7 == 3 { continue }
            usleep(100_000)
        }
        isOver.withLock { $0 = true }
        for sender in senders { sender.wait() }
        #expect(server.stop() == 0)
        let verified = try ServerProcess.run(setup.directory, ["verify"])
        #expect(verified.status == 0 && verified.output.contains(" 0 problems"), "\(verified.output)")

        let last = try ServerProcess(setup.directory, port: port)
        var acknowledged = 0
        for sender in senders {
            acknowledged += sender.acknowledged
            let (next, head) = try setup.standing(sender.log, HTTPSocket(port: port), sender.token)
            #expect(next > sender.acknowledged)
            // The chain goes back to the first event, so its head says that all lines are the runner's.
            #expect(head == (next == 1 ? ChainHash.zero : sender.log.lines[next - 2].hash).description)
        }
        #expect(acknowledged > 0)
        print("killed \(kills) times; \(acknowledged) events acknowledged; \(verified.output)", terminator: "")
        #expect(last.stop() == 0)
    }
}

/// A data directory with an organization and runners, made without a server.
private final class Setup: Sendable {
    let directory: URL
    let tokens: [String]

    init(runners: Int) async throws {
        directory = try ServerProcess.newDirectory()
        let data = DataDirectory(path: directory.path)
        try data.prepare()
        try data.prepareKeks(isEmpty: true)
        let keks = try data.keks()
        let store = try data.open()
        let plane = try ControlPlane(
            store: store, keks: { keks }, settings: ServerSettings(publicURL: "http://127.0.0.1"), mailer: NoMailer())
        let owner = "owner" + "@" + "localhost"
        _ = try await plane.createOrganization(name: "acme", ownerEmail: owner)
        let signedIn = try #require(try await Tenant.signIn(plane, owner))
        var tokens: [String] = []
        for number in 0..<runners {
            tokens.append(try await plane.createRunnerToken(signedIn.scope, name: "runner \(number)", days: nil).text)
        }
        self.tokens = tokens
        try store.close()
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    func makeRun(_ log: RunLog, _ socket: HTTPSocket, _ token: String) throws { _ = try next(log, socket, token) }

    /// Makes the run, or finds it; returns the number that comes next.
    func next(_ log: RunLog, _ socket: HTTPSocket, _ token: String) throws -> Int {
        try standing(log, socket, token).next
    }

    func standing(_ log: RunLog, _ socket: HTTPSocket, _ token: String) throws -> (next: Int, head: String) {
        let answer = try socket.request(
            "PUT", "/api/v1/runs/\(log.id)", bearer(token).merging(["Content-Type": "application/json"]) { $1 },
            Array(#"{"title":"make test"}"#.utf8))
        guard answer.status < 300, let next = number("next_seq", in: answer.text) else {
            throw HTTPSocket.Failure.malformed
        }
        let head = answer.text.components(separatedBy: "\"head\":\"").last?.prefix(64)
        return (next, String(head ?? ""))
    }

    /// Sends lines; returns the number that comes next, or nil when they were not accepted now.
    func send(_ log: RunLog, _ range: ClosedRange<Int>, _ socket: HTTPSocket, _ token: String) throws -> Int? {
        let answer = try socket.request(
            "POST", "/api/v1/runs/\(log.id)/events",
            bearer(token).merging([
                "Content-Type": "application/x-ndjson", "Pipemason-First-Seq": String(range.lowerBound),
            ]) { $1 }, Array(log.body(range).readableBytesView))
        guard answer.status == 200 else {
            // Asked to wait, or the store is just opening: nothing else is right here.
            guard [429, 503].contains(answer.status) else { throw HTTPSocket.Failure.malformed }
            return nil
        }
        return number("next_seq", in: answer.text)
    }

    private func number(_ name: String, in text: String) -> Int? {
        text.components(separatedBy: "\"\(name)\":").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) }
    }
}

/// A runner that sends its log and comes back whenever the server is gone.
private final class Sender: @unchecked Sendable {
    // SAFETY: its state is touched by its thread alone until `wait` has returned, which the semaphore orders.
    let setup: Setup
    let token: String
    let port: Int
    let log: RunLog
    /// The number of the last event that the server said it has.
    private(set) var acknowledged = 0
    private let done = DispatchSemaphore(value: 0)

    init(setup: Setup, token: String, port: Int, log: RunLog) {
        self.setup = setup
        self.token = token
        self.port = port
        self.log = log
    }

    func run(until isOver: () -> Bool) {
        while !isOver() {
            do { try session(until: isOver) } catch { usleep(10_000) }
        }
        done.signal()
    }

    func wait() { done.wait() }

    /// One connection's life.
    private func session(until isOver: () -> Bool) throws {
        let socket = try HTTPSocket(port: port)
        var next = try setup.next(log, socket, token)
        if next <= acknowledged { Issue.record("event \(acknowledged) was acknowledged, and \(next) comes next") }
        while !isOver(), next <= log.lines.count {
            let last = min(next + 19, log.lines.count)
            guard let following = try setup.send(log, next...last, socket, token) else {
                usleep(50_000)
                continue
            }
            acknowledged = following - 1
            next = following
        }
        if next > log.lines.count { usleep(20_000) }
    }
}
