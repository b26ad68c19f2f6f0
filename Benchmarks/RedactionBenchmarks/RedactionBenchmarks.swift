import Benchmark
import Foundation
import RedactionKit
import RedactionRules

/// Cases of the library, small and large. Each checks its answer once, before it is measured: a fast wrong answer is no result.
///
/// Times are for looking at while one works on the engine; `compare` measures whole programs, and `instructions` guards.
let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .throughput], warmupIterations: 3, maxDuration: .seconds(2), maxIterations: 100_000)

    // MARK: Small

    Benchmark("compile-rules") { benchmark in
        for _ in benchmark.scaledIterations { blackHole(try Redactor()) }
    }

    Benchmark("empty-stream") { benchmark in
        let redactor = try Redactor()
        demand(redactor.redact([]) == [], "an empty stream")
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations { blackHole(redactor.redact([])) }
    }

    for (name, line, redacted) in lines {
        Benchmark("line-\(name)") { benchmark in
            let redactor = try Redactor()
            let bytes = Array(line.utf8)
            demand(redactor.redact(bytes) == Array(redacted.utf8), name)
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations { blackHole(redactor.redact(bytes)) }
        }
    }

    // MARK: Large

    for log in logs {
        Benchmark("log-\(log.name)") { benchmark in
            let redactor = try Redactor()
            demand(redactor.redact(log.input) == log.expected, log.name)
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations { blackHole(redactor.redact(log.input)) }
        }
    }

    Benchmark("log-with-1000-known-values") { benchmark in
        var options = RedactorOptions()
        options.knownValues = try (0..<1000).map {
            try KnownValue(name: "V\($0)", value: Array("value-\($0 * 7919)-of-many".utf8))
        }
        let redactor = try Redactor(options)
        let log = logs[0]
        demand(redactor.redact(Array("x value-7919-of-many y".utf8)) == Array("x [REDACTED:known:V1] y".utf8), "values")
        demand(redactor.redact(log.input) == log.expected, "with values")
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations { blackHole(redactor.redact(log.input)) }
    }
}

/// A name, a line, and what it becomes. The secrets are made up, and written in two parts.
private let lines = [
    (
        "plain", "2026-03-04T10:40:12 worker[7]: processed request 49 in 7 ms\n",
        "2026-03-04T10:40:12 worker[7]: processed request 49 in 7 ms\n"
    ),
    (
        "token", "using gh" + "p_x7Kd92LmQp4RtVw8ZbNc3FgHj6YsAe" + "1UiOo5 now\n",
        "using [REDACTED:github-pat] now\n"
    ),
    ("address", "mail to quinn.osei" + "@example.net sent\n", "mail to [REDACTED:email] sent\n"),
]

private struct Log {
    let name: String
    let input: [UInt8]
    let expected: [UInt8]
}

/// The logs of the repository, joined, with what is expected of them.
private let logs: [Log] = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Corpus/logs")
    let names = ["nginx", "docker-json", "github-actions", "agent-jsonl", "kubernetes", "spring"]
    return names.map { name in
        guard var input = try? Data(contentsOf: folder.appendingPathComponent("\(name).log")),
            let expected = try? Data(contentsOf: folder.appendingPathComponent("\(name).expected"))
        else { fatalError("no log \(name)") }
        let marker = Data("<cut>".utf8)
        while let range = input.range(of: marker) { input.removeSubrange(range) }
        return Log(name: name, input: Array(input), expected: Array(expected))
    }
}()

private func demand(_ isRight: Bool, _ what: String) {
    if !isRight { fatalError("wrong answer: \(what)") }
}
