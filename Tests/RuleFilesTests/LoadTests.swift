import Glibc
import Testing

@testable import RedactionRules
@testable import RuleFiles

@Suite("Reading rule files")
final class LoadTests {
    let folder: String

    init() throws {
        var template = Array("/tmp/pipemason-rules-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Repository.MissingRules() }
        folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        for name in ["a.toml", "b.toml", "pipe"] { unlink("\(folder)/\(name)") }
        rmdir(folder)
    }

    func write(_ bytes: some Sequence<UInt8>, to name: String) -> String {
        let path = "\(folder)/\(name)"
        let bytes = Array(bytes)
        if let file = fopen(path, "w") {
            fwrite(bytes, 1, bytes.count, file)
            fclose(file)
        }
        return path
    }

    func problem(_ body: () throws -> RuleFile) -> RuleFileProblem? {
        do {
            _ = try body()
            return nil
        } catch {
            return (error as? RuleFileError)?.problems.first
        }
    }

    @Test func `a file and what it extends are read`() throws {
        _ = write("[[rules]]\nid = 'b'\nregex = 'bbb'\nkeywords = ['bbb']\n".utf8, to: "b.toml")
        let path = write("[extend]\npath = 'b.toml'\n".utf8, to: "a.toml")
        #expect(try RuleFile.load(path).ruleSet.rules.map(\.id) == ["b"])
    }

    @Test func `an empty file is an empty set`() throws {
        let file = try RuleFile.load(write([], to: "a.toml"))
        #expect(file.ruleSet == RuleSet())
        #expect(file.warnings.isEmpty)
    }

    @Test func `files that cannot be read are errors`() {
        #expect(
            problem { try RuleFile.load("\(folder)/none") }?.description
                == "\(folder)/none: cannot open: No such file or directory")
        #expect(problem { try RuleFile.load(folder) }?.description == "\(folder): cannot read: Is a directory")
    }

    @Test func `a file above the limit is not read to its end`() {
        var limits = RuleFile.Limits()
        limits.bytes = 100_000
        let fits = write(repeatElement(0x0A, count: 100_000), to: "a.toml")
        #expect(problem { try RuleFile.load(fits, limits: limits) } == nil)
        let tooLarge = write(repeatElement(0x0A, count: 100_001), to: "b.toml")
        #expect(problem { try RuleFile.load(tooLarge, limits: limits) }?.code == .limit)
        #expect(problem { try RuleFile.load("/dev/zero", limits: limits) }?.code == .limit)
    }

    @Test func `invalid UTF-8 is an error with its line`() {
        let path = write(Array("a = 1\nb = '".utf8) + [0xFF] + Array("'\n".utf8), to: "a.toml")
        #expect(problem { try RuleFile.load(path) }?.description == "\(path):2: is not valid UTF-8")
    }

    @Test func `a raw NUL is an error with its line`() {
        let path = write(Array("a = 1\n# ".utf8) + [0, 0x0A], to: "a.toml")
        #expect(problem { try RuleFile.load(path) }?.line == 2)
    }
}
