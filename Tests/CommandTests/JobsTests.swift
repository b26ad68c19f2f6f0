import Foundation
internal import Testing

/// `--jobs`: the same output, report and status, whatever the number of threads. The debug build is too slow for files of several parts.
@Suite(.serialized, .enabled(if: Child.isRelease)) struct JobsTests {
    /// Bytes of a part of standard input, and of a file with more than four jobs (ReadAhead.swift, ParallelPump.swift).
    private static let part = 256 << 10

    private static func log(_ size: Int) -> [UInt8] {
        var text: [UInt8] = []
        var number = 0
        while text.count < size {
            number += 1
            text += Array((number % 50 == 0 ? "\(number) \(Samples.token)\n" : Samples.line(number)).utf8)
        }
        return text
    }

    private static let key =
        "-----BEG" + "IN RSA PRIV" + "ATE KEY-----\n"
        + String(repeating: String(repeating: "aB3d", count: 16) + "\n", count: 60)
        + "-----E" + "ND RSA PRIV" + "ATE KEY-----\n"

    /// Files with something across a cut.
    private static let files = files(part)

    private static func files(_ part: Int) -> [(name: String, bytes: [UInt8])] {
        func across(_ what: String) -> [UInt8] {
            let before = Array(log(part).prefix(part - what.utf8.count / 2))
            return before + [0x0a] + Array(what.utf8) + log(3 * part)
        }
        let word = Array(String(repeating: "cGFzc3dv" + "cmQ9", count: part / 4).utf8)
        return [
            ("lines", log(5 * part + 12_345)),
            ("key", across(key)),
            ("key-without-end", log(part) + Array(key.utf8.prefix(1000)) + log(2 * part)),
            ("one-line", Array(log(4 * part).filter { $0 != 0x0a })),
            ("encoded", log(part - 1000) + word + [0x0a] + log(part)),
            (
                "long-token",
                log(part - 1000) + Array("gh".utf8) + Array(repeating: UInt8(ascii: "p"), count: part) + [0x0a]
                    + log(part)
            ),
            ("no-line-end-at-the-end", Array(log(3 * part).dropLast())),
            ("zeros", Array(repeating: 0, count: 3 * part)),
        ]
    }

    /// With the bytes of a part that each number of threads has.
    @Test(arguments: [("2", 1 << 20), ("3", 512 << 10), ("5", part)])
    func `one large file`(jobs: String, part: Int) throws {
        let directory = Directory()
        for (name, bytes) in Self.files(part) {
            let path = directory.write(name, bytes)
            let one = try Child.run(["scrub", "--jobs", "1", path])
            #expect(one.status == 0)
            let several = try Child.run(["scrub", "--jobs", jobs, path])
            #expect(several.status == 0, "\(name)")
            #expect(several.output == one.output, "\(name)")
            #expect(several.error == one.error, "\(name)")
        }
    }

    @Test func `an input that comes fast`() throws {
        let directory = Directory()
        for (name, bytes) in Self.files {
            let path = directory.write(name, bytes)
            let one = try Child(["scrub", "--jobs", "1"], input: .file(path)).finish()
            #expect(one.status == 0)
            for jobs in ["2", "5"] {
                let file = try Child(["scrub", "--jobs", jobs], input: .file(path)).finish()
                #expect(file.status == 0, "\(name)")
                #expect(file.output == one.output, "\(name)")
                #expect(file.error == one.error, "\(name)")
                let child = try Child(["scrub", "--jobs", jobs])
                child.write(bytes)
                let pipe = child.finish()
                #expect(pipe.output == one.output, "\(name)")
                #expect(pipe.error == one.error, "\(name)")
            }
        }
    }

    /// Keys that do not end, halves of tokens and lines, in an order that nobody chose.
    @Test func `pieces of all of them in random order`() throws {
        let directory = Directory()
        for _ in 0..<8 {
            var bytes: [UInt8] = []
            while bytes.count < 6 * Self.part {
                let source = Self.files.randomElement()!.bytes
                let start = Int.random(in: 0..<source.count)
                bytes += source[start...].prefix(Int.random(in: 1..<60_000))
                if Bool.random() { bytes += Self.key.utf8.prefix(Int.random(in: 0..<Self.key.utf8.count)) }
            }
            let path = directory.write("pieces", bytes)
            let one = try Child(["scrub", "--jobs", "1"], input: .file(path)).finish()
            for child in [
                try Child(["scrub", "--jobs", "5"], input: .file(path)), try Child(["scrub", "--jobs", "5", path]),
            ] {
                let several = child.finish()
                guard several.output == one.output else {
                    // What is random must be there to be looked at.
                    let kept = "/tmp/pipemason-jobs-\(Int.random(in: 0...999_999))"
                    try Data(bytes).write(to: URL(fileURLWithPath: kept))
                    Issue.record("one thread and five make different texts of \(kept)")
                    return
                }
            }
        }
    }

    @Test func `an input that comes fast has its findings where they are`() throws {
        let directory = Directory()
        let path = directory.write("log", Self.log(5 * Self.part))
        func places(_ jobs: String) throws -> [String] {
            let result = try Child(
                ["scrub", "--check", "--jobs", jobs, "--report", "json"], input: .file(path)
            ).finish()
            #expect(result.status == 1)
            return try JSONDecoder().decode(ReportTests.JSONReport.self, from: Data(result.output)).findings.map {
                "\($0.rule) \($0.offset) \($0.length) \($0.line ?? 0) \($0.column ?? 0)"
            }
        }
        let expected = try places("1")
        #expect(expected.count > 100)
        #expect(try places("3") == expected)
    }

    @Test func `what was read ahead is out before more is waited for`() throws {
        let directory = Directory()
        let bytes = Self.log(5 * Self.part)
        let expected = try Child(["scrub", "--jobs", "1"], input: .file(directory.write("log", bytes))).finish()
        let child = try Child(["scrub", "--jobs", "3"])
        for _ in 0..<3 {
            let before = child.outputCount
            child.write(bytes)
            _ = child.output { _ in child.outputCount >= before + expected.output.count }
            #expect(child.outputCount == before + expected.output.count)
            child.write("continue? ")
            _ = child.output { $0.hasSuffix("continue? ") }
            #expect(child.outputCount == before + expected.output.count + 10)
            child.write("\n")
            _ = child.output { $0.hasSuffix("continue? \n") }
        }
        #expect(child.finish().status == 0)
    }

    @Test func `a signal that comes while much is read ahead lets what was read out`() throws {
        let line = Samples.line(1)
        let child = try Child(["scrub", "--jobs", "3"])
        let bytes = Array(String(repeating: line, count: 40 * Self.part / line.utf8.count).utf8)
        child.writeWithoutCollecting(bytes, seconds: 0.5)
        child.send(signal: SIGTERM)
        let result = child.finish()
        #expect(result.status == 128 + SIGTERM)
        #expect(result.output.count > Self.part)
        #expect(bytes.starts(with: result.output))
    }

    @Test func `a report says the same places`() throws {
        let directory = Directory()
        for (name, bytes) in Self.files.prefix(3) { _ = directory.write(name, bytes) }
        func report(_ jobs: String) throws -> (Int32, Data) {
            let result = try Child.run(["scrub", "--check", "--jobs", jobs, "--report", "json", directory.path])
            return (result.status, Data(result.output))
        }
        let one = try report("1")
        #expect(one.0 == 1)
        let several = try report("5")
        #expect(several.0 == one.0)
        // All but the length of a key that was open where a part ended: it is said as far as it is known.
        func places(_ data: Data) throws -> [String] {
            try JSONDecoder().decode(ReportTests.JSONReport.self, from: data).findings.map {
                "\($0.path ?? "") \($0.rule) \($0.offset) \($0.line ?? 0) \($0.column ?? 0)"
            }
        }
        let expected = try places(one.1)
        #expect(try places(several.1) == expected)
        #expect(expected.count > 500)
    }

    @Test func `many small files, with failures and compressed ones between, come in order`() throws {
        let directory = Directory()
        for number in 0..<150 {
            _ = directory.write("f\(number)", "\(number) \(Samples.token)\n" + Samples.line(number))
        }
        _ = directory.write("empty", "")
        let arguments = [directory.path, directory.path + "/none", directory.path + "/f7"]
        let one = try Child.run(["scrub", "--summary", "--jobs", "1"] + arguments)
        let several = try Child.run(["scrub", "--summary", "--jobs", "4"] + arguments)
        #expect(one.status == 3)
        #expect(several.status == one.status)
        #expect(several.output == one.output)
        #expect(several.text.contains("149 \(Samples.mark)"))
    }

    @Test func `a reader that goes away ends it`() throws {
        let directory = Directory()
        let path = directory.write("a", Self.log(6 * Self.part))
        let child = try Child(["scrub", "--jobs", "3", path])
        _ = child.output { $0.count > 1000 }
        child.closeOutput()
        #expect(child.finish().status == 141)
    }

    @Test func `a number of jobs that is none`() throws {
        for number in ["0", "65", "x"] {
            #expect(try Child.run(["scrub", "--jobs", number, "/dev/null"]).status == 2)
        }
    }
}
