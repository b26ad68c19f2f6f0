internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import RunModel
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import Testing

@Suite struct ArtifactTests {
    @Test func pictureComesBackAsAPictureAndEverythingElseAsADownload() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        let run = try await tenant.run()
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            for (type, body, served) in [
                ("image/png", PNG.make(), "image/png"), ("text/plain", Array("hello".utf8), "application/octet-stream"),
                ("application/json", Array("{}".utf8), "application/octet-stream"),
            ] {
                let kept = try await client.put(tenant, run, body, type)
                #expect(kept.status == .created, "\(kept.text)")
                #expect(try await client.put(tenant, run, body, type).status == .ok)
                let path = "/api/v1/runs/\(run)/artifacts/\(ChainHash(of: body.span))"
                let answer = try await client.call(.get, path, tenant.session(.member))
                #expect(Array(answer.body.readableBytesView) == body && answer.headers[.contentType] == served)
                #expect(answer.headers[.contentDisposition] == "attachment")
                #expect(answer.headers[.contentSecurityPolicy] == "sandbox; default-src 'none'")
                #expect(answer.headers[.xContentTypeOptions] == "nosniff")
            }
            let list = try await client.call(.get, "/api/v1/runs/\(run)/artifacts", tenant.session(.member))
            #expect(list.text.contains(#""media_type":"image/png""#) && list.text.contains(#""name":"shot.png""#))
        }
        // At rest the bodies are sealed.
        #expect(try await fixture.under.files(holding: "pms1") != [])
        #expect(try await fixture.under.files(holding: "IHDR") == [])
    }

    @Test func polyglotsAndDisguisesAreRefused() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        let run = try await tenant.run()
        let svg = Array("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".utf8)
        let cases: [(String, [UInt8], HTTPResponse.Status, String)] = [
            ("image/svg+xml", svg, .unsupportedMediaType, "unsupported-media-type"),
            ("text/html", svg, .unsupportedMediaType, "unsupported-media-type"),
            ("image/png", svg, .badRequest, "bad-field"), ("image/gif", PNG.make(), .badRequest, "bad-field"),
            ("image/jpeg", [], .badRequest, "bad-field"),
            ("image/png", PNG.make() + svg, .unprocessableContent, "unscannable-content"),
            ("image/png", Array(PNG.make().dropLast(3)), .unprocessableContent, "unscannable-content"),
            (
                "image/png", PNG.make([("zTXt", Array("Comment\0\0".utf8) + [1, 2])]), .unprocessableContent,
                "unscannable-content"
            ),
            (
                "image/png", PNG.make([("iTXt", Array("Comment\0".utf8) + [1, 0, 0, 0])]), .unprocessableContent,
                "unscannable-content"
            ),
            (
                "image/png", PNG.make([("tEXt", Array("Comment\0key \(secret) ".utf8))]), .unprocessableContent,
                "unscrubbed-content"
            ),
            (
                "image/png", PNG.make([("iTXt", Array("Comment\0\0\0\0\0 \(secret) ".utf8))]), .unprocessableContent,
                "unscrubbed-content"
            ),
        ]
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            for (type, body, status, problem) in cases {
                let answer = try await client.put(tenant, run, body, type)
                #expect(answer.status == status && answer.problem == problem, "\(type): \(answer.text)")
                #expect(!answer.text.contains(secret))
            }
            let clean = PNG.make([("tEXt", Array("Software\0pipemason".utf8))])
            #expect(try await client.put(tenant, run, clean, "image/png").status == .created)
        }
    }

    @Test func namesAreLabelsAndNeverPaths() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        let run = try await tenant.run()
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            for name in [
                "", "..", ".", "..%2f..%2fetc", "a%00b", "a%0db", "a%5cb", "%ff", String(repeating: "a", count: 201),
            ] {
                let answer = try await client.put(tenant, run, Array("x".utf8), "text/plain", name: name)
                #expect(answer.status == .badRequest && answer.problem == "bad-field", "\(name)")
            }
            let other = ChainHash(of: Array("y".utf8).span).description
            let wrong = try await client.put(tenant, run, Array("x".utf8), "text/plain", digest: other)
            #expect(wrong.status == .badRequest && wrong.json["field"]?.string == "digest")
            for digest in ["../../kek", "%2e%2e%2fkek", other.uppercased(), "x"] {
                #expect(
                    try await client.put(tenant, run, Array("x".utf8), "text/plain", digest: digest).status == .notFound
                )
            }
        }
    }

    @Test func sizeIsBounded() async throws {
        var limits = ServerLimits()
        limits.artifactBytes = 1000
        let fixture = try Fixture(limits: limits)
        let tenant = try await Tenant(fixture, "acme")
        let run = try await tenant.run()
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            let body = [UInt8](repeating: 65, count: 1001)
            #expect(try await client.put(tenant, run, body, "text/plain").status == .contentTooLarge)
        }
    }
}

extension TestClientProtocol {
    fileprivate func put(
        _ tenant: Tenant, _ run: StoreRunID, _ body: [UInt8], _ type: String, name: String = "shot.png",
        digest: String? = nil
    ) async throws -> TestResponse {
        var headers = tenant.bearer
        headers[.contentType] = type
        return try await execute(
            uri: "/api/v1/runs/\(run)/artifacts/\(digest ?? ChainHash(of: body.span).description)?name=\(name)",
            method: .put, headers: headers, body: ByteBuffer(bytes: body))
    }
}

/// Small pictures.
private enum PNG {
    /// One pixel, with further chunks before it. Checksums are not right: nothing here looks at them.
    static func make(_ chunks: [(String, [UInt8])] = []) -> [UInt8] {
        let header: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]
        let pixels: [UInt8] = [0x78, 0x9c, 0x63, 0, 0, 0, 2, 0, 1]
        var bytes: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
        for (type, data) in [("IHDR", header)] + chunks + [("IDAT", pixels), ("IEND", [])] {
            for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: data.count >> shift)) }
            bytes += Array(type.utf8)
            bytes += data
            bytes += [0, 0, 0, 0]
        }
        return bytes
    }
}
