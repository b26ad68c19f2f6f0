internal import OpenSSLEngine
internal import Testing

@testable internal import BodyStores

@Suite struct LocationTests {
    @Test func amazonIsReachedByVirtualHosts() throws {
        let location = try #require(S3Location("s3://acme-artifacts/pipemason", endpoint: nil, region: "eu-central-1"))
        #expect(location.origin == "https://acme-artifacts.s3.eu-central-1.amazonaws.com")
        #expect(location.host == "acme-artifacts.s3.eu-central-1.amazonaws.com")
        #expect(location.path("a/b") == "/pipemason/a/b")
        #expect(location.description == "s3://acme-artifacts/pipemason/" && location.isSecure)
        // No certificate is for two labels before the host.
        let dotted = try #require(S3Location("s3://acme.artifacts", endpoint: nil))
        #expect(dotted.origin == "https://s3.us-east-1.amazonaws.com" && dotted.path("a") == "/acme.artifacts/a")
    }

    @Test func othersAreReachedByPaths() throws {
        let location = try #require(S3Location("s3://artifacts/", endpoint: "http://S3.example:9000/"))
        #expect(location.origin == "http://s3.example:9000" && location.host == "s3.example:9000")
        #expect(location.path("a") == "/artifacts/a" && !location.isSecure)
        let other = try #require(
            S3Location("s3://artifacts/x/y/", endpoint: "https://s3.example:443", addressing: .virtualHost))
        #expect(other.host == "artifacts.s3.example" && other.path("a") == "/x/y/a")
        let address = try #require(S3Location("s3://artifacts", endpoint: "http://[::1]:9000"))
        #expect(address.host == "[::1]:9000")
    }

    @Test(arguments: [
        "", "s3:", "s3://", "s3://ab", "s3://Bucket", "s3://bucket//x", "s3://bucket/../x", "s3://bucket/./x",
        "s3://bucket/a b", "s3://bucket/a%2f", "s3://-bucket", "s3://a..b", "s3://bucket/ä", "https://bucket",
        "/bucket",
        "s3://bucket?x", "s3://user@bucket",
    ]) func whatIsNoPlaceIsRefused(_ uri: String) { #expect(S3Location(uri, endpoint: nil) == nil) }

    @Test(arguments: [
        "", "s3.example", "ftp://s3.example", "https://", "https://s3.example/path", "https://user@s3.example",
        "https://s3.example:0", "https://s3.example:70000", "https://s3.example:+1", "https://s3.example?x",
        "https://a b",
        "https://-a",
    ]) func whatIsNoEndpointIsRefused(_ endpoint: String) {
        #expect(S3Location("s3://bucket", endpoint: endpoint) == nil)
    }

    @Test(arguments: ["", "EU", "eu/central", "-eu", "eu central", String(repeating: "a", count: 41)])
    func whatIsNoRegionIsRefused(_ region: String) {
        #expect(S3Location("s3://bucket", endpoint: nil, region: region) == nil)
    }
}

@Suite struct CredentialTests {
    private func read(_ text: String) -> S3Credentials? { S3Credentials(file: Array(text.utf8).span) }

    private func text(_ secret: borrowing Secret) -> String {
        String(decoding: secret.bytes.withUnsafeBufferPointer { Array($0) }, as: UTF8.self)
    }

    private func seed(_ credentials: S3Credentials?) -> String {
        credentials.map { text($0.seed) } ?? ""
    }

    @Test func fileIsReadAsItsOwnerWroteIt() throws {
        let text = """
            # of the bucket
            [other]
            aws_access_key_id = no
            aws_secret_access_key = no
            [default]\r
              AWS_ACCESS_KEY_ID=key-1\r
            aws_secret_access_key\t=  a=b/c+d
            ; region = x
            region = eu-central-1
            aws_session_token = t/1==

            """
        let found = try #require(read(text))
        #expect(found.keyID == "key-1" && seed(found) == "AWS4a=b/c+d" && found.sessionToken == "t/1==")
        #expect("\(found)" == "<redacted>" && !"\(String(reflecting: found))".contains("a=b"))
        // Without sections, and without a line's end at the end.
        #expect(seed(read("aws_access_key_id = k\naws_secret_access_key = s")) == "AWS4s")
    }

