internal import CPostgres
internal import Foundation
internal import PostgresTestSupport
internal import ServerStore
internal import ServerStorePostgres
internal import Synchronization

// The control plane on PostgreSQL, beside 16 writers that insert the same lines with nothing else around them, and two servers beside
// one. PostgreSQL, servers and load share the machine.

/// Writers at once: as many as the server has connections.
private let writers = 16
/// How often both are measured, and batches of a run each time: no more than a runner may send at once.
private let (rounds, roundBatches) = (5, 38)
/// What a server gets of a processor in the comparison of one with two: the database and the load must not be what is short.
private let share = 0.3

func measurePostgres(program: String) async throws {
    let cluster = try PostgresCluster.shared.get()
    let database = try cluster.newDatabase()
    let uri = cluster.uri(database)
    let store = try PostgresStore(try PostgresAddress(uri))
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("server-load-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
        at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: directory) }
    let (tokens, cookies) = try await makeCredentials(directory, count: rounds * writers + 1, in: store)
    row("what", "figure")
    row("---", "---")
    try cluster.sql("CREATE TABLE raw (run bytea, seq bigint, line bytea)", database: database, role: "pipemason")
    let load = Load(directory: directory, tokens: tokens, cookies: cookies)
    try load.start(program, database: uri)
    var (raw, served) = (Measured(), Measured())
    var written = 0
    // Alternately, so that both meet the machine in the same states.
    for round in 0..<rounds {
        let logs = try (0..<writers).map { _ in try Log(count: roundBatches * lines) }
        try raw.add(load, cluster) { try insertRaw(cluster, database, logs) }
        let start = try cluster.sql("SELECT pg_current_wal_lsn()")
        try load.connect(logs, firstToken: round * writers)
        try served.add(load, cluster) { try load.ingest(logs, batches: 0..<roundBatches) }
        written += Int(try cluster.sql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '\(start)')::bigint")) ?? 0
    }
    load.disconnect()
    row("raw PostgreSQL inserts, \(writers) writers, \(lines) a transaction", raw.figure)
    row("server, \(writers) runs at once, \(lines) a batch", "\(served.figure); \(ratio(served.rate, raw.rate)) of raw")
    load.stop()
    let events = rounds * writers * roundBatches * lines
    let stored = try cluster.sql("SELECT pg_total_relation_size('event_blocks')", database: database)
    row("stored: table and index of an event", "\(Int(stored).map { $0 / events } ?? 0) bytes")
    row("write-ahead log of an event", "\(written / events) bytes")

    var one: [Double] = []
    var two: [Double] = []
    for _ in 0..<3 {
        for servers in 1...2 {
            let logs = try (0..<writers).map { _ in try Log(count: 10 * lines) }
            for _ in 0..<servers { try load.start(program, database: uri, share: share) }
            try load.connect(logs)
            // The first batches find connections and statements that are not made yet.
            _ = try load.ingest(logs, batches: 0..<2)
            let start = try busySeconds(of: cluster)
            let clock = ContinuousClock.now
            let rate = try rate { try load.ingest(logs, batches: 2..<10) }
            let busy = try (busySeconds(of: cluster) - start) / (ContinuousClock.now - clock).seconds
            if servers == 1 { one.append(rate) } else { two.append(rate) }
            row(
                "\(servers) of \(share) processors each",
                "\(Int(rate)) events/s; PostgreSQL used \(ratio(busy, 1)) of one")
            load.stop()
        }
    }
    row("two servers beside one", "\(ratio(median(two), median(one)))")

    for _ in 0..<2 { try load.start(program, database: uri) }
    try load.watch(watchers)
    load.stop()
    // The first store was closed when the credentials were made.
    let checked = try PostgresStore(try PostgresAddress(uri))
    let problems = try await checked.selfCheck()
    row("events missing afterwards", "\(problems.isEmpty ? "none" : "\(problems)")")
    checked.close()
}

