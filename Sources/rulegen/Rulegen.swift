internal import Glibc
internal import RedactionRules
internal import RuleFiles

/// Makes the blob of built-in rules (docs/formats/rule-blob.md).
///
///     rulegen Rules/*.toml -o Sources/CBuiltinRules/builtin.rules
///
/// Exit status: 0 done; 1 a rule file is wrong, or the output cannot be written; 2 wrong usage.
@main
enum Rulegen {
    static func main() {
        var inputs: [String] = []
        var output: String?
        var arguments = CommandLine.arguments.dropFirst()
        while let argument = arguments.popFirst() {
            if argument == "-o" {
                output = arguments.popFirst()
            } else {
                inputs.append(argument)
            }
        }
        guard let output, !inputs.isEmpty else {
            fail("usage: rulegen FILE.toml... -o OUTPUT", status: 2)
        }
        do throws(RuleFileError) {
            let set = try RuleFile.builtinSet(from: inputs)
            let blob = set.blob()
            write(blob, to: output)
            print("\(set.rules.count) rules, \(set.providers.count) providers, \(blob.count) bytes")
        } catch {
            fail("the rule files are wrong\n\(error)")
        }
    }

    /// Writes all of `bytes` to a new file beside `path`, then puts it in its place.
    private static func write(_ bytes: [UInt8], to path: String) {
        let temporary = path + ".new"
        guard let file = fopen(temporary, "w") else { fail("cannot write \(temporary)") }
        let count = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, count == bytes.count, rename(temporary, path) == 0 else {
            unlink(temporary)
            fail("cannot write \(path)")
        }
    }

    private static func fail(_ message: String, status: Int32 = 1) -> Never {
        let text = "rulegen: \(message)\n"
        _ = Glibc.write(STDERR_FILENO, text, text.utf8.count)
        exit(status)
    }
}
