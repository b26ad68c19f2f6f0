internal import OpenSSLEngine
internal import TextEncodings

/// The ASCII armor of age files: a strict form of PEM (age-encryption.org/v1, "ASCII armor").
enum AgeArmor {
    static let begin = Array("-----BEGIN AGE ENCRYPTED FILE-----".utf8)
    static let end = Array("-----END AGE ENCRYPTED FILE-----".utf8)
    static let columns = 64
    /// How much white space may stand before and after the armor, in bytes each.
    static let maximumWhitespace = 1024
    /// The longest line that can still be right, with its line end.
    static let maximumLine = 128

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || (UInt8(ascii: "\t")...UInt8(ascii: "\r")).contains(byte)
    }

    /// Tells whether the input is, or was meant to be, armored; consumes nothing.
    ///
    /// An armored file that something was put before is recognised within the first kilobyte, so that the error
    /// names the armor.
    static func isArmored<Source: ByteSource & ~Copyable>(_ input: inout InputBuffer<Source>) throws(SealingError)
        -> Bool
    {
        _ = try input.require(AgeHeader.versionLine.utf8CodeUnitCount)
        if isBinary(input.bytes) { return false }
        _ = try input.require(maximumWhitespace + begin.count)
        return looksArmored(input.bytes)
    }

    private static func isBinary(_ bytes: Span<UInt8>) -> Bool {
        let version = AgeHeader.versionLine
        guard bytes.count >= version.utf8CodeUnitCount else { return false }
        for index in 0..<version.utf8CodeUnitCount where bytes[index] != version.utf8Start[index] { return false }
        return true
    }

    private static func looksArmored(_ bytes: Span<UInt8>) -> Bool {
        var start = 0
        while start < bytes.count, isSpace(bytes[start]) { start += 1 }
        var dashes = 0
        while start + dashes < bytes.count, bytes[start + dashes] == UInt8(ascii: "-") { dashes += 1 }
        if dashes >= 5 { return true }
        var offset = 0
        while offset + begin.count <= bytes.count {
            if constantTimeEqual(bytes.extracting(offset..<offset + begin.count), begin.span) { return true }
            offset += 1
        }
        return false
    }

    static func isBlank(_ bytes: Span<UInt8>) -> Bool {
        for index in bytes.indices where !isSpace(bytes[index]) { return false }
        return true
    }
}

/// Writes armor, line by line.
struct AgeArmorEncoder: ~Copyable {
    private var hasBegun = false
    /// Bytes that do not fill a line yet.
    private var line: [UInt8] = []
    private static let bytesPerLine = AgeArmor.columns / 4 * 3
    private var output = WipedBuffer(capacity: 1 << 16)

    mutating func encode<Sink: ByteSink & ~Copyable>(_ bytes: Span<UInt8>, to sink: inout Sink) throws(SealingError) {
        if !hasBegun {
            hasBegun = true
            output.append(AgeArmor.begin.span)
            appendLineEnd()
        }
        var offset = 0
        while offset < bytes.count {
            let amount = min(bytes.count - offset, Self.bytesPerLine - line.count)
            for index in offset..<offset + amount { line.append(bytes[index]) }
            offset += amount
            if line.count == Self.bytesPerLine { try flushLine(to: &sink) }
        }
    }

    mutating func finish<Sink: ByteSink & ~Copyable>(to sink: inout Sink) throws(SealingError) {
        if line.count > 0 { try flushLine(to: &sink) }
        output.append(AgeArmor.end.span)
        appendLineEnd()
        try sink.write(output.bytes)
    }

    private mutating func flushLine<Sink: ByteSink & ~Copyable>(to sink: inout Sink) throws(SealingError) {
        let bytes = line
        Self.append(bytes.span, to: &output)
        line.removeAll(keepingCapacity: true)
        if output.capacity - output.count < 2 * AgeArmor.maximumLine {
            try sink.write(output.bytes)
            output.reset()
        }
    }

    private static func append(_ bytes: Span<UInt8>, to output: inout WipedBuffer) {
        output.edit { output in
            Base64.encode(bytes, .padded, into: &output)
            output.append(UInt8(ascii: "\n"))
        }
    }

    private mutating func appendLineEnd() {
        output.edit { output in output.append(UInt8(ascii: "\n")) }
    }
}

