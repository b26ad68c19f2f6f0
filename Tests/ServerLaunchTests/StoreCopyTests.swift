internal import BodyStores
internal import Foundation
internal import PostgresTestSupport
internal import RawHTTP
internal import RunModel
internal import SealingKit
internal import ServerKit
internal import ServerLaunch
internal import ServerStore
internal import ServerStorePostgres
internal import ServerStoreSQLite
internal import ServerTestSupport
internal import Testing

/// The commands on PostgreSQL, as processes.
@Suite(.enabled(if: PostgresCluster.isExpected), .serialized) struct PostgresProcessTests {
    @Test func serveVerifyKeysAndBackup() async throws {
        let cluster = try PostgresCluster.shared.get()
        let database = try cluster.newDatabase()
        let directory = try ServerProcess.newDirectory()
        defer {
            try? FileManager.default.removeItem(at: directory)
            try? cluster.dropDatabase(database)
        }
        let flags = ["--database", cluster.uri(database)]
        let server = try ServerProcess(directory, flags)
        #expect(server.output.contains("sign in once"))
        #expect(!FileManager.default.fileExists(atPath: directory.appendingPathComponent("server.sqlite").path))
        // A second server needs the key file of the first.
        let second = try ServerProcess.newDirectory()
        defer { try? FileManager.default.removeItem(at: second) }
        let refused = try ServerProcess.run(second, ["serve", "--listen", "127.0.0.1:0"] + flags)
        #expect(refused.status == 1 && refused.output.contains("no key file"), "\(refused.output)")
        try DataDirectory(path: second.path).prepareKeks(isEmpty: true)
        #expect(try ServerProcess.run(second, ["serve", "--listen", "127.0.0.1:0"] + flags).status == 1)
        let beside = try ServerProcess(second, flags + ["--kek-file", directory.path + "/kek"])
        #expect(!beside.output.contains("sign in once"))

        #expect(try ServerProcess.run(directory, ["runner-token", "desk"] + flags).output.hasPrefix("pmr_"))
        let rotated = try ServerProcess.run(directory, ["keys", "status"] + flags)
        #expect(rotated.status == 0, "\(rotated.output)")
        let verified = try ServerProcess.run(directory, ["verify"] + flags)
        #expect(verified.status == 0 && verified.output.contains("1 organizations"), "\(verified.output)")
        let backup = try ServerProcess.run(directory, ["backup", directory.path + "/copy"] + flags)
        #expect(backup.status == 2 && backup.output.contains("pg_dump"), "\(backup.output)")
        #expect(server.stop() == 0 && beside.stop() == 0)
    }

    @Test func installationMovesToPostgreSQL() async throws {
        let cluster = try PostgresCluster.shared.get()
        let database = try cluster.newDatabase()
        let directory = try ServerProcess.newDirectory()
        defer {
            try? FileManager.default.removeItem(at: directory)
            try? cluster.dropDatabase(database)
        }
        let data = DataDirectory(path: directory.path)
        try data.prepare()
        try data.prepareKeks(isEmpty: true)
        let (runs, token) = try await fill(data)
        let address = try cluster.address(database)

        // Stopped in the middle: no server starts there, no other copy goes there, and the same one goes on.
        let source = try data.openEmbedded()
        let tables = try await source.rawTables()
        #expect(tables.first { $0.name == "event_blocks" }?.key == ["org_id", "run_id", "last_seq"])
        struct Stop: Error {}
        var told: [String] = []
        let stopped = await #expect(throws: StoreError.self) {
            _ = try await StoreCopy(from: source, to: address).run { line in
                told.append(line)
                guard line.hasPrefix("orgs:") else { return }
                _ = try? cluster.sql(
                    "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''stopped''; END'; CREATE TRIGGER stop BEFORE INSERT ON event_blocks EXECUTE FUNCTION stop()",
                    database: database)
            }
        }
        #expect(stopped?.place.hasPrefix("copy event_blocks: ") == true, "\(String(describing: stopped)) \(told)")
        #expect(told.contains { $0.hasPrefix("runs:") })
        let early = #expect(throws: StoreError.self) { _ = try PostgresStore(address) }
        #expect(early?.code == .refused && early?.place.contains("unfinished") == true)
        let elsewhere = try ServerProcess.newDirectory()
        defer { try? FileManager.default.removeItem(at: elsewhere) }
        let other = DataDirectory(path: elsewhere.path)
        try other.prepare()
        try other.prepareKeks(isEmpty: true)
        _ = try await fill(other)
        let stranger = try other.openEmbedded()
        await #expect(throws: StoreError.self) { _ = try await StoreCopy(from: stranger, to: address).run { _ in } }
        try stranger.close()
        try source.close()
        try cluster.sql("DROP TRIGGER stop ON event_blocks; DROP FUNCTION stop()", database: database)

        let flags = ["--database", cluster.uri(database)]
        let moved = try ServerProcess.run(directory, ["store", "copy"] + flags)
        #expect(moved.status == 0 && moved.output.contains("are the same there"), "\(moved.output)")
        #expect(moved.output.contains("rows are there already"))
        let verified = try ServerProcess.run(directory, ["verify"] + flags)
        #expect(verified.status == 0 && verified.output.contains("0 problems"), "\(verified.output)")
        // Not onto what is there.
        let again = try ServerProcess.run(directory, ["store", "copy"] + flags)
        #expect(again.status == 1 && again.output.contains("not empty"), "\(again.output)")

        // The same answers as before, tokens and receipts included.
        let store = try PostgresStore(address, connections: 4)
        defer { store.close() }
        let hash = try #require(Authenticator.hash(of: token, .runner))
        let (scope, _) = try #require(try await store.runner(hash, address: nil, now: .now))
        let embedded = try data.openEmbedded()
        for run in runs {
            let (moved, original) = (try await store.run(scope, run), try await embedded.run(scope, run))
            #expect(moved != nil && moved == original)
            let lines = try await store.events(scope, of: run, after: 0, limit: 10_000, bytes: 1 << 30)
            let originals = try await embedded.events(scope, of: run, after: 0, limit: 10_000, bytes: 1 << 30)
            #expect(!lines.isEmpty && lines == originals)
        }
        try embedded.close()
    }

    /// Connections to GitHub, what was handed out of them, and artifacts, here and elsewhere: sealed rows open where they went to.
    @Test func sealedRowsMoveToPostgreSQLAndOpenThere() async throws {
        let cluster = try PostgresCluster.shared.get()
        let database = try cluster.newDatabase()
        let (directory, bodies) = (try ServerProcess.newDirectory(), try ServerProcess.newDirectory())
        defer {
            for directory in [directory, bodies] { try? FileManager.default.removeItem(at: directory) }
            try? cluster.dropDatabase(database)
        }
        let data = DataDirectory(path: directory.path)
        try data.prepare()
        try data.prepareKeks(isEmpty: true)
        let flags = ["--artifacts", bodies.path]
        // A server that has run once owns the place.
        let server = try ServerProcess(directory, flags)
        let place = try DirectoryBodies(bodies.path)
        let source = try data.openEmbedded()
        let known = try #require(try await source.organizations().first)
        #expect(try await place.owner() == known.id.description)
        let scope = Scope.server(known.id)
        let user = try #require(try await source.members(scope).first).user.id
        let token = try ServerProcess.run(directory, ["runner-token", "desk"]).output
            .trimmingCharacters(in: .whitespacesAndNewlines)
        let hash = try #require(Authenticator.hash(of: token, .runner))
        let (runner, _) = try #require(try await source.runner(hash, address: nil, now: .now))
        guard case .runner(let runnerID) = runner.actor else { throw StoreError(.refused, "not a runner") }
        let run = StoreRunID.new(at: .now)
        _ = try await source.putRun(
            runner, run, RunDescription(title: "run"),
            chain: ChainHead(next: 1, hash: [UInt8](repeating: 0, count: 32)), now: .now)

        let keks = try data.keks()
        func ring(_ store: any ControlPlaneStore) -> KeyRing<AnyKeyRingStore> {
            KeyRing(store: AnyKeyRingStore(base: store.keys), keks: keks)
        }
        let keys = try await ring(source).open(known.id.description)
        let now = StoreTime.now
        let connection = GitHubConnection(
            user: user, site: "https://github.com", account: "mona", accountID: 1, scopes: "repo read:user",
            isApp: false,
            created: now, renewed: now, expires: now + .seconds(60), refreshExpires: nil, generation: 7,
            tokens: try keys.sealField(
                Array("tokens".utf8).span, try SealedPlace.githubTokens(known.id, user, generation: 7)))
        try await source.putGitHubConnection(scope, connection, now: now)
        #expect(
            try await source.leaseGitHubRenewal(scope, of: user, generation: 7, until: now + .seconds(9), now: now))
        func grant(_ text: String?) throws -> GitGrant {
            let id = GitGrantID.new(at: now)
            return GitGrant(
                id: id, run: run, runner: runnerID, user: user, repository: "acme/tools", operation: "push",
                mode: "installation", created: now, expires: text == nil ? nil : now + .seconds(60),
                token: try text.map {
                    try keys.sealField(Array($0.utf8).span, try SealedPlace.gitGrant(known.id, id))
                })
        }
        let (open, shared, closed) = (try grant("of one operation"), try grant(nil), try grant("closed"))
        for grant in [open, shared, closed] { #expect(try await source.addGitGrant(runner, grant, now: now)) }
        #expect(try await source.closeGitGrant(runner, of: run, closed.id, now: now))
        for text in ["one", "two"] {
            let digest = ChainHash(of: Array(text.utf8).span)
            let answer = try HTTPSocket(port: server.port).request(
                "PUT", "/api/v1/runs/\(run)/artifacts/\(digest)?name=\(text)",
                bearer(token).merging(["Content-Type": "text/plain"]) { $1 }, Array(text.utf8))
            #expect(answer.status == 201, "\(answer.text)")
        }
        #expect(server.stop() == 0)
        let loose = BodyID.new(at: now)
        try await source.announceBody(runner, loose, due: now)
        try source.close()

        let target = ["--database", cluster.uri(database)]
        let copied = try ServerProcess.run(directory, ["store", "copy"] + target + flags)
        #expect(copied.status == 0 && copied.output.contains("github_connections: 1 rows"), "\(copied.output)")
        #expect(copied.output.contains("git_grants: 3 rows") && copied.output.contains("loose_bodies: 1 rows"))
        #expect(copied.output.contains("artifacts stay in \(bodies.path)"))
        let verified = try ServerProcess.run(directory, ["verify"] + target + flags)
        #expect(verified.status == 0 && verified.output.contains("2 artifacts, 0 problems"), "\(verified.output)")

        let store = try PostgresStore(try cluster.address(database), connections: 2)
        defer { store.close() }
        #expect(try await store.githubConnection(scope, of: user) == connection)
        for grant in [open, shared] { #expect(try await store.gitGrant(scope, of: run, grant.id) == grant) }
        let over = try #require(try await store.gitGrant(scope, of: run, closed.id))
        #expect(over.closed == now && over.token == nil)
        #expect(try await store.dueGitGrants(scope, now: now + .seconds(61), limit: 9).map(\.id) == [open.id])
        // The right to renew is the row's as well: whoever finds it expired takes it.
        #expect(
            try await !store.leaseGitHubRenewal(scope, of: user, generation: 7, until: now + .seconds(20), now: now))
        let there = try await ring(store).open(known.id.description)
        let tokens = try there.openField(
            connection.tokens.span, try SealedPlace.githubTokens(known.id, user, generation: 7))
        #expect(text(tokens.bytes) == "tokens")
        let kept = try #require(open.token)
        let opened = try there.openField(kept.span, try SealedPlace.gitGrant(known.id, open.id))
        #expect(text(opened.bytes) == "of one operation")
        let due = try await store.takeLooseBodies(now: now, until: now + .seconds(60), limit: 9)
        #expect(due.map(\.id) == [loose])

        // All of them are sealed under the organization's key, so a new one reaches all.
        for command in ["rotate-org", "reseal"] {
            let done = try ServerProcess.run(directory, ["keys", command, known.id.description] + target)
            #expect(done.status == 0, "\(done.output)")
        }
        let moved = try #require(try await store.githubConnection(scope, of: user)).tokens
        #expect(moved != connection.tokens)
        let again = try ServerProcess.run(directory, ["verify"] + target + flags)
        #expect(again.status == 0 && again.output.contains("0 problems"), "\(again.output)")
    }

    private func text(_ bytes: Span<UInt8>) -> String {
        String(decoding: bytes.withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
    }

    /// Two organizations with runs and an artifact; returns runs of the first and its runner's token.
    private func fill(_ data: DataDirectory) async throws -> ([StoreRunID], String) {
        let store = try data.openEmbedded()
        let keks = try data.keks()
        let plane = try ControlPlane(
            store: store, keks: { keks }, settings: ServerSettings(publicURL: "http://127.0.0.1"), mailer: NoMailer())
        _ = try await plane.createOrganization(name: "other", ownerEmail: "owner@" + "other.example")
        let scope = try await plane.createOrganization(name: "acme", ownerEmail: "owner@" + "acme.example")
        let (_, token) = try await plane.createRunnerToken(scope, name: "desk", days: nil)
        let hash = try #require(Authenticator.hash(of: token, .runner))
        let (runner, _) = try #require(try await store.runner(hash, address: nil, now: .now))
        var runs: [StoreRunID] = []
        for count in [1, 700, 3] {
            let log = try RunLog.make(count)
            let id = try #require(StoreRunID(log.id.description))
            _ = try await store.putRun(
                runner, id, RunDescription(title: "run \(count)"),
                chain: ChainHead(next: 1, hash: [UInt8](repeating: 0, count: 32)), now: .now)
            let events = log.lines.map { line in
                IncomingEvent(
                    sequence: Int64(line.event.sequence), previous: line.previous.bytes, hash: line.hash.bytes,
                    line: line.bytes, effect: RunEffect(phase: "a\u{0}b"))
            }
            _ = try await store.append(runner, to: id, events, now: .now)
            runs.append(id)
        }
        try store.close()
        return (runs, token)
    }
}
