/// Finds the lines on which the values of a TOML document stand.
///
/// TOMLKit does not keep positions, so this reads the text a second time, and only when there is something to report.
/// It expects a document that the parser has accepted; on any other text it gives wrong lines but does not trap.
struct SourceLines {
    /// Line of each key and array element, by path: `rules.3.regex`, `rules.0.keywords.2`.
    private var lines: [String: Int] = [:]

    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    /// How many tables each array of tables has so far, by path.
    private var counts: [String: Int] = [:]

    init(_ text: String) {
        bytes = Array(text.utf8)
        scan()
    }

    /// Returns the line of the value at `path`, or of the nearest enclosing one; 0 if none is known.
    subscript(path: [String]) -> Int {
        var path = path
        while !path.isEmpty {
            if let line = lines[path.joined(separator: ".")] { return line }
            path.removeLast()
        }
        return 0
    }

    // MARK: - Statements

    private mutating func scan() {
        var prefix: [String] = []
        while skipBlank(acrossLines: true) {
            let start = line
            if current == 0x5B {
                position += 1
                let isArray = current == 0x5B
                if isArray { position += 1 }
                let keys = key()
                prefix = resolved(keys, isArray: isArray)
                note(prefix, start)
                skipLine()
            } else {
                let path = prefix + key()
                note(path, start)
                _ = skipBlank(acrossLines: false)
                guard current == 0x3D else {
                    skipLine()
                    continue
                }
                position += 1
                value(at: path, depth: 0)
                skipLine()
            }
        }
    }

    /// Puts in the index of the last element wherever a component names an array of tables.
    private mutating func resolved(_ keys: [String], isArray: Bool) -> [String] {
        var path: [String] = []
        for (index, key) in keys.enumerated() {
            path.append(key)
            let name = path.joined(separator: ".")
            if isArray, index == keys.count - 1 {
                let count = counts[name, default: 0]
                counts[name] = count + 1
                path.append(String(count))
            } else if let count = counts[name] {
                path.append(String(count - 1))
            }
        }
        return path
    }

    /// The first line of a path is the one to report: where a table is opened, not where a later part of it stands.
    private mutating func note(_ path: [String], _ line: Int) {
        let name = path.joined(separator: ".")
        if lines[name] == nil { lines[name] = line }
    }

    // MARK: - Values

    private mutating func value(at path: [String], depth: Int) {
        // The parser's own limit is 256.
        guard depth < 300, skipBlank(acrossLines: depth > 0) else { return }
        if depth > 0 { note(path, line) }
        switch current {
        case 0x5B:
            position += 1
            var index = 0
            while skipBlank(acrossLines: true), current != 0x5D {
                let before = position
                value(at: path + [String(index)], depth: depth + 1)
                index += 1
                guard skipBlank(acrossLines: true) else { return }
                if current == 0x2C { position += 1 }
                if position == before { position += 1 }
            }
            position += 1
        case 0x7B:
            position += 1
            while skipBlank(acrossLines: true), current != 0x7D {
                let before = position
                let inner = path + key()
                note(inner, line)
                guard skipBlank(acrossLines: true) else { return }
                if current == 0x3D {
                    position += 1
                    value(at: inner, depth: depth + 1)
                }
                guard skipBlank(acrossLines: true) else { return }
                if current == 0x2C { position += 1 }
                if position == before { position += 1 }
            }
            position += 1
        case 0x22, 0x27:
            _ = string()
        default:
            while let byte = current, ![0x2C, 0x5D, 0x7D, 0x0A, 0x23].contains(byte) { position += 1 }
        }
    }

    /// Reads a dotted key.
    private mutating func key() -> [String] {
        var parts: [String] = []
        while true {
            _ = skipBlank(acrossLines: false)
            if current == 0x22 || current == 0x27 {
                parts.append(string())
            } else {
                let start = position
                while let byte = current, isBare(byte) { position += 1 }
                parts.append(String(decoding: bytes[start..<position], as: UTF8.self))
            }
            _ = skipBlank(acrossLines: false)
            guard current == 0x2E else { return parts }
            position += 1
        }
    }

    /// Reads a string of any of the four kinds; escapes are left as they are.
    private mutating func string() -> String {
        guard let quote = current else { return "" }
        let isBasic = quote == 0x22
        let isLong = position + 2 < bytes.count && bytes[position + 1] == quote && bytes[position + 2] == quote
        position += isLong ? 3 : 1
        let start = position
        while let byte = current {
            if byte == 0x5C, isBasic {
                // An escaped newline still counts as one.
                position += 1
                if current == 0x0A { line += 1 }
                position += 1
                continue
            }
            if byte == quote {
                if !isLong {
                    position += 1
                    return String(decoding: bytes[start..<position - 1], as: UTF8.self)
                }
                var run = 0
                while current == quote, run < 5 {
                    run += 1
                    position += 1
                }
                // Up to two quotes may stand before the three that end the string.
                if run >= 3 { return "" }
                continue
            }
            if byte == 0x0A {
                if !isLong { return "" }
                line += 1
            }
            position += 1
        }
        return ""
    }

    // MARK: - Characters

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F, 0x80...: true
        default: false
        }
    }

    /// Skips blanks and comments, and line ends too if asked. Returns false at the end of the text.
    private mutating func skipBlank(acrossLines: Bool) -> Bool {
        while let byte = current {
            switch byte {
            case 0x20, 0x09, 0x0D:
                position += 1
            case 0x0A where acrossLines:
                line += 1
                position += 1
            case 0x23 where acrossLines:
                while let byte = current, byte != 0x0A { position += 1 }
            case 0xEF where position == 0 && bytes.starts(with: [0xEF, 0xBB, 0xBF]):
                position += 3
            default:
                return true
            }
        }
        return false
    }

    private mutating func skipLine() {
        while let byte = current {
            position += 1
            if byte == 0x0A {
                line += 1
                return
            }
        }
    }
}
