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
    let (tokens, cookies) = try await makeCredentials(directory, count: runs + 1, in: store)
    row("what", "figure")
    row("---", "---")
    try cluster.sql("CREATE TABLE raw (run bytea, seq bigint, line bytea)", database: database, role: "pipemason")
    // Alternately, so that both meet the machine in the same states.
    let logs = try (0..<writers).map { _ in try Log(count: 3 * batches * lines) }
    let load = Load(directory: directory, tokens: tokens, cookies: cookies)
    try load.start(program, database: uri)
    var raw: [Double] = []
    var served: [Double] = []
    var written = 0
    for round in 0..<3 {
        raw.append(try insertRaw(cluster, database, logs, round * batches..<(round + 1) * batches))
        let start = try cluster.sql("SELECT pg_current_wal_lsn()")
        served.append(try load.ingest(logs, batches: round * batches..<(round + 1) * batches))
        written += Int(try cluster.sql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '\(start)')::bigint")) ?? 0
    }
    let (ceiling, rate) = (median(raw), median(served))
    row("raw PostgreSQL inserts, \(writers) writers, \(lines) a transaction", "\(Int(ceiling)) events/s")
    row("server, \(writers) runs at once, \(lines) a batch", "\(Int(rate)) events/s, \(ratio(rate, ceiling)) of raw")
    load.stop()
    let events = 3 * writers * batches * lines
    let stored = try cluster.sql("SELECT pg_total_relation_size('event_blocks')", database: database)
    row("stored: table and index of an event", "\(Int(stored).map { $0 / events } ?? 0) bytes")
    row("write-ahead log of an event", "\(written / events) bytes")

    var one: [Double] = []
    var two: [Double] = []
    for _ in 0..<3 {
        for servers in 1...2 {
            let logs = try (0..<writers).map { _ in try Log(count: 10 * lines) }
            for _ in 0..<servers { try load.start(program, database: uri, share: share) }
            // The first batches find connections and statements that are not made yet.
            _ = try load.ingest(logs, batches: 0..<2)
            let start = try busySeconds(of: "postgres")
            let clock = ContinuousClock.now
            let rate = try load.ingest(logs, batches: 2..<10)
            let busy = try (busySeconds(of: "postgres") - start) / (ContinuousClock.now - clock).seconds
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

/// Inserts the lines, a transaction for each batch, each run over a connection of its own; returns events a second.
private func insertRaw(
    _ cluster: PostgresCluster, _ database: String, _ logs: [Log], _ batches: Range<Int>
) throws -> Double {
    let group = DispatchGroup()
    let start = ContinuousClock.now
    for log in logs {
        group.enter()
        Thread.detachNewThread {
            let connection = PQconnectdb(cluster.uri(database))
            precondition(PQstatus(connection) == CONNECTION_OK)
            let sql = "INSERT INTO raw SELECT $1, seq, line FROM unnest($2::bigint[], $3::bytea[]) AS new(seq, line)"
            PQclear(PQprepare(connection, "raw", sql, 3, [17, 1016, 1001] as [UInt32]))
            for batch in batches {
                let numbers = batch * lines..<(batch + 1) * lines
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
    return Double(logs.count * batches.count * lines) / (ContinuousClock.now - start).seconds
}

private func bigEndian(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
}

/// The binary form of an array of one dimension.
private func array(_ type: UInt32, _ elements: [[UInt8]]) -> [UInt8] {
    [1, 0, type, UInt32(elements.count), 1].flatMap { bigEndian($0) }
        + elements.flatMap { bigEndian(UInt32($0.count)) + $0 }
}

/// Processor time of all processes of a name, in seconds.
private func busySeconds(of name: String) throws -> Double {
    var ticks = 0
    for process in try FileManager.default.contentsOfDirectory(atPath: "/proc") where Int(process) != nil {
        guard let line = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            line.contains("(\(name))"), let end = line.lastIndex(of: ")")
        else { continue }
        let fields = line[end...].split(separator: " ")
        ticks += (Int(fields[12]) ?? 0) + (Int(fields[13]) ?? 0)
    }
    return Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
}
