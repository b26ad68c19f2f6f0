internal import GitHubAPI
internal import Testing

@Suite struct SiteTests {
    @Test(arguments: [
        ("https://github.com", "https://api.github.com", "github.com"),
        ("https://GitHub.com/", "https://api.github.com", "github.com"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com", "acme.ghe.com"),
        ("https://git.acme.example:8443", "https://git.acme.example:8443/api/v3", "git.acme.example:8443"),
        ("https://git.acme.example:443", "https://git.acme.example/api/v3", "git.acme.example"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v3", "127.0.0.1:8080"),
    ])
    func siteHasItsAPI(_ text: String, _ api: String, _ authority: String) throws {
        let site = try #require(GitHubSite(text))
        #expect(site.api == api && site.authority == authority)
    }

    @Test(arguments: [
        "", "github.com", "http://github.com", "ftp://github.com", "https://", "https://a@b.example", "https://a/b",
        "https://a.example:0", "https://a.example:99999", "https://a b", "https://a.example?x", "https://-a",
        "http://169.254.169.254", "https://[fe80::1]",
    ])
    func whatIsNoSiteIsRefused(_ text: String) { #expect(GitHubSite(text) == nil) }

    @Test(arguments: [
        ("acme/tools", "acme/tools"), ("acme/tools.git", "acme/tools"), ("a-b/c.d_e", "a-b/c.d_e"),
    ])
    func namesOfRepositories(_ text: String, _ name: String) {
        #expect(RepositoryName(text)?.description == name)
    }

    @Test(arguments: ["", "a", "a/", "/b", "a/b/c", "a/..", "a/.", "-a/b", "a b/c", "a/b?x", "a/b%2f", "a/.git", "a/é"])
    func whatIsNoRepositoryIsRefused(_ text: String) { #expect(RepositoryName(text) == nil) }

    @Test func tokenIsNotPrinted() throws {
        let token = try #require(GitHubToken("abc"))
        #expect("\(token)" == "<redacted>" && String(reflecting: token) == "<redacted>")
        var text = ""
        dump(token, to: &text)
        #expect(!text.contains("abc"))
        #expect(GitHubToken("a\nb") == nil && GitHubToken("") == nil && GitHubToken("a b") == nil)
    }
}
