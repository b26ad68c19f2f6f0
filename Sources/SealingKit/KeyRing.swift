public import OpenSSLEngine

/// A key of an organization as a store keeps it: wrapped under a KEK.
public struct OrganizationKey: Sendable, Hashable {
    /// What a key is for. The two purposes have versions of their own.
    public enum Purpose: String, Sendable, CaseIterable {
        /// Seals fields and file keys; rotated.
        case data
        /// Makes pseudonyms; never rotated by a schedule, because that breaks their linkability.
        case pseudonym
    }

    public let organization: String
    public let purpose: Purpose
    /// From 1, without gaps, for each organization and purpose.
    public let version: Int
    /// The id of the wrapped key, not of the KEK.
    public let id: KeyID
    public var state: KeyState
    /// Seconds since 1970.
    public let created: Int64
    /// A kind-3 record; its header names the KEK.
    public var wrapped: [UInt8]

    public init(
        organization: String, purpose: Purpose, version: Int, id: KeyID, state: KeyState, created: Int64,
        wrapped: [UInt8]
    ) {
        self.organization = organization
        self.purpose = purpose
        self.version = version
        self.id = id
        self.state = state
        self.created = created
        self.wrapped = wrapped
    }

    /// The place that `wrapped` is bound to: a row of one organization does not open as another's.
    public var context: RecordContext {
        get throws(SealingError) {
            try RecordContext(
                purpose: "org-key", tenant: organization, table: "org_keys", row: id.description,
                column: purpose.rawValue, generation: String(version))
        }
    }

    /// The id of the KEK that `wrapped` is sealed under.
    public var kek: KeyID { get throws(SealingError) { try SealedRecord.keyID(of: wrapped.span, kind: .key) } }
}

/// A sealed value in a store: a field, or a wrapped file key.
public struct StoredRecord: Sendable, Hashable {
    /// The store's own name for the place; orders the records of an organization.
    public let id: String
    /// `.field` or `.key`; bodies of files are not resealed, their keys are.
    public let kind: RecordKind
    public let context: RecordContext
    public var sealed: [UInt8]

    public init(id: String, kind: RecordKind, context: RecordContext, sealed: [UInt8]) {
        self.id = id
        self.kind = kind
        self.context = context
        self.sealed = sealed
    }
}

/// A change to the key rows of a store.
public enum KeyChange: Sendable, Hashable {
    case insert(OrganizationKey)
    case setState(organization: String, id: KeyID, KeyState)
    case setWrapped(organization: String, id: KeyID, [UInt8])
    /// Removes all key rows of an organization.
    case shred(organization: String)
}

/// Where the keys of organizations and the records under them are kept.
///
/// The server implements it over its database, `KeyRingFile` over a file.
public protocol KeyRingStore: Sendable {
    /// Returns the organizations that have keys, sorted.
    func organizations() async throws -> [String]
    /// Returns the keys of an organization, sorted by purpose and version.
    func keys(of organization: String) async throws -> [OrganizationKey]
    /// Applies all changes, or none when one of them fails; durable on return.
    func apply(_ changes: [KeyChange]) async throws
    /// Returns how many records of an organization are sealed under a key.
    func recordCount(of organization: String, under id: KeyID) async throws -> Int
    /// Returns at most `limit` records under a key whose ids come after `cursor`, sorted by id.
    func records(
        of organization: String, under id: KeyID, after cursor: String?, limit: Int
    ) async throws -> [StoredRecord]
    /// Replaces the sealed bytes of a record if they are still `old`; returns whether they were.
    func replace(_ record: StoredRecord, of organization: String, with new: [UInt8]) async throws -> Bool
}

/// The keys of one organization, unwrapped.
public final class OrganizationKeys: SealingKeySource, Sendable {
    public let organization: String
    private let entries: [(row: OrganizationKey, key: SealingKey)]

    init(organization: String, entries: [(row: OrganizationKey, key: SealingKey)]) {
        self.organization = organization
        self.entries = entries
    }

    /// The key that seals now.
    /// - Throws: `.unknownKey` when the organization has none: it was never given one, or it was shredded.
    public var primary: SealingKey {
        get throws(SealingError) { try current(.data) }
    }

