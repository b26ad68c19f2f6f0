internal import RedactionKit
internal import Testing

@testable internal import SecretNames

/// Which variables are masked. Values are made up, and none has a form that a rule knows unless it says so.
@Suite struct SecretNamesTests {
    @Test(arguments: [
        "DB_PASS" + "WORD", "PGPASS" + "WORD", "client" + "Secret", "GH_TOKEN", "MYSQL_" + "PWD",
        "npm_config__auth" + "Token", "SSHPASS",
        "GITHUB_PAT",
        "X_API_TOKEN_2", "APIKEY", "session-cookie",
    ])
    func `names that say it`(name: String) { #expect(SecretName.kind(of: name) == .secret) }

    @Test(arguments: ["DEPLOY_KEY", "BASIC_AUTH", "SENTRY_DSN", "SIGNING_KEYS"])
    func `names that suggest it`(name: String) { #expect(SecretName.kind(of: name) == .likely) }

    @Test(arguments: [
        "P" + "WD", "OLDP" + "WD", "SSH_AUTH_SOCK", "DB_PASSWORD_FILE", "TOKEN_TTL", "AWS_ACCESS_KEY_ID", "MAX_TOKENS",
        "PUBLIC_KEY",
        "PASSWORD_MIN_LENGTH",
    ])
    func `names of something about a secret`(name: String) { #expect(SecretName.kind(of: name) == .harmless) }

    @Test(arguments: [
        "PATH", "HOME", "COMPASS", "KEYBOARD", "AUTHOR", "SESSION_MANAGER", "XDG_SESSION_ID", "LANG", "", "__",
    ])
    func `other names`(name: String) { #expect(SecretName.kind(of: name) == .unknown) }

    private func masked(_ name: String, _ value: String, from origin: SecretVariables.Origin = .environment) throws
        -> [String]
    {
        var variables = SecretVariables(try Redactor())
        variables.add(name: name, value: Array(value.utf8), from: origin)
        // What is masked shows in what a redactor with these values leaves of the value.
        var options = RedactorOptions()
        options.knownValues = variables.values
        let output = try Redactor(options).redact("<< \(value) >>")
        return [output] + variables.warnings
    }

    @Test func `a secret by its name is masked whole`() throws {
        #expect(try masked("DB_PASSWORD", "correct horse")[0] == "<< [REDACTED:known:DB_PASSWORD] >>")
        #expect(try masked("DEPLOY_" + "KEY", "Blue7Owl")[0] == "<< [REDACTED:known:DEPLOY_KEY] >>")
    }

    @Test func `a secret by rule is masked where the rule finds it`() throws {
        let url = "amqp" + "://app:tR7x" + "Q2mPw9@queue/app"
        #expect(try masked("QUEUE", url)[0] == "<< amqp://app:[REDACTED:known:QUEUE]@queue/app >>")
    }

    @Test func `ordinary values stay`() throws {
        for (name, value) in [
            ("PATH", "/usr/bin:/bin"), ("DEPLOY_KEY", "staging"), ("CACHE_KEY", "build-cache"), ("SORT_KEY", "1234567"),
            ("TOKEN", "/run/secrets/token"), ("DB_PASSWORD", "postgres"), ("EMAIL", "dev at example"),
            ("P" + "WD", "/data/a1b2c3d4e5"),
        ] {
            #expect(try masked(name, value)[0] == "<< \(value) >>", "\(name)")
        }
    }

    @Test func `a secret that is too short is named`() throws {
        #expect(try masked("DB_PASSWORD", "abc").last == "DB_PASSWORD is shorter than 6 bytes and is not masked")
        #expect(try masked("SORT_KEY", "a1").count == 1)
    }

    @Test func `values of an env file count when they look random`() throws {
        let value = "k3V9x" + "Q2mP7w4"
        #expect(try masked("THING", value)[0] == "<< \(value) >>")
        #expect(try masked("THING", value, from: .file)[0] == "<< [REDACTED:known:THING] >>")
        for value in ["http://localhost:3000", "2026-03-04", "k8s-prod-europe", "development", "1.2.3.4.5.6.7.8"] {
            #expect(try masked("THING", value, from: .file)[0] == "<< \(value) >>")
        }
    }

    @Test func `a value is added once`() throws {
        var variables = SecretVariables(try Redactor())
        for name in ["A_TOKEN", "B_TOKEN"] {
            variables.add(name: name, value: Array("blue-owl".utf8), from: .environment)
        }
        #expect(variables.values.count == 1)
    }
}

@Suite struct DotEnvFileTests {
    private func read(_ text: String) -> [String] {
        DotEnvFile(Array(text.utf8)).variables.map { $0.name + "=" + String(decoding: $0.value, as: UTF8.self) }
    }

    @Test(arguments: [
        ("A=1\nB = two \r\n# C=3\n\nexport D=x", ["A=1", "B=two", "D=x"]),
        ("\u{FEFF}A=1", ["A=1"]),
        ("A='x # y' # z\nB=2", ["A=x # y", "B=2"]),
        ("A=\"one\ntwo\"\nB=2", ["A=one\ntwo", "B=2"]),
        (#"A="a\nb\"c""#, [#"A=a\nb\"c"#, "A=a\nb\"c"]),
        ("A=x#y", ["A=x#y", "A=x"]),
        ("A=x # y", ["A=x # y", "A=x"]),
        ("A=`x`", ["A=x"]),
        ("A=\"open\nB=2", ["A=\"open", "B=2"]),
        ("A=\nnot this\n=x\nin valid=1\nB=2", ["B=2"]),
        ("a.b-c=1", ["a.b-c=1"]),
        ("", []),
    ])
    func `a file is read`(text: String, expected: [String]) { #expect(read(text) == expected) }

    @Test func `any bytes are read`() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("AB=\"'`\\#\n\r \t\0\u{FF}exportné".utf8)
        for _ in 0..<2000 {
            let count = Int.random(in: 0..<60, using: &generator)
            fuzzDotEnvFile((0..<count).map { _ in alphabet.randomElement(using: &generator)! })
        }
    }

    @Test func `the number of variables is bounded`() {
        let text = String(repeating: "A=1\nB=2\n", count: DotEnvFile.maximumCount)
        #expect(DotEnvFile(Array(text.utf8)).variables.count == DotEnvFile.maximumCount)
    }
}
