internal import CPrefilter

/// Encoded text, decoded and scanned again: escapes, base64, hexadecimal, UTF-16.
///
/// Each view maps offsets back, so that the *encoded* span is redacted. Nested views are bounded by `Limits.nesting`,
/// and each decodes to no more bytes than it was given.
extension Scanner {
    /// A decoded text and where each of its bytes came from.
    struct View {
        var bytes: [UInt8] = []
        /// How offsets are mapped back.
        let map: Map
        /// For `.listed`: offset of the first encoded byte of each decoded one, and after its last.
        private var starts: [Int32] = []
        private var ends: [Int32] = []

        enum Map {
            case listed
            /// Three bytes from four digits, from this offset on.
            case base64(Int)
            /// A byte from two digits, from this offset on.
            case hexadecimal(Int)
        }

        init(_ map: Map = .listed) { self.map = map }

        mutating func append(_ byte: UInt8, _ start: Int, _ end: Int) {
            bytes.append(byte)
            starts.append(Int32(truncatingIfNeeded: start))
            ends.append(Int32(truncatingIfNeeded: end))
        }

        mutating func removeAll() {
            bytes.removeAll(keepingCapacity: true)
            starts.removeAll(keepingCapacity: true)
            ends.removeAll(keepingCapacity: true)
        }

        /// Where the bytes from `start` to `end` came from.
        func source(_ start: Int, _ end: Int) -> Range<Int> {
            switch map {
            case .listed: Int(starts[start])..<Int(ends[end - 1])
            case .base64(let base): (base + start * 4 / 3)..<(base + (end * 8 + 5) / 6)
            case .hexadecimal(let base): (base + 2 * start)..<(base + 2 * end)
            }
        }
    }

    /// Scans a view and adds what is found, mapped back.
    private func scanView(_ view: borrowing View, _ pass: inout Pass, reason: Reason) {
        guard view.bytes.count >= Self.minimumView else { return }
        let saved = searchedTo
        view.bytes.withUnsafeBufferPointer { bytes in
            var inner = Pass(
                text: Text(base: bytes.baseAddress!, count: bytes.count), lower: 0, isFinal: true, depth: pass.depth + 1
            )
            scan(&inner)
            for span in inner.spans {
                pass.add(
                    view.source(span.start, span.end), rule: span.rule, confidence: span.confidence,
                    reason: span.reason == .checksum ? .checksum : reason)
            }
        }
        searchedTo = saved
    }

    /// Shortest decoded text worth scanning, in bytes: a short mail address.
    static let minimumView = 6

    // MARK: - Escapes

    /// One element of an atom: what it decodes to and how long it is encoded. Nil: a delimiter.
    enum Element {
        /// A byte that stands for itself.
        case plain(UInt8)
        /// An escape of a character; UTF-8 of it.
        case escaped(UInt32, length: Int)
        /// A control sequence, which stands for nothing.
        case sequence(length: Int)
        /// A letter beyond ASCII, of this many bytes.
        case letter(length: Int)
        /// The text ends inside an escape.
        case incomplete
        case delimiter
    }

    /// The element at `index` of an atom that began at `atomStart`.
    func element(_ text: Text, at index: Int, atomStart: Int, isFinal: Bool) -> Element {
        let byte = text[index]
        if byte.isToken { return .plain(byte) }
        let left = text.count - index
        switch byte {
        case UInt8(ascii: "%"):
            // `45%` is a percentage: a number of at most four characters before the sign begins no escape.
            if index - atomStart <= 4, index > atomStart,
                (atomStart..<index).allSatisfy({ text[$0].isDigit || text[$0] == UInt8(ascii: ".") })
            {
                return .delimiter
            }
            if left >= 3 {
                guard text[index + 1].isHex, text[index + 2].isHex else { return .delimiter }
                return .escaped(UInt32(text[index + 1].hexValue) << 4 | UInt32(text[index + 2].hexValue), length: 3)
            }
            if !isFinal, left == 1 || text[index + 1].isHex { return .incomplete }
            return .delimiter
        case .backslash:
            var i = index
            while i < text.count, text[i] == .backslash, i - index < 4 { i += 1 }
            guard i < text.count else { return isFinal ? .delimiter : .incomplete }
            let digits: Int
            switch text[i] {
            case UInt8(ascii: "/"): return .escaped(UInt32(text[i]), length: i + 1 - index)
            case UInt8(ascii: "u"): digits = 4
            case UInt8(ascii: "U"): digits = 8
            case UInt8(ascii: "x"): digits = 2
            case UInt8(ascii: "0")...UInt8(ascii: "3"):
                guard i + 3 <= text.count else { return isFinal ? .delimiter : .incomplete }
                var value: UInt32 = 0
                for j in i..<(i + 3) {
                    guard text[j] &- 0x30 < 8 else { return .delimiter }
                    value = value << 3 | UInt32(text[j] - 0x30)
                }
                return .escaped(value, length: i + 3 - index)
            default: return .delimiter
            }
            var value: UInt32 = 0
            for j in (i + 1)..<(i + 1 + digits) {
                guard j < text.count else { return isFinal ? .delimiter : .incomplete }
                guard text[j].isHex else { return .delimiter }
                value = value << 4 | UInt32(text[j].hexValue)
            }
            return .escaped(value, length: i + 1 + digits - index)
        case UInt8(ascii: "&"):
            var i = index + 1
            let limit = min(text.count, index + 10)
            while i < limit, text[i].isAlnum || (i == index + 1 && text[i] == UInt8(ascii: "#")) { i += 1 }
            if i == text.count, i < index + 10 { return isFinal ? .delimiter : .incomplete }
            guard i < limit, text[i] == UInt8(ascii: ";"), let value = entity(text, (index + 1)..<i) else {
                return .delimiter
            }
            return .escaped(value, length: i + 1 - index)
        case .escape:
            guard left >= 2 else { return isFinal ? .delimiter : .incomplete }
            guard text[index + 1] == UInt8(ascii: "[") else { return .delimiter }
            // A placeholder of ours is none, whatever a terminal makes of it.
            if text.has("[REDACTED", at: index + 1) { return .delimiter }
            if !isFinal, left > 2, text.isCut("[REDACTED", at: index + 1) { return .incomplete }
            var i = index + 2
            while i < text.count, text[i] >= 0x20, text[i] < 0x40, i - index < 32 { i += 1 }
            guard i < text.count else { return isFinal ? .delimiter : .incomplete }
            return text[i] >= 0x40 && text[i] < 0x7f ? .sequence(length: i + 1 - index) : .delimiter
        case 0x80...:
            if let length = letterLength(text, at: index) { return .letter(length: length) }
            if !isFinal, left < 3, byte >= 0xC3, byte <= 0xED { return .incomplete }
            return .delimiter
        default: return .delimiter
        }
    }

