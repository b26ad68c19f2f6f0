internal import Glibc
internal import Testing

/// `pipemason hook` with the real rsyslog and logrotate (scripts/install-peers.sh).
@Suite struct HookTests {
    private let directory = Directory()

    private func wait(seconds: Double = 15, for condition: () -> Bool) -> Bool {
        let start = Child.now
        while !condition() {
            if Child.now - start > seconds { return false }
            usleep(20_000)
        }
        return true
    }

    /// A program of another package; nil where it is missing and nobody has asked for it.
    private static func peer(_ path: String) throws -> String? {
        if access(path, X_OK) == 0 { return path }
        try #require(getenv("PIPEMASON_REQUIRE_PEERS") == nil, "\(path) is missing")
        return nil
    }

    // MARK: Rotation

    @Test(arguments: ["copytruncate", "create 0600"])
    func `a file that logrotate rotates is read once, whole and in order`(mode: String) throws {
        guard let logrotate = try Self.peer("/usr/sbin/logrotate") else { return }
        let log = directory.path + "/app.log"
        directory.write("rotate.conf", "\(log) {\n  rotate 9\n  missingok\n  \(mode)\n}\n", mode: 0o600)
        directory.write("app.log", "")
        let child = try Child(["hook", "--follow", log])
        var file = open(log, O_WRONLY | O_APPEND)
        defer { close(file) }
        var expected = ""
        var number = 0
        func write(_ count: Int) {
            for _ in 0..<count {
                number += 1
                let secret = number % 7 == 0 ? " token \(Samples.token)" : ""
                let line = Array("line \(number)\(secret) end\n".utf8)
                expected += "line \(number)\(number % 7 == 0 ? " token \(Samples.mark)" : "") end\n"
                _ = line.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            }
        }
        // It has found the file, and its rotations begin.
        write(1)
        #expect(child.output { $0.contains("line 1 end\n") } == expected)
        for round in 0..<4 {
            write(200 + round)
            let rotation = try Child(
                ["-f", "-s", directory.path + "/state", directory.path + "/rotate.conf"], program: logrotate
            ).finish()
            #expect(rotation.status == 0, "\(rotation.error)")
            // The writer holds the old file for a while.
            write(20)
            if mode != "copytruncate" {
                close(file)
                file = open(log, O_WRONLY | O_APPEND)
            }
            write(3)
            // Files are looked at every 50 ms (docs/hook.md).
            usleep(300_000)
        }
        let output = child.output(within: 20) { $0.utf8.count >= expected.utf8.count }
        #expect(output == expected)
        // Nothing comes twice later.
        usleep(300_000)
        child.send(signal: SIGTERM)
        #expect(child.finish().text == expected)
    }

    // MARK: Stopping and starting again

    /// A log that is written, rotated, and followed by one hook after another with the same state.
    private final class Followed {
        let directory: Directory
        var expected = ""
        private var number = 0

        init(_ directory: Directory) {
            self.directory = directory
            directory.write("app.log", "")
        }

        var log: String { directory.path + "/app.log" }

        func start(_ options: [String] = []) throws -> Child {
            try Child(["hook", "--follow", log, "--state", directory.path + "/state"] + options)
        }

        func write(_ count: Int) {
            for _ in 0..<count {
                number += 1
                append("line \(number)\(number % 7 == 0 ? " token \(Samples.token)" : "") end\n")
                expected += "line \(number)\(number % 7 == 0 ? " token \(Samples.mark)" : "") end\n"
            }
        }

        func append(_ text: String) {
            let file = open(log, O_WRONLY | O_APPEND | O_CREAT, 0o600)
            defer { close(file) }
            _ = Array(text.utf8).withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        }

        /// As logrotate does it with `create`, and with `copytruncate`.
        func rotate(copying: Bool) throws {
            for index in stride(from: 8, to: 0, by: -1) { rename("\(log).\(index)", "\(log).\(index + 1)") }
            if copying {
                let result = try Child(["-p", log, log + ".1"], program: "/bin/cp").finish()
                #expect(result.status == 0)
                utimensat(AT_FDCWD, log + ".1", nil, 0)
                truncate(log, 0)
            } else {
                rename(log, log + ".1")
            }
        }
    }

