internal import Glibc
internal import Testing

/// `--mask-env`, `--mask-file`, `--mask-fd`.
@Suite struct KnownValueTests {
    private let value = Samples.knownValue

    @Test func `variables are found by pattern`() throws {
        let result = try Child.run(
            ["scrub", "--mask-env", "MY_*,*_WORD"], input: "is it \(value) or green-fox or red-hen-1\n",
            environment: ["MY_BIRD": value, "SPOKEN_WORD": "green-fox", "OTHER": "red-hen-1", "MY_EMPTY": ""])
        #expect(result.text == "is it [REDACTED:known:MY_BIRD] or [REDACTED:known:SPOKEN_WORD] or red-hen-1\n")
        #expect(result.error.isEmpty)
    }

    @Test func `a short value is refused by name, and a missing variable told`() throws {
        let result = try Child.run(
            ["scrub", "--mask-env", "PIN,NOT_SET"], input: "pin 7431\n", environment: ["PIN": "7431"])
        #expect(result.text == "pin 7431\n")
        #expect(result.status == 0)
        #expect(result.error.contains("PIN"))
        #expect(!result.error.contains("7431"))
        #expect(result.error.contains("NOT_SET is not set"))
    }

    @Test func `a file holds one value a line`() throws {
        let directory = Directory()
        let file = directory.write("values", "\(value)\r\n\ngreen-fox")
        let result = try Child.run(["scrub", "--mask-file", file], input: "\(value), green-fox\n")
        #expect(!result.text.contains(value) && !result.text.contains("green-fox"))
        #expect(result.text.contains("[REDACTED:known:"))
    }

    @Test func `a file with NUL holds values of several lines`() throws {
        let directory = Directory()
        let file = directory.write("values", "first-line\nsecond-line\0green-fox\0")
        let result = try Child.run(["scrub", "--mask-file", file], input: "a first-line\nsecond-line b green-fox\n")
        #expect(!result.text.contains("line") && !result.text.contains("fox"))
        #expect(result.text.hasPrefix("a [REDACTED:known:"))
    }

    @Test(arguments: ["\n", "\0"])
    func `a value that arrives in time is masked`(end: String) throws {
        let child = try Child(["scrub", "--mask-fd", "3"], hasChannel: true)
        child.write("before \(value)\n")
        #expect(child.output { $0.hasSuffix("\n") } == "before \(value)\n")
        child.writeToChannel(value + end)
        child.write("after \(value)\n")
        #expect(child.output { $0.contains("after") && $0.hasSuffix("\n") }.contains("after [REDACTED:known:"))
        let result = child.finish()
        #expect(result.status == 0)
        #expect(result.text.split(separator: "\n").last?.contains(value) == false)
    }

    @Test func `many values do not block the sender`() throws {
        let child = try Child(["scrub", "--mask-fd", "3"], hasChannel: true)
        child.writeToChannel((0..<20_000).map { "value-number-\($0)-x\n" }.joined())
        child.write("a value-number-19999-x b\n")
        #expect(child.finish().text.hasPrefix("a [REDACTED:known:"))
    }

    @Test func `a signal does not wait for values`() throws {
        let child = try Child(["scrub", "--mask-fd", "3"], hasChannel: true)
        child.write("line\n")
        _ = child.output { $0 == "line\n" }
        let start = Child.now
        child.send(signal: SIGTERM)
        child.waitForEnd(seconds: 5)
        #expect(Child.now - start < 1.5)
        #expect(child.finish().status == 143)
    }
}
