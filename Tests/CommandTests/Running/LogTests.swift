internal import Glibc
internal import RunModel
internal import Testing

/// The log of a run, whatever happens to the runner and to the disk.
@Suite(.serialized) struct LogTests {
    /// `PIPEMASON_RUNNER_KILLS` (make test-kill-runner) asks for more.
    static let kills = getenv("PIPEMASON_RUNNER_KILLS").flatMap { Int(String(cString: $0)) } ?? 100
    /// Bytes of the loud command; `PIPEMASON_LARGE` asks for 1 GiB.
    static let loud = getenv("PIPEMASON_LARGE") == nil ? 64 << 20 : 1 << 30

    @Test func `a runner that is killed at any moment loses nothing that was durable, and tears no line`() throws {
        let project = Project()
        var generator = SystemRandomNumberGenerator()
        var longest = 0
        var torn = 0
        for round in 0..<Self.kills {
            let child = try Child(
                [
                    "run", "--sync", "always", "--acknowledge-fd", "1", "--no-tty", "--", "/bin/sh", "-c",
                    "i=0; while :; do echo \"line $i of a log\" >&2; i=$((i+1)); done",
                ], directory: project.directory.path)
            // From before the log is there to long after.
            let wait = UInt32.random(in: 0...60_000, using: &generator)
            usleep(wait)
            child.send(signal: SIGKILL)
            let result = child.finish()
            #expect(result.status == 137)
            let acknowledged = result.text.split(separator: "\n").last.flatMap { Int($0) } ?? 0
            longest = max(longest, acknowledged)
            let before = project.log
            if let last = before.last, last != 10 { torn += 1 }
            guard acknowledged > 0 else { continue }
            let lines = before.split(separator: 10, omittingEmptySubsequences: false).count - 1
            #expect(lines >= acknowledged, "round \(round): \(acknowledged) events were durable, \(lines) are there")
            var verified = try project.verify(["--repair"])
            // A process that was being started holds the lock until it has become another program.
            for _ in 0..<50 where verified.text.contains("still being written") {
                usleep(20_000)
                verified = try project.verify(["--repair"])
            }
            #expect(verified.status == 0, "round \(round): \(verified.error)")
            let events = try project.events()
            #expect(events.count >= acknowledged + 2)
            #expect(events.last?.body == .runFinished(Ending(.interrupted, reason: "the runner was killed")))
        }
        let all = try project.verify(["--repair", "--all"])
        #expect(all.status == 0, "\(all.error)")
        #expect(longest > 0, "no round lived long enough to acknowledge anything")
        print("\(Self.kills) kills: up to \(longest) durable events in a round, \(torn) torn last lines")
    }

