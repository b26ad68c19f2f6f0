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
