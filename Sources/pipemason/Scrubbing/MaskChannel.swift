internal import CommandSupport
internal import Glibc
internal import RedactionKit

/// Values that another process sends while the stream runs (`--mask-fd`).
///
/// A newline ends a value. A NUL ends a value too, and that one may have held newlines: its lines were masked one by
/// one as they came, and now it is masked as a whole. So a sender never has to say which of the two it uses.
///
/// A value that was sent before the bytes that contain it were written to the input is always in time: the channel is
/// drained after each read of the input and before what was read is processed.
struct MaskChannel: ~Copyable {
    private let number: Int32
    private var isOpen = true
    /// Bytes since the last NUL.
    private var record: [UInt8] = []
    /// Where the line that is being received starts in `record`.
    private var lineStart = 0
    private var count = 0

    /// A record of more bytes than this is an error of the sender: it is masked line by line only.
    private static let recordLimit = 1 << 20

    init(_ number: Int32) throws(Failure) {
        guard number > 2 else { throw Failure(.usage, "--mask-fd: 0, 1 and 2 are the standard streams") }
        guard fcntl(number, F_GETFD) >= 0 else {
            throw Failure(.usage, "--mask-fd: \(number) is not an open descriptor")
        }
        self.number = number
    }

    /// Waits until `input` can be read, receiving values meanwhile.
    mutating func wait(for input: Int32, add: (KnownValue) -> Void) {
        while isOpen {
            var ready = [
                pollfd(fd: input, events: Int16(POLLIN), revents: 0),
                pollfd(fd: number, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&ready, 2, -1) >= 0 else { continue }
            if ready[1].revents != 0 { receive(add: add) }
            if ready[0].revents != 0 { return }
        }
    }

    /// Receives all that has been sent.
    mutating func drain(add: (KnownValue) -> Void) {
        while isOpen {
            var ready = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            let result = poll(&ready, 1, 0)
            if result < 0, errno == EINTR { continue }
            guard result > 0 else { return }
            receive(add: add)
        }
    }

    private mutating func receive(add: (KnownValue) -> Void) {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let received = chunk.withUnsafeMutableBytes { read(number, $0.baseAddress, $0.count) }
        if received < 0, errno == EINTR || errno == EAGAIN { return }
        guard received > 0 else {
            isOpen = false
            endLine(add: add)
            return
        }
        for byte in chunk[..<received] {
            switch byte {
            case 10:
                endLine(add: add)
                record.append(byte)
                lineStart = record.count
            case 0:
                if lineStart > 0 { register(record[...], add: add) } else { endLine(add: add) }
                record = []
                lineStart = 0
            default:
                record.append(byte)
            }
        }
        if lineStart > MaskChannel.recordLimit {
            record.removeFirst(lineStart)
            lineStart = 0
        }
    }

    private mutating func endLine(add: (KnownValue) -> Void) {
        register(KnownValues.withoutCarriageReturn(record[lineStart...])[...], add: add)
    }

    private mutating func register(_ value: ArraySlice<UInt8>, add: (KnownValue) -> Void) {
        guard !value.isEmpty else { return }
        count += 1
        do {
            add(try KnownValue(name: "fd\(number)-\(count)", value: Array(value)))
        } catch {
            Diagnostics.warn(String(describing: error))
        }
    }
}