    @Test func `a loud command: nothing lost, log and terminal agree, memory is flat`() throws {
        let project = Project()
        // The pattern is longer than a frame, so that a piece that is missing or doubled shows.
        var noise: [UInt8] = []
        var line = 0
        while noise.count < 1 << 20 {
            noise += Array(
                "\(line) the quick brown fox jumps over the lazy dog \u{1B}[3\(line % 8)m\(line % 7 == 0 ? "é" : "e")\n"
                    .utf8)
            line += 1
        }
        noise.removeLast(noise.count - 1 << 20)
        project.directory.write("noise", noise)
        let child = try Child(
            [
                "run", "--", "/bin/sh", "-c",
                "i=0; while [ $i -lt \(Self.loud >> 20) ]; do head -c 1048576 noise; i=$((i+1)); done",
            ], directory: project.directory.path)
        child.keepsOutput = Self.loud <= 64 << 20
        child.closeInput()
        let start = Child.now
        let scrubbing = try #require(Processes.scrubber(of: child.id))
        // Both end as soon as everything is written, so they are looked at while they work; the marks only rise.
        var runner = 0
        var scrubber = 0
        var looked = 0
        while child.isOpen, child.outputCount < Self.loud, Child.now - start < 600 {
            child.collect(timeout: 200)
            guard child.outputCount - looked >= 1 << 20 else { continue }
            looked = child.outputCount
            runner = max(runner, child.peakMemory)
            scrubber = max(scrubber, Processes.peak(scrubbing))
        }
        let seconds = Child.now - start
        let result = child.finish()
        #expect(result.status == 0)
        #expect(child.outputCount == Self.loud)
        var reader = LogReader()
        var logged = 0
        var differs = false
        let around = noise + noise.prefix(EventLimits.output)
        func compare(_ bytes: [UInt8], at offset: Int) {
            if memcmp(bytes, Array(around[(offset % noise.count)...].prefix(bytes.count)), bytes.count) != 0 {
                differs = true
            }
        }
        try project.eachChunk(".pipeline/iterations.log") { chunk in
            try reader.write(chunk) { event, _ in
                guard case .commandOutput(let output) = event.body else { return }
                compare(output.bytes, at: logged)
                logged += output.bytes.count
            }
        }
        try reader.finish()
        #expect(logged == Self.loud)
        #expect(!differs, "the log differs from what was written")
        for start in stride(from: 0, to: result.output.count, by: EventLimits.output) {
            compare(Array(result.output[start...].prefix(EventLimits.output)), at: start)
        }
        #expect(!differs, "the terminal differs from what was written")
        print(
            "loud: \(Self.loud >> 20) MiB, runner \(runner) KiB, scrubber \(scrubber) KiB, \(Int(Double(Self.loud) / seconds / 1e6)) MB/s"
        )
        #expect(runner > 0 && scrubber > 0)
        if Child.isRelease { #expect(runner < 48 << 10 && scrubber < 48 << 10) }
    }

    @Test func `a full disk stops neither command nor terminal, and the log says what it lost`() throws {
        let project = Project()
        // A limit on file sizes stands for the disk: writes fail as they do there.
        let result = try Child.run(
            [
                "-c",
                "ulimit -f 64; exec \(Child.program) run -- /bin/sh -c 'i=0; while [ $i -lt 4000 ]; do echo \"$i: some output of a command\"; i=$((i+1)); done'",
            ],
            program: "/bin/sh", directory: project.directory.path)
        #expect(result.status == 0)
        #expect(result.text.split(separator: "\n").count == 4000)
        #expect(result.error.contains("File too large"))
        #expect(result.error.split(separator: "\n").count { $0.contains("the command goes on") } == 1)
        // What is there is whole. Nothing could be added, so the end comes with the next start, which has no such limit.
        #expect(project.log.last == 10)
        let verified = try project.verify(["--repair"])
        #expect(verified.status == 0, "\(verified.error)")
    }

    @Test func `a disk that has room again says what was lost`() throws {
        try #require(getuid() == 0, "needs root, to make a small file system")
        let project = Project()
        let script = """
            mkdir small && mount -t tmpfs -o size=300k tmpfs small && cd small && dd if=/dev/zero of=ballast bs=1k count=200 2>/dev/null &&
            \(Child.program) run -- /bin/sh -c 'head -c 200000 /dev/zero | tr "\\0" x | fold -w 99; echo; until grep -q "goes on" ../said; do sleep 0.05; done; rm ballast; sleep 1.3; echo after' 2>../said | tail -n 1 &&
            cp .pipeline/iterations.log ../log
            """
        let result = try Child.run(
            ["-m", "/bin/sh", "-c", script], program: "/usr/bin/unshare", directory: project.directory.path)
        #expect(result.status == 0, "\(result.error)")
        #expect(result.text == "after\n")
        #expect(String(decoding: project.read("said"), as: UTF8.self).contains("can be written again"))
        var reader = LogReader()
        var events: [RunEvent] = []
        let bytes = project.read("log")
        try reader.write(bytes.span) { event, _ in events.append(event) }
        try reader.finish()
        let lost = events.compactMap { event -> LogLost? in
            if case .logLost(let lost) = event.body { return lost }
            return nil
        }
        #expect(lost.count == 1)
        #expect(lost.first?.reason == .diskFull)
        let kept = events.reduce(0) { total, event in
            if case .commandOutput(let output) = event.body { return total + output.bytes.count }
            return total
        }
        // 200,000 bytes folded into lines of 99, the end of the last one, and the word.
        #expect(kept + (lost.first?.bytes ?? 0) == 200_000 + 200_000 / 99 + 1 + 6)
        #expect(events.last?.body == .runFinished(Ending(.succeeded, exit: 0)))
    }

    @Test func `where there can be no log, nothing is run`() throws {
        let project = Project()
        _ = project.directory.write(".pipeline", "in the way")
        let result = try project.run("echo ran")
        #expect(result.status == 125)
        #expect(result.text == "")
        #expect(result.error.contains(".pipeline"))
        #expect(try project.run("echo ran", ["--no-log"]).text == "ran\n")
    }

    @Test func `in a read-only directory nothing is run, and what was kept there can be read`() throws {
        try #require(getuid() == 0, "needs root, to mount")
        let project = Project()
        project.directory.makeDirectory("ro")
        #expect(
            try Child.run(
                ["-C", project.directory.path + "/ro", Child.program, "run", "--", "echo", "before"],
                program: "/usr/bin/env", directory: project.directory.path
            ).text == "before\n")
        let script = """
            mount --bind ro ro && mount -o remount,bind,ro ro && cd ro || exit 99
            \(Child.program) run -- echo ran; echo "status $?"
            \(Child.program) run --no-log -- echo ran
            \(Child.program) verify && \(Child.program) log --raw | cat
            """
        let result = try Child.run(
            ["-m", "/bin/sh", "-c", script], program: "/usr/bin/unshare", directory: project.directory.path)
        #expect(result.status == 0, "\(result.error)")
        #expect(result.text.hasPrefix("status 125\nran\n.pipeline/runs/"))
        #expect(result.text.hasSuffix("before\n"))
        #expect(result.error.contains("Read-only file system"))
    }

    @Test func `a log that was changed does not verify, and the line is named`() throws {
        let project = Project()
        #expect(try project.run("for i in 1 2 3; do echo $i; sleep 0.05; done").status == 0)
        var text = String(decoding: project.log, as: UTF8.self)
        let lines = text.split(separator: "\n").count
        #expect(try project.verify().status == 0)
        text = text.replacing(#""text":"1\n""#, with: #""text":"9\n""#)
        let changed = project.directory.write("changed.log", text)
        let result = try project.verify([changed])
        #expect(result.status == 1)
        #expect(result.error.contains("line 3: wrong hash"))
        let shorter = project.directory.write("shorter.log", String(decoding: project.log.dropLast(5), as: UTF8.self))
        #expect(try project.verify([shorter]).error.contains("line \(lines): torn"))
        #expect(try project.verify(["/no/such/log"]).status == 3)
    }
}

extension Project {
    /// Reads a file in pieces.
    func eachChunk(_ name: String, _ body: (Span<UInt8>) throws -> Void) throws {
        let file = open(directory.path + "/" + name, O_RDONLY)
        try #require(file >= 0)
        defer { close(file) }
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count <= 0 { return }
            try body(chunk.span.extracting(0..<count))
        }
    }
}

extension Processes {
    /// The largest resident set of a process so far, in KiB.
    static func peak(_ id: pid_t) -> Int {
        let line = contents("/proc/\(id)/status").split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0
    }
}
