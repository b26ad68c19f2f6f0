/// Where a private key block is, between its BEGIN line and its end.
///
/// A value that is carried from pass to pass, so that a key of any length is redacted in bounded memory. Three layouts
/// are told apart by what surrounds the BEGIN marker: a block of whole lines; one line with escaped line ends; lines
/// that carry a log prefix each, whose prefixes and suffixes stay.
struct KeyBlock: Equatable {
    /// Column at which BEGIN stood if something other than blanks stood before it, else 0.
    var column = 0
    /// Lines of key material so far.
    var lines = 0
    /// A line shorter than the others has been seen: only the end may follow.
    var sawShort = false
    /// Empty lines in a row.
    var blanks = 0
    /// Whether an END marker is expected (PuTTY keys have none).
    var needsEnd = true
    /// Still in the line of the BEGIN marker.
    var isInline = true
    /// The last pass ended in the middle of a piece of base64.
    var isInPiece = false
    /// Its characters are of two bytes (UTF-16).
    var isWide = false

    /// Dashes around a marker: at most as many count, at least as many are needed (RFC 7468, RFC 4716).
    static let dashes = 5
    static let minimumDashes = 4
    /// Digits of the shortest line that is taken for key material without further evidence. Encoders write 64, 70 or 76.
    static let fullLine = 40
    /// Digits of the shortest piece of a key that is written in one line.
    static let inlinePiece = 16
    /// Columns that a log prefix may grow or shrink by from line to line.
    static let columnSlack = 12
    /// Bytes of a carriage return and a NUL on each side of it, which may stand before the line feed of UTF-16 text.
    static let wideLineEnd = 3
    /// Empty lines in a row that a block may hold.
    static let maximumBlanks = 2
}

extension Pass {
    /// Remembers that a key block is open: what follows belongs to it, or lines of it may hold other things too.
    mutating func openKey(_ outcome: Scanner.Advance, _ block: KeyBlock, rule: Int, start: Int) {
        if let lines = outcome.lines {
            open(.key(lines.block, rule: rule), lines.start..<lines.start)
        } else {
            open(.key(block, rule: rule), start..<max(start, outcome.end))
        }
    }
}

extension Scanner {
    /// The word BEGIN at `index`: a private key block if a label with PRIVATE KEY and the dashes are there.
    func keyBlock(_ pass: inout Pass, beginAt index: Int) {
        guard let rule = rules.privateKey else { return }
        let text = pass.text
        guard text.has("BEGIN ", at: index) else { return }
        // `-----BEGIN X-----` (RFC 7468) or `---- BEGIN X ----` (RFC 4716).
        var start = index
        if text.at(start - 1) == .space { start -= 1 }
        let dashesEnd = start
        while start > 0, dashesEnd - start < KeyBlock.dashes, text[start - 1] == UInt8(ascii: "-") { start -= 1 }
        // Right behind a placeholder, it was looked at together with what that stands for.
        guard dashesEnd - start >= KeyBlock.minimumDashes, !pass.followsPlaceholder(start) else { return }
        var i = index + 6
        let limit = min(text.count, i + 64)
        while i < limit, text[i].isUpper || text[i].isDigit || text[i] == .space { i += 1 }
        if i == text.count, i < index + 70, !pass.isFinal { return pass.holdFrom(start) }
        let label = (index + 6)..<i
        guard text.find("PRIVATE", in: label) != nil, text.find("KEY", in: label) != nil else { return }
        var end = i
        while end < text.count, end - i < 5, text[end] == UInt8(ascii: "-") { end += 1 }
        if end == text.count, end - i < 5, !pass.isFinal { return pass.holdFrom(start) }
        guard end - i >= 4 else { return }

        let lineStart = text.lineStart(before: start, limit: 512)
        var block = KeyBlock()
        for j in lineStart..<start where !(text[j].isBlank || text[j].isQuote || text[j] == UInt8(ascii: "+")) {
            block.column = start - lineStart
            break
        }
        follow(&pass, block, redactedFrom: start, from: end, rule: rule)
    }

