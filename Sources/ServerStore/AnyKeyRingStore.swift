package import SealingKit

/// `any KeyRingStore` as a type, which `KeyRing` wants.
package struct AnyKeyRingStore: KeyRingStore {
    private let base: any KeyRingStore

    package init(base: any KeyRingStore) { self.base = base }

    package func organizations() async throws -> [String] { try await base.organizations() }
    package func keys(of organization: String) async throws -> [OrganizationKey] {
        try await base.keys(of: organization)
    }
    package func apply(_ changes: [KeyChange]) async throws { try await base.apply(changes) }
    package func recordCount(of organization: String, under id: KeyID) async throws -> Int {
        try await base.recordCount(of: organization, under: id)
    }
    package func records(
        of organization: String, under id: KeyID, after cursor: String?, limit: Int
    ) async throws -> [StoredRecord] {
        try await base.records(of: organization, under: id, after: cursor, limit: limit)
    }
    package func replace(
        _ record: StoredRecord, of organization: String, with new: [UInt8]
    ) async throws -> Bool {
        try await base.replace(record, of: organization, with: new)
    }
}
