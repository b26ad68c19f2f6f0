package import ServerStore

/// A PostgreSQL database that another store is copied into, row by row.
///
/// Until the copy is complete, a table says whose copy it is and how far it is, and no server starts on the database. Each batch of rows and
/// where it ends are one transaction, so a copy that was stopped goes on behind its last batch. Row-level security holds here
/// too: each row is written and read back in the scope that it belongs to.
package final class CopyTarget {
    private let connection: Connection
    private var columns: [String: [String: UInt32]] = [:]

    /// Opens an empty database, or one with an unfinished copy of the same source. Blocks.
    /// - Parameter source: Tells the source from others.
    /// - Throws: `.conflict` when something else is in the database.
    package init(_ address: PostgresAddress, source: String) throws {
        connection = try address.connect()
        try PostgresStore.requireSubject(connection)
        try Schema.migrate(connection)
        if try Self.isUnfinished(connection) {
            let other = try single("SELECT source FROM \(Self.table) WHERE source <> $1 LIMIT 1", [source]).count
            guard other == 0 else {
                throw StoreError(.conflict, "the database holds the unfinished copy of another store")
            }
            return
        }
        let known = try connection.single(
            "copy", Visibility(task: .list), "SELECT 1::bigint AS n FROM orgs LIMIT 1", []
        ).count
        guard known == 0 else { throw StoreError(.conflict, "the database is not empty") }
        _ = try connection.write("copy", Visibility()) { transaction in
            try transaction.execute(
                """
                CREATE TABLE \(Self.table) (
                    source text COLLATE "C" NOT NULL, name text COLLATE "C" NOT NULL PRIMARY KEY,
                    rows bigint NOT NULL, last bytea)
                """)
            try transaction.execute("INSERT INTO \(Self.table) VALUES ($1, '', 0, NULL)", [source])
        }
    }

    private static let table = "unfinished_copy"

    /// Whether a copy into the database has begun and not ended.
    static func isUnfinished(_ connection: Connection) throws -> Bool {
        try connection.single(
            "copy", Visibility(),
            "SELECT 1::bigint AS n FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1", [table]
        ).count > 0
    }

    /// Looks whether all tables are here, with all their columns, before any row is.
    package func check(_ tables: [RawTable]) throws { for table in tables { _ = try types(of: table) } }

    /// How many rows of a table are here, and the key of the last.
    package func progress(of table: RawTable) throws -> (rows: Int, last: [RawValue]?) {
        let rows = try single("SELECT rows, last FROM \(Self.table) WHERE name = $1", [table.name])
        guard let row = rows.first else { return (0, nil) }
        return (try row.value("rows"), try row.bytes("last").map { try RawValue.decode($0) })
    }

    /// Adds rows that come next, and notes how far the copy is.
    package func add(_ rows: [[RawValue]], to table: RawTable) throws {
        let types = try types(of: table)
        let names = table.columns.joined(separator: ", ")
        let places = table.columns.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        let statement = "INSERT INTO \(table.name) (\(names)) VALUES (\(places))"
        var steps: [Connection.Step] = []
        var visibility: Visibility?
        for row in rows {
            try see(row, of: table, &visibility, &steps)
            steps.append(Connection.Step(sql: statement, values: try encode(row, table, types)))
        }
        guard let last = rows.last else { return }
        steps.append(
            Connection.Step(
                sql: """
                    INSERT INTO \(Self.table) VALUES ((SELECT source FROM \(Self.table) WHERE name = ''), $1, $2, $3)
                    ON CONFLICT (name) DO UPDATE SET rows = \(Self.table).rows + $2, last = $3
                    """,
                values: [table.name, rows.count, Bytes(RawValue.encode(table.key(of: last)))]))
        _ = try connection.run(steps, place: "copy \(table.name)")
    }

    /// Returns how many of the rows are not here byte for byte as they are there.
    package func differences(_ rows: [[RawValue]], of table: RawTable) throws -> Int {
        let types = try types(of: table)
        let condition = table.key.enumerated().map { "\($0.element) = $\($0.offset + 1)" }.joined(separator: " AND ")
        let statement = "SELECT \(table.columns.joined(separator: ", ")) FROM \(table.name) WHERE \(condition)"
        var steps: [Connection.Step] = []
        var places: [Int] = []
        var visibility: Visibility?
        for row in rows {
            try see(row, of: table, &visibility, &steps)
            places.append(steps.count)
            let key = try zip(table.key, table.key(of: row)).map { column, value in
                try TypedValue(value, types[column] ?? 0, "\(table.name).\(column)")
            }
            steps.append(Connection.Step(sql: statement, values: key))
        }
        let results = try connection.run(steps, place: "compare \(table.name)")
        var differences = 0
        for (row, place) in zip(rows, places) {
            guard let stored = results[place].first else {
                differences += 1
                continue
            }
            let expected = try encode(row, table, types).map(\.encoded)
            let found = try table.columns.map { try stored.raw($0) }
            if expected != found { differences += 1 }
        }
        return differences
    }

    /// Ends the copy: servers may start.
    package func finish() throws {
        _ = try connection.write("copy", Visibility()) { try $0.execute("DROP TABLE \(Self.table)") }
        _ = try connection.run([Connection.Step(sql: "ANALYZE", values: [])], place: "copy")
    }

    private func single(_ sql: String, _ values: [any PostgresValue]) throws -> Rows {
        try connection.single("copy", Visibility(), sql, values)
    }

    /// Lets the rest of the transaction see what a row belongs to, if it does not yet.
    private func see(
        _ row: [RawValue], of table: RawTable, _ visibility: inout Visibility?, _ steps: inout [Connection.Step]
    ) throws {
        func bytes(_ column: String) -> [UInt8]? {
            guard let index = table.columns.firstIndex(of: column), case .bytes(let bytes) = row[index] else {
                return nil
            }
            return bytes
        }
        var needed = Visibility()
        needed.organization = bytes("org_id").flatMap { OrganizationID(bytes: $0) }
        // What is in no organization is seen by its user or its hash; so is a pairing, whoever it was decided for.
        if needed.organization == nil {
            needed.user = bytes("user_id").flatMap { UserID(bytes: $0) }
            needed.credential = bytes("hash")
        }
        if let device = bytes("device_hash") { needed.credential = device }
        guard needed != visibility else { return }
        steps += needed.steps
        visibility = needed
    }

    /// The types of a table's columns, among which must be the source's.
    private func types(of table: RawTable) throws -> [String: UInt32] {
        if let known = columns[table.name] { return known }
        let rows = try single(
            """
            SELECT attname::text AS name, atttypid::bigint AS type FROM pg_attribute
            WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
            """, [table.name])
        var types: [String: UInt32] = [:]
        for (name, type) in try rows.map({ (try $0.value("name", as: String.self), try $0.value("type", as: Int.self)) }
        ) {
            types[name] = UInt32(type)
        }
        // What only this side has stays NULL; a column that can not be is refused with the first row.
        guard Set(types.keys).isSuperset(of: table.columns) else {
            throw StoreError(.damaged, "the table \(table.name) has other columns there")
        }
        columns[table.name] = types
        return types
    }

    private func encode(
        _ row: [RawValue], _ table: RawTable, _ types: [String: UInt32]
    ) throws -> [any PostgresValue] {
        try zip(table.columns, row).map { column, value in
            try TypedValue(value, types[column] ?? 0, "\(table.name).\(column)")
        }
    }
}

