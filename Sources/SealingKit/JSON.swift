internal import OpenSSLEngine

/// A strict reader of JSON (RFC 8259) over bytes, which hands out ranges instead of copying strings, so that a
/// secret inside is copied only by who asks for it.
///
/// Every method takes the same bytes. Failure is `.malformed` with the offset.
package struct JSONReader {
    package private(set) var offset = 0
    /// How deep arrays and objects may nest.
    package static let maximumDepth = 16

    package init() {}

    /// Whether `byte` is next; consumes it then.
    package mutating func take(_ byte: UInt8, in bytes: Span<UInt8>) -> Bool {
        skipSpace(bytes)
        guard offset < bytes.count, bytes[offset] == byte else { return false }
        offset += 1
        return true
    }

    package mutating func expect(_ byte: UInt8, in bytes: Span<UInt8>) throws(SealingError) {
        guard take(byte, in: bytes) else { throw error() }
    }

    /// Confirms that nothing but white space is left.
    package mutating func expectEnd(_ bytes: Span<UInt8>) throws(SealingError) {
        skipSpace(bytes)
        guard offset == bytes.count else { throw error() }
    }

    /// Reads the members of an object: calls `body` with each name, which must consume the value. A name that occurs
    /// twice is refused.
    package mutating func object(
        _ bytes: Span<UInt8>, _ body: (inout JSONReader, String) throws(SealingError) -> Void
    ) throws(SealingError) {
        try expect(UInt8(ascii: "{"), in: bytes)
        guard !take(UInt8(ascii: "}"), in: bytes) else { return }
        var names: Set<String> = []
        repeat {
            let name = try string(bytes)
            guard names.insert(name).inserted else { throw error() }
            try expect(UInt8(ascii: ":"), in: bytes)
            try body(&self, name)
        } while take(UInt8(ascii: ","), in: bytes)
        try expect(UInt8(ascii: "}"), in: bytes)
    }

    /// Reads the elements of an array: calls `body` for each, which must consume it.
    package mutating func array(
        _ bytes: Span<UInt8>, _ body: (inout JSONReader) throws(SealingError) -> Void
    ) throws(SealingError) {
        try expect(UInt8(ascii: "["), in: bytes)
        guard !take(UInt8(ascii: "]"), in: bytes) else { return }
        repeat { try body(&self) } while take(UInt8(ascii: ","), in: bytes)
        try expect(UInt8(ascii: "]"), in: bytes)
    }

    /// Reads a string without escapes and returns where its contents are.
    package mutating func plainString(_ bytes: Span<UInt8>) throws(SealingError) -> Range<Int> {
        try expect(UInt8(ascii: "\""), in: bytes)
        let start = offset
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "\"") {
            guard bytes[offset] >= 0x20, bytes[offset] != UInt8(ascii: "\\") else { throw error() }
            offset += 1
        }
        guard offset < bytes.count else { throw error() }
        offset += 1
        return start..<offset - 1
    }

    /// Reads a string. Its bytes must be UTF-8.
    package mutating func string(_ bytes: Span<UInt8>) throws(SealingError) -> String {
        try expect(UInt8(ascii: "\""), in: bytes)
        var result: [UInt8] = []
        while true {
            guard offset < bytes.count, bytes[offset] >= 0x20 else { throw error() }
            let byte = bytes[offset]
            offset += 1
            if byte == UInt8(ascii: "\"") { break }
            if byte != UInt8(ascii: "\\") {
                result.append(byte)
                continue
            }
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
        guard let text = String(validating: result, as: UTF8.self) else { throw error() }
        return text
    }

    /// Reads an integer without fraction or exponent.
    package mutating func integer(_ bytes: Span<UInt8>) throws(SealingError) -> Int {
        skipSpace(bytes)
        let start = offset
        if offset < bytes.count, bytes[offset] == UInt8(ascii: "-") { offset += 1 }
        let digits = offset
        var value = 0
        while offset < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[offset]) {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = product.addingReportingOverflow(Int(bytes[offset] - UInt8(ascii: "0")))
            guard !overflow, !overflow2 else { throw error() }
            value = sum
            offset += 1
        }
        guard offset > digits, offset - digits == 1 || bytes[digits] != UInt8(ascii: "0") else { throw error() }
        return digits > start ? -value : value
    }

    private mutating func unicodeEscape(_ bytes: Span<UInt8>) throws(SealingError) -> [UInt8] {
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

    private mutating func fourDigits(_ bytes: Span<UInt8>) throws(SealingError) -> UInt32 {
        guard offset + 4 <= bytes.count else { throw error() }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Hex.value(bytes[offset]) else { throw error() }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }

    private mutating func skipSpace(_ bytes: Span<UInt8>) {
        while offset < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) { offset += 1 }
    }

    package func error() -> SealingError { SealingError(.malformed, "JSON, at byte \(offset)") }
}

/// Returns `text` as a JSON string with its quotation marks.
package func jsonString(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case _ where scalar.value < 0x20:
            result += "\\u00" + Hex.encode([UInt8(scalar.value)].span)
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}