    public func key(_ id: KeyID) throws(SealingError) -> SealingKey {
        guard let entry = entries.first(where: { $0.row.id == id && $0.row.purpose == .data }) else {
            throw SealingError(.unknownKey, "no key \(id) here")
        }
        guard entry.row.state != .revoked else { throw SealingError(.unknownKey, "key \(id) is revoked") }
        return entry.key
    }

    /// Makes a key for one file and wraps it for the file's row.
    public func newFileKey(_ context: RecordContext) throws(SealingError) -> (key: SealingKey, wrapped: [UInt8]) {
        try check(context)
        let key = try SealingKey.generate()
        return (key, try SealedRecord.wrapKey(key, context: context, key: primary))
    }

    /// Returns the key for one file from its row.
    public func fileKey(_ wrapped: Span<UInt8>, _ context: RecordContext) throws(SealingError) -> SealingKey {
        try check(context)
        return try SealedRecord.unwrapKey(wrapped, context: context, keys: self)
    }

    /// Seals a field under the primary key.
    public func sealField(_ plaintext: Span<UInt8>, _ context: RecordContext) throws(SealingError) -> [UInt8] {
        try check(context)
        return try SealedRecord.sealField(plaintext, context: context, key: primary)
    }

    /// Opens a field.
    public func openField(_ record: Span<UInt8>, _ context: RecordContext) throws(SealingError) -> WipedBuffer {
        try check(context)
        return try SealedRecord.openField(record, context: context, keys: self)
    }

    /// Returns the key for pseudonyms of one job, or of the whole organization, and its version.
    ///
    /// Equality of pseudonyms across jobs is itself information, so a job is the ordinary scope.
    public func pseudonymKey(job: String?) throws(SealingError) -> Secret {
        try current(.pseudonym).derived(for: job.map { "pseudonym/job/" + $0 } ?? "pseudonym/organization")
    }

    private func current(_ purpose: OrganizationKey.Purpose) throws(SealingError) -> SealingKey {
        guard let entry = entries.first(where: { $0.row.purpose == purpose && $0.row.state == .primary }) else {
            throw SealingError(.unknownKey, "organization \(organization) has no primary \(purpose.rawValue) key")
        }
        return entry.key
    }

    private func check(_ context: RecordContext) throws(SealingError) {
        guard context.tenant == organization else {
            throw SealingError(.refused, "a context of another tenant")
        }
    }
}

/// Makes, opens, rotates, revokes and destroys the keys of organizations (docs/formats/key-ring.md).
///
///     KEK ring (file) → key versions of an organization (store, wrapped) → purpose labels → file keys
///                     → its pseudonym key (store, wrapped)
public struct KeyRing<Store: KeyRingStore>: Sendable {
    public let store: Store
    /// The ring that wraps the rows.
    public let keks: KeyFile

    public init(store: Store, keks: KeyFile) {
        self.store = store
        self.keks = keks
    }

    /// The most records that one `reseal` step reads at a time.
    public static var batchSize: Int { 256 }

    /// Gives an organization its first keys.
    /// - Throws: `.refused` when it has keys.
    public func create(_ organization: String, now: Int64) async throws {
        guard try await store.keys(of: organization).isEmpty else {
            throw SealingError(.refused, "organization \(organization) has keys; rotate them instead")
        }
        try await store.apply([
            .insert(newKey(organization, .data, version: 1, now: now)),
            .insert(newKey(organization, .pseudonym, version: 1, now: now)),
        ])
    }

    /// Unwraps the keys of an organization.
    /// - Throws: `.unknownKey` when a KEK is missing; `.wrongKeyOrContext` when a row was moved or changed;
    ///   `.malformed` when a row's id is not that of its key.
    public func open(_ organization: String) async throws -> OrganizationKeys {
        let rows = try await store.keys(of: organization)
        let entries = try rows.map { row in (row: row, key: try unwrap(row)) }
        return OrganizationKeys(organization: organization, entries: entries)
    }

