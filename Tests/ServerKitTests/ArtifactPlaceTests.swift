internal import BodyStores
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import PostgresTestSupport
internal import RunModel
internal import S3TestSupport
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import Testing

/// Artifacts whose bodies are beside the database.
@Suite struct ArtifactPlaceTests {
    enum Place: CaseIterable { case database, directory, s3 }

    /// A place, and what is in it: names below it.
    struct Bodies {
        let store: (any BodyStore)?
        let root: String

        var files: [String] {
            (FileManager.default.enumerator(atPath: root)?.allObjects as? [String] ?? []).filter {
                var isDirectory: ObjCBool = false
                return FileManager.default.fileExists(atPath: root + "/" + $0, isDirectory: &isDirectory)
                    && !isDirectory.boolValue
            }.sorted()
        }
    }

    /// A place of its own; nil when its server is not installed.
    private func bodies(_ place: Place, port: Int? = nil) throws -> Bodies? {
        switch place {
        case .database: return Bodies(store: nil, root: "/nonexistent")
        case .directory:
            let root = FileManager.default.temporaryDirectory.path + "/pipemason-bodies-\(UUID().uuidString)"
            try FileManager.default.createDirectory(
                atPath: root, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            return Bodies(store: try DirectoryBodies(root), root: root)
        case .s3:
            guard S3Server.isExpected else { return nil }
            let server = try S3Server.shared.get()
            let prefix = UUID().uuidString
            var pace = S3Pace()
            pace.pause = .milliseconds(5)
            let store = S3Bodies(
                try server.location(prefix: prefix, port: port), try server.credentials(), pace: pace)
            return Bodies(store: store, root: "\(server.directory)/\(server.bucket)/\(prefix)")
        }
    }

    private func fixture(_ bodies: Bodies, on kind: StoreUnderTest.Kind = .any) throws -> Fixture {
        try Fixture(limits: .unhurried, settings: { $0.bodies = bodies.store }, on: kind)
    }

    @Test func everyPlaceGivesTheSameAnswers() async throws {
        var all: [Place: [String]] = [:]
        for place in Place.allCases {
            guard let bodies = try bodies(place) else { continue }
            let fixture = try fixture(bodies)
            let tenant = try await Tenant(fixture, "acme")
            let run = try await tenant.run()
            all[place] = try await fixture.test { (client: any TestClientProtocol) async throws -> [String] in
                var answers: [String] = []
                func note(_ answer: TestResponse) {
                    let headers = answer.headers.map { "\($0.name): \($0.value)" }.sorted().joined(separator: "\n")
                    answers.append("\(answer.status)\n\(headers)\n\(answer.text)")
                }
                for text in ["hello", "world", "hello"] {
                    note(try await client.keep(tenant, run, Array(text.utf8)))
                }
                note(try await client.keep(tenant, run, Array("key \(secret)".utf8)))
                note(try await client.keep(tenant, .new(at: fixture.now), Array("lost".utf8)))
                note(try await client.call(.get, "/api/v1/runs/\(run)/artifacts", tenant.session(.member)))
                for text in ["hello", "world", "none"] {
                    note(try await client.fetch(tenant, run, Array(text.utf8)))
                }
                note(try await client.call(.delete, "/api/v1/runs/\(run)", tenant.session(.admin)))
                note(try await client.fetch(tenant, run, Array("hello".utf8)))
                return answers
            }
            #expect(bodies.files.count == (place == .database ? 0 : 2))
        }
        let expected = try #require(all[.database])
        #expect(expected.count == 11 && expected[0].hasPrefix("201") && expected[2].hasPrefix("200"))
        #expect(expected[6].hasSuffix("\nhello") && expected[8].hasPrefix("404"))
        for (place, answers) in all { #expect(answers == expected, "\(place)") }
    }

    @Test(arguments: [Place.directory, .s3]) func bodiesAreSealedAndGoWithTheirRun(_ place: Place) async throws {
        guard let bodies = try bodies(place) else { return }
        let fixture = try fixture(bodies)
        let tenant = try await Tenant(fixture, "acme")
        let run = try await tenant.run()
        let body = Array("a line that is not a secret, and sealed all the same".utf8)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            #expect(try await client.keep(tenant, run, body).status == .created)
            #expect(try await client.keep(tenant, run, body).status == .ok)
            let files = bodies.files
            #expect(files.count == 1 && files[0].hasPrefix("\(tenant.organization)/"), "\(files)")
            let stored = try Data(contentsOf: URL(fileURLWithPath: bodies.root + "/" + files[0]))
            #expect(stored.starts(with: Data("pms1".utf8)) && stored.range(of: Data("secret".utf8)) == nil)
            let digest = ChainHash(of: body.span).bytes
            let row = try await fixture.store.artifact(.server(tenant.organization), of: run, digest)
            guard case .elsewhere(let id)? = row?.1 else {
                Issue.record("the body is in the database")
                return
            }
            #expect(files[0].hasSuffix("/\(id)"))

            #expect(try await fixture.plane.deleteLooseBodies() == 0)
            #expect(try await client.call(.delete, "/api/v1/runs/\(run)", tenant.session(.admin)).status == .noContent)
            #expect(bodies.files == files)
            #expect(try await fixture.plane.deleteLooseBodies() == 1)
            #expect(bodies.files == [])
            #expect(try await fixture.plane.deleteLooseBodies() == 0)
        }
    }

    /// The server is killed between the body and its row: the body goes when its time is over, and not before.
    @Test(arguments: [Place.directory, .s3]) func bodyWithoutARowGoesInTime(_ place: Place) async throws {
        guard let bodies = try bodies(place), let store = bodies.store else { return }
        let fixture = try fixture(bodies)
        let tenant = try await Tenant(fixture, "acme")
        let (scope, id) = (Scope.server(tenant.organization), BodyID.new(at: fixture.now))
        try await fixture.store.announceBody(scope, id, due: fixture.now + BodyLimits.announced)
        try await store.put(scope, id, [1])
        #expect(try await fixture.plane.deleteLooseBodies() == 0)
        #expect(bodies.files.count == 1)
        fixture.now = fixture.now + BodyLimits.announced
        #expect(try await fixture.plane.deleteLooseBodies() == 1)
        #expect(bodies.files == [])
    }

    @Test(.enabled(if: S3Server.isExpected)) func storeThatIsDownKeepsNothingAndLosesNothing() async throws {
        let proxy = try FaultProxy(before: try S3Server.shared.get().port)
        let bodies = try #require(try bodies(.s3, port: proxy.port))
        let fixture = try fixture(bodies)
        let tenant = try await Tenant(fixture, "acme")
        let run = try await tenant.run()
        let body = Array("hello".utf8)
        let down = [FaultProxy.Fault](repeating: .answer(503, body: ""), count: 4)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            // The object was written, and every answer was lost.
            proxy.queue([FaultProxy.Fault](repeating: .lostAnswer, count: 3) + [.cut])
            let refused = try await client.keep(tenant, run, body)
            #expect(refused.status == .serviceUnavailable && refused.headers[.retryAfter] == "1", "\(refused.text)")
            #expect(!refused.text.contains("s3://"))
            #expect(try await fixture.store.artifacts(Scope.server(tenant.organization), of: run).isEmpty)
            #expect(try await client.keep(tenant, run, body).status == .created)
            #expect(try await client.fetch(tenant, run, body).text == "hello")
            proxy.queue(down)
            #expect(try await client.fetch(tenant, run, body).status == .serviceUnavailable)
            #expect(try await client.fetch(tenant, run, body).text == "hello")

            // What the first attempt left goes in time; if not now, then when the next one comes to it.
            #expect(bodies.files.count == 2)
            fixture.now = fixture.now + BodyLimits.announced
            proxy.queue(down)
            await #expect(throws: StoreError.self) { try await fixture.plane.deleteLooseBodies() }
            #expect(try await fixture.plane.deleteLooseBodies() == 0)
            fixture.now = fixture.now + BodyLimits.deletion
            #expect(try await fixture.plane.deleteLooseBodies() == 1)
            #expect(bodies.files.count == 1)
            #expect(try await client.fetch(tenant, run, body).text == "hello")
        }
    }

