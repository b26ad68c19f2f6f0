import Glibc
import RedactionKit
import RedactionRules

/// Redacts a file in memory with the library: what the engine costs without pipes, start-up, or the file system.
///
///     InMemory [--runs N] [--extra-rules N] FILE      prints the seconds of each run, the findings, the bytes out
///     InMemory --print FILE                           prints the scrubbed bytes
///
/// Input goes in as the filter gives it, in pieces of 256 KiB; output is counted. `--extra-rules` adds token rules with
/// literals of their own.
let chunk = 256 * 1024

struct Counter: RedactionSink {
    var bytes = 0
    mutating func write(_ part: UnsafeRawBufferPointer) { bytes += part.count }
}

struct Printer: RedactionSink {
    mutating func write(_ part: UnsafeRawBufferPointer) { writeAll(part, to: STDOUT_FILENO) }
}

func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) {
    var rest = bytes
    while !rest.isEmpty {
        let count = write(descriptor, rest.baseAddress, rest.count)
        guard count > 0 else { exit(2) }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
}

func fail(_ message: String) -> Never {
    Array("InMemory: \(message)\n".utf8).withUnsafeBytes { writeAll($0, to: STDERR_FILENO) }
    exit(2)
}

func contents(_ path: String) -> UnsafeRawBufferPointer {
    guard let file = fopen(path, "rb") else { fail("cannot open \(path)") }
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: ftell(file), alignment: 64)
    rewind(file)
    guard fread(bytes.baseAddress, 1, bytes.count, file) == bytes.count else { fail("cannot read \(path)") }
    return UnsafeRawBufferPointer(bytes)
}

func redact(_ input: UnsafeRawBufferPointer, with redactor: Redactor, to sink: inout some RedactionSink) -> Int {
    var stream = redactor.makeStream()
    var at = 0
    while at < input.count {
        let end = min(input.count, at + chunk)
        stream.write(UnsafeRawBufferPointer(rebasing: input[at..<end]), to: &sink)
        at = end
    }
    stream.finish(to: &sink)
    return stream.findingCount
}

/// Token rules whose literals are spread over all letters, as those of real providers are.
func extraRules(_ count: Int) -> [Rule] {
    (0..<count).map { number in
        let letters = Array("abcdefghijklmnopqrstuvwxyz".utf8)
        var rest = number &* 2_654_435_761 % 11_881_376
        var literal: [UInt8] = []
        for _ in 0..<5 {
            literal.append(letters[rest % 26])
            rest /= 26
        }
        let anchor = String(decoding: literal, as: UTF8.self) + "\(number)_"
        return Rule(id: "extra-\(number)", regex: anchor + "[A-Za-z0-9]{32,1200}", anchors: [anchor])
    }
}

var runs = 0
var extra = 0
var prints = false
var path: String?
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--runs": runs = arguments.popFirst().flatMap { Int($0) } ?? 0
    case "--extra-rules": extra = arguments.popFirst().flatMap { Int($0) } ?? 0
    case "--print": prints = true
    default: path = argument
    }
}
guard let path else { fail("name a file") }

var options = RedactorOptions()
options.ruleSet.rules += extraRules(extra)
let redactor = try Redactor(options)
if extra > 0 {
    // Both ends of the list are really there.
    for rule in [options.ruleSet.rules[options.ruleSet.rules.count - extra], options.ruleSet.rules.last!] {
        let text = "x " + rule.anchors[0] + String(repeating: "a1B2", count: 8) + " y"
        guard redactor.redact(text) == "x [REDACTED:\(rule.id)] y" else { fail("rule \(rule.id) does nothing") }
    }
}

let input = contents(path)
if prints {
    var printer = Printer()
    _ = redact(input, with: redactor, to: &printer)
    exit(0)
}
var seconds: [Double] = []
var answers: Set<[Int]> = []
for _ in 0..<max(runs, 1) {
    let clock = ContinuousClock()
    var counter = Counter()
    var findings = 0
    let time = clock.measure { findings = redact(input, with: redactor, to: &counter) }
    seconds.append(Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18)
    answers.insert([findings, counter.bytes])
}
guard answers.count == 1, let answer = answers.first else { fail("two runs, two answers") }
print("{\"seconds\": \(seconds), \"findings\": \(answer[0]), \"length\": \(answer[1])}")
