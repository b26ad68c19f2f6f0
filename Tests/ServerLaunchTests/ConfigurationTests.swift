internal import ServerLaunch
internal import ServerStore
internal import Testing

@Suite struct ConfigurationTests {
    private func configuration(
        _ flags: [Setting: [String]] = [:], _ environment: [String: String] = [:], file: String? = nil
    ) throws -> ServerConfiguration {
        try ServerConfiguration(flags: flags, environment: environment, file: file.map { ("server.toml", $0) })
    }

    @Test func flagWinsOverVariableOverFileOverDefault() throws {
        let file = "listen = \"127.0.0.1:1\"\ntrusted-proxies = [\"10.0.0.0/8\", \"::1\"]\n"
        #expect(try configuration().address.port == 8080)
        let fromFile = try configuration(file: file)
        #expect(fromFile.address.port == 1 && fromFile.origin(.listen) == "server.toml:1")
        #expect(fromFile.list(.trustedProxies) == ["10.0.0.0/8", "::1"])
        let variables = [
            "PIPEMASON_SERVER_LISTEN": "127.0.0.1:2", "PIPEMASON_SERVER_TRUSTED_PROXIES": "192.0.2.1 192.0.2.2",
        ]
        let fromVariables = try configuration([:], variables, file: file)
        #expect(fromVariables.address.port == 2 && fromVariables.origin(.listen) == "PIPEMASON_SERVER_LISTEN")
        #expect(fromVariables.list(.trustedProxies) == ["192.0.2.1", "192.0.2.2"])
        let fromFlags = try configuration([.listen: ["[::1]:3"]], variables, file: file)
        #expect(fromFlags.address == ("::1", 3) && fromFlags.origin(.listen) == "--listen")
    }

    @Test(arguments: [
        ("x = 1", "server.toml:1"), ("\nlisten = 5", "server.toml:2"), ("listen = [\"a\"]", "server.toml:1"),
        ("trusted-proxies = \"10.0.0.0/8\"", "server.toml:1"), ("trusted-proxies = [1]", "server.toml:1"),
        ("listen = \"nowhere\"", "server.toml:1"), ("\n\nlisten = \"", "server.toml:3"),
        ("trusted-proxies = [\"10.0.0.0/99\"]", "server.toml:1"), ("log-level = \"loud\"", "server.toml:1"),
        ("public-url = \"https://a.example/path\"", "server.toml:1"),
        ("public-url = \"ftp://a.example\"", "server.toml:1"),
        ("tls-key = \"k\"", "server.toml:1"), ("mail-command = [\"sendmail\"]", "server.toml:1"),
        ("first-owner = \"x\"", "server.toml:1"), ("artifacts = \"s3://x\"", "server.toml:1"),
        ("artifacts = \"relative\"", "server.toml:1"), ("artifacts = \"https://s3.example/b\"", "server.toml:1"),
        ("artifacts = \"s3://bucket\"\nartifacts-endpoint = \"s3.example\"", "server.toml:2"),
        ("artifacts = \"s3://bucket\"\nartifacts-region = \"EU\"", "server.toml:2"),
        ("artifacts = \"s3://bucket\"\nartifacts-addressing = \"dns\"", "server.toml:2"),
        ("artifacts-endpoint = \"https://s3.example\"", "server.toml:1"),
        ("artifacts = \"/srv/artifacts\"\nartifacts-ca-file = \"/x\"", "server.toml:2"),
    ]) func whatDoesNotFitIsNamedWithItsPlace(_ file: String, _ place: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try configuration(file: file) }
        #expect(error?.place == place)
    }

    @Test func placeOfArtifactsIsMadeFromItsSettings() throws {
        #expect(try configuration().bodies(environment: [:])?.place == nil)
        let keys = ["AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "word"]
        let amazon = try configuration([.artifacts: ["s3://acme/a"], .artifactsRegion: ["eu-west-1"]])
        #expect(try amazon.bodies(environment: keys)?.place == "s3://acme/a/")
        let missing = #expect(throws: StoreError.self) { _ = try amazon.bodies(environment: [:]) }
        #expect(missing?.place.contains("AWS_ACCESS_KEY_ID") == true)
        let absent = try configuration([.artifacts: ["/nonexistent/artifacts"]])
        let error = #expect(throws: StoreError.self) { _ = try absent.bodies(environment: [:]) }
        #expect(error?.place.hasPrefix("/nonexistent/artifacts: ") == true)
        let plain = try configuration([.artifacts: ["s3://acme"], .artifactsEndpoint: ["http://s3.example"]])
        #expect(plain.warnings.contains { $0.contains("artifacts-endpoint is not https") })
    }

    @Test func warnsOfWhatIsLikelyNotMeant() throws {
        #expect(try configuration([.publicURL: ["http://server.example"]]).warnings.contains { $0.contains("https") })
        #expect(try configuration([.listen: ["0.0.0.0:80"]]).warnings.contains { $0.contains("without TLS") })
    }
}