    /// Whoever can write to the place can make an artifact unreadable, and nothing else.
    @Test func bodiesThatWereSwappedOrChangedDoNotOpen() async throws {
        let bodies = try #require(try bodies(.directory))
        let fixture = try fixture(bodies)
        let tenant = try await Tenant(fixture, "acme")
        let run = try await tenant.run()
        let (first, second) = (Array("first".utf8), Array("other".utf8))
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            for body in [first, second] { #expect(try await client.keep(tenant, run, body).status == .created) }
            let paths = bodies.files.map { URL(fileURLWithPath: bodies.root + "/" + $0) }
            let contents = try paths.map { try Data(contentsOf: $0) }
            for (path, data) in zip(paths, contents.reversed()) { try data.write(to: path) }
            for body in [first, second] {
                #expect(try await client.fetch(tenant, run, body).status == .internalServerError)
            }
            for (path, data) in zip(paths, contents) { try (data.dropLast() + [data.last! ^ 1]).write(to: path) }
            #expect(try await client.fetch(tenant, run, first).status == .internalServerError)
            for path in paths { try FileManager.default.removeItem(at: path) }
            #expect(try await client.fetch(tenant, run, first).status == .internalServerError)
        }
    }

    /// Bodies from before the setting stay in the database and are read from there.
    @Test func settingCanBeTurnedOnLater() async throws {
        let bodies = try #require(try bodies(.directory))
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        let run = try await tenant.run()
        let (old, new) = (Array("old".utf8), Array("new".utf8))
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            #expect(try await client.keep(tenant, run, old).status == .created)
        }
        let (later, without) = (try fixture.secondPlane { $0.bodies = bodies.store }, fixture.plane)
        let application = Application(responder: later.apiRoutes().build())
        try await application.test(.router) { (client: any TestClientProtocol) async throws -> Void in
            #expect(try await client.keep(tenant, run, old).status == .ok)
            #expect(try await client.keep(tenant, run, new).status == .created)
            #expect(try await client.fetch(tenant, run, old).text == "old")
            #expect(try await client.fetch(tenant, run, new).text == "new")
        }
        #expect(bodies.files.count == 1)
        // Turned off again, what is elsewhere is out of reach, and said to be.
        let digest = ChainHash(of: new.span).bytes
        let error = await #expect(throws: StoreError.self) {
            _ = try await without.openArtifact(Scope.server(tenant.organization), run: run, digest)
        }
        #expect(error?.code == .unavailable && error?.place.contains("`artifacts`") == true)
    }

    @Test(.enabled(if: PostgresCluster.isExpected)) func serversShareAPlace() async throws {
        let bodies = try #require(try bodies(.directory))
        let first = try fixture(bodies, on: .postgres)
        let second = try Fixture(beside: first)
        let tenant = try await Tenant(first, "acme")
        let run = try await tenant.run()
        let body = Array("hello".utf8)
        try await first.test { (client: any TestClientProtocol) async throws -> Void in
            #expect(try await client.keep(tenant, run, body).status == .created)
        }
        try await second.test { (client: any TestClientProtocol) async throws -> Void in
            #expect(try await client.fetch(tenant, run, body).text == "hello")
            #expect(try await client.call(.delete, "/api/v1/runs/\(run)", tenant.session(.admin)).status == .noContent)
        }
        // Both sweep at once; each body goes once.
        async let one = first.plane.deleteLooseBodies()
        async let two = second.plane.deleteLooseBodies()
        let counts = try await (one, two)
        #expect(counts.0 + counts.1 == 1)
        #expect(bodies.files == [])
    }
}

extension TestClientProtocol {
    fileprivate func keep(_ tenant: Tenant, _ run: StoreRunID, _ body: [UInt8]) async throws -> TestResponse {
        var headers = tenant.bearer
        headers[.contentType] = "text/plain"
        return try await execute(
            uri: "/api/v1/runs/\(run)/artifacts/\(ChainHash(of: body.span))?name=notes.txt", method: .put,
            headers: headers, body: ByteBuffer(bytes: body))
    }

    fileprivate func fetch(_ tenant: Tenant, _ run: StoreRunID, _ body: [UInt8]) async throws -> TestResponse {
        try await call(
            .get, "/api/v1/runs/\(run)/artifacts/\(ChainHash(of: body.span))", tenant.session(.member))
    }
}
