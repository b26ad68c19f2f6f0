internal import CommandSupport
internal import Glibc
internal import RedactionKit
internal import Testing

@testable import LogHook

/// Records, the journal and rsyslog. Secrets are made up, and cut.
private let token = "gh" + "p_x7Kd92LmQp4RtVw8ZbNc3FgHj6YsAe" + "1UiOo5"
private let mark = "[REDACTED:github-pat]"
private let keyLines = [
    "-----BEG" + "IN EC PRIVATE KEY-----", "MHcCAQEEIKz3x7Yt1QmW5vRb8nLpE2sJd6HfUcA9oGiXkN4TyZ0VoAoGCCqGSM49",
    "AwEHoUQDQgAE5rT8wQ2yU1iO4pA7sD0fG3hJ6kL9zX2cV5bN8mQ1wE4rT7yU0iP3", "aS6dF9gH2jK5lZ8xC1vB4nM7qW0eR3tY6u==",
    "-----END EC PRIVATE KEY-----",
]

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

@Suite struct RecordTests {
    @Test func `a record loses its secrets, at once`() throws {
        var records = RecordScrubber(try Redactor())
        #expect(text(records.scrub(bytes("token \(token)"))) == "token \(mark)")
        #expect(text(records.scrub(bytes("nothing here"))) == "nothing here")
        #expect(records.scrub([]).isEmpty)
    }

    @Test func `a key whose lines are records is redacted in all of them, and no record more`() throws {
        var records = RecordScrubber(try Redactor())
        let source = bytes("a")
        for line in keyLines {
            let output = text(records.scrub(bytes(line), source: source))
            #expect(output == "[REDACTED:private-key]", "\(output)")
            // Another source in between has nothing to do with it.
            #expect(text(records.scrub(bytes("request done"), source: bytes("b"))) == "request done")
        }
        #expect(text(records.scrub(bytes("request done"), source: source)) == "request done")
    }

    @Test func `a key that does not end is left by the first record that is none of it`() throws {
        var records = RecordScrubber(try Redactor())
        _ = records.scrub(bytes(keyLines[0]))
        #expect(text(records.scrub(bytes(keyLines[1]))) == "[REDACTED:private-key]")
        #expect(
            text(records.scrub(bytes("2026-03-04 10:00:00 request: 17 ms"))) == "2026-03-04 10:00:00 request: 17 ms")
    }
}

@Suite struct JournalTests {
    private func entry(_ fields: [(String, String)]) -> [JournalExport.Field] {
        fields.map { JournalExport.Field(name: bytes($0.0), value: bytes($0.1)) }
    }

    @Test func `entries are read, of text and of bytes`() {
        var input = bytes("__REALTIME_TIMESTAMP=1719392100123456\nMESSAGE=one=1\n\nMESSAGE\n")
        input += [5, 0, 0, 0, 0, 0, 0, 0] + bytes("a\nb\u{0}c\n_PID=7\n\n")
        var journal = JournalExport()
        var entries: [[JournalExport.Field]] = []
        journal.write(input) { entries.append($0) }
        #expect(
            entries == [
                entry([("__REALTIME_TIMESTAMP", "1719392100123456"), ("MESSAGE", "one=1")]),
                entry([("MESSAGE", "a\nb\u{0}c"), ("_PID", "7")]),
            ])
        var output: [UInt8] = []
        for entry in entries { JournalExport.append(entry, to: &output) }
        #expect(output == input)
        fuzzJournalExport(input)
    }

    @Test func `values are scrubbed, the journal's own stay`() throws {
        var scrubber = JournalScrubber(RecordScrubber(try Redactor()))
        let cursor = "s=0639af;i=8b2fb;b=7c6d;m=7594;t=4fa05;x=58477b"
        let clean = scrubber.scrub(
            entry([
                ("__CURSOR", cursor), ("_BOOT_ID", "b8d1f2a94c5e4f7a9d3c2b1a0f9e8d7c"),
                ("MESSAGE", "login with \(token)"),
                ("_CMDLINE", "curl -H \(token)"), ("DB_PASS" + "WORD", "k3V9xQ2mP7"), ("_PID", "7"), ("PRIORITY", "6"),
            ]))
        #expect(text(clean[0].value) == cursor && text(clean[1].value) == "b8d1f2a94c5e4f7a9d3c2b1a0f9e8d7c")
        #expect(text(clean[2].value) == "login with \(mark)" && text(clean[3].value) == "curl -H \(mark)")
        #expect(
            text(clean[4].value).hasPrefix("[REDACTED:") && text(clean[5].value) == "7" && text(clean[6].value) == "6")
    }

    @Test func `an entry is a line`() {
        let line = JournalScrubber.line(
            entry([
                ("__REALTIME_TIMESTAMP", "1719392100123456"), ("_HOSTNAME", "web"), ("SYSLOG_IDENTIFIER", "app"),
                ("_PID", "7"),
                ("MESSAGE", "one\ntwo"),
            ]))
        #expect(text(line) == "1719392100.123456 web app[7]: one two\n")
    }

    @Test func `a field that is too large becomes a mark, and the next is read`() {
        var journal = JournalExport()
        var entries: [[JournalExport.Field]] = []
        journal.write(bytes("A=" + String(repeating: "x", count: JournalExport.value + 1) + "\nB=1\n\n")) {
            entries.append($0)
        }
        #expect(entries == [entry([("A", "[REDACTED:too-large]"), ("B", "1")])])
    }

    @Test func `any bytes are read`() {
        var generator = SystemRandomNumberGenerator()
        let alphabet: [UInt8] = bytes("AB=\n\nMESSAGE") + [0, 0, 0, 0, 1, 2, 255]
        for _ in 0..<2000 {
            fuzzJournalExport(
                (0..<Int.random(in: 0..<80, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! })
        }
    }
}

