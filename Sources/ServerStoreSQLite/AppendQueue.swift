internal import GRDB
internal import ServerStore
internal import Synchronization

/// Commits batches of events, several in one transaction when several are waiting.
///
/// A commit waits for the disk. Batches of other runs that arrive meanwhile collect here, and the next transaction takes
/// them all, so the number of flushes does not grow with the number of runs. Nobody is answered before the flush that
/// holds their events. A batch that fails is undone by its savepoint and takes no other with it.
final class AppendQueue: Sendable {
    private struct Waiting {
        let batch: EventBatch
        let continuation: CheckedContinuation<AppendResult, any Error>
    }

    private struct State {
        var waiting: [Waiting] = []
        /// Whether a transaction is under way; it takes what waits when it is done.
        var isWriting = false
    }

    private let pool: DatabasePool
    private let state = Mutex(State())

    /// The most batches of one transaction: bounds how long the first of them waits for the others.
    private static let group = 64

    init(pool: DatabasePool) { self.pool = pool }

    /// Stores a batch; returns when it is durable.
    func append(_ batch: EventBatch) async throws -> AppendResult {
        try await withCheckedThrowingContinuation { continuation in
            let isFirst = state.withLock { state in
                state.waiting.append(Waiting(batch: batch, continuation: continuation))
                defer { state.isWriting = true }
                return !state.isWriting
            }
            if isFirst { writeGroup() }
        }
    }

    private func writeGroup() {
        pool.asyncWriteWithoutTransaction { [self] database in
            let group = state.withLock { state in
                let group = state.waiting.prefix(Self.group)
                state.waiting.removeFirst(group.count)
                return group
            }
            let outcomes = store(group.map(\.batch), in: database)
            for (waiting, outcome) in zip(group, outcomes) { waiting.continuation.resume(with: outcome) }
            let isMore = state.withLock { state in
                state.isWriting = !state.waiting.isEmpty
                return state.isWriting
            }
            if isMore { writeGroup() }
        }
    }

    private func store(_ batches: [EventBatch], in database: Database) -> [Result<AppendResult, any Error>] {
        var outcomes: [Result<AppendResult, any Error>] = []
        do {
            try database.inTransaction(.immediate) {
                for batch in batches {
                    outcomes.append(Result { try storeOne(batch, in: database) })
                }
                return .commit
            }
            return outcomes
        } catch {
            // Nothing of the group is stored: neither began, or the commit failed.
            return batches.map { _ in .failure(error) }
        }
    }

    private func storeOne(_ batch: EventBatch, in database: Database) throws -> AppendResult {
        var result: AppendResult?
        try database.inSavepoint {
            result = try batch.store(in: database)
            return .commit
        }
        guard let result else { throw StoreError(.unavailable, "events") }
        return result
    }
}
