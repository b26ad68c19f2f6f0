/// Where an event chain stands: what the next event must say.
public struct ChainHead: Sendable, Hashable {
    /// The sequence number that comes next.
    public let next: Int64
    /// The hash of the last event, or what the first event of a chain has in its place. 32 bytes.
    public let hash: [UInt8]

    public init(next: Int64, hash: [UInt8]) {
        self.next = next
        self.hash = hash
    }
}

/// An event as it arrived, taken apart as far as a store needs. The caller has checked that `hash` is that of `line`.
public struct IncomingEvent: Sendable, Hashable {
    public let sequence: Int64
    /// The hash of the event before it.
    public let previous: [UInt8]
    public let hash: [UInt8]
    /// The exact bytes, without the line feed.
    public let line: [UInt8]
    public let effect: RunEffect

    public init(sequence: Int64, previous: [UInt8], hash: [UInt8], line: [UInt8], effect: RunEffect) {
        self.sequence = sequence
        self.previous = previous
        self.hash = hash
        self.line = line
        self.effect = effect
    }
}

/// An event as it is stored.
public struct StoredEvent: Sendable, Hashable {
    public let sequence: Int64
    /// The exact bytes that arrived, without the line feed.
    public let line: [UInt8]

    public init(sequence: Int64, line: [UInt8]) {
        self.sequence = sequence
        self.line = line
    }
}

/// What became of a batch.
public enum AppendResult: Sendable, Hashable {
    /// All of it is durable: `added` events are new, the others were there with the same hash.
    case accepted(Run, added: Int)
    /// An event before this one is missing. Nothing was stored.
    case gap(ChainHead)
    /// The event with this number is not the one that is stored, or does not follow it. Nothing was stored.
    case fork(at: Int64, ChainHead)
    /// No such run, or not this runner's.
    case noRun
}

/// The event lines of runs.
public protocol EventStore: Sendable {
    /// Adds events to a run, in one transaction that is durable before this returns. The actor must be the runner that
    /// made the run.
    /// - Parameter events: At least one; sequence numbers without gaps, each linked to the one before it.
    func append(_ scope: Scope, to run: RunID, _ events: [IncomingEvent], now: Timestamp) async throws -> AppendResult
    /// Returns the events behind `after`, in order: at most `limit` of them, and no more than `bytes` bytes unless the
    /// first alone is larger. Empty when there is no such run.
    func events(
        _ scope: Scope, of run: RunID, after: Int64, limit: Int, bytes: Int
    ) async throws -> [StoredEvent]
}
