/// Reads systemd's journal export format (https://systemd.io/JOURNAL_EXPORT_FORMATS/, "Journal Export Format"): fields `NAME=value`, or
/// `NAME`, a length of 8 bytes (least significant first) and that many bytes; an empty line ends an entry.
///
/// Output depends on the bytes alone, not on how they are cut. Memory is bounded: fields and entries that are too large are cut
/// to a mark, never passed.
package struct JournalExport {
    package struct Field: Sendable, Equatable {
        package var name: [UInt8]
        package var value: [UInt8]

        package init(name: [UInt8], value: [UInt8]) {
            self.name = name
            self.value = value
        }
    }

    /// Bytes of a value; a larger one becomes `tooLarge`.
    package static let value = 1 << 20
    /// Bytes of a name; the rest of a longer one is dropped.
    package static let name = 256
    /// Fields of an entry; further ones are dropped.
    package static let fields = 1024
    /// What stands for a value that is too large.
    package static let tooLarge = Array("[REDACTED:too-large]".utf8)

    private var state = State.name
    private var entry: [Field] = []
    private var current: [UInt8] = []
    private var size: UInt64 = 0
    private var sizeBytes = 0
    private var bytes: [UInt8] = []
    private var isTooLarge = false

    private enum State { case name, value, size, binary, binaryEnd }

    package init() {}

    /// Takes the next bytes and hands out whole entries.
    package mutating func write(_ chunk: some Sequence<UInt8>, _ body: ([Field]) -> Void) {
        for byte in chunk { take(byte, body) }
    }

    /// Ends the input; an entry without its empty line is handed out if a field of it is whole.
    package mutating func finish(_ body: ([Field]) -> Void) {
        if state == .value { endField() }
        endEntry(body)
        self = JournalExport()
    }

    private mutating func take(_ byte: UInt8, _ body: ([Field]) -> Void) {
        switch state {
        case .name:
            if byte == 0x0A {
                if current.isEmpty { endEntry(body) } else { (state, size, sizeBytes) = (.size, 0, 0) }
            } else if byte == UInt8(ascii: "=") {
                state = .value
            } else if current.count < Self.name {
                current.append(byte)
            }
        case .value:
            if byte == 0x0A { endField() } else { append(byte) }
        case .size:
            size |= UInt64(byte) << UInt64(8 * sizeBytes)
            sizeBytes += 1
            if sizeBytes == 8 { state = size == 0 ? .binaryEnd : .binary }
        case .binary:
            append(byte)
            size -= 1
            if size == 0 { state = .binaryEnd }
        case .binaryEnd:
            endField()
            // A line feed belongs to the field; anything else is a fault of the writer, and begins the next one.
            if byte != 0x0A { take(byte, body) }
        }
    }

    private mutating func append(_ byte: UInt8) {
        if bytes.count < Self.value { bytes.append(byte) } else { isTooLarge = true }
    }

    private mutating func endField() {
        if entry.count < Self.fields {
            entry.append(Field(name: current, value: isTooLarge ? Self.tooLarge : bytes))
        }
        current = []
        bytes = []
        isTooLarge = false
        state = .name
    }

    private mutating func endEntry(_ body: ([Field]) -> Void) {
        guard !entry.isEmpty else { return }
        let fields = entry
        entry = []
        body(fields)
    }

    /// Appends an entry in the same format.
    package static func append(_ entry: [Field], to output: inout [UInt8]) {
        for field in entry {
            output += field.name
            if String(validating: field.value, as: UTF8.self) != nil, !field.value.contains(0x0A),
                !field.value.contains(where: { $0 < 0x20 && $0 != 9 })
            {
                output.append(UInt8(ascii: "="))
            } else {
                output.append(0x0A)
                let size = UInt64(field.value.count)
                for index in 0..<8 { output.append(UInt8(truncatingIfNeeded: size >> UInt64(8 * index))) }
            }
            output += field.value
            output.append(0x0A)
        }
        output.append(0x0A)
    }
}

/// Scrubs journal entries.
package struct JournalScrubber {
    private var records: RecordScrubber

    package init(_ records: RecordScrubber) { self.records = records }

    /// The entry with every value scrubbed that a program can choose. A field's name announces its value, as in an assignment.
    package mutating func scrub(_ entry: [JournalExport.Field]) -> [JournalExport.Field] {
        let source = Self.value("_PID", entry) + [0] + Self.value("_HOSTNAME", entry)
        return entry.map { field in
            // Cursors, times and ids that the journal itself makes are random to look at.
            let name = String(decoding: field.name, as: UTF8.self)
            if name.hasPrefix("__") || ["_BOOT_ID", "_MACHINE_ID", "_SYSTEMD_INVOCATION_ID"].contains(name) {
                return field
            }
            if name == "MESSAGE" {
                return JournalExport.Field(name: field.name, value: records.scrub(field.value, source: source))
            }
            let prefix = field.name + [UInt8(ascii: "=")]
            let output = records.scrub(prefix + field.value, source: source + field.name)
            guard output.starts(with: prefix) else {
                return JournalExport.Field(name: field.name, value: JournalExport.tooLarge)
            }
            return JournalExport.Field(name: field.name, value: Array(output.dropFirst(prefix.count)))
        }
    }

    /// `1719392100.123456 host name[17]: message`, on one line.
    package static func line(_ entry: [JournalExport.Field]) -> [UInt8] {
        var result = value("__REALTIME_TIMESTAMP", entry)
        if result.count > 6 { result.insert(UInt8(ascii: "."), at: result.count - 6) }
        let identifier = value("SYSLOG_IDENTIFIER", entry)
        result +=
            [0x20] + value("_HOSTNAME", entry) + [0x20] + (identifier.isEmpty ? value("_COMM", entry) : identifier)
        let process = value("_PID", entry)
        if !process.isEmpty { result += [UInt8(ascii: "[")] + process + [UInt8(ascii: "]")] }
        result += Array(": ".utf8) + value("MESSAGE", entry)
        return result.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 } + [0x0A]
    }

    private static func value(_ name: String, _ entry: [JournalExport.Field]) -> [UInt8] {
        entry.first { $0.name.elementsEqual(name.utf8) }?.value ?? []
    }
}

/// Fuzz entry point: any bytes are read the same however they are cut, and what is written is read again.
package func fuzzJournalExport(_ bytes: [UInt8]) {
    func read(_ bytes: [UInt8], by size: Int) -> [[JournalExport.Field]] {
        var journal = JournalExport()
        var entries: [[JournalExport.Field]] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            journal.write(bytes[start..<min(bytes.count, start + size)]) { entries.append($0) }
        }
        journal.finish { entries.append($0) }
        return entries
    }
    let whole = read(bytes, by: max(1, bytes.count))
    precondition(read(bytes, by: 1) == whole && read(bytes, by: 7) == whole)
    var written: [UInt8] = []
    for entry in whole where entry.allSatisfy({ !$0.name.isEmpty && !$0.name.contains(0x0A) }) {
        written.removeAll()
        JournalExport.append(entry, to: &written)
        precondition(read(written, by: 4096) == [entry])
    }
}
