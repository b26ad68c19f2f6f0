/// Makes bytes that a command wrote to its terminal safe to write to somebody else's, later.
///
/// A terminal obeys more than colours: sequences set the clipboard (OSC 52) and the title, print, make the terminal send
/// keys or answers as if they had been typed, or turn the order of characters (CVE-2003-0063 and its many successors). What
/// is on the list of this filter passes: text, colours and other renditions, moves of the cursor, erasing, scrolling, the
/// alternate screen. Everything else is dropped: all strings (OSC, DCS, APC, PM, SOS), all queries, mouse and paste modes,
/// device control. Malformed UTF-8 and controls of direction become U+FFFD.
///
/// Sequences are read as terminals read them (ECMA-48; the parser of Paul Williams, https://vt100.net/emu/dec_ansi_parser), C1
/// controls as one character included. Output depends on the bytes alone, not on how they were cut, and filtering it again
/// changes nothing. Linear, in constant memory.
package struct TerminalFilter: Sendable {
    /// Longest control sequence, in bytes; a longer one is dropped.
    package static let sequence = 128
    /// Longest string (a title, an image), in bytes; after that, its rest is text.
    package static let string = 1 << 20
    /// Largest parameter of a move, as many as a terminal has columns or rows at most.
    package static let parameter = 9999

    /// Whether a line feed becomes CR LF: the output of a pipe, for a terminal that is not told to do it.
    private let addsCarriageReturns: Bool
    /// Whether sequences pass at all.
    private let passesSequences: Bool
    private var state = State.ground
    /// The sequence so far, without ESC; or the character so far.
    private var collected: [UInt8] = []
    private var missing = 0
    private var stringBytes = 0
    private var previous: UInt8 = 0
    private var touched: Touched = []

    private enum State: Sendable { case ground, character, escape, escapeIntermediate, control, ignored, string }

    /// What must be put back when nothing follows.
    private struct Touched: OptionSet, Sendable {
        let rawValue: UInt8
        static let rendition = Touched(rawValue: 1)
        static let hiddenCursor = Touched(rawValue: 2)
        static let alternateScreen = Touched(rawValue: 4)
        static let region = Touched(rawValue: 8)
        static let noWrap = Touched(rawValue: 16)
        static let characterSet = Touched(rawValue: 32)
        static let synchronized = Touched(rawValue: 64)
    }

    /// - Parameters:
    ///   - addsCarriageReturns: Whether a line feed becomes CR LF.
    ///   - passesSequences: False: only text and line ends pass, for output that is no terminal.
    package init(addsCarriageReturns: Bool = false, passesSequences: Bool = true) {
        self.addsCarriageReturns = addsCarriageReturns
        self.passesSequences = passesSequences
    }

    /// Takes the next bytes and appends what is safe of them to `output`.
    package mutating func write(_ bytes: some Collection<UInt8>, to output: inout [UInt8]) {
        output.reserveCapacity(output.count + bytes.count)
        for byte in bytes {
            // Nearly all bytes of a log.
            if state == .ground, byte >= 0x20, byte < 0x7F {
                output.append(byte)
                previous = byte
            } else {
                take(byte, &output)
            }
        }
    }

    /// Ends the input: a sequence that was begun is dropped, and what the sequences before changed is put back.
    package mutating func finish(to output: inout [UInt8]) {
        if state == .character { replace(&output) }
        state = .ground
        output += Self.reset(touched)
        touched = []
    }

    /// Text for one line: controls and sequences are gone.
    package static func plain(_ text: String) -> String {
        var filter = TerminalFilter(passesSequences: false)
        var output: [UInt8] = []
        filter.write(text.utf8, to: &output)
        filter.finish(to: &output)
        return String(decoding: output.map { $0 < 0x20 ? 0x20 : $0 }, as: UTF8.self)
    }

    private static func reset(_ touched: Touched) -> [UInt8] {
        var text = ""
        if touched.contains(.characterSet) { text += "\u{F}\u{1B}(B" }
        if touched.contains(.rendition) { text += "\u{1B}[0m" }
        if touched.contains(.region) { text += "\u{1B}7\u{1B}[r\u{1B}8" }
        if touched.contains(.noWrap) { text += "\u{1B}[?7h" }
        if touched.contains(.alternateScreen) { text += "\u{1B}[?1049l" }
        if touched.contains(.hiddenCursor) { text += "\u{1B}[?25h" }
        if touched.contains(.synchronized) { text += "\u{1B}[?2026l" }
        return Array(text.utf8)
    }

    // MARK: Bytes

    private mutating func take(_ byte: UInt8, _ output: inout [UInt8]) {
        switch state {
        case .ground: ground(byte, &output)
        case .character: character(byte, &output)
        case .escape: escape(byte, &output)
        case .escapeIntermediate, .control, .ignored: sequence(byte, &output)
        case .string: string(byte, &output)
        }
    }

    private mutating func ground(_ byte: UInt8, _ output: inout [UInt8]) {
        switch byte {
        case 0x1B: enter(.escape)
        case 0x00..<0x20, 0x7F: control(byte, &output)
        case 0x20..<0x7F: append(byte, &output)
        case 0xC2...0xF4:
            enter(.character)
            collected.append(byte)
            missing = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3
        default: replace(&output)
        }
    }

    /// A control of one byte. It acts within a sequence, too, without ending it.
    private mutating func control(_ byte: UInt8, _ output: inout [UInt8]) {
        switch byte {
        case 0x0A, 0x0B, 0x0C:
            if addsCarriageReturns, previous != 0x0D { output.append(0x0D) }
            append(0x0A, &output)
        case 0x09, 0x0D: append(byte, &output)
        case 0x08: if passesSequences { append(byte, &output) }
        case 0x0E, 0x0F:  // SO, SI: the other character set, of line drawings
            guard passesSequences else { return }
            touched.insert(.characterSet)
            append(byte, &output)
        default: break  // BEL rings, ENQ makes the terminal answer
        }
    }

    /// A byte after the first of a character (the Unicode Standard, table 3-7).
    private mutating func character(_ byte: UInt8, _ output: inout [UInt8]) {
        let first = collected[0]
        var allowed: ClosedRange<UInt8> = 0x80...0xBF
        if collected.count == 1 {
            switch first {
            case 0xE0: allowed = 0xA0...0xBF
            case 0xED: allowed = 0x80...0x9F
            case 0xF0: allowed = 0x90...0xBF
            case 0xF4: allowed = 0x80...0x8F
            default: break
            }
        }
        guard allowed.contains(byte) else {
            replace(&output)
            state = .ground
            take(byte, &output)
            return
        }
        collected.append(byte)
        missing -= 1
        guard missing == 0 else { return }
        state = .ground
        if first == 0xC2, byte < 0xA0 {
            c1(byte, &output)
        } else if Self.turnsDirection(collected) {
            replace(&output)
        } else {
            output += collected
            previous = 0
        }
    }

    /// A C1 control as a character: what ESC and the byte 64 less would do.
    private mutating func c1(_ byte: UInt8, _ output: inout [UInt8]) {
        enter(.escape)
        escape(byte - 0x40, &output)
    }

    /// U+061C, U+200E, U+200F, U+202A–U+202E, U+2066–U+2069.
    private static func turnsDirection(_ bytes: [UInt8]) -> Bool {
        if bytes == [0xD8, 0x9C] { return true }
        guard bytes.count == 3, bytes[0] == 0xE2 else { return false }
        return bytes[1] == 0x80 && (bytes[2] == 0x8E || bytes[2] == 0x8F || (0xAA...0xAE).contains(bytes[2]))
            || bytes[1] == 0x81 && (0xA6...0xA9).contains(bytes[2])
    }

    private mutating func append(_ byte: UInt8, _ output: inout [UInt8]) {
        output.append(byte)
        previous = byte
    }

    private mutating func replace(_ output: inout [UInt8]) {
        output += [0xEF, 0xBF, 0xBD]
        previous = 0
    }

    private mutating func enter(_ state: State) {
        self.state = state
        collected.removeAll(keepingCapacity: true)
        stringBytes = 0
    }

    // MARK: Sequences

    private mutating func escape(_ byte: UInt8, _ output: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "["): enter(.control)
        // DCS, SOS, OSC, PM, APC; and the title of screen and tmux.
        case UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "]"), UInt8(ascii: "^"), UInt8(ascii: "_"),
            UInt8(ascii: "k"):
            enter(.string)
        case 0x20...0x2F:
            state = .escapeIntermediate
            collected.append(byte)
        case 0x30...0x7E:
            state = .ground
            // Save and restore the cursor; index, next line, reverse index.
            if "78DEM".utf8.contains(byte) { pass([0x1B, byte], &output) }
        default: abort(byte, &output)
        }
    }

    private mutating func sequence(_ byte: UInt8, _ output: inout [UInt8]) {
        switch byte {
        case 0x20...0x3F where state == .control, 0x20...0x2F where state == .escapeIntermediate:
            if collected.count < Self.sequence { collected.append(byte) } else { state = .ignored }
        case 0x20...0x3F where state == .ignored: break
        case 0x30...0x7E:
            let ended = state
            state = .ground
            if ended == .control {
                perform(byte, &output)
            } else if ended == .escapeIntermediate, collected == [UInt8(ascii: "(")],
                byte == UInt8(ascii: "0") || byte == UInt8(ascii: "B")
            {
                // Characters for line drawings, and back.
                touched.insert(.characterSet)
                pass([0x1B, UInt8(ascii: "("), byte], &output)
            }
        default: abort(byte, &output)
        }
    }

    /// What ends a sequence early, or acts within it.
    private mutating func abort(_ byte: UInt8, _ output: inout [UInt8]) {
        switch byte {
        case 0x1B: enter(.escape)
        case 0x18, 0x1A: state = .ground
        case 0x80...:
            // Terminals differ; what is text to one of them must be harmless to all.
            state = .ground
            ground(byte, &output)
        default: control(byte, &output)
        }
    }

    private mutating func string(_ byte: UInt8, _ output: inout [UInt8]) {
        stringBytes += 1
        switch byte {
        case 0x1B: enter(.escape)
        case 0x07, 0x18, 0x1A: state = .ground
        case 0x9C where collected == [0xC2]: state = .ground
        default:
            collected = byte == 0xC2 ? [0xC2] : []
            if stringBytes >= Self.string { state = .ground }
        }
    }

    /// A whole control sequence.
    private mutating func perform(_ final: UInt8, _ output: inout [UInt8]) {
        guard passesSequences else { return }
        if collected.first == UInt8(ascii: "?") {
            setModes(final, &output)
            return
        }
        guard collected.allSatisfy({ (0x30...0x3B).contains($0) }) else { return }
        let parameters = collected.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        let isSmall = parameters.allSatisfy { $0.count <= 4 && !$0.contains(UInt8(ascii: ":")) }
        switch final {
        case UInt8(ascii: "m"):
            let resets = collected.allSatisfy { $0 == UInt8(ascii: "0") }
            if resets { touched.remove(.rendition) } else { touched.insert(.rendition) }
        case _ where !isSmall: return
        case _ where "@ABCDEFGHIJKLMPXZ`adef".utf8.contains(final): break
        // With more parameters these are something else: mouse tracking, margins.
        case UInt8(ascii: "S"), UInt8(ascii: "T"): guard parameters.count == 1 else { return }
        case UInt8(ascii: "s"), UInt8(ascii: "u"): guard collected.isEmpty else { return }
        case UInt8(ascii: "r"): touched.insert(.region)
        default: return
        }
        output += [0x1B, UInt8(ascii: "[")]
        output += collected
        append(final, &output)
    }

    /// Sets and resets private modes: those of the screen, none of the keyboard or mouse.
    private mutating func setModes(_ final: UInt8, _ output: inout [UInt8]) {
        guard final == UInt8(ascii: "h") || final == UInt8(ascii: "l") else { return }
        let isSet = final == UInt8(ascii: "h")
        var modes: [String] = []
        for mode in collected.dropFirst().split(separator: UInt8(ascii: ";")) {
            let mode = String(decoding: mode, as: UTF8.self)
            let effect: (Touched, when: Bool)
            switch mode {
            case "7": effect = (.noWrap, false)
            case "25": effect = (.hiddenCursor, false)
            case "47", "1047", "1049": effect = (.alternateScreen, true)
            case "2026": effect = (.synchronized, true)
            default: continue
            }
            if isSet == effect.when { touched.insert(effect.0) } else { touched.remove(effect.0) }
            modes.append(mode)
        }
        guard !modes.isEmpty else { return }
        pass(Array("\u{1B}[?\(modes.joined(separator: ";"))".utf8) + [final], &output)
    }

    private mutating func pass(_ bytes: [UInt8], _ output: inout [UInt8]) {
        guard passesSequences else { return }
        output += bytes
        previous = 0
    }
}