    /// `Private-Lines: n` of a PuTTY key: the lines that follow.
    func keyLines(_ pass: inout Pass, after index: Int) {
        guard let rule = rules.privateKey else { return }
        let text = pass.text
        guard text.hasFolded("private-lines:", at: index) else { return }
        var i = index
        while i < text.count, text[i] != .lineFeed, i - index < 40 { i += 1 }
        guard i < text.count, text[i] == .lineFeed else { return }
        let block = KeyBlock(needsEnd: false, isInline: false)
        follow(&pass, block, redactedFrom: i + 1, from: i + 1, rule: rule)
    }

    /// A base64-wrapped key whose first lines have been decoded: the wrapped lines that follow. `start` is where its redaction
    /// begins; the line end may not have come yet.
    func keyBlockContinues(_ pass: inout Pass, after index: Int, redactedFrom start: Int, rule: Int) {
        let text = pass.text
        var end = index
        while end < text.count, text[end] == UInt8(ascii: "=") { end += 1 }
        guard end < text.count, text[end] == .carriageReturn || text[end] == .lineFeed else { return }
        let block = KeyBlock(lines: 1, needsEnd: false, isInline: false)
        follow(&pass, block, redactedFrom: start, from: end, rule: rule)
    }

    /// A key that begins in UTF-16 text, which ends with its line: the lines that follow. `start` is the first byte of BEGIN.
    func keyBlockContinues(_ pass: inout Pass, afterWide index: Int, redactedFrom start: Int, rule: Int) {
        follow(&pass, KeyBlock(isInline: false, isWide: true), redactedFrom: start, from: index, rule: rule)
    }

    /// Follows a block and adds its spans.
    private func follow(_ pass: inout Pass, _ block: KeyBlock, redactedFrom start: Int, from index: Int, rule: Int) {
        var block = block
        let outcome = advance(&block, &pass, from: index, spanStart: start, rule: rule)
        pass.addBlock(start..<max(start, outcome.solidEnd))
        if outcome.isOpen {
            pass.openKey(outcome, block, rule: rule, start: start)
            pass.holdFrom(outcome.end)
        }
    }

    /// Goes on with `block` at `index`, the beginning of something undecided.
    ///
    /// Adds spans for the key material; `spanStart` is where the current span began.
    func advance(
        _ block: inout KeyBlock, _ pass: inout Pass, from index: Int, spanStart: Int, rule: Int
    ) -> Advance {
        var outcome = Advance(solidEnd: spanStart)
        if block.column > 0, !block.isInline { outcome.lines = (block, index) }
        (outcome.end, outcome.isOpen) = advance(
            &block, &pass, from: index, spanStart: spanStart, rule: rule, &outcome)
        return outcome
    }

    struct Advance {
        /// Where the block ends, or, if it is open, the first byte that is not decided.
        var end = 0
        var isOpen = false
        /// Everything before this belongs to the block; what follows may be lines that hold other things too.
        var solidEnd: Int
        /// The state with which the first of such lines begins.
        var lines: (block: KeyBlock, start: Int)?
    }

