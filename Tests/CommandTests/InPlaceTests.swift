internal import Glibc
internal import Testing

/// `scrub --in-place`: a file is replaced whole, or left as it is.
@Suite struct InPlaceTests {
    private let directory = Directory()

    private func scrub(_ names: String..., options: [String] = []) throws -> Child.Result {
        try Child.run(["scrub", "--in-place"] + options + names.map { directory.path + "/" + $0 })
    }

    @Test func `a file with a secret is replaced and keeps its mode`() throws {
        directory.write("log", "a \(Samples.token)\n", mode: 0o640)
        let before = directory.status("log")
        let result = try scrub("log")
        #expect(result.status == 0)
        #expect(result.output.isEmpty)
        #expect(directory.read("log") == "a \(Samples.mark)\n")
        let after = directory.status("log")
        #expect(after.st_mode == before.st_mode)
        #expect(after.st_uid == before.st_uid && after.st_gid == before.st_gid)
        #expect(directory.names == ["log"])
    }

    @Test func `the owner is kept where that is possible`() throws {
        guard geteuid() == 0 else { return }
        let path = directory.write("log", "a \(Samples.token)\n", mode: 0o644)
        chown(path, 12345, 23456)
        chmod(path, 0o4750)
        #expect(try scrub("log").status == 0)
        let after = directory.status("log")
        #expect(after.st_uid == 12345 && after.st_gid == 23456)
        #expect(after.st_mode & 0o7777 == 0o4750)
    }

    @Test func `extended attributes are kept where that is possible`() throws {
        let path = directory.write("log", "a \(Samples.token)\n")
        let python = "/usr/bin/python3"
        let set = try Child(
            ["-c", "import os,sys; os.setxattr(sys.argv[1], 'user.note', b'kept')", path], program: python)
        guard set.finish().status == 0 else { return }
        #expect(try scrub("log").status == 0)
        let get = try Child(
            ["-c", "import os,sys; print(os.getxattr(sys.argv[1], 'user.note').decode())", path], program: python)
        #expect(get.finish().text == "kept\n")
    }

    @Test func `a clean file is not touched`() throws {
        directory.write("log", "clean\n")
        let before = directory.status("log")
        #expect(try scrub("log").status == 0)
        let after = directory.status("log")
        #expect(after.st_ino == before.st_ino)
        #expect(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
    }

    @Test func `a symbolic link is refused and its target untouched`() throws {
        directory.write("log", "a \(Samples.token)\n")
        symlink("log", directory.path + "/link")
        let result = try scrub("link")
        #expect(result.status == 3)
        #expect(result.error.contains("symbolic link"))
        #expect(directory.read("log") == "a \(Samples.token)\n")
        #expect(directory.status("link").st_mode & S_IFMT == S_IFLNK)
    }

    @Test func `a file with two names needs --force`() throws {
        directory.write("log", "a \(Samples.token)\n")
        link(directory.path + "/log", directory.path + "/other")
        let result = try scrub("log")
        #expect(result.status == 3)
        #expect(directory.read("log") == "a \(Samples.token)\n")
        #expect(try scrub("log", options: ["--force"]).status == 0)
        #expect(directory.read("log") == "a \(Samples.mark)\n")
        #expect(directory.read("other") == "a \(Samples.token)\n")
    }

    @Test func `a named pipe is refused without waiting`() throws {
        mkfifo(directory.path + "/pipe", 0o600)
        let result = try scrub("pipe")
        #expect(result.status == 3)
        #expect(result.error.contains("not a regular file"))
    }

    @Test func `a directory is done to its depths, and one refusal does not stop the rest`() throws {
        directory.makeDirectory("d")
        directory.write("d/a", "a \(Samples.token)\n")
        directory.write("d/b", "b \(Samples.token)\n")
        directory.write("c", "c \(Samples.token)\n")
        link(directory.path + "/d/a", directory.path + "/a2")
        let result = try scrub("d", "c", options: ["--summary"])
        #expect(result.status == 3)
        #expect(directory.read("d/a") == "a \(Samples.token)\n")
        #expect(directory.read("d/b") == "b \(Samples.mark)\n")
        #expect(directory.read("c") == "c \(Samples.mark)\n")
        #expect(result.error.contains("2 replaced"))
    }

    @Test func `when space runs out the file stays as it was and no other is left`() throws {
        let text = "a \(Samples.token)\n" + (0..<4000).map(Samples.line).joined()
        let path = directory.write("log", text)
        let child = try Child(
            ["-c", "ulimit -f 16; exec \"$0\" scrub --in-place \"$1\"", Child.program, path], program: "/bin/sh")
        let result = child.finish()
        #expect(result.status == 4)
        #expect(result.error.hasPrefix("pipemason: \(path): "))
        #expect(directory.read("log") == text)
        #expect(directory.names == ["log"])
    }

    @Test func `a signal leaves the old file or the new one, and no other`() throws {
        let path = directory.write("log", "a \(Samples.token)\n")
        truncate(path, 256 << 20)
        let child = try Child(["scrub", "--in-place", path])
        let start = Child.now
        while directory.names.count < 2, Child.now - start < 10 { usleep(1000) }
        child.send(signal: SIGTERM)
        let result = child.finish()
        #expect(result.status == 143 || result.status == 0)
        #expect(directory.names == ["log"])
        #expect(directory.status("log").st_size == (result.status == 143 ? 256 << 20 : (256 << 20) - 40 + 21))
    }
}
