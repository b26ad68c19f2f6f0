internal import CommandSupport
internal import RunModel
internal import TOMLText

extension Pipeline {
    /// Reads a pipeline file.
    ///
    /// - Throws: all mistakes at once, with their lines.
    package init(parsing text: String) throws(PipelineError) {
        guard text.utf8.count <= Limits.file else {
            throw PipelineError([Problem(line: 0, reason: "is larger than \(Limits.file) bytes")])
        }
        let document: TOMLNode
        do {
            document = try TOMLParser.parse(text)
        } catch {
            throw PipelineError([Problem(line: error.line, reason: "\(error.reason) (column \(error.column))")])
        }
        var report = Report()
        var reader = TableReader(document)
        let pipeline = Pipeline(&reader, &report)
        guard let pipeline, report.problems.isEmpty else {
            throw PipelineError(report.problems.sorted { $0.line < $1.line })
        }
        self = pipeline
    }

    private init?(_ table: inout TableReader, _ report: inout Report) {
        if let version = table.integer("version", 1...1, &report), version != 1 { return nil }
        let name = table.text("name", limit: 200, &report) ?? "pipeline"
        var iterate = table.table("iterate", &report)
        var phases: [Phase] = []
        for var entry in table.tables("phase", limit: Limits.phases, &report) {
            guard let phase = Phase(&entry, &report) else { continue }
            if phases.contains(where: { $0.name == phase.name }) {
                report.add(entry.line("name"), "the name \"\(phase.name)\" is used before")
            }
            phases.append(phase)
        }
        table.finish("the file", &report)
        guard !phases.isEmpty else {
            if report.problems.isEmpty { report.add(0, "there is no [[phase]]") }
            return nil
        }
        self.init(name: name, phases: phases, loop: nil)
        if iterate != nil { loop = Loop(&iterate!, phases, &report) }
    }
}

extension Pipeline.Loop {
    fileprivate init?(_ table: inout TableReader, _ phases: [Pipeline.Phase], _ report: inout Report) {
        let limit = table.integer("limit", 1...Pipeline.Limits.iterations, &report) ?? 5
        let names = table.texts("phases", &report) ?? []
        let line = table.line("phases")
        table.finish("[iterate]", &report)
        guard !names.isEmpty else {
            report.add(line, "[iterate] names its phases: phases = [\"agent\", \"test\"]")
            return nil
        }
        var places: [Int] = []
        for name in names {
            guard let place = phases.firstIndex(where: { $0.name == name }) else {
                report.add(line, "there is no phase \"\(name)\"")
                return nil
            }
            places.append(place)
        }
        let range = places[0]..<places[0] + places.count
        guard places == Array(range) else {
            report.add(line, "the phases of [iterate] must follow each other in the file, in this order")
            return nil
        }
        self.init(phases: range, limit: limit)
    }
}

extension Pipeline.Phase {
    fileprivate init?(_ table: inout TableReader, _ report: inout Report) {
        let name = table.text("name", limit: Pipeline.Limits.name, &report)
        if let name, !name.utf8.allSatisfy({ $0 &- 0x30 < 10 || ($0 | 0x20) &- 0x61 < 26 || $0 == 0x2D || $0 == 0x5F })
        {
            report.add(table.line("name"), "a name has letters, digits, hyphens and underscores only")
        }
        if name == nil, !table.has("name") { report.add(table.line, "the phase has no name") }
        var kind = name.flatMap { PhaseKind(rawValue: $0) } ?? .custom
        if let text = table.text("kind", &report) {
            if let known = PhaseKind(rawValue: text) {
                kind = known
            } else {
                let kinds = PhaseKind.allCases.map(\.rawValue).joined(separator: ", ")
                report.add(table.line("kind"), "\"\(text)\" is no kind of phase; there are \(kinds)")
            }
        }
        var commands = table.command("command", &report).map { [$0] } ?? []
        if table.has("commands") {
            if !commands.isEmpty { report.add(table.line("commands"), "command and commands exclude each other") }
            commands += table.commands("commands", &report)
        } else if !table.has("command") {
            report.add(table.line, "the phase has no command")
        }
        let environment = table.texts("environment", &report)
        for pattern in environment ?? [] where !Self.isNamePattern(pattern) {
            report.add(table.line("environment"), "\"\(pattern)\" is no name of a variable, nor a pattern of one")
        }
        var variables: [Pipeline.Variable] = []
        if var set = table.table("set", &report) {
            for name in set.names {
                guard Self.isNamePattern(name), !name.contains("*"), !name.contains("?") else {
                    report.add(set.line(name), "\"\(name)\" is no name of a variable")
                    _ = set.text(name, &report)
                    continue
                }
                if let value = set.text(name, &report) { variables.append(Pipeline.Variable(name: name, value: value)) }
            }
        }
        var timeout: Double?
        if let text = table.text("timeout", &report) {
            timeout = Pipeline.seconds(text)
            if timeout == nil {
                report.add(table.line("timeout"), "\"\(text)\" is no duration; write \"90s\", \"10m\" or \"1.5h\"")
            }
        }
        let retries = table.integer("retries", 0...Pipeline.Limits.retries, &report) ?? 0
        let artifacts = table.texts("artifacts", &report) ?? []
        for path in artifacts where path.hasPrefix("/") || path.split(separator: "/").contains("..") {
            report.add(table.line("artifacts"), "\"\(path)\" leads out of the working directory")
        }
        table.finish("a phase", &report)
        guard let name else { return nil }
        self.init(
            name: name, kind: kind, commands: commands, environment: environment.map { $0.map { Glob(pattern: $0) } },
            variables: variables, timeout: timeout, retries: retries, artifacts: artifacts.map { Glob(pattern: $0) },
            line: table.line)
    }

