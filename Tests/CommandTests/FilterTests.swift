internal import Glibc
internal import Testing

/// `scrub` as a filter.
@Suite struct FilterTests {
    @Test(arguments: [[], ["scrub"], ["scrub", "-"], ["scrub", "--summary"]])
    func `a stream loses its secrets and nothing else`(arguments: [String]) throws {
        let result = try Child.run(arguments, input: "a \(Samples.token) b\r\n\0 \u{1B}[31mred\u{1B}[0m no newline")
        #expect(result.text == "a \(Samples.mark) b\r\n\0 \u{1B}[31mred\u{1B}[0m no newline")
        #expect(result.status == 0)
    }

    @Test func `every byte value passes`() throws {
        let child = try Child(["scrub"])
        let bytes = (0..<4).flatMap { _ in (0...255).map { UInt8($0) } }
        child.write(bytes)
        #expect(child.finish().output == bytes)
    }

    @Test func `an empty input gives an empty output`() throws {
        let result = try Child.run(["scrub"])
        #expect(result.output.isEmpty)
        #expect(result.status == 0)
        #expect(result.error.isEmpty)
    }

    @Test func `a prompt without newline comes out before more goes in`() throws {
        let child = try Child(["scrub"])
        child.write("Password: ")
        #expect(child.output { $0 == "Password: " } == "Password: ")
        child.write("\nnext line\n")
        #expect(child.output { $0.hasSuffix("line\n") } == "Password: \nnext line\n")
        #expect(child.finish().status == 0)
    }

    @Test func `a secret in two writes is still one`() throws {
        let child = try Child(["scrub"])
        child.write("x " + Samples.token.prefix(20))
        #expect(child.output { $0 == "x " } == "x ")
        child.write(Samples.token.dropFirst(20) + " y\n")
        #expect(child.finish().text == "x \(Samples.mark) y\n")
    }

    @Test func `files are concatenated, directories in the order of names`() throws {
        let directory = Directory()
        directory.makeDirectory("d")
        directory.makeDirectory("d/.git")
        directory.write("d/b", "2 \(Samples.token)\n")
        directory.write("d/a", "1\n")
        directory.write("d/.hidden", "0\n")
        directory.write("d/.git/object", "never\n")
        directory.write("z", "3\n")
        symlink("a", directory.path + "/d/link")
        mkfifo(directory.path + "/d/pipe", 0o600)
        let result = try Child.run(["scrub", directory.path + "/z", directory.path + "/d"])
        #expect(result.text == "3\n0\n1\n2 \(Samples.mark)\n")
        #expect(result.status == 0)
    }

    @Test func `what is missing is told and the rest is done`() throws {
        let directory = Directory()
        let file = directory.write("a", "1\n")
        let result = try Child.run(["scrub", directory.path + "/none", file])
        #expect(result.text == "1\n")
        #expect(result.status == 3)
        #expect(result.error == "pipemason: \(directory.path)/none: No such file or directory\n")
    }

    @Test func `the output is not an input`() throws {
        let directory = Directory()
        let file = directory.write("log", "1\n")
        let child = try Child(["scrub", file], output: .file(file))
        let result = child.finish()
        #expect(result.status == 3)
        #expect(result.error.contains("also the output"))
    }

    @Test func `a placeholder of one's own`() throws {
        let result = try Child.run(["scrub", "--placeholder", "[REDACTED {category}]"], input: Samples.token + "\n")
        #expect(result.text == "[REDACTED token]\n")
        let wrong = try Child.run(["scrub", "--placeholder", "a\"b"])
        #expect(wrong.status == 2)
        #expect(wrong.error.hasPrefix("pipemason: --placeholder: "))
    }

    @Test func `rules are selected by id and category`() throws {
        let input = "\(Samples.token)\n"
        #expect(try Child.run(["scrub", "--only", "email"], input: input).text == input)
        #expect(
            try Child.run(["scrub", "--except", "github-pat, email"], input: input).text.contains("REDACTED:github-pat")
                == false)
        #expect(try Child.run(["scrub", "--only", "token"], input: input).text == Samples.mark + "\n")
        #expect(try Child.run(["scrub", "--only", "no-such-rule"], input: input).status == 2)
        #expect(try Child.run(["scrub", "--pack", "no-such-pack"], input: input).status == 2)
    }

    @Test func `a rule file adds rules, a wrong one is refused`() throws {
        let directory = Directory()
        let good = directory.write(
            "good.toml",
            """
            [[rules]]
            id = "badge"
            regex = 'badge-([0-9]{6})'
            keywords = ["badge"]
            """)
        let result = try Child.run(["scrub", "--rules", good], input: "badge-123456 \(Samples.token)\n")
        #expect(result.text == "badge-[REDACTED:badge] \(Samples.mark)\n")
        let alone = try Child.run(["scrub", "--rules", good, "--no-default-rules"], input: Samples.token + "\n")
        #expect(alone.text == Samples.token + "\n")

        let bad = directory.write("bad.toml", "[[rules]]\nid = \"x\"\nregex = '('\nkeywords = ['']\n")
        let refused = try Child.run(["scrub", "--rules", bad], input: "text\n")
        #expect(refused.status == 2)
        #expect(refused.output.isEmpty)
        #expect(
            refused.error == """
                pipemason: \(bad):3: rule "x": missing closing parenthesis (at byte 1 of the pattern)
                pipemason: \(bad):4: rule "x": keywords holds an empty string

                """)
    }

    @Test func `the demo prints what it should`() throws {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let demo = Directory(existing: root + "/Corpus/demo")
        let input = try #require(demo.read("multi-source.log")).replacing("<cut>", with: "")
        #expect(try Child.run(["scrub"], input: input).text == demo.read("multi-source.expected"))
    }
}
