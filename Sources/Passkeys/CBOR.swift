/// A value of CBOR (RFC 8949), of the kinds that authenticators send.
enum CBORValue: Sendable, Hashable {
    /// -2⁶³ to 2⁶³-1; what is beyond is refused.
    case integer(Int64)
    case bytes([UInt8])
    case text(String)
    case array([CBORValue])
    case map([Pair])
    case bool(Bool)
    case null

    struct Pair: Sendable, Hashable {
        let key: CBORValue
        let value: CBORValue
    }

    /// The value of a key of a map; nil when there is none.
    subscript(key: CBORValue) -> CBORValue? {
        guard case .map(let pairs) = self else { return nil }
        return pairs.first { $0.key == key }?.value
    }

    var integerValue: Int64? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    var byteValue: [UInt8]? {
        guard case .bytes(let value) = self else { return nil }
        return value
    }
}

/// Reads CBOR in the canonical form that CTAP2 demands of authenticators: definite lengths in their shortest form, no tags, no
/// floating point, no duplicate keys.
///
/// Linear in the length of the input, but for keys of one map, which are compared with each other (`Limits.pairs`).
struct CBORReader {
    private let input: ArraySlice<UInt8>
    private(set) var position: Int

    enum Limits {
        /// How deep values may stand in each other.
        static let depth = 8
        /// Elements of an array, pairs of a map.
        static let pairs = 64
    }

    init(_ input: ArraySlice<UInt8>) {
        self.input = input
        position = input.startIndex
    }

    /// Reads one value; what follows it stays.
    /// - Throws: `WebAuthnError.malformed` for what is not canonical, or beyond a limit.
    mutating func value() throws(WebAuthnError) -> CBORValue { try value(depth: 0) }

    private mutating func value(depth: Int) throws(WebAuthnError) -> CBORValue {
        guard depth < Limits.depth else { throw .malformed("CBOR: too deep") }
        let initial = try byte()
        let argument = try argument(initial & 0x1f)
        switch initial >> 5 {
        case 0:
            guard let value = Int64(exactly: argument) else { throw .malformed("CBOR: integer") }
            return .integer(value)
        case 1:
            guard let value = Int64(exactly: argument) else { throw .malformed("CBOR: integer") }
            return .integer(-1 - value)
        case 2: return .bytes(Array(try take(argument)))
        case 3:
            guard let text = String(validating: try take(argument), as: UTF8.self) else {
                throw .malformed("CBOR: text")
            }
            return .text(text)
        case 4:
            guard argument <= Limits.pairs else { throw .malformed("CBOR: too many elements") }
            var elements: [CBORValue] = []
            for _ in 0..<argument { elements.append(try value(depth: depth + 1)) }
            return .array(elements)
        case 5:
            guard argument <= Limits.pairs else { throw .malformed("CBOR: too many elements") }
            var pairs: [CBORValue.Pair] = []
            for _ in 0..<argument {
                let key = try value(depth: depth + 1)
                guard !pairs.contains(where: { $0.key == key }) else { throw .malformed("CBOR: duplicate key") }
                pairs.append(CBORValue.Pair(key: key, value: try value(depth: depth + 1)))
            }
            return .map(pairs)
        case 7:
            switch initial & 0x1f {
            case 20: return .bool(false)
            case 21: return .bool(true)
            case 22: return .null
            default: throw .malformed("CBOR: simple value")
            }
        default: throw .malformed("CBOR: tag")
        }
    }

    private mutating func byte() throws(WebAuthnError) -> UInt8 {
        guard position < input.endIndex else { throw .malformed("CBOR: cut off") }
        defer { position += 1 }
        return input[position]
    }

    /// The argument of an initial byte (RFC 8949, section 3), which must be in its shortest form.
    private mutating func argument(_ information: UInt8) throws(WebAuthnError) -> UInt64 {
        guard information >= 24 else { return UInt64(information) }
        guard information <= 27 else { throw .malformed("CBOR: length") }
        let count = 1 << Int(information - 24)
        var value: UInt64 = 0
        for _ in 0..<count { value = value << 8 | UInt64(try byte()) }
        let least: UInt64 = count == 1 ? 24 : 1 << UInt64(4 * count)
        guard value >= least else { throw .malformed("CBOR: length is not in its shortest form") }
        return value
    }

    private mutating func take(_ count: UInt64) throws(WebAuthnError) -> ArraySlice<UInt8> {
        guard count <= UInt64(input.endIndex - position) else { throw .malformed("CBOR: cut off") }
        let end = position + Int(count)
        defer { position = end }
        return input[position..<end]
    }
}