@Suite struct SyslogTests {
    private func answer(_ input: SyslogModifier.Input, _ line: String) throws -> String {
        var modifier = SyslogModifier(input, RecordScrubber(try Redactor()))
        return text(modifier.answer(bytes(line)))
    }

    @Test func `what has no secret is not changed`() throws {
        #expect(try answer(.message, "all well") == "{}\n")
        #expect(try answer(.json, #"{"msg":"all well","rawmsg":"<13>all well"}"#) == "{}\n")
    }

    @Test func `a secret is changed in every property that has it`() throws {
        #expect(try answer(.message, "a \(token) \"b\"") == "{\"msg\":\"a \(mark) \\\"b\\\"\"}\n")
        #expect(try answer(.raw, "<13>\(token)") == "{\"rawmsg\":\"<13>\(mark)\"}\n")
        #expect(
            try answer(.json, "{\"msg\":\" \(token)\",\"rawmsg\":\"<13>x: \(token)\",\"hostname\":\"web\"}")
                == "{\"msg\":\" \(mark)\",\"rawmsg\":\"<13>x: \(mark)\"}\n")
    }

    @Test func `what cannot be read does not pass`() throws {
        #expect(
            try answer(.json, "{\"msg\":\"\(token)")
                == "{\"msg\":\"[REDACTED:unreadable]\",\"rawmsg\":\"[REDACTED:unreadable]\"}\n")
        #expect(
            try answer(.message, String(repeating: "x ", count: SyslogModifier.maximumLine))
                == "{\"msg\":\"[REDACTED:too-large]\"}\n")
    }
}

/// A file that is rotated while it is followed. Sizes and moments are as mean as they come.
@Suite struct FollowedFileTests {
    private final class Place {
        let path: String
        init() {
            var template = Array("/tmp/pipemason-follow-XXXXXX".utf8CString)
            precondition(mkdtemp(&template) != nil)
            path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        deinit {
            for name in ["log", "log.1", "log.2", "log-copy"] { unlink(path + "/" + name) }
            rmdir(path)
        }
        func append(_ text: String, to name: String = "log") {
            let file = open(path + "/" + name, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            _ = bytes(text).withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            close(file)
        }
        var log: Path { Path(path + "/log") }
    }

    private func drain(_ file: FollowedFile, for seconds: Double = 0) throws -> String {
        var result: [UInt8] = []
        let start = Clock.now
        repeat {
            while true {
                let bytes = try file.next()
                if bytes.isEmpty { break }
                result += bytes
            }
            if seconds > 0 { usleep(20_000) }
        } while Clock.now.seconds(since: start) < seconds
        return text(result)
    }

    @Test func `what is appended is read once`() throws {
        let place = Place()
        let file = FollowedFile(place.log, skipsOld: false)
        #expect(try drain(file) == "")
        place.append("one\n")
        #expect(try drain(file) == "one\n")
        place.append("two\n")
        #expect(try drain(file) == "two\n")
        #expect(try drain(file) == "")
    }

    @Test func `what is there already can be left out`() throws {
        let place = Place()
        place.append("old\n")
        let file = FollowedFile(place.log, skipsOld: true)
        place.append("new\n")
        #expect(try drain(file) == "new\n")
    }

    @Test func `a file that was renamed is read to its end, then the new one`() throws {
        let place = Place()
        place.append("one\n")
        let file = FollowedFile(place.log, skipsOld: false)
        #expect(try drain(file) == "one\n")
        rename(place.path + "/log", place.path + "/log.1")
        place.append("three\n")
        #expect(try drain(file) == "")
        // The writer has not let go of the old file yet.
        place.append("two\n", to: "log.1")
        #expect(try drain(file, for: FollowedFile.quiet + 0.5) == "two\nthree\n")
    }

    @Test func `a file that was copied and cut loses nothing that the copy has`() throws {
        let place = Place()
        place.append("one\n")
        let file = FollowedFile(place.log, skipsOld: false)
        #expect(try drain(file) == "one\n")
        // Not read before the cut, and then longer than it was.
        place.append("two\n")
        place.append("one\ntwo\n", to: "log-copy")
        truncate(place.path + "/log", 0)
        place.append("three, and longer than what was there before\n")
        #expect(try drain(file) == "two\nthree, and longer than what was there before\n")
        #expect(file.takeWarnings().isEmpty)
    }

    @Test func `a file that was cut and has grown to the same size is known to be another`() throws {
        let place = Place()
        place.append("one\n")
        let file = FollowedFile(place.log, skipsOld: false)
        #expect(try drain(file) == "one\n")
        place.append("two\n")
        place.append("one\ntwo\n", to: "log.1")
        // Times of files have the resolution of the kernel's clock.
        usleep(20_000)
        truncate(place.path + "/log", 0)
        place.append("new\n")
        #expect(try drain(file) == "two\nnew\n")
    }

    @Test func `a file that was cut without a copy is told`() throws {
        let place = Place()
        place.append("one\ntwo\n")
        let file = FollowedFile(place.log, skipsOld: false)
        _ = try drain(file)
        truncate(place.path + "/log", 0)
        place.append("x\n")
        #expect(try drain(file) == "x\n")
        #expect(file.takeWarnings().count == 1)
    }
}

@Suite struct FollowStateTests {
    private let state = FollowState(
        path: "/var/log/app.log",
        place: FollowState.Place(
            device: 2049, inode: 17, offset: 4, head: .init(bytes("one\n")), tail: .init(bytes("one\n"))),
        written: 0, rules: "0", output: nil)

