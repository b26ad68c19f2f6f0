/// Fuzz entry point: everything that reads what GitHub answers, and what people write of GitHub, on any bytes.
///
/// Nothing may trap. What is accepted has one form only, and nothing in it can become another path, header or line.
package func fuzzGitHub(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    if let site = GitHubSite(text) {
        precondition(GitHubSite(site.web) == site, "a site changes when it is read again")
        precondition(site.api.hasPrefix("https://") || site.api.hasPrefix("http://"), "an address without scheme")
        precondition(site.web.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "@") }, "a site")
    }
    if let name = RepositoryName(text) {
        precondition(RepositoryName(name.description) == name, "a repository changes when it is read again")
        let path = name.description.split(separator: "/", omittingEmptySubsequences: false)
        precondition(path.count == 2 && !path.contains("..") && !path.contains("."), "a repository leads elsewhere")
    }
    if let token = GitHubToken(text) { precondition("\(token)" == "<redacted>", "a token is printed") }
    if let time = AnswerText.time(text) {
        precondition((-62_200_000_000...253_500_000_000).contains(time), "a time out of range")
    }
    guard let value = AnswerText.value(bytes) else { return }
    if let members = Members(value) {
        if let narrow = try? GitHubClient.narrow(members, place: "fuzz") {
            precondition(GitHubToken(narrow.token.text) == narrow.token, "a token changes when it is read again")
        }
        _ = (members.text("a"), members.integer("a"), members.bool("a"), members.array("a"))
    }
    if let found = try? GitHubClient.repositories([value]) {
        precondition(found.count == 1 && RepositoryName(found[0].name.description) != nil, "a repository is none")
    }
}

/// Reads a time as answers have it, in seconds since 1970, for tests of it.
package func readTime(_ text: String) -> Int64? { AnswerText.time(text) }
