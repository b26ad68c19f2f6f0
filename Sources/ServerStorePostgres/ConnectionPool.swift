internal import Dispatch
internal import Foundation
internal import ServerStore
internal import Synchronization

/// Connections, each with a thread of its own: libpq blocks, and the threads of Swift's tasks must not.
///
/// Threads and connections come when there is work for them, up to `connections`. Work waits in one queue. What waits longer than
/// `waitTime` is refused, and so is everything beyond `maximumWaiting`: a database that is slow must not fill the memory.
final class ConnectionPool: Sendable {
    private struct Job {
        let deadline: ContinuousClock.Instant
        let place: String
        /// Does the work on a connection, or refuses without one.
        let perform: @Sendable (Result<Connection, any Error>) -> Void
    }

    private struct State {
        var waiting: ArraySlice<Job> = []
        var threads = 0
        var idle = 0
        var isClosed = false
    }

    private let connect: @Sendable () throws -> Connection
    private let limit: Int
    private let state = Mutex(State())
    /// Counts jobs that no thread has taken.
    private let work = DispatchSemaphore(value: 0)
    private let ended = DispatchGroup()

    /// How long work waits for a connection.
    static let waitTime: Duration = .seconds(10)
    static let maximumWaiting = 10_000

    init(connections: Int, connect: @Sendable @escaping () throws -> Connection) {
        limit = connections
        self.connect = connect
    }

    /// Does `body` on a connection and a thread of the pool.
    /// - Throws: what `body` throws, and `.unavailable` when there is no connection in time.
    func run<Value: Sendable>(
        _ place: String, _ body: @Sendable @escaping (Connection) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let job = Job(deadline: .now + Self.waitTime, place: place) { connection in
                continuation.resume(with: Result { try body(try connection.get()) })
            }
            enqueue(job)
        }
    }

    private func enqueue(_ job: Job) {
        let (isRefused, needsThread) = state.withLock { state in
            guard !state.isClosed, state.waiting.count < Self.maximumWaiting else { return (true, false) }
            state.waiting.append(job)
            guard state.idle < state.waiting.count, state.threads < limit else { return (false, false) }
            state.threads += 1
            return (false, true)
        }
        if isRefused {
            job.perform(.failure(StoreError(.unavailable, "\(job.place): too much is waiting for the database")))
            return
        }
        if needsThread {
            ended.enter()
            let thread = Thread { [self] in
                serve()
                ended.leave()
            }
            thread.name = "postgres"
            thread.start()
        }
        work.signal()
    }

    /// A thread: one job after another, on a connection that is made when the first one needs it and again when it was lost.
    private func serve() {
        var connection: Connection?
        while true {
            state.withLock { $0.idle += 1 }
            work.wait()
            let job = state.withLock { state in
                state.idle -= 1
                return state.waiting.popFirst()
            }
            // Woken without a job: the pool is closed.
            guard let job else { return }
            guard job.deadline > .now else {
                job.perform(.failure(StoreError(.unavailable, "\(job.place): the database is busy")))
                continue
            }
            if connection?.isAlive() != true { connection = nil }
            job.perform(
                Result {
                    let live = try connection ?? connect()
                    connection = live
                    return live
                })
            // What left a transaction open, or an answer unread, is not used again.
            if let used = connection, used.isBroken || used.isInTransaction { connection = nil }
        }
    }

    /// Refuses new work, does what waits, and closes the connections. Blocks.
    func close() {
        let threads = state.withLock { state in
            state.isClosed = true
            return state.threads
        }
        for _ in 0..<threads { work.signal() }
        ended.wait()
    }
}
