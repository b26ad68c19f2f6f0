/// Turns the bytes that a command wrote to its terminal into lines of styled text that are safe to show.
///
/// A log, not a screen: the cursor moves within its line only (carriage return, backspace, and the escape sequences for column and
/// erase-in-line), so a progress bar that redraws itself is one line with what it showed last. Colours and other
/// renditions are kept (ECMA-48, 8.3.117); hyperlinks (OSC 8) are kept if they lead to `http` or `https`. Every other
/// sequence is dropped: window titles, the clipboard (OSC 52), device control strings. Characters that have no shape or
/// change the order of others become visible (`TerminalRun.Kind.control`).
///
/// Output depends on the bytes alone, not on how they were cut into writes. Linear in the input. The program's web pages do the
/// same in `terminal.js`; a test holds the two equal on the vectors of `Tests/TerminalTextTests`.
package struct TerminalText: Sendable {
    /// Longest line, in cells; a longer one is continued on the next.
    package static let cellsPerLine = 64 << 10
    /// Longest parameters of a control sequence, in characters; one that has more is dropped.
    package static let parameters = 128
    /// Longest operating system command, in characters; one that has more is dropped.
    package static let command = 4096

    private var decoder = UTF8Decoder()
    private var state = State.ground
    /// Parameters of the sequence that is being read.
    private var collected: [Unicode.Scalar] = []
    /// The sequence is too long or has intermediates: it is read to its end and dropped.
    private var isIgnored = false
    private var style = TerminalStyle()
    /// Targets of hyperlinks in the current line; a cell has its index.
    private var links: [String] = []
    private var link: Int?
    private var cells: [TerminalCell] = []
    /// Where the next character goes. Beyond the end of `cells` after a move to the right.
    private var cursor = 0
    private var finished: [TerminalLine] = []

    private enum State: Sendable { case ground, escape, escapeIntermediate, control, command, string }

    package init() {}

    /// Takes the next bytes.
    package mutating func write(_ bytes: some Sequence<UInt8>) {
        let handled: Void? = bytes.withContiguousStorageIfAvailable { write(contiguous: $0) }
        if handled == nil { for byte in bytes { write(byte) } }
    }

    /// Whole lines of printable ASCII need no cells. What is no such line goes through `write(_: UInt8)`, whose result this must equal.
    private mutating func write(contiguous bytes: UnsafeBufferPointer<UInt8>) {
        var start = 0
        while start < bytes.count {
            guard cells.isEmpty, cursor == 0, state == .ground, decoder.isIdle else {
                write(bytes[start])
                start += 1
                continue
            }
            var end = start
            while end < bytes.count, bytes[end] >= 0x20 && bytes[end] < 0x7F || bytes[end] == 0x09 { end += 1 }
            var next = end
            if next < bytes.count, bytes[next] == 0x0D { next += 1 }
            if next < bytes.count, bytes[next] == 0x0A, end - start <= Self.cellsPerLine {
                finished.append(plainLine(UnsafeBufferPointer(rebasing: bytes[start..<end])))
                keepLink()
                start = next + 1
            } else {
                for byte in bytes[start..<min(next + 1, bytes.count)] { write(byte) }
                start = min(next + 1, bytes.count)
            }
        }
    }

    private func plainLine(_ bytes: UnsafeBufferPointer<UInt8>) -> TerminalLine {
        if bytes.isEmpty { return TerminalLine(runs: []) }
        guard !bytes.contains(UInt8(ascii: "[")) else {
            return TerminalLine(
                bytes.map { TerminalCell(Unicode.Scalar($0), style: style, link: link) }, links: links)
        }
        return TerminalLine(runs: [
            TerminalRun(text: String(decoding: bytes, as: UTF8.self), style: style, link: link.map { links[$0] })
        ])
    }

    private mutating func write(_ byte: UInt8) {
        if byte >= 0x20, byte < 0x7F, state == .ground, decoder.isIdle {
            put(Unicode.Scalar(byte))
        } else {
            let (first, second) = decoder.decode(byte)
            if let first { take(first) }
            if let second { take(second) }
        }
    }

    /// Ends the input: the line that was begun is finished, a sequence that was begun is dropped.
    package mutating func finish() {
        if let scalar = decoder.finish() { take(scalar) }
        leaveSequence()
        if !cells.isEmpty { endLine() }
    }

    /// Returns the lines that were finished since the last call.
    package mutating func takeLines() -> [TerminalLine] {
        defer { finished = [] }
        return finished
    }

    /// The line that was begun and not finished, such as a prompt.
    package var openLine: TerminalLine? { cells.isEmpty ? nil : TerminalLine(cells, links: links) }

    /// Takes the next character.
    private mutating func take(_ scalar: Unicode.Scalar) {
        switch state {
        case .ground: ground(scalar)
        case .escape: escape(scalar)
        case .escapeIntermediate: escapeIntermediate(scalar)
        case .control: control(scalar)
        case .command, .string: string(scalar)
        }
    }

    private mutating func ground(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x07: break
        case 0x08: cursor = max(0, min(cursor, Self.cellsPerLine) - 1)
        case 0x0A: endLine()
        case 0x0D: cursor = 0
        case 0x1B: state = .escape
        default: put(scalar)
        }
    }

    private mutating func escape(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x5B: enter(.control)  // [
        case 0x5D: enter(.command)  // ]
        case 0x50, 0x58, 0x5E, 0x5F: enter(.string)  // P X ^ _
        case 0x20...0x2F: state = .escapeIntermediate
        case 0x63:  // c, reset
            style = TerminalStyle()
            link = nil
            state = .ground
        case 0x30...0x7E, 0x18, 0x1A: state = .ground
        default: leaveSequence(before: scalar)
        }
    }

    private mutating func escapeIntermediate(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x20...0x2F: break
        case 0x30...0x7E, 0x18, 0x1A: state = .ground
        default: leaveSequence(before: scalar)
        }
    }

    private mutating func control(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x30...0x3F: collect(scalar, limit: Self.parameters)
        case 0x20...0x2F: isIgnored = true
        case 0x40...0x7E:
            if !isIgnored { perform(scalar) }
            leaveSequence()
        case 0x18, 0x1A: leaveSequence()
        case 0x0A, 0x1B, 0x7F...: leaveSequence(before: scalar)
        default: break
        }
    }

    /// Inside a string of a command or another sequence. It ends at BEL or ST, and at a line feed, so that one that is never ended
    /// does not hide the rest of the log.
    private mutating func string(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x07, 0x1B:
            if state == .command, !isIgnored { performCommand() }
            // What follows an escape is the `\` of ST, or begins another sequence.
            leaveSequence()
            if scalar.value == 0x1B { state = .escape }
        case 0x18, 0x1A: leaveSequence()
        case 0x0A: leaveSequence(before: scalar)
        default:
            if state == .command { collect(scalar, limit: Self.command) }
        }
    }

    private mutating func enter(_ state: State) {
        self.state = state
        collected.removeAll(keepingCapacity: true)
        isIgnored = false
    }

    private mutating func collect(_ scalar: Unicode.Scalar, limit: Int) {
        if collected.count < limit { collected.append(scalar) } else { isIgnored = true }
    }

    private mutating func leaveSequence() {
        enter(.ground)
    }

    private mutating func leaveSequence(before scalar: Unicode.Scalar) {
        leaveSequence()
        ground(scalar)
    }

    /// Performs a control sequence: rendition, erase in line, and moves within the line.
    private mutating func perform(_ final: Unicode.Scalar) {
        // Private parameters (<, =, >, ?) change what a sequence means.
        if let first = collected.first, first.value >= 0x3C { return }
        switch final {
        case "m": style.apply(TerminalStyle.groups(of: collected))
        case "K": erase(TerminalStyle.number(collected, default: 0))
        case "C": cursor = min(cursor + max(1, TerminalStyle.number(collected, default: 1)), Self.cellsPerLine - 1)
        case "D": cursor = max(0, min(cursor, Self.cellsPerLine) - max(1, TerminalStyle.number(collected, default: 1)))
        case "G": cursor = min(max(1, TerminalStyle.number(collected, default: 1)), Self.cellsPerLine) - 1
        default: break
        }
    }

    private mutating func erase(_ part: Int) {
        switch part {
        case 0: if cursor < cells.count { cells.removeSubrange(cursor...) }
        case 1: for index in 0..<min(cursor + 1, cells.count) { cells[index] = TerminalCell(" ") }
        case 2: cells.removeAll(keepingCapacity: true)
        default: break
        }
    }

    /// Performs an operating system command: `8;parameters;target` begins a hyperlink, without a target it ends it.
    private mutating func performCommand() {
        guard collected.count >= 2, collected[0] == "8", collected[1] == ";" else { return }
        guard let semicolon = collected[2...].firstIndex(of: ";") else { return }
        link = nil
        var target = String.UnicodeScalarView()
        target.append(contentsOf: collected[(semicolon + 1)...])
        if let target = TerminalLink.safe(String(target)) {
            link = links.count
            links.append(target)
        }
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        if cursor >= Self.cellsPerLine { endLine(isCut: true) }
        let cell = TerminalCell(scalar, style: style, link: link)
        if cursor < cells.count {
            cells[cursor] = cell
        } else {
            while cells.count < cursor { cells.append(TerminalCell(" ")) }
            cells.append(cell)
        }
        cursor += 1
    }

    /// - Parameter isCut: The line is continued on the next because it is too long.
    private mutating func endLine(isCut: Bool = false) {
        finished.append(TerminalLine(cells, links: links, isCut: isCut))
        cells.removeAll(keepingCapacity: true)
        cursor = 0
        keepLink()
    }

    /// A new line knows the target that is still open, and no other.
    private mutating func keepLink() {
        if let link {
            links = [links[link]]
            self.link = 0
        } else if !links.isEmpty {
            links = []
        }
    }
}
