internal import CommandSupport
internal import RedactionFuzz

/// Ignore files of anybody: patterns, a NUL, and a path.
enum IgnoreTarget {
    /// A pattern and the same pattern taken back say the opposite, and an ignore file says what its last line that says
    /// anything does.
    static func run(_ bytes: Span<UInt8>) {
        let bytes = bytes.withUnsafeBufferPointer { Array($0) }
        let patterns = bytes.prefix { $0 != 0 }
        let path = bytes.dropFirst(patterns.count + 1).split(separator: UInt8(ascii: "/")).map { Array($0) }
        guard !path.isEmpty else { return }
        for isDirectory in [false, true] {
            var last: Bool?
            for line in patterns.split(separator: 0x0a) {
                let verdict = IgnoreFile(Array(line)).verdict(path, isDirectory: isDirectory)
                if let verdict { last = verdict }
                if line.first == UInt8(ascii: "!") || line.first == UInt8(ascii: "#") { continue }
                let opposite = IgnoreFile([UInt8(ascii: "!")] + line).verdict(path, isDirectory: isDirectory)
                if opposite != verdict.map({ !$0 }) { fatalError("taken back: \(show(bytes))") }
            }
            if IgnoreFile(Array(patterns)).verdict(path, isDirectory: isDirectory) != last {
                fatalError("last line: \(show(bytes))")
            }
        }
    }
}