    private func advance(
        _ block: inout KeyBlock, _ pass: inout Pass, from index: Int, spanStart: Int, rule: Int,
        _ outcome: inout Advance
    ) -> (end: Int, isOpen: Bool) {
        let text = pass.text
        var spanStart = spanStart
        var i = index
        func close(_ pass: inout Pass, _ end: Int) {
            guard end > spanStart else { return }
            pass.add(spanStart..<end, rule: rule, confidence: 2, reason: .structure, isKey: true)
            if spanStart <= outcome.solidEnd { outcome.solidEnd = max(outcome.solidEnd, end) }
        }
        /// A block's span does not take the last line end along: it stays in the output.
        func beforeLineEnd(_ index: Int) -> Int {
            var end = index
            if end > spanStart, text[end - 1] == .lineFeed { end -= 1 }
            if end > spanStart, text[end - 1] == .carriageReturn { end -= 1 }
            return end
        }
        if !block.isInline, block.column == 0, i > 0 {
            // Where the last pass stopped, before a line end.
            if block.isWide {
                guard let next = wideLineEnd(text, from: i, isFinal: pass.isFinal) else {
                    close(&pass, i)
                    return (i, true)
                }
                i = next
            } else {
                if i < text.count, text[i] == .carriageReturn { i += 1 }
                if i < text.count, text[i] == .lineFeed { i += 1 }
            }
        }
        if block.isInline {
            let inline = inlineEnd(text, from: i, isInPiece: block.isInPiece, isFinal: pass.isFinal)
            block.isInPiece = false
            switch inline {
            case .closed(let end):
                close(&pass, end)
                guard end == i, block.lines == 0 else { return (end, false) }
                // Nothing but the marker: `{"log":"-----BEGIN…-----\n","stream":…}`. Material may follow line by line.
                var newline = end
                while newline < text.count, newline - end < limits.context, text[newline] != .lineFeed {
                    // The material is another marker's, which may be written in characters of two bytes.
                    if text[newline] == 0 || text.has("BEGIN ", at: newline) { return (end, false) }
                    newline += 1
                }
                guard newline < text.count else { return (end, !pass.isFinal && newline - end < limits.context) }
                guard text[newline] == .lineFeed else { return (end, false) }
                block.isInline = false
                block.column = max(block.column, 1)
                i = newline + 1
                spanStart = i
                outcome.lines = (block, i)
            case .open(let end, let isInPiece):
                close(&pass, end)
                block.isInPiece = isInPiece
                if end > i { block.lines = 1 }
                return (end, true)
            case .newline(let end, let piecesEnd, let hasMaterial):
                block.isInline = false
                if hasMaterial { block.lines = 1 }
                if block.column == 0, piecesEnd == end {
                    i = end + 1
                } else {
                    // Something stays behind the marker in its line: material is masked line by line.
                    if block.column == 0 { block.column = 1 }
                    close(&pass, piecesEnd)
                    i = end + 1
                    spanStart = i
                    outcome.lines = (block, i)
                }
            }
        }
        while i < text.count {
            var newline = i
            let limit = min(text.count, i + limits.keyLine)
            while newline < limit, text[newline] != .lineFeed { newline += 1 }
            if newline == text.count, !pass.isFinal { break }
            // An over-long line is looked at in parts; only the last one has a line end.
            var nextLine = newline
            if text.at(newline) == .carriageReturn {
                if newline + 1 == text.count, !pass.isFinal { break }
                if text.at(newline + 1) == .lineFeed { nextLine += 2 }
            } else if text.at(newline) == .lineFeed {
                nextLine += 1
            } else if block.isWide {
                guard let next = wideLineEnd(text, from: newline, isFinal: pass.isFinal) else { break }
                nextLine = next
            }
            let wasPlain = block.column == 0
            let kind = classify(text, i..<newline, &block)
            if wasPlain, block.column > 0 {
                close(&pass, beforeLineEnd(i))
                outcome.lines = (block, i)
            }
            switch kind {
            case .material(let range):
                if block.column > 0 {
                    pass.add(range, rule: rule, confidence: 2, reason: .structure)
                    spanStart = nextLine
                }
            case .neutral:
                if block.column > 0 { spanStart = nextLine }
            case .last(let range):
                if block.column > 0 {
                    pass.add(range, rule: rule, confidence: 2, reason: .structure)
                } else {
                    close(&pass, range.upperBound)
                }
                return (range.upperBound, false)
            case .foreign:
                // Back to the end of the line before.
                if block.column == 0 {
                    let end = beforeLineEnd(i)
                    close(&pass, end)
                    return (end, false)
                }
                return (i, false)
            }
            i = nextLine
        }
        if block.column == 0 { i = beforeLineEnd(i) }
        if block.column == 0 { close(&pass, i) }
        return (i, !pass.isFinal)
    }

