internal import OpenSSLEngine
package import RunModel
package import SealingKit
package import ServerStore
internal import Synchronization

/// The unwrapped keys of organizations, and the keys that sign receipts, for as long as the process runs.
///
/// Bounded by forgetting the oldest: a key that is asked for again is unwrapped again.
package final class KeyCabinet: Sendable {
    private let store: any ControlPlaneStore
    /// Reads the KEK file: it is read again when keys are unwrapped, so that `keys rotate-kek` needs no restart.
    private let keks: @Sendable () throws -> KeyFile
    private let open = Mutex<[OrganizationID: (keys: OrganizationKeys, since: ContinuousClock.Instant)]>([:])
    private let signers = Mutex<[OrganizationID: ReceiptSigner]>([:])

    private static let capacity = 1000
    /// How long keys are used without a look at their rows: after `keys revoke` and `keys shred-org` a running server goes on
    /// for at most as long.
    private static let freshness: Duration = .seconds(30)

    package init(store: any ControlPlaneStore, keks: @Sendable @escaping () throws -> KeyFile) {
        self.store = store
        self.keks = keks
    }

    /// Returns the organization's keys.
    /// - Parameter anew: Whether to look at their rows even if that was done just now.
    package func keys(_ scope: Scope, now: Timestamp, anew: Bool = false) async throws -> OrganizationKeys {
        let clock = ContinuousClock.now
        let cached = open.withLock { $0[scope.organization] }
        if let cached, !anew, clock - cached.since < Self.freshness { return cached.keys }
        let ring = KeyRing(store: AnyKeyRingStore(base: store.keys), keks: try keks())
        let keys = try await ring.open(scope.organization.description)
        open.withLock { open in
            if open.count >= Self.capacity { open.removeAll() }
            open[scope.organization] = (keys, clock)
        }
        return keys
    }

    /// Does `work` with the organization's keys; once more, with keys read anew, when one is missing: they may have been rotated.
    package func withKeys<Value>(
        _ scope: Scope, now: Timestamp, _ work: (OrganizationKeys) throws -> Value
    ) async throws -> Value {
        do { return try work(try await keys(scope, now: now)) } catch let error as SealingError
            where error.code == .unknownKey
        { return try work(try await keys(scope, now: now, anew: true)) }
    }

    /// Gives a new organization its keys, and the key that signs its receipts.
    package func create(_ scope: Scope, now: Timestamp) async throws {
        let ring = KeyRing(store: AnyKeyRingStore(base: store.keys), keks: try keks())
        try await ring.create(scope.organization.description, now: now.seconds)
        let secret = try Secret.random(count: Ed25519.keySize)
        let publicKey = try Ed25519.publicKey(of: secret)
        let id = ReceiptSigner.id(of: publicKey)
        let place = try SealedPlace.receiptKey(scope.organization, id)
        let sealed = try await keys(scope, now: now).sealField(secret.bytes, place)
        try await store.addReceiptKey(
            scope, ReceiptKey(id: id, publicKey: publicKey, sealed: sealed, created: now))
    }

    /// Returns what signs the organization's receipts.
    package func signer(_ scope: Scope, now: Timestamp) async throws -> ReceiptSigner {
        if let signer = signers.withLock({ $0[scope.organization] }) { return signer }
        guard let key = try await store.receiptKey(scope) else { throw StoreError(.damaged, "no receipt key") }
        let place = try SealedPlace.receiptKey(scope.organization, key.id)
        let signer = try await withKeys(scope, now: now) { keys in
            let opened = try keys.openField(key.sealed.span, place)
            return ReceiptSigner(id: key.id, publicKey: key.publicKey, secret: try Secret(copying: opened.bytes))
        }
        signers.withLock { signers in
            if signers.count >= Self.capacity { signers.removeAll() }
            signers[scope.organization] = signer
        }
        return signer
    }
}

/// Signs receipts for one organization.
package final class ReceiptSigner: Sendable {
    package let id: String
    package let publicKey: [UInt8]
    private let secret: Secret

    init(id: String, publicKey: [UInt8], secret: consuming Secret) {
        self.id = id
        self.publicKey = publicKey
        self.secret = secret
    }

    /// The first 8 bytes of the SHA-256 of a public key, in hexadecimal digits.
    static func id(of publicKey: [UInt8]) -> String { String(ChainHash(of: publicKey.span).description.prefix(16)) }

    /// The receipt for everything up to `chain`; nil when there is nothing yet. The same for the same chain.
    package func receipt(_ run: RunID, _ chain: ChainHead, rules: ChainHash?) throws -> Receipt? {
        guard chain.next > 1, let head = ChainHash(chain.hash) else { return nil }
        var receipt = Receipt(
            run: run.description, sequence: Int(chain.next - 1), head: head, rules: rules, key: id, signature: [])
        receipt.signature = try Ed25519.sign(receipt.signedBytes.span, with: secret)
        return receipt
    }
}
