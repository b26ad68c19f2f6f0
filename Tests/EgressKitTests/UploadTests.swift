import Foundation
import Gzip
import RunModel
import Testing

@testable import EgressKit

/// The programs, if they are there.
enum Programs {
    static let areRequired = ProcessInfo.processInfo.environment["PIPEMASON_REQUIRE_PEERS"] == "1"

    /// `pipemason` with `pipemason-link` beside it.
    static let pipemason: String? = {
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path
        let named = ProcessInfo.processInfo.environment["PIPEMASON_BINARY"]
        return [named, bundle + "/pipemason"].compactMap { $0 }.first { candidate in
            let directory = URL(fileURLWithPath: candidate).deletingLastPathComponent().path
            return [candidate, directory + "/pipemason-link"].allSatisfy(FileManager.default.isExecutableFile(atPath:))
        }
    }()

    static let python: String = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let peer = root + "/.build/peers/bin/python"
        return FileManager.default.isExecutableFile(atPath: peer) ? peer : "/usr/bin/python3"
    }()
}

extension Trait where Self == ConditionTrait {
    /// Needs both programs; skipped without them, unless PIPEMASON_REQUIRE_PEERS is set.
    static var needsLink: Self {
        .enabled(
            if: Programs.areRequired || Programs.pipemason != nil, "build the products pipemason and pipemason-link")
    }
}

/// A server in a process of its own: server.py.
final class TestServer {
    let directory: String
    private(set) var port = 0
    private var process = Process()

    /// - Parameter certificate: With it, the server speaks TLS.
    init(_ certificate: Certificates.Pair? = nil) throws {
        directory = NSTemporaryDirectory() + "/server-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        if let certificate {
            try FileManager.default.copyItem(atPath: certificate.certificate, toPath: directory + "/cert.pem")
            try FileManager.default.copyItem(atPath: certificate.key, toPath: directory + "/key.pem")
        }
        let token = try Tool.run(["token", "new"]).output
        try token.write(toFile: directory + "/token", atomically: true, encoding: .utf8)
        try start()
    }

    /// Starts it on the same port as before.
    func start() throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: Programs.python)
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("server.py")
        process.arguments = [script.path, directory] + (port == 0 ? [] : ["\(port)"])
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let line = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
        port = try #require(Int(line.trimmingCharacters(in: .whitespacesAndNewlines)))
    }

    func kill() {
        guard process.isRunning else { return }
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitForEnd()
    }

    var address: String { "http://127.0.0.1:\(port)" }

    func set(_ name: String, _ text: String = "") throws {
        try text.write(toFile: directory + "/" + name, atomically: true, encoding: .utf8)
    }

    func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: directory + "/" + name) }

    /// The lines that it has of a run.
    func lines(_ run: RunID) -> [UInt8] {
        (FileManager.default.contents(atPath: directory + "/run-\(run)")).map { [UInt8]($0) } ?? []
    }

    struct Request {
        var method, path, digest: String
        var bytes: Int
        var time: Double
        var headers: [String: String]
    }

    func requests() throws -> [Request] {
        let text = (try? String(contentsOfFile: directory + "/requests", encoding: .utf8)) ?? ""
        return try text.split(separator: "\n").map { line in
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            return Request(
                method: object["method"] as! String, path: object["path"] as! String,
                digest: object["sha256"] as! String,
                bytes: object["bytes"] as! Int, time: object["at"] as! Double,
                headers: object["headers"] as! [String: String])
        }
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: directory)
    }
}

/// Runs `pipemason`.
enum Tool {
    struct Result {
        var status: Int32
        var output: String
        var errors: String
    }

    static func process(
        _ arguments: [String], home: String? = nil, directory: String? = nil, environment: [String: String] = [:]
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Programs.pipemason))
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin", "HOME": home ?? "/nonexistent"].merging(environment) { $1 }
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        return process
    }

    static func run(
        _ arguments: [String], home: String? = nil, directory: String? = nil, environment: [String: String] = [:]
    ) throws -> Result {
        let process = try process(arguments, home: home, directory: directory, environment: environment)
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let messages = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitForEnd()
        return Result(
            status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: messages, as: UTF8.self))
    }
}

/// A paired machine: a server, a home with credentials, a run.
final class PairedMachine {
    let server: TestServer
    let files: RunFiles
    let home: String

    init() throws {
        server = try TestServer()
        files = try RunFiles()
        home = files.root + "/home"
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        try server.set("approved")
        let result = try Tool.run(["login", "--server", server.address, "--name", "desk"], home: home)
        #expect(result.status == 0, "\(result.errors)")
    }

    func push(_ arguments: String...) throws -> Tool.Result {
        try Tool.run(["egress", "push"] + arguments, home: home, directory: files.root)
    }

