internal import Glibc
internal import RunModel
internal import Testing

/// replay, log, status and cast on a log that a runner could have written.
@Suite struct PlaybackTests {
    fileprivate let directory = Directory()
    private static let run = RunID("019c140c-99fb-7001-8002-030405060708")!

    /// Writes a log below `.pipeline/runs` and returns its path.
    @discardableResult
    fileprivate func writeLog(run: RunID = run, finished: Bool = true, spoilt: Bool = false) throws -> String {
        var text = ""
        var head = ChainHash.zero
        var sequence = 0
        func add(_ body: RunEvent.Body, at milliseconds: Int, phase: String? = nil) throws {
            sequence += 1
            let event = RunEvent(
                run: run, sequence: sequence, time: Timestamp("2026-01-31T12:34:56.000000Z")!,
                monotonic: milliseconds * 1000, phase: phase, body: body, scrub: ScrubStamp(rules: .zero))
            let line = try EventLine(event, after: head)
            head = line.hash
            text += String(decoding: line.bytes, as: UTF8.self) + "\n"
        }
        func output(_ text: String, at milliseconds: Int) throws {
            try add(
                .commandOutput(CommandOutput(stream: .stdout, bytes: Array(text.utf8))), at: milliseconds, phase: "test"
            )
        }
        try add(
            .runStarted(RunStarted(runner: "r", branch: "main", command: ["make"], epoch: 1, protections: [])), at: 0)
        try add(.phaseStarted(PhaseStarted(kind: .test)), at: 0, phase: "test")
        try output("one\u{1B}]0;title\u{7}\n", at: 0)
        try output("\u{1B}[31mtwo\u{1B}[0m\n", at: 400)
        if finished { try add(.runFinished(Ending(.failed, exit: 2)), at: 500) }
        if spoilt { text = text.replacing("two", with: "2wo") }
        directory.makeDirectory(".pipeline")
        directory.makeDirectory(".pipeline/runs")
        directory.makeDirectory(".pipeline/runs/\(run)")
        return directory.write(".pipeline/runs/\(run)/iterations.log", text)
    }

