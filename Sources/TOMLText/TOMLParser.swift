/// Reads TOML 1.0 (https://toml.io/en/v1.0.0) and keeps the line of every value.
///
/// Ours, because a file comes from outside and its reader must not trap, and because errors name lines: toml++,
/// which TOMLKit wraps, aborts on some invalid documents and keeps no positions, and TOMLKit brings Foundation into an
/// executable that has to start in milliseconds.
///
/// Complexity: linear in the size of the text. Values nest at most `maximumDepth` deep.
package struct TOMLParser {
    /// Values within values, and parts of a dotted key. Our files need four.
    package static let maximumDepth = 64

    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private let root = Table(line: 1, origin: .header)

    /// Parses a document; the result is a table.
    ///
    /// - Throws: `TOMLError` with the first mistake and its line.
    package static func parse(_ text: String) throws(TOMLError) -> TOMLNode {
        var parser = TOMLParser(bytes: Array(text.utf8))
        try parser.document()
        return parser.root.node
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    // MARK: - Tables under construction

    /// A table that may still grow.
    private final class Table {
        /// What made the table decides what may still be added to it.
        enum Origin {
            /// Part of a longer header: `a` in `[a.b]`. May still get a header of its own.
            case implicit
            /// Has had its header.
            case header
            /// Part of a dotted key: grows by dotted keys only.
            case dotted
            /// `{…}`: complete.
            case inline
        }

        let line: Int
        var origin: Origin
        var entries: [String: Entry] = [:]

        init(line: Int, origin: Origin) {
            self.line = line
            self.origin = origin
        }

        var node: TOMLNode { TOMLNode(line: line, value: .table(entries.mapValues(\.node))) }
    }

    /// The tables of an array; never empty.
    private final class TableList {
        let first: Table
        var last: Table
        var tables: [Table]

        init(_ first: Table) {
            self.first = first
            last = first
            tables = [first]
        }

        func append(_ table: Table) {
            tables.append(table)
            last = table
        }
    }

    private enum Entry {
        case value(TOMLNode)
        case table(Table)
        /// An array of tables, from `[[…]]`.
        case tables(TableList)

        var node: TOMLNode {
            switch self {
            case .value(let node): node
            case .table(let table): table.node
            case .tables(let list): TOMLNode(line: list.first.line, value: .array(list.tables.map(\.node)))
            }
        }
    }

    // MARK: - Statements

    private mutating func document() throws(TOMLError) {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        var current = root
        while true {
            try skipBlankLines()
            guard let byte = peek else { return }
            if byte == UInt8(ascii: "[") {
                current = try header()
            } else {
                try keyAndValue(into: current)
            }
            try endOfLine()
        }
    }

    /// Reads `[a.b]` or `[[a.b]]` and returns the table that follows.
    private mutating func header() throws(TOMLError) -> Table {
        let line = self.line
        position += 1
        let isArray = take("[")
        var keys = try key()
        guard take("]"), !isArray || take("]") else {
            throw failure(
                isArray ? "the header of a table in an array ends with \"]]\"" : "a table's header ends with \"]\"")
        }
        let last = keys.removeLast()
        var table = root
        for key in keys {
            switch table.entries[key] {
            case nil:
                let next = Table(line: line, origin: .implicit)
                table.entries[key] = .table(next)
                table = next
            case .table(let next) where next.origin != .inline:
                table = next
            case .tables(let list):
                table = list.last
            default:
                throw failure("\"\(key)\" is not a table that can be added to")
            }
        }
        if isArray {
            let next = Table(line: line, origin: .header)
            switch table.entries[last] {
            case nil: table.entries[last] = .tables(TableList(next))
            case .tables(let list): list.append(next)
            default: throw failure("\"\(last)\" is not an array of tables")
            }
            return next
        }
        switch table.entries[last] {
        case nil:
            let next = Table(line: line, origin: .header)
            table.entries[last] = .table(next)
            return next
        case .table(let next) where next.origin == .implicit:
            next.origin = .header
            return next
        default:
            throw failure("\"\(last)\" is defined before")
        }
    }

    private mutating func keyAndValue(into table: Table, depth: Int = 0) throws(TOMLError) {
        let line = self.line
        var keys = try key()
        guard take("=") else { throw failure("a key is followed by \"=\"") }
        skipBlanks()
        let last = keys.removeLast()
        var table = table
        for key in keys {
            switch table.entries[key] {
            case nil:
                let next = Table(line: line, origin: .dotted)
                table.entries[key] = .table(next)
                table = next
            case .table(let next) where next.origin == .dotted:
                table = next
            default:
                throw failure("\"\(key)\" is not a table that can be added to")
            }
        }
        guard table.entries[last] == nil else { throw failure("\"\(last)\" is defined before") }
        table.entries[last] = .value(try value(line: line, depth: depth))
    }

    /// Reads a key, dotted or not, and the blanks around it. Never empty.
    private mutating func key() throws(TOMLError) -> [String] {
        var parts: [String] = []
        repeat {
            skipBlanks()
            switch peek {
            case UInt8(ascii: "\""): parts.append(try basicString())
            case UInt8(ascii: "'"): parts.append(try literalString())
            default:
                let start = position
                while let byte = peek, isBare(byte) { position += 1 }
                guard position > start else { throw failure("a key is missing") }
                parts.append(text(start..<position))
            }
            guard parts.count <= Self.maximumDepth else { throw failure("a key has too many parts") }
            skipBlanks()
        } while take(".")
        return parts
    }

    // MARK: - Values

    private mutating func value(line: Int, depth: Int) throws(TOMLError) -> TOMLNode {
        guard depth < Self.maximumDepth else { throw failure("values are nested too deep") }
        switch peek {
        case UInt8(ascii: "\""):
            let isLong = looking(at: "\"\"\"")
            return TOMLNode(line: line, value: .string(try isLong ? longBasicString() : basicString()))
        case UInt8(ascii: "'"):
            let isLong = looking(at: "'''")
            return TOMLNode(line: line, value: .string(try isLong ? longLiteralString() : literalString()))
        case UInt8(ascii: "["):
            return TOMLNode(line: line, value: .array(try array(depth: depth)))
        case UInt8(ascii: "{"):
            return try inlineTable(line: line, depth: depth)
        default:
            return TOMLNode(line: line, value: try scalar())
        }
    }

    private mutating func array(depth: Int) throws(TOMLError) -> [TOMLNode] {
        position += 1
        var elements: [TOMLNode] = []
        while true {
            try skipBlankLines()
            if take("]") { return elements }
            elements.append(try value(line: line, depth: depth + 1))
            try skipBlankLines()
            if take("]") { return elements }
            guard take(",") else { throw failure("elements of an array are separated by \",\"") }
        }
    }

    private mutating func inlineTable(line: Int, depth: Int) throws(TOMLError) -> TOMLNode {
        position += 1
        let table = Table(line: line, origin: .inline)
        skipBlanks()
        if take("}") { return table.node }
        while true {
            try keyAndValue(into: table, depth: depth + 1)
            skipBlanks()
            if take("}") { return table.node }
            guard take(",") else { throw failure("entries of an inline table are separated by \",\", on one line") }
        }
    }

    /// A boolean, number, date or time.
    private mutating func scalar() throws(TOMLError) -> TOMLNode.Value {
        let start = position
        while let byte = peek,
            isBare(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
        {
            position += 1
        }
        // A date and a time may be separated by a blank.
        if position - start == 10, looking(at: " "), position + 3 < bytes.count, isDigit(bytes[position + 1]),
            isDigit(bytes[position + 2]), bytes[position + 3] == UInt8(ascii: ":")
        {
            position += 1
            while let byte = peek, isDigit(byte) || [0x2E, 0x3A, 0x2B, 0x2D, 0x5A, 0x7A].contains(byte) {
                position += 1
            }
        }
        let word = text(start..<position)
        switch word {
        case "": throw failure("a value is missing")
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "inf", "+inf": return .float(.infinity)
        case "-inf": return .float(-.infinity)
        case "nan", "+nan", "-nan": return .float(.nan)
        default: break
        }
        if let number = try number(word) { return number }
        if isDate(Array(word.utf8)) { return .date }
        throw failure("\"\(word.prefix(40))\" is not a value; strings stand in quotes")
    }

    /// Nil if `word` is no number; an error if it is one that is too large.
    private func number(_ word: String) throws(TOMLError) -> TOMLNode.Value? {
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where word.hasPrefix(prefix) {
            let digits = word.dropFirst(2)
            guard let plain = withoutUnderscores(digits.utf8, isDigit: { Int(text($0), radix: radix) != nil }) else {
                return nil
            }
            guard let value = Int(plain, radix: radix) else { throw failure("the number is too large") }
            return .integer(value)
        }
        var rest = Array(word.utf8)[...]
        var sign = ""
        if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
            if first == UInt8(ascii: "-") { sign = "-" }
            rest = rest.dropFirst()
        }
        let digits = rest.prefix { isDigit($0) || $0 == UInt8(ascii: "_") }
        guard let whole = withoutUnderscores(digits, isDigit: isDigit), whole.utf8.count == 1 || !whole.hasPrefix("0")
        else {
            return nil
        }
        rest = rest.dropFirst(digits.count)
        if rest.isEmpty {
            guard let value = Int(sign + whole) else { throw failure("the number is too large") }
            return .integer(value)
        }
        var float = sign + whole
        if rest.first == UInt8(ascii: ".") {
            let digits = rest.dropFirst().prefix { isDigit($0) || $0 == UInt8(ascii: "_") }
            guard let fraction = withoutUnderscores(digits, isDigit: isDigit) else { return nil }
            float += "." + fraction
            rest = rest.dropFirst(1 + digits.count)
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            float += "e"
            if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
                float += first == UInt8(ascii: "-") ? "-" : ""
                rest = rest.dropFirst()
            }
            guard let exponent = withoutUnderscores(rest, isDigit: isDigit) else { return nil }
            float += exponent
            rest = []
        }
        guard rest.isEmpty else { return nil }
        // Too large a number is infinite, as in other readers.
        return Double(float).map { .float($0) }
    }

    /// The digits, if there is one at least and every underscore stands between two.
    private func withoutUnderscores(_ digits: some Sequence<UInt8>, isDigit: (UInt8) -> Bool) -> String? {
        var result: [UInt8] = []
        var previousIsDigit = false
        for byte in digits {
            if byte == UInt8(ascii: "_") {
                guard previousIsDigit else { return nil }
                previousIsDigit = false
            } else {
                guard isDigit(byte) else { return nil }
                result.append(byte)
                previousIsDigit = true
            }
        }
        return previousIsDigit ? String(decoding: result, as: UTF8.self) : nil
    }

    /// RFC 3339 date, time, or both, with or without an offset.
    private func isDate(_ word: [UInt8]) -> Bool {
        var rest = word[...]
        func number(_ digits: Int, _ range: ClosedRange<Int>) -> Int? {
            guard rest.count >= digits, rest.prefix(digits).allSatisfy(isDigit) else { return nil }
            let value = rest.prefix(digits).reduce(0) { $0 * 10 + Int($1 - 0x30) }
            rest = rest.dropFirst(digits)
            return range.contains(value) ? value : nil
        }
        func take(_ allowed: StaticString) -> Bool {
            let allowed = UnsafeBufferPointer(start: allowed.utf8Start, count: allowed.utf8CodeUnitCount)
            guard let first = rest.first, allowed.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }
        func time() -> Bool {
            guard number(2, 0...23) != nil, take(":"), number(2, 0...59) != nil, take(":"), number(2, 0...60) != nil
            else {
                return false
            }
            if take(".") {
                let digits = rest.prefix(while: isDigit)
                rest = rest.dropFirst(digits.count)
                return !digits.isEmpty
            }
            return true
        }
        if word.count > 2, word[2] == UInt8(ascii: ":") { return time() && rest.isEmpty }
        guard let year = number(4, 0...9999), take("-"), let month = number(2, 1...12), take("-") else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
        guard number(2, 1...days) != nil else { return false }
        if rest.isEmpty { return true }
        guard take("Tt "), time() else { return false }
        if rest.isEmpty { return true }
        if take("Zz") { return rest.isEmpty }
        return take("+-") && number(2, 0...23) != nil && take(":") && number(2, 0...59) != nil && rest.isEmpty
    }

    // MARK: - Strings

    private mutating func basicString() throws(TOMLError) -> String {
        position += 1
        var result: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: result, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &result)
            case 0x0A, 0x0D: throw failure("a string ends on its line; use \"\"\" for more", at: position - 1)
            case 0...0x08, 0x0B...0x1F, 0x7F: throw controlCharacter(byte)
            default: result.append(byte)
            }
        }
        throw failure("the string does not end")
    }

    private mutating func literalString() throws(TOMLError) -> String {
        position += 1
        let start = position
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "'"): return text(start..<position - 1)
            case 0x0A, 0x0D: throw failure("a string ends on its line; use ''' for more", at: position - 1)
            case 0...0x08, 0x0B...0x1F, 0x7F: throw controlCharacter(byte)
            default: break
            }
        }
        throw failure("the string does not end")
    }

    private mutating func longBasicString() throws(TOMLError) -> String {
        let start = line
        position += 3
        _ = takeLineEnd()
        var result: [UInt8] = []
        while let byte = peek {
            if byte == UInt8(ascii: "\"") {
                if takeLongQuotes(byte, &result) { return String(decoding: result, as: UTF8.self) }
            } else if byte == UInt8(ascii: "\\") {
                position += 1
                if !takeContinuation() { try escape(into: &result) }
            } else {
                try takeLongByte(byte, &result)
            }
        }
        throw failure("the string that begins on line \(start) does not end")
    }

    private mutating func longLiteralString() throws(TOMLError) -> String {
        let start = line
        position += 3
        _ = takeLineEnd()
        var result: [UInt8] = []
        while let byte = peek {
            if byte == UInt8(ascii: "'") {
                if takeLongQuotes(byte, &result) { return String(decoding: result, as: UTF8.self) }
            } else {
                try takeLongByte(byte, &result)
            }
        }
        throw failure("the string that begins on line \(start) does not end")
    }

    /// Reads a run of quotes: three end the string, and up to two before them belong to it.
    private mutating func takeLongQuotes(_ quote: UInt8, _ result: inout [UInt8]) -> Bool {
        var run = 0
        while peek == quote, run < 5 {
            run += 1
            position += 1
        }
        result += repeatElement(quote, count: run >= 3 ? run - 3 : run)
        return run >= 3
    }

    /// Line ends within a string become "\n".
    private mutating func takeLongByte(_ byte: UInt8, _ result: inout [UInt8]) throws(TOMLError) {
        if takeLineEnd() {
            result.append(0x0A)
            return
        }
        switch byte {
        case 0...0x08, 0x0B...0x1F, 0x7F: throw controlCharacter(byte)
        default: result.append(byte)
        }
        position += 1
    }

    /// After a backslash at the end of a line: skips to the next character that is not white space.
    private mutating func takeContinuation() -> Bool {
        let start = position
        skipBlanks()
        guard takeLineEnd() else {
            position = start
            return false
        }
        repeat { skipBlanks() } while takeLineEnd()
        return true
    }

    private mutating func escape(into result: inout [UInt8]) throws(TOMLError) {
        guard let byte = peek else { throw failure("the string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "b"): result.append(0x08)
        case UInt8(ascii: "t"): result.append(0x09)
        case UInt8(ascii: "n"): result.append(0x0A)
        case UInt8(ascii: "f"): result.append(0x0C)
        case UInt8(ascii: "r"): result.append(0x0D)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): result.append(byte)
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let count = byte == UInt8(ascii: "u") ? 4 : 8
            let end = position + count
            guard end <= bytes.count, bytes[position..<end].allSatisfy(isHex),
                let scalar = UInt32(text(position..<end), radix: 16).flatMap(Unicode.Scalar.init)
            else { throw failure("\\\(text(byte)) is followed by \(count) hexadecimal digits of a character") }
            position = end
            result += String(scalar).utf8
        default:
            let shown = byte > 0x20 && byte < 0x7F ? "\\\(text(byte))" : "this"
            throw failure("\(shown) is not an escape; in '…' and '''…''' a backslash stands for itself")
        }
    }

    // MARK: - Characters

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func looking(at literal: StaticString) -> Bool {
        // A static string's bytes live as long as the process.
        bytes[position...].starts(with: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    private mutating func take(_ literal: StaticString) -> Bool {
        guard looking(at: literal) else { return false }
        position += literal.utf8CodeUnitCount
        return true
    }

    private mutating func skipBlanks() {
        while let byte = peek, byte == 0x20 || byte == 0x09 { position += 1 }
    }

    private mutating func takeLineEnd() -> Bool {
        guard take("\n") || take("\r\n") else { return false }
        line += 1
        return true
    }

    /// Skips a comment, if there is one.
    private mutating func skipComment() throws(TOMLError) {
        guard take("#") else { return }
        while let byte = peek, byte != 0x0A, !looking(at: "\r\n") {
            if byte < 0x20, byte != 0x09 { throw controlCharacter(byte) }
            if byte == 0x7F { throw controlCharacter(byte) }
            position += 1
        }
    }

    private mutating func skipBlankLines() throws(TOMLError) {
        repeat {
            skipBlanks()
            try skipComment()
        } while takeLineEnd()
    }

    private mutating func endOfLine() throws(TOMLError) {
        skipBlanks()
        try skipComment()
        guard peek == nil || takeLineEnd() else { throw failure("nothing may follow on this line") }
    }

    private func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
        default: false
        }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private func isHex(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    private func text(_ byte: UInt8) -> String { String(UnicodeScalar(byte)) }

    private func failure(_ reason: String, at offset: Int? = nil) -> TOMLError {
        let end = min(offset ?? position, bytes.count)
        let start = bytes[..<end].lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
        return TOMLError(line: line, column: end - start + 1, reason)
    }

    private func controlCharacter(_ byte: UInt8) -> TOMLError {
        failure("a control character (\(byte)) stands in the text")
    }
}

/// The first mistake of a document. `reason` may quote the document, escape sequences included.
package struct TOMLError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Counted from 1.
    package let line: Int
    /// Counted from 1, in bytes.
    package let column: Int
    package let reason: String

    init(line: Int, column: Int, _ reason: String) {
        self.line = line
        self.column = column
        self.reason = reason
    }

    package var description: String { "\(line): \(reason) (column \(column))" }
}
