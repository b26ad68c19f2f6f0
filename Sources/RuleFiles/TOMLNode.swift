internal import RedactionRules
internal import TOMLKit

/// A TOML value, free of the parser it came from.
enum TOMLNode {
    case string(String)
    case integer(Int)
    case float(Double)
    case boolean(Bool)
    case array([TOMLNode])
    case table([String: TOMLNode])
    /// Dates and times, which rule files have no use for.
    case other

    var typeName: String {
        switch self {
        case .string: "a string"
        case .integer: "an integer"
        case .float: "a number"
        case .boolean: "a boolean"
        case .array: "an array"
        case .table: "a table"
        case .other: "a date or time"
        }
    }

    /// Parses a document.
    ///
    /// - Throws: `RuleFileError` with the parser's message and line.
    static func document(_ text: String, name: String) throws(RuleFileError) -> [String: TOMLNode] {
        // toml++ gets the text as a C string and gives strings back as C strings: a NUL would silently cut a
        // pattern short. TOML forbids raw NUL, and its escapes have no use in a pattern.
        if let line = lineOfNUL(in: text) {
            throw RuleFileError(.syntax, file: name, line: line, "NUL characters are not allowed")
        }
        let root: TOMLTable
        do {
            root = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw RuleFileError(.syntax, file: name, line: error.source.begin.line, printable(error.description))
        } catch {
            throw RuleFileError(.syntax, file: name, "not a TOML document")
        }
        return table(root)
    }

    private static func table(_ table: TOMLTable) -> [String: TOMLNode] {
        var result: [String: TOMLNode] = [:]
        for key in table.keys {
            if let value = table[key] { result[key] = TOMLNode(value) }
        }
        return result
    }

    private init(_ value: any TOMLValueConvertible) {
        switch value.type {
        case .string: self = .string(value.string ?? "")
        case .int: self = .integer(value.int ?? 0)
        case .double: self = .float(value.double ?? 0)
        case .bool: self = .boolean(value.bool ?? false)
        case .table: self = .table(value.table.map(Self.table) ?? [:])
        case .array: self = .array(value.array.map { $0.map { TOMLNode($0) } } ?? [])
        case .date, .time, .dateTime: self = .other
        }
    }

    private static func lineOfNUL(in text: String) -> Int? {
        var text = text
        return text.withUTF8 { bytes in
            var line = 1
            var digits = 0  // zeros seen since `\u` or `\U`
            var wanted = 0  // 4 after `\u`, 8 after `\U`, else 0
            var previous: UInt8 = 0
            for byte in bytes {
                if byte == 0 { return line }
                if byte == 0x0A { line += 1 }
                if previous == 0x5C, byte == 0x75 || byte == 0x55 {
                    wanted = byte == 0x75 ? 4 : 8
                    digits = 0
                } else if wanted > 0 {
                    digits = byte == 0x30 ? digits + 1 : 0
                    if digits == 0 { wanted = 0 }
                    if digits > 0, digits == wanted { return line }
                }
                previous = byte
            }
            return nil
        }
    }
}