    @Test func `the vector of docs/formats/hook-state`() throws {
        let line = """
            {"v":1,"path":"/var/log/app.log","device":2049,"inode":17,"offset":4,"head_size":4,"head":"715adb46adb6c5f",\
            "tail_size":4,"tail":"715adb46adb6c5f","written":0,"rules":"0"}
            """
        let encoded = try #require(state.encoded)
        #expect(encoded.count == 4096 && encoded.last == 10)
        #expect(text(encoded).trimming == line)
        #expect(FollowState(parsing: encoded) == state)
        var written = state
        written.output = FollowState.Output(device: 1, inode: 2, size: 3)
        written.written = 9
        #expect(FollowState(parsing: try #require(written.encoded)) == written)
        fuzzFollowState(encoded)
        var long = state
        long.path = String(repeating: "x", count: 4096)
        #expect(long.encoded == nil)
    }

    @Test func `anything else is refused`() throws {
        let encoded = text(try #require(state.encoded))
        for (old, new) in [
            (#""v":1"#, #""v":2"#), (#""offset":4"#, #""offset":3"#), (#""head_size":4"#, #""head_size":9"#),
            (#""written":0"#, #""written":-1"#), ("17", "1x"), (#""rules":"0""#, #""rulez":"0""#), ("}", "} x"),
            (#""head":"7"#, #""head":"g"#),
        ] {
            var changed = bytes(encoded.replacing(old, with: new, maxReplacements: 1))
            changed.removeLast()
            changed = Array((changed + [UInt8](repeating: 0x20, count: 9)).prefix(4095)) + [10]
            #expect(FollowState(parsing: changed) == nil, "\(new)")
        }
        #expect(FollowState(parsing: []) == nil && FollowState(parsing: bytes(encoded).dropLast()) == nil)
        #expect(FollowState(parsing: [UInt8](repeating: 0x20, count: 4095) + [10]) == nil)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var changed = bytes(encoded)
            let place = Int.random(in: 0..<240, using: &generator)
            changed[place] = UInt8.random(in: 0...255, using: &generator)
            fuzzFollowState(changed)
        }
    }

    @Test func `names that rotations give`() {
        for name in ["a.log.1", "a.log.23", "a.log-20260131", "a.log-20260131-1769817600", "a.log.2026-01-31"] {
            #expect(FollowedFile.isRotation(bytes(name), of: bytes("a.log")), "\(name)")
        }
        for name in ["a.log", "a.log.", "a.log.1.gz", "a.log.old", "a.logs", "b.log.1", "a.log1", "a.log-clean"] {
            #expect(!FollowedFile.isRotation(bytes(name), of: bytes("a.log")), "\(name)")
        }
    }
}

extension String {
    fileprivate var trimming: String { String(prefix { $0 != "\n" }.reversed().drop { $0 == " " }.reversed()) }
}
