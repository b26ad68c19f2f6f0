/// A strict reader of JSON (RFC 8259) over bytes, which hands out ranges instead of copying strings, so that a
/// secret inside is copied only by who asks for it.
///
/// Every method takes the same bytes. What is wrong is thrown as the caller's own kind of error, with the offset.
///
/// Public and inlinable, since only then another module's reader is compiled for its own error; without that, reading a line of a log takes
/// twice the time.
public struct JSONReader<Failure: JSONFailure> {
    /// Where the next byte is read.
    @inlinable public var offset: Int { position }
    @usableFromInline var position = 0

    @inlinable public init() {}

    /// Whether `byte` is next; consumes it then.
    @inlinable public mutating func take(_ byte: UInt8, in bytes: Span<UInt8>) -> Bool {
        skipSpace(bytes)
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    /// Whether `text` is next, without white space before it; consumes it then.
    @inlinable public mutating func takeExactly(_ text: StaticString, in bytes: Span<UInt8>) -> Bool {
        let count = text.utf8CodeUnitCount
        // A static string is constant memory of that length.
        guard bytes.count - position >= count, (0..<count).allSatisfy({ bytes[position + $0] == text.utf8Start[$0] })
        else { return false }
        position += count
        return true
    }

    @inlinable public mutating func expect(_ byte: UInt8, in bytes: Span<UInt8>) throws(Failure) {
        guard take(byte, in: bytes) else { throw error() }
    }

    /// Confirms that nothing but white space is left.
    @inlinable public mutating func expectEnd(_ bytes: Span<UInt8>) throws(Failure) {
        skipSpace(bytes)
        guard position == bytes.count else { throw error() }
    }

    /// Reads the members of an object: calls `body` with each name, which must consume the value. A name that occurs
    /// twice is refused.
    @inlinable public mutating func object(
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
    @inlinable public mutating func array(
        _ bytes: Span<UInt8>, _ body: (inout JSONReader) throws(Failure) -> Void
    ) throws(Failure) {
        try expect(UInt8(ascii: "["), in: bytes)
        guard !take(UInt8(ascii: "]"), in: bytes) else { return }
        repeat { try body(&self) } while take(UInt8(ascii: ","), in: bytes)
        try expect(UInt8(ascii: "]"), in: bytes)
    }

    /// Reads a string without escapes and returns where its contents are.
    @inlinable public mutating func plainString(_ bytes: Span<UInt8>) throws(Failure) -> Range<Int> {
        try expect(UInt8(ascii: "\""), in: bytes)
        let start = position
        skipPlain(bytes)
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw error() }
        position += 1
        return start..<position - 1
    }

    /// Reads a string. Its bytes must be UTF-8.
    @inlinable public mutating func string(_ bytes: Span<UInt8>) throws(Failure) -> String {
        try expect(UInt8(ascii: "\""), in: bytes)
        let start = position
        skipPlain(bytes)
        // Most strings hold no escape, and need no copy to undo them.
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
            guard let text = String(validating: try rest(of: bytes, from: start), as: UTF8.self) else { throw error() }
            return text
        }
        position += 1
        guard let text = Self.text(bytes.extracting(start..<position - 1)) else { throw error() }
        return text
    }

    /// Reads a string as the UTF-8 that it must be.
    @inlinable public mutating func utf8(_ bytes: Span<UInt8>) throws(Failure) -> [UInt8] {
        let result = try stringBytes(bytes)
        guard Self.isASCII(result.span) || (try? UTF8Span(validating: result.span)) != nil else { throw error() }
        return result
    }

