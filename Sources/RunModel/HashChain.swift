internal import OpenSSLEngine
internal import TextEncodings

/// A SHA-256, as the chain and the digests of rules and artifacts use it.
package struct ChainHash: Sendable, Hashable, CustomStringConvertible {
    /// 32 bytes.
    package let bytes: [UInt8]

    package static let size = 32

    /// What the first line of a log continues.
    package static let zero = ChainHash(bytes: [UInt8](repeating: 0, count: size))

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// Takes 32 bytes; any other number is nil.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size else { return nil }
        self.bytes = bytes
    }

    /// Reads 64 hexadecimal digits in small letters; anything else is nil.
    package init?(_ text: String) { self.init(digits: Array(text.utf8).span) }

    /// The same from bytes.
    package init?(digits: Span<UInt8>) {
        guard digits.count == 2 * Self.size else { return nil }
        var bytes = [UInt8](repeating: 0, count: Self.size)
        for index in bytes.indices {
            guard let high = Hex.lowercaseValue(digits[2 * index]), let low = Hex.lowercaseValue(digits[2 * index + 1])
            else { return nil }
            bytes[index] = high << 4 | low
        }
        self.bytes = bytes
    }

    /// Reads the digits behind `sha256:`; anything else is nil.
    package init?(labelled text: Span<UInt8>) {
        let label: StaticString = "sha256:"
        let count = label.utf8CodeUnitCount
        // A static string is constant memory of that length.
        guard text.count > count, (0..<count).allSatisfy({ text[$0] == label.utf8Start[$0] }) else { return nil }
        self.init(digits: text.extracting(count..<text.count))
    }

    /// The hash at the end of a line that has been checked, without its line feed: `"hash":"…"}`.
    package init?(lineEnd line: Span<UInt8>) {
        guard line.count > 66 else { return nil }
        self.init(digits: line.extracting(line.count - 66..<line.count - 2))
    }

    /// The digest of some bytes.
    package init(of content: Span<UInt8>) {
        self.init(bytes: Self.digesting { try Digest.sha256(content) })
    }

    /// The hash of a line: SHA-256 of the hash before and the line's bytes before `,"hash":`
    /// (docs/formats/iterations-log.md, "The chain").
    package init(after previous: ChainHash, _ content: Span<UInt8>) {
        self.init(
            bytes: Self.digesting {
                var digest = try Digest(.sha256)
                try digest.update(previous.bytes.span)
                try digest.update(content)
                return try digest.finish()
            })
    }

    package var description: String { Hex.encode(bytes.span) }

    /// Digests fail only when memory does, or the library is not what was linked: there is nothing to go on with.
    private static func digesting(_ body: () throws -> [UInt8]) -> [UInt8] {
        do { return try body() } catch { fatalError("SHA-256 failed: \(error)") }
    }
}

/// Holds lines against the chain, one after another. Constant memory.
package struct ChainVerifier: Sendable {
    /// The hash of the last line; what the next one continues.
    package private(set) var head: ChainHash
    /// The number that the next line must have.
    package private(set) var nextSequence: Int
    /// The run of all lines; nil before the first, unless it was given.
    package private(set) var run: RunID?
    private var monotonic = 0

    /// Begins with a log's first line, or after line `nextSequence - 1`, whose hash is `head`.
    package init(run: RunID? = nil, head: ChainHash = .zero, nextSequence: Int = 1) {
        self.run = run
        self.head = head
        self.nextSequence = nextSequence
    }

    /// Takes the next line, without its line feed, and returns its event.
    ///
    /// - Throws: what is wrong with it; the verifier then stands where it stood.
    package mutating func add(_ bytes: Span<UInt8>) throws(EventLineError) -> RunEvent {
        let line = try EventLine(parsing: bytes)
        guard run == nil || run == line.event.run else { throw EventLineError(.brokenChain, "run") }
        guard line.event.sequence == nextSequence else { throw EventLineError(.brokenChain, "seq") }
        guard line.previous == head else { throw EventLineError(.brokenChain, "prev") }
        guard line.event.monotonic >= monotonic else { throw EventLineError(.brokenChain, "mono") }
        run = line.event.run
        head = line.hash
        nextSequence += 1
        monotonic = line.event.monotonic
        return line.event
    }
}
