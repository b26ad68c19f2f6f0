/// A strict reader of JSON (RFC 8259) over bytes, which hands out ranges instead of copying strings, so that a
/// secret inside is copied only by who asks for it.
///
/// Every method takes the same bytes. What is wrong is thrown as the caller's own kind of error, with the offset.
package struct JSONReader<Failure: JSONFailure> {
    /// Where the next byte is read.
    package private(set) var offset = 0

    package init() {}

    /// Whether `byte` is next; consumes it then.
    package mutating func take(_ byte: UInt8, in bytes: Span<UInt8>) -> Bool {
        skipSpace(bytes)
        guard offset < bytes.count, bytes[offset] == byte else { return false }
        offset += 1
        return true
    }

    /// Whether `text` is next, without white space before it; consumes it then.
    package mutating func takeExactly(_ text: StaticString, in bytes: Span<UInt8>) -> Bool {
        let count = text.utf8CodeUnitCount
        // A static string is constant memory of that length.
        guard bytes.count - offset >= count, (0..<count).allSatisfy({ bytes[offset + $0] == text.utf8Start[$0] })
        else { return false }
        offset += count
        return true
    }

    package mutating func expect(_ byte: UInt8, in bytes: Span<UInt8>) throws(Failure) {
        guard take(byte, in: bytes) else { throw error() }
    }

    /// Confirms that nothing but white space is left.
    package mutating func expectEnd(_ bytes: Span<UInt8>) throws(Failure) {
        skipSpace(bytes)
        guard offset == bytes.count else { throw error() }
    }

    /// Reads the members of an object: calls `body` with each name, which must consume the value. A name that occurs
    /// twice is refused.
    package mutating func object(
        _ bytes: Span<UInt8>, _ body: (inout JSONReader, String) throws(Failure) -> Void
    ) throws(Failure) {
        try expect(UInt8(ascii: "{"), in: bytes)
        guard !take(UInt8(ascii: "}"), in: bytes) else { return }
        var names = MemberNames()
        repeat {
            let name = try string(bytes)
            guard names.insert(name) else { throw error() }
            try expect(UInt8(ascii: ":"), in: bytes)
            try body(&self, name)
        } while take(UInt8(ascii: ","), in: bytes)
        try expect(UInt8(ascii: "}"), in: bytes)
    }

    /// Reads the elements of an array: calls `body` for each, which must consume it.
    package mutating func array(
        _ bytes: Span<UInt8>, _ body: (inout JSONReader) throws(Failure) -> Void
    ) throws(Failure) {
        try expect(UInt8(ascii: "["), in: bytes)
        guard !take(UInt8(ascii: "]"), in: bytes) else { return }
        repeat { try body(&self) } while take(UInt8(ascii: ","), in: bytes)
        try expect(UInt8(ascii: "]"), in: bytes)
    }

    /// Reads a string without escapes and returns where its contents are.
    package mutating func plainString(_ bytes: Span<UInt8>) throws(Failure) -> Range<Int> {
        try expect(UInt8(ascii: "\""), in: bytes)
        let start = offset
        skipPlain(bytes)
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else { throw error() }
        offset += 1
        return start..<offset - 1
    }

    /// Reads a string. Its bytes must be UTF-8.
    package mutating func string(_ bytes: Span<UInt8>) throws(Failure) -> String {
        let start = offset
        // Most strings hold no escape, and need no copy to undo them.
        if let range = try? plainString(bytes) {
            let text = bytes.extracting(range).withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }
            guard let text else { throw error() }
            return text
        }
        offset = start
        guard let text = String(validating: try stringBytes(bytes), as: UTF8.self) else { throw error() }
        return text
    }

    /// Reads a string and returns its bytes with the escapes undone; the others are as they stand, UTF-8 or not.
    package mutating func stringBytes(_ bytes: Span<UInt8>) throws(Failure) -> [UInt8] {
        try expect(UInt8(ascii: "\""), in: bytes)
        var result: [UInt8] = []
        while true {
            let start = offset
            skipPlain(bytes)
            if offset > start {
                bytes.extracting(start..<offset).withUnsafeBufferPointer { result.append(contentsOf: $0) }
            }
            guard offset < bytes.count, bytes[offset] >= 0x20 else { throw error() }
            offset += 1
            if bytes[offset - 1] == UInt8(ascii: "\"") { return result }
            guard offset < bytes.count else { throw error() }
            let escape = bytes[offset]
            offset += 1
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(escape)
            case UInt8(ascii: "b"): result.append(8)
            case UInt8(ascii: "f"): result.append(12)
            case UInt8(ascii: "n"): result.append(10)
            case UInt8(ascii: "r"): result.append(13)
            case UInt8(ascii: "t"): result.append(9)
            case UInt8(ascii: "u"): result += try unicodeEscape(bytes)
            default: throw error()
            }
        }
    }

    /// Reads an integer without fraction or exponent.
    package mutating func integer(_ bytes: Span<UInt8>) throws(Failure) -> Int {
        skipSpace(bytes)
        let start = offset
        if offset < bytes.count, bytes[offset] == UInt8(ascii: "-") { offset += 1 }
        let digits = offset
        var value = 0
        while offset < bytes.count, Self.isDigit(bytes[offset]) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(Int(bytes[offset] - UInt8(ascii: "0")))
            guard !overflow, !overflow2 else { throw error() }
            value = sum
            offset += 1
        }
        guard offset > digits, offset - digits == 1 || bytes[digits] != UInt8(ascii: "0") else { throw error() }
        return digits > start ? -value : value
    }

    /// Reads any value, at most `JSONValue.maximumDepth` deep.
    package mutating func value(_ bytes: Span<UInt8>) throws(Failure) -> JSONValue { try value(bytes, depth: 0) }

    private mutating func value(_ bytes: Span<UInt8>, depth: Int) throws(Failure) -> JSONValue {
        skipSpace(bytes)
        guard offset < bytes.count, depth <= JSONValue.maximumDepth else { throw error() }
        switch bytes[offset] {
        case UInt8(ascii: "{"):
            var members: [(name: String, value: JSONValue)] = []
            try object(bytes) { (reader, name) throws(Failure) in
                members.append((name, try reader.value(bytes, depth: depth + 1)))
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try array(bytes) { (reader) throws(Failure) in
                elements.append(try reader.value(bytes, depth: depth + 1))
            }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(try string(bytes))
        case UInt8(ascii: "t"): return try word("true", .bool(true), bytes)
        case UInt8(ascii: "f"): return try word("false", .bool(false), bytes)
        case UInt8(ascii: "n"): return try word("null", .null, bytes)
        default: return .number(try number(bytes))
        }
    }

    private mutating func word(
        _ word: StaticString, _ value: JSONValue, _ bytes: Span<UInt8>
    ) throws(Failure) -> JSONValue {
        guard takeExactly(word, in: bytes) else { throw error() }
        return value
    }

    /// Reads a number and returns it as it is written.
    private mutating func number(_ bytes: Span<UInt8>) throws(Failure) -> String {
        let start = offset
        if offset < bytes.count, bytes[offset] == UInt8(ascii: "-") { offset += 1 }
        let whole = offset
        skipDigits(bytes)
        guard offset > whole, offset - whole == 1 || bytes[whole] != UInt8(ascii: "0") else { throw error() }
        if offset < bytes.count, bytes[offset] == UInt8(ascii: ".") {
            offset += 1
            let fraction = offset
            skipDigits(bytes)
            guard offset > fraction else { throw error() }
        }
        if offset < bytes.count, bytes[offset] | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if offset < bytes.count, bytes[offset] == UInt8(ascii: "+") || bytes[offset] == UInt8(ascii: "-") {
                offset += 1
            }
            let exponent = offset
            skipDigits(bytes)
            guard offset > exponent else { throw error() }
        }
        return String(decoding: (start..<offset).map { bytes[$0] }, as: UTF8.self)
    }

    private mutating func unicodeEscape(_ bytes: Span<UInt8>) throws(Failure) -> [UInt8] {
        var scalar = try fourDigits(bytes)
        if (0xD800..<0xDC00).contains(scalar) {
            guard offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"), bytes[offset + 1] == UInt8(ascii: "u")
            else { throw error() }
            offset += 2
            let low = try fourDigits(bytes)
            guard (0xDC00..<0xE000).contains(low) else { throw error() }
            scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let unicode = Unicode.Scalar(scalar) else { throw error() }
        return Array(String(Character(unicode)).utf8)
    }

    private mutating func fourDigits(_ bytes: Span<UInt8>) throws(Failure) -> UInt32 {
        guard offset + 4 <= bytes.count else { throw error() }
        var value: UInt32 = 0
        for _ in 0..<4 {
            switch bytes[offset] {
            case let digit where Self.isDigit(digit): value = value << 4 | UInt32(digit & 15)
            case let letter where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(letter | 0x20):
                value = value << 4 | UInt32(letter & 7 + 9)
            default: throw error()
            }
            offset += 1
        }
        return value
    }

    /// Passes over what a string holds without escapes.
    private mutating func skipPlain(_ bytes: Span<UInt8>) {
        while offset < bytes.count {
            let byte = bytes[offset]
            guard byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return }
            offset += 1
        }
    }

    private mutating func skipDigits(_ bytes: Span<UInt8>) {
        while offset < bytes.count, Self.isDigit(bytes[offset]) { offset += 1 }
    }

    private mutating func skipSpace(_ bytes: Span<UInt8>) {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return
            }
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    package func error() -> Failure { Failure(jsonOffset: offset) }
}

/// The names of an object's members that were read. Most objects have few, which are found faster without hashing.
private struct MemberNames {
    private var few: [String] = []
    private var many: Set<String> = []

    private static let fewest = 8

    /// Whether it is new.
    mutating func insert(_ name: String) -> Bool {
        if few.count < Self.fewest {
            guard !few.contains(name) else { return false }
            few.append(name)
            return true
        }
        if many.isEmpty { many.formUnion(few) }
        return many.insert(name).inserted
    }
}

/// An error that a `JSONReader` can throw.
package protocol JSONFailure: Error {
    /// The text is not the JSON that is expected, at byte `offset`.
    init(jsonOffset offset: Int)
}
