internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import RunModel
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import Testing

@Suite struct StreamTests {
    @Test func manyWatchersSeeEveryEventOnceAndInOrder() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(200)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            _ = try await client.send(tenant, log, 1...7)
            try await withThrowingTaskGroup(of: Stream.self) { group in
                for watcher in 0..<20 {
                    group.addTask {
                        // They come at different times, some of them late.
                        try await Task.sleep(for: .milliseconds(10 * watcher))
                        return Stream(try await client.watch(tenant, log))
                    }
                }
                var next = 8
                while next <= log.lines.count {
                    let last = min(next + 10, log.lines.count)
                    #expect(try await client.send(tenant, log, next...last).status == .ok)
                    next = last + 1
                    try await Task.sleep(for: .milliseconds(10))
                }
                for try await stream in group {
                    #expect(stream.ids == Array(1...log.lines.count))
                    #expect(stream.lines == log.lines.map { String(decoding: $0.bytes, as: UTF8.self) })
                    #expect(stream.names == ["snapshot", "end"])
                }
            }
            #expect(fixture.plane.hub.watcherCount == 0)
        }
    }

    @Test func resumesBehindTheLastEventFromEveryPlace() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(5)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            _ = try await client.send(tenant, log)
            for last in 0..<log.lines.count {
                let stream = Stream(try await client.watch(tenant, log, last: last))
                #expect(stream.ids == Array(last + 1...log.lines.count))
            }
            // Who has everything of a run that is over must stop asking.
            let over = try await client.watch(tenant, log, last: log.lines.count)
            #expect(over.status == .noContent)
            let bad = try await client.watch(tenant, log, header: "x")
            #expect(bad.status == .badRequest && bad.json["field"]?.string == "after")
        }
    }

    @Test func streamEndsWhenTheCredentialDoes() async throws {
        var limits = ServerLimits.unhurried
        limits.recheck = .milliseconds(50)
        let fixture = try Fixture(limits: limits)
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(3, isOpen: true)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            _ = try await client.send(tenant, log)
            async let stream = client.watch(tenant, log)
            try await fixture.untilWatched()
            #expect(try await client.call(.delete, "/api/v1/session", tenant.session(.member)).status == .noContent)
            #expect(Stream(try await stream).names == ["snapshot"])
        }
    }

    @Test func streamOfADeletedRunEnds() async throws {
        var limits = ServerLimits.unhurried
        limits.recheck = .milliseconds(50)
        let fixture = try Fixture(limits: limits)
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(3, isOpen: true)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            async let stream = client.watch(tenant, log)
            try await fixture.untilWatched()
            _ = try await client.call(.delete, "/api/v1/runs/\(log.id)", tenant.session(.admin))
            #expect(Stream(try await stream).names == ["snapshot"])
        }
    }

    @Test func silenceIsSpokenOfAndShutdownEndsStreams() async throws {
        var limits = ServerLimits.unhurried
        limits.heartbeat = .milliseconds(100)
        let fixture = try Fixture(limits: limits)
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(3, isOpen: true)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            async let stream = client.watch(tenant, log)
            try await fixture.untilWatched()
            try await Task.sleep(for: .milliseconds(1200))
            fixture.plane.hub.close()
            let text = try await stream.text
            #expect(text.components(separatedBy: "\n:\n").count >= 2, "\(text)")
        }
    }

    @Test func runnerIsToldToHurryWhileSomebodyWatches() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(3)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            #expect(try await client.send(tenant, log, 1...1).json["flush_ms"]?.number == 5000)
            async let stream = client.watch(tenant, log)
            try await fixture.untilWatched()
            #expect(try await client.send(tenant, log, 2...2).json["flush_ms"]?.number == 250)
            _ = try await client.send(tenant, log, 3...5)
            _ = try await stream
        }
    }

    @Test func headersSuitAStream() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(1)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, log.id)
            _ = try await client.send(tenant, log)
            let response = try await client.watch(tenant, log)
            #expect(response.headers[.contentType] == "text/event-stream")
            #expect(response.headers[.cacheControl] == "no-store")
            #expect(response.text.hasPrefix("retry: 2000\n\n"))
        }
    }
}

extension Fixture {
    /// Waits until somebody watches a run.
    fileprivate func untilWatched() async throws {
        while plane.hub.watcherCount == 0 { try await Task.sleep(for: .milliseconds(5)) }
    }
}

/// A stream as a browser takes it apart.
private struct Stream {
    var ids: [Int] = []
    var lines: [String] = []
    var names: [String] = []

    init(_ response: TestResponse) {
        for block in response.text.components(separatedBy: "\n\n") {
            var (id, name, data): (Int?, String?, String?) = (nil, nil, nil)
            for line in block.split(separator: "\n") {
                if line.hasPrefix("id: ") { id = Int(line.dropFirst(4)) }
                if line.hasPrefix("event: ") { name = String(line.dropFirst(7)) }
                if line.hasPrefix("data: ") { data = String(line.dropFirst(6)) }
            }
            if let name { names.append(name) }
            if let id, let data {
                ids.append(id)
                lines.append(data)
            }
        }
    }
}

extension TestClientProtocol {
    fileprivate func watch(
        _ tenant: Tenant, _ log: RunLog, last: Int? = nil, header: String? = nil
    ) async throws -> TestResponse {
        var headers = tenant.session(.member)
        headers[HTTPField.Name("Last-Event-ID")!] = header ?? last.map { String($0) }
        return try await call(.get, "/api/v1/runs/\(log.id)/stream", headers)
    }
}