    @Test(arguments: [false, true])
    func `a hook that was stopped goes on where it was, also behind rotations`(copying: Bool) throws {
        let followed = Followed(directory)
        followed.write(50)
        var output = ""
        func follow(_ options: [String] = []) throws {
            let child = try followed.start(options)
            let rest = followed.expected.utf8.count - output.utf8.count
            _ = child.output(within: 20) { $0.utf8.count >= rest }
            // Nothing comes twice later.
            usleep(100_000)
            child.send(signal: SIGTERM)
            output += child.finish().text
            #expect(output == followed.expected)
        }
        try follow()
        // Nothing happened; more lines; one rotation; several.
        try follow()
        followed.write(30)
        try follow()
        for rotations in 1...3 {
            for _ in 0..<rotations {
                followed.write(20)
                try followed.rotate(copying: copying)
                followed.write(10)
                usleep(20_000)
            }
            try follow(["--new"])
        }
        // A file beside it that is called like it and was never part of it.
        directory.write("app.log.old", "something else\n")
        followed.write(5)
        try followed.rotate(copying: copying)
        try follow()
        // What is not there any more is told.
        followed.write(5)
        try followed.rotate(copying: copying)
        for index in 1...9 { unlink("\(followed.log).\(index)") }
        followed.append("after\n")
        let child = try followed.start()
        #expect(child.output { $0.contains("after") } == "after\n")
        child.send(signal: SIGTERM)
        #expect(child.finish().error.contains("what was not read before is lost"))
    }

    @Test func `a hook that is killed at any moment loses nothing and writes nothing twice`() throws {
        let followed = Followed(directory)
        var generator = SystemRandomNumberGenerator()
        let options = ["-o", directory.path + "/clean.log"]
        // A hook that has never come to save anything begins with the file that is there.
        followed.write(1)
        let first = try followed.start(options)
        #expect(wait { directory.read("clean.log") == followed.expected && (directory.read("state") ?? "") != "" })
        first.send(signal: SIGKILL)
        _ = first.finish()
        for round in 0..<40 {
            let child = try followed.start(options)
            for _ in 0..<4 {
                followed.write(200)
                usleep(.random(in: 0..<30_000, using: &generator))
            }
            if round % 10 == 9 { try followed.rotate(copying: false) }
            child.send(signal: SIGKILL)
            #expect(child.finish().status == 137)
        }
        let child = try followed.start(options)
        #expect(wait { (directory.read("clean.log") ?? "").utf8.count >= followed.expected.utf8.count })
        usleep(100_000)
        child.send(signal: SIGTERM)
        _ = child.finish()
        #expect(directory.read("clean.log") == followed.expected)
    }