    func show(_ arguments: String...) throws -> Tool.Result {
        try Tool.run(["egress", "show"] + arguments, home: home, directory: files.root)
    }

    /// Starts the uploader of a run that goes on.
    func upload(wait: Int = 30) throws -> Uploader { try Uploader(self, wait: wait) }

    func ledger() throws -> [EgressLedger.Entry] {
        let text = try String(contentsOfFile: files.root + "/.pipeline/egress.jsonl", encoding: .utf8)
        return try text.split(separator: "\n").map { try EgressLedger.parse(Array($0.utf8).span) }
    }
}

/// `pipemason upload`, as `pipemason run` starts it.
final class Uploader {
    let process: Process
    private let input = Pipe()
    private let output = Pipe()
    private var text = ""

    init(_ machine: PairedMachine, wait: Int) throws {
        process = try Tool.process(
            ["upload", "--run-directory", machine.files.directory, "--wait", "\(wait)"], home: machine.home)
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    /// Says that the run is over, waits for the end and returns what came.
    func finish() throws -> (status: Int32, lines: [String]) {
        try input.fileHandleForWriting.close()
        text += String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitForEnd()
        return (process.terminationStatus, text.split(separator: "\n").map(String.init))
    }

    /// Reads until a line holds `part`.
    func wait(for part: String) {
        while !text.contains(part) {
            let data = output.fileHandleForReading.availableData
            if data.isEmpty { return }
            text += String(decoding: data, as: UTF8.self)
        }
    }

    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitForEnd()
    }
}

@Suite("Uploads to a server", .needsLink, .serialized)
struct UploadTests {
    @Test("A finished run arrives whole, once, with receipts, and the ledger has every request before it was made")
    func whole() throws {
        let machine = try PairedMachine()
        try machine.files.start()
        try machine.files.output(2500)
        try machine.files.finish()
        let pushed = try machine.push()
        #expect(pushed.status == 0 && pushed.output == "\(machine.files.run) delivered\n", "\(pushed.errors)")
        #expect(machine.server.lines(machine.files.run) == machine.files.bytes)
        let ledger = try machine.ledger()
        let requests = try machine.server.requests().filter { $0.path.contains("/runs/") }
        #expect(ledger.map(\.path) == requests.map(\.path))
        #expect(ledger.map { "\($0.digest)" } == requests.map(\.digest))
        #expect(ledger.map(\.bytes) == requests.map(\.bytes))
        for (entry, request) in zip(ledger, requests) {
            #expect(Double(entry.time.microseconds) / 1e6 <= request.time)
        }
        #expect(ledger.compactMap(\.sequences) == [1...1000, 1001...2000, 2001...2502])
        let receipts = try String(contentsOfFile: machine.files.directory + "/receipts.jsonl", encoding: .utf8)
        #expect(receipts.split(separator: "\n").count == 3)
        // What was sent can be printed again, byte for byte.
        let shown = try machine.show("--bytes")
        let events =
            shown.output.split(separator: "\n").filter { $0.hasPrefix("{\"v\":1") }.joined(separator: "\n") + "\n"
        #expect(Array(events.utf8) == machine.files.bytes)
        // Nothing is left, and a second push sends nothing.
        #expect(try machine.push().output.isEmpty)
        #expect(try machine.server.requests().filter { $0.path.contains("/runs/") }.count == requests.count)
        // The token went nowhere but into its header.
        let token = try String(contentsOfFile: machine.server.directory + "/token", encoding: .utf8).prefix(53)
        for path in ["/.pipeline/egress.jsonl", "/home/.pipemason/egress.jsonl"] {
            #expect(try !String(contentsOfFile: machine.files.root + path, encoding: .utf8).contains(token))
        }
    }

    @Test(
        "Every trouble on the way ends with each line there once",
        arguments: [
            "503", "503 1", "429 1", "drop", "lose", "gap", "413", "garbage", "slow", "drop\nlose\n503\ngap",
            "lose\nlose\nlose",
        ])
    func troubles(_ faults: String) throws {
        let machine = try PairedMachine()
        try machine.files.start()
        try machine.files.output(1500)
        try machine.files.finish()
        try machine.server.set("faults", faults)
        let pushed = try machine.push()
        #expect(pushed.status == 0, "\(pushed.errors)")
        #expect(machine.server.lines(machine.files.run) == machine.files.bytes)
    }

    @Test("Retry-After is obeyed")
    func retryAfter() throws {
        let machine = try PairedMachine()
        try machine.files.start()
        try machine.files.finish()
        try machine.server.set("faults", "429 3")
        #expect(try machine.push().status == 0)
        let times = try machine.server.requests().filter { $0.method == "PUT" }.map(\.time)
        #expect(times.count == 2 && times[1] - times[0] >= 3 && times[1] - times[0] < 8)
    }

