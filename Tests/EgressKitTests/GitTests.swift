internal import EgressKit
internal import Testing

@Suite struct GitCredentialTests {
    @Test func readsAndWritesWhatGitSays() throws {
        let text =
            "protocol=https\nhost=github.com\npath=acme/tools.git\nwwwauth[]=Basic realm=\"x\"\nwwwauth[]=b\n\nrest=1\n"
        let credential = try #require(GitCredential(parsing: Array(text.utf8)))
        #expect(credential["host"] == "github.com" && credential["wwwauth[]"] == "b" && credential["rest"] == nil)
        #expect(credential.attributes.count == 5)
        let again = try #require(GitCredential(parsing: credential.text))
        #expect(again == credential)
        #expect(GitCredential(parsing: [])?.attributes.isEmpty == true)
    }

    @Test(arguments: ["novalue", "=x", "a=b\nc", "a=\0b", "a=\u{0}"])
    func whatIsNoCredentialIsRefused(_ text: String) { #expect(GitCredential(parsing: Array(text.utf8)) == nil) }

    @Test func limitsHold() {
        #expect(GitCredential(parsing: [UInt8](repeating: 0x61, count: GitCredential.maximumSize + 1)) == nil)
        let many = String(repeating: "a=b\n", count: GitCredential.maximumAttributes + 1)
        #expect(GitCredential(parsing: Array(many.utf8)) == nil)
    }

    @Test(arguments: [
        ("https://github.com/acme/tools.git", "https://github.com", "acme/tools"),
        ("https://GitHub.com/acme/tools", "https://github.com", "acme/tools"),
        ("https://x-token:y" + "@github.com/acme/tools", "https://github.com", "acme/tools"),
        ("git@github.com:acme/tools.git", "https://github.com", "acme/tools"),
        ("ssh://git@git.acme.example:2222/acme/tools.git", "https://git.acme.example", "acme/tools"),
        ("https://git.acme.example:8443/acme/tools", "https://git.acme.example:8443", "acme/tools"),
        ("http://127.0.0.1:81/acme/tools.git", "http://127.0.0.1:81", "acme/tools"),
        ("https://github.com/acme/tools.git/info/lfs", "https://github.com", "acme/tools"),
    ])
    func remotesAreRead(_ text: String, _ base: String, _ name: String) throws {
        let remote = try #require(GitRemote(text))
        #expect(remote.base == base && remote.name == name)
        #expect(remote.isAsked(base: base, name: name.uppercased()))
        #expect(!remote.isAsked(base: base + "0", name: name) && !remote.isAsked(base: base, name: name + "s"))
    }

    @Test(arguments: [
        "", "/srv/git/tools.git", "../tools", "file:///srv/tools", "http://github.com/acme/tools", "https://github.com",
        "https://github.com/acme", "https://github.com/acme/../x/y", "https://github.com/acme/..", "acme/tools",
        "https://github.com/acme/tools/pull/1", "https://a b/acme/tools", "git@github.com:acme",
        "https://github.com/acme/to ols", "https://github.com\n.evil.example/a/b",
    ])
    func whatIsNoRemoteOfAGitHubIsPassedOver(_ text: String) { #expect(GitRemote(text) == nil) }

    @Test func shortNamesAreForPeople() {
        #expect(GitRemote("acme/tools", allowsShort: true)?.base == "https://github.com")
        #expect(GitRemote("acme", allowsShort: true) == nil)
    }

    @Test func remotesAreListedOnce() {
        let output = """
            origin\thttps://github.com/acme/tools.git (fetch)
            origin\thttps://github.com/acme/tools.git (push)
            local\t/srv/git/tools (fetch)
            mine\tgit@github.com:mona/tools.git (fetch)
            broken
            """
        #expect(GitRemote.list(Array(output.utf8)).map(\.name) == ["acme/tools", "mona/tools"])
    }
}

@Suite struct GitWiringTests {
    private func texts(_ environment: [[UInt8]]) -> [String] {
        environment.map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    private let before = ["HOME=/home/a", "PATH=/bin"].map { Array($0.utf8) }

    @Test func wiringIsUndoneWholly() {
        let wired = GitWiring.wire(
            before, bases: ["https://github.com"], program: "/opt/it's/pipemason", socket: "/tmp/s", isStrict: false)
        let texts = texts(wired)
        #expect(texts.contains("GIT_CONFIG_COUNT=3") && texts.contains("PIPEMASON_GIT_CONFIG=0 3"))
        #expect(texts.contains("GIT_CONFIG_KEY_0=credential.https://github.com.helper"))
        #expect(texts.contains("GIT_CONFIG_VALUE_0="))
        #expect(texts.contains("GIT_CONFIG_VALUE_1=!'/opt/it'\\''s/pipemason' git-credential"))
        #expect(texts.contains("GIT_CONFIG_KEY_2=credential.https://github.com.useHttpPath"))
        #expect(texts.contains("GIT_TRACE_REDACT=1") && !texts.contains("PIPEMASON_GIT_STRICT=1"))
        let undone = self.texts(GitWiring.unwire(wired))
        #expect(
            undone == ["GIT_ASKPASS=", "GIT_TERMINAL_PROMPT=0", "GIT_TRACE_REDACT=1", "HOME=/home/a", "PATH=/bin"])
    }

    @Test func whatOthersConfigureStays() {
        let users =
            before + ["GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=a.b", "GIT_CONFIG_VALUE_0=c"].map { Array($0.utf8) }
        var wired = GitWiring.wire(
            users, bases: ["https://github.com"], program: "/p", socket: "/tmp/s", isStrict: true)
        #expect(texts(wired).contains("GIT_CONFIG_COUNT=4") && texts(wired).contains("GIT_CONFIG_KEY_0=a.b"))
        #expect(texts(wired).contains("PIPEMASON_GIT_STRICT=1"))
        // A program within the run adds an entry of its own.
        wired = wired.filter { !$0.starts(with: "GIT_CONFIG_COUNT=".utf8) }
        wired += ["GIT_CONFIG_COUNT=5", "GIT_CONFIG_KEY_4=d.e", "GIT_CONFIG_VALUE_4=f"].map { Array($0.utf8) }
        let undone = texts(GitWiring.unwire(wired))
        #expect(
            undone.filter { $0.hasPrefix("GIT_CONFIG_") }
                == [
                    "GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=a.b", "GIT_CONFIG_KEY_1=d.e", "GIT_CONFIG_VALUE_0=c",
                    "GIT_CONFIG_VALUE_1=f",
                ])
        #expect(!undone.contains { $0.hasPrefix("PIPEMASON_GIT") })
    }

    @Test func countThatIsNoneIsLeftToGit() {
        for text in ["x", "-1", "99999999999999999999", "10001"] {
            let users = before + [Array("GIT_CONFIG_COUNT=\(text)".utf8)]
            let wired = GitWiring.wire(
                users, bases: ["https://a.example"], program: "/p", socket: "/s", isStrict: false)
            #expect(texts(wired) == texts(users))
        }
    }

    @Test func brokersMessagesComeInPieces() throws {
        let messages: [BrokerMessage] = [
            .ready(socket: "/tmp/x/s", bases: ["https://github.com", "http://127.0.0.1:8"]), .value(Array(0...255)),
            .warning("a word"), .ready(socket: "", bases: []),
        ]
        let bytes = messages.flatMap(\.encoded)
        var buffer: [UInt8] = []
        var read: [BrokerMessage] = []
        for byte in bytes {
            buffer.append(byte)
            while let message = try BrokerMessage.take(from: &buffer) { read.append(message) }
        }
        #expect(read == messages && buffer.isEmpty)
        // The vectors of docs/formats/git-broker.md.
        #expect(BrokerMessage.value(Array("abc".utf8)).encoded == [0x56, 0x00, 0x03, 0x61, 0x62, 0x63])
        let ready = BrokerMessage.ready(socket: "/tmp/s", bases: ["https://github.com"]).encoded
        #expect(ready.prefix(3) == [0x52, 0x00, 0x19] && ready.count == 3 + 0x19)
        buffer = [0x58]
        #expect(throws: EgressError.self) { _ = try BrokerMessage.take(from: &buffer) }
    }
}

@Suite struct TitleTests {
    /// A run whose command had a line feed in it never reached the server, which refuses control characters in titles.
    @Test func scriptOfSeveralLinesIsATitleOfOne() {
        #expect(RunUpload.title(of: ["sh", "-c", "make\n\tmake test\r\n"]) == "sh -c make  make test  ")
        #expect(RunUpload.title(of: []) == "run" && RunUpload.title(of: ["\n"]) == "run")
        let long = RunUpload.title(of: [String(repeating: "ä", count: 300)])
        #expect(long == String(repeating: "ä", count: 100) && long.utf8.count == RunUpload.maximumTitle)
    }
}