    /// Makes a new primary data key; the old one still opens.
    /// - Returns: the new key's id and version.
    public func rotateOrganization(_ organization: String, now: Int64) async throws -> (id: KeyID, version: Int) {
        let rows = try await store.keys(of: organization).filter { $0.purpose == .data }
        guard let newest = rows.map(\.version).max() else {
            throw SealingError(.refused, "organization \(organization) has no keys")
        }
        let row = try newKey(organization, .data, version: newest + 1, now: now)
        let demotions = rows.filter { $0.state == .primary }.map {
            KeyChange.setState(organization: organization, id: $0.id, .open)
        }
        try await store.apply(demotions + [.insert(row)])
        return (row.id, row.version)
    }

    /// Wraps every row under the primary KEK, in one transaction. The keys themselves do not change.
    /// - Returns: how many rows were wrapped anew.
    public func rewrapAll() async throws -> Int {
        var changes: [KeyChange] = []
        for organization in try await store.organizations() {
            for row in try await store.keys(of: organization) where try row.kek != keks.primary.id {
                let wrapped = try SealedRecord.wrapKey(unwrap(row), context: row.context, key: keks.primary)
                changes.append(.setWrapped(organization: organization, id: row.id, wrapped))
            }
        }
        if !changes.isEmpty { try await store.apply(changes) }
        return changes.count
    }

    /// Returns how many rows each KEK wraps.
    public func kekUse() async throws -> [KeyID: Int] {
        var use: [KeyID: Int] = [:]
        for organization in try await store.organizations() {
            for row in try await store.keys(of: organization) { use[try row.kek, default: 0] += 1 }
        }
        return use
    }

    /// One line of `keys status`.
    public struct Status: Sendable, Hashable {
        public let key: OrganizationKey
        public let kek: KeyID
        /// Records sealed under the key; 0 for pseudonym keys, which seal nothing.
        public let records: Int
    }

    /// Reports every key of an organization, or of all.
    public func status(_ organization: String? = nil) async throws -> [Status] {
        var result: [Status] = []
        var organizations = organization.map { [$0] } ?? []
        if organization == nil { organizations = try await store.organizations() }
        for organization in organizations {
            for row in try await store.keys(of: organization) {
                let records = row.purpose == .data ? try await store.recordCount(of: organization, under: row.id) : 0
                result.append(Status(key: row, kek: try row.kek, records: records))
            }
        }
        return result
    }

    /// What a `reseal` has done.
    public struct ResealProgress: Sendable, Hashable {
        /// Records sealed anew; in a dry run, records that would be.
        public var resealed = 0
        /// Records that someone else changed meanwhile; they are under the primary key or met again next time.
        public var skipped = 0
        /// Records that did not open, by id. They stay as they are.
        public var failed: [String] = []
        /// The last record seen: where the next call goes on. Nil when nothing was left.
        public var cursor: ResealCursor?
        /// Records that are still under other keys than the primary one.
        public var remaining = 0
    }

    /// A place in a `reseal`.
    public struct ResealCursor: Sendable, Hashable {
        public let key: KeyID
        public let record: String

        public init(key: KeyID, record: String) {
            self.key = key
            self.record = record
        }
    }

    /// Seals records that are under older data keys anew under the primary one, in their contexts.
    ///
    /// Opens everything it counts, also in a dry run. Can be stopped and continued at any record.
    /// - Parameters:
    ///   - cursor: where to go on; nil to begin.
    ///   - limit: the most records to visit.
    ///   - dryRun: open only, change nothing.
    ///   - progress: called after each batch.
    public func reseal(
        _ organization: String, from cursor: ResealCursor? = nil, limit: Int = .max, dryRun: Bool = false,
        progress: (ResealProgress) -> Void = { _ in }
    ) async throws -> ResealProgress {
        let keys = try await open(organization)
        let primary = try keys.primary
        let rows = try await store.keys(of: organization)
        let old = rows.filter { $0.purpose == .data && $0.state == .open }
        var result = ResealProgress()
        var visited = 0
        var isPast = cursor == nil
        for row in old {
            // Keys are visited in the order of their versions; the cursor says which are done.
            var after: String? = nil
            if !isPast {
                guard row.id == cursor?.key else { continue }
                isPast = true
                after = cursor?.record
            }
            while visited < limit {
                let batch = try await store.records(
                    of: organization, under: row.id, after: after, limit: min(Self.batchSize, limit - visited))
                guard let last = batch.last else { break }
                for record in batch { try await reseal(record, organization, keys, primary, dryRun, &result) }
                visited += batch.count
                after = last.id
                result.cursor = ResealCursor(key: row.id, record: last.id)
                progress(result)
            }
        }
        for row in old { result.remaining += try await store.recordCount(of: organization, under: row.id) }
        if result.remaining == 0 || visited < limit { result.cursor = nil }
        return result
    }

