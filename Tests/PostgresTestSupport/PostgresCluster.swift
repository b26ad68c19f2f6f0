internal import Foundation
package import ServerStorePostgres
internal import Synchronization

/// A PostgreSQL server of this process: made when the first test needs it, gone with the process however that ends.
///
/// It keeps its files in a new directory, and listens on a socket there and on a port of loopback that was free. PostgreSQL refuses
/// to run as root; then it runs as `nobody`.
package final class PostgresCluster: Sendable {
    /// The directory of the socket.
    package let directory: String
    package let port: Int
    private let holder: Holder

    /// The process that ends the server when its standard input ends. `@unchecked`: written once, in `init`.
    private final class Holder: @unchecked Sendable {
        let process: Process
        let input: Pipe

        init(process: Process, input: Pipe) {
            self.process = process
            self.input = input
        }
    }

    /// The server of this process.
    package static let shared: Result<PostgresCluster, any Error> = Result { try PostgresCluster() }

    /// Where PostgreSQL's programs are; nil when it is not installed.
    package static let programs: String? = {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        return versions.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "/usr/lib/postgresql/\($0)/bin" }
            .first { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") }
    }()

    /// Whether tests on PostgreSQL run: where it is installed, and wherever its absence must be a failure.
    package static var isExpected: Bool {
        programs != nil || ProcessInfo.processInfo.environment["PIPEMASON_REQUIRE_PEERS"] != nil
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private init() throws {
        guard let programs = Self.programs else {
            throw Failure(description: "PostgreSQL is not installed: make peers")
        }
        directory = "/tmp/pipemason-postgres-\(UUID().uuidString.prefix(8))"
        port = try Self.freePort()
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        let prefix: String
        if getuid() == 0 {
            guard let nobody = getpwnam("nobody") else { throw Failure(description: "there is no user nobody") }
            chown(directory, nobody.pointee.pw_uid, nobody.pointee.pw_gid)
            prefix = "setpriv --reuid=\(nobody.pointee.pw_uid) --regid=\(nobody.pointee.pw_gid) --clear-groups "
        } else {
            prefix = ""
        }
        // The last `cat` ends when this process does.
        let script = """
            cd "$1" && exec 3<&0 </dev/null
            \(prefix)"$2/initdb" -D "$1/data" -U admin -A trust --no-instructions --locale=C --encoding=UTF8 \
                >"$1/log" 2>&1 || exit 1
            \(prefix)"$2/postgres" -D "$1/data" -k "$1" -p "$3" -c listen_addresses=127.0.0.1 -c max_connections=300 \
                -c shared_buffers=64MB -c autovacuum_naptime=5 >>"$1/log" 2>&1 &
            server=$!
            cat <&3
            kill -INT $server
            wait $server
            rm -rf "$1"
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script, "sh", directory, programs, String(port)]
        let input = Pipe()
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        // Children of other tests must not hold the pipe open.
        _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try process.run()
        holder = Holder(process: process, input: input)
        let deadline = Date(timeIntervalSinceNow: 60)
        while true {
            if try Self.run(programs + "/pg_isready", ["-q", "-h", directory, "-p", String(port)]).status == 0 {
                break
            }
            guard process.isRunning, Date() < deadline else {
                let log = (try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? ""
                throw Failure(description: "PostgreSQL did not start: \(log.suffix(500))")
            }
            usleep(50_000)
        }
        try sql("CREATE ROLE pipemason LOGIN")
        try sql("CREATE ROLE mighty LOGIN SUPERUSER")
    }

    /// Runs SQL, as the superuser unless a role is named.
    /// - Returns: what `psql` prints: values without decoration.
    @discardableResult package func sql(
        _ text: String, database: String = "postgres", role: String = "admin"
    ) throws -> String {
        let result = try Self.run(
            (Self.programs ?? "") + "/psql",
            [
                "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", directory, "-p", String(port), "-U", role, "-d",
                database, "-c", text,
            ])
        guard result.status == 0 else { throw Failure(description: "psql: \(result.output)") }
        return result.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Makes an empty database, owned by the role `pipemason`; returns its name.
    package func newDatabase() throws -> String {
        let name = "p" + UUID().uuidString.lowercased().replacingOccurrences(of: "-", with: "")
        try sql("CREATE DATABASE \(name) OWNER pipemason")
        return name
    }

    package func dropDatabase(_ name: String) throws { try sql("DROP DATABASE IF EXISTS \(name) WITH (FORCE)") }

    /// The address of a database as the server is told it.
    package func uri(_ database: String, role: String = "pipemason") -> String {
        let host = directory.replacingOccurrences(of: "/", with: "%2F")
        return "postgres://\(role)@\(host):\(port)/\(database)"
    }

    package func address(_ database: String, role: String = "pipemason") throws -> PostgresAddress {
        try PostgresAddress(uri(database, role: role))
    }

    /// A program's exit status and what it prints.
    package static func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        guard isBound else { throw Failure(description: "no free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
