package import Foundation
internal import HTTPTypes

/// git as a program.
package enum Git {
    /// Runs git; returns what it wrote to both its outputs.
    /// - Throws: with that text when it fails.
    @discardableResult
    package static func run(
        _ arguments: [String], in directory: URL? = nil, environment: [String: String] = [:]
    ) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["git"] + arguments
        if let directory { process.currentDirectoryURL = directory }
        process.environment = isolated.merging(environment) { _, new in new }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: data, as: UTF8.self)
        guard process.terminationStatus == 0 else { throw GitHubStandIn.StandInError.git(text) }
        return text
    }

    /// An environment without the user's configuration.
    package static let isolated: [String: String] = [
        "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a" + "@" + "acme.example", "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a" + "@" + "acme.example",
    ]

    /// Makes a bare repository with one commit on `main`.
    static func makeRepository(_ bare: URL) throws {
        try FileManager.default.createDirectory(at: bare, withIntermediateDirectories: true)
        try run(["init", "--quiet", "--bare", "--initial-branch=main", bare.path])
        let work = bare.deletingLastPathComponent().appendingPathComponent("work-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: work) }
        try run(["init", "--quiet", "--initial-branch=main", work.path])
        try Data("a file\n".utf8).write(to: work.appendingPathComponent("README"))
        try run(["add", "."], in: work)
        try run(["commit", "--quiet", "-m", "Begin"], in: work)
        try run(["push", "--quiet", bare.path, "main"], in: work)
    }
}

extension GitHubStandIn {
    /// git's smart protocol, by `git http-backend` (git-http-backend(1)), for who brings a token as the password of
    /// `x-access-token`.
    func git(_ request: StandInRequest) async -> StandInAnswer {
        let path = request.path
        guard path.count >= 3 else { return .message(404, "Not Found") }
        let service = path[2] == "info" ? request.query["service"] ?? "" : path[2]
        guard ["git-upload-pack", "git-receive-pack"].contains(service),
            let repository = state.withLock({ $0.repository(path[0], path[1]) })
        else { return .message(404, "Not Found") }
        let writes = service == "git-receive-pack"
        var remote: String?
        if let basic = request.basic {
            let now = options.now()
            let may = state.withLock { state -> (read: Bool, write: Bool)? in
                guard basic.user == "x-access-token", let access = state.access(basic.password, now: now) else {
                    return nil
                }
                return state.may(access.holder, repository)
            }
            guard let may else {
                bump("git refused")
                return Self.askForPassword
            }
            guard may.read else { return .message(404, "Not Found") }
            guard !writes || may.write else {
                bump("git refused")
                return .message(403, "Permission to \(repository.fullName) denied")
            }
            bump("git authorized")
            remote = "x-access-token"
        } else if writes || repository.isPrivate {
            return Self.askForPassword
        }
        var environment = Git.isolated
        environment["GIT_PROJECT_ROOT"] = directory.path
        environment["GIT_HTTP_EXPORT_ALL"] = "1"
        environment["PATH_INFO"] =
            "/\(repository.fullName).git/" + path.dropFirst(2).joined(separator: "/")
        environment["QUERY_STRING"] = request.rawQuery
        environment["REQUEST_METHOD"] = request.method
        environment["CONTENT_TYPE"] = request.headers[.contentType] ?? ""
        environment["CONTENT_LENGTH"] = String(request.body.count)
        if let encoding = request.headers[.contentEncoding] { environment["HTTP_CONTENT_ENCODING"] = encoding }
        if let version = request.headers[HTTPField.Name("Git-Protocol")!] { environment["GIT_PROTOCOL"] = version }
        if let remote { environment["REMOTE_USER"] = remote }
        let body = request.body
        let final = environment
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(returning: self.runBackend(final, body) ?? .message(500, "git http-backend failed"))
            }
        }
    }

    private static let askForPassword = StandInAnswer(
        401, nil, headers: [("www-authenticate", "Basic realm=\"GitHub\"")])

    private func runBackend(_ environment: [String: String], _ body: [UInt8]) -> StandInAnswer? {
        let input = directory.appendingPathComponent("in-\(UUID().uuidString)")
        let output = directory.appendingPathComponent("out-\(UUID().uuidString)")
        defer {
            try? FileManager.default.removeItem(at: input)
            try? FileManager.default.removeItem(at: output)
        }
        guard (try? Data(body).write(to: input)) != nil,
            FileManager.default.createFile(atPath: output.path, contents: nil),
            let reading = try? FileHandle(forReadingFrom: input), let writing = try? FileHandle(forWritingTo: output)
        else { return nil }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["git", "http-backend"]
        process.environment = environment
        process.standardInput = reading
        process.standardOutput = writing
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        process.waitUntilExit()
        guard let data = try? Data(contentsOf: output), let end = data.range(of: Data("\r\n\r\n".utf8)) else {
            return nil
        }
        var answer = StandInAnswer(200)
        for line in String(decoding: data[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n") {
            let sides = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard sides.count == 2 else { continue }
            if sides[0].lowercased() == "status" {
                answer.status = Int(sides[1].prefix(3)) ?? 500
            } else {
                answer.headers.append((sides[0], sides[1]))
            }
        }
        answer.body = Array(data[end.upperBound...])
        return answer
    }
}
