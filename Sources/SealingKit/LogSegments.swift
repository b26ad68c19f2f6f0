public import OpenSSLEngine

/// One sealed piece of a live log.
public struct LogSegment: Sendable, Equatable {
    /// Its place in the log, from 0.
    public let index: UInt64
    /// Whether the log ends with it.
    public let isLast: Bool
    /// A kind-2 record.
    public let record: [UInt8]

    public init(index: UInt64, isLast: Bool, record: [UInt8]) {
        self.index = index
        self.isLast = isLast
        self.record = record
    }
}

/// Which log, for the context of its segments (docs/formats/log-segments.md).
public struct LogIdentity: Sendable, Hashable {
    public let tenant: String
    /// The log's own id, unique within the tenant.
    public let log: String

    public init(tenant: String, log: String) {
        self.tenant = tenant
        self.log = log
    }

    /// Index and last flag are part of the context: a segment that is moved, dropped or made the last does not open.
    func context(index: UInt64, isLast: Bool) throws(SealingError) -> RecordContext {
        try RecordContext(
            purpose: "log", tenant: tenant, table: "log_segments", row: log, column: String(index),
            generation: isLast ? "last" : "more")
    }
}

/// Cuts a live log into sealed segments.
///
/// A value that decides and does no I/O: the caller stores the segments that `append` returns and calls `cut` when
/// `maximumAge` has passed, so that a crash loses at most one segment and a reader can follow the log.
public struct LogSegmentSealer: ~Copyable {
    /// A segment is closed when it holds this many bytes.
    public static let maximumSize = 1 << 20
    /// A segment should be closed when its first byte is this old, in seconds. The clock is the caller's.
    public static let maximumAge = 5

    private let identity: LogIdentity
    private let key: SealingKey
    private var nextIndex: UInt64 = 0
    private var pending: WipedBuffer
    private var isFinished = false

    /// - Parameter key: the log's own file key.
    public init(_ identity: LogIdentity, key: SealingKey) {
        self.identity = identity
        self.key = key
        pending = WipedBuffer(capacity: Self.maximumSize)
    }

    /// Continues a log of which `nextIndex` segments have been stored.
    public init(_ identity: LogIdentity, key: SealingKey, resumingAt nextIndex: UInt64) {
        self.init(identity, key: key)
        self.nextIndex = nextIndex
    }

    /// Adds bytes of the log and returns the segments that became full, in order.
    public mutating func append(_ bytes: Span<UInt8>) throws(SealingError) -> [LogSegment] {
        precondition(!isFinished)
        var segments: [LogSegment] = []
        var offset = 0
        while offset < bytes.count {
            let amount = min(bytes.count - offset, Self.maximumSize - pending.count)
            pending.append(bytes.extracting(offset..<offset + amount))
            offset += amount
            if pending.count == Self.maximumSize { segments.append(try close(isLast: false)) }
        }
        return segments
    }

    /// Closes the current segment early; nil when it is empty.
    public mutating func cut() throws(SealingError) -> LogSegment? {
        precondition(!isFinished)
        return pending.count == 0 ? nil : try close(isLast: false)
    }

    /// Ends the log with a last segment, which may be empty.
    public mutating func finish() throws(SealingError) -> LogSegment {
        precondition(!isFinished)
        isFinished = true
        return try close(isLast: true)
    }

    private mutating func close(isLast: Bool) throws(SealingError) -> LogSegment {
        let context = try identity.context(index: nextIndex, isLast: isLast)
        let record = try SealedRecord.seal(pending.bytes, kind: .file, context: context, key: key)
        let segment = LogSegment(index: nextIndex, isLast: isLast, record: record)
        nextIndex += 1
        pending.wipe()
        return segment
    }
}

/// Opens the segments of a log in order and tells a whole log from a cut one.
public struct LogSegmentOpener<Keys: SealingKeySource> {
    private let identity: LogIdentity
    private let keys: Keys
    private var nextIndex: UInt64 = 0
    private var sawLast = false

    public init(_ identity: LogIdentity, keys: Keys) {
        self.identity = identity
        self.keys = keys
    }

    /// Returns the plaintext of the next segment.
    /// - Throws: `.damagedBody` when a segment is missing, repeated or follows the last one; otherwise as
    ///   `SealedRecord.openField`. A segment that was moved, or whose flag was changed, is `.wrongKeyOrContext`.
    public mutating func open(_ segment: LogSegment) throws(SealingError) -> WipedBuffer {
        guard !sawLast else { throw SealingError(.damagedBody, "a segment follows the last one") }
        guard segment.index == nextIndex else {
            throw SealingError(.damagedBody, "segment \(nextIndex) is missing, \(segment.index) is there")
        }
        let context = try identity.context(index: segment.index, isLast: segment.isLast)
        let plaintext = try SealedRecord.open(segment.record.span, kind: .file, context: context, keys: keys)
        nextIndex += 1
        sawLast = segment.isLast
        return plaintext
    }

    /// Confirms that the log is whole.
    /// - Throws: `.damagedBody` when the last segment has not been seen.
    public func finish() throws(SealingError) {
        guard sawLast else { throw SealingError(.damagedBody, "the log is cut after segment \(nextIndex)") }
    }
}