    @Test func `a log is printed without what a terminal would obey`() throws {
        let result = try Child.run(["log", try writeLog()])
        #expect(
            result.text == """
                run \(Self.run), branch main: make
                ── test
                one
                two
                ── run failed: exit status 2, 500 ms

                """)
        #expect(result.status == 0)
    }

    @Test func `colours are kept when asked for, and places shown`() throws {
        let path = try writeLog()
        #expect(try Child.run(["log", "--color", "always", path]).text.contains("\u{1B}[31mtwo\u{1B}[0m"))
        #expect(try Child.run(["log", "--times", path]).text.contains("00:00.400 two\n"))
    }

    @Test func `raw output and the lines themselves`() throws {
        let path = try writeLog()
        #expect(try Child.run(["log", "--raw", path]).text == "one\u{1B}]0;title\u{7}\n\u{1B}[31mtwo\u{1B}[0m\n")
        #expect(
            try Child.run(["log", "--json", path]).text == directory.read(".pipeline/runs/\(Self.run)/iterations.log"))
        #expect(try Child.run(["log", "--raw", "--json", path]).status == 2)
    }

    @Test func `a phase or iteration that a run does not have is told`() throws {
        let path = try writeLog()
        for command in ["log", "replay", "cast"] {
            let phase = try Child.run([command, "--phase", "tset", path])
            #expect(phase.status == 3 && phase.error.contains("no phase tset in this run: it has test"))
            let iteration = try Child.run([command, "--iteration", "1", path])
            #expect(iteration.status == 3 && iteration.error.contains("no iteration 1 in this run: it has 0"))
        }
        #expect(try Child.run(["log", "--phase", "test", path]).status == 0)
        // What goes on may yet have it.
        #expect(try Child.run(["log", "--phase", "tset", try writeLog(finished: false)]).status == 0)
    }

    @Test func `a log that grows is followed to its end`() throws {
        let path = try writeLog(finished: false)
        // As a runner does.
        let lock = open(path, O_RDONLY)
        flock(lock, LOCK_EX)
        defer { close(lock) }
        #expect(try Child.run(["status", path]).text.hasPrefix("\(Self.run) running\n"))
        let child = try Child(["log", "--follow", path])
        #expect(child.output { $0.contains("two\n") }.contains("one\ntwo\n"))
        // The runner appends to the same file.
        let before = directory.read(".pipeline/runs/\(Self.run)/iterations.log")!
        try writeLog()
        let whole = directory.read(".pipeline/runs/\(Self.run)/iterations.log")!
        #expect(whole.hasPrefix(before) && whole.utf8.count > before.utf8.count)
        let result = child.finish()
        #expect(result.text.hasSuffix("two\n── run failed: exit status 2, 500 ms\n"))
        #expect(result.status == 0)
    }

    @Test func `a log that its runner has left is not waited for`() throws {
        let path = try writeLog(finished: false)
        let result = try Child.run(["log", "--follow", path])
        #expect(result.text.hasSuffix("two\n") && result.error.contains("its runner is gone"))
        #expect(try Child.run(["status", path]).text.hasPrefix("\(Self.run) interrupted\n"))
    }

    @Test func `a line that was changed is named, after what stands before it`() throws {
        let result = try Child.run(["log", try writeLog(spoilt: true)])
        #expect(result.text.hasSuffix("one\n"))
        #expect(result.error.contains("line 4: wrong hash"))
        #expect(result.status == 3)
    }

    @Test func `replay takes the time that the run took, or less`() throws {
        let path = try writeLog()
        var start = Child.now
        #expect(try Child.run(["replay", path]).text.hasSuffix("two\n── run failed: exit status 2, 500 ms\n"))
        #expect(Child.now - start >= 0.45)
        for arguments in [["--speed", "max"], ["--idle", "0"], ["--speed", "100"], ["--from", "10:00"]] {
            start = Child.now
            #expect(try Child.run(["replay"] + arguments + [path]).text.contains("two\n"))
            #expect(Child.now - start < 0.4, "\(arguments)")
        }
        for arguments in [["--speed", "0"], ["--speed", "x"], ["--from", "1:x"], ["--idle", "-1"]] {
            #expect(try Child.run(["replay"] + arguments + [path]).status == 2)
        }
    }

    @Test func `status and recordings`() throws {
        let path = try writeLog()
        let status = try Child.run(["status", path]).text
        #expect(status.hasPrefix("\(Self.run) failed, exit status 2\n  command     make\n  branch      main\n"))
        #expect(try Child.run(["status", "--json", path]).text.contains("\"status\":\"failed\",\"exit\":2,"))
        let cast = try Child.run(["cast", "--format", "3", path]).text
        #expect(cast.hasPrefix("{\"version\":3,") && cast.hasSuffix("\"x\", \"2\"]\n"))
        let file = directory.path + "/run.cast"
        #expect(try Child.run(["cast", "-o", file, path]).status == 0)
        #expect(directory.read("run.cast")?.hasPrefix("{\"version\":2,") == true)
        #expect(directory.names == [".pipeline", "run.cast"])
    }

    @Test func `a run that is not there`() throws {
        let result = try Child.run(["log", directory.path + "/nothing.log"])
        #expect(result.status == 3)
        #expect(result.error.contains("nothing.log: No such file or directory"))
    }

    @Test func `a directory's run is found`() throws {
        try writeLog()
        #expect(try Child.run(["log", directory.path + "/.pipeline/runs/\(Self.run)"]).text.contains("two"))
    }
}

extension PlaybackTests {
    @Test func `a report is a page, of a damaged log too`() throws {
        let path = try writeLog()
        let page = try Child.run(["report", "--html", path])
        #expect(page.status == 0)
        #expect(page.text.hasPrefix("<!doctype html>") && page.text.contains("<span class=\"f1\">two</span>"))
        #expect(try Child.run(["report", "-o", directory.path + "/report.html", path]).status == 0)
        #expect(directory.read("report.html") == page.text)
        let damaged = try Child.run(["report", try writeLog(spoilt: true)])
        #expect(damaged.status == 3)
        #expect(damaged.text.contains("line 4: wrong hash") && damaged.text.contains(">one</div>"))
        #expect(try Child.run(["report", "--limit", "0", path]).status == 2)
        #expect(try Child.run(["report", "-o", directory.path + "/no/report.html", path]).status == 4)
    }
}
