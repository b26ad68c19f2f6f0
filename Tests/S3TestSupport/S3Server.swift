package import BodyStores
internal import Foundation
internal import RawHTTP
internal import ServerStore

/// A real S3-compatible server that checks signatures (nanio, from PyPI: scripts/install-peers.sh), of this process and gone with it.
package final class S3Server: Sendable {
    package let port: Int
    package let bucket = "artifacts"
    /// Where it keeps its objects: a directory for each bucket.
    package let directory: String
    package let keyID = "test-" + UUID().uuidString
    package let secret = UUID().uuidString + UUID().uuidString
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

    package static let shared: Result<S3Server, any Error> = Result { try S3Server() }

    private static let program: String = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        return root + "/.build/peers/bin/nanio"
    }()

    /// Whether tests of it run: where it is installed, and wherever its absence must be a failure.
    package static var isExpected: Bool {
        FileManager.default.isExecutableFile(atPath: program)
            || ProcessInfo.processInfo.environment["PIPEMASON_REQUIRE_PEERS"] != nil
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private init() throws {
        guard FileManager.default.isExecutableFile(atPath: Self.program) else {
            throw Failure(description: "nanio is not installed: make peers")
        }
        directory = FileManager.default.temporaryDirectory.path + "/pipemason-s3-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: directory + "/" + bucket, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        port = try FaultProxy.freePort()
        // The last `cat` ends when this process does. The server may have inherited that SIGTERM is blocked.
        let script = """
            exec 3<&0 </dev/null
            "$1" serve --data-dir "$2" --host 127.0.0.1 --port "$3" --no-access-log >"$2.log" 2>&1 &
            server=$!
            cat <&3
            kill -KILL $server
            wait $server
            rm -rf "$2" "$2.log"
            """
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script, "sh", Self.program, directory, String(port)]
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["NANIO_ACCESS_KEY": keyID, "NANIO_SECRET_KEY": secret]
        ) { $1 }
        let input = Pipe()
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        // Children of other tests must not hold the pipe open.
        _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        try process.run()
        holder = Holder(process: process, input: input)
        let deadline = Date(timeIntervalSinceNow: 60)
        while (try? HTTPSocket(port: port)) == nil {
            guard process.isRunning, Date() < deadline else {
                let log = (try? String(contentsOfFile: directory + ".log", encoding: .utf8)) ?? ""
                throw Failure(description: "nanio did not start: \(log.suffix(500))")
            }
            usleep(50_000)
        }
    }

    /// What signs for it.
    package func credentials(secret: String? = nil) throws -> S3CredentialSource {
        try S3CredentialSource(environment: environment(secret: secret))
    }

    package func environment(secret: String? = nil) -> [String: String] {
        ["AWS_ACCESS_KEY_ID": keyID, "AWS_SECRET_ACCESS_KEY": secret ?? self.secret]
    }

    /// A place of its own in the bucket.
    /// - Parameter port: A proxy's; nil: the server's.
    package func location(prefix: String = UUID().uuidString, port: Int? = nil, bucket: String? = nil) throws
        -> S3Location
    {
        let location = S3Location(
            "s3://\(bucket ?? self.bucket)/\(prefix)", endpoint: "http://127.0.0.1:\(port ?? self.port)")
        guard let location else { throw Failure(description: "no location") }
        return location
    }
}
