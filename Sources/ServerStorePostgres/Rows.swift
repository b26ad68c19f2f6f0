internal import CPostgres
internal import ServerStore

/// The result of a statement.
final class Rows {
    private let result: OpaquePointer
    private lazy var columns: [String: Int32] = {
        var columns: [String: Int32] = [:]
        for index in 0..<PQnfields(result) { columns[String(cString: PQfname(result, index))] = index }
        return columns
    }()

    /// Takes the result over; it is cleared with this object.
    init(_ result: OpaquePointer) { self.result = result }

    deinit { PQclear(result) }

    /// Number of rows.
    var count: Int { Int(PQntuples(result)) }

    /// How many rows a statement changed.
    var changes: Int { Int(String(cString: PQcmdTuples(result))) ?? 0 }

    /// What kind of statement was done: `COMMIT`, or `ROLLBACK` when there was nothing to commit.
    var command: String { String(cString: PQcmdStatus(result)) }

    subscript(index: Int) -> Row { Row(rows: self, index: Int32(index)) }

    var first: Row? { count > 0 ? self[0] : nil }

    func map<Value>(_ transform: (Row) throws -> Value) rethrows -> [Value] {
        try (0..<count).map { try transform(self[$0]) }
    }

    /// Lends the bytes of a value; nil when it is NULL.
    fileprivate func withBytes<Value>(
        _ row: Int32, _ column: String, type: UInt32?, _ body: (UnsafeRawBufferPointer) throws -> Value?
    ) throws -> Value? {
        guard let index = columns[column] else { throw StoreError(.damaged, "column \(column)") }
        guard PQgetisnull(result, row, index) == 0 else { return nil }
        let stored = PQftype(result, index)
        // Ids are bytes, and text that may hold U+0000 is kept as bytes.
        let fits =
            switch (type, stored) {
            case (nil, _), (TypeID.bytes, TypeID.id), (TypeID.text, TypeID.bytes): true
            case (let type, let stored): type == stored
            }
        guard fits else { throw StoreError(.damaged, "column \(column)") }
        // libpq owns the bytes until the result is cleared, which is after this.
        let bytes = UnsafeRawBufferPointer(
            start: PQgetvalue(result, row, index), count: Int(PQgetlength(result, row, index)))
        guard let value = try body(bytes) else { throw StoreError(.damaged, "column \(column)") }
        return value
    }

    /// Whether the statement failed.
    var isError: Bool {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: false
        default: true
        }
    }

    /// What went wrong; nil when nothing did, or when it is that an earlier statement failed.
    func error(_ place: String) -> StoreError? {
        guard isError, PQresultStatus(result) != PGRES_PIPELINE_ABORTED else { return nil }
        // PG_DIAG_SQLSTATE is a macro of a character. Messages and details hold values of rows, so only the code goes on.
        let code = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) } ?? "-----"
        return StoreError(sqlState: code, place)
    }
}

extension StoreError {
    /// Says what went wrong by the class of the code (PostgreSQL manual, appendix A).
    init(sqlState code: String, _ place: String) {
        switch code.prefix(2) {
        case "23": self.init(.conflict, place)
        case "XX", "58": self.init(.damaged, "\(place): SQLSTATE \(code)")
        default: self.init(.unavailable, "\(place): SQLSTATE \(code)")
        }
    }

    /// Whether the same transaction may succeed when it is done again: serialization failures and deadlocks.
    var isWorthAnotherTry: Bool { place.hasSuffix("SQLSTATE 40001") || place.hasSuffix("SQLSTATE 40P01") }
}

/// A row of a result. Holds the whole result.
struct Row: StoredRow {
    fileprivate let rows: Rows
    fileprivate let index: Int32

    func integer(_ column: String) throws -> Int64? {
        try rows.withBytes(index, column, type: TypeID.integer) { bytes in
            bytes.count == 8 ? Int64(bigEndian: bytes.loadUnaligned(as: Int64.self)) : nil
        }
    }

    func text(_ column: String) throws -> String? {
        try rows.withBytes(index, column, type: TypeID.text) { String(validating: $0, as: UTF8.self) }
    }

    func bytes(_ column: String) throws -> [UInt8]? {
        try rows.withBytes(index, column, type: TypeID.bytes) { Array($0) }
    }

    /// The binary form of a value, whatever its type is; nil when it is NULL.
    func raw(_ column: String) throws -> [UInt8]? {
        try rows.withBytes(index, column, type: nil) { Array($0) }
    }

    func flag(_ column: String) throws -> Bool {
        let value = try rows.withBytes(index, column, type: TypeID.flag) { $0.count == 1 ? $0[0] != 0 : nil }
        guard let value else { throw StoreError(.damaged, "column \(column)") }
        return value
    }
}
