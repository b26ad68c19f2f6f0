internal import Gzip
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import JSONText
internal import OpenSSLEngine
internal import RunModel
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import Testing
internal import TextEncodings

@Suite struct IngestTests {
    @Test func runIsMadeEventsGoInAndComeBackByteForByte() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(5)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            let made = try await client.makeRun(tenant, log.id)
            #expect(made.status == .created)
            #expect(made.json["next_seq"]?.number == 1)
            #expect(try await client.makeRun(tenant, log.id).status == .ok)
            #expect(try await client.makeRun(tenant, log.id, title: "other").status == .conflict)
            let sent = try await client.send(tenant, log)
            #expect(sent.status == .ok, "\(sent.text)")
            #expect(sent.json["next_seq"]?.number == 8)
            #expect(sent.json["head"]?.string == log.lines[6].hash.description)
            for headers in [tenant.bearer, tenant.session(.member)] {
                let events = try await client.call(.get, "/api/v1/runs/\(log.id)/events", headers)
                #expect(events.status == .ok && events.body == log.body())
                let some = try await client.call(.get, "/api/v1/runs/\(log.id)/events?after=2&limit=3", headers)
                #expect(some.body == log.body(3...5))
                let run = try await client.call(.get, "/api/v1/runs/\(log.id)", headers)
                #expect(run.json["status"]?.string == "succeeded" && run.json["exit_code"]?.number == 0)
                let list = try await client.call(.get, "/api/v1/runs?status=succeeded&branch=main&text=TEST", headers)
                #expect(list.text.contains(log.id.description))
            }
        }
    }

    @Test func receiptIsSignedByTheKeyThatTheRunnerKnows() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(2)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            let me = try await client.call(.get, "/api/v1/runner", tenant.bearer)
            guard case .object(let key)? = me.json["receipt_key"],
                let publicKey = key.first(where: { $0.name == "public" })?.value.string.flatMap({ Hex.decode($0) })
            else {
                Issue.record("no receipt key: \(me.text)")
                return
            }
            _ = try await client.makeRun(tenant, log.id)
            let sent = try await client.send(tenant, log)
            let receipt = try Receipt(try #require(sent.json["receipt"]))
            #expect(receipt.sequence == 4 && receipt.head == log.lines[3].hash && receipt.run == log.id.description)
            #expect(try Ed25519.verify(receipt.signature.span, of: receipt.signedBytes.span, by: publicKey.span))
            let listed = try await client.call(.get, "/api/v1/runs/\(log.id)/receipts", tenant.session(.member))
            #expect(listed.text.contains(receipt.json))
        }
    }

    @Test func hundredTimesTheSameBatchAndOverlaps() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(8)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            for _ in 0..<100 {
                let sent = try await client.send(tenant, log, 1...6)
                #expect(sent.status == .ok && sent.json["next_seq"]?.number == 7)
            }
            #expect(try await client.send(tenant, log, 4...10).json["next_seq"]?.number == 11)
            #expect(try await client.call(.get, "/api/v1/runs/\(log.id)/events", tenant.bearer).body == log.body())
        }
    }

    @Test func gapAndForkSayWhereToGoOn() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(8)
        let fork = try log.forked(after: 1, count: 5)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            _ = try await client.send(tenant, log, 1...3)
            let gap = try await client.send(tenant, log, 5...6)
            #expect(gap.status == .conflict && gap.problem == "sequence-gap")
            #expect(gap.json["next_seq"]?.number == 4 && gap.json["head"]?.string == log.lines[2].hash.description)
            let forked = try await client.send(tenant, fork, 2...5)
            #expect(forked.status == .conflict && forked.problem == "chain-fork")
            #expect(forked.json["seq"]?.number == 2 && forked.json["next_seq"]?.number == 4)
            let behind = try await client.send(tenant, fork, 4...5)
            #expect(behind.problem == "chain-fork" && behind.json["seq"]?.number == 4)
            #expect(try await client.call(.get, "/api/v1/runs/\(log.id)/events", tenant.bearer).body == log.body(1...3))
        }
    }

    @Test func secretIsRefusedWithRuleAndNumberAndNeverRepeated() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        var log = try RunLog.make(3, isOpen: true)
        try log.output("token \(secret)\n")
        let leaking = log
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, leaking.id)
            let sent = try await client.send(tenant, leaking)
            #expect(sent.status == .unprocessableContent && sent.problem == "unscrubbed-content", "\(sent.text)")
            #expect(sent.json["seq"]?.number == 5 && sent.json["rule"]?.string == "github-pat")
            #expect(!sent.text.contains(secret))
            // Nothing of the batch was stored; what is clean still goes in.
            #expect(try await client.send(tenant, leaking, 1...4).json["next_seq"]?.number == 5)
            let titled = try await client.makeRun(tenant, RunLog().id, title: secret)
            #expect(titled.status == .unprocessableContent && !titled.text.contains(secret))
            #expect(titled.json["field"]?.string == "title")
        }
    }

    @Test func outputThatIsNoTextIsDecodedBeforeItIsLookedAt() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        var log = try RunLog.make(0, isOpen: true)
        try log.add(
            .commandOutput(CommandOutput(stream: .stdout, bytes: [0xff, 0x20] + Array(secret.utf8) + [0x0a, 0xfe])))
        let leaking = log
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, leaking.id)
            let sent = try await client.send(tenant, leaking)
            #expect(sent.problem == "unscrubbed-content" && sent.json["seq"]?.number == 2, "\(sent.text)")
        }
    }

    @Test func compressedBatchesAndBombs() async throws {
        var limits = ServerLimits.unhurried
        limits.inflatedBytes = 100_000
        let fixture = try Fixture(limits: limits)
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(50)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            let packed = ByteBuffer(bytes: try Gzip.deflate(Array(log.body().readableBytesView)))
            #expect(try await client.send(tenant, log, encoding: "gzip", body: packed).json["next_seq"]?.number == 53)
            let bomb = ByteBuffer(bytes: try Gzip.deflate([UInt8](repeating: 10, count: 8 << 20), level: 9))
            let refused = try await client.send(tenant, log, encoding: "gzip", body: bomb)
            #expect(refused.status == .contentTooLarge && refused.json["limit"]?.number == 100_000)
            let plain = try await client.send(tenant, log, encoding: "gzip")
            #expect(plain.status == .badRequest && plain.problem == "bad-field")
            let unknown = try await client.send(tenant, log, encoding: "br")
            #expect(unknown.status == .unsupportedMediaType && unknown.headers[.acceptEncoding] == "gzip")
        }
    }

    @Test func sizesAreBounded() async throws {
        var limits = ServerLimits.unhurried
        limits.lines = 4
        limits.batchBytes = 20_000
        let fixture = try Fixture(limits: limits)
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(9)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            let long = try await client.send(tenant, log)
            #expect(long.status == .contentTooLarge && long.json["limit"]?.number == 4)
            let large = try await client.send(tenant, log, body: ByteBuffer(repeating: 10, count: 20_001))
            #expect(large.status == .contentTooLarge && large.json["limit"]?.number == 20_000)
            #expect(try await client.send(tenant, log, 1...4).status == .ok)
        }
    }

    @Test(arguments: [
        ("{}", "malformed-event", "v"), ("not JSON", "malformed-event", "v"), ("\n\n", "malformed-event", "v"),
        ("[" + String(repeating: "[", count: 5000), "malformed-event", "v"),
    ]) func malformedLinesNameThePlace(_ line: String, _ problem: String, _ field: String) async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(1)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            let sent = try await client.send(tenant, log, body: ByteBuffer(string: line))
            #expect(
                sent.status == .badRequest && sent.problem == problem && sent.json["field"]?.string == field,
                "\(sent.text)")
            #expect(sent.json["line"]?.number == 1)
        }
    }

    @Test func changedByteBreaksTheHashWhereverItIs() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(1)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            let bytes = Array(log.body(2...2).readableBytesView)
            for index in stride(from: 0, to: bytes.count - 1, by: 3) {
                var changed = bytes
                changed[index] ^= 1
                let sent = try await client.send(tenant, log, 2...2, body: ByteBuffer(bytes: changed))
                #expect(sent.status == .badRequest, "byte \(index): \(sent.status) \(sent.text)")
            }
            #expect(try await client.call(.get, "/api/v1/runs/\(log.id)/events", tenant.bearer).body.readableBytes == 0)
        }
    }

    @Test func cancelReachesTheRunner() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(3)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            _ = try await client.send(tenant, log, 1...2)
            let quiet = try await client.call(.get, "/api/v1/runs/\(log.id)/commands", tenant.bearer)
            #expect(quiet.text.contains(#""commands":[]"#))
            let cancel = try await client.call(.post, "/api/v1/runs/\(log.id)/cancel", tenant.session(.member))
            #expect(cancel.status == .ok)
            let command = #""commands":[{"type":"cancel"}]"#
            #expect(
                try await client.call(.get, "/api/v1/runs/\(log.id)/commands?wait=30", tenant.bearer).text.contains(
                    command))
            #expect(try await client.send(tenant, log, 3...4).text.contains(command))
            // Over is over.
            #expect(try await client.send(tenant, log, 5...5).text.contains(#""commands":[]"#))
        }
    }

    @Test func longPollIsWokenByTheRequestToCancel() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(3)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            async let answer = client.call(.get, "/api/v1/runs/\(log.id)/commands?wait=30", tenant.bearer)
            try await Task.sleep(for: .milliseconds(100))
            let start = ContinuousClock.now
            _ = try await client.call(.post, "/api/v1/runs/\(log.id)/cancel", tenant.session(.member))
            #expect(try await answer.text.contains("cancel"))
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    @Test func rateIsLimitedByCredential() async throws {
        var limits = ServerLimits()
        limits.requests = Rate(perSecond: 0.5, burst: 3)
        let fixture = try Fixture(limits: limits)
        let (acme, other) = (try await Tenant(fixture, "acme"), try await Tenant(fixture, "other"))
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            for _ in 0..<3 { #expect(try await client.call(.get, "/api/v1/runner", acme.bearer).status == .ok) }
            let refused = try await client.call(.get, "/api/v1/runner", acme.bearer)
            #expect(refused.status == .tooManyRequests && refused.headers[.retryAfter] == "2")
            #expect(try await client.call(.get, "/api/v1/runner", other.bearer).status == .ok)
        }
    }
}
