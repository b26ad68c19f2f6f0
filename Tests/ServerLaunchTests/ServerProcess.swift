internal import Foundation
internal import Testing

/// The program itself, as a process.
final class ServerProcess {
    let directory: URL
    let process = Process()
    private(set) var output = ""
    /// Where it listens.
    private(set) var address = ""
    private let pipe = Pipe()

    /// The program that was built beside the tests.
    static let program: URL = {
        // Tests run from a bundle in the directory of products.
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let path = ProcessInfo.processInfo.environment["PIPEMASON_SERVER_BINARY"]
        return path.map { URL(fileURLWithPath: $0) } ?? bundle.appendingPathComponent("pipemason-server")
    }()

    static func newDirectory() throws -> URL {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("pipemason-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: directory.path)
        return directory
    }

    /// Starts a server on a directory and waits until it listens.
    init(_ directory: URL, port: Int = 0, _ arguments: [String] = []) throws {
        self.directory = directory
        process.executableURL = Self.program
        process.arguments = ["serve", "--data", directory.path, "--listen", "127.0.0.1:\(port)"] + arguments
        process.standardOutput = pipe
        let log = directory.appendingPathComponent("log")
        if !FileManager.default.fileExists(atPath: log.path) {
            try Data().write(to: log)
        }
        let handle = try FileHandle(forWritingTo: log)
        try handle.seekToEnd()
        process.standardError = handle
        try process.run()
        while !output.contains("listening on ") {
            let data = pipe.fileHandleForReading.availableData
            guard !data.isEmpty else { throw Failure.didNotStart }
            output += String(decoding: data, as: UTF8.self)
        }
        let line = output.split(separator: "\n").first { $0.contains("listening on ") } ?? ""
        address = String(line.split(separator: " ").last ?? "")
    }

    enum Failure: Error { case didNotStart }

    var port: Int { Int(address.split(separator: ":").last ?? "") ?? 0 }

    func kill() {
        Foundation.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Asks it to stop; returns its exit status.
    func stop() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Runs another command of the program on the directory.
    static func run(_ directory: URL, _ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments + ["--data", directory.path]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}
