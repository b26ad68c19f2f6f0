/// A `.env` file: `NAME=value` a line, as shells and the many libraries for such files read it.
///
/// These disagree on quotes and escapes, and the reader here serves masking: where a value can be read in two ways, both
/// are given. Lines that are no assignment are passed over.
///
///     export NAME=value       # comment
///     NAME="several
///     lines, \n and \" and $OTHER"
///     NAME='as it stands'
package struct DotEnvFile: Sendable, Equatable {
    package struct Variable: Sendable, Equatable {
        package let name: String
        package let value: [UInt8]
    }
    /// In the order of the file; a name may occur several times.
    package private(set) var variables: [Variable] = []

    /// Bytes of a file; the rest of a longer one is an error of whoever reads it.
    package static let maximumSize = 1 << 20
    /// Variables that are kept.
    package static let maximumCount = 10_000

    /// Reads a file. Never fails. Complexity: linear.
    package init(_ bytes: [UInt8]) {
        var index = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        while index < bytes.count, variables.count < Self.maximumCount {
            let end = bytes[index...].firstIndex(of: 0x0A) ?? bytes.count
            index = assignment(bytes, index, lineEnd: end)
        }
    }

    /// Reads the line that begins at `start` and returns where the next one begins.
    private mutating func assignment(_ bytes: [UInt8], _ start: Int, lineEnd: Int) -> Int {
        var line = Self.trimmed(bytes[start..<lineEnd])
        if line.starts(with: "export".utf8), line.dropFirst(6).first.map(Self.isBlank) == true {
            line = Self.trimmed(line.dropFirst(6))
        }
        guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { return lineEnd + 1 }
        let name = Self.trimmed(line[..<equals])
        guard !name.isEmpty, name.allSatisfy(Self.isNameByte) else { return lineEnd + 1 }
        let text = String(decoding: name, as: UTF8.self)
        let value = Self.trimmed(line[(equals + 1)...])
        if let quote = value.first, "\"'`".utf8.contains(quote),
            let close = Self.closing(quote, bytes, from: value.startIndex + 1)
        {
            let inner = bytes[(value.startIndex + 1)..<close]
            add(text, Array(inner))
            if quote == UInt8(ascii: "\"") { add(text, Self.unescaped(inner)) }
            let after = bytes[close...].firstIndex(of: 0x0A) ?? bytes.count
            return after + 1
        }
        add(text, Array(value))
        // A comment begins with # after a blank; some readers take any #.
        if let comment = value.indices.first(where: { value[$0] == UInt8(ascii: "#") }) {
            add(text, Array(Self.trimmed(value[..<comment])))
        }
        return lineEnd + 1
    }

    private mutating func add(_ name: String, _ value: [UInt8]) {
        guard !value.isEmpty, variables.last != Variable(name: name, value: value) else { return }
        variables.append(Variable(name: name, value: value))
    }

    /// The next quotation mark that no backslash stands before.
    private static func closing(_ quote: UInt8, _ bytes: [UInt8], from start: Int) -> Int? {
        var index = start
        while index < bytes.count {
            if bytes[index] == quote { return index }
            index += bytes[index] == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") ? 2 : 1
        }
        return nil
    }

    private static func unescaped(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let next = rest.popFirst() else {
                result.append(byte)
                continue
            }
            switch next {
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "$"), UInt8(ascii: "`"): result.append(next)
            default: result += [byte, next]
            }
        }
        return result
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = bytes
        while let first = rest.first, isBlank(first) { rest.removeFirst() }
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return rest
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || "_.-".utf8.contains(byte)
    }
}

/// Fuzz entry point: reads any bytes as a `.env` file.
package func fuzzDotEnvFile(_ bytes: [UInt8]) {
    let file = DotEnvFile(bytes)
    precondition(file.variables.count <= DotEnvFile.maximumCount + 1)
    for variable in file.variables {
        precondition(!variable.name.isEmpty && !variable.value.isEmpty)
        precondition(variable.value.count <= bytes.count, "a value comes from the file")
    }
}
