internal import Foundation
internal import GRDB
internal import RawHTTP
internal import RunModel
internal import ServerKit
internal import ServerLaunch
internal import ServerStore
internal import ServerStoreSQLite

// server-load PROGRAM [postgres]: how fast a control plane takes events, beside raw inserts into SQLite with the same durability, and how soon
// 1,000 watchers see them. Prints a table in Markdown. Not a test: it states figures.

/// Runs, batches of each, lines of a batch.
let (runs, batches, lines) = (100, 30, 100)
let watchers = 1000

try await main()

func main() async throws {
    let arguments = CommandLine.arguments
    guard arguments.count == 2 || arguments.count == 3 && arguments[2] == "postgres" else {
        print("usage: server-load PROGRAM [postgres]")
        exit(2)
    }
    if arguments.count == 3 { return try await measurePostgres(program: arguments[1]) }
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("server-load-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: directory.path)
    defer { try? FileManager.default.removeItem(at: directory) }
    let (tokens, cookies) = try await makeCredentials(directory, count: runs + 1)
    let logs = try (0..<runs).map { _ in try Log(count: batches * lines) }
    row("what", "figure")
    row("---", "---")
    var raw: [Double] = []
    var served: [Double] = []
    let load = Load(directory: directory, tokens: tokens, cookies: cookies)
    try load.start(CommandLine.arguments[1])
    // Alternately, so that both meet the machine in the same states.
    let third = batches / 3
    try load.connect(logs)
    for round in 0..<3 {
        raw.append(try insertRaw(directory, logs, round: round, batches: third))
        served.append(try rate { try load.ingest(logs, batches: round * third..<(round + 1) * third) })
    }
    let (ceiling, rate) = (median(raw), median(served))
    row("raw SQLite inserts, WAL, FULL, \(lines) a transaction", "\(Int(ceiling)) events/s")
    row("server, \(runs) runs at once, \(lines) a batch", "\(Int(rate)) events/s, \(ratio(rate, ceiling)) of raw")
    try load.watch(watchers)
    load.stop()
    let store = try DataDirectory(path: directory.path).open()
    let problems = try await store.selfCheck()
    row("events missing afterwards", problems.isEmpty ? "none" : "\(problems)")
    try store.close()
}

/// Makes an organization, runner tokens and sessions in a data directory that no server has open yet.
func makeCredentials(
    _ directory: URL, count: Int, in store: (any ControlPlaneStore)? = nil
) async throws -> (tokens: [String], cookies: [String]) {
    let data = DataDirectory(path: directory.path)
    try data.prepare()
    try data.prepareKeks(isEmpty: true)
    let keks = try data.keks()
    let store = try store ?? data.open()
    let plane = try ControlPlane(
        store: store, keks: { keks }, settings: ServerSettings(publicURL: "http://127.0.0.1"), mailer: NoMailer())
    let owner = "owner" + "@" + "localhost"
    _ = try await plane.createOrganization(name: "load", ownerEmail: owner)
    var tokens: [String] = []
    var cookies: [String] = []
    // Each session may ask for 40 streams at once.
    for _ in 0..<watchers / 25 {
        guard let link = try await plane.makeSignInLink(email: owner, address: nil),
            let signedIn = try await plane.redeemSignIn(
                token: String(link.split(separator: "=").last ?? ""), origin: SessionOrigin(address: nil, agent: nil))
        else { continue }
        cookies.append(String(signedIn.cookie.prefix { $0 != ";" }))
        guard cookies.count == 1 else { continue }
        for number in 0..<count {
            tokens.append(try await plane.createRunnerToken(signedIn.scope, name: "\(number)", days: nil).text)
        }
    }
    try store.close()
    return (tokens, cookies)
}

/// The lines of a run, made before anything is measured.
struct Log: Sendable {
    let id: RunModel.RunID
    let lines: [[UInt8]]

    init(count: Int) throws {
        id = .make(at: RunModel.Timestamp(microseconds: Int(Date().timeIntervalSince1970 * 1e6)))
        var lines: [[UInt8]] = []
        var head = ChainHash.zero
        for number in 1...count {
            let text =
                "[\(number)] Compiling module \(number % 97) of 97: sources/part\(number % 13)/file\(number).swift\n"
            let event = RunEvent(
                run: id, sequence: number, time: RunModel.Timestamp(microseconds: 1_800_000_000_000_000 + number),
                monotonic: number, phase: "build", iteration: nil,
                body: .commandOutput(CommandOutput(stream: .stdout, bytes: Array(text.utf8))),
                scrub: ScrubStamp(rules: .zero))
            let line = try EventLine(event, after: head)
            head = line.hash
            lines.append(line.bytes)
        }
        self.lines = lines
    }
}

/// Inserts the same lines, a transaction for each batch, and returns events a second.
func insertRaw(_ directory: URL, _ logs: [Log], round: Int, batches: Int) throws -> Double {
    var configuration = Configuration()
    configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = FULL") }
    let pool = try DatabasePool(path: directory.path + "/raw\(round).sqlite", configuration: configuration)
    try pool.write { try $0.execute(sql: "CREATE TABLE events (run BLOB, seq INTEGER, line BLOB)") }
    let start = ContinuousClock.now
    for batch in round * batches..<(round + 1) * batches {
        for log in logs {
            try pool.write { database in
                let statement = try database.cachedStatement(sql: "INSERT INTO events VALUES (?, ?, ?)")
                let run = Data(log.id.description.utf8)
                for number in batch * lines..<(batch + 1) * lines {
                    try statement.execute(arguments: [run, number, Data(log.lines[number])])
                }
            }
        }
    }
    let seconds = (ContinuousClock.now - start).seconds
    try pool.close()
    return Double(logs.count * batches * lines) / seconds
}

/// A row of the table, seen as soon as it is there, also through a pipe.
func row(_ what: String, _ figure: String) {
    FileHandle.standardOutput.write(Data("| \(what) | \(figure) |\n".utf8))
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

/// Events a second of what stores events and returns how many.
func rate(_ body: () throws -> Int) rethrows -> Double {
    let start = ContinuousClock.now
    let events = try body()
    return Double(events) / (ContinuousClock.now - start).seconds
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

func ratio(_ part: Double, _ whole: Double) -> String { "\((part / whole * 100).rounded() / 100)×" }
