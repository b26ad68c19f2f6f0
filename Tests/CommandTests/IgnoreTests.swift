internal import CommandSupport
internal import Testing

/// `scrub --check` and `.gitignore` files.
@Suite struct IgnoreTests {
    private let directory = Directory()

    @Test(arguments: [
        // patterns, path (a slash at its end: a directory), ignored
        ("*.log", "a.log", true), ("*.log", "x/a.log", true), ("*.log", "a.logs", false), ("/a", "a", true),
        ("/a", "x/a", false),
        ("a/b", "a/b", true), ("a/b", "x/a/b", false), ("build/", "build/", true), ("build/", "build", false),
        ("build/", "x/build/", true),
        ("**/a", "x/y/a", true), ("a/**", "a/", false), ("a/**", "a/x", true), ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b", true),
        ("*.log\n!keep.log", "keep.log", false), ("!a\na", "a", true), ("# a", "# a", false), ("\\#a", "#a", true),
        ("a ", "a", true),
        ("a\\ ", "a ", true), ("[ab]c", "bc", true), ("[!ab]c", "bc", false), ("[a-c]", "b", true), ("[", "[", false),
        ("a?c", "abc", true),
        ("a*c", "a/c", false), ("\\!a", "!a", true), ("a\r\n", "a", true), ("", "a", false), ("/", "a", false),
        ("a//b", "a/b", false),
    ])
    func patterns(patterns: String, path: String, isIgnored: Bool) {
        let isDirectory = path.hasSuffix("/")
        let names = path.split(separator: "/").map { Array($0.utf8) }
        let verdict = IgnoreFile(Array(patterns.utf8)).verdict(names, isDirectory: isDirectory)
        #expect((verdict ?? false) == isIgnored)
    }

    @Test func `patterns of stars are not slow`() {
        let pattern = String(repeating: "*a", count: 100) + "*b\n" + String(repeating: "**/a/", count: 100) + "b"
        let names = Array(repeating: Array(repeating: UInt8(ascii: "a"), count: 250), count: 100)
        #expect(IgnoreFile(Array(pattern.utf8)).verdict(names, isDirectory: false) == nil)
    }

    @Test func `check passes over what is ignored, and says so`() throws {
        directory.write(".gitignore", "*.env\n")
        directory.write("a.env", "a \(Samples.token)\n")
        let checked = try Child.run(["scrub", "--check", directory.path])
        #expect(checked.status == 0)
        #expect(checked.error.contains("passed over 1 ignored"))
        #expect(try Child.run(["scrub", "--check", "--no-ignore", directory.path]).status == 1)
        // A file that is named is read.
        #expect(try Child.run(["scrub", "--check", directory.path + "/a.env"]).status == 1)
    }

    @Test func `other modes read everything`() throws {
        directory.write(".gitignore", "*.env\n")
        directory.write("a.env", "a \(Samples.token)\n")
        #expect(try Child.run(["scrub", "--in-place", directory.path]).status == 0)
        #expect(directory.read("a.env") == "a \(Samples.mark)\n")
        #expect(try Child.run(["scrub", "--no-ignore", directory.path]).status == 2)
    }
}
