internal import CommandSupport
internal import Glibc
internal import Synchronization

/// What other threads ask of a log's writer, which does it when it comes to it.
package final class LogRequests: Sendable {
    /// To scrub the lines again from `sequence` on, which a server has refused.
    package struct Request: Sendable {
        package var sequence: Int
        /// The server's rule.
        package var rule: String
        /// Told whether it was done, on the writer's thread.
        package var answer: @Sendable (Bool) -> Void

        package init(from sequence: Int, rule: String, answer: @escaping @Sendable (Bool) -> Void) {
            self.sequence = sequence
            self.rule = rule
            self.answer = answer
        }
    }

    private let waiting = Mutex<[Request]>([])
    private let ends: (reading: Handle, writing: Handle)

    init() throws(Failure) {
        ends = try Handle.pipe()
        _ = fcntl(ends.reading.number, F_SETFL, O_NONBLOCK)
        _ = fcntl(ends.writing.number, F_SETFL, O_NONBLOCK)
    }

    /// Can be read when there is a request.
    var descriptor: Int32 { ends.reading.number }

    /// Asks; returns at once.
    package func post(_ request: Request) {
        waiting.withLock { $0.append(request) }
        var byte: UInt8 = 1
        // A pipe that is full wakes its reader as well.
        _ = write(ends.writing.number, &byte, 1)
    }

    /// Takes what was asked.
    func take() -> [Request] {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(ends.reading.number, &bytes, bytes.count) > 0 {}
        return waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }
}
