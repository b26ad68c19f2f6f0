internal import Glibc
internal import OpenSSLEngine

/// Where bytes come from.
public protocol ByteSource: ~Copyable {
    /// Appends what is there, at least one byte unless the input has ended; returns how many bytes. 0: the end.
    mutating func read(into output: inout OutputSpan<UInt8>) throws(SealingError) -> Int
}

/// Where bytes go.
public protocol ByteSink: ~Copyable {
    /// Writes all of `bytes`.
    mutating func write(_ bytes: Span<UInt8>) throws(SealingError)
}

/// Reads a file descriptor, which stays open and the caller's.
public struct DescriptorSource: ByteSource {
    private let descriptor: CInt

    public init(_ descriptor: CInt) { self.descriptor = descriptor }

    public mutating func read(into output: inout OutputSpan<UInt8>) throws(SealingError) -> Int {
        var failure: CInt = 0
        let amount = output.withUnsafeMutableBufferPointer { buffer, initialized in
            guard buffer.count > initialized else { return 0 }
            while true {
                // In bounds: the free part of the buffer.
                let result = Glibc.read(descriptor, buffer.baseAddress! + initialized, buffer.count - initialized)
                if result >= 0 {
                    initialized += result
                    return result
                }
                if errno != EINTR {
                    failure = errno
                    return 0
                }
            }
        }
        guard failure == 0 else { throw SealingError.system("read", failure) }
        return amount
    }
}

/// Writes a file descriptor, which stays open and the caller's.
public struct DescriptorSink: ByteSink {
    private let descriptor: CInt

    public init(_ descriptor: CInt) { self.descriptor = descriptor }

    public mutating func write(_ bytes: Span<UInt8>) throws(SealingError) {
        let failure = bytes.withUnsafeBufferPointer { buffer -> CInt in
            var offset = 0
            while offset < buffer.count {
                // In bounds: the part that is not written yet.
                let result = Glibc.write(descriptor, buffer.baseAddress! + offset, buffer.count - offset)
                if result >= 0 {
                    offset += result
                } else if errno != EINTR {
                    return errno
                }
            }
            return 0
        }
        guard failure == 0 else { throw SealingError.system("write", failure) }
    }
}

/// Reads from memory.
public struct MemorySource: ByteSource {
    private let bytes: [UInt8]
    private var offset = 0
    /// The most bytes one read gives, so that tests can cut the input anywhere.
    private let step: Int

    public init(_ bytes: [UInt8], step: Int = .max) {
        precondition(step > 0)
        self.bytes = bytes
        self.step = step
    }

    public mutating func read(into output: inout OutputSpan<UInt8>) throws(SealingError) -> Int {
        let amount = min(step, output.freeCapacity, bytes.count - offset)
        output.append(contentsOf: bytes.span.extracting(offset..<offset + amount))
        offset += amount
        return amount
    }
}

/// Collects what is written.
public struct MemorySink: ByteSink {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func write(_ bytes: Span<UInt8>) throws(SealingError) {
        bytes.withUnsafeBufferPointer { self.bytes.append(contentsOf: $0) }
    }
}

extension SealingError {
    /// A failed system call: its name and the system's text for `number`.
    static func system(_ call: String, _ number: CInt) -> SealingError {
        SealingError(.inputOutput, "\(call): \(String(cString: strerror(number)))")
    }
}

/// A bounded window onto a source: bytes that were read and not yet consumed.
struct InputBuffer<Source: ByteSource & ~Copyable>: ~Copyable {
    private var source: Source
    private var buffer: WipedBuffer
    /// The first byte of `buffer` that has not been consumed.
    private var start = 0
    /// Whether the source has ended.
    private(set) var isAtEnd = false

    /// Where the next read goes after the window has been moved, unless more than this is left over: a multiple of
    /// the cache line, because the kernel copies to such addresses a third faster.
    private static var headroom: Int { 64 }

    init(_ source: consuming Source, capacity: Int) {
        self.source = source
        self.capacity = capacity
        buffer = WipedBuffer(capacity: capacity + Self.headroom)
    }

    /// The most bytes that can be there at a time.
    private let capacity: Int

    /// How many bytes are there.
    var count: Int { buffer.count - start }

    /// The bytes that are there.
    var bytes: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { buffer.bytes.extracting(start...) }
    }

    /// Reads once. Returns false when the source has ended or the window is full.
    mutating func fill() throws(SealingError) -> Bool {
        guard !isAtEnd else { return false }
        if start > 0 {
            let target = min(start, max(0, Self.headroom - count))
            buffer.relocate(from: start, to: target)
            start = target
        }
        guard buffer.count < buffer.capacity else { return false }
        // A source is a stored property of ours, the buffer another: no overlap.
        let amount = try readOnce(&source, &buffer)
        if amount == 0 { isAtEnd = true }
        return amount > 0
    }

    /// Reads until `amount` bytes are there, or the source ends. Returns whether they are.
    mutating func require(_ amount: Int) throws(SealingError) -> Bool {
        precondition(amount <= capacity)
        while count < amount {
            guard try fill() else { return false }
        }
        return true
    }

    /// Drops the first `amount` bytes.
    mutating func consume(_ amount: Int) {
        precondition(amount <= count)
        start += amount
    }
}

private func readOnce<Source: ByteSource & ~Copyable>(
    _ source: inout Source, _ buffer: inout WipedBuffer
) throws(SealingError) -> Int {
    try buffer.edit { (output) throws(SealingError) in try source.read(into: &output) }
}
