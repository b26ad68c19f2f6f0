internal import Foundation
internal import OpenSSLEngine
internal import TextEncodings

/// What the stand-in knows: people, repositories, installations, tokens. All of it made up.
struct StandInState {
    struct Repository {
        let id: Int64
        let owner: String
        let name: String
        var isPrivate: Bool
        var readers: Set<String>
        var writers: Set<String>
        /// The installation of the App that reaches it.
        var installation: Int64?
        var defaultBranch = "main"

        var fullName: String { "\(owner)/\(name)" }
    }

    /// What a token may do.
    enum Holder {
        /// An OAuth App's token: everything that the person reaches.
        case person(String, scopes: [String])
        /// A GitHub App's user token: what person and App both reach; narrowed to repositories if there are some.
        case appUser(String, narrowed: Set<Int64>?, permissions: [String: String])
        case installation(Int64, repositories: Set<Int64>, permissions: [String: String])
    }

    struct Access {
        let holder: Holder
        /// Seconds since 1970.
        let expires: Int64?
        /// The refresh token that came with it.
        let refresh: String?
    }

    struct Code {
        let login: String
        let challenge: String
        let redirect: String
        let scopes: [String]
    }

    /// What happens to a request in place of, or around, its answer.
    struct Fault {
        let path: String
        let kind: GitHubStandIn.Fault
        var remaining: Int
    }

    var people: [String: Int64] = [:]
    /// Who is at the browser, for the authorization page.
    var atBrowser: String?
    var repositories: [Repository] = []
    var tokens: [String: Access] = [:]
    /// The access token that a refresh token belongs to, and whose both are. A used one is not there.
    var refreshTokens: [String: (login: String, access: String, scopes: [String])] = [:]
    var codes: [String: Code] = [:]
    var faults: [Fault] = []
    var counts: [String: Int] = [:]
    var issued: [String] = []
    var pulls = 0
    var pullTexts: [String] = []
    private var serial = 0

    /// A new token of GitHub's form; of words, when no pattern is to find it.
    mutating func newText(_ prefix: String, plain: Bool) -> String {
        serial += 1
        let random = (try? Random.publicBytes(count: 36)) ?? []
        let text: String
        if plain {
            let words = ["river", "meadow", "lantern", "harbour", "willow", "copper", "thistle", "granite"]
            text = random.prefix(6).map { words[Int($0) % words.count] }.joined(separator: "-") + "-\(serial)x"
        } else {
            let digits = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
            text = prefix + String(decoding: random.map { digits[Int($0) % 62] }, as: UTF8.self)
        }
        issued.append(text)
        return text
    }

    func access(_ token: String, now: Int64) -> Access? {
        guard let access = tokens[token], access.expires.map({ $0 > now }) ?? true else { return nil }
        return access
    }

    func repository(_ owner: String, _ name: String) -> Repository? {
        let plain = name.hasSuffix(".git") ? String(name.dropLast(4)) : name
        return repositories.first {
            $0.owner.lowercased() == owner.lowercased() && $0.name.lowercased() == plain.lowercased()
        }
    }

    /// What a token may do with a repository's contents.
    func may(_ holder: Holder, _ repository: Repository) -> (read: Bool, write: Bool) {
        switch holder {
        case .person(let login, let scopes):
            let reads = !repository.isPrivate || scopes.contains("repo") && repository.readers.contains(login)
            return (reads, scopes.contains("repo") && repository.writers.contains(login))
        case .appUser(let login, let narrowed, let permissions):
            let reaches =
                repository.installation != nil && repository.readers.contains(login)
                && (narrowed?.contains(repository.id) ?? true)
            return (
                reaches || !repository.isPrivate,
                reaches && repository.writers.contains(login) && permissions["contents"] == "write"
            )
        case .installation(let id, let repositories, let permissions):
            let reaches = repository.installation == id && repositories.contains(repository.id)
            return (
                reaches && permissions["contents"] != nil || !repository.isPrivate,
                reaches && permissions["contents"] == "write"
            )
        }
    }
}
