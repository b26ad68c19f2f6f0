internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdTesting
internal import RunModel
internal import ServerKit
internal import ServerStore
internal import ServerTestSupport
internal import Testing

@testable internal import ServerWeb

@Suite struct PageTests {
    static func fixture() throws -> Fixture {
        try Fixture(limits: .unhurried, pages: ErrorPages(), addPages: { $0.addPages() })
    }

    /// What a browser sends with a form of ours.
    static let ours: HTTPFields = [HTTPField.Name("Sec-Fetch-Site")!: "same-origin"]

    @Test func `pages forbid everything that they do not need`() async throws {
        let fixture = try Self.fixture()
        let tenant = try await Tenant(fixture, "acme")
        try await fixture.test { client in
            for (path, headers) in [("/sign-in", [:]), ("/runs", tenant.session()), ("/runs/x", tenant.session())] {
                let answer = try await client.call(.get, path, headers)
                #expect(answer.headers[.contentSecurityPolicy] == Frame.policy)
                #expect(answer.headers[.xContentTypeOptions] == "nosniff")
                #expect(answer.headers[.cacheControl] == "no-store")
                #expect(answer.headers[HTTPField.Name("Referrer-Policy")!] == "same-origin")
                #expect(answer.headers[.contentType] == "text/html; charset=utf-8")
            }
            #expect(!Frame.policy.contains("unsafe"))
        }
    }

    @Test func `assets are kept by browsers, and an old address still works`() async throws {
        try await Self.fixture().test { client in
            let current = try await client.call(.get, "/assets/\(Assets.version)/app.css")
            #expect(current.headers[.cacheControl] == "public, max-age=31536000, immutable")
            #expect(current.headers[.contentType] == "text/css; charset=utf-8")
            let old = try await client.call(.get, "/assets/0123/app.css")
            #expect(old.status == .ok && old.headers[.cacheControl] == "no-store")
            for path in ["/assets/0/layout.html", "/assets/0/..%2F..%2Fetc%2Fpasswd", "/assets/0/nothing.js"] {
                #expect(try await client.call(.get, path).status == .notFound)
            }
        }
    }

    @Test func `a link signs in once, and leads back to where one wanted to go`() async throws {
        let fixture = try Self.fixture()
        let tenant = try await Tenant(fixture, "acme")
        try await fixture.test { client in
            let refused = try await client.call(.get, "/settings/audit?before=x")
            #expect(refused.status == .seeOther && refused.headers[.location] == "/sign-in")
            let next = String((refused.headers[.setCookie] ?? "").prefix { $0 != ";" })
            #expect(next == "__Host-pipemason-next=/settings/audit?before=x")

            _ = try await client.call(.post, "/sign-in", Self.ours, form: "email=owner%40" + "acme.example")
            // The mail is sent by a task of its own.
            while fixture.mails.all.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
            let mail = try #require(fixture.mails.all.last)
            let link = try #require(mail.text.split(separator: "\n").first { $0.contains("/sign-in/link?token=") })
            let token = Tenant.token(in: String(link))
            for _ in 0..<3 {
                let look = try await client.call(.get, "/sign-in/link?token=\(token)")
                #expect(look.status == .ok && look.text.contains(tenant.email(.owner)))
            }
            var headers = Self.ours
            headers[.cookie] = next
            let answer = try await client.call(.post, "/sign-in/link", headers, form: "token=\(token)")
            #expect(answer.status == .seeOther && answer.headers[.location] == "/settings/audit?before=x")
            let cookies = answer.headers[values: .setCookie]
            #expect(cookies.count == 2 && cookies[0].hasPrefix("__Host-pipemason=") && cookies[1].contains("Max-Age=0"))
            #expect(try await client.call(.post, "/sign-in/link", headers, form: "token=\(token)").status == .notFound)
        }
    }

