internal import Glibc
internal import Testing

/// What becomes of the output file of `seal` and `open` when a signal ends the command.
@Suite struct SealingOutputTests {
    /// How the output file is made: without a name, or as on file systems that cannot.
    enum File: CaseIterable {
        case unnamed, named
        var environment: [String: String] { self == .named ? ["PIPEMASON_NAMED_FILES": "1"] : [:] }
    }

    @Test(arguments: File.allCases, [SIGINT, SIGTERM, SIGHUP, SIGKILL])
    func `nothing is left behind`(file: File, signal: Int32) throws {
        let directory = Directory()
        let keys = directory.path + "/keys"
        #expect(try Child.run(["keygen", "-o", keys]).status == 0)
        let child = try Child(
            [
                "seal", "--key-file", keys, "--kind", "file", "--context", "artifact,a,b,c,d,1", "-o",
                directory.path + "/out",
            ], environment: file.environment)
        // More than a pipe and a batch hold: it has made its file and written to it.
        child.write([UInt8](repeating: 7, count: 2 << 20))
        #expect(directory.names.count == (file == .named ? 2 : 1))
        child.send(signal: signal)
        child.waitForEnd(seconds: 10)
        #expect(child.finish().status == 128 + signal)
        // A file with a name survives a kill: that is what the other kind is for.
        #expect(directory.names.count == (file == .named && signal == SIGKILL ? 2 : 1))
        #expect(!directory.names.contains("out"))
    }
}
