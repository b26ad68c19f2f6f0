internal import Glibc

extension Descriptor {
    /// Hands out the lines of a file one after another, without their line feeds. Memory: one line, and one read.
    ///
    /// What stands after the last line feed is no line: its writer is in the middle of it, or was killed there.
    ///
    /// - Parameters:
    ///   - path: For messages.
    ///   - limit: Bytes of the longest line.
    /// - Throws: when the file cannot be read or a line is longer, and what `body` throws.
    package func forEachLine(
        _ path: Path, limit: Int, _ body: ([UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        var pending: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(number, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(.input, "\(path.text): \(Diagnostics.reason(errno))") }
            guard count > 0 else { return }
            var start = 0
            while let end = chunk[start..<count].firstIndex(of: UInt8(ascii: "\n")) {
                try body(pending + chunk[start..<end])
                pending = []
                start = end + 1
            }
            pending += chunk[start..<count]
            guard pending.count <= limit else { throw Failure(.input, "\(path.text): a line that is too long") }
        }
    }
}
