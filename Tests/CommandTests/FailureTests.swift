internal import Glibc
internal import Testing

/// What happens when something goes wrong: documented statuses, and nothing half.
@Suite struct FailureTests {
    @Test(arguments: [
        ["--no-such-option"], ["scrub", "--no-such-option"], ["scrub", "--in-place"],
        ["scrub", "--in-place", "--check", "x"],
        ["scrub", "--report", "json"], ["scrub", "--report", "xml", "--check"], ["scrub", "--report-file", "x"],
        ["scrub", "--force"], ["scrub", "--mask-fd", "1"], ["scrub", "--mask-fd", "77"],
        ["scrub", "--mask-file", "/no/such/file"], ["scrub", "--tag-key", "/no/such/file"],
        ["scrub", "--rules", "/no/such/file"], ["rules", "show", "no-such-rule"], ["completions", "tcsh"],
        ["scrub", "-", "-"],
    ])
    func `wrong usage is status 2 and prints nothing`(arguments: [String]) throws {
        let result = try Child.run(arguments, input: "text\n")
        #expect(result.status == 2)
        #expect(result.output.isEmpty)
        #expect(result.error.hasPrefix("pipemason: "))
    }

    @Test func `a full disk is status 4`() throws {
        let result = try Child.run(["scrub"], input: "text\n", output: .file("/dev/full"))
        #expect(result.status == 4)
        #expect(result.error == "pipemason: standard output: No space left on device\n")
    }

    @Test func `a closed output is status 4, unless it is not needed`() throws {
        let result = try Child.run(["scrub"], input: "text\n", output: .closed)
        #expect(result.status == 4)
        #expect(result.error == "pipemason: standard output is closed\n")
        #expect(try Child.run(["scrub", "--check"], input: "\(Samples.token)\n", output: .closed).status == 1)
    }

    @Test func `a closed input is status 3`() throws {
        let child = try Child(["scrub"], input: .closed)
        let result = child.finish()
        #expect(result.status == 3)
        #expect(result.error == "pipemason: standard input is closed\n")
    }

    @Test func `an input that cannot be read is status 3`() throws {
        let child = try Child(["scrub"], input: .file("/"))
        let result = child.finish()
        #expect(result.status == 3)
        #expect(result.error == "pipemason: standard input: Is a directory\n")
    }

    @Test func `a reader that goes away ends the program quietly`() throws {
        let child = try Child(["scrub"])
        child.write("one\n")
        _ = child.output { $0 == "one\n" }
        child.closeOutput()
        child.write("two\n")
        let result = child.finish()
        #expect(result.status == 141)
        #expect(result.error.isEmpty)
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
    func `a signal ends it and what is held back stays inside`(signal: Int32) throws {
        let child = try Child(["scrub"])
        child.write("before\nx " + Samples.token.prefix(30))
        #expect(child.output { $0.hasSuffix("x ") } == "before\nx ")
        child.send(signal: signal)
        let result = child.finish()
        #expect(result.status == 128 + signal)
        #expect(result.text == "before\nx ")
    }

    @Test func `a crash drops what is held back and says so`() throws {
        let child = try Child(["scrub"])
        child.write("before\nx " + Samples.token.prefix(30))
        _ = child.output { $0.hasSuffix("x ") }
        child.send(signal: SIGILL)
        let result = child.finish()
        #expect(result.status == 5)
        #expect(result.text == "before\nx ")
        #expect(result.error == "pipemason: internal error; what was held back is dropped\n")
    }

    @Test func `a reader that stopped reading does not keep a signal waiting`() throws {
        let child = try Child(["scrub"])
        let start = Child.now
        // More than the pipe takes; nobody collects, so the program blocks in its write.
        child.writeWithoutCollecting(Array(repeating: UInt8(ascii: "a"), count: 4 << 20), seconds: 0.5)
        child.send(signal: SIGTERM)
        child.waitForEnd(seconds: 8)
        let result = child.finish()
        #expect(result.status == 143)
        #expect(Child.now - start < 8)
    }

    @Test func `an output that does not block loses nothing`() throws {
        let child = try Child(["scrub"], output: .nonBlockingPipe)
        let text = (0..<40_000).map(Samples.line).joined()
        child.write(text)
        let result = child.finish()
        #expect(result.status == 0)
        #expect(result.text == text)
    }

    @Test func `the end of input inside a secret takes it out`() throws {
        let begin = "-----BEGIN RSA " + "PRIVATE KEY-----\n"
        let body = "MIIEowIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgHcTz6sE2I2yPB\n"
        let result = try Child.run(["scrub"], input: "key:\n" + begin + body)
        #expect(result.status == 0)
        #expect(result.text.hasPrefix("key:\n"))
        #expect(!result.text.contains("MIIEowIB"))
    }

    @Test func `help and version are on standard output`() throws {
        let help = try Child.run(["--help"])
        #expect(help.status == 0)
        #expect(help.text.contains("USAGE: pipemason"))
        let version = try Child.run(["--version"])
        #expect(version.text == "0.1.0\n")
        #expect(try Child.run(["--help"], output: .file("/dev/full")).status == 4)
    }
}
