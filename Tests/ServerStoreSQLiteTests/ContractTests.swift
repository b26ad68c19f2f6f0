internal import Foundation
internal import ServerStore
internal import ServerStoreContract
internal import ServerStoreSQLite
internal import Testing

@Suite struct SQLiteContractTests {
    @Test(arguments: ContractCase.all) func holds(_ promise: ContractCase) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("pipemason-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let store = try SQLiteStore(path: directory.appendingPathComponent("server.sqlite").path)
        try await promise.run(store)
        try store.close()
    }
}
