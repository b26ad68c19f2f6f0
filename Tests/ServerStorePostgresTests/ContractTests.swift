internal import PostgresTestSupport
internal import ServerStoreContract
internal import ServerStorePostgres
internal import Testing

/// A store on a database of its own, which goes when `body` is done.
func withStore<Value>(
    connections: Int = 8, _ body: (PostgresStore, _ database: String, PostgresCluster) async throws -> Value
) async throws -> Value {
    let cluster = try PostgresCluster.shared.get()
    let database = try cluster.newDatabase()
    let store = try PostgresStore(try cluster.address(database), connections: connections)
    do {
        let value = try await body(store, database, cluster)
        store.close()
        try cluster.dropDatabase(database)
        return value
    } catch {
        store.close()
        try? cluster.dropDatabase(database)
        throw error
    }
}

@Suite(.enabled(if: PostgresCluster.isExpected)) struct PostgresContractTests {
    @Test(arguments: ContractCase.all) func holds(_ promise: ContractCase) async throws {
        try await withStore { store, _, _ in try await promise.run(store) }
    }
}