    @Test func `a key that is cut by a stop stays redacted, and its mark comes once`() throws {
        let followed = Followed(directory)
        let body = (0..<12).map { _ in
            String(
                (0..<64).map { _ in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".randomElement()!
                })
        }
        let begin = "-----BEG" + "IN RSA PRIVATE KEY-----"
        followed.append("before\n" + begin + "\n" + body[..<6].joined(separator: "\n") + "\n")
        let first = try followed.start()
        let shown = first.output { $0.contains("[REDACTED:private-key]") }
        usleep(200_000)
        first.send(signal: SIGTERM)
        let output = first.finish().text
        #expect(output.hasPrefix(shown) && shown.hasPrefix("before\n"))
        followed.append(body[6...].joined(separator: "\n") + "\n" + "-----END" + " RSA PRIVATE KEY-----\nafter\n")
        let second = try followed.start()
        _ = second.output { $0.contains("after") }
        second.send(signal: SIGTERM)
        let all = output + second.finish().text
        #expect(all.components(of: "[REDACTED:private-key]") == 1 && all.hasSuffix("after\n"), "\(all)")
        for line in body { #expect(!all.contains(line)) }
    }

    @Test func `a state that is none, another log's, or in use is told`() throws {
        let followed = Followed(directory)
        followed.write(3)
        let child = try followed.start()
        #expect(child.output { $0.contains("line 3") } == followed.expected)
        let state = directory.path + "/state"
        #expect(directory.status("state").st_mode & 0o777 == 0o600)
        #expect(try Child.run(["hook", "--follow", followed.log, "--state", state]).error.contains("another process"))
        child.send(signal: SIGTERM)
        _ = child.finish()
        #expect(!(directory.read("state") ?? "").contains("line"))
        let other = try Child.run(["hook", "--follow", directory.path + "/other.log", "--state", state])
        #expect(other.status == 2 && other.error.contains("another log"))
        directory.write("damaged", "{}\n")
        let damaged = try Child.run(["hook", "--follow", followed.log, "--state", directory.path + "/damaged"])
        #expect(damaged.status == 3 && damaged.error.contains("is no state of a hook"))
        #expect(try Child.run(["hook", "--fifo", "x", "--state", "y"]).status == 2)
    }

    // MARK: The journal

    @Test func `the journal goes through, as journalctl writes it and systemd reads it`() throws {
        let remote = "/lib/systemd/systemd-journal-remote"
        guard let remote = try Self.peer(remote), let journalctl = try Self.peer("/usr/bin/journalctl") else { return }
        let secretName = "DB_PASS" + "WORD"
        /// Entries in the export format; values with a line feed go with their length.
        func export(_ entries: [[(String, [UInt8])]]) -> [UInt8] {
            entries.flatMap { entry in
                entry.flatMap { name, value -> [UInt8] in
                    guard value.contains(10) else { return Array("\(name)=".utf8) + value + [10] }
                    let size = (0..<8).map { UInt8(truncatingIfNeeded: value.count >> (8 * $0)) }
                    return Array("\(name)\n".utf8) + size + value + [10]
                } + [10]
            }
        }
        let entries: [[(String, [UInt8])]] = (0..<200).map { number in
            let text =
                number % 5 == 0
                ? "login \(number) with \(Samples.token)"
                : number % 5 == 1 ? "two\nlines \(number) \u{1}" : "entry \(number)"
            return [
                ("__CURSOR", Array("s=0639af;i=\(number);b=7c6d;m=7594;t=4fa05;x=58477b".utf8)),
                ("__REALTIME_TIMESTAMP", Array("\(1_719_392_100_123_456 + number * 1000)".utf8)),
                ("__MONOTONIC_TIMESTAMP", Array("\(1000 + number)".utf8)),
                ("_BOOT_ID", Array("b8d1f2a94c5e4f7a9d3c2b1a0f9e8d7c".utf8)), ("MESSAGE", Array(text.utf8)),
                ("PRIORITY", Array("6".utf8)), ("SYSLOG_IDENTIFIER", Array("app".utf8)), ("_PID", Array("7".utf8)),
                (secretName, Array("k3V9xQ2mP7\(number)".utf8)),
            ]
        }
        let raw = directory.path + "/raw.journal"
        let clean = directory.path + "/clean.journal"
        func store(_ bytes: [UInt8], in journal: String) throws {
            let child = try Child(["-o", journal, "-"], program: remote)
            child.write(bytes)
            let result = child.finish()
            #expect(result.status == 0, "\(result.error)")
        }
        func read(_ journal: String, _ format: String) throws -> [UInt8] {
            let result = try Child(["--file", journal, "-o", format, "--no-pager"], program: journalctl).finish()
            #expect(result.status == 0, "\(result.error)")
            return result.output
        }
        try store(export(entries), in: raw)
        let exported = try read(raw, "export")
        let hook = try Child(["hook", "--journal", "export"])
        hook.write(exported)
        let scrubbed = hook.finish()
        #expect(scrubbed.status == 0)
        try store(scrubbed.output, in: clean)
        // What was no secret is there as it was, byte for byte, and in order.
        let messages = String(decoding: try read(clean, "cat"), as: UTF8.self)
        let expected = entries.map { entry in
            String(decoding: entry[4].1, as: UTF8.self).replacing(Samples.token, with: Samples.mark) + "\n"
        }.joined()
        #expect(messages == expected)
        let after = String(decoding: try read(clean, "export"), as: UTF8.self)
        #expect(!after.contains(Samples.token) && !after.contains("k3V9xQ2mP7"))
        #expect(after.components(of: "\n\(secretName)=[REDACTED:") == 200)
        func kept(_ text: String) -> [Substring] {
            text.split(separator: "\n").filter { line in
                ["__REALTIME_TIMESTAMP", "__MONOTONIC_TIMESTAMP", "_BOOT_ID", "PRIORITY", "_PID", "SYSLOG_IDENTIFIER"]
                    .contains { line.hasPrefix($0 + "=") }
            }.sorted()
        }
        #expect(kept(after) == kept(String(decoding: exported, as: UTF8.self)))
        let lines = try Child(["hook", "--journal", "lines"])
        lines.write(exported)
        let text = lines.finish().text
        #expect(text.split(separator: "\n").count == 200 && text.contains("app[7]: two lines 1"))
        #expect(!text.contains(Samples.token))
    }

    @Test func `the output may be rotated too`() throws {
        let child = try Child(["hook", "--journal", "lines", "-o", directory.path + "/out.log"])
        child.write("MESSAGE=one\n\n")
        #expect(wait { directory.read("out.log") == "  : one\n" })
        rename(directory.path + "/out.log", directory.path + "/out.log.1")
        child.write("MESSAGE=two\n\n")
        #expect(child.finish().status == 0)
        #expect(directory.read("out.log") == "  : two\n" && directory.read("out.log.1") == "  : one\n")
    }

    @Test func `a named pipe's writers come and go`() throws {
        let path = directory.path + "/pipe"
        mkfifo(path, 0o600)
        let child = try Child(["hook", "--fifo", path])
        for text in ["one \(Samples.token)\n", "two\n"] {
            // Without a reader this fails rather than waits.
            var file: Int32 = -1
            #expect(
                wait {
                    file = open(path, O_WRONLY | O_NONBLOCK)
                    return file >= 0
                })
            _ = Array(text.utf8).withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            close(file)
        }
        #expect(child.output { $0.contains("two\n") } == "one \(Samples.mark)\ntwo\n")
        child.send(signal: SIGTERM)
        #expect(child.finish().status == 128 + SIGTERM)
        #expect(try Child.run(["hook", "--fifo", directory.write("file", "")]).status == 3)
    }

