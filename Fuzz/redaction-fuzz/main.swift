import Glibc
import RedactionFuzz
import RedactionKit

// redaction-fuzz FROM TO [PROPERTY|SETTING]...   checks the texts of these seeds and prints what is broken
// redaction-fuzz trace SETTING < TEXT            shows what comes out after each byte
var arguments = CommandLine.arguments.dropFirst().map { String($0) }
let settings = arguments.compactMap(RedactionFuzz.Setting.init(rawValue:))

if arguments.first == "trace" {
    trace(RedactionFuzz.redactor(settings.first ?? .standard))
} else if arguments.count >= 2, let from = UInt64(arguments[0]), let to = UInt64(arguments[1]) {
    check(from..<to, arguments.compactMap(RedactionFuzz.Property.init(rawValue:)))
} else {
    print("usage: redaction-fuzz FROM TO [PROPERTY|SETTING]... | redaction-fuzz trace SETTING < TEXT")
    exit(2)
}

func check(_ seeds: Range<UInt64>, _ properties: [RedactionFuzz.Property]) {
    let all = RedactionFuzz.Property.allCases
    var counts: [RedactionFuzz.Property: Int] = [:]
    for seed in seeds {
        for failure in RedactionFuzz.check(
            seed: seed, setting: settings.first, properties: properties.isEmpty ? all : properties)
        {
            print(failure)
            fflush(nil)
            counts[failure.property, default: 0] += 1
        }
    }
    print("\(seeds.count) texts:", all.map { "\($0.rawValue) \(counts[$0] ?? 0)" }.joined(separator: ", "))
}

func trace(_ redactor: Redactor) {
    var text: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 65536)
    while case let count = read(0, &room, room.count), count > 0 { text += room[..<count] }
    var stream = redactor.makeStream()
    var sink = MemorySink()
    for index in text.indices {
        let before = sink.bytes.count
        text[index...index].withUnsafeBytes { stream.write($0, to: &sink) }
        print(show([text[index]]), "→", show(Array(sink.bytes.dropFirst(before))))
    }
    let before = sink.bytes.count
    stream.finish(to: &sink)
    print("end →", show(Array(sink.bytes.dropFirst(before))))
    let whole = redactor.redact(text)
    print("byte by byte", show(sink.bytes, limit: 4000))
    print("whole       ", show(whole, limit: 4000))
    print("reference   ", show(ReferenceScanner(redactor).redact(text), limit: 4000))
    print("again       ", show(redactor.redact(whole), limit: 4000))
    for finding in redactor.findings(in: text) {
        let end = Int(finding.offset + finding.length)
        print(finding.ruleID, finding.offset, show(Array(text[Int(finding.offset)..<end])), finding.explanation ?? "")
    }
}