    /// Past the line end of UTF-16 text at `index`, the other bytes of its characters included; `index` if there is none, nil if
    /// that is not known.
    private func wideLineEnd(_ text: Text, from index: Int, isFinal: Bool) -> Int? {
        var i = index
        while i < text.count, i - index < KeyBlock.wideLineEnd, text[i] == 0 || text[i] == .carriageReturn { i += 1 }
        guard i < text.count else { return isFinal ? index : nil }
        return text[i] == .lineFeed ? i + 1 : index
    }

    private enum Inline {
        case closed(Int)
        /// Open from the offset on; whether that lies within a piece of base64.
        case open(Int, Bool)
        /// The line ended; key material ended at the second offset; whether there was any.
        case newline(Int, Int, Bool)
    }

    /// Follows key material in the line of its BEGIN marker.
    private func inlineEnd(_ text: Text, from index: Int, isInPiece: Bool, isFinal: Bool) -> Inline {
        var i = index
        if isInPiece {
            while i < text.count, isPieceByte(text, i) { i += 1 }
            if i == text.count, !isFinal { return .open(i, true) }
        }
        var accepted = i
        while i < text.count {
            if let end = endMarker(text, at: i, isFinal: isFinal) {
                return end <= text.count ? .closed(end) : (isFinal ? .closed(text.count) : .open(accepted, false))
            }
            let byte = text[i]
            if byte == .lineFeed {
                let end = accepted == i || onlyBlanks(text, accepted, i) ? i : accepted
                return .newline(i, end, accepted > index)
            }
            if isPieceByte(text, i) {
                var j = i
                while j < text.count, isPieceByte(text, j) { j += 1 }
                if j == text.count, !isFinal {
                    // A long piece may be redacted before its end is seen.
                    return j - i >= KeyBlock.inlinePiece ? .open(j, true) : .open(accepted, false)
                }
                let next = skipSeparators(text, j)
                let isLast = text[j - 1] == UInt8(ascii: "=") || text.has("--", at: next)
                // A short piece is the last one if the END marker follows: wait for two bytes of it.
                if !isLast, j - i < KeyBlock.inlinePiece, next + 2 > text.count, !isFinal, text.at(next) != .lineFeed {
                    return .open(accepted, false)
                }
                if j - i < KeyBlock.inlinePiece, !isLast, !isHeaderWord(text, i, j) { return .closed(accepted) }
                if isHeaderWord(text, i, j) {
                    // `Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,…`: up to the next line end, escaped or not.
                    while j < text.count, text[j] != .lineFeed,
                        !(text[j] == .backslash && text.at(j + 1) == UInt8(ascii: "n"))
                    { j += 1 }
                    if j == text.count, !isFinal { return .open(accepted, false) }
                }
                i = j
                accepted = j
                continue
            }
            if byte == UInt8(ascii: "-"), i + 1 == text.count, !isFinal { return .open(accepted, false) }
            let next = skipSeparators(text, i)
            if next == i { return .closed(accepted) }
            if next == text.count, !isFinal { return .open(accepted, false) }
            i = next
        }
        return isFinal ? .closed(accepted) : .open(accepted, false)
    }

