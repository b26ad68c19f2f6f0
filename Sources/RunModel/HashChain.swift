internal import OpenSSLEngine
internal import TextEncodings

/// A SHA-256, as the chain and the digests of rules and artifacts use it.
package struct ChainHash: Sendable, Hashable, CustomStringConvertible {
    /// 32 bytes.
    package let bytes: [UInt8]

    package static let size = 32

    /// What the first line of a log continues.
    package static let zero = ChainHash(bytes: [UInt8](repeating: 0, count: size))

    fileprivate init(bytes: [UInt8]) { self.bytes = bytes }

    /// Takes 32 bytes; any other number is nil.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size else { return nil }
        self.bytes = bytes
    }

    /// Reads 64 hexadecimal digits in small letters; anything else is nil.
    package init?(_ text: String) { self.init(digits: Array(text.utf8).span) }

    /// The same from bytes.
    package init?(digits: Span<UInt8>) {
        guard digits.count == 2 * Self.size, let bytes = Hex.decodeLowercase(digits) else { return nil }
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
        do { self.init(bytes: try Digest.sha256(content)) } catch { Self.fail(error) }
    }

    /// The hash of a line: SHA-256 of the hash before and the line's bytes before `,"hash":`
    /// (docs/formats/iterations-log.md, "The chain").
    package init(after previous: ChainHash, _ content: Span<UInt8>) {
        var hasher = ChainHasher()
        self = hasher.hash(after: previous, content)
    }

    /// Whether these digits, in small letters, are this hash.
    func isWritten(_ digits: Span<UInt8>) -> Bool {
        guard digits.count == 2 * Self.size else { return false }
        return bytes.indices.allSatisfy {
            digits[2 * $0] == Hex.digit(bytes[$0] >> 4) && digits[2 * $0 + 1] == Hex.digit(bytes[$0] & 15)
        }
    }

    package var description: String { Hex.encode(bytes.span) }

    /// Digests fail only when memory does, or the library is not what was linked: there is nothing to go on with.
    fileprivate static func fail(_ error: any Error) -> Never { fatalError("SHA-256 failed: \(error)") }
}

/// Computes the hashes of many lines, one after another: to prepare OpenSSL's context costs as much as to hash a short line.
package struct ChainHasher: ~Copyable {
    private var digest: Digest

    package init() {
        do { digest = try Digest(.sha256) } catch { ChainHash.fail(error) }
    }

    /// The hash of a line: SHA-256 of the hash before and the line's bytes before `,"hash":`
    /// (docs/formats/iterations-log.md, "The chain").
    package mutating func hash(after previous: ChainHash, _ content: Span<UInt8>) -> ChainHash {
        do {
            try digest.update(previous.bytes.span)
            try digest.update(content)
            return ChainHash(bytes: try digest.finish())
        } catch { ChainHash.fail(error) }
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