/// Reads armor and gives the bytes inside. Every error is `.damagedArmor`.
struct AgeArmorSource<Source: ByteSource & ~Copyable>: ByteSource, ~Copyable {
    private var input: InputBuffer<Source>
    private var state = State.before
    /// A decoded line of which the first `taken` bytes have been handed out: for outputs with little room.
    private var pending: [UInt8] = []
    private var taken = 0

    private enum State { case before, inside, after }
    private static var bytesPerLine: Int { AgeArmor.columns / 4 * 3 }

    init(_ input: consuming InputBuffer<Source>) { self.input = input }

    mutating func read(into output: inout OutputSpan<UInt8>) throws(SealingError) -> Int {
        if state == .before { try readBegin() }
        let before = output.count
        while output.freeCapacity > 0 {
            if taken < pending.count {
                output.append(pending[taken])
                taken += 1
            } else if state != .inside {
                break
            } else if output.freeCapacity >= Self.bytesPerLine {
                try readLine(into: &output)
            } else {
                pending = try [UInt8](appending: Self.bytesPerLine) { (line) throws(SealingError) in
                    try readLine(into: &line)
                }
                taken = 0
            }
        }
        return output.count - before
    }

    private mutating func readBegin() throws(SealingError) {
        var skipped = 0
        while true {
            let size = try lineSize()
            guard AgeArmor.isBlank(input.bytes.extracting(0..<size.content)) else {
                guard constantTimeEqual(input.bytes.extracting(0..<size.content), AgeArmor.begin.span) else {
                    throw Self.error("the first line")
                }
                input.consume(size.whole)
                state = .inside
                return
            }
            input.consume(size.whole)
            skipped += size.whole
            guard skipped <= AgeArmor.maximumWhitespace else { throw Self.error("too much white space before it") }
        }
    }

    private mutating func readLine(into output: inout OutputSpan<UInt8>) throws(SealingError) {
        let size = try lineSize()
        if constantTimeEqual(input.bytes.extracting(0..<size.content), AgeArmor.end.span) { return try readEnd(size) }
        let before = output.count
        guard (1...AgeArmor.columns).contains(size.content),
            Base64.decode(input.bytes.extracting(0..<size.content), .padded, into: &output)
        else { throw Self.error("a line that is not base64 of at most 64 columns") }
        let isShort = output.count - before < Self.bytesPerLine
        input.consume(size.whole)
        guard isShort else { return }
        let last = try lineSize()
        guard constantTimeEqual(input.bytes.extracting(0..<last.content), AgeArmor.end.span) else {
            throw Self.error("a short line that is not the last")
        }
        try readEnd(last)
    }

    private mutating func readEnd(_ size: LineSize) throws(SealingError) {
        input.consume(size.whole)
        state = .after
        guard try !input.require(AgeArmor.maximumWhitespace + 1) else { throw Self.error("too much after it") }
        guard AgeArmor.isBlank(input.bytes) else { throw Self.error("something after it") }
    }

    private struct LineSize {
        /// Without line end, and without the carriage return before it.
        let content: Int
        /// With both.
        let whole: Int
    }

    /// Finds the end of the next line, which the end of the input also is.
    private mutating func lineSize() throws(SealingError) -> LineSize {
        let limit = state == .before ? AgeArmor.maximumWhitespace + AgeArmor.maximumLine : AgeArmor.maximumLine
        while true {
            if let size = try Self.firstLine(of: input.bytes, limit: limit, isWhole: input.isAtEnd) { return size }
            _ = try input.fill()
        }
    }

    /// Nil when more bytes are needed to tell.
    private static func firstLine(of bytes: Span<UInt8>, limit: Int, isWhole: Bool) throws(SealingError) -> LineSize? {
        var end = 0
        while end < bytes.count, bytes[end] != UInt8(ascii: "\n") {
            end += 1
            guard end <= limit else { throw error("a line that is too long") }
        }
        let hasEnd = end < bytes.count
        guard hasEnd || isWhole else { return nil }
        guard bytes.count > 0 else { throw error("it is cut short") }
        let hasReturn = end > 0 && bytes[end - 1] == UInt8(ascii: "\r")
        return LineSize(content: hasReturn ? end - 1 : end, whole: hasEnd ? end + 1 : end)
    }

    private static func error(_ what: String) -> SealingError {
        SealingError(.damagedArmor, "the ASCII armor: \(what)")
    }
}
