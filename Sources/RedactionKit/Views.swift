internal import CPrefilter

/// Encoded text, decoded and scanned again: escapes, base64, hexadecimal, UTF-16.
///
/// Each view maps offsets back, so that the *encoded* span is redacted. Nested views are bounded by `Limits.nesting`,
/// and each decodes to no more bytes than it was given. What touches a placeholder is not decoded: it touched a secret,
/// and was looked at together with it.
extension Scanner {
    /// A decoded text and where each of its bytes came from.
    struct View {
        /// Room of the scanner's, which the next view of the same depth takes.
        private let room: UnsafeMutablePointer<UInt8>
        private(set) var count = 0
        let map: Map

        enum Map {
            /// The elements of an atom of this text, which are read again if something is found.
            case elements(Text, Atom, isFinal: Bool)
            /// Three bytes from four digits, from this offset on.
            case base64(Int)
            /// A byte from two digits, from this offset on.
            case hexadecimal(Int)
            /// A byte from two, a NUL before or behind it, in this range.
            case wide(Range<Int>)
        }

        fileprivate init(_ map: Map, in room: UnsafeMutablePointer<UInt8>) {
            self.map = map
            self.room = room
        }

        @inline(__always)
        mutating func append(_ byte: UInt8) {
            room[count] = byte
            count += 1
        }

        var text: Text { Text(base: UnsafePointer(room), count: count) }
    }

    /// Where the bytes of a view came from; made only for what is found in it.
    private struct Places {
        private let map: View.Map
        /// For `.elements`: offset of the first encoded byte of each decoded one, and after its last.
        private var starts: [Int32] = []
        private var ends: [Int32] = []

        init(_ view: View, _ scanner: Scanner) {
            map = view.map
            guard case .elements(let text, let atom, let isFinal) = map else { return }
            starts.reserveCapacity(view.count)
            ends.reserveCapacity(view.count)
            scanner.forEachDecoded(atom, text, isFinal) { _, start, end in
                starts.append(Int32(truncatingIfNeeded: start))
                ends.append(Int32(truncatingIfNeeded: end))
            }
        }

        /// Where the bytes from `start` to `end` came from.
        func source(_ start: Int, _ end: Int) -> Range<Int> {
            switch map {
            case .elements: return Int(starts[start])..<Int(ends[end - 1])
            case .base64(let base): return (base + start * 4 / 3)..<(base + (end * 8 + 5) / 6)
            case .hexadecimal(let base): return (base + 2 * start)..<(base + 2 * end)
            case .wide(let range):
                return (range.lowerBound + 2 * start)..<min(range.lowerBound + 2 * end, range.upperBound)
            }
        }
    }

    /// A view that decodes no more than `size` bytes.
    private func view(_ map: View.Map, _ pass: Pass, size: Int) -> View {
        View(map, in: decodingRoom(pass.depth, size))
    }

    /// Scans a view and adds what is found, mapped back, from `clip` on. Returns the rule of a secret that reaches the view's end.
    @discardableResult
    private func scanView(
        _ view: View, _ pass: inout Pass, reason: Reason, clip: Int = 0, isInAuthority: Bool = false
    ) -> Int? {
        guard view.count >= Self.minimumView else { return nil }
        let saved = (unmatched, cutRule)
        unmatched.removeAll()
        cutRule = nil
        defer { (unmatched, cutRule) = saved }
        var inner = pass.inner(view.text, isInAuthority: isInAuthority)
        scan(&inner)
        guard !inner.spans.isEmpty else { return nil }
        let places = inner.spans.count > Self.fewSpans ? Places(view, self) : nil
        var last: Int?
        for span in inner.spans {
            let source = places?.source(span.start, span.end) ?? source(of: view, span.start, span.end)
            guard source.upperBound > clip else { continue }
            if span.end == view.count { last = span.rule }
            pass.add(
                max(source.lowerBound, clip)..<source.upperBound, rule: span.rule, confidence: span.confidence,
                reason: span.reason == .checksum ? .checksum : reason)
        }
        return last
    }

    /// Spans of a view whose places are looked for one by one.
    private static let fewSpans = 2

    /// Where the bytes of a view from `start` to `end` came from.
    private func source(of view: View, _ start: Int, _ end: Int) -> Range<Int> {
        guard case .elements(let text, let atom, let isFinal) = view.map else {
            return Places(view, self).source(start, end)
        }
        var (count, lower, upper) = (0, 0, 0)
        forEachDecoded(atom, text, isFinal) { _, from, to in
            if count == start { lower = from }
            if count == end - 1 { upper = to }
            count += 1
        }
        return lower..<upper
    }