    /// The text, when it is UTF-8.
    @inlinable static func text(_ bytes: Span<UInt8>) -> String? {
        guard isASCII(bytes) else {
            return bytes.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }
        }
        return bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }

    @inlinable static func isASCII(_ bytes: Span<UInt8>) -> Bool {
        var all: UInt8 = 0
        for index in bytes.indices { all |= bytes[index] }
        return all < 0x80
    }

    /// Reads a string and returns its bytes with the escapes undone; the others are as they stand, UTF-8 or not.
    @inlinable public mutating func stringBytes(_ bytes: Span<UInt8>) throws(Failure) -> [UInt8] {
        try expect(UInt8(ascii: "\""), in: bytes)
        return try rest(of: bytes, from: position)
    }

    /// The bytes of a string that begins at `start`, of which everything up to `position` is plain.
    @inlinable mutating func rest(of bytes: Span<UInt8>, from start: Int) throws(Failure) -> [UInt8] {
        var result: [UInt8] = []
        var start = start
        while true {
            skipPlain(bytes)
            if position > start {
                bytes.extracting(start..<position).withUnsafeBufferPointer { result.append(contentsOf: $0) }
            }
            guard position < bytes.count, bytes[position] >= 0x20 else { throw error() }
            position += 1
            if bytes[position - 1] == UInt8(ascii: "\"") { return result }
            guard position < bytes.count else { throw error() }
            let escape = bytes[position]
            position += 1
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
            start = position
        }
    }

    /// Reads an integer without fraction or exponent.
    @inlinable public mutating func integer(_ bytes: Span<UInt8>) throws(Failure) -> Int {
        skipSpace(bytes)
        let start = position
        if position < bytes.count, bytes[position] == UInt8(ascii: "-") { position += 1 }
        let digits = position
        var value = 0
        while position < bytes.count, Self.isDigit(bytes[position]) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(Int(bytes[position] - UInt8(ascii: "0")))
            guard !overflow, !overflow2 else { throw error() }
            value = sum
            position += 1
        }
        guard position > digits, position - digits == 1 || bytes[digits] != UInt8(ascii: "0") else { throw error() }
        return digits > start ? -value : value
    }

    /// Reads any value, at most `JSONValue.maximumDepth` deep.
    @inlinable public mutating func value(_ bytes: Span<UInt8>) throws(Failure) -> JSONValue {
        try value(bytes, depth: 0)
    }

    @inlinable mutating func value(_ bytes: Span<UInt8>, depth: Int) throws(Failure) -> JSONValue {
        skipSpace(bytes)
        guard position < bytes.count, depth <= JSONValue.maximumDepth else { throw error() }
        switch bytes[position] {
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

    @inlinable mutating func word(
        _ word: StaticString, _ value: JSONValue, _ bytes: Span<UInt8>
    ) throws(Failure) -> JSONValue {
        guard takeExactly(word, in: bytes) else { throw error() }
        return value
    }

    /// Reads a number and returns it as it is written.
    @inlinable mutating func number(_ bytes: Span<UInt8>) throws(Failure) -> String {
        let start = position
        if position < bytes.count, bytes[position] == UInt8(ascii: "-") { position += 1 }
        let whole = position
        skipDigits(bytes)
        guard position > whole, position - whole == 1 || bytes[whole] != UInt8(ascii: "0") else { throw error() }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            let fraction = position
            skipDigits(bytes)
            guard position > fraction else { throw error() }
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            let exponent = position
            skipDigits(bytes)
            guard position > exponent else { throw error() }
        }
        return String(decoding: (start..<position).map { bytes[$0] }, as: UTF8.self)
    }

    @inlinable mutating func unicodeEscape(_ bytes: Span<UInt8>) throws(Failure) -> [UInt8] {
        var scalar = try fourDigits(bytes)
        if (0xD800..<0xDC00).contains(scalar) {
            guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            else { throw error() }
            position += 2
            let low = try fourDigits(bytes)
            guard (0xDC00..<0xE000).contains(low) else { throw error() }
            scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let unicode = Unicode.Scalar(scalar) else { throw error() }
        return Array(String(Character(unicode)).utf8)
    }

    @inlinable mutating func fourDigits(_ bytes: Span<UInt8>) throws(Failure) -> UInt32 {
        guard position + 4 <= bytes.count else { throw error() }
        var value: UInt32 = 0
        for _ in 0..<4 {
            switch bytes[position] {
            case let digit where Self.isDigit(digit): value = value << 4 | UInt32(digit & 15)
            case let letter where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(letter | 0x20):
                value = value << 4 | UInt32(letter & 7 + 9)
            default: throw error()
            }
            position += 1
        }
        return value
    }

    /// Passes over what a string holds without escapes.
    @inlinable mutating func skipPlain(_ bytes: Span<UInt8>) {
        while bytes.count - position >= 8 {
            let word = bytes.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt64.self)
            let stops = JSON.stops(UInt64(littleEndian: word))
            guard stops == 0 else {
                position += stops.trailingZeroBitCount / 8
                return
            }
            position += 8
        }
        while position < bytes.count {
            let byte = bytes[position]
            guard byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return }
            position += 1
        }
    }

    @inlinable mutating func skipDigits(_ bytes: Span<UInt8>) {
        while position < bytes.count, Self.isDigit(bytes[position]) { position += 1 }
    }

    @inlinable mutating func skipSpace(_ bytes: Span<UInt8>) {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    @inlinable static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    @inlinable public func error() -> Failure { Failure(jsonOffset: position) }
}

/// The names of an object's members that were read. Most objects have few, which are found faster without hashing.
@usableFromInline struct MemberNames {
    @usableFromInline var few: [String] = []
    @usableFromInline var many: Set<String> = []

    @inlinable static var fewest: Int { 8 }

    @inlinable init() {}

    /// Whether it is new.
    @inlinable mutating func insert(_ name: String) -> Bool {
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
public protocol JSONFailure: Error {
    /// The text is not the JSON that is expected, at byte `offset`.
    init(jsonOffset offset: Int)
}