/// Events a second, and whose processor time went into them.
private struct Measured {
    private var rates: [Double] = []
    private var events = 0.0
    /// Seconds of the servers, of PostgreSQL and of this process.
    private var (servers, database, load) = (0.0, 0.0, 0.0)

    /// - Parameter body: Returns how many events it stored.
    mutating func add(_ processes: Load, _ cluster: PostgresCluster, _ body: () throws -> Int) throws {
        let before = (processes.busySeconds(), try busySeconds(of: cluster), ownSeconds())
        let clock = ContinuousClock.now
        let stored = Double(try body())
        rates.append(stored / (ContinuousClock.now - clock).seconds)
        events += stored
        servers += processes.busySeconds() - before.0
        database += try busySeconds(of: cluster) - before.1
        load += ownSeconds() - before.2
    }

    var rate: Double { median(rates) }

    var figure: String {
        func each(_ seconds: Double) -> String { "\((seconds / events * 1e7).rounded() / 10)" }
        return "\(Int(rate)) events/s; microseconds of processor an event: server \(each(servers)), "
            + "PostgreSQL \(each(database)), load \(each(load))"
    }
}

/// Inserts the lines, a transaction for each batch, each run over a connection of its own; returns how many.
private func insertRaw(_ cluster: PostgresCluster, _ database: String, _ logs: [Log]) throws -> Int {
    let group = DispatchGroup()
    for log in logs {
        group.enter()
        Thread.detachNewThread {
            let connection = PQconnectdb(cluster.uri(database))
            precondition(PQstatus(connection) == CONNECTION_OK)
            let sql = "INSERT INTO raw SELECT $1, seq, line FROM unnest($2::bigint[], $3::bytea[]) AS new(seq, line)"
            PQclear(PQprepare(connection, "raw", sql, 3, [17, 1016, 1001] as [UInt32]))
            for start in stride(from: 0, to: log.lines.count, by: lines) {
                let numbers = start..<start + lines
                let values = [
                    Array(log.id.description.utf8), array(20, numbers.map { bigEndian(Int64($0)) }),
                    array(17, numbers.map { log.lines[$0] }),
                ]
                let result = values[0].withUnsafeBytes { run in
                    values[1].withUnsafeBytes { sequence in
                        values[2].withUnsafeBytes { line in
                            let pointers = [run, sequence, line].map {
                                $0.baseAddress?.assumingMemoryBound(to: CChar.self)
                            }
                            return PQexecPrepared(
                                connection, "raw", 3, pointers, values.map { Int32($0.count) }, [1, 1, 1], 1)
                        }
                    }
                }
                precondition(PQresultStatus(result) == PGRES_COMMAND_OK, String(cString: PQerrorMessage(connection)))
                PQclear(result)
            }
            PQfinish(connection)
            group.leave()
        }
    }
    group.wait()
    return logs.reduce(0) { $0 + $1.lines.count }
}

private func bigEndian(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
}

/// The binary form of an array of one dimension.
private func array(_ type: UInt32, _ elements: [[UInt8]]) -> [UInt8] {
    var bytes = [1, 0, type, UInt32(elements.count), 1].flatMap { bigEndian($0) }
    bytes.reserveCapacity(bytes.count + elements.reduce(0) { $0 + $1.count + 4 })
    for element in elements { bytes += bigEndian(UInt32(element.count)) + element }
    return bytes
}

/// Processor time of this process, in seconds.
private func ownSeconds() -> Double { processorTime(of: getpid())?.seconds ?? 0 }

/// Processor time of a cluster's processes, those that have ended included, in seconds.
private func busySeconds(of cluster: PostgresCluster) throws -> Double {
    let lines = try String(contentsOfFile: cluster.directory + "/data/postmaster.pid", encoding: .utf8)
    guard let first = lines.split(separator: "\n").first, let postmaster = Int32(first) else { return 0 }
    return try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }
        .compactMap { processorTime(of: $0) }
        .reduce(0) { $0 + ($1.process == postmaster || $1.parent == postmaster ? $1.seconds : 0) }
}