    /// Value of a character reference without `&` and `;` (HTML, 13.5: the few names that stand for ASCII).
    private func entity(_ text: Text, _ range: Range<Int>) -> UInt32? {
        guard !range.isEmpty else { return nil }
        if text[range.lowerBound] == UInt8(ascii: "#") {
            let isHex = text.at(range.lowerBound + 1) | 0x20 == UInt8(ascii: "x")
            let digits = (range.lowerBound + (isHex ? 2 : 1))..<range.upperBound
            guard !digits.isEmpty, digits.lowerBound <= digits.upperBound else { return nil }
            var value: UInt32 = 0
            for i in digits {
                guard isHex ? text[i].isHex : text[i].isDigit else { return nil }
                value = value &* (isHex ? 16 : 10) &+ UInt32(text[i].hexValue)
            }
            return value
        }
        let names: [(StaticString, Character)] = [
            ("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'"), ("commat", "@"), ("colon", ":"),
            ("sol", "/"),
            ("plus", "+"), ("equals", "="), ("period", "."), ("lowbar", "_"), ("dash", "-"), ("hyphen", "-"),
            ("percnt", "%"),
        ]
        for (name, character) in names
        where name.utf8CodeUnitCount == range.count && text.has(name, at: range.lowerBound) {
            return UInt32(character.asciiValue!)
        }
        return nil
    }

    /// Bytes at which looking back for the beginning of an atom stops.
    func isAtomByte(_ text: Text, at index: Int) -> Bool {
        let byte = text[index]
        if byte.isToken || byte >= 0x80 { return true }
        switch byte {
        case UInt8(ascii: "%"), .backslash, UInt8(ascii: "&"), .escape, UInt8(ascii: "#"), UInt8(ascii: ";"),
            UInt8(ascii: "?"):
            return true
        case UInt8(ascii: "["): return text.at(index - 1) == .escape
        default: return false
        }
    }

    /// The escape at `index`: decodes the atom around it.
    func escape(_ pass: inout Pass, at index: Int) {
        if pass.text[index] == 0 { return wideText(&pass, at: index) }
        guard pass.depth <= limits.nesting, index >= pass.atomEnd else { return }
        let text = pass.text
        var start = index
        let floor = max(pass.atomEnd, index - limits.value, pass.blockEnd <= index ? pass.blockEnd : 0)
        while start > floor, isAtomByte(text, at: start - 1) { start -= 1 }

        // Atoms from `start` on, until the one that holds `index` has ended.
        var view = View()
        var i = start
        var atomStart = start
        var hasEscape = false
        let limit = min(text.count, index + limits.run)
        while i < limit {
            switch element(text, at: i, atomStart: atomStart, isFinal: pass.isFinal) {
            case .plain(let byte):
                view.append(byte, i, i + 1)
                i += 1
                continue
            case .letter(let length):
                for k in 0..<length { view.append(text[i + k], i, i + length) }
                i += length
                continue
            case .escaped(let value, let length):
                hasEscape = true
                appendUTF8(value, &view, i, i + length)
                i += length
                continue
            case .sequence(let length):
                // A sequence at the beginning of an atom colours it; one in the middle is cut out of it.
                if view.bytes.isEmpty { atomStart = i + length } else { hasEscape = true }
                i += length
                continue
            case .incomplete:
                pass.atomEnd = text.count  // `holdTail` holds the atom.
                return
            case .delimiter: break
            }
            if i > index { break }
            view.removeAll()
            hasEscape = false
            i += 1
            atomStart = i
        }
        pass.atomEnd = i
        guard pass.isComplete(at: i) || i == limit else { return }
        if hasEscape { scanView(view, &pass, reason: .decodedEscapes) }
    }

