package import RedactionKit

extension Redactor {
    /// Redacts `bytes`, cut before each of `cuts`.
    package func redact(_ bytes: [UInt8], cutAt cuts: [Int]) -> [UInt8] {
        var stream = makeStream()
        var sink = MemorySink()
        var from = 0
        for cut in cuts + [bytes.count] {
            bytes[from..<cut].withUnsafeBytes { stream.write($0, to: &sink) }
            from = cut
        }
        stream.finish(to: &sink)
        return sink.bytes
    }

    /// Redacts `bytes`, one at a time.
    package func redactByteByByte(_ bytes: [UInt8]) -> [UInt8] { redact(bytes, cutAt: Array(bytes.indices)) }
}

/// Keeps what it is given.
package struct MemorySink: RedactionSink {
    package var bytes: [UInt8] = []
    package init() {}
    package mutating func write(_ chunk: UnsafeRawBufferPointer) { bytes.append(contentsOf: chunk) }
}

/// Bytes for people: escaped as in a string literal, long ones shortened.
package func show(_ bytes: [UInt8], limit: Int = 400) -> String {
    var text = ""
    for byte in bytes.prefix(limit) {
        switch byte {
        case 0x0a: text += "\\n"
        case 0x0d: text += "\\r"
        case 0x5c: text += "\\\\"
        case 0x22: text += "\\\""
        case 0x20..<0x7f: text.unicodeScalars.append(Unicode.Scalar(byte))
        default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
    }
    return "\"\(text)\"" + (bytes.count > limit ? "… (\(bytes.count) bytes)" : "")
}

/// Takes parts out of `input` as long as it still fails: what remains is what matters.
package func minimized(_ input: [UInt8], fails: ([UInt8]) -> Bool) -> [UInt8] {
    var input = input
    var size = input.count / 2
    while size > 0 {
        var start = 0
        var isShorter = false
        while start < input.count {
            var shorter = input
            shorter.removeSubrange(start..<min(start + size, input.count))
            if fails(shorter) {
                input = shorter
                isShorter = true
            } else {
                start += size
            }
        }
        if !isShorter || size > 1 { size /= 2 }
    }
    return input
}