    @Test(arguments: [
        "//evil.example", "https://evil.example", "/\\evil.example", "/runs\r\nSet-" + "Cookie: x", "/sign-out", "",
        "/runs;x",
        "/runs/" + String(repeating: "a", count: 300), "javascript:x", "/runs/ü",
    ])
    func `nobody is led away after signing in`(path: String) {
        #expect(ReturnPath(path).path == "/runs")
        let jar = "first; __Host-pipemason-next=\(path)"
        #expect(ReturnPath([.cookie: jar]).path == "/runs")
    }

    @Test func `the answer to an unknown address is that to a known one`() async throws {
        let fixture = try Self.fixture()
        let tenant = try await Tenant(fixture, "acme")
        try await fixture.test { client in
            let known = try await client.call(.post, "/sign-in", Self.ours, form: "email=owner%40" + "acme.example")
            let unknown = try await client.call(.post, "/sign-in", Self.ours, form: "email=owner%40" + "acne.example")
            #expect(known.status == unknown.status && known.headers == unknown.headers)
            #expect(known.text == unknown.text.split(separator: "acne").joined(separator: "acme"))
            _ = tenant
            let none = try await client.call(.post, "/sign-in", Self.ours, form: "email=nobody")
            #expect(none.status == .badRequest && none.text.contains("not a mail address"))
        }
    }

    @Test func `the log without scripts is complete, in pages, and safe`() async throws {
        let fixture = try Self.fixture()
        let tenant = try await Tenant(fixture, "acme")
        var log = RunLog()
        try log.add(
            .runStarted(
                RunStarted(runner: "x", branch: "main", command: ["<script>"], epoch: 1, protections: [])))
        for number in 0..<1200 { try log.output("line \(number) <b>\u{1B}[31mred\u{1B}[0m [REDACTED:jwt]\n") }
        let whole = log
        try await fixture.test { client in
            _ = try await client.makeRun(tenant, whole.id, title: "make <test>")
            _ = try await client.send(tenant, whole, 1...600)
            _ = try await client.send(tenant, whole, 601...1201)
            var path: String? = "/runs/\(whole.id)/log"
            var (lines, pages) = (0, 0)
            while let here = path {
                let page = try await client.call(.get, here, tenant.session(.member)).text
                #expect(!page.contains("<script>") && !page.contains("<b>line") && page.contains("make &lt;test&gt;"))
                #expect(page.contains(#"&lt;b&gt;<span class="f1">red</span>"#))
                #expect(page.contains(#"title="redacted by rule jwt""#))
                lines += page.components(separatedBy: "<code>line ").count - 1
                pages += 1
                path = page.firstMatch(of: try Regex(#"href="([^"]+)" rel="next""#)).flatMap {
                    $0.output[1].substring.map(String.init)
                }
            }
            #expect(lines == 1200 && pages == 3)
        }
    }

    @Test func `filters that are not valid say so`() async throws {
        let fixture = try Self.fixture()
        let tenant = try await Tenant(fixture, "acme")
        try await fixture.test { client in
            let answer = try await client.call(.get, "/runs?from=2026-02-30", tenant.session())
            #expect(answer.status == .badRequest && answer.text.contains("From is not a date"))
            #expect(try await client.call(.get, "/runs?before=x", tenant.session()).status == .badRequest)
            #expect(
                try await client.call(.get, "/runs/\(StoreRunID.new(at: fixture.now))/log?after=-1", tenant.session())
                    .status == .notFound)
        }
    }

    @Test func `what a browser calls itself, in two words`() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
        let edge = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1"
        #expect(Browser.name(firefox) == "Firefox on Linux")
        #expect(Browser.name(edge) == "Edge on Windows")
        #expect(Browser.name(phone) == "Safari on iPhone")
        #expect(Browser.name("") == "an unknown program")
    }

    @Test func `addresses carry what was asked for`() {
        #expect(Address("/runs", []).text == "/runs")
        #expect(Address("/runs", [("text", "a&b=c \"é")]).text == "/runs?text=a%26b%3Dc%20%22%C3%A9")
    }
}
