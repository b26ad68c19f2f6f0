/// Events that came together, as one row of a store holds them: what a commit costs goes by rows more than by bytes.
public struct EventBlock: Sendable, Hashable {
    /// The numbers of its first and its last event; none between them is missing.
    public let first, last: Int64
    /// Each event's line behind its length: 4 bytes, most significant first.
    public let content: [UInt8]

    /// The most bytes of a block, unless its only line is longer: what has to be read to get at one event.
    public static let limit = 64 * 1024

    public init(first: Int64, last: Int64, content: [UInt8]) {
        self.first = first
        self.last = last
        self.content = content
    }

    /// Packs events, whose numbers have no gaps, in as few blocks as the limit allows.
    public static func pack(_ events: some Collection<StoredEvent>) -> [EventBlock] {
        var blocks: [EventBlock] = []
        var first: Int64?
        var last: Int64 = 0
        var content: [UInt8] = []
        content.reserveCapacity(min(limit, events.reduce(0) { $0 + $1.line.count + 4 }))
        for event in events {
            if let start = first, content.count + event.line.count + 4 > limit {
                blocks.append(EventBlock(first: start, last: last, content: content))
                first = nil
                content = []
            }
            first = first ?? event.sequence
            last = event.sequence
            withUnsafeBytes(of: UInt32(event.line.count).bigEndian) { content.append(contentsOf: $0) }
            content += event.line
        }
        if let first { blocks.append(EventBlock(first: first, last: last, content: content)) }
        return blocks
    }

    /// The events, in order.
    /// - Throws: `.damaged` when the content is not as many lines as the numbers say.
    public func events() throws(StoreError) -> [StoredEvent] {
        var events: [StoredEvent] = []
        var rest = content[...]
        while !rest.isEmpty {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 4, rest.count - 4 >= length else {
                throw StoreError(.damaged, "events: a block is cut")
            }
            rest = rest.dropFirst(4)
            events.append(StoredEvent(sequence: first + Int64(events.count), line: Array(rest.prefix(length))))
            rest = rest.dropFirst(length)
        }
        guard Int64(events.count) == last - first + 1 else {
            throw StoreError(.damaged, "events: a block does not hold what it says")
        }
        return events
    }
}

/// A part of a run's events, collected from its blocks in order.
public struct EventPage: Sendable {
    public private(set) var events: [StoredEvent] = []
    private let after: Int64
    private let limit: Int
    private let bytes: Int
    private var total = 0

    /// As in `EventStore.events`.
    public init(after: Int64, limit: Int, bytes: Int) {
        self.after = after
        self.limit = limit
        self.bytes = bytes
    }

    /// Takes what fits of the next block, and returns whether there is room for more.
    /// - Throws: `.damaged`, as `EventBlock.events`.
    public mutating func add(_ block: EventBlock) throws(StoreError) -> Bool {
        for event in try block.events() where event.sequence > after {
            total += event.line.count
            guard events.count < limit, total <= bytes || events.isEmpty else { return false }
            events.append(event)
        }
        return events.count < limit && total < bytes
    }
}

extension Collection<IncomingEvent> {
    /// The number of the first of these events that is stored otherwise; nil when none is.
    /// - Parameter stored: The events of the same numbers.
    /// - Throws: `.damaged` when they are not all there.
    public func firstDifference(to stored: [StoredEvent]) throws(StoreError) -> Int64? {
        guard stored.map(\.sequence) == map(\.sequence) else { throw StoreError(.damaged, "events: some are missing") }
        // A line ends with its hash.
        return zip(self, stored).first { $0.line != $1.line }?.0.sequence
    }
}