    private func appendUTF8(_ value: UInt32, _ view: inout View, _ start: Int, _ end: Int) {
        if value < 0x80 {
            view.append(UInt8(value), start, end)
        } else if let scalar = Unicode.Scalar(value), value > 0xFF {
            for unit in UTF8.encode(scalar)! { view.append(unit, start, end) }
        } else {
            // A byte of a percent-encoded UTF-8 sequence.
            view.append(UInt8(truncatingIfNeeded: value), start, end)
        }
    }

    // MARK: - Base64 and hexadecimal

    /// Decodes the stretches of a run that are base64 of text, at each of the four alignments.
    func base64(_ pass: inout Pass, _ start: Int, _ end: Int) {
        let text = pass.text
        for phase in 0..<4 where start + phase < end {
            var i = start + phase
            var stretchEnd = i
            while true {
                i = pm_find_base64_text(text.base, i, end, &stretchEnd)
                guard i < end else { break }
                decodeBase64(&pass, i, stretchEnd, end)
                i = min(stretchEnd + 4, end)
            }
        }
    }

    private func decodeBase64(_ pass: inout Pass, _ start: Int, _ stretchEnd: Int, _ runEnd: Int) {
        let text = pass.text
        // The last group may be short.
        var end = stretchEnd
        while end < min(runEnd, stretchEnd + 3), text[end].isBase64 { end += 1 }
        var view = View(.base64(start))
        view.bytes.reserveCapacity((end - start) * 3 / 4 + 1)
        var decoder = Base64Decoder()
        for i in start..<end {
            guard let value = text[i].sextet else { break }
            if let byte = decoder.push(value) { view.bytes.append(byte) }
        }
        let before = pass.spans.count
        scanView(view, &pass, reason: .decodedBase64)
        // A private key whose base64 goes on in the next lines.
        if let rule = rules.privateKey, end + 3 >= runEnd,
            pass.spans[before...].contains(where: { $0.rule == rule && $0.end + 4 >= end })
        {
            keyBlockContinues(&pass, after: runEnd, rule: rule)
        }
    }

    /// Decodes the stretches of a run that are hexadecimal of text.
    func hexadecimal(_ pass: inout Pass, _ start: Int, _ end: Int) {
        let text = pass.text
        for phase in 0..<2 where start + phase < end {
            var i = start + phase
            var stretchEnd = i
            while true {
                i = pm_find_hex_text(text.base, i, end, &stretchEnd)
                guard i < end else { break }
                var view = View(.hexadecimal(i))
                view.bytes.reserveCapacity((stretchEnd - i) / 2)
                for j in stride(from: i, to: stretchEnd, by: 2) {
                    view.bytes.append(text[j].hexValue << 4 | text[j + 1].hexValue)
                }
                scanView(view, &pass, reason: .decodedHex)
                i = min(stretchEnd + 2, end)
            }
        }
    }

    // MARK: - UTF-16

    /// Shortest UTF-16 text that is looked at, in characters.
    static let minimumWide = 8

    /// The NUL at `index`: decodes the UTF-16 line around it, little- or big-endian.
    func wideText(_ pass: inout Pass, at index: Int) {
        guard pass.depth <= limits.nesting, index >= pass.wideEnd else { return }
        let text = pass.text
        // A maximal stretch in which NUL and a printable byte alternate.
        var start = index
        let floor = max(pass.wideEnd, index - 2 * limits.value)
        while start > floor, alternates(text, start - 1, start) { start -= 1 }
        var end = index + 1
        let limit = min(text.count, start + 2 * limits.run)
        while end < limit, alternates(text, end - 1, end) { end += 1 }
        if end == text.count, !pass.isFinal, end < start + 2 * limits.run {
            if end - start >= 4 { pass.holdFrom(start) }
            pass.wideEnd = end
            return
        }
        pass.wideEnd = end
        guard end - start >= 2 * Self.minimumWide else { return }
        var view = View()
        if text[start] == 0 {
            var i = start
            while i + 1 < end {
                view.append(text[i + 1], i, i + 2)
                i += 2
            }
        } else {
            var i = start
            while i < end {
                view.append(text[i], i, min(i + 2, end))
                i += 2
            }
        }
        scanView(view, &pass, reason: .decodedUTF16)
    }

    /// Whether exactly one of two neighbours is NUL and the other is printable ASCII or a tab.
    func alternates(_ text: Text, _ a: Int, _ b: Int) -> Bool {
        let (x, y) = (text[a], text[b])
        let other = x == 0 ? y : y == 0 ? x : 0
        return other >= 0x20 && other < 0x7f || other == .tab
    }
}
