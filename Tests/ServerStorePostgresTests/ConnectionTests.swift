internal import PostgresTestSupport
internal import SealingKit
internal import ServerStore
internal import Testing

@testable internal import ServerStorePostgres

/// What happens on the way to the database and back.
@Suite(.enabled(if: PostgresCluster.isExpected)) struct ConnectionTests {
    private func connect() throws -> Connection {
        try PostgresCluster.shared.get().address("postgres", role: "pipemason").connect()
    }

    @Test func valuesOfEveryKindComeBack() throws {
        let connection = try connect()
        let every = (0...255).map { UInt8($0) }
        let id = RunID.new(at: Timestamp(milliseconds: 1))
        let rows = try connection.single(
            "test", Visibility(),
            """
            SELECT $1 AS number, $2 AS word, $3 AS bytes, $4 AS id, $5 AS flag, $6 AS missing,
                (SELECT array_length($7, 1))::bigint AS numbers,
                (SELECT string_agg(part, ''::bytea ORDER BY place) FROM unnest($8) WITH ORDINALITY AS p(part, place)) AS joined
            """,
            [
                Int64.min, "ä\u{1F600}'\"\\", Bytes(every), id, true, Int64?.none, Integers([1, 2, 3]),
                ByteArrays([[], [1], every]),
            ])
        let row = try #require(rows.first)
        #expect(try row.value("number", as: Int64.self) == .min)
        #expect(try row.value("word", as: String.self) == "ä\u{1F600}'\"\\")
        #expect(try row.blob("bytes") == every && row.value("id", as: RunID.self) == id && row.flag("flag"))
        #expect(try row.optional("missing", as: Int64.self) == nil)
        #expect(try row.value("numbers", as: Int.self) == 3)
        #expect(try row.blob("joined") == [1] + every)
        let none = try connection.single(
            "test", Visibility(), "SELECT cardinality($1)::bigint AS a, cardinality($2)::bigint AS b, $3 AS empty",
            [Integers([Int64]()), ByteArrays([[UInt8]]()), Bytes([])])
        #expect(try none[0].value("a", as: Int.self) == 0 && none[0].value("b", as: Int.self) == 0)
        #expect(try none[0].blob("empty") == [])
        #expect(throws: StoreError.self) { try row.value("number", as: String.self) }
        #expect(throws: StoreError.self) { try row.value("nothing", as: String.self) }
    }

    @Test func errorSaysTheCodeAndNothingOfTheRow() throws {
        let connection = try connect()
        let error = #expect(throws: StoreError.self) {
            try connection.single("test", Visibility(), "SELECT $1::text::bigint AS n", ["a private word"])
        }
        #expect(error == StoreError(.unavailable, "test: SQLSTATE 22P02"))
        // The connection goes on, and what failed to be prepared is prepared again.
        for _ in 0..<2 {
            #expect(throws: StoreError.self) { try connection.single("test", Visibility(), "SELEC 1", []) }
        }
        #expect(try connection.single("test", Visibility(), "SELECT 1::bigint AS n", []).first?.value("n") == 1)
        #expect(!connection.isBroken && !connection.isInTransaction)
    }

    @Test func statementsSentTogetherAreOneTransaction() throws {
        let connection = try connect()
        let steps = [
            Connection.Step(sql: "CREATE TEMPORARY TABLE t (n bigint PRIMARY KEY)", values: [])
        ]
        _ = try connection.run(steps, place: "test")
        let insert = "INSERT INTO t VALUES ($1)"
        #expect(throws: StoreError.self) {
            try connection.run(
                [1, 2, 1].map { Connection.Step(sql: insert, values: [Int64($0)]) }, place: "test")
        }
        #expect(try connection.single("test", Visibility(), "SELECT count(*) AS n FROM t", []).first?.value("n") == 0)
        // What a transaction sees ends with it.
        let setting = "SELECT coalesce(current_setting('app.org', true), '') AS text"
        let id = OrganizationID.new(at: Timestamp(milliseconds: 1))
        let seen = try connection.single("test", Visibility(organization: id), setting, [])
        #expect(try seen[0].value("text", as: String.self) == id.description)
        #expect(try connection.single("test", Visibility(), setting, [])[0].value("text", as: String.self) == "")
    }

    @Test func largeValuesGoBothWays() throws {
        let connection = try connect()
        let large = [UInt8](repeating: 0xa5, count: 24 << 20)
        let rows = try connection.single("test", Visibility(), "SELECT $1 AS bytes", [Bytes(large)])
        #expect(try rows[0].blob("bytes") == large)
    }

    @Test func collisionsAreTriedAgainAndFailuresUndone() throws {
        let connection = try connect()
        var attempts = 0
        let value = try connection.write("test", Visibility()) { transaction -> Int in
            attempts += 1
            _ = try transaction.rows("SELECT 1::bigint AS n")
            guard attempts == 3 else { throw StoreError(sqlState: attempts == 1 ? "40001" : "40P01", "test") }
            return attempts
        }
        #expect(value == 3 && !connection.isInTransaction)
        #expect(throws: StoreError.self) {
            try connection.write("test", Visibility()) { transaction in
                _ = try transaction.rows("SELECT 1::bigint AS n")
                throw StoreError(sqlState: "40001", "test")
            }
        }
        #expect(!connection.isInTransaction)
    }

    @Test func connectionsThatDiedWhileIdleAreReplaced() async throws {
        try await withStore(connections: 3) { store, database, cluster in
            for _ in 0..<3 {
                try await store.ping()
                try cluster.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(database)'")
                // The server's farewell arrives a moment later.
                try await Task.sleep(for: .milliseconds(100))
                try await store.ping()
            }
        }
    }

    @Test func silentServerIsGivenUp() throws {
        let address = try PostgresCluster.shared.get().address("postgres", role: "pipemason")
        let connection = try Connection(address.parameters, timeout: .milliseconds(300))
        let start = ContinuousClock.now
        let error = #expect(throws: StoreError.self) {
            try connection.single("test", Visibility(), "SELECT pg_sleep(5)::text AS n", [])
        }
        #expect(error?.code == .unavailable && connection.isBroken)
        #expect(ContinuousClock.now - start < .seconds(3))
        #expect(throws: StoreError.self) { try connection.single("test", Visibility(), "SELECT 1", []) }
    }

    @Test func moreWorkThanConnectionsWaitsInLine() async throws {
        try await withStore(connections: 2) { store, _, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 { group.addTask { try await store.ping() } }
                try await group.waitForAll()
            }
        }
    }

    @Test func passwordIsInNoMessage() throws {
        let cluster = try PostgresCluster.shared.get()
        let word = "open" + "sesame"
        let uri = "postgres://nobody:\(word)@127.0.0.1:\(cluster.port)/missing"
        let address = try PostgresAddress(uri)
        #expect(address.holdsPassword)
        let error = #expect(throws: StoreError.self) { _ = try PostgresStore(address) }
        #expect(error?.code == .unavailable)
        #expect(error.map { !"\($0)".contains(word) } == true)
        for bad in ["postgres://[", "mysql://x", "postgres://u:\(word)@h/d?nonsense=1"] {
            let error = #expect(throws: StoreError.self) { _ = try PostgresAddress(bad) }
            #expect(error.map { !"\($0)".contains(word) } == true)
        }
    }

    @Test func nobodyListens() throws {
        let error = #expect(throws: StoreError.self) {
            _ = try PostgresStore(try PostgresAddress("postgres://pipemason@127.0.0.1:1/x"))
        }
        #expect(error?.code == .unavailable)
    }
}
