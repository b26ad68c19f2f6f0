internal import Glibc

/// Gathers bytes and writes them to a descriptor, whole, whatever the descriptor does: short writes, interrupted
/// calls, non-blocking descriptors.
///
/// The first failure is kept in `failure`; from then on nothing is written.
package final class ByteWriter {
    private let descriptor: Int32
    /// For messages: "standard output", or a path.
    private let name: String
    private let encoder: (any ByteEncoder)?
    private let buffer: UnsafeMutableRawBufferPointer
    /// Bytes of `buffer` that wait to be written.
    private var used = 0

    /// Why writing stopped; nil: it did not.
    package private(set) var failure: Failure?

    /// Pieces of at least this many bytes are written from where they are. Copying costs less than a system call
    /// below, and more above.
    private static let direct = 16 << 10  // less than any capacity

    /// - Parameter encoder: What changes the bytes on their way out; then `finish()` must be called at the end.
    package init(_ descriptor: Int32, name: String, capacity: Int = 128 << 10, encoder: (any ByteEncoder)? = nil) {
        self.descriptor = descriptor
        self.name = name
        self.encoder = encoder
        buffer = .allocate(byteCount: capacity, alignment: 64)
    }

    deinit { buffer.deallocate() }

    /// Adds bytes; they leave at the latest with the next `flush()`.
    package func write(_ bytes: UnsafeRawBufferPointer) {
        guard let encoder else { return gather(bytes) }
        encode(bytes, isLast: false, encoder)
    }

    /// Ends the stream of an encoder, and writes everything.
    package func finish() {
        if let encoder { encode(UnsafeRawBufferPointer(start: nil, count: 0), isLast: true, encoder) }
        flush()
    }

    private func encode(_ bytes: UnsafeRawBufferPointer, isLast: Bool, _ encoder: any ByteEncoder) {
        guard failure == nil, !encoder.encode(bytes, isLast: isLast, write: gather) else { return }
        failure = Failure(.internal, "\(name): there is no memory to compress it")
    }

    private func gather(_ bytes: UnsafeRawBufferPointer) {
        guard failure == nil, let source = bytes.baseAddress else { return }
        guard bytes.count < ByteWriter.direct else {
            writeOut(UnsafeRawBufferPointer(rebasing: buffer[..<used]), bytes)
            used = 0
            return
        }
        if bytes.count > buffer.count - used { flush() }
        (buffer.baseAddress! + used).copyMemory(from: source, byteCount: bytes.count)
        used += bytes.count
    }

    package func write(_ text: String) {
        var text = text
        text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    /// Writes everything added so far.
    package func flush() {
        guard used > 0 else { return }
        writeOut(UnsafeRawBufferPointer(rebasing: buffer[..<used]), UnsafeRawBufferPointer(start: nil, count: 0))
        used = 0
    }

    /// Gives a pipe more room; on anything else, and beyond the user's share of such memory, nothing happens.
    package func enlargePipe(_ command: Int32, _ size: Int32) {
        _ = fcntl(descriptor, command, size)
    }

    /// Throws the failure, if there was one.
    package func check() throws(Failure) {
        if let failure { throw failure }
    }

    private func writeOut(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) {
        var first = first
        var second = second
        while failure == nil, !(first.isEmpty && second.isEmpty) {
            var written: Int
            if first.isEmpty {
                written = Glibc.write(descriptor, second.baseAddress, second.count)
            } else if second.isEmpty {
                written = Glibc.write(descriptor, first.baseAddress, first.count)
            } else {
                written = withUnsafeTemporaryAllocation(of: iovec.self, capacity: 2) { parts in
                    // writev only reads what the two point to.
                    parts[0] = iovec(
                        iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count)
                    parts[1] = iovec(
                        iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count)
                    return writev(descriptor, parts.baseAddress, 2)
                }
            }
            if written < 0 {
                recover(from: errno)
                continue
            }
            let ofFirst = min(written, first.count)
            first = UnsafeRawBufferPointer(rebasing: first[ofFirst...])
            second = UnsafeRawBufferPointer(rebasing: second[(written - ofFirst)...])
        }
    }

    private func recover(from number: Int32) {
        switch number {
        case EINTR:
            return
        case EAGAIN:
            var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = poll(&wait, 1, -1)
        case EPIPE:
            failure = Failure(.readerGone, "")
        default:
            failure = Failure(.output, "\(name): \(Diagnostics.reason(number))")
        }
    }
}

/// Changes bytes on their way out, such as compression.
package protocol ByteEncoder: AnyObject {
    /// Takes `bytes` and gives what is ready to `write`; with `isLast`, all that is left. Returns false if there is no memory.
    func encode(_ bytes: UnsafeRawBufferPointer, isLast: Bool, write: (UnsafeRawBufferPointer) -> Void) -> Bool
}