    private static func isNamePattern(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 &- 0x30 < 10 || ($0 | 0x20) &- 0x61 < 26 || "_*?".utf8.contains($0) }
    }
}

extension Pipeline {
    /// Reads `90s`, `500ms`, `10m`, `1.5h` as seconds; nil: it is no duration, or none that a command may have.
    package static func seconds(_ text: String) -> Double? {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)]
        guard let unit = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let number = text.dropLast(unit.0.count)
        guard number.utf8.allSatisfy({ $0 &- 0x30 < 10 || $0 == UInt8(ascii: ".") }), let value = Double(number),
            value > 0,
            value * unit.1 <= 1e6
        else { return nil }
        return value * unit.1
    }
}

/// Mistakes, up to a limit.
private struct Report {
    private(set) var problems: [Pipeline.Problem] = []

    mutating func add(_ line: Int, _ reason: String) {
        guard problems.count < Pipeline.Limits.problems else { return }
        problems.append(Pipeline.Problem(line: line, reason: reason))
    }
}

/// A table whose entries are asked for once; what nobody asked for is a mistake.
private struct TableReader {
    let line: Int
    private var entries: [String: TOMLNode]

    init(_ node: TOMLNode) {
        line = node.line
        if case .table(let entries) = node.value { self.entries = entries } else { entries = [:] }
        lines = entries.mapValues(\.line)
    }

    private let lines: [String: Int]

    /// Sorted, so that messages do not change from run to run.
    var names: [String] { entries.keys.sorted() }

    func has(_ name: String) -> Bool { lines[name] != nil }

    /// The line of an entry, or of the table.
    func line(_ name: String) -> Int { lines[name] ?? line }

    mutating func text(_ name: String, limit: Int = 64 << 10, _ report: inout Report) -> String? {
        guard let node = entries.removeValue(forKey: name) else { return nil }
        return Self.text(node, name, limit: limit, &report)
    }

    private static func text(_ node: TOMLNode, _ name: String, limit: Int = 64 << 10, _ report: inout Report)
        -> String?
    {
        guard case .string(let text) = node.value else {
            report.add(node.line, "\(name) is \(node.typeName), not a string")
            return nil
        }
        guard !text.utf8.contains(0), text.utf8.count <= limit else {
            report.add(node.line, "\(name) has a NUL, or more than \(limit) bytes")
            return nil
        }
        return text
    }