    private func isPieceByte(_ text: Text, _ index: Int) -> Bool {
        let byte = text[index]
        return byte.isAlnum || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "=")
    }

    private func onlyBlanks(_ text: Text, _ start: Int, _ end: Int) -> Bool {
        for i in start..<end where !(text[i].isBlank || text[i] == .carriageReturn) { return false }
        return true
    }

    private func isHeaderWord(_ text: Text, _ start: Int, _ end: Int) -> Bool {
        text.has("Proc", at: start) || text.has("DEK", at: start) || text.has("Version", at: start)
            || text.has("Comment", at: start)
    }

    /// Past blanks, escaped line ends, and what joins string literals.
    private func skipSeparators(_ text: Text, _ index: Int) -> Int {
        var i = index
        while i < text.count, i - index < 64 {
            let byte = text[i]
            if byte.isBlank || byte == .carriageReturn || byte == UInt8(ascii: "+") || byte.isQuote {
                i += 1
            } else if byte == .backslash {
                i += 1
                while i < text.count, text[i] == .backslash { i += 1 }
                if i < text.count, text[i].isOne(of: "nrt/\"'u") {
                    i += text[i] == UInt8(ascii: "u") ? 5 : 1
                    if i > text.count { i = text.count }
                }
            } else {
                break
            }
        }
        return i
    }

    /// End of an END marker that begins at `index`; beyond the text if it is cut off.
    private func endMarker(_ text: Text, at index: Int, isFinal: Bool) -> Int? {
        guard text.at(index) == UInt8(ascii: "-"), text.at(index + 1) == UInt8(ascii: "-") else { return nil }
        var i = index
        while i < text.count, text[i] == UInt8(ascii: "-") { i += 1 }
        if i < text.count, text[i] == .space { i += 1 }
        if i + 4 > text.count { return text.count + 1 }
        guard text.has("END ", at: i) else { return nil }
        i += 4
        while i < text.count, text[i].isUpper || text[i].isDigit || text[i] == .space { i += 1 }
        var dashes = 0
        while i < text.count, dashes < 5, text[i] == UInt8(ascii: "-") {
            i += 1
            dashes += 1
        }
        return i == text.count && dashes < 5 && !isFinal ? text.count + 1 : i
    }

    private enum Line {
        case material(Range<Int>)
        case neutral
        case last(Range<Int>)
        case foreign
    }

    /// What a whole line inside a block is.
    private func classify(_ text: Text, _ line: Range<Int>, _ block: inout KeyBlock) -> Line {
        if block.isWide { return classifyWide(text, line, &block) }
        var start = line.lowerBound
        var end = line.upperBound
        while end > start, text[end - 1].isWhitespace { end -= 1 }
        // The END marker, wherever it stands. What a placeholder made shorter was looked at before.
        if let marker = text.find("END ", in: start..<end), marker - start >= 4,
            text.find(Placeholders.mark, in: start..<marker) == nil
        {
            var dashes = marker
            if text[dashes - 1] == .space { dashes -= 1 }
            var first = dashes
            while first > start, text[first - 1] == UInt8(ascii: "-"), dashes - first < 5 { first -= 1 }
            if dashes - first >= 4 {
                let last = min(endMarker(text, at: first, isFinal: true) ?? end, end)
                return .last(first..<last)
            }
        }
        if block.column > 0 {
            // A line that is longer than the limit ends the block, and so does another key, also in characters of two bytes.
            if line.count >= limits.keyLine || text.find("-BEGIN ", in: line) != nil || text.raw(line).contains(0) {
                return .foreign
            }
            return classifyPrefixed(text, start..<end, &block)
        }
        let textEnd = end
        while start < end, text[start].isWhitespace || text[start].isQuote || text[start].isOne(of: "+>|#*") {
            start += 1
        }
        while end > start,
            text[end - 1].isQuote || text[end - 1].isOne(of: "+,;\\") || text[end - 1].isBlank
                || (text[end - 1] == UInt8(ascii: "n") && text.at(end - 2) == .backslash)
        {
            end -= text[end - 1] == UInt8(ascii: "n") ? 2 : 1
        }
        if start >= end {
            block.blanks += 1
            return block.blanks <= KeyBlock.maximumBlanks ? .neutral : .foreign
        }
        block.blanks = 0
        var i = start
        while i < end, text[i].isBase64 || text[i] == UInt8(ascii: "=") { i += 1 }
        if i == end {
            if block.sawShort {
                // The checksum line of an OpenPGP block, RFC 4880, 6.1.
                return text[start] == UInt8(ascii: "=") && end - start == 5 ? .material(start..<end) : .foreign
            }
            block.lines += 1
            if end - start < KeyBlock.fullLine { block.sawShort = true }
            return .material(start..<end)
        }
        if block.lines == 0, isHeader(text, start..<end) { return .neutral }
        if block.lines == 0, block.needsEnd, line.count < limits.keyLine,
            let run = longestRun(text, line.lowerBound, textEnd, to: textEnd), run.count >= KeyBlock.fullLine
        {
            // The marker's line had no prefix, the others do.
            block.column = max(1, run.lowerBound - line.lowerBound)
            block.lines = 1
            return .material(run)
        }
        if !block.needsEnd, text.has("Private-MAC", at: start) { return .neutral }
        return .foreign
    }

    /// A line of UTF-16: what it is without its NULs.
    private func classifyWide(_ text: Text, _ line: Range<Int>, _ block: inout KeyBlock) -> Line {
        let bytes = text.raw(line).filter { $0 != 0 }
        guard !bytes.isEmpty else {
            block.blanks += 1
            return block.blanks <= KeyBlock.maximumBlanks ? .neutral : .foreign
        }
        return bytes.withUnsafeBufferPointer { bytes in
            block.isWide = false
            defer { (block.isWide, block.column) = (true, 0) }
            let kind = classify(Text(base: bytes.baseAddress!, count: bytes.count), 0..<bytes.count, &block)
            if block.column > 0 { return .foreign }
            guard case .last(let marker) = kind else { return kind }
            var left = marker.upperBound
            var end = line.lowerBound
            while end < line.upperBound, left > 0 || text[end] == 0 {
                if text[end] != 0 { left -= 1 }
                end += 1
            }
            return .last(line.lowerBound..<end)
        }
    }

    /// `Name: value` before the key material (RFC 1421, 4.6).
    private func isHeader(_ text: Text, _ line: Range<Int>) -> Bool {
        var i = line.lowerBound
        while i < line.upperBound, text[i].isAlnum || text[i] == UInt8(ascii: "-") { i += 1 }
        return i > line.lowerBound && i + 1 < line.upperBound && text[i] == UInt8(ascii: ":") && text[i + 1] == .space
    }

    /// A line with a log prefix: material begins near the column where BEGIN stood.
    private func classifyPrefixed(_ text: Text, _ line: Range<Int>, _ block: inout KeyBlock) -> Line {
        let from = max(line.lowerBound, line.lowerBound + block.column - KeyBlock.columnSlack)
        let best = longestRun(text, from, line.upperBound, to: line.lowerBound + block.column + KeyBlock.columnSlack)
        guard let best else {
            block.blanks += 1
            return block.blanks <= KeyBlock.maximumBlanks ? .neutral : .foreign
        }
        if best.count >= KeyBlock.fullLine, !block.sawShort {
            block.blanks = 0
            block.lines += 1
            return .material(best)
        }
        // The last line of the key is short; it ends its line or its string.
        if !block.sawShort, block.lines > 0 {
            block.sawShort = true
            let after = text.at(best.upperBound)
            if best.upperBound == line.upperBound || after == .backslash || after.isQuote { return .material(best) }
        }
        block.blanks += 1
        return block.blanks <= KeyBlock.maximumBlanks ? .neutral : .foreign
    }

    /// The longest run of base64 that begins in `from...to`; colours are passed over.
    private func longestRun(_ text: Text, _ from: Int, _ end: Int, to last: Int) -> Range<Int>? {
        var best: Range<Int>?
        var i = from
        while i < end, i <= last {
            if text[i] == .escape, case .sequence(let length) = element(text, at: i, isFinal: true) {
                i += length
                continue
            }
            guard isPieceByte(text, i) else {
                i += 1
                continue
            }
            var j = i
            while j < end, isPieceByte(text, j) { j += 1 }
            if j - i > best?.count ?? 0 { best = i..<j }
            i = j + 1
        }
        return best
    }
}
