internal import Testing

/// `pipemason rules` and `pipemason completions`.
@Suite struct RulesCommandTests {
    @Test func `list has a line for each rule`() throws {
        let result = try Child.run(["rules", "list"])
        #expect(result.status == 0)
        let lines = result.text.split(separator: "\n")
        #expect(lines.count > 100)
        #expect(lines.allSatisfy { $0.split(separator: "\t", omittingEmptySubsequences: false).count == 5 })
        #expect(lines.contains { $0.hasPrefix("github-pat\ttoken\t") })
    }

    @Test func `show prints a rule`() throws {
        let result = try Child.run(["rules", "show", "github-pat"])
        #expect(result.status == 0)
        #expect(result.text.contains("id = 'github-pat'"))
    }

    @Test func `samples that hold pass, others are named without being shown`() throws {
        let directory = Directory()
        let good = directory.write("good.toml", RulesCommandTests.file(nearMiss: "badge-12345"))
        let passed = try Child.run(["rules", "test", good])
        #expect(passed.status == 0)
        #expect(passed.text.contains("total"))

        let bad = directory.write("bad.toml", RulesCommandTests.file(nearMiss: "badge-654321"))
        let failed = try Child.run(["rules", "test", bad])
        #expect(failed.status == 1)
        #expect(failed.text.contains("bad.toml: badge, near-miss 1: found at "))
        #expect(!failed.text.contains("654321"))
    }

    private static func file(nearMiss: String) -> String {
        """
        [[rules]]
        id = "badge"
        regex = 'badge-([0-9]{6})'
        keywords = ["badge"]
        matches = ["my badge-<span>123<cut>456</span>.", "badge-000<cut>001"]
        near_misses = ["\(nearMiss)"]
        """
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `completions are a script`(shell: String) throws {
        let result = try Child.run(["completions", shell])
        #expect(result.status == 0)
        #expect(result.text.contains("in-place"))
        if shell == "bash" {
            let check = try Child(["-n"], program: "/bin/bash")
            check.write(result.output)
            #expect(check.finish().status == 0)
        }
    }
}
