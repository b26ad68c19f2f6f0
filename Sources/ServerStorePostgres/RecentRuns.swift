internal import ServerStore
internal import Synchronization

/// Runs as they were after the last batch that this server stored of each, so that the next batch needs no question before it.
///
/// What is remembered may be out of date: another server may have stored a batch since or cancelled the run, or it may be gone, or gone and
/// made anew by another runner. So it only says what to try. The statement that stores makes sure that the run stands where it was
/// believed to and is the same runner's, and returns `cancelRequested`, the one thing that changes without a batch. Whether the runner still
/// is one is asked before, with each request.
final class RecentRuns: Sendable {
    private let runs = Mutex<[RunReference: Run]>([:])

    /// Runs that are remembered, of at most about a kilobyte each. When there are more, all are forgotten, which costs each one question.
    static let capacity = 4096

    /// The run, when it stood right before `event`.
    func run(_ reference: RunReference, before event: IncomingEvent) -> Run? {
        runs.withLock { runs in
            guard let run = runs[reference], run.chain.next == event.sequence, run.chain.hash == event.previous else {
                return nil
            }
            return run
        }
    }

    func remember(_ run: Run, as reference: RunReference) {
        runs.withLock { runs in
            if runs.count >= Self.capacity, runs[reference] == nil { runs = [:] }
            // A run that is over gets no more batches.
            runs[reference] = run.summary.isOver ? nil : run
        }
    }

    func forget(_ reference: RunReference) { runs.withLock { $0[reference] = nil } }
}
