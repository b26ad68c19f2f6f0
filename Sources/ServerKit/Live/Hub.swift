internal import NIOCore
internal import ServerStore
internal import ServiceLifecycle
internal import Synchronization

/// Wakes those who watch a run when events arrive, and hands them the newest ones.
///
/// A watcher is a cursor: the number of the last event that it was sent. What it has not read yet is nowhere but in the store, and
/// for the newest events of a watched run in one shared tail. So a watcher that reads slowly holds nothing, blocks nobody, and
/// misses nothing.
package final class Hub: Sendable, Service {
    /// What a watcher finds behind its cursor.
    enum Next: Sendable {
        /// Frames as they go on the wire, up to the event `through`; `isEnd` when that is the run's last.
        case frames(ByteBuffer, through: Int64, isEnd: Bool)
        /// Events are in the store that are not in the tail.
        case fetch
        /// Nothing new: the time is over, or there was a signal.
        case silence
        /// The server is going away.
        case closing
    }

    /// A run of an organization.
    struct Key: Hashable, Sendable {
        let organization: OrganizationID
        let run: RunID

        init(organization: OrganizationID, run: RunID) {
            self.organization = organization
            self.run = run
        }

        init(_ run: RunReference) { self.init(organization: run.organization, run: run.run) }

        var reference: RunReference { RunReference(organization: organization, run: run) }
    }

    private struct Piece {
        let first: Int64
        let last: Int64
        let frames: ByteBuffer
    }

    private struct Waiter {
        let continuation: CheckedContinuation<Void, Never>
        let deadline: ContinuousClock.Instant
    }

    private struct Channel {
        /// Watchers of events and waiters for commands.
        var users = 0
        var watchers = 0
        /// The last event that is known to be stored.
        var last: Int64 = 0
        /// Whether the run is over with that event.
        var isOver = false
        var tail: [Piece] = []
        var tailBytes = 0
        var waiters: [UInt64: Waiter] = [:]
        /// Counts what wakes up waiters for other reasons than events: a request to cancel.
        var signals: UInt64 = 0
    }

    private struct State {
        var channels: [Key: Channel] = [:]
        var nextWaiter: UInt64 = 0
        var isClosing = false
    }

    private let limits: ServerLimits
    private let state = Mutex(State())

    init(limits: ServerLimits) { self.limits = limits }

    /// How many watch any run.
    package var watcherCount: Int { state.withLock { $0.channels.values.reduce(0) { $0 + $1.watchers } } }

    /// How long the runner of a run may collect events before it sends them.
    func flushTime(_ key: Key) -> Duration {
        state.withLock { ($0.channels[key]?.watchers ?? 0) > 0 } ? limits.flushWatched : limits.flushUnwatched
    }

    // MARK: - Those who have something to say

    /// Tells watchers of events that are durable now.
    /// - Parameters:
    ///   - events: In order, without gaps; the last one is the newest of the run.
    ///   - isOver: Whether the run is over with them.
    func publish(_ key: Key, _ events: some Collection<IncomingEvent>, isOver: Bool) {
        guard let first = events.first?.sequence else { return }
        // Without watchers there is nothing to encode for.
        guard state.withLock({ $0.channels[key] != nil }) else { return }
        var frames = ByteBuffer()
        var last = first
        for event in events {
            Frame.event(event.sequence, event.line, into: &frames)
            last = event.sequence
        }
        let woken = state.withLock { state -> [Waiter] in
            guard var channel = state.channels[key] else { return [] }
            channel.last = max(channel.last, last)
            channel.isOver = isOver
            if channel.tail.last.map({ $0.last + 1 != first }) ?? false {
                channel.tail.removeAll()
                channel.tailBytes = 0
            }
            channel.tail.append(Piece(first: first, last: last, frames: frames))
            channel.tailBytes += frames.readableBytes
            while channel.tailBytes > limits.tailBytes, let oldest = channel.tail.first {
                channel.tailBytes -= oldest.frames.readableBytes
                channel.tail.removeFirst()
            }
            let woken = Array(channel.waiters.values)
            channel.waiters.removeAll()
            state.channels[key] = channel
            return woken
        }
        for waiter in woken { waiter.continuation.resume() }
    }

    /// Takes in what another server stored, or this one: those who wait find it in the store.
    func take(_ notice: StoreNotice) {
        switch notice {
        case .events(let run, let last): discover(Key(run), last)
        case .run(let run): signal(Key(run))
        case .credentials(let organization): for key in keys where key.organization == organization { signal(key) }
        case .everything: for key in keys { signal(key) }
        }
    }

    /// Everything that somebody waits for.
    var keys: [Key] { state.withLock { Array($0.channels.keys) } }

    /// Says which event of a run the store was found to have, and wakes those who have not got it.
    func discover(_ key: Key, _ last: Int64) {
        let woken = state.withLock { state -> [Waiter] in
            guard var channel = state.channels[key], channel.last < last else { return [] }
            channel.last = last
            let woken = Array(channel.waiters.values)
            channel.waiters.removeAll()
            state.channels[key] = channel
            return woken
        }
        for waiter in woken { waiter.continuation.resume() }
    }

    /// Wakes everybody at a run, for something that is not an event.
    func signal(_ key: Key) {
        let woken = state.withLock { state -> [Waiter] in
            guard var channel = state.channels[key] else { return [] }
            channel.signals += 1
            let woken = Array(channel.waiters.values)
            channel.waiters.removeAll()
            state.channels[key] = channel
            return woken
        }
        for waiter in woken { waiter.continuation.resume() }
    }

    // MARK: - Those who listen

    /// Registers a watcher of events (`isWatcher`) or a waiter for commands; `leave` must follow.
    ///
    /// Comes before the look into the store whose result `advance` takes: what is stored between the two is published here.
    func join(_ key: Key, isWatcher: Bool) {
        state.withLock { state in
            var channel = state.channels[key] ?? Channel()
            channel.users += 1
            if isWatcher { channel.watchers += 1 }
            state.channels[key] = channel
        }
    }

    /// Says which event the store is known to have.
    func advance(_ key: Key, to last: Int64) {
        state.withLock { state in
            guard let known = state.channels[key]?.last, known < last else { return }
            state.channels[key]?.last = last
        }
    }

    func leave(_ key: Key, isWatcher: Bool) {
        state.withLock { state in
            guard var channel = state.channels[key] else { return }
            channel.users -= 1
            if isWatcher { channel.watchers -= 1 }
            state.channels[key] = channel.users == 0 ? nil : channel
        }
    }

    /// Returns what is behind `cursor`, and waits for it until `deadline`.
    func next(_ key: Key, after cursor: Int64, until deadline: ContinuousClock.Instant) async -> Next {
        if let next = look(key, after: cursor) { return next }
        await wait(key, until: deadline) { channel in channel.last <= cursor }
        return look(key, after: cursor) ?? .silence
    }

    /// How many signals the run has had; what `waitForSignal` compares with.
    func signals(_ key: Key) -> UInt64 { state.withLock { $0.channels[key]?.signals ?? 0 } }

    /// Waits until the run has had more than `seen` signals, or until `deadline`.
    func waitForSignal(_ key: Key, beyond seen: UInt64, until deadline: ContinuousClock.Instant) async {
        while ContinuousClock.now < deadline {
            let isOver = state.withLock { state in
                state.isClosing || state.channels[key].map { $0.signals != seen } ?? true
            }
            if isOver || Task.isCancelled { return }
            await wait(key, until: deadline) { $0.signals == seen }
        }
    }

    private func look(_ key: Key, after cursor: Int64) -> Next? {
        state.withLock { state in
            if state.isClosing { return .closing }
            guard let channel = state.channels[key], channel.last > cursor else { return nil }
            // A cursor in the middle of a piece is served from the store, which lands it on a boundary again.
            guard let piece = channel.tail.first(where: { $0.first == cursor + 1 }) else { return .fetch }
            return .frames(
                piece.frames, through: piece.last, isEnd: channel.isOver && piece.last == channel.last)
        }
    }

    /// Suspends while `condition` holds, until somebody is woken or `deadline` passes.
    private func wait(
        _ key: Key, until deadline: ContinuousClock.Instant, while condition: (Channel) -> Bool
    ) async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waits = state.withLock { state in
                    guard !state.isClosing, !Task.isCancelled, let channel = state.channels[key], condition(channel)
                    else { return false }
                    state.channels[key]?.waiters[id] = Waiter(continuation: continuation, deadline: deadline)
                    return true
                }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.channels[key]?.waiters.removeValue(forKey: id) }?.continuation.resume()
        }
    }

    // MARK: - Time

    /// Wakes those whose time is over, four times a second, and everybody at shutdown. One timer for all of them: a task that
    /// sleeps for each watcher would cost more than the watcher.
    package func run() async throws {
        await withGracefulShutdownHandler {
            while !Task.isCancelled, !state.withLock({ $0.isClosing }) {
                try? await Task.sleep(for: Self.tick)
                for waiter in overdue(.now) { waiter.continuation.resume() }
            }
        } onGracefulShutdown: {
            self.close()
        }
    }

    private static let tick: Duration = .milliseconds(250)

    /// Ends all streams: readers come back and find the next server.
    package func close() {
        for waiter in overdue(nil) { waiter.continuation.resume() }
    }

    /// Takes out the waiters whose deadline has passed; all of them, and closes, without a time.
    private func overdue(_ now: ContinuousClock.Instant?) -> [Waiter] {
        state.withLock { state in
            if now == nil { state.isClosing = true }
            var woken: [Waiter] = []
            for key in state.channels.keys {
                let due = state.channels[key]?.waiters.filter { now == nil || $0.value.deadline <= now! } ?? [:]
                woken += due.values
                for id in due.keys { state.channels[key]?.waiters.removeValue(forKey: id) }
            }
            return woken
        }
    }
}

/// Server-sent events (HTML Standard, section 9.2).
enum Frame {
    /// An event of a run. `data` is the line itself: JSON, so it holds no line break.
    static func event(_ sequence: Int64, _ line: [UInt8], into buffer: inout ByteBuffer) {
        buffer.writeString("id: \(sequence)\ndata: ")
        buffer.writeBytes(line)
        buffer.writeString("\n\n")
    }

    /// An event of the stream itself. `json` holds no line break.
    static func named(_ name: String, _ json: String) -> ByteBuffer {
        ByteBuffer(string: "event: \(name)\ndata: \(json)\n\n")
    }

    /// How long a browser waits before it comes back, in milliseconds.
    static let retry = ByteBuffer(string: "retry: 2000\n\n")

    static let comment = ByteBuffer(string: ":\n\n")
}
