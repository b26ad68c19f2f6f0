import Foundation
internal import Testing

/// `--check`, reports, the summary and explanations.
@Suite struct ReportTests {
    @Test func `check says by its status`() throws {
        let found = try Child.run(["scrub", "--check"], input: "a \(Samples.token)\n")
        #expect(found.status == 1)
        #expect(found.output.isEmpty)
        #expect(found.error.isEmpty)
        #expect(try Child.run(["scrub", "--check"], input: "clean\n").status == 0)
    }

    @Test func `a failure outranks a finding`() throws {
        let directory = Directory()
        let file = directory.write("a", Samples.token + "\n")
        #expect(try Child.run(["scrub", "--check", file, directory.path + "/none"]).status == 3)
    }

    @Test func `the JSON report says where, and never what`() throws {
        let directory = Directory()
        let file = directory.write("odd \"name\"\n.log", "line\nxy \(Samples.token)\n")
        let result = try Child.run(["scrub", "--check", "--report", "json", file])
        #expect(result.status == 1)
        #expect(!result.text.contains(Samples.token))
        let report = try JSONDecoder().decode(JSONReport.self, from: Data(result.output))
        #expect(report.format == "pipemason-report")
        #expect(report.version == 1)
        #expect(report.complete)
        let finding = try #require(report.findings.first)
        #expect(report.findings.count == 1)
        #expect(finding.path == file)
        #expect(finding.rule == "github-pat")
        #expect(finding.category == "token")
        #expect(finding.offset == 8)
        #expect(finding.length == 40)
        #expect(finding.line == 2)
        #expect(finding.column == 4)
        #expect(report.summary.findings == 1)
        #expect(report.summary.bytes == 49)
        #expect(report.summary.byRule == ["github-pat": 1])
        #expect(report.summary.byCategory == ["token": 1])
    }

    @Test func `a clean run has an empty report`() throws {
        let result = try Child.run(["scrub", "--check", "--report", "json"], input: "clean\n")
        let report = try JSONDecoder().decode(JSONReport.self, from: Data(result.output))
        #expect(report.findings.isEmpty)
        #expect(report.summary.inputs == 1)
    }

    @Test func `a report beside the scrubbed output goes to its file`() throws {
        let directory = Directory()
        let path = directory.path + "/report.json"
        let result = try Child.run(
            ["scrub", "--report", "json", "--report-file", path], input: "a \(Samples.token)\nb \(Samples.token)\n")
        #expect(result.text == "a \(Samples.mark)\nb \(Samples.mark)\n")
        let report = try JSONDecoder().decode(
            JSONReport.self, from: Data(try #require(directory.read("report.json")).utf8))
        #expect(report.findings.map(\.path) == [nil, nil])
        #expect(report.findings.map(\.line) == [1, 2])
        #expect(directory.names == ["report.json"])
    }

    @Test func `an incomplete run says so`() throws {
        let result = try Child.run(["scrub", "--check", "--report", "json", "/no/such/file"])
        #expect(result.status == 3)
        #expect(try JSONDecoder().decode(JSONReport.self, from: Data(result.output)).complete == false)
    }

    @Test func `the SARIF report has the shape of 2.1.0`() throws {
        let directory = Directory()
        let file = directory.write("my log", "line\nxy \(Samples.token)\n")
        let result = try Child.run(["scrub", "--check", "--report", "sarif", file])
        #expect(!result.text.contains(Samples.token))
        let log = try JSONDecoder().decode(SARIF.self, from: Data(result.output))
        #expect(log.version == "2.1.0")
        let run = try #require(log.runs.first)
        #expect(run.tool.driver.name == "pipemason")
        #expect(run.tool.driver.rules.map(\.id) == ["github-pat"])
        #expect(run.invocations.first?.executionSuccessful == true)
        let found = try #require(run.results.first)
        #expect(found.ruleId == "github-pat")
        #expect(["error", "warning", "note"].contains(found.level))
        let place = try #require(found.locations.first?.physicalLocation)
        #expect(place.artifactLocation.uri == "file://" + directory.path + "/my%20log")
        #expect(place.region.startLine == 2)
        #expect(place.region.startColumn == 4)
        #expect(place.region.byteOffset == 8)
        #expect(place.region.byteLength == 40)
    }

    @Test func `the summary counts, the explanation masks`() throws {
        let result = try Child.run(["scrub", "--summary", "--explain"], input: "a \(Samples.token)\n")
        #expect(result.text == "a \(Samples.mark)\n")
        #expect(!result.error.contains(Samples.token))
        #expect(result.error.contains("stdin:1:3: github-pat (token, confidence"))
        #expect(result.error.contains("40 bytes at offset 2"))
        #expect(result.error.contains("pipemason: 1 finding in 43 B"))
    }

    @Test func `names of files cannot command the terminal`() throws {
        let directory = Directory()
        let file = directory.write("a\u{1B}[2J", Samples.token + "\n")
        let result = try Child.run(["scrub", "--check", "--explain", file, directory.path + "/\u{1B}x"])
        #expect(!result.error.contains("\u{1B}"))
        #expect(result.error.contains("\\u{1b}"))
    }

    struct JSONReport: Decodable {
        struct Finding: Decodable {
            var path: String?
            var rule: String
            var category: String
            var confidence: String
            var offset: Int
            var length: Int
            var line: Int?
            var column: Int?
        }
        struct Summary: Decodable {
            var findings: Int
            var inputs: Int
            var bytes: Int
            var byRule: [String: Int]
            var byCategory: [String: Int]
        }
        var format: String
        var version: Int
        var findings: [Finding]
        var summary: Summary
        var complete: Bool
    }

    private struct SARIF: Decodable {
        struct Run: Decodable {
            var tool: Tool
            var results: [Found]
            var invocations: [Invocation]
        }
        struct Tool: Decodable { var driver: Driver }
        struct Driver: Decodable {
            var name: String
            var version: String
            var rules: [Rule]
        }
        struct Rule: Decodable { var id: String }
        struct Invocation: Decodable { var executionSuccessful: Bool }
        struct Found: Decodable {
            struct Location: Decodable { var physicalLocation: Place }
            struct Place: Decodable {
                var artifactLocation: Artifact
                var region: Region
            }
            struct Artifact: Decodable { var uri: String }
            struct Region: Decodable {
                var startLine: Int
                var startColumn: Int
                var byteOffset: Int
                var byteLength: Int
            }
            var ruleId: String
            var level: String
            var locations: [Location]
        }
        var version: String
        var runs: [Run]
    }
}
