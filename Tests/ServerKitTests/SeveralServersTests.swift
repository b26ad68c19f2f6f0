internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import PostgresTestSupport
internal import RunModel
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import Testing

/// Two servers on one PostgreSQL database.
@Suite(.enabled(if: PostgresCluster.isExpected)) struct SeveralServersTests {
    /// Limits under which nothing but a notice is fast.
    private static var patient: ServerLimits {
        var limits = ServerLimits.unhurried
        limits.recheck = .seconds(60)
        return limits
    }

    @Test func watcherOfOneServerSeesWhatTheOtherIsFed() async throws {
        let first = try Fixture(limits: Self.patient, on: .postgres)
        let second = try Fixture(beside: first)
        let tenant = try await Tenant(first, "acme")
        let log = try RunLog.make(60)
        try await first.test { (one: any TestClientProtocol) async throws -> Void in
            try await second.test { (two: any TestClientProtocol) async throws -> Void in
                #expect(try await one.makeRun(tenant, log.id).status == .created)
                async let watched = one.call(.get, "/api/v1/runs/\(log.id)/stream", tenant.session(.member))
                while first.plane.hub.watcherCount == 0 { try await Task.sleep(for: .milliseconds(5)) }
                // Batches go to both in turns.
                var next = 1
                var isSecond = true
                while next <= log.lines.count {
                    let last = min(next + 6, log.lines.count)
                    let client = isSecond ? two : one
                    #expect(try await client.send(tenant, log, next...last).status == .ok)
                    (next, isSecond) = (last + 1, !isSecond)
                }
                let sent = ContinuousClock.now
                let ids = try await watched.text.split(separator: "\n").filter { $0.hasPrefix("id: ") }
                #expect(ids == (1...log.lines.count).map { "id: \($0)"[...] })
                #expect(ContinuousClock.now - sent < .seconds(2))
                // Both sign with the same key: the same events, the same receipt.
                let path = "/api/v1/runs/\(log.id)/receipts"
                let receipt = try await one.call(.get, path, tenant.bearer)
                #expect(receipt.text.contains("signature") || receipt.text.contains("sig"))
                #expect(try await two.call(.get, path, tenant.bearer).body == receipt.body)
            }
        }
    }

    @Test func cancelAtOneServerReachesTheRunnerAtTheOther() async throws {
        let first = try Fixture(limits: Self.patient, on: .postgres)
        let second = try Fixture(beside: first)
        let tenant = try await Tenant(first, "acme")
        let log = try RunLog.make(3)
        try await first.test { (one: any TestClientProtocol) async throws -> Void in
            try await second.test { (two: any TestClientProtocol) async throws -> Void in
                _ = try await one.makeRun(tenant, log.id)
                async let commands = one.call(.get, "/api/v1/runs/\(log.id)/commands?wait=30", tenant.bearer)
                try await Task.sleep(for: .milliseconds(300))
                let start = ContinuousClock.now
                _ = try await two.call(.post, "/api/v1/runs/\(log.id)/cancel", tenant.session(.member))
                // What a batch says counts as well as what was waited for.
                let later = try await one.call(.get, "/api/v1/runs/\(log.id)/commands?wait=30", tenant.bearer)
                #expect(later.text.contains("cancel"))
                _ = try await commands
                #expect(ContinuousClock.now - start < .seconds(1))
            }
        }
    }

    @Test(arguments: ["revoked", "signed out", "removed", "deleted"])
    func whatEndsAtOneServerEndsStreamsAtTheOther(_ what: String) async throws {
        let first = try Fixture(limits: Self.patient, on: .postgres)
        let second = try Fixture(beside: first)
        let tenant = try await Tenant(first, "acme")
        let joined = try await tenant.join(.member, "guest")
        let log = try RunLog.make(3, isOpen: true)
        try await first.test { (one: any TestClientProtocol) async throws -> Void in
            _ = try await one.makeRun(tenant, log.id)
            _ = try await one.send(tenant, log)
            let cookie: HTTPFields = [.cookie: Tenant.header(joined), HTTPField.Name("Sec-Fetch-Site")!: "same-origin"]
            let headers = what == "revoked" || what == "deleted" ? tenant.bearer : cookie
            async let stream = one.call(.get, "/api/v1/runs/\(log.id)/stream", headers)
            while first.plane.hub.watcherCount == 0 { try await Task.sleep(for: .milliseconds(5)) }
            try await Task.sleep(for: .milliseconds(300))
            let start = ContinuousClock.now
            try await second.test { (two: any TestClientProtocol) async throws -> Void in
                let answer =
                    switch what {
                    case "revoked":
                        try await two.call(.delete, "/api/v1/runner-tokens/\(tenant.runner)", tenant.session())
                    case "signed out": try await two.call(.delete, "/api/v1/session", cookie)
                    case "removed":
                        try await two.call(.delete, "/api/v1/members/\(joined.session.user.id)", tenant.session())
                    default: try await two.call(.delete, "/api/v1/runs/\(log.id)", tenant.session())
                    }
                #expect(answer.status == .noContent, "\(answer.text)")
            }
            #expect(try await stream.status == .ok)
            #expect(ContinuousClock.now - start < .seconds(1))
        }
    }
}
