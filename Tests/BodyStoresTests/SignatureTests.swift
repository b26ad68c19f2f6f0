internal import Testing

@testable internal import BodyStores

/// The examples that Amazon publishes: docs.aws.amazon.com, "Signature Calculations for the Authorization Header: Transferring Payload in a
/// Single Chunk", "Examples: Signature calculations".
@Suite struct SignatureTests {
    private static let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    private func signature() throws -> S3Signature {
        let secret = Array(("wJalrXUtnFEMI" + "/K7MDENG/" + "bPxRfiCYEXAMPLEKEY").utf8)
        let credentials = S3Credentials(
            keyID: "AKIA" + "IOSFODNN7" + "EXAMPLE", secret: secret.span, sessionToken: nil)
        return S3Signature(credentials: try #require(credentials), region: "us-east-1")
    }

    /// 2013-05-24, midnight.
    private let time = S3Time(seconds: 1_369_353_600)

    @Test func exampleOfGetObject() throws {
        let text = try signature().authorization(
            "GET", "/test.txt",
            headers: [
                ("host", "examplebucket.s3.amazonaws.com"), ("range", "bytes=0-9"),
                ("x-amz-content-sha256", Self.empty), ("x-amz-date", time.text),
            ], payload: Self.empty, time: time)
        #expect(
            text == "AWS4-HMAC-SHA256 Credential=" + "AKIA" + "IOSFODNN7"
                + "EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                + "Signa" + "ture=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    }

    /// The path has a character that is escaped; the headers come in another order than they are signed in.
    @Test func exampleOfPutObject() throws {
        let payload = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
        let text = try signature().authorization(
            "PUT", "/test$file.text",
            headers: [
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"), ("host", "examplebucket.s3.amazonaws.com"),
                ("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-date", time.text), ("x-amz-content-sha256", payload),
            ], payload: payload, time: time)
        #expect(text.hasSuffix("Signa" + "ture=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"))
    }

    @Test(arguments: [
        (Int64(0), "19700101T000000Z"), (951_827_696, "20000229T123456Z"), (1_795_716_000, "20261126T180000Z"),
    ]) func timesAreWritten(_ seconds: Int64, _ text: String) {
        #expect(S3Time(seconds: seconds).text == text)
        #expect(S3Time(seconds: seconds).day == text.prefix(8))
    }
}