    private func reseal(
        _ record: StoredRecord, _ organization: String, _ keys: OrganizationKeys, _ primary: SealingKey,
        _ dryRun: Bool, _ result: inout ResealProgress
    ) async throws {
        let sealed: [UInt8]
        do {
            guard record.context.tenant == organization else { throw SealingError(.refused, "another tenant") }
            sealed = try SealedRecord.reseal(
                record.sealed.span, kind: record.kind, context: record.context, keys: keys, under: primary)
        } catch {
            // A value that does not open is left alone: writing anything would destroy the evidence.
            result.failed.append(record.id)
            return
        }
        if dryRun {
            result.resealed += 1
        } else if try await store.replace(record, of: organization, with: sealed) {
            result.resealed += 1
        } else {
            result.skipped += 1
        }
    }

    /// Ends a key's use.
    ///
    /// - Parameter isCompromised: revoke at once although records remain. They no longer open; what they held must
    ///   be issued anew, and is never silently sealed again.
    /// - Returns: the records that no longer open: empty unless `isCompromised`.
    /// - Throws: `.refused` for a primary key, or while records remain.
    public func revoke(
        _ id: KeyID, of organization: String, isCompromised: Bool = false
    ) async throws -> [StoredRecord] {
        guard let row = try await store.keys(of: organization).first(where: { $0.id == id }) else {
            throw SealingError(.unknownKey, "organization \(organization) has no key \(id)")
        }
        guard row.state != .primary else {
            throw SealingError(.refused, "key \(id) is primary; rotate first (keys rotate-org)")
        }
        let count = try await store.recordCount(of: organization, under: id)
        guard count == 0 || isCompromised else {
            throw SealingError(.refused, "\(count) records are left under key \(id); reseal first (keys reseal)")
        }
        try await store.apply([.setState(organization: organization, id: id, .revoked)])
        return count == 0
            ? [] : try await store.records(of: organization, under: id, after: nil, limit: .max)
    }

    /// What `shred` did and what can still undo it.
    public struct ShredReport: Sendable, Hashable {
        public let organization: String
        /// The destroyed rows' keys.
        public let keys: [KeyID]
        /// The KEKs that wrapped them. A backup of the rows together with one of these brings the keys back, until
        /// the KEK has been rotated and every copy of the old one destroyed.
        public let keks: [KeyID]
        /// The KEKs among them that still wrap rows of others, so that a rotation must come before they can go.
        public let keksInUse: [KeyID]
    }

    /// Destroys the keys of an organization, so that nothing that was sealed for it opens.
    public func shred(_ organization: String) async throws -> ShredReport {
        let rows = try await store.keys(of: organization)
        guard !rows.isEmpty else { throw SealingError(.refused, "organization \(organization) has no keys") }
        let keks = Set(try rows.map { row in try row.kek })
        try await store.apply([.shred(organization: organization)])
        let use = try await kekUse()
        let sorted = keks.sorted { $0.value < $1.value }
        return ShredReport(
            organization: organization, keys: rows.map(\.id), keks: sorted,
            keksInUse: sorted.filter { use[$0, default: 0] > 0 })
    }

    private func newKey(
        _ organization: String, _ purpose: OrganizationKey.Purpose, version: Int, now: Int64
    ) throws(SealingError) -> OrganizationKey {
        let key = try SealingKey.generate()
        // The id, and so the row's context, is fixed before the row is sealed.
        var row = OrganizationKey(
            organization: organization, purpose: purpose, version: version, id: key.id, state: .primary, created: now,
            wrapped: [])
        row.wrapped = try SealedRecord.wrapKey(key, context: row.context, key: keks.primary)
        return row
    }

    private func unwrap(_ row: OrganizationKey) throws(SealingError) -> SealingKey {
        let key = try SealedRecord.unwrapKey(row.wrapped.span, context: row.context, keys: keks)
        guard key.id == row.id else { throw SealingError(.malformed, "a key row with another key's id") }
        return key
    }
}
