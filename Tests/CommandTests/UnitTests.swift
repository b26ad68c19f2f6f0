internal import CommandSupport
internal import JSONText
internal import ScrubReports
internal import Testing

@testable import pipemason

/// Small parts that are easier to test from inside.
@Suite struct UnitTests {
    @Test(arguments: [
        ("AWS_*", "AWS_KEY", true), ("AWS_*", "AWS_", true), ("AWS_*", "XAWS_KEY", false), ("*_TOKEN", "A_TOKEN", true),
        ("*_TOKEN", "A_TOKEN_B", false), ("*", "", true), ("?", "", false), ("A?C", "ABC", true), ("A?C", "AC", false),
        ("*A*B*", "xxAyyBzz", true), ("*A*B*", "xxByyAzz", false), ("", "", true), ("", "A", false), ("a", "A", false),
    ])
    func globs(pattern: String, name: String, matches: Bool) {
        #expect(Glob(pattern: pattern).matches(name) == matches)
    }

    @Test func `a glob of stars is not slow`() {
        let glob = Glob(pattern: String(repeating: "*a", count: 50) + "*b")
        #expect(!glob.matches(String(repeating: "a", count: 5000)))
    }

    @Test func `lists of globs`() {
        #expect(Glob.list(" A_*, ,B ").map(\.pattern) == ["A_*", "B"])
    }

    /// RFC 4648, section 10, without padding.
    @Test(arguments: [
        ("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foob", "MZXW6YQ"), ("fooba", "MZXW6YTB"),
        ("foobar", "MZXW6YTBOI"),
    ])
    func base32(text: String, encoded: String) {
        #expect(TagKey.base32(text.utf8) == encoded)
    }

    @Test func `JSON strings are escaped`() {
        #expect(JSON.string("a\"\\\n\u{1}\u{2028}é") == "\"a\\\"\\\\\\n\\u0001\\u2028é\"")
    }

    @Test func `URIs are percent-encoded`() {
        #expect(SARIFReport.uri(Path("a b/ü#.log")) == "a%20b/%C3%BC%23.log")
        #expect(SARIFReport.uri(Path("/tmp/x")) == "file:///tmp/x")
    }

    @Test(arguments: [("a", ".", "a"), ("a/b", "a", "b"), ("/a", "/", "a"), ("/a/b", "/a", "b")])
    func `paths are split`(path: String, directory: String, name: String) {
        let parts = Path(path).split
        #expect(parts.directory == Path(directory))
        #expect(parts.name == Array(name.utf8))
    }

    @Test(arguments: [(0.0, 0, "0"), (1.5, 1, "1.5"), (0.0456, 3, "0.046"), (12.0, 2, "12.00"), (0.999, 2, "1.00")])
    func `decimals`(value: Double, decimals: Int, text: String) {
        #expect(Summary.fixed(value, decimals) == text)
    }

    @Test(arguments: [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (123_456, "123 kB"), (5_000_000_000, "5.00 GB")])
    func `sizes`(bytes: UInt64, text: String) {
        #expect(Summary.size(bytes) == text)
    }
}