    @Test("A run is followed while it grows; what is written last goes at once when it is over")
    func following() throws {
        let machine = try PairedMachine()
        try machine.server.set("flush", "60000")
        try machine.files.start()
        let uploader = try machine.upload()
        uploader.wait(for: "\"upto_seq\":1")
        // The server wants a minute between batches: these wait for the end.
        try machine.files.output(10)
        Thread.sleep(forTimeInterval: 1)
        #expect(machine.server.lines(machine.files.run).count < machine.files.bytes.count)
        try machine.files.finish()
        let start = Date()
        let (status, lines) = try uploader.finish()
        #expect(status == 0 && lines.last == #"{"state":"delivered"}"#)
        #expect(Date().timeIntervalSince(start) < 5)
        #expect(machine.server.lines(machine.files.run) == machine.files.bytes)
    }

    @Test("A cancel arrives although the command says nothing")
    func cancel() throws {
        let machine = try PairedMachine()
        try machine.server.set("flush", "60000")
        try machine.files.start()
        let uploader = try machine.upload()
        uploader.wait(for: "\"upto_seq\":1")
        try machine.server.set("cancel")
        let start = Date()
        uploader.wait(for: #"{"command":"cancel"}"#)
        #expect(Date().timeIntervalSince(start) < 5)
        try machine.files.finish()
        let (status, lines) = try uploader.finish()
        #expect(status == 0)
        #expect(lines.count { $0 == #"{"command":"cancel"}"# } == 1)
    }

    @Test("A revoked token stops it, and says why")
    func revoked() throws {
        let machine = try PairedMachine()
        try machine.files.start()
        let uploader = try machine.upload()
        uploader.wait(for: "\"upto_seq\":1")
        try machine.server.set("revoked")
        try machine.files.output(1)
        let (status, lines) = try uploader.finish()
        #expect(status == 3)
        #expect(lines.last?.contains(#""reason":"token-refused""#) == true && lines.last?.contains("login") == true)
        let pushed = try machine.push()
        #expect(pushed.status == 3 && pushed.errors.contains("revoked"))
    }

    @Test("A server that is killed and comes back has everything once; one that stays away does not keep the run")
    func serverKilled() throws {
        let machine = try PairedMachine()
        try machine.files.start()
        let uploader = try machine.upload()
        uploader.wait(for: "\"upto_seq\":1")
        machine.server.kill()
        try machine.files.output(3000)
        uploader.wait(for: "unreachable")
        try machine.server.start()
        try machine.files.output(100)
        try machine.files.finish()
        #expect(try uploader.finish().lines.last == #"{"state":"delivered"}"#)
        #expect(machine.server.lines(machine.files.run) == machine.files.bytes)
        let other = try PairedMachine()
        try other.files.start()
        try other.files.finish()
        other.server.kill()
        let start = Date()
        let short = try other.upload(wait: 2)
        #expect(try short.finish().lines.last == #"{"state":"pending"}"#)
        #expect(Date().timeIntervalSince(start) < 6)
        // Later, perhaps a week.
        try other.server.start()
        #expect(try other.push().status == 0)
        #expect(other.server.lines(other.files.run) == other.files.bytes)
    }

    @Test("An uploader that is killed again and again loses and doubles nothing")
    func killed() throws {
        let machine = try PairedMachine()
        try machine.server.set("flush", "100")
        try machine.files.start()
        for round in 0..<25 {
            let uploader = try machine.upload()
            try machine.files.output(200)
            Thread.sleep(forTimeInterval: 0.03 + 0.02 * Double(round % 10))
            uploader.kill()
        }
        try machine.files.finish()
        #expect(try machine.push().status == 0)
        #expect(machine.server.lines(machine.files.run) == machine.files.bytes)
        // The ledger is whole in spite of it.
        #expect(try !machine.ledger().isEmpty)
    }

    @Test("A fork stops it with its reason")
    func fork() throws {
        let machine = try PairedMachine()
        try machine.files.start()
        try machine.files.finish()
        try machine.server.set("faults", "fork")
        let pushed = try machine.push()
        #expect(pushed.status == 3 && pushed.errors.contains("other lines"), "\(pushed.errors)")
        #expect(machine.server.lines(machine.files.run).isEmpty)
    }

    @Test(
        "What the server takes for a secret is scrubbed again and sent, and the log stays a chain",
        arguments: [false, true])
    func scrubbedAgain(_ isLive: Bool) throws {
        let machine = try PairedMachine()
        try machine.files.start()
        try machine.files.output(5)
        try machine.server.set("faults", "422 3")
        if isLive {
            let uploader = try machine.upload()
            uploader.wait(for: "test-rule")
            try machine.files.finish()
            #expect(try uploader.finish().lines.last == #"{"state":"delivered"}"#)
        } else {
            try machine.files.finish()
            let pushed = try machine.push()
            #expect(pushed.status == 0 && pushed.errors.contains("test-rule"), "\(pushed.errors)")
        }
        let now = [UInt8](try Data(contentsOf: URL(fileURLWithPath: machine.files.log)))
        #expect(machine.server.lines(machine.files.run) == now)
        var reader = LogReader()
        var texts: [String] = []
        try reader.write(now.span) { (event, _) throws(LogError) in
            if case .commandOutput(let output) = event.body {
                texts.append(String(decoding: output.bytes, as: UTF8.self))
            }
        }
        try reader.finish()
        #expect(reader.lines == 7)
        #expect(texts[1] == "[REDACTED:test-rule]")
        #expect(texts[0] == String(decoding: RunFiles.text(0, 40), as: UTF8.self))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: machine.files.directory).allSatisfy {
                !$0.hasPrefix("rescrub.")
            })
    }

    @Test("A line refused while the run goes on is scrubbed again at once; nothing that was refused is sent again")
    func scrubbedWhileItGoesOn() throws {
        let machine = try PairedMachine()
        let word = "kumquat-4417"
        try machine.server.set("reject", word)
        let project = machine.files.root + "/project"
        try FileManager.default.createDirectory(atPath: project, withIntermediateDirectories: true)
        let script = """
            W=kumquat-$((4000+417)); say() { echo say-$((1000+$1)); }
            say 1; sleep 1; echo a $W here; sleep 1; say 2; sleep 2; echo $W $W; sleep 0.5; say 3; echo >waits; read line; say 4
            """
        let run = try Tool.process(
            ["run", "--", "/bin/sh", "-c", script], home: machine.home, directory: project)
        let errors = Pipe()
        let output = Pipe()
        let input = Pipe()
        run.standardError = errors
        run.standardOutput = output
        run.standardInput = input
        try run.run()
        let directory = project + "/.pipeline/runs"
        wait { (try? FileManager.default.contentsOfDirectory(atPath: directory).count) ?? 0 > 0 }
        let id = try #require(RunID(FileManager.default.contentsOfDirectory(atPath: directory)[0]))
        // Somebody watches: each line is shown once, also when the log is written anew behind it.
        let follow = try Tool.process(["log", "--follow", "--raw"], directory: project)
        let followed = Pipe()
        follow.standardOutput = followed
        try follow.run()
        wait { FileManager.default.fileExists(atPath: project + "/waits") }
        wait { String(decoding: machine.server.lines(id), as: UTF8.self).contains("say-1003") }
        // While the command still waits, the server has all that it has written.
        let early = String(decoding: machine.server.lines(id), as: UTF8.self)
        #expect(run.isRunning && early.contains("say-1002") && early.contains("say-1003"))
        try input.fileHandleForWriting.write(contentsOf: Data("go\n".utf8))
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        run.waitForEnd()
        #expect(run.terminationStatus == 0 && said.contains("test-rule") && said.contains("scrubbed again"), "\(said)")
        let shown = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(shown == "say-1001\na \(word) here\nsay-1002\n\(word) \(word)\nsay-1003\nsay-1004\n")
        let log = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(id)/iterations.log")))
        #expect(machine.server.lines(id) == log)
        let text = String(decoding: log, as: UTF8.self)
        #expect(!text.contains(word))
        for number in 1001...1004 { #expect(text.contains("say-\(number)\\n")) }
        #expect(text.components(separatedBy: "[REDACTED:test-rule]").count == 3)
        #expect(text.contains(#""status":"succeeded""#))
        let refused = try String(contentsOfFile: machine.server.directory + "/refused", encoding: .utf8)
            .split(separator: "\n").map(String.init)
        #expect(refused.count == 2 && Set(refused).count == 2)
        let bodies = try machine.server.requests().map(\.digest)
        for digest in refused { #expect(bodies.count { $0 == digest } == 1) }
        let checked = try Tool.run(["verify"], home: machine.home, directory: project)
        #expect(checked.status == 0 && checked.output.contains("scrubbed again 2 times"), "\(checked)")
        let watched = String(decoding: followed.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        follow.waitForEnd()
        #expect(follow.terminationStatus == 0)
        for number in 1001...1004 { #expect(watched.components(separatedBy: "say-\(number)\n").count == 2) }
    }

    @Test("No canary reaches the server, the ledger or the log, however it is printed")
    func canaries() throws {
        let machine = try PairedMachine()
        let token = "gh" + "p_" + "Zx9QvB3kLm7RtY2wPs5HnD8cFj4GaU6e1KoT"
        let value = "canary-" + "plover-quartz-" + "8841"
        let project = machine.files.root + "/project"
        try FileManager.default.createDirectory(atPath: project, withIntermediateDirectories: true)
        let script = #"""
            for s in $T $V; do echo $s; echo $s >&2; printf %s $s | fold -w 1 | while read -r c; do printf %s "$c"; done; echo
            printf '\033[31m%s\033[0m%s\n' ${s%????????} ${s#${s%????????}}; printf '\r10%% %s\r20%% %s' $s $s >&2; sleep 0.3
            printf %s ${s%????????}; sleep 0.2; echo ${s#${s%????????}}; done
            printf '{"type":"agent.note","data":{"text":"%s %s"}}\n' $T $V >&$PIPEMASON_EVENTS_FD
            """#
        for options in [["--no-tty"], ["--tty"]] {
            let run = try Tool.run(
                ["run", "--mask-env", "T,V"] + options + ["--", "/bin/sh", "-c", script], home: machine.home,
                directory: project, environment: ["T": token, "V": value])
            #expect(run.status == 0 && run.output.contains("[REDACTED:"), "\(run.errors)")
            for text in [run.output, run.errors] { #expect(!text.contains(token) && !text.contains(value)) }
        }
        var files = 0
        for root in [machine.server.directory, project, machine.home] {
            for case let name as String in try #require(FileManager.default.enumerator(atPath: root)) {
                guard let bytes = FileManager.default.contents(atPath: root + "/" + name) else { continue }
                files += 1
                for secret in [token, value, String(token.suffix(16)), String(value.suffix(12))] {
                    #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(name)")
                }
            }
        }
        // Two runs with their logs, receipts and ledger, and what the server has of them.
        #expect(files >= 8)
        let sent = try machine.server.requests().filter { $0.path.hasSuffix("/events") }
        #expect(sent.count >= 2)
    }

    private func wait(_ condition: () -> Bool) {
        let start = Date()
        while !condition(), Date().timeIntervalSince(start) < 60 { usleep(20_000) }
    }

    @Test(
        "An uploader or link that crashes leaves no core and no word of what the command wrote; the run goes on, and says so",
        arguments: ["upload", "pipemason-link"], [SIGSEGV, SIGABRT])
    func crashed(_ program: String, _ signal: Int32) throws {
        let machine = try PairedMachine()
        try machine.server.set("flush", "100")
        let project = machine.files.root + "/project"
        try FileManager.default.createDirectory(atPath: project, withIntermediateDirectories: true)
        // Put together by the command: nobody else can know it.
        let parts = ["gh" + "p_Zx9QvB3kLm7RtY2w", "Ps5HnD8cFj4GaU6e1KoT"]
        let script = """
            t='\(parts[0])''\(parts[1])'; i=0
            while [ ! -e stop ]; do echo "$t"; printf %s '\(parts[0])'; echo '\(parts[1])'; sleep 0.02; done
            """
        let run = Process()
        run.executableURL = URL(fileURLWithPath: "/bin/sh")
        run.arguments = [
            "-c", "ulimit -c unlimited; exec \"$@\"", "sh", try #require(Programs.pipemason), "run", "--", "/bin/sh",
            "-c",
            script,
        ]
        run.environment = [
            "PATH": "/usr/bin:/bin", "HOME": machine.home, "SWIFT_BACKTRACE": "enable=yes,interactive=no",
        ]
        run.currentDirectoryURL = URL(fileURLWithPath: project)
        let errors = Pipe()
        run.standardError = errors
        run.standardOutput = FileHandle.nullDevice
        try run.run()
        func sent() throws -> Int { try machine.server.requests().count { $0.path.hasSuffix("/events") } }
        wait { (try? sent()) ?? 0 > 3 }
        let uploader = try #require(Self.child(of: run.processIdentifier, "upload"))
        let victim = program == "upload" ? uploader : try #require(Self.child(of: uploader, program))
        #expect(Foundation.kill(victim, signal) == 0)
        wait { !FileManager.default.fileExists(atPath: "/proc/\(uploader)/exe") }
        #expect(run.isRunning)
        try Data().write(to: URL(fileURLWithPath: project + "/stop"))
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        run.waitForEnd()
        #expect(run.terminationStatus == 0)
        #expect(said.contains("egress push sends the rest"), "\(said)")
        #expect(!said.contains("Program crashed") && !said.contains("Backtrac"), "\(said)")
        for root in [project, machine.home, machine.server.directory] {
            for case let name as String in try #require(FileManager.default.enumerator(atPath: root)) {
                #expect(!name.hasPrefix("core"))
                guard let bytes = FileManager.default.contents(atPath: root + "/" + name) else { continue }
                #expect(bytes.range(of: Data(parts.joined().utf8)) == nil, "\(name)")
            }
        }
        // What the crash kept back is sent later.
        let pushed = try Tool.run(["egress", "push"], home: machine.home, directory: project)
        #expect(pushed.status == 0 && pushed.output.contains("delivered"), "\(pushed)")
    }

    /// The child of a process whose command line holds a word.
    private static func child(of parent: Int32, _ word: String) -> Int32? {
        let path = "/proc/\(parent)/task/\(parent)/children"
        let children = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return children.split(separator: " ").compactMap { Int32($0) }.first { child in
            (try? String(contentsOfFile: "/proc/\(child)/cmdline", encoding: .utf8))?.contains(word) ?? false
        }
    }

    @Test("A pipeline is sent while it goes on, and its images as the log names them")
    func pipeline() throws {
        let machine = try PairedMachine()
        let project = machine.files.root + "/project"
        try FileManager.default.createDirectory(atPath: project + "/.pipeline", withIntermediateDirectories: true)
        let picture = try #require(Data(base64Encoded: Self.picture))
        try picture.write(to: URL(fileURLWithPath: project + "/shot.png"))
        try """
        [[phase]]
        name = "shots"
        command = "mkdir -p out; cp shot.png out/page.png; echo taken"
        artifacts = ["out/*.png"]
        """.write(toFile: project + "/.pipeline/pipeline.toml", atomically: true, encoding: .utf8)
        let result = try Tool.run(["pipeline", "run"], home: machine.home, directory: project)
        #expect(result.status == 0, "\(result.errors)")
        let runs = project + "/.pipeline/runs"
        let id = try #require(RunID(FileManager.default.contentsOfDirectory(atPath: runs)[0]))
        let log = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(runs)/\(id)/iterations.log")))
        #expect(machine.server.lines(id) == log)
        var reader = LogReader()
        var offered: [Artifact] = []
        try reader.write(log.span) { (event, _) throws(LogError) in
            if case .artifactOffered(let artifact) = event.body { offered.append(artifact) }
        }
        #expect(offered.count == 1 && offered[0].name == "out/page.png" && offered[0].mediaType == "image/png")
        // The digest is that of the picture without its text, which is what was sent; not that of the file.
        let sent = try Data(
            contentsOf: URL(fileURLWithPath: machine.server.directory + "/artifact-\(offered[0].digest)"))
        #expect(ChainHash(of: [UInt8](sent).span) == offered[0].digest && sent.count == offered[0].size)
        #expect(picture.range(of: Data("a comment".utf8)) != nil && sent.range(of: Data("a comment".utf8)) == nil)
        #expect(try Tool.run(["verify"], home: machine.home, directory: project).output.contains("requests"))
        let unsent = try Tool.run(["pipeline", "run", "--no-upload"], home: machine.home, directory: project)
        #expect(unsent.status == 0)
        #expect(try machine.server.requests().count { $0.method == "PUT" && $0.path.contains("/artifacts/") } == 1)
    }

    /// One pixel, with a text chunk "a comment".
    static let picture =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAAEXRFWHRDb21tZW50AGEgY29tbWVudOs708wAAAAKSURBVHicY6gHAACBAIDTlFNKAAAAAElFTkSuQmCC"

    @Test("verify holds receipts and ledger against the log and names the first bad line")
    func verify() throws {
        let machine = try PairedMachine()
        guard Programs.python.hasSuffix("peers/bin/python") else { return }
        try machine.files.start()
        try machine.files.output(1500)
        try machine.files.finish()
        #expect(try machine.push().status == 0)
        func verify(_ arguments: String..., home: String? = nil) throws -> Tool.Result {
            try Tool.run(["verify"] + arguments, home: home ?? machine.home, directory: machine.files.root)
        }
        let good = try verify()
        #expect(good.status == 0, "\(good.errors)")
        #expect(good.output.contains("2 receipts: the server has the lines up to 1502\n"))
        #expect(good.output.contains("3 requests, as they are noted\n"))
        let ledger = machine.files.root + "/.pipeline/egress.jsonl"
        let receipts = machine.files.directory + "/receipts.jsonl"
        /// Changes a file, expects the reason, and puts the file back.
        func expect(_ path: String, _ reason: String, _ change: (inout [String]) -> Void) throws {
            let before = try String(contentsOfFile: path, encoding: .utf8)
            var lines = before.split(separator: "\n").map(String.init)
            change(&lines)
            try (lines.map { $0 + "\n" }.joined()).write(toFile: path, atomically: false, encoding: .utf8)
            let result = try verify()
            #expect(result.status == 1 && result.errors.contains(reason), "\(reason): \(result.errors)")
            try before.write(toFile: path, atomically: false, encoding: .utf8)
        }
        func flip(_ text: inout String, after name: String) {
            let index = text.range(of: "\"" + name + "\":\"")!.upperBound
            text.replaceSubrange(index...index, with: text[index] == "0" ? "1" : "0")
        }
        try expect(receipts, "receipts.jsonl: line 2: the signature does not verify") { flip(&$0[1], after: "sig") }
        try expect(receipts, "receipts.jsonl: line 1: the server has another line 1000") { flip(&$0[0], after: "head") }
        try expect(receipts, "receipts.jsonl: line 2: is signed with the key") { flip(&$0[1], after: "key") }
        try expect(receipts, "receipts.jsonl: line 1: ") { $0[0] = "{}" }
        try expect(ledger, "egress.jsonl: line 2: lines 1-1000 are not in the log as they were sent") {
            flip(&$0[1], after: "sha256")
        }
        try expect(ledger, "egress.jsonl: line 1: body: is not what was sent") { flip(&$0[0], after: "sha256") }
        try expect(ledger, "egress.jsonl: line 3: ") { $0[2].removeLast(9) }
        try expect(ledger, "the server has the lines up to 1502, and only those up to 1000 are noted") {
            $0.removeLast()
        }
        // A log that was cut, with a right chain: only the receipts know.
        try expect(machine.files.log, "the server has line 1502, which the log does not have") { $0.removeLast() }
        #expect(try verify().status == 0)
        // Another machine can do the same when it is told the key; without one, signatures are not looked at.
        let elsewhere = machine.files.root + "/elsewhere"
        #expect(try verify(home: elsewhere).output.contains("signatures are not checked"))
        let key = "56475aa75463474c:03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
        #expect(try verify("--receipt-key", key, home: elsewhere).output.contains("2 receipts: the server has"))
        #expect(try verify("--receipt-key", "x", home: elsewhere).status == 2)
    }

    @Test("A log that was changed after it was sent is not sent on")
    func changed() throws {
        let machine = try PairedMachine()
        try machine.files.start()
        let uploader = try machine.upload()
        uploader.wait(for: "\"upto_seq\":1")
        uploader.kill()
        // Another beginning, with a right chain of its own.
        let other = try RunFiles()
        try other.start()
        try Data(other.bytes).write(to: URL(fileURLWithPath: machine.files.log))
        let pushed = try machine.push("--wait", "2")
        #expect(pushed.status == 3)
        #expect(machine.server.lines(machine.files.run) == machine.files.bytes)
    }

    @Test("A forged receipt is told, and not kept")
    func forged() throws {
        let machine = try PairedMachine()
        guard Programs.python.hasSuffix("peers/bin/python") else { return }
        try machine.server.set("forge")
        try machine.files.start()
        try machine.files.finish()
        let pushed = try machine.push()
        #expect(pushed.status == 0 && pushed.errors.contains("does not verify"))
        #expect(!FileManager.default.fileExists(atPath: machine.files.directory + "/receipts.jsonl"))
    }

    @Test("A dry run shows what would go, and nothing goes")
    func dryRun() throws {
        let machine = try PairedMachine()
        try machine.files.start()
        try machine.files.finish()
        let before = try machine.server.requests().count
        for shown in [try machine.show("--dry-run", "--bytes"), try machine.push("--dry-run", "--bytes")] {
            #expect(shown.status == 0 && shown.output.contains("logs lines 1-2"))
            #expect(shown.output.contains(String(decoding: machine.files.bytes, as: UTF8.self)))
        }
        #expect(try machine.server.requests().count == before)
        #expect(!FileManager.default.fileExists(atPath: machine.files.root + "/.pipeline/egress.jsonl"))
    }

    @Test("Memory stays flat: 8 MiB beyond what the program has at rest, on 40 MB of log")
    func memory() throws {
        let machine = try PairedMachine()
        try machine.files.start()
        let uploader = try machine.upload(wait: 120)
        uploader.wait(for: "\"upto_seq\":1")
        let before = try Self.peak(uploader.process.processIdentifier)
        for _ in 0..<13 { try machine.files.output(50, size: 60_000) }
        uploader.wait(for: "\"upto_seq\":651")
        let after = try Self.peak(uploader.process.processIdentifier)
        try machine.files.finish()
        #expect(try uploader.finish().status == 0)
        #expect(after - before <= 8 << 10, "\(before) KiB, then \(after) KiB")
        #expect(machine.server.lines(machine.files.run) == machine.files.bytes)
        print("uploader: \(before) KiB at rest, \(after) KiB at the peak")
    }

    private static func peak(_ process: Int32) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.split(separator: " ").dropFirst().first ?? ""))
    }
}

@Suite("Runner and control plane", .needsLink)
struct JoinedTests {
    /// The directory with all three programs, if it has them.
    static let programs: String? = Programs.pipemason.map {
        URL(fileURLWithPath: $0).deletingLastPathComponent().path
    }.flatMap { FileManager.default.isExecutableFile(atPath: $0 + "/pipemason-server") ? $0 : nil }

    @Test(
        "Login, run, the server killed and started again, a cancel, a revoked token",
        .enabled(if: programs != nil, "build the product pipemason-server"))
    func joined() throws {
        let directory = NSTemporaryDirectory() + "/joined-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Programs.python)
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("joined.py")
        process.arguments = [script.path, try #require(Self.programs), directory]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitForEnd()
        #expect(process.terminationStatus == 0, "\(said)")
        print(said)
    }
}

@Suite("login, logout, whoami", .needsLink, .serialized)
struct LoginTests {
    @Test("Pairing waits, slows down, and keeps the token where only its owner reads it")
    func pairing() throws {
        let server = try TestServer()
        let files = try RunFiles()
        try server.set("faults", "slow_down\n503")
        let process = try Tool.process(["login", "--server", server.address], home: files.root)
        let errors = Pipe()
        process.standardError = errors
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        Thread.sleep(forTimeInterval: 2)
        try server.set("approved")
        let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitForEnd()
        #expect(process.terminationStatus == 0, "\(said)")
        #expect(said.contains("BCDF-GHJK") && said.contains("http://127.0.0.1/device"))
        let path = files.root + "/.pipemason/credentials.json"
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let times = try server.requests().filter { $0.path == "/oauth/token" }.map(\.time)
        // 1.2 s, then 5 s more at 1.4 times.
        #expect(times.count >= 2 && times[1] - times[0] >= 8.3)
        let who = try Tool.run(["whoami"], home: files.root)
        #expect(who.status == 0 && who.output.contains("acme") && who.output.contains("accepted"))
        #expect(!who.output.contains("pmr_"))
        #expect(try Tool.run(["logout"], home: files.root).status == 0)
        #expect(server.has("revoked"))
        // A run does not try to send anything.
        #expect(!FileManager.default.fileExists(atPath: path))
        let run = try Tool.run(["run", "--", "true"], home: files.root, directory: files.root)
        #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
        #expect(try Tool.run(["whoami"], home: files.root).status == 2)
        // The codes are noted nowhere.
        let ledger = try String(contentsOfFile: files.root + "/.pipemason/egress.jsonl", encoding: .utf8)
        #expect(ledger.contains("/oauth/token") && !ledger.contains("synthetic-device-code"))
    }

    @Test("A denied or expired code, a server that is not there, and no server at all")
    func refusals() throws {
        let server = try TestServer()
        let files = try RunFiles()
        for (fault, part) in [("access_denied", "denied"), ("expired_token", "expired")] {
            try server.set("faults", fault)
            let result = try Tool.run(["login", "--server", server.address], home: files.root)
            #expect(result.status == 3 && result.errors.contains(part))
        }
        server.kill()
        let away = try Tool.run(["login", "--server", server.address], home: files.root)
        #expect(away.status == 3 && away.errors.contains("nobody answers"))
        let nowhere = try Tool.run(["login", "--server", "https://name.invalid"], home: files.root)
        #expect(nowhere.status == 3)
        #expect(try Tool.run(["login"], home: files.root).status == 2)
        #expect(try Tool.run(["login", "--server", "http://example.test"], home: files.root).status == 2)
        #expect(!FileManager.default.fileExists(atPath: files.root + "/.pipemason/credentials.json"))
    }

    @Test("A token from a descriptor is taken when the server knows it")
    func tokenDescriptor() throws {
        let server = try TestServer()
        let files = try RunFiles()
        func login(_ path: String) throws -> (Int32, String) {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = [
                "-c", "exec 3<\"$1\"; exec \"$0\" login --server \"$2\" --token-fd 3", try #require(Programs.pipemason),
                path,
                server.address,
            ]
            process.environment = ["HOME": files.root, "PATH": "/usr/bin:/bin"]
            let errors = Pipe()
            process.standardError = errors
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitForEnd()
            return (process.terminationStatus, said)
        }
        let other = files.root + "/other"
        try Tool.run(["token", "new"]).output.write(toFile: other, atomically: true, encoding: .utf8)
        #expect(try login(other).0 == 3)
        #expect(try login(server.directory + "/token") == (0, ""))
        let registered = try String(contentsOfFile: server.directory + "/key", encoding: .utf8)
        let known = try Tool.run(["whoami"], home: files.root)
        #expect(known.status == 0 && known.output.contains("key           " + registered))
        // Again: the same key. Another machine with the same token: told, and paired all the same.
        #expect(try login(server.directory + "/token") == (0, ""))
        try server.set("key", String(repeating: "0", count: 64))
        let shared = try login(server.directory + "/token")
        #expect(shared.0 == 0 && shared.1.contains("another key"))
        try server.set("revoked")
        let who = try Tool.run(["whoami"], home: files.root)
        #expect(who.status == 3 && who.errors.contains("revoked"))
        // What the server no longer takes is forgotten all the same.
        #expect(try Tool.run(["logout"], home: files.root).status == 0)
    }
}

extension Process {
    /// As `waitUntilExit`, which sometimes does not return on a thread without a run loop.
    func waitForEnd() { while isRunning { usleep(2000) } }
}
