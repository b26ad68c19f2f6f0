/// A value of a row as an embedded database keeps it, for copying whole databases.
package enum RawValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case text(String)
    case bytes([UInt8])
}

/// A table as it is: for copying whole databases, past the scopes of the store's methods.
package struct RawTable: Sendable, Hashable {
    package let name: String
    package let columns: [String]
    /// The columns of the primary key, in its order.
    package let key: [String]

    package init(name: String, columns: [String], key: [String]) {
        self.name = name
        self.columns = columns
        self.key = key
    }

    /// The values of a row's key.
    package func key(of row: [RawValue]) -> [RawValue] {
        key.compactMap { column in columns.firstIndex(of: column).map { row[$0] } }
    }
}
