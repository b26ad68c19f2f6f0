internal import Glibc
package import RedactionKit

/// Literal values to mask, collected from the environment and from files.
package struct KnownValues {
    package private(set) var values: [KnownValue] = []
    /// What was refused, by name; never a value.
    package private(set) var warnings: [String] = []

    /// Files of values are read whole, up to this size.
    package static let fileLimit = 64 << 20

    package init() {}

    /// Adds the values of the variables whose names match one of the patterns.
    package mutating func addEnvironment(_ patterns: [Glob]) {
        guard !patterns.isEmpty else { return }
        var unseen = Set(patterns.filter(\.isLiteral).map(\.pattern))
        Environment.forEach { name, value in
            guard patterns.contains(where: { $0.matches(name) }) else { return }
            unseen.remove(name)
            // An empty variable holds nothing to hide.
            if !value.isEmpty { add(name, value) }
        }
        for name in unseen.sorted() { warnings.append("--mask-env: \(name) is not set") }
    }

    /// Adds the values of a file: separated by NUL if it holds one, else one a line.
    package mutating func addFile(_ path: Path) throws(Failure) {
        let file = Descriptor.open(path, O_RDONLY)
        guard let bytes = file?.readAll(limit: KnownValues.fileLimit) else {
            throw Failure(.usage, "--mask-file: \(path.text): \(Diagnostics.reason(errno))")
        }
        let byNUL = bytes.contains(0)
        let name = String(decoding: path.split.name, as: UTF8.self)
        for (index, value) in bytes.split(separator: byNUL ? 0 : 10, omittingEmptySubsequences: false).enumerated() {
            let value = byNUL ? Array(value) : KnownValues.withoutCarriageReturn(value)
            if !value.isEmpty { add("\(name)-\(index + 1)", value) }
        }
    }

    /// A line without the carriage return of a file written on Windows.
    package static func withoutCarriageReturn(_ line: ArraySlice<UInt8>) -> [UInt8] {
        Array(line.last == 13 ? line.dropLast() : line)
    }

    private mutating func add(_ name: String, _ value: [UInt8]) {
        do {
            values.append(try KnownValue(name: name, value: value))
        } catch {
            warnings.append(String(describing: error))
        }
    }
}
