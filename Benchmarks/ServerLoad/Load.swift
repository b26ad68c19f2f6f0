internal import Foundation
internal import Glibc
internal import RawHTTP
internal import RunModel
internal import Synchronization

/// A server as a process, and those who burden it.
final class Load {
    private let directory: URL
    private let tokens: [String]
    private let cookies: [String]
    private var processes: [Process] = []
    private var ports: [Int] = []
    private var sockets: [HTTPSocket] = []
    private var firstToken = 0

    init(directory: URL, tokens: [String], cookies: [String]) {
        self.directory = directory
        self.tokens = tokens
        self.cookies = cookies
    }

    /// Starts a server; several share a database.
    /// - Parameter share: How much of one processor it gets; nil for what there is.
    func start(_ program: String, database: String? = nil, share: Double? = nil) throws {
        let pipe = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        var data = directory.path
        if database != nil {
            data += "/server\(processes.count)"
            try FileManager.default.createDirectory(
                atPath: data, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        }
        process.arguments = ["serve", "--data", data, "--listen", "127.0.0.1:0", "--log-level", "warning"]
        if let database { process.arguments? += ["--database", database, "--kek-file", directory.path + "/kek"] }
        process.standardOutput = pipe
        try process.run()
        if let share { try limit(process, to: share) }
        var output = ""
        while !output.contains("listening on ") {
            let data = pipe.fileHandleForReading.availableData
            guard !data.isEmpty else { fatalError("the server did not start") }
            output += String(decoding: data, as: UTF8.self)
        }
        ports.append(Int(output.split(separator: ":").last?.prefix { $0.isNumber } ?? "") ?? 0)
        processes.append(process)
    }

    /// A group of control (cgroup v1) with a quota of time.
    private func limit(_ process: Process, to share: Double) throws {
        let group = "/sys/fs/cgroup/cpu/server-load-\(process.processIdentifier)"
        try FileManager.default.createDirectory(atPath: group, withIntermediateDirectories: false)
        try "20000".write(toFile: group + "/cpu.cfs_period_us", atomically: false, encoding: .utf8)
        try String(Int(share * 20_000)).write(toFile: group + "/cpu.cfs_quota_us", atomically: false, encoding: .utf8)
        try String(process.processIdentifier).write(toFile: group + "/cgroup.procs", atomically: false, encoding: .utf8)
    }

    func stop() {
        for process in processes {
            process.terminate()
            process.waitUntilExit()
            rmdir("/sys/fs/cgroup/cpu/server-load-\(process.processIdentifier)")
        }
        processes = []
        ports = []
        disconnect()
    }

    /// Processor time of the servers, in seconds.
    func busySeconds() -> Double {
        processes.compactMap { processorTime(of: $0.processIdentifier)?.seconds }.reduce(0, +)
    }

    /// Opens a connection for each run, and begins it.
    /// - Parameter firstToken: Whose the first run is; each has a runner of its own.
    func connect(_ logs: [Log], firstToken: Int = 0) throws {
        disconnect()
        self.firstToken = firstToken
        for (index, log) in logs.enumerated() {
            let socket = try HTTPSocket(port: ports[index % ports.count])
            let made = try socket.request(
                "PUT", "/api/v1/runs/\(log.id)", headers(tokens[firstToken + index]), Array(#"{"title":"load"}"#.utf8))
            precondition(made.status == 201 || made.status == 200, "\(made.status)")
            sockets.append(socket)
        }
    }

    func disconnect() { sockets = [] }

    /// Every run sends its batches over its connection, as fast as it is answered; returns how many events that were.
    func ingest(_ logs: [Log], batches: Range<Int>) throws -> Int {
        let group = DispatchGroup()
        for (index, log) in logs.enumerated() {
            nonisolated(unsafe) let socket = sockets[index]
            let token = tokens[firstToken + index]
            group.enter()
            Thread.detachNewThread {
                for batch in batches {
                    var body: [UInt8] = []
                    for line in log.lines[batch * lines..<(batch + 1) * lines] { body += line + [10] }
                    var answer: HTTPSocket.Answer?
                    repeat {
                        answer = try? socket.request(
                            "POST", "/api/v1/runs/\(log.id)/events", headers(token, first: batch * lines + 1), body
                        )
                        // 20 requests a second are a runner's share; none of the runs comes near it for long.
                        if answer?.status == 429 { usleep(20_000) }
                    } while answer?.status == 429
                    precondition(answer?.status == 200, "\(String(describing: answer?.status)) \(answer?.text ?? "")")
                }
                group.leave()
            }
        }
        group.wait()
        return logs.count * batches.count * lines
    }

    /// Watchers hold streams of one run, some of them without ever reading; events come four times a second.
    func watch(_ count: Int) throws {
        let log = try Log(count: 80)
        let token = tokens[tokens.count - 1]
        let port = ports[0]
        let sender = try HTTPSocket(port: ports[ports.count - 1])
        _ = try sender.request("PUT", "/api/v1/runs/\(log.id)", headers(token), Array(#"{"title":"watched"}"#.utf8))
        let before = residentKiB()
        var streams: [HTTPSocket] = []
        for number in 0..<count + 10 {
            let socket = try HTTPSocket(port: port, receiveBuffer: 8192)
            socket.send(
                "GET /api/v1/runs/\(log.id)/stream HTTP/1.1\r\nHost: x\r\nCookie: \(cookies[number % cookies.count])\r\n\r\n"
            )
            streams.append(socket)
        }
        usleep(2_000_000)
        let each = Double(residentKiB() - before) / Double(count)
        let stalled = streams.suffix(10)
        var delays: [Double] = []
        var descriptors = streams.dropLast(10).map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        drain(&descriptors)
        for (index, line) in log.lines.enumerated() {
            let start = ContinuousClock.now
            let sent = try sender.request(
                "POST", "/api/v1/runs/\(log.id)/events", headers(token, first: index + 1), line + [10])
            precondition(sent.status == 200, "\(sent.status)")
            delays += arrivals(&descriptors, since: start)
            let rest = Duration.milliseconds(250) - (ContinuousClock.now - start)
            if rest > .zero { usleep(UInt32(rest.seconds * 1e6)) }
        }
        precondition(delays.count == count * log.lines.count, "\(delays.count) arrivals")
        withExtendedLifetime(stalled) {}
        delays.sort()
        row("event to \(count) watchers, p50", milliseconds(delays[delays.count / 2]))
        row("the same, p99", milliseconds(delays[delays.count * 99 / 100]))
        row("the same, the last of all", milliseconds(delays[delays.count - 1]))
        row("memory of a watcher", "\((each * 10).rounded() / 10) KiB")
    }

    /// When each of the watchers got something, in seconds since `start`.
    private func arrivals(_ descriptors: inout [pollfd], since start: ContinuousClock.Instant) -> [Double] {
        var delays: [Double] = []
        var waiting = Set(descriptors.indices)
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while !waiting.isEmpty, ContinuousClock.now - start < .seconds(10) {
            poll(&descriptors, nfds_t(descriptors.count), 100)
            let now = (ContinuousClock.now - start).seconds
            for index in descriptors.indices where descriptors[index].revents != 0 {
                recv(descriptors[index].fd, &buffer, buffer.count, 0)
                // A comment is no event, and comes at other times.
                if waiting.remove(index) != nil { delays.append(now) }
            }
        }
        return delays
    }

    private func drain(_ descriptors: inout [pollfd]) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while poll(&descriptors, nfds_t(descriptors.count), 200) > 0 {
            for descriptor in descriptors where descriptor.revents != 0 {
                recv(descriptor.fd, &buffer, buffer.count, 0)
            }
        }
    }

    private func milliseconds(_ seconds: Double) -> String { "\((seconds * 10_000).rounded() / 10) ms" }

    /// The server's resident memory.
    private func residentKiB() -> Int {
        let status =
            (try? String(contentsOfFile: "/proc/\(processes[0].processIdentifier)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } ?? 0
    }
}

private func headers(_ token: String, first: Int? = nil) -> [String: String] {
    var headers = bearer(token)
    headers["Content-Type"] = first == nil ? "application/json" : "application/x-ndjson"
    if let first { headers["Pipemason-First-Seq"] = String(first) }
    return headers
}

/// Processor time of a process with its threads and with the children that it has waited for, in seconds, and its parent; nil when
/// there is none of that id.
func processorTime(of process: Int32) -> (process: Int32, parent: Int32, seconds: Double)? {
    guard let line = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let end = line.lastIndex(of: ")")
    else { return nil }
    let fields = line[end...].split(separator: " ")
    let ticks = fields[12...15].reduce(0) { $0 + (Int($1) ?? 0) }
    return (process, Int32(fields[2]) ?? 0, Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK))))
}
