internal import Foundation
internal import S3TestSupport
internal import ServerStore
internal import Testing

@testable internal import BodyStores

/// What goes wrong between us and a real server that checks signatures.
@Suite(.enabled(if: S3Server.isExpected)) struct S3FailureTests {
    private let server: S3Server
    private let proxy: FaultProxy
    private let scope = newScope()
    private let id = BodyID.new(at: .now)

    init() throws {
        server = try S3Server.shared.get()
        proxy = try FaultProxy(before: server.port)
    }

    private func bodies(
        attempts: Int = 4, request: Duration = .seconds(20), credentials: S3CredentialSource? = nil,
        bucket: String? = nil, clock: @Sendable @escaping () -> Int64 = { Timestamp.now.seconds }
    ) throws -> S3Bodies {
        var pace = S3Pace()
        pace.attempts = attempts
        pace.request = request
        pace.pause = .milliseconds(5)
        return S3Bodies(
            try server.location(port: proxy.port, bucket: bucket), try credentials ?? server.credentials(), pace: pace,
            clock: clock)
    }

    /// - Returns: what the error says, which never holds the secret.
    private func failure(_ work: () async throws -> Void) async -> String {
        let error = await #expect(throws: StoreError.self) { try await work() }
        let text = error.map { "\($0)" } ?? ""
        #expect(!text.contains(server.secret))
        return text
    }

    private static let busy = "<Error><Code>SlowDown</Code><Message>x</Message></Error>"

    @Test func whatPassesIsTriedAgain() async throws {
        let place = try bodies()
        let body = [UInt8](repeating: 7, count: 100_000)
        proxy.queue([.answer(503, body: Self.busy), .cut, .answer(500, body: "")])
        try await place.put(scope, id, body)
        #expect(proxy.heads.count == 4)
        proxy.queue([.lostAnswer])
        try await place.put(scope, id, body)
        #expect(proxy.heads.count == 6)
        proxy.queue([.cutAnswer(after: 50_000), .lostAnswer, .answer(429, body: "")])
        #expect(try await place.body(scope, id) == body)
        #expect(proxy.heads.count == 10)
        proxy.queue([.cut, .answer(502, body: "<html>"), .lostAnswer])
        try await place.delete(scope, id)
        #expect(proxy.heads.count == 14)
        #expect(try await place.body(scope, id) == nil)
    }

    @Test func whatDoesNotPassNamesTheObjectAndTheReason() async throws {
        let place = try bodies(attempts: 3)
        proxy.queue([FaultProxy.Fault](repeating: .answer(503, body: Self.busy), count: 3))
        let text = await failure { try await place.put(scope, id, [1]) }
        #expect(text.hasPrefix("unavailable: s3://artifacts/"), "\(text)")
        #expect(
            text.hasSuffix("/\(scope.organization)/\(id.description.suffix(2))/\(id): 503 SlowDown, 3 times"), "\(text)"
        )
        proxy.queue([.cut, .cut, .cut])
        let cut = await failure { _ = try await place.body(scope, id) }
        #expect(cut.hasSuffix(": no connection, 3 times"), "\(cut)")
        #expect(proxy.heads.count == 6)
    }

    @Test func silenceAndTricklesEnd() async throws {
        let place = try bodies(attempts: 2, request: .milliseconds(300))
        try await place.put(scope, id, [UInt8](repeating: 1, count: 100))
        for faults in [[FaultProxy.Fault.silence, .silence], [.drip, .drip]] {
            proxy.queue(faults)
            let start = ContinuousClock.now
            let text = await failure { _ = try await place.body(scope, id) }
            #expect(text.hasSuffix(": no answer in time, 2 times"), "\(text)")
            #expect(ContinuousClock.now - start < .seconds(3))
        }
        proxy.queue([.silence])
        #expect(try await place.body(scope, id)?.count == 100)
    }

    @Test func wrongSecretIsRefusedOnce() async throws {
        let wrong = try server.credentials(secret: UUID().uuidString)
        let place = try bodies(credentials: wrong)
        let text = await failure { try await place.put(scope, id, [1]) }
        #expect(text.hasSuffix(": 403 SignatureDoesNotMatch"), "\(text)")
        #expect(proxy.heads.count == 1)
        // Nothing was kept.
        #expect(try await bodies().body(scope, id) == nil)
    }

    /// The real server holds the body against the hash that was signed.
    @Test func signatureCoversTheBody() async throws {
        let place = try bodies()
        try await place.put(scope, id, [1, 2, 3])
        let head = try #require(proxy.heads.last)
        #expect(head.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date,"))
        #expect(!head.contains("UNSIGNED-PAYLOAD") && !head.contains(server.secret))
    }

    @Test func clockThatIsWrongIsNamed() async throws {
        let place = try bodies(clock: { Timestamp.now.seconds - 3600 })
        let text = await failure { try await place.put(scope, id, [1]) }
        #expect(text.hasSuffix(": 403 RequestTimeTooSkewed"), "\(text)")
    }

    @Test func bucketThatIsNotThereIsNamed() async throws {
        let place = try bodies(bucket: "no-such-bucket")
        let put = await failure { try await place.put(scope, id, [1]) }
        #expect(put.contains("s3://no-such-bucket/") && put.hasSuffix(": 404 NoSuchBucket"), "\(put)")
        // A body that is missing with its bucket is not one that is gone.
        let get = await failure { _ = try await place.body(scope, id) }
        #expect(get.hasSuffix(": 404 NoSuchBucket"), "\(get)")
        // Nor is one that a proxy knows nothing of.
        proxy.queue([.answer(404, body: "<html>not found</html>")])
        let page = await failure { _ = try await bodies().body(scope, id) }
        #expect(page.hasSuffix(": 404"), "\(page)")
    }

    @Test func bucketInAnotherRegionIsNamed() async throws {
        let place = try bodies()
        proxy.queue([.answer(301, body: "<Error><Code>PermanentRedirect</Code><Region>eu-west-1</Region></Error>")])
        let text = await failure { _ = try await place.body(scope, id) }
        #expect(text.hasSuffix(": 301 PermanentRedirect; the bucket is in the region eu-west-1"), "\(text)")
    }

    @Test func answerThatIsTooLargeIsNotTaken() async throws {
        let place = try bodies()
        let long = String(repeating: "x", count: BodyLimits.owner + 1)
        proxy.queue([.answer(200, body: long)])
        let text = await failure { _ = try await place.owner() }
        #expect(text.hasSuffix("/owner: 200, with too large an answer"), "\(text)")
    }

    @Test func credentialsThatChangedInTheirFileAreTakenUp() async throws {
        let directory = try newDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let file = directory + "/credentials"
        func write(_ secret: String) throws {
            let text = "[default]\naws_access_key_id = \(server.keyID)\naws_secret_access_key = \(secret)\n"
            #expect(
                FileManager.default.createFile(
                    atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]))
        }
        try write("old")
        let place = try bodies(credentials: try S3CredentialSource(file: file))
        #expect(await failure { try await place.put(scope, id, [1]) }.hasSuffix(": 403 SignatureDoesNotMatch"))
        try write(server.secret)
        try await place.put(scope, id, [1])
        #expect(try await place.body(scope, id) == [1])
        // One that others can read is refused, and so is one without credentials.
        chmod(file, 0o644)
        #expect(throws: (any Error).self) { _ = try S3CredentialSource(file: file) }
        try write("")
        let error = #expect(throws: StoreError.self) { _ = try S3CredentialSource(file: file) }
        #expect(error?.place.contains(file) == true)
    }

    @Test func sessionTokenIsSigned() async throws {
        var environment = server.environment()
        environment["AWS_SESSION_TOKEN"] = "token/1=="
        let place = try bodies(credentials: try S3CredentialSource(environment: environment))
        try await place.put(scope, id, [1])
        let head = try #require(proxy.heads.last)
        #expect(head.contains("x-amz-date;x-amz-security-token,") && head.contains("x-amz-security-token: token/1=="))
    }

    /// The bucket is `127` and the host `0.0.1`, together an address that is there. The server takes the first part of the path for the
    /// bucket, so what it checks is a signature over host and path as virtual hosts have them.
    @Test func virtualHostsAreSignedFor() async throws {
        let location = try #require(
            S3Location("s3://127/artifacts/x", endpoint: "http://0.0.1:\(proxy.port)", addressing: .virtualHost))
        let place = S3Bodies(location, try server.credentials())
        try await place.put(scope, id, [1])
        #expect(try await place.body(scope, id) == [1])
        let head = try #require(proxy.heads.first)
        #expect(head.hasPrefix("PUT /artifacts/x/\(scope.organization)/"))
        #expect(head.lowercased().contains("\r\nhost: 127.0.0.1:\(proxy.port)\r\n"))
    }
}
