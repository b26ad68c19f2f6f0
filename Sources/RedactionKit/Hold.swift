/// What must not be released yet, because more bytes may make it part of a secret.
extension Scanner {
    /// Lowers `pass.hold` to the beginning of whatever is unfinished at the end of the text.
    ///
    /// The detectors hold what they have begun to read; this holds what may be the beginning of something: the last atom
    /// or local part, the beginning of a marker, of a keyword or of a known value. Each is found by the function that its
    /// detector uses. Complexity: linear in the length of what is held.
    func holdTail(_ pass: inout Pass) {
        let text = pass.text
        // A placeholder that is cut off ends what touches it.
        var end = text.count
        let longest = Placeholders.mark.utf8CodeUnitCount - 1
        for length in 1...longest where text.isCut(Placeholders.mark, at: end - length) {
            end -= length
            // If it is none, its letters may begin something.
            if length > 1 { pass.holdFrom(end + 1) }
            break
        }
        holdAtom(&pass, before: end)
        holdWide(&pass, before: end)
        if rules.email != nil {
            if let start = localStart(text, before: end, isOpen: true) { pass.holdFrom(start) }
            if let letter = cutLetter(text), let start = localStart(text, before: letter, isOpen: true) {
                pass.holdFrom(start)
            }
            holdQuotedLocal(&pass)
        }
        if rules.privateKey != nil { holdMarker(&pass) }
        for keyword in rules.patternKeywords { holdKeyword(&pass, keyword) }
        knownValues?.holdTail(&pass)
    }

    /// Where a letter beyond ASCII begins that is cut off at the end.
    private func cutLetter(_ text: Text) -> Int? {
        for start in stride(from: text.count - 1, through: max(0, text.count - 2), by: -1) where text[start] >= 0xC0 {
            if case .incomplete = element(text, at: start, isFinal: false) { return start }
        }
        return nil
    }

    /// The run and the atom that touch `end`.
    private func holdAtom(_ pass: inout Pass, before end: Int) {
        let text = Text(base: pass.text.base, count: end)
        // The rest of an over-long stretch belongs to it. Before it, and before any other open construct, something may have begun: a
        // run in an over-long word, and an atom with escapes that goes on as an over-long run.
        var (limit, openKind) = (Int.max, Pieces.Kind?.none)
        if let open = pass.open, case .stretch(let kind, _) = open.construct { (limit, openKind) = (open.start, kind) }
        let runStart = text.runStart(before: end, floor: pass.givenPieces.run)
        let isRun =
            runStart == pass.givenPieces.run && runStart == pass.givenPieces.word
            || runStart > pass.givenPieces.word && !isWordByte(text, at: runStart - 1)
        if isRun {
            if openKind == nil { holdRun(&pass, from: runStart, before: end) }
            return
        }
        let word = wordStart(text, before: runStart, floor: pass.givenPieces.word)
        var atom = Atom(at: word)
        forEachAtom(text, from: word, isFinal: false) {
            atom = $0
            return true
        }
        guard atom.end == end else { return }
        if runStart < atom.begin && openKind != .run || openKind == .word {
            holdRun(&pass, from: runStart, before: end, upTo: limit)
        }
        if let openKind, openKind == .word || atom.begin >= limit || !atom.hasEscapes { return }
        if let cut = atom.cut, cut == atom.start {
            // A control sequence colours what follows it; any other escape may be the beginning of a token.
            if text[cut] != .escape { pass.holdFrom(cut) }
            return
        }
        var start = secretStart(text, atom.start, end)
        if !atom.hasEscapes, atom.cut == nil, atom.lettersEnd > start {
            // Before its letters beyond ASCII, only a mail address may begin in it, and that is held as one.
            start = atom.lettersEnd
        }
        if start < end { pass.holdFrom(start) }
    }

    /// The last part of a token run from `start` to `end`, if it begins before `limit`.
    private func holdRun(_ pass: inout Pass, from start: Int, before end: Int, upTo limit: Int = .max) {
        var piece = start
        while piece < end, let part = runPiece(pass.text, from: piece, to: end, isOpen: true) { piece = part.next }
        let start = secretStart(pass.text, piece, end)
        if start < end, piece < limit { pass.holdFrom(start) }
    }

    /// UTF-16 text that touches the end.
    private func holdWide(_ pass: inout Pass, before end: Int) {
        let text = pass.text
        guard text.count > 0 else { return }
        if case .stretch = pass.open?.construct { return }
        // The bracket of a placeholder that is cut off may look like a character of it.
        var start = wideStart(text, before: min(end, text.count - 1), floor: pass.givenPieces.wide)
        if end > 0, start == end { start = wideStart(text, before: end - 1, floor: pass.givenPieces.wide) }
        guard start < text.count, start < end - 1 || text[start] == 0 else { return }
        var last = start
        forEachPiece(start, end, of: .wide) { from, _, _ in
            last = from
            return true
        }
        let first = last == start ? wideSecretStart(text, start) : last
        if first < end { pass.holdFrom(first) }
    }

    /// The beginning of `-----BEGIN ` or `---- BEGIN `.
    private func holdMarker(_ pass: inout Pass) {
        let text = pass.text
        let word: StaticString = "BEGIN "
        var start = text.count
        for length in stride(from: min(word.utf8CodeUnitCount, text.count), to: 0, by: -1)
        where text.isCut(word, at: text.count - length) || text.has(word, at: text.count - length) {
            start -= length
            break
        }
        if text.at(start - 1) == .space { start -= 1 }
        let dashesEnd = start
        while start > 0, dashesEnd - start < KeyBlock.dashes, text[start - 1] == UInt8(ascii: "-") { start -= 1 }
        let dashes = dashesEnd - start
        if dashes >= KeyBlock.minimumDashes || dashes > 0 && dashesEnd == text.count { pass.holdFrom(start) }
    }

    /// A keyword of a user's rule that is cut off at the end.
    private func holdKeyword(_ pass: inout Pass, _ keyword: [UInt8]) {
        let text = pass.text
        for length in stride(from: min(keyword.count - 1, text.count), to: 0, by: -1) {
            let start = text.count - length
            var i = 0
            while i < length, lower(text[start + i]) == keyword[i] { i += 1 }
            if i == length { return pass.holdFrom(start) }
        }
    }

    /// `"quoted local part"` that is open, or closed right at the end.
    private func holdQuotedLocal(_ pass: inout Pass) {
        let text = pass.text
        guard text.count > 0 else { return }
        if text[text.count - 1] == .quote, let start = quotedLocalStart(text, closing: text.count - 1) {
            pass.holdFrom(start)
        }
        var i = text.count - 1
        let floor = max(0, i - Self.maximumLocalPart)
        while i >= floor, isQuotedLocalByte(text[i]) { i -= 1 }
        if i >= floor, text[i] == .quote, mayOpenQuotedLocal(text, at: i) { pass.holdFrom(i) }
    }
}
