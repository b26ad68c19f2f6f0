internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import RawHTTP
internal import RunModel
internal import ServerKit
internal import ServerLaunch
internal import ServerStore
internal import ServerTestSupport
internal import ServiceLifecycle
internal import Testing

/// Clients that are slow, large or malformed, over a real socket.
@Suite(.serialized) struct SlowTests {
    private static func limits() -> ServerLimits {
        var limits = ServerLimits.unhurried
        limits.bodyTime = .milliseconds(400)
        limits.idleTime = .milliseconds(400)
        limits.stallTime = .milliseconds(400)
        limits.batchBytes = 100_000
        return limits
    }

    /// Runs `body` on a thread of its own with the port of a server: sockets block.
    private func serving(_ fixture: Fixture, _ body: @Sendable @escaping (Int) throws -> Void) async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            responder: fixture.makeRoutes().build(), server: Server.http(fixture.plane.settings.limits),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) })
        let group = ServiceGroup(configuration: .init(services: [application], logger: testLogger))
        async let served: Void = group.run()
        let chosen = try #require(await ports.first { _ in true })
        let result = await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: Result { try body(chosen) }) }
        }
        await group.triggerGracefulShutdown()
        try await served
        try result.get()
    }

    @Test func slowHeadersBodiesAndSilenceEnd() async throws {
        let fixture = try Fixture(limits: Self.limits())
        let tenant = try await Tenant(fixture, "acme")
        try await serving(fixture) { port in
            let silent = try HTTPSocket(port: port)
            let silence = silent.timeUntilClosed { true }
            #expect(
                silence.map { $0 < .seconds(3) } ?? false, "a silent connection stayed: \(String(describing: silence))")

            let headers = try HTTPSocket(port: port)
            headers.send("GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ")
            let slowHeaders = headers.timeUntilClosed { headers.send("a") }
            #expect(
                slowHeaders.map { $0 < .seconds(3) } ?? false, "slow headers stayed: \(String(describing: slowHeaders))"
            )

            let body = try HTTPSocket(port: port)
            body.send(
                "POST /api/v1/runs/\(RunLog().id)/events HTTP/1.1\r\nHost: x\r\n\(bearerLine(tenant.token))"
                    + "Content-Type: application/x-ndjson\r\nPipemason-First-Seq: 1\r\nContent-Length: 90000\r\n\r\n")
            let slowBody = body.timeUntilClosed { body.send("{") }
            #expect(slowBody.map { $0 < .seconds(3) } ?? false, "a slow body stayed: \(String(describing: slowBody))")
            // And who behaves is served.
            #expect(try HTTPSocket(port: port).request("GET", "/healthz").status == 200)
        }
    }

    @Test func readerThatDoesNotReadIsCutOffAndHoldsUpNobody() async throws {
        let fixture = try Fixture(limits: Self.limits())
        let tenant = try await Tenant(fixture, "acme")
        var log = try RunLog.make(0, isOpen: true)
        for _ in 0..<200 { try log.output(String(repeating: "x", count: 60_000)) }
        let large = log
        try await fixture.test { client in
            _ = try await client.makeRun(tenant, large.id)
            for number in 1...large.lines.count {
                #expect(try await client.send(tenant, large, number...number).status == .ok)
            }
        }
        try await serving(fixture) { port in
            let before = residentKiB()
            let lazy = try (0..<20).map { _ in
                let socket = try HTTPSocket(port: port, receiveBuffer: 4096)
                socket.send(
                    "GET /api/v1/runs/\(large.id)/events HTTP/1.1\r\nHost: x\r\n\(bearerLine(tenant.token))\r\n"
                )
                return socket
            }
            for _ in 0..<10 {
                let start = ContinuousClock.now
                #expect(try HTTPSocket(port: port).request("GET", "/healthz").status == 200)
                #expect(ContinuousClock.now - start < .seconds(5))
                usleep(100_000)
            }
            sleep(3)
            // 20 readers of 12 MB each would be 240 MB.
            #expect(residentKiB() - before < 60_000, "\(residentKiB() - before) KiB")
            for socket in lazy { #expect(try socket.readAll().count < large.body().readableBytes) }
        }
    }

    @Test func floodsAndContradictionsAreRefused() async throws {
        let fixture = try Fixture(limits: Self.limits())
        let tenant = try await Tenant(fixture, "acme")
        try await serving(fixture) { port in
            let many = (0..<200).map { "X-\($0): y\r\n" }.joined()
            let post = "POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            let requests = [
                "GET /healthz HTTP/1.1\r\nHost: x\r\n\(many)\r\n",
                "GET /healthz HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "y", count: 70_000))\r\n\r\n",
                "GET /\(String(repeating: "y", count: 70_000)) HTTP/1.1\r\nHost: x\r\n\r\n",
                post + "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
                post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
                post + "Transfer-Encoding: chunked\r\n\r\nZZ\r\n", post + "Content-Length: -1\r\n\r\n",
                "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n",
                "GET /healthz HTTP/1.1\r\nHost: x\r\n X: y\r\n\r\n",
                "\r\n\r\n\r\nNONSENSE\r\n\r\n",
            ]
            for request in requests {
                let socket = try HTTPSocket(port: port)
                socket.send(request)
                let answer = String(decoding: try socket.readAll(), as: UTF8.self)
                #expect(
                    answer.isEmpty || answer.hasPrefix("HTTP/1.1 400"), "\(request.prefix(60)): \(answer.prefix(80))")
            }
            // Chunks without end.
            let endless = try HTTPSocket(port: port)
            let before = residentKiB()
            endless.send(
                "POST /api/v1/runs/\(RunLog().id)/events HTTP/1.1\r\nHost: x\r\n\(bearerLine(tenant.token))"
                    + "Content-Type: application/x-ndjson\r\nPipemason-First-Seq: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            let chunk = Array("10000\r\n".utf8) + [UInt8](repeating: 10, count: 1 << 16) + Array("\r\n".utf8)
            let start = ContinuousClock.now
            while ContinuousClock.now - start < .seconds(20), endless.send(chunk) {}
            #expect(ContinuousClock.now - start < .seconds(10), "a body without end was read on and on")
            #expect(residentKiB() - before < 40_000)
            #expect(try HTTPSocket(port: port).request("GET", "/healthz").status == 200)
        }
    }

    @Test func answersOverOneConnectionComeInOrder() async throws {
        let fixture = try Fixture(limits: Self.limits())
        try await serving(fixture) { port in
            let socket = try HTTPSocket(port: port)
            socket.send(
                "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n"
            )
            #expect(try socket.answer().text == "ok\n")
            #expect(try socket.answer().text == "ready\n")
            #expect(try socket.answer().status == 404)
        }
    }
}

/// The resident memory of this process, which is the server's as well.
private func residentKiB() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } ?? 0
}
