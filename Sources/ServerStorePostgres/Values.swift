internal import SealingKit
internal import ServerStore

// How values go to PostgreSQL: the binary form of each type, as its `…recv` function reads it.

/// The numbers of types (catalog `pg_type`), which never change.
enum TypeID {
    /// PostgreSQL finds out by where the value stands.
    static let unspecified: UInt32 = 0
    static let flag: UInt32 = 16
    static let bytes: UInt32 = 17
    static let integer: UInt32 = 20
    static let text: UInt32 = 25
    static let integers: UInt32 = 1016
    static let byteArrays: UInt32 = 1001
    static let ids: UInt32 = 2951
    static let id: UInt32 = 2950
}

/// A value of a statement.
protocol PostgresValue: Sendable {
    static var typeID: UInt32 { get }
    /// The binary form; nil for NULL.
    var encoded: [UInt8]? { get }
}

extension Int64: PostgresValue {
    static var typeID: UInt32 { TypeID.integer }
    var encoded: [UInt8]? { withUnsafeBytes(of: bigEndian) { Array($0) } }
}

extension Int: PostgresValue {
    static var typeID: UInt32 { TypeID.integer }
    var encoded: [UInt8]? { Int64(self).encoded }
}

extension Bool: PostgresValue {
    static var typeID: UInt32 { TypeID.flag }
    var encoded: [UInt8]? { [self ? 1 : 0] }
}

extension String: PostgresValue {
    static var typeID: UInt32 { TypeID.text }
    var encoded: [UInt8]? { Array(utf8) }
}

extension Timestamp: PostgresValue {
    static var typeID: UInt32 { TypeID.integer }
    var encoded: [UInt8]? { milliseconds.encoded }
}

extension Identifier: PostgresValue {
    static var typeID: UInt32 { TypeID.id }
    var encoded: [UInt8]? { bytes }
}

extension TokenHash: PostgresValue {
    static var typeID: UInt32 { TypeID.bytes }
    var encoded: [UInt8]? { bytes }
}

extension KeyID: PostgresValue {
    static var typeID: UInt32 { TypeID.bytes }
    var encoded: [UInt8]? { bytes }
}

extension Optional: PostgresValue where Wrapped: PostgresValue {
    static var typeID: UInt32 { Wrapped.typeID }
    var encoded: [UInt8]? { self?.encoded ?? nil }
}

/// Bytes for a column of `bytea`.
struct Bytes: PostgresValue {
    let encoded: [UInt8]?

    init(_ bytes: [UInt8]) { encoded = bytes }

    static var typeID: UInt32 { TypeID.bytes }
}

/// Whole numbers, for `unnest`.
struct Integers: PostgresValue {
    let encoded: [UInt8]?

    init(_ numbers: some Collection<Int64>) {
        var header = ArrayHeader(count: numbers.count, element: TypeID.integer, bytes: numbers.count * 8)
        for number in numbers { header.append(number.encoded ?? []) }
        encoded = header.bytes
    }

    static var typeID: UInt32 { TypeID.integers }
}

/// Values of bytes, for `unnest`.
struct ByteArrays: PostgresValue {
    let encoded: [UInt8]?

    init<Values: Collection>(_ values: Values) where Values.Element == [UInt8] {
        var header = ArrayHeader(
            count: values.count, element: TypeID.bytes, bytes: values.reduce(0) { $0 + $1.count })
        for value in values { header.append(value) }
        encoded = header.bytes
    }

    static var typeID: UInt32 { TypeID.byteArrays }
}

/// Identifiers, by their bytes.
struct Identifiers: PostgresValue {
    let encoded: [UInt8]?

    init(_ values: [[UInt8]]) {
        var header = ArrayHeader(count: values.count, element: TypeID.id, bytes: values.count * 16)
        for value in values { header.append(value) }
        encoded = header.bytes
    }

    static var typeID: UInt32 { TypeID.ids }
}

/// An array of one dimension as `array_recv` reads it: dimensions, whether there are NULLs, the elements' type, count and lower
/// bound, then each element with its length.
private struct ArrayHeader {
    var bytes: [UInt8] = []

    init(count: Int, element: UInt32, bytes size: Int) {
        bytes.reserveCapacity(20 + 4 * count + size)
        // An array without elements has no dimension.
        let words: [UInt32] = count == 0 ? [0, 0, element] : [1, 0, element, UInt32(count), 1]
        for word in words { append(word: word) }
    }

    mutating func append(_ element: [UInt8]) {
        append(word: UInt32(element.count))
        bytes += element
    }

    private mutating func append(word: UInt32) {
        withUnsafeBytes(of: word.bigEndian) { bytes += $0 }
    }
}