    /// Shortest decoded text worth scanning, in bytes: a short mail address.
    static let minimumView = 6

    // MARK: - Escapes

    /// The escape at `index`: decodes the atoms of the word around it.
    func escape(_ pass: inout Pass, at index: Int) {
        if pass.text[index] == 0 { return wideText(&pass, at: index) }
        if pass.text.has(":\\/\\/", at: index - 1) { url(&pass, schemeEnd: index - 1) }
        guard pass.depth <= limits.nesting, index >= pass.wordEnd else { return }
        let text = pass.text
        let end = wordEnd(text, after: index)
        pass.wordEnd = end
        if end <= pass.lower, end < text.count { return }
        var start = wordStart(text, before: index, floor: pass.pieces(around: index).word)
        start = pass.afterBlock(start, upTo: end)
        let isFinal = pass.isComplete(at: end)
        let word = Text(base: text.base, count: end)
        var follows = start == pass.givenPieces.word && pass.givenPieces.wordFollowsPlaceholder
        var isPiece = follows
        forEachAtom(word, from: start, isFinal: isFinal) { atom in
            if !isPiece { follows = atom.isCut && pass.followsPlaceholder(atom.start) }
            isPiece = atom.isCut
            guard atom.isEncoded || atom.isCut && atom.hasEscapes, atom.end > pass.lower,
                atom.isCut || atom.end < end || isFinal, !follows,
                !pass.touchesPlaceholder(atom.start..<atom.end), let rule = decode(atom, word, isFinal, &pass)
            else { return true }
            pass.addRest((atom.end - 1)..<end, rule: rule, of: .stretch(.word, rule: rule))
            return false
        }
    }

    /// Scans what an atom stands for. Returns the rule of a secret that fills a piece of an over-long one to its end.
    private func decode(_ atom: Atom, _ text: Text, _ isFinal: Bool, _ pass: inout Pass) -> Int? {
        // It decodes to fewer bytes.
        guard atom.end - atom.start > Self.minimumView else { return nil }
        var view = view(.elements(text, atom, isFinal: isFinal), pass, size: atom.end - atom.start)
        forEachDecoded(atom, text, isFinal) { byte, _, _ in view.append(byte) }
        let last = scanView(
            view, &pass, reason: .decodedEscapes, clip: secretStart(text, atom.start, atom.end),
            isInAuthority: isUserInfo(pass, atom.start, atom.start))
        return atom.isCut ? last : nil
    }

    /// Calls `body` with each byte that an atom stands for, and with where its element begins and ends.
    @inline(__always)
    private func forEachDecoded(
        _ atom: Atom, _ text: Text, _ isFinal: Bool, _ body: (_ byte: UInt8, _ start: Int, _ end: Int) -> Void
    ) {
        var k = atom.start
        while k < atom.end {
            // Most elements are such bytes.
            if text[k].isToken {
                body(text[k], k, k + 1)
                k += 1
                continue
            }
            switch element(text, at: k, isFinal: isFinal) {
            case .plain(let byte):
                body(byte, k, k + 1)
                k += 1
            case .letter(let length):
                for j in 0..<length { body(text[k + j], k, k + length) }
                k += length
            case .escaped(let value, let length):
                if value > 0xFF, let scalar = Unicode.Scalar(value) {
                    for unit in UTF8.encode(scalar)! { body(unit, k, k + length) }
                } else {
                    // ASCII, or a byte of a percent-encoded UTF-8 sequence.
                    body(UInt8(truncatingIfNeeded: value), k, k + length)
                }
                k += length
            case .sequence(let length): k += length
            case .incomplete, .delimiter: k = atom.end
            }
        }
    }

    // MARK: - Base64 and hexadecimal

