/// What must not be released yet, because more bytes may make it part of a secret.
extension Scanner {
    /// Longest beginning of a key block's marker that can be cut off.
    private static let markers: [StaticString] = ["-----BEGIN ", "---- BEGIN "]

    /// Lowers `pass.hold` to the beginning of whatever is unfinished at the end of the text.
    ///
    /// The detectors hold what they have begun to read; this holds what may be the beginning of something: the last
    /// token run or atom, a quoted local part, the beginning of a marker, of a keyword or of a known value.
    /// Complexity: linear in the length of what is held.
    func holdTail(_ pass: inout Pass) {
        let text = pass.text
        if pass.open == nil { holdAtom(&pass) }
        if rules.email != nil { holdQuotedLocal(&pass) }
        holdWide(&pass)
        if rules.privateKey != nil {
            for marker in Self.markers {
                let longest = min(marker.utf8CodeUnitCount, text.count)
                for length in stride(from: longest, to: 0, by: -1) {
                    let start = text.count - length
                    guard text.at(start - 1) != UInt8(ascii: "-"), isPrefix(text, start, marker) else { continue }
                    pass.holdFrom(start)
                    break
                }
            }
        }
        for keyword in rules.patternKeywords { holdKeyword(&pass, keyword) }
        knownValues?.holdTail(&pass)
    }

    private func isPrefix(_ text: Text, _ start: Int, _ literal: StaticString) -> Bool {
        for i in start..<text.count where text[i] != literal.utf8Start[i - start] { return false }
        return true
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

    /// The atom that touches the end: a token, an address, escapes of one.
    private func holdAtom(_ pass: inout Pass) {
        let text = pass.text
        let floor = max(pass.lower, pass.pieceStart, text.count - limits.run - 8)
        var start = text.count
        while start > floor {
            let byte = text[start - 1]
            if byte >= 0x80 {
                // Letters beyond ASCII matter for mail addresses only, whose local part is short.
                guard text.count - start < Self.maximumLocalPart + 8 else { break }
            } else if byte == .apostrophe {
                guard start - 1 > 0, text[start - 2].isLetter, start == text.count || text[start].isAlnum else { break }
            } else if !isAtomByte(text, at: start - 1) {
                break
            }
            start -= 1
        }
        var atomStart = start
        var i = start
        while i < text.count {
            if text[i] == .apostrophe {
                i += 1
                continue
            }
            switch element(text, at: i, atomStart: atomStart, isFinal: false) {
            case .plain(let byte):
                if byte == UInt8(ascii: "."), i > atomStart, text[i - 1] == UInt8(ascii: "."),
                    !holdsJWT(text, atomStart, i)
                {
                    atomStart = i + 1
                }
                i += 1
            case .letter(let length): i += length
            case .escaped(_, let length): i += length
            case .sequence(let length):
                if i == atomStart { atomStart = i + length }
                i += length
            case .incomplete:
                // An escape sequence colours what follows it; any other escape may be part of it.
                if text[i] == .escape, i == atomStart { return }
                pass.holdFrom(holdStart(text, atomStart, i))
                return
            case .delimiter:
                i += 1
                atomStart = i
            }
        }
        atomStart = holdStart(text, atomStart, text.count)
        if atomStart < text.count { pass.holdFrom(atomStart) }
    }

    /// Where a token in an atom may begin. Behind a backslash that is not clear: the `b` of `\\bkua_` may be the tail of an
    /// escape or the first letter.
    private func holdStart(_ text: Text, _ atomStart: Int, _ end: Int) -> Int {
        text.at(atomStart - 1) == .backslash ? atomStart : unitStart(text, atomStart, end)
    }

    /// The beginning of UTF-16 text: NULs between printable bytes.
    private func holdWide(_ pass: inout Pass) {
        let text = pass.text
        var start = text.count - 1
        guard start >= 0, text[start] == 0 || text.at(start - 1) == 0 else { return }
        let floor = max(pass.lower, pass.wideEnd, text.count - 2 * limits.run)
        while start > floor, alternates(text, start - 1, start) { start -= 1 }
        if start >= floor, start < text.count - 1 || text[start] == 0 { pass.holdFrom(start) }
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
