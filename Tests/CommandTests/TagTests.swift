internal import Glibc
internal import Testing

/// `--tag-key`: docs/formats/tag.md.
@Suite struct TagTests {
    private let directory = Directory()
    private var key: String { directory.path + "/key" }

    init() { directory.write("key", "0123456789abcdef", mode: 0o600) }

    @Test func `the tag is the documented one`() throws {
        let values = directory.write("values", "correct horse")
        let result = try Child.run(["scrub", "--tag-key", key, "--mask-file", values], input: "a correct horse b\n")
        #expect(result.text == "a [REDACTED:known:values-1:Y4NEEK6EV7I2HF4L] b\n")
    }

    @Test func `equal secrets have equal tags, under one key`() throws {
        let input = "\(Samples.token)\n\(Samples.token)\n"
        let lines = try Child.run(["scrub", "--tag-key", key], input: input).text.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.first == lines.last)
        #expect(lines[0].hasPrefix("[REDACTED:github-pat:"))
        #expect(lines[0].count == "[REDACTED:github-pat:]".count + 16)
        directory.write("key", "fedcba9876543210", mode: 0o600)
        let other = try Child.run(["scrub", "--tag-key", key], input: input).text.split(separator: "\n")
        #expect(other[0] != lines[0])
    }

    @Test func `what is tagged is not touched again`() throws {
        let once = try Child.run(["scrub", "--tag-key", key], input: "a \(Samples.token)\n").text
        #expect(try Child.run(["scrub", "--tag-key", key], input: once).text == once)
        #expect(try Child.run(["scrub"], input: once).text == once)
    }

    @Test func `the tag of a long secret does not depend on how it arrives`() throws {
        let begin = "-----BEGIN RSA " + "PRIVATE KEY-----\n"
        let body = (0..<40).map { "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgHcTz6sE\($0 + 10)yPB\n" }.joined()
        let end = "-----END RSA " + "PRIVATE KEY-----\nafter\n"
        let text = "go\n" + begin + body + end
        let whole = try Child.run(["scrub", "--tag-key", key], input: text).text
        let child = try Child(["scrub", "--tag-key", key])
        child.write("go\n")
        _ = child.output { $0 == "go\n" }
        for piece in [begin, String(body.prefix(100)), String(body.dropFirst(100)), end] {
            child.write(piece)
            usleep(20_000)
        }
        let pieces = child.finish().text
        #expect(whole.hasSuffix("after\n"))
        #expect(pieces.hasSuffix("after\n"))
        #expect(pieces == whole)
    }

    @Test(arguments: [0o644, 0o640, 0o604])
    func `a key that others can read is refused`(mode: mode_t) throws {
        directory.write("key", "0123456789abcdef", mode: mode)
        let result = try Child.run(["scrub", "--tag-key", key], input: "text\n")
        #expect(result.status == 2)
        #expect(result.output.isEmpty)
        #expect(result.error.contains("chmod 600"))
    }

    @Test func `a short key is refused`() throws {
        directory.write("key", "0123456789abcde", mode: 0o600)
        let result = try Child.run(["scrub", "--tag-key", key], input: "text\n")
        #expect(result.status == 2)
        #expect(result.error.contains("at least 16"))
        #expect(!result.error.contains("0123"))
    }
}
