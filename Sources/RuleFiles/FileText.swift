internal import Glibc

/// Reads a whole text file, up to `limit` bytes.
///
/// Pipes and other files without a size are read to their end.
/// - Throws: `RuleFileError` if it cannot be opened or read, is too large, or is not UTF-8.
func readText(_ path: String, limit: Int) throws(RuleFileError) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemError("cannot open", path) }
    defer { close(descriptor) }

    var bytes: [UInt8] = []
    while true {
        let start = bytes.count
        // One byte more than the limit tells a file that fits from one that does not.
        let wanted = min(64 * 1024, limit + 1 - start)
        bytes.append(contentsOf: repeatElement(0, count: wanted))
        let count = bytes.withUnsafeMutableBytes { buffer in
            read(descriptor, buffer.baseAddress.map { $0 + start }, wanted)
        }
        bytes.removeLast(wanted - max(count, 0))
        if count < 0 {
            if errno == EINTR { continue }
            throw systemError("cannot read", path)
        }
        if count == 0 { break }
        guard bytes.count <= limit else {
            throw RuleFileError(.limit, file: path, "is larger than \(limit) bytes")
        }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
        throw RuleFileError(.syntax, file: path, line: lineOfInvalidUTF8(bytes), "is not valid UTF-8")
    }
    return text
}

private func systemError(_ what: String, _ path: String) -> RuleFileError {
    let reason = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
    return RuleFileError(.unreadable, file: path, "\(what): \(reason)")
}

private func lineOfInvalidUTF8(_ bytes: [UInt8]) -> Int {
    var line = 1
    for part in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
        if String(validating: part, as: UTF8.self) == nil { return line }
        line += 1
    }
    return line
}
