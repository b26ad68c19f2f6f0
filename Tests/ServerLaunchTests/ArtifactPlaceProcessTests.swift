internal import BodyStores
internal import Foundation
internal import PostgresTestSupport
internal import RawHTTP
internal import RunModel
internal import S3TestSupport
internal import ServerLaunch
internal import ServerStore
internal import ServerTestSupport
internal import Testing

/// Servers that keep artifacts beside the database, as processes.
@Suite(.serialized) struct ArtifactPlaceProcessTests {
    private struct Runner {
        let run = StoreRunID.new(at: .now).description
        let token: String

        init(_ server: ServerProcess, _ flags: [String] = []) throws {
            token = try ServerProcess.run(server.directory, ["runner-token", "desk"] + flags).output
                .trimmingCharacters(in: .whitespacesAndNewlines)
            let made = try ask(server, "PUT", "", "application/json", #"{"title":"make"}"#)
            guard made.status == 201 else { throw StoreError(.conflict, made.text) }
        }

        func ask(
            _ server: ServerProcess, _ method: String, _ path: String, _ type: String = "text/plain",
            _ body: String = ""
        ) throws -> HTTPSocket.Answer {
            try HTTPSocket(port: server.port).request(
                method, "/api/v1/runs/\(run)" + path, bearer(token).merging(["Content-Type": type]) { $1 },
                Array(body.utf8))
        }

        func path(_ text: String) -> String { "/artifacts/\(ChainHash(of: Array(text.utf8).span))" }

        func keep(_ server: ServerProcess, _ text: String) throws -> Int {
            try ask(server, "PUT", path(text) + "?name=x", "text/plain", text).status
        }

        func fetch(_ server: ServerProcess, _ text: String) throws -> String { try ask(server, "GET", path(text)).text }
    }

    @Test func directoryIsTheInstallationsOwn() async throws {
        let (directory, bodies) = (try ServerProcess.newDirectory(), try ServerProcess.newDirectory())
        let (other, empty) = (try ServerProcess.newDirectory(), try ServerProcess.newDirectory())
        defer { for path in [directory, bodies, other, empty] { try? FileManager.default.removeItem(at: path) } }
        let flags = ["--artifacts", bodies.path]
        let server = try ServerProcess(directory, flags)
        let runner = try Runner(server)
        #expect(try runner.keep(server, "hello") == 201)
        #expect(try runner.fetch(server, "hello") == "hello")

        let verified = try ServerProcess.run(directory, ["verify"] + flags)
        #expect(verified.status == 0 && verified.output.contains("1 artifacts, 0 problems"), "\(verified.output)")
        let backup = try ServerProcess.run(directory, ["backup", directory.path + "/copy"] + flags)
        #expect(backup.status == 0 && backup.output.contains("copy \(bodies.path) as well"), "\(backup.output)")
        let restored = try ServerProcess.run(directory, ["verify", "--backup", directory.path + "/copy"] + flags)
        #expect(restored.status == 0 && restored.output.contains("1 artifacts, 0 problems"), "\(restored.output)")
        // Without the setting the artifact is out of reach, and verify says so.
        let without = try ServerProcess.run(directory, ["verify"])
        #expect(without.status == 1 && without.output.contains("set `artifacts`"), "\(without.output)")
        #expect(server.stop() == 0)

        // A place without the bodies that are somewhere: a share that is not mounted.
        let unmounted = try ServerProcess.run(
            directory, ["serve", "--listen", "127.0.0.1:0", "--artifacts", empty.path])
        #expect(unmounted.status == 1 && unmounted.output.contains("is it mounted"), "\(unmounted.output)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: empty.path) == [])
        let unread = try ServerProcess.run(directory, ["verify", "--artifacts", empty.path])
        #expect(unread.status == 1 && unread.output.contains("no server has kept"), "\(unread.output)")
        // Another installation's.
        let stranger = try ServerProcess.run(other, ["serve", "--listen", "127.0.0.1:0"] + flags)
        #expect(stranger.status == 1 && stranger.output.contains("another installation's"), "\(stranger.output)")

        // The tree can lie elsewhere: its names are the same.
        try FileManager.default.removeItem(at: empty)
        try FileManager.default.copyItem(at: bodies, to: empty)
        let moved = try ServerProcess(directory, ["--artifacts", empty.path])
        #expect(try runner.fetch(moved, "hello") == "hello")
        #expect(moved.stop() == 0)
    }