/// A value in the binary form of a column.
private struct TypedValue: PostgresValue {
    let encoded: [UInt8]?

    /// What statements declare is known when they run only; a type that stands for all is not one that a value can be of.
    static var typeID: UInt32 { TypeID.unspecified }

    init(_ value: RawValue, _ type: UInt32, _ place: String) throws {
        switch (value, type) {
        case (.null, _): encoded = nil
        case (.integer(let number), TypeID.integer): encoded = number.encoded
        case (.integer(let number), TypeID.flag) where number == 0 || number == 1: encoded = [UInt8(number)]
        case (.text(let text), TypeID.text), (.text(let text), TypeID.bytes): encoded = Array(text.utf8)
        case (.bytes(let bytes), TypeID.bytes): encoded = bytes
        case (.bytes(let bytes), TypeID.id) where bytes.count == 16: encoded = bytes
        default: throw StoreError(.damaged, "\(place): not of the column's type there")
        }
    }
}

extension RawValue {
    /// Values one after another, each with its kind and length.
    fileprivate static func encode(_ values: [RawValue]) -> [UInt8] {
        values.flatMap { value -> [UInt8] in
            let (kind, bytes): (UInt8, [UInt8])
            switch value {
            case .null: (kind, bytes) = (0, [])
            case .integer(let number): (kind, bytes) = (1, number.encoded ?? [])
            case .text(let text): (kind, bytes) = (2, Array(text.utf8))
            case .bytes(let content): (kind, bytes) = (3, content)
            }
            return [kind] + (Int64(bytes.count).encoded ?? []) + bytes
        }
    }

    fileprivate static func decode(_ bytes: [UInt8]) throws -> [RawValue] {
        func number(_ bytes: ArraySlice<UInt8>) -> Int64 { bytes.reduce(0) { $0 << 8 | Int64($1) } }
        var values: [RawValue] = []
        var rest = bytes[...]
        while let kind = rest.popFirst() {
            let length = Int(number(rest.prefix(8)))
            rest = rest.dropFirst(8)
            guard length <= rest.count else { throw StoreError(.damaged, "the copy's progress") }
            let content = rest.prefix(length)
            rest = rest.dropFirst(length)
            switch kind {
            case 0: values.append(.null)
            case 1: values.append(.integer(number(content)))
            case 2: values.append(.text(String(decoding: content, as: UTF8.self)))
            case 3: values.append(.bytes(Array(content)))
            default: throw StoreError(.damaged, "the copy's progress")
            }
        }
        return values
    }
}