    // MARK: rsyslog

    /// Runs rsyslog with some actions, sends it messages, and waits until `file` has `count` lines.
    private func rsyslog(_ actions: String, _ messages: [String], file: String, count: Int) throws -> String? {
        guard let daemon = try Self.peer("/usr/sbin/rsyslogd"), let logger = try Self.peer("/usr/bin/logger") else {
            return nil
        }
        let socket = directory.path + "/log.sock"
        directory.write(
            "rsyslog.conf",
            """
            global(workDirectory="\(directory.path)" processInternalMessages="off")
            module(load="imuxsock" SysSock.Use="off")
            module(load="mmexternal")
            module(load="omprog")
            input(type="imuxsock" Socket="\(socket)" RateLimit.Interval="0")
            template(name="both" type="string" string="%msg% | %rawmsg%\\n")
            template(name="msg" type="string" string="%msg:2:$%\\n")
            \(actions)

            """)
        let child = try Child(
            ["-n", "-f", directory.path + "/rsyslog.conf", "-i", directory.path + "/rsyslog.pid"], program: daemon)
        #expect(wait { access(socket, F_OK) == 0 })
        for message in messages {
            let sent = try Child(["-u", socket, "-t", "app", "--", message], program: logger).finish()
            #expect(sent.status == 0, "\(sent.error)")
        }
        let arrived = wait { (directory.read(file) ?? "").split(separator: "\n").count >= count }
        child.send(signal: SIGTERM)
        let result = child.finish()
        #expect(arrived, "\(result.error)")
        return directory.read(file)
    }

    @Test func `rsyslog's messages are changed on their way by mmexternal`() throws {
        let messages = (1...20).map {
            $0 % 4 == 0 ? "login with \(Samples.token) \($0)" : "request \($0) \"quoted\" done"
        }
        let actions = """
            action(type="mmexternal" binary="\(Child.program) hook --rsyslog mmexternal --input fulljson" interface.input="fulljson")
            action(type="omfile" file="\(directory.path)/out.log" template="both")
            """
        guard let output = try rsyslog(actions, messages, file: "out.log", count: 20) else { return }
        #expect(!output.contains(Samples.token))
        let lines = output.split(separator: "\n")
        #expect(lines.count == 20)
        for (index, line) in lines.enumerated() {
            let number = index + 1
            let text = number % 4 == 0 ? "login with \(Samples.mark) \(number)" : "request \(number) \"quoted\" done"
            let parts = line.ranges(of: text)
            #expect(parts.count == 2, "\(line)")
        }
    }

    @Test func `rsyslog's messages are written by omprog, and confirmed`() throws {
        let messages = (1...20).map { "message \($0) \(Samples.token)" }
        let actions = """
            action(type="omprog" binary="\(Child.program) hook --rsyslog omprog --confirm -o \(directory.path)/clean.log" confirmMessages="on" template="msg")
            """
        guard let output = try rsyslog(actions, messages, file: "clean.log", count: 20) else { return }
        #expect(output == (1...20).map { "message \($0) \(Samples.mark)\n" }.joined())
    }

    @Test(arguments: [
        [], ["--follow", "a", "--fifo", "b"], ["--journal", "lines", "--new"], ["--rsyslog", "omprog"],
        ["--rsyslog", "mmexternal", "-o", "x"], ["--rsyslog", "mmexternal", "--confirm"],
    ])
    func `contradictions are told`(arguments: [String]) throws {
        #expect(try Child.run(["hook"] + arguments).status == 2)
    }
}

extension String {
    /// How often a text stands in this one.
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