    /// Decodes the stretches of a part of a run that are base64 of text, at each of the four alignments.
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
        var view = view(.base64(start), pass, size: end - start)
        var decoder = Base64Decoder()
        for i in start..<end {
            guard let value = text[i].sextet else { break }
            if let byte = decoder.push(value) { view.append(byte) }
        }
        let before = pass.spans.count
        scanView(view, &pass, reason: .decodedBase64)
        // A private key whose base64 goes on in the next lines.
        if let rule = rules.privateKey, end + 3 >= runEnd,
            let key = pass.spans[before...].last(where: { $0.rule == rule && $0.end + 4 >= end })
        {
            keyBlockContinues(&pass, after: runEnd, redactedFrom: key.start, rule: rule)
        }
    }

    /// Decodes the stretches of a part of a run that are hexadecimal of text.
    func hexadecimal(_ pass: inout Pass, _ start: Int, _ end: Int) {
        let text = pass.text
        for phase in 0..<2 where start + phase < end {
            var i = start + phase
            var stretchEnd = i
            while true {
                i = pm_find_hex_text(text.base, i, end, &stretchEnd)
                guard i < end else { break }
                var view = view(.hexadecimal(i), pass, size: (stretchEnd - i) / 2)
                for j in stride(from: i, to: stretchEnd, by: 2) {
                    view.append(text[j].hexValue << 4 | text[j + 1].hexValue)
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
        var start = wideStart(text, before: index, floor: pass.pieces(around: index).wide)
        start = pass.afterBlock(start, upTo: index)
        var end = index + 1
        while end < text.count, alternates(text, end - 1, end) { end += 1 }
        pass.wideEnd = end
        if end <= pass.lower, end < text.count { return }
        guard end - start >= 2 * Self.minimumWide,
            !(start == pass.givenPieces.wide && pass.givenPieces.wideFollowsPlaceholder),
            !wideFollowsPlaceholder(pass, start)
        else { return }
        forEachPiece(start, end, of: .wide) { from, to, isCut in
            // `holdTail` holds what is not complete.
            guard !isPlaceholderEdge(pass, from, to), isCut || pass.isComplete(at: end) && pass.isComplete(at: end - 1)
            else { return true }
            // The first NUL of big-endian text stays, and what was released before its NUL came.
            let first = from == start ? wideSecretStart(text, start) : from
            var view = view(.wide(from..<to), pass, size: to - from)
            for i in stride(from: text[from] == 0 ? from + 1 : from, to: to, by: 2) { view.append(text[i]) }
            let before = pass.spans.count
            let last = scanView(view, &pass, reason: .decodedUTF16, clip: first)
            if !isCut, let rule = rules.privateKey, last == rule,
                let key = pass.spans[before...].last(where: { $0.rule == rule && $0.end >= to - 1 }),
                !endsKey(view.text)
            {
                keyBlockContinues(&pass, afterWide: to, redactedFrom: key.start, rule: rule)
            }
            guard isCut, let last else { return true }
            pass.addRest((to - 1)..<end, rule: last, of: .stretch(.wide, rule: last))
            return false
        }
    }

    /// Whether the last key of a line has its END marker in it.
    private func endsKey(_ line: Text) -> Bool {
        guard let begin = (0..<line.count).last(where: { line.has("BEGIN ", at: $0) }) else { return true }
        return line.find("END ", in: begin..<line.count) != nil
    }

    /// Where the stretch of alternating NULs around `index` begins.
    func wideStart(_ text: Text, before index: Int, floor: Int) -> Int {
        var start = max(index, floor)
        while start > floor, alternates(text, start - 1, start) { start -= 1 }
        return start
    }

    /// Where a secret in UTF-16 text that begins at `start` may begin: not at its first byte, unless a token may.
    func wideSecretStart(_ text: Text, _ start: Int) -> Int {
        text[start].isToken && !text[start].isLeadingPunctuation && !endsEscape(text, start) ? start : start + 1
    }

    /// Whether the byte at `index` is the last of an escaped line end or of a control sequence, which are not held back.
    private func endsEscape(_ text: Text, _ index: Int) -> Bool {
        if text.at(index - 1) == .backslash { return "nrt".utf8.contains(text[index]) }
        return text.sequenceStart(before: index + 1) != nil
    }

    /// Whether UTF-16 text that begins at `start` follows a placeholder, whose bracket it may take for a character of its own.
    func wideFollowsPlaceholder(_ pass: Pass, _ start: Int) -> Bool {
        pass.followsPlaceholder(start) || pass.followsPlaceholder(start + 1)
    }

    /// Whether the stretch takes the bracket of a placeholder for a character of its own, or stands beside one.
    private func isPlaceholderEdge(_ pass: Pass, _ start: Int, _ end: Int) -> Bool {
        pass.touchesPlaceholder(start..<end) || pass.touchesPlaceholder((start + 1)..<(end - 1))
    }

    /// Whether exactly one of two neighbours is NUL and the other is printable ASCII or a tab.
    func alternates(_ text: Text, _ a: Int, _ b: Int) -> Bool {
        let (x, y) = (text[a], text[b])
        let other = x == 0 ? y : y == 0 ? x : 0
        return other >= 0x20 && other < 0x7f || other == .tab
    }
}