    mutating func integer(_ name: String, _ range: ClosedRange<Int>, _ report: inout Report) -> Int? {
        guard let node = entries.removeValue(forKey: name) else { return nil }
        guard case .integer(let value) = node.value, range.contains(value) else {
            report.add(
                node.line,
                range.count == 1
                    ? "\(name) must be \(range.lowerBound)"
                    : "\(name) is a number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return value
    }

    mutating func texts(_ name: String, _ report: inout Report) -> [String]? {
        guard let node = entries.removeValue(forKey: name) else { return nil }
        guard let elements = Self.elements(node, name, &report) else { return nil }
        return elements.compactMap { Self.text($0, name, &report) }
    }

    mutating func table(_ name: String, _ report: inout Report) -> TableReader? {
        guard let node = entries.removeValue(forKey: name) else { return nil }
        guard case .table = node.value else {
            report.add(node.line, "\(name) is \(node.typeName), not a table")
            return nil
        }
        return TableReader(node)
    }

    mutating func tables(_ name: String, limit: Int, _ report: inout Report) -> [TableReader] {
        guard let node = entries.removeValue(forKey: name) else { return [] }
        guard case .array(let elements) = node.value else {
            report.add(node.line, "\(name) is \(node.typeName); phases are written [[\(name)]]")
            return []
        }
        if elements.count > limit { report.add(node.line, "there are more than \(limit) phases") }
        return elements.prefix(limit).compactMap { element in
            guard case .table = element.value else {
                report.add(element.line, "a phase is \(element.typeName), not a table")
                return nil
            }
            return TableReader(element)
        }
    }

    mutating func command(_ name: String, _ report: inout Report) -> Pipeline.Command? {
        entries.removeValue(forKey: name).flatMap { Self.command($0, name, &report) }
    }

    mutating func commands(_ name: String, _ report: inout Report) -> [Pipeline.Command] {
        guard let node = entries.removeValue(forKey: name) else { return [] }
        guard let elements = Self.elements(node, name, &report) else { return [] }
        if elements.isEmpty { report.add(node.line, "\(name) is empty") }
        return elements.prefix(Pipeline.Limits.commands).compactMap { Self.command($0, name, &report) }
    }

    private static func command(_ node: TOMLNode, _ name: String, _ report: inout Report) -> Pipeline.Command? {
        switch node.value {
        case .string:
            guard let line = text(node, name, &report) else { return nil }
            guard line.utf8.contains(where: { $0 > 0x20 }) else {
                report.add(node.line, "\(name) is blank")
                return nil
            }
            return .shell(line)
        case .array:
            guard let elements = elements(node, name, &report) else { return nil }
            let words = elements.compactMap { text($0, "a word of \(name)", &report) }
            guard let program = words.first, !program.isEmpty else {
                report.add(node.line, "\(name) names no program")
                return nil
            }
            return .words(words)
        default:
            report.add(node.line, "\(name) is \(node.typeName); write a line for the shell, or an array of words")
            return nil
        }
    }

    private static func elements(_ node: TOMLNode, _ name: String, _ report: inout Report) -> [TOMLNode]? {
        guard case .array(let elements) = node.value else {
            report.add(node.line, "\(name) is \(node.typeName), not an array")
            return nil
        }
        guard elements.count <= Pipeline.Limits.entries else {
            report.add(node.line, "\(name) has more than \(Pipeline.Limits.entries) entries")
            return nil
        }
        return elements
    }

    func finish(_ place: String, _ report: inout Report) {
        for name in names { report.add(line(name), "\"\(name)\" is no key of \(place)") }
    }
}

/// Fuzz entry point: reads any text as a pipeline file, and runs what was accepted with outcomes taken from the text.
package func fuzzPipeline(_ bytes: [UInt8]) {
    do throws(PipelineError) {
        let pipeline = try Pipeline(parsing: String(decoding: bytes, as: UTF8.self))
        precondition(
            !pipeline.phases.isEmpty && pipeline.phases.allSatisfy { !$0.commands.isEmpty && !$0.name.isEmpty })
        var progress = PipelineProgress(pipeline)
        var outcomes = bytes[...]
        // Bounded: every phase ends, and there are so many of them at most.
        for _ in 0..<1_000_000 {
            switch progress.next() {
            case .run:
                let byte = outcomes.popFirst() ?? 0
                let status: RunStatus = [
                    .succeeded, .failed, .timedOut, .succeeded, .error, .succeeded, .failed, .cancelled,
                ][Int(byte & 7)]
                progress.commandEnded(status, exit: status == .succeeded ? 0 : 1, reason: nil)
            case .finish: return
            default: break
            }
        }
        preconditionFailure("a pipeline does not end")
    } catch {
        precondition(!error.problems.isEmpty && error.problems.allSatisfy { !$0.reason.isEmpty })
    }
}
