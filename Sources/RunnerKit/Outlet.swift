internal import CommandSupport
internal import Glibc
internal import RedactionKit

/// A standard stream of this process, for scrubbed bytes, which never makes the caller wait.
///
/// Others may share the stream, so it cannot be made non-blocking as it is. A pipe or a terminal is opened once more;
/// where that fails, little is written at a time, and only when there is room.
final class Outlet {
    private let descriptor: Int32
    private let own: Handle?
    private let kind: mode_t
    private var pending: [UInt8] = []
    /// How much of `pending` has been written.
    private var sent = 0
    /// Whether there is anybody to write to.
    private(set) var isOpen = true

    /// Bytes that a pipe with any room takes at once (PIPE_BUF).
    private static let atom = 4096

    init(_ descriptor: Int32) {
        var status = stat()
        kind = fstat(descriptor, &status) == 0 ? status.kind : 0
        var own: Handle?
        if kind == S_IFIFO || kind == S_IFCHR {
            let flags = O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY
            let number = open("/proc/self/fd/\(descriptor)", flags)
            if number >= 0 { own = Handle(number) }
        }
        self.own = own
        self.descriptor = own?.number ?? descriptor
    }

    var hasPending: Bool { !pending.isEmpty }

    /// What to wait for while there is something pending.
    var wait: pollfd { pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0) }

    /// Writes what can be written now, and keeps the rest.
    func write(_ bytes: ScrubbedBytes) {
        guard isOpen else { return }
        guard pending.isEmpty, kind == S_IFREG || own != nil || kind == S_IFSOCK else {
            pending += bytes.bytes
            return
        }
        let count = bytes.withUnsafeBytes { put($0) }
        if count < bytes.count, isOpen { pending += bytes[count..<bytes.count].bytes }
    }

    /// Goes on with what is pending; to be called when there is room.
    func resume() {
        guard hasPending else { return }
        let limit =
            kind == S_IFREG || own != nil || kind == S_IFSOCK ? pending.count : min(pending.count, sent + Self.atom)
        sent += pending.withUnsafeBytes { put(UnsafeRawBufferPointer(rebasing: $0[sent..<limit])) }
        if sent == pending.count || !isOpen {
            pending.removeAll(keepingCapacity: true)
            sent = 0
        }
    }

    private func put(_ bytes: UnsafeRawBufferPointer) -> Int {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count =
                kind == S_IFSOCK
                ? send(descriptor, rest.baseAddress, rest.count, Int32(MSG_DONTWAIT))
                : Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { break }
            guard count > 0 else {
                // The reader is gone, or the device is: there is nobody left to tell.
                isOpen = false
                break
            }
            done += count
            if own == nil, kind != S_IFREG, kind != S_IFSOCK { break }
        }
        return done
    }
}