    @Test(.enabled(if: S3Server.isExpected)) func bucketAndCredentialsComeFromSettings() async throws {
        let s3 = try S3Server.shared.get()
        let directory = try ServerProcess.newDirectory()
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.path + "/credentials"
        let text = "[default]\naws_access_key_id = \(s3.keyID)\naws_secret_access_key = \(s3.secret)\n"
        #expect(
            FileManager.default.createFile(
                atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]))
        let prefix = UUID().uuidString
        let flags = [
            "--artifacts", "s3://\(s3.bucket)/\(prefix)", "--artifacts-endpoint", "http://127.0.0.1:\(s3.port)",
            "--artifacts-credentials-file", file,
        ]
        let server = try ServerProcess(directory, flags)
        let runner = try Runner(server)
        #expect(try runner.keep(server, "hello") == 201)
        #expect(try runner.fetch(server, "hello") == "hello")
        let verified = try ServerProcess.run(directory, ["verify"] + flags)
        #expect(verified.status == 0 && verified.output.contains("1 artifacts, 0 problems"), "\(verified.output)")
        let shown = try ServerProcess.run(directory, ["config", "check"] + flags)
        #expect(shown.status == 0 && shown.output.contains("artifacts = s3://") && !shown.output.contains(s3.secret))
        #expect(server.stop() == 0)
        let log = try String(contentsOf: directory.appendingPathComponent("log"), encoding: .utf8)
        #expect(!log.contains(s3.secret))
        // A wrong secret is noticed at the start, and named without it.
        let wrong = UUID().uuidString
        try Data(text.replacingOccurrences(of: s3.secret, with: wrong).utf8).write(to: URL(fileURLWithPath: file))
        let refused = try ServerProcess.run(directory, ["serve", "--listen", "127.0.0.1:0"] + flags)
        #expect(refused.status == 1 && refused.output.contains("403 SignatureDoesNotMatch"), "\(refused.output)")
        #expect(!refused.output.contains(wrong))
    }

    @Test(.enabled(if: PostgresCluster.isExpected && S3Server.isExpected)) func serversOfOneDatabaseShareABucket()
        async throws
    {
        let (cluster, s3) = (try PostgresCluster.shared.get(), try S3Server.shared.get())
        let database = try cluster.newDatabase()
        let (directory, second) = (try ServerProcess.newDirectory(), try ServerProcess.newDirectory())
        defer {
            for path in [directory, second] { try? FileManager.default.removeItem(at: path) }
            try? cluster.dropDatabase(database)
        }
        let file = directory.path + "/credentials"
        let text = "aws_access_key_id = \(s3.keyID)\naws_secret_access_key = \(s3.secret)\n"
        #expect(
            FileManager.default.createFile(
                atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]))
        let flags = [
            "--database", cluster.uri(database), "--artifacts", "s3://\(s3.bucket)/\(UUID().uuidString)",
            "--artifacts-endpoint", "http://127.0.0.1:\(s3.port)", "--artifacts-credentials-file", file, "--kek-file",
            directory.path + "/kek",
        ]
        let servers = [try ServerProcess(directory, flags), try ServerProcess(second, flags)]
        let runner = try Runner(servers[0], flags)
        for (index, text) in ["one", "two"].enumerated() {
            #expect(try runner.keep(servers[index], text) == 201)
            #expect(try runner.fetch(servers[1 - index], text) == text)
        }
        #expect(try cluster.sql("SELECT count(*) FROM artifacts WHERE length(body) > 0", database: database) == "0")
        let verified = try ServerProcess.run(directory, ["verify"] + flags)
        #expect(verified.status == 0 && verified.output.contains("2 artifacts, 0 problems"), "\(verified.output)")
        for server in servers { #expect(server.stop() == 0) }
    }
}
