internal import Foundation
internal import Gzip
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import JSONText
internal import RunModel
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import Testing

@Suite struct SecurityTests {
    static let site = HTTPField.Name("Sec-Fetch-Site")!

    @Test func requestsOfOtherSitesChangeNothing() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        let cookie = tenant.cookies[.owner] ?? ""
        let cases: [(HTTPFields, HTTPResponse.Status)] = [
            ([.cookie: cookie], .forbidden), ([.cookie: cookie, Self.site: "cross-site"], .forbidden),
            ([.cookie: cookie, Self.site: "same-site"], .forbidden),
            ([.cookie: cookie, Self.site: "none"], .forbidden),
            ([.cookie: cookie, Self.site: "cross-site", .origin: Fixture.publicURL], .forbidden),
            ([.cookie: cookie, .origin: "https://evil.example"], .forbidden),
            ([.cookie: cookie, .origin: "null"], .forbidden),
            ([.cookie: cookie, .origin: Fixture.publicURL + ".evil.example"], .forbidden),
            ([.cookie: cookie, .origin: "http://pipemason.example"], .forbidden),
            ([.cookie: cookie, .origin: Fixture.publicURL], .ok), ([.cookie: cookie, Self.site: "same-origin"], .ok),
        ]
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            for (headers, status) in cases {
                let answer = try await client.call(.patch, "/api/v1/organization", headers, json: #"{"name":"x"}"#)
                #expect(answer.status == status, "\(headers)")
            }
            // Reading is not guarded so: the cookie is SameSite, and answers can not be read from elsewhere.
            let read = try await client.call(.get, "/api/v1/session", [.cookie: cookie, Self.site: "cross-site"])
            #expect(
                read.status == .ok && read.headers[HTTPField.Name("Cross-Origin-Resource-Policy")!] == "same-origin")
            #expect(read.headers[.accessControlAllowOrigin] == nil)
        }
    }

    @Test func plantedCookieIsWorthNothingAfterSigningIn() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        let first = try #require(try await Tenant.signIn(fixture.plane, tenant.email(.owner)))
        let second = try #require(try await Tenant.signIn(fixture.plane, tenant.email(.owner)))
        #expect(first.cookie != second.cookie)
        for attribute in ["__Host-pipemason=", "; Path=/;", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            #expect(second.cookie.contains(attribute))
        }
        #expect(!second.cookie.contains("Domain"))
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            // Two cookies of the name: somebody tampered with the jar.
            let both = Tenant.header(first) + "; " + Tenant.header(second)
            #expect(try await client.call(.get, "/api/v1/session", [.cookie: both]).status == .unauthorized)
            let beside = "a=b; " + Tenant.header(second) + "; c=d"
            #expect(try await client.call(.get, "/api/v1/session", [.cookie: beside]).status == .ok)
        }
    }

    @Test func everyAnswerHasTheHeadersThatHarden() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            for (path, headers) in [
                ("/healthz", [:]), ("/api/v1/runs", tenant.session()), ("/api/v1/runs", [:]), ("/x", [:]),
            ] {
                let answer = try await client.call(.get, path, headers)
                #expect(answer.headers[.xContentTypeOptions] == "nosniff")
                #expect(answer.headers[.cacheControl] == "no-store")
                #expect(answer.headers[.contentSecurityPolicy]?.contains("default-src 'none'") ?? false)
                #expect(answer.headers[.strictTransportSecurity] != nil)
                #expect(answer.headers[HTTPField.Name("Referrer-Policy")!] == "no-referrer")
            }
        }
    }

    @Test func signInTellsNothingAboutWhoIsThere() async throws {
        let fixture = try Fixture()
        let tenant = try await Tenant(fixture, "acme")
        let logger = testLogger
        try await fixture.plane.requestSignIn(email: "nobody" + "@" + "acme.example", address: nil, logger: logger)
        try await fixture.plane.requestSignIn(email: tenant.email(.member).uppercased(), address: nil, logger: logger)
        let mails = try await eventually { fixture.mails.all.filter { $0.subject.hasPrefix("Sign in") } }
        #expect(mails.count == 1 && mails.first?.to == tenant.email(.member))
        let link = mails.first?.text.split(separator: "\n").first { $0.contains("token=") }.map(String.init) ?? ""
        let token = Tenant.token(in: link)
        #expect(try await fixture.plane.signInUser(token: token)?.email == tenant.email(.member))
        #expect(try await fixture.plane.redeemSignIn(token: token, origin: Tenant.origin) != nil)
        #expect(try await fixture.plane.redeemSignIn(token: token, origin: Tenant.origin) == nil)
        let at = "@"
        for bad in [
            "x", "a\(at)b\nBcc: c\(at)d.example", "-f\(at)x.example", "a b\(at)c.example",
            "a\(at)" + String(repeating: "x", count: 300),
        ] {
            await #expect(throws: Problem.self) {
                try await fixture.plane.requestSignIn(email: bad, address: nil, logger: logger)
            }
        }
    }

    @Test func rolesAreNotClimbed() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            let members = try await client.call(.get, "/api/v1/members", tenant.session(.member))
            guard case .array(let list)? = members.json["members"] else { throw StoreError(.damaged, "members") }
            let owner = try #require(list.map(\.text).first { $0.contains(#""role":"owner""#) })
            let id = String(try #require(owner.split(separator: "\"").first { $0.count == 36 }))
            let makeOwner = try await client.call(
                .post, "/api/v1/invitations", tenant.session(.admin),
                json: #"{"email":"\#("x" + "@" + "acme.example")","role":"owner"}"#)
            #expect(makeOwner.status == .forbidden)
            let unmake = try await client.call(
                .patch, "/api/v1/members/\(id)", tenant.session(.admin), json: #"{"role":"member"}"#)
            #expect(unmake.status == .forbidden)
            #expect(
                try await client.call(.delete, "/api/v1/members/\(id)", tenant.session(.admin)).status == .forbidden)
            let last = try await client.call(
                .patch, "/api/v1/members/\(id)", tenant.session(.owner), json: #"{"role":"member"}"#)
            #expect(last.status == .conflict && last.problem == "last-owner")
        }
    }

    @Test func clockADayOffOpensNothingAndClosesNothing() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        let log = try RunLog.make(5)
        let start = fixture.now
        for offset in [86_400, -86_400, 0] {
            fixture.now = start + .seconds(offset)
            try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
                #expect(try await client.makeRun(tenant, log.id).status == (offset == 86_400 ? .created : .ok))
                #expect(try await client.send(tenant, log).status == .ok)
                #expect(try await client.call(.get, "/api/v1/session", tenant.session()).status == .ok)
            }
        }
        // A pairing that began before the clock was set back does not live longer for it.
        let code = try await tenant.userCode()
        fixture.now = start + .seconds(601)
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            let answer = try await client.call(
                .post, "/api/v1/pairing/lookup", tenant.session(), json: #"{"user_code":"\#(code)"}"#)
            #expect(answer.status == .notFound)
        }
    }

    /// Secrets that a client sends raw are refused, and stay nowhere.
    @Test func canariesAreFoundNowhere() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            var answers: [TestResponse] = []
            func note(_ answer: TestResponse) { answers.append(answer) }
            for field in ["title", "branch"] {
                let other = field == "title" ? "" : #""title":"x","#
                note(
                    try await client.call(
                        .put, "/api/v1/runs/\(RunLog().id)", tenant.bearer, json: "{\(other)\"\(field)\":\"\(secret)\"}"
                    ))
            }
            note(try await client.call(.put, "/api/v1/runs/\(secret)", tenant.bearer, json: #"{"title":"x"}"#))
            note(
                try await client.call(.put, "/api/v1/runs/\(RunLog().id)", tenant.bearer, json: #"{"\#(secret)":"x"}"#))
            note(try await client.call(.get, "/api/v1/runs?status=\(secret)&\(secret)=1", tenant.bearer))
            note(try await client.call(.get, "/api/v1/runs?limit=\(secret)", tenant.bearer))
            note(try await client.call(.get, "/\(secret)"))
            note(try await client.call(.get, "/api/v1/runner", .bearer(secret)))
            note(
                try await client.call(
                    .get, "/api/v1/session", [.cookie: ["__Host-pipemason", secret].joined(separator: "=")]))
            note(try await client.call(.post, "/oauth/device/code", form: "client_id=pipemason&device_name=\(secret)"))
            note(try await client.call(.post, "/oauth/token", form: "client_id=\(secret)&device_code=\(secret)"))
            note(
                try await client.call(.post, "/api/v1/runner-tokens", tenant.session(), json: #"{"name":"\#(secret)"}"#)
            )
            note(
                try await client.call(.patch, "/api/v1/organization", tenant.session(), json: #"{"name":"\#(secret)"}"#)
            )
            note(
                try await client.call(
                    .post, "/api/v1/pairing/lookup", tenant.session(), json: #"{"user_code":"\#(secret)"}"#))
            for log in try leakingLogs() {
                _ = try await client.makeRun(tenant, log.id)
                note(try await client.send(tenant, log))
                let packed = ByteBuffer(bytes: try Gzip.deflate(Array(log.body().readableBytesView)))
                note(try await client.send(tenant, log, encoding: "gzip", body: packed))
            }
            note(try await client.send(tenant, RunLog(), body: ByteBuffer(string: "{\"v\":1,\"run\":\"\(secret)\"}\n")))
            let run = try await tenant.run()
            for (name, body) in [(secret, Array("clean".utf8)), ("a.txt", Array("key \(secret)".utf8))] {
                var headers = tenant.bearer
                headers[.contentType] = "text/plain"
                note(
                    try await client.execute(
                        uri: "/api/v1/runs/\(run)/artifacts/\(ChainHash(of: body.span))?name=\(name)", method: .put,
                        headers: headers, body: ByteBuffer(bytes: body)))
            }
            for answer in answers {
                #expect(answer.status.code >= 400 || !answer.text.contains(secret))
                #expect(!answer.text.contains(secret), "an answer repeats it: \(answer.status)")
                for field in answer.headers { #expect(!field.value.contains(secret)) }
            }
        }
        // The search finds what is there: a log that was stored.
        #expect(try await fixture.under.files(holding: "make test") != [])
        #expect(try await fixture.under.files(holding: secret) == [])
        // Again when everything is written back.
        fixture.under.close()
        #expect(try await fixture.under.files(holding: secret) == [])
    }

    /// Logs whose last line leaks, with the secret cut over two writes at every place, and in fields that are not output.
    private func leakingLogs() throws -> [RunLog] {
        var logs: [RunLog] = []
        for text in ["\(secret)", "x=\(secret);", "\"\(secret)\"", "https://u:\(secret)" + "@" + "host.example/"] {
            var log = try RunLog.make(1, isOpen: true)
            try log.output(text)
            logs.append(log)
        }
        for phase in [secret, "build \(secret)"] {
            var log = try RunLog.make(1, isOpen: true)
            try log.add(.phaseStarted(PhaseStarted(kind: .build)), phase: phase)
            logs.append(log)
        }
        var hits = try RunLog.make(1, isOpen: true)
        try hits.add(.commandOutput(CommandOutput(stream: .stdout, bytes: [65])), hits: [secret: 1])
        logs.append(hits)
        var other = try RunLog.make(1, isOpen: true)
        try other.add(.agentOther(AgentEvent(type: "agent.x", data: .object([(name: secret, value: .string("y"))]))))
        logs.append(other)
        var binary = try RunLog.make(1, isOpen: true)
        try binary.add(.commandOutput(CommandOutput(stream: .tty, bytes: [0xff] + Array(secret.utf8))))
        logs.append(binary)
        return logs
    }

    /// The files below `directory` that hold `text`.
    @Test func secretThatIsCutOverTwoEventsIsSeenWhereverItIsCut() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            for cut in 1..<secret.count {
                var log = try RunLog.make(0, isOpen: true)
                try log.output("a " + String(secret.prefix(cut)))
                try log.output(String(secret.dropFirst(cut)) + " b\n")
                let whole = log
                _ = try await client.makeRun(tenant, whole.id)
                let sent = try await client.send(tenant, whole)
                #expect(sent.problem == "unscrubbed-content" && sent.json["seq"]?.number == 2, "cut at \(cut)")
            }
        }
    }

    /// Escapes of JSON look like parts of values to the rules: what is looked at is the text.
    @Test func escapesOfTheLineAreNoSecrets() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        var log = try RunLog.make(0, isOpen: true)
        for text in [
            "\u{1b}[33mconfig.password\u{1b}[0m\nnext line", "password=\n\n", "token:\t\"\"\n",
            "secret = \\\\server\\share\n",
        ] {
            try log.output(text)
            try log.add(.agentMessage(AgentMessage(role: .assistant, text: text)))
        }
        let clean = log
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            _ = try await client.makeRun(tenant, clean.id)
            let sent = try await client.send(tenant, clean)
            #expect(sent.status == .ok, "\(sent.text)")
        }
    }

    @Test func secretIsRefusedAtEveryOffsetOfALine() async throws {
        let fixture = try Fixture(limits: .unhurried)
        let tenant = try await Tenant(fixture, "acme")
        try await fixture.test { (client: any TestClientProtocol) async throws -> Void in
            for offset in stride(from: 0, to: 120, by: 7) {
                var log = try RunLog.make(0, isOpen: true)
                try log.output(String(repeating: "-", count: offset) + " " + secret + " tail")
                _ = try await client.makeRun(tenant, log.id)
                #expect(try await client.send(tenant, log).problem == "unscrubbed-content", "offset \(offset)")
            }
        }
    }

    @Test func scopesAreMadeInOnePlace() throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources")
        var callers: Set<String> = []
        for module in ["ServerKit", "ServerWeb", "ServerLaunch", "ServerGitHub", "pipemason-server"] {
            let directory = sources.appendingPathComponent(module)
            for case let file as URL in FileManager.default.enumerator(at: directory, includingPropertiesForKeys: nil)
                ?? .init()
            where file.pathExtension == "swift" {
                let text = try String(contentsOf: file, encoding: .utf8)
                #expect(!text.contains("Scope(organization:"), "\(file.lastPathComponent) makes a scope")
                if text.contains("store.runner(") || text.contains("store.session(") {
                    callers.insert(file.lastPathComponent)
                }
            }
        }
        // SignIn looks up the session that it has just made, to say where the person is.
        #expect(callers == ["Authenticator.swift", "SignIn.swift"])
    }
}

/// What `look` finds, waiting up to two seconds for it to be something.
private func eventually<Element>(_ look: () -> [Element]) async throws -> [Element] {
    for _ in 0..<200 {
        let found = look()
        if !found.isEmpty { return found }
        try await Task.sleep(for: .milliseconds(10))
    }
    return []
}
