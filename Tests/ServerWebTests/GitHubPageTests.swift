internal import GitHubStandIn
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import Testing

@testable internal import ServerWeb

@Suite struct GitHubPageTests {
    private static func world(_ mode: GitTokenMode) async throws -> (Tenant, GitHubStandIn) {
        let clock = SettableClock()
        let github = try await GitHubHandle.start(mode, clock: clock)
        let fixture = try Fixture(
            limits: .unhurried, pages: ErrorPages(), github: github, clock: clock, addPages: { $0.addPages() })
        return (try await Tenant(fixture, "acme"), try #require(github.standIn))
    }

    @Test func `a person connects, sees what is reached, and disconnects`() async throws {
        let (tenant, standIn) = try await Self.world(.expiringOAuth)
        try await tenant.fixture.test { client in
            let before = try await client.call(.get, "/settings/github", tenant.session())
            #expect(before.text.contains("Connect GitHub") && before.text.contains("read:user"))
            // The form is answered by a redirect to GitHub; nothing else of the policy is different.
            #expect(
                before.headers[.contentSecurityPolicy]
                    == Frame.policy.replacing("form-action 'self'", with: "form-action 'self' \(standIn.url)"))

            let begun = try await client.call(.post, "/settings/github/connect", tenant.session(), form: "")
            let address = begun.headers[.location] ?? ""
            #expect(begun.status == .seeOther && address.hasPrefix(standIn.url + "/login/oauth/authorize?"))
            #expect(address.contains("scope=repo%20read%3Auser%20offline_access"))
            #expect(address.contains("redirect_uri=https%3A%2F%2Fpipemason.example%2Fgithub%2Fcallback"))
            let fields = try await standIn.answer(toBrowserAt: address)
            let back = "/github/callback?code=\(fields["code"] ?? "")&state=\(fields["state"] ?? "")"
            let finished = try await client.call(.get, back, tenant.session())
            #expect(finished.headers[.location] == "/settings/github?outcome=connected")
            let again = try await client.call(.get, back, tenant.session())
            #expect(again.headers[.location] == "/settings/github?outcome=code")

            let page = try await client.call(.get, "/settings/github?outcome=connected", tenant.session())
            #expect(page.text.contains("mona at \(standIn.url)"))
            #expect(page.text.contains("acme/tools") && !page.text.contains("acme/hidden"))
            #expect(page.text.contains("oauth-expiring") && page.text.contains("eight hours at most"))
            #expect(standIn.issued.allSatisfy { !page.text.contains($0) })
            let found = try await client.call(.get, "/settings/github?text=NOTES", tenant.session())
            #expect(found.text.contains("acme/notes") && !found.text.contains("acme/tools"))

            let gone = try await client.call(.post, "/settings/github/disconnect", tenant.session(), form: "")
            #expect(gone.headers[.location] == "/settings/github?outcome=disconnected")
            let after = try await client.call(.get, "/settings/github", tenant.session())
            #expect(after.text.contains("Connect GitHub") && !after.text.contains("mona"))
        }
        #expect(standIn.count("revoke grant") == 1)
    }

    @Test func `another site can not begin it, and a refusal is said`() async throws {
        let (tenant, _) = try await Self.world(.installation)
        try await tenant.fixture.test { client in
            var headers = tenant.session()
            headers[HTTPField.Name("Sec-Fetch-Site")!] = "cross-site"
            #expect(try await client.call(.post, "/settings/github/connect", headers, form: "").status == .forbidden)
            let denied = try await client.call(
                .get, "/github/callback?error=access_denied&state=x", tenant.session())
            #expect(denied.headers[.location] == "/settings/github?outcome=denied")
            let page = try await client.call(.get, "/settings/github?outcome=denied", tenant.session())
            #expect(page.text.contains("was not allowed at GitHub"))
            let invented = try await client.call(.get, "/settings/github?outcome=%3Ci%20x%3E", tenant.session())
            #expect(invented.status == .ok && !invented.text.contains("<i x>"))
        }
    }

    @Test func `what does not work any more says what to do`() async throws {
        let (tenant, standIn) = try await Self.world(.oauth)
        try await tenant.connectGitHub([.owner])
        standIn.fail("/api/v3/user/repos", .status(503, retryAfter: nil))
        try await tenant.fixture.test { client in
            let away = try await client.call(.get, "/settings/github", tenant.session())
            #expect(away.status == .ok && away.text.contains("GitHub can not be asked now"))
            for token in standIn.issued { standIn.revoke(token) }
            _ = try await client.call(.get, "/settings/github", tenant.session())
            let broken = try await client.call(.get, "/settings/github", tenant.session())
            #expect(broken.text.contains("Connect again"))
        }
    }

    @Test func `a server without GitHub says so`() async throws {
        let tenant = try await Tenant(try PageTests.fixture(), "acme")
        try await tenant.fixture.test { client in
            let page = try await client.call(.get, "/settings/github", tenant.session())
            #expect(page.text.contains("No GitHub here"))
            #expect(
                try await client.call(.post, "/settings/github/connect", tenant.session(), form: "").status == .conflict
            )
        }
    }
}
