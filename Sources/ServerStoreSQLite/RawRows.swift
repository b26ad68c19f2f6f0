internal import Foundation
internal import GRDB
package import ServerStore

extension SQLiteStore {
    /// All tables, those that others refer to before those.
    package func rawTables() async throws -> [RawTable] {
        try await read("tables") { database in
            let names = try String.fetchAll(
                database,
                sql: """
                    SELECT name FROM sqlite_schema
                    WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'grdb_migrations' ORDER BY name
                    """)
            var waiting = try names.map { name in
                (
                    table: RawTable(
                        name: name, columns: try database.columns(in: name).map(\.name),
                        key: try database.primaryKey(name).columns),
                    needs: Set(try database.foreignKeys(on: name).map(\.destinationTable)).subtracting([name])
                )
            }
            var sorted: [RawTable] = []
            while !waiting.isEmpty {
                let known = Set(sorted.map(\.name))
                let ready = waiting.filter { $0.needs.isSubset(of: known) }
                guard !ready.isEmpty else { throw StoreError(.damaged, "tables refer to each other in a circle") }
                sorted += ready.map(\.table)
                waiting.removeAll { $0.needs.isSubset(of: known) }
            }
            return sorted
        }
    }

    /// The rows of a table behind a key, in the order of keys.
    package func rawRows(of table: RawTable, after key: [RawValue]?, limit: Int) async throws -> [[RawValue]] {
        try await read("rows") { database in
            let columns = table.key.joined(separator: ", ")
            let places = table.key.map { _ in "?" }.joined(separator: ", ")
            let condition = key == nil ? "" : "WHERE (\(columns)) > (\(places))"
            let values: [any DatabaseValueConvertible] = (key ?? []).map(\.databaseValue) + [limit]
            return try Row.fetchAll(
                database,
                sql: """
                    SELECT \(table.columns.joined(separator: ", ")) FROM \(table.name) \(condition)
                    ORDER BY \(columns) LIMIT ?
                    """,
                arguments: StatementArguments(values)
            ).map { row in row.databaseValues.map { RawValue($0) } }
        }
    }

    package func rawCount(of table: RawTable) async throws -> Int {
        try await read("rows") { database in
            try Int.fetchOne(database, sql: "SELECT count(*) FROM \(table.name)") ?? 0
        }
    }
}

extension RawValue {
    fileprivate init(_ value: DatabaseValue) {
        switch value.storage {
        case .null: self = .null
        case .int64(let number): self = .integer(number)
        // No column of ours holds one: the tables are STRICT.
        case .double(let number): self = .text(String(number))
        case .string(let text): self = .text(text)
        case .blob(let bytes): self = .bytes(Array(bytes))
        }
    }

    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let number): number.databaseValue
        case .text(let text): text.databaseValue
        case .bytes(let bytes): Data(bytes).databaseValue
        }
    }
}