    @Test(arguments: [
        "", "aws_access_key_id = k", "aws_access_key_id = \naws_secret_access_key = s",
        "aws_access_key_id = k\naws_secret_access_key = ", "aws_access_key_id = k/x\naws_secret_access_key = s",
        "aws_access_key_id = k\naws_secret_access_key = a b",
        "[other]\naws_access_key_id = k\naws_secret_access_key = s",
        "aws_access_key_id = k\naws_secret_access_key = s\naws_session_token = ä",
    ]) func whatHoldsNoneIsRefused(_ text: String) { #expect(read(text) == nil) }
}

@Suite struct RefusalTests {
    private func read(_ text: String) -> S3Refusal { S3Refusal(Array(text.utf8)) }

    @Test func codeAndRegionAreRead() {
        let text = """
            <?xml version="1.0" encoding="UTF-8"?>
            <!-- from > a proxy -->
            <Error xmlns="http://s3.amazonaws.com/doc/2006-03-01/" a='>'>
              <Code>AuthorizationHeaderMalformed</Code><Message>expecting &lt;x&gt;</Message>
              <Empty/><Nested><Code>Other</Code></Nested><Region>eu-central-1</Region>
            </Error>

            """
        #expect(read(text).code == "AuthorizationHeaderMalformed" && read(text).region == "eu-central-1")
        #expect(read("\u{FEFF}<Error><Code>NoSuchKey</Code></Error>").code == "NoSuchKey")
    }

    @Test(arguments: [
        "", "x", "<Error>", "<Error><Code>A</Code>", "<Error><Code>A</Error></Code>", "<Other><Code>A</Code></Other>",
        "<!DOCTYPE x [<!ENTITY a 'b'>]><Error><Code>A</Code></Error>", "<Error><Code>A</Code></Error><Error/>",
        "<Error><Code>a\nb</Code></Error>", "<Error><Code>&a;</Code></Error>", "<Error><Code></Code></Error>",
        "<Error><!-- <Code>A</Code></Error>", "<Error/>", "</Error>", "<Error><Code a='>A</Code></Error>",
        "<Error><Code>" + String(repeating: "A", count: 65) + "</Code></Error>",
        String(repeating: "<Error>", count: 100_000),
    ]) func whatIsNoneSaysNothing(_ text: String) { #expect(read(text) == S3Refusal()) }
}

@Suite struct FuzzBodyStoresTests {
    /// Seeds of each kind, with bytes changed, cut, doubled or swapped.
    @Test(arguments: [1, 2, 3, 4]) func mutatedInputsDoNotTrap(_ seed: UInt64) {
        var state = seed
        func next() -> UInt64 {
            // SplitMix64 (Steele, Lea, Flood 2014).
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        let seeds = [
            "<?xml version='1.0'?><Error a=\"b\"><Code>NoSuchKey</Code><!-- c --><Region>eu-central-1</Region></Error>",
            "<Error><Code>SlowDown</Code><Empty/><Message>&lt;</Message></Error>", "s3://bucket/prefix/x",
            "https://s3.example:9000/", "[default]\naws_access_key_id = k\naws_secret_access_key = s\n# x\n",
        ]
        for _ in 0..<5000 {
            var bytes = Array(seeds[Int(next() % UInt64(seeds.count))].utf8)
            for _ in 0...next() % 4 {
                guard !bytes.isEmpty else { break }
                let place = Int(next() % UInt64(bytes.count))
                switch next() % 5 {
                case 0: bytes[place] ^= 1 << UInt8(next() % 8)
                case 1: bytes.removeSubrange(place...)
                case 2: bytes.insert(contentsOf: bytes[place...], at: place)
                case 3: bytes.insert(UInt8(truncatingIfNeeded: next()), at: place)
                default: bytes.swapAt(place, Int(next() % UInt64(bytes.count)))
                }
            }
            fuzzBodyStores(bytes)
        }
    }
}
