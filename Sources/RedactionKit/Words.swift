internal import CPrefilter

/// Words: maximal stretches of bytes that can belong to a token, an address, or an escape of either.
///
/// What stands in a word is read by one lexer, from the word's first byte on: the detectors of encoded text and what is
/// held back at the end of the text both ask it, so they cannot disagree, and where a pass began makes no difference.
extension Scanner {
    /// Whether the byte at `index` belongs to a word.
    @inline(__always)
    func isWordByte(_ text: Text, at index: Int) -> Bool {
        let byte = text[index]
        return pm_is_word(byte) != 0
            || byte == UInt8(ascii: "[") && text.at(index - 1) == .escape && !text.has(Placeholders.mark, at: index)
    }

    /// Where the word around `index` begins; not before `floor`.
    func wordStart(_ text: Text, before index: Int, floor: Int) -> Int {
        var start = max(index, floor)
        while start > floor, isWordByte(text, at: start - 1) { start -= 1 }
        return start
    }

    func wordEnd(_ text: Text, after index: Int) -> Int {
        var end = index
        while end < text.count, isWordByte(text, at: end) { end += 1 }
        return end
    }

    // MARK: - Elements

    /// One element of a word: what it decodes to and how long it is encoded.
    enum Element {
        /// A byte that stands for itself.
        case plain(UInt8)
        /// An escape of a character.
        case escaped(UInt32, length: Int)
        /// A control sequence, which stands for nothing.
        case sequence(length: Int)
        /// A letter beyond ASCII.
        case letter(length: Int)
        /// The text ends inside an escape.
        case incomplete
        /// Belongs to no token: punctuation, an escaped line end, an invalid byte.
        case delimiter(length: Int)
    }

    /// The element at `index`; depends on it and on at most six bytes before it.
    func element(_ text: Text, at index: Int, isFinal: Bool) -> Element {
        let byte = text[index]
        if byte.isToken { return .plain(byte) }
        switch byte {
        case UInt8(ascii: "%"):
            if isPercentage(text, index) { return .delimiter(length: 1) }
            return digits(text, from: index + 1, 2, prefix: 1, isFinal)
        case .backslash: return backslash(text, at: index, isFinal: isFinal)
        case UInt8(ascii: "&"):
            var i = index + 1
            let limit = min(text.count, index + Self.maximumEntity)
            while i < limit, text[i].isAlnum || (i == index + 1 && text[i] == UInt8(ascii: "#")) { i += 1 }
            if i == text.count, i < index + Self.maximumEntity { return unfinished(isFinal) }
            guard i < limit, text[i] == UInt8(ascii: ";"), let value = entity(text, (index + 1)..<i) else {
                return .delimiter(length: 1)
            }
            return .escaped(value, length: i + 1 - index)
        case .escape: return sequence(text, at: index, isFinal: isFinal)
        case 0x80...:
            if let length = letterLength(text, at: index) { return .letter(length: length) }
            let wanted = byte < 0xC3 || byte > 0xED ? 0 : byte < 0xE0 ? 2 : 3
            if index + wanted > text.count, !isFinal, text.at(index + 1) & 0xC0 == 0x80 || index + 1 == text.count {
                return .incomplete
            }
            return .delimiter(length: 1)
        default: return .delimiter(length: 1)
        }
    }

    /// Longest character reference that is read, in bytes.
    static let maximumEntity = 10
    static let maximumSequence = Text.maximumSequence

    private func unfinished(_ isFinal: Bool) -> Element { isFinal ? .delimiter(length: 1) : .incomplete }

    /// `45%` is a percentage: a number of at most four characters that begins a word begins no escape.
    ///
    /// Nor behind a bracket: it may be a placeholder's, with a word in its place.
    private func isPercentage(_ text: Text, _ index: Int) -> Bool {
        // Most stand behind another escape.
        if index >= 3, text[index - 3] == UInt8(ascii: "%"), text[index - 2].isHex { return false }
        var i = index
        while i > 0, index - i < 5, text[i - 1].isDigit || text[i - 1] == UInt8(ascii: ".") { i -= 1 }
        return i < index && index - i < 5
            && (i == 0 || !isWordByte(text, at: i - 1) && text[i - 1] != UInt8(ascii: "]"))
    }

    /// A backslash, or several of them in a string within a string, and what it escapes (RFC 8259, 7; C17, 6.4.4.4).
    private func backslash(_ text: Text, at index: Int, isFinal: Bool) -> Element {
        var i = index
        while i < text.count, text[i] == .backslash, i - index < 4 { i += 1 }
        guard i < text.count else { return unfinished(isFinal) }
        switch text[i] {
        case UInt8(ascii: "/"): return .escaped(UInt32(text[i]), length: i + 1 - index)
        case UInt8(ascii: "u"): return digits(text, from: i + 1, 4, prefix: i + 1 - index, isFinal)
        case UInt8(ascii: "U"): return digits(text, from: i + 1, 8, prefix: i + 1 - index, isFinal)
        case UInt8(ascii: "x"): return digits(text, from: i + 1, 2, prefix: i + 1 - index, isFinal)
        case UInt8(ascii: "0")...UInt8(ascii: "3"):
            guard i + 3 <= text.count else { return unfinished(isFinal) }
            var value: UInt32 = 0
            for j in i..<(i + 3) {
                guard text[j] &- 0x30 < 8 else { return .delimiter(length: 1) }
                value = value << 3 | UInt32(text[j] - 0x30)
            }
            return .escaped(value, length: i + 3 - index)
        case UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"): return .delimiter(length: i + 1 - index)
        default: return .delimiter(length: 1)
        }
    }

    /// The character that `count` hexadecimal digits from `start` on name, after `prefix` bytes.
    private func digits(_ text: Text, from start: Int, _ count: Int, prefix: Int, _ isFinal: Bool) -> Element {
        var value: UInt32 = 0
        for i in start..<(start + count) {
            guard i < text.count else { return unfinished(isFinal) }
            guard text[i].isHex else { return .delimiter(length: 1) }
            value = value << 4 | UInt32(text[i].hexValue)
        }
        return .escaped(value, length: prefix + count)
    }

    /// ESC `[`, parameters, a final byte (ECMA-48, 5.4). A placeholder of ours is none, whatever a terminal makes of it.
    private func sequence(_ text: Text, at index: Int, isFinal: Bool) -> Element {
        guard index + 1 < text.count else { return unfinished(isFinal) }
        guard text[index + 1] == UInt8(ascii: "["), !text.has(Placeholders.mark, at: index + 1) else {
            return .delimiter(length: 1)
        }
        if !isFinal, index + 2 < text.count, text.isCut(Placeholders.mark, at: index + 1) { return .incomplete }
        var i = index + 2
        while i < text.count, text[i].isParameter, i - index < Self.maximumSequence { i += 1 }
        guard i < text.count else { return unfinished(isFinal) }
        return text[i] >= 0x40 && text[i] < 0x7f ? .sequence(length: i + 1 - index) : .delimiter(length: 1)
    }

    /// Value of a character reference without `&` and `;` (HTML, 13.5: the few names that stand for ASCII).
    func entity(_ text: Text, _ range: Range<Int>) -> UInt32? {
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
        for (name, value) in Self.entities
        where name.utf8CodeUnitCount == range.count && text.has(name, at: range.lowerBound) {
            return UInt32(value)
        }
        return nil
    }

    /// HTML, 13.5: the names that stand for ASCII, and for what.
    private static let entities: [(name: StaticString, value: UInt8)] = [
        ("amp", UInt8(ascii: "&")), ("lt", UInt8(ascii: "<")), ("gt", UInt8(ascii: ">")), ("quot", .quote),
        ("apos", .apostrophe), ("commat", UInt8(ascii: "@")), ("colon", UInt8(ascii: ":")), ("sol", UInt8(ascii: "/")),
        ("plus", UInt8(ascii: "+")), ("equals", UInt8(ascii: "=")), ("period", UInt8(ascii: ".")),
        ("lowbar", UInt8(ascii: "_")), ("dash", UInt8(ascii: "-")), ("hyphen", UInt8(ascii: "-")),
        ("percnt", UInt8(ascii: "%")),
    ]

    // MARK: - Atoms

    /// What may be one token of a word, escapes included, or a piece of it if it is over-long.
    struct Atom {
        /// Where it was looked for.
        let begin: Int
        /// After control sequences, which colour what follows them.
        var start: Int
        var end: Int
        /// Where the next atom, or the next piece of this one, may begin.
        var next: Int
        /// It goes on behind `end`.
        var isCut = false
        /// It holds escapes, or control sequences behind its first byte.
        var hasEscapes = false
        /// It holds escapes, or control sequences between others of its bytes: it stands for something else.
        var isEncoded = false
        /// End of its last letter beyond ASCII.
        var lettersEnd = 0
        /// Offset of an escape that the text cuts off.
        var cut: Int?

        init(at index: Int) { (begin, start, end, next) = (index, index, index, index) }
    }

    /// The atom at `start`, or its first piece; it may be empty. `text` ends where the word does.
    ///
    /// Two dots end an atom, unless it holds the beginning of a JWT: its payload may be empty (RFC 7515, appendix F).
    /// Pieces are counted from the atom's own beginning and end between two elements, so that they are the same wherever
    /// the word begins.
    func atom(_ text: Text, at start: Int, isFinal: Bool) -> Atom {
        var atom = Atom(at: start)
        /// Where the next piece begins, if this one is cut.
        var nextPiece: Int?
        var sawJWT = false
        while atom.end < text.count {
            if nextPiece == nil, atom.end - start >= limits.run - limits.overlap { nextPiece = atom.end }
            let isFull = atom.end - start >= limits.run
            switch element(text, at: atom.end, isFinal: isFinal) {
            case .plain(let byte):
                let isTwoDots = byte == UInt8(ascii: ".") && text.at(atom.end + 1) == byte
                if isTwoDots, !sawJWT { sawJWT = holdsJWT(text, atom.start, atom.end) }
                if isTwoDots, !sawJWT {
                    atom.next = atom.end
                    while atom.next < text.count, text[atom.next] == byte { atom.next += 1 }
                    return atom
                }
                // A dot at the limit may be the first of two.
                let mayBeDots = byte == UInt8(ascii: ".") && atom.end + 1 == text.count && !isFinal
                if isFull, !mayBeDots { return cut(atom, nextPiece) }
                atom.isEncoded = atom.hasEscapes
                atom.end += 1
                // Most elements are such bytes.
                let stop = min(text.count, start + (nextPiece == nil ? limits.run - limits.overlap : limits.run))
                while atom.end < stop, text[atom.end].isToken, text[atom.end] != UInt8(ascii: ".") { atom.end += 1 }
            case .letter(let length):
                if isFull { return cut(atom, nextPiece) }
                atom.isEncoded = atom.hasEscapes
                atom.end += length
                atom.lettersEnd = atom.end
            case .escaped(_, let length):
                if isFull { return cut(atom, nextPiece) }
                atom.hasEscapes = true
                atom.isEncoded = true
                atom.end += length
            case .sequence(let length):
                if isFull { return cut(atom, nextPiece) }
                if atom.end == atom.start { atom.start += length } else { atom.hasEscapes = true }
                atom.end += length
            case .incomplete:
                atom.cut = atom.end
                atom.end = text.count
                atom.next = atom.end
                return atom
            case .delimiter(let length):
                atom.next = min(atom.end + length, text.count)
                return atom
            }
        }
        atom.next = atom.end
        return atom
    }

    private func cut(_ atom: Atom, _ nextPiece: Int?) -> Atom {
        var atom = atom
        atom.isCut = true
        atom.next = nextPiece ?? atom.end
        return atom
    }

    /// Calls `body` with each atom from `start` to the end of `text`, over-long ones in pieces, until it returns false.
    ///
    /// Of empty ones before `limit` that stand between equal delimiters, it is not called.
    func forEachAtom(
        _ text: Text, from start: Int, isFinal: Bool, passingUpTo limit: Int = .max, _ body: (Atom) -> Bool
    ) {
        var next = start
        while next < text.count {
            if !text[next].isToken { next = lastDelimiter(text, from: next, before: limit) }
            let atom = atom(text, at: next, isFinal: isFinal)
            guard body(atom) else { return }
            next = max(atom.next, next + 1)
        }
    }

    /// The last of the equal bytes from `index` on, at most at `limit`, before which only delimiters stand: `%` or another byte that begins
    /// an escape, before itself. Four more backslashes make one of the first.
    private func lastDelimiter(_ text: Text, from index: Int, before limit: Int) -> Int {
        let byte = text[index]
        guard byte.isOne(of: "%&#;?\\") || byte == .escape else { return index }
        let distance = byte == .backslash ? 4 : 1
        var end = index
        while end < text.count, text[end] == byte, end - distance < limit { end += 1 }
        return max(index, end - 1 - distance)
    }

    /// The first byte of an atom that a secret may begin with: punctuation that begins none is passed over.
    func secretStart(_ text: Text, _ start: Int, _ end: Int) -> Int {
        var start = start
        while start < end, text[start].isLeadingPunctuation { start += 1 }
        return start
    }

    // MARK: - Pieces

    /// The pieces of the stretches that cross `released`, given those of an earlier place.
    func pieces(_ pass: Pass, across released: Int, after earlier: Pieces) -> Pieces {
        let text = pass.text
        var pieces = Pieces()
        let runStart = text.runStart(before: released, floor: earlier.run)
        pieces.run = runPiece(text, from: runStart, across: released)
        var runEnd = released
        while runEnd < text.count, text[runEnd].isToken { runEnd += 1 }
        pieces.runFollowsPlaceholder =
            runStart == earlier.run && earlier.runFollowsPlaceholder
            || pieces.run > runStart && pass.followsPlaceholder(runStart)
        // A word without escapes is a run, and has the same pieces. What ends a run may go on with its word.
        let isWord = runEnd == text.count || !isWordByte(text, at: runEnd)
        if isWord, runStart == earlier.run, runStart == earlier.word {
            pieces.word = pieces.run
            pieces.wordFollowsPlaceholder =
                pieces.run > runStart
                ? pass.followsPlaceholder(runStart) || earlier.wordFollowsPlaceholder
                : earlier.wordFollowsPlaceholder
        } else if isWord, runStart > earlier.word, !isWordByte(text, at: runStart - 1) {
            pieces.word = pieces.run
            pieces.wordFollowsPlaceholder = pieces.run > runStart && pass.followsPlaceholder(runStart)
        } else {
            (pieces.word, pieces.wordFollowsPlaceholder) = atomPiece(pass, across: released, after: earlier)
        }
        let wide = max(0, wideStart(text, before: min(released, text.count - 1), floor: earlier.wide))
        pieces.wide = Pieces.Kind.wide.piece(of: wide, beyond: released, limits)
        pieces.wideFollowsPlaceholder =
            wide == earlier.wide && earlier.wideFollowsPlaceholder
            || pieces.wide > wide && wideFollowsPlaceholder(pass, wide)
        pieces.line = released
        if !rules.lineRules.isEmpty {
            while pieces.line > earlier.line, text[pieces.line - 1] != .lineFeed { pieces.line -= 1 }
            pieces.line = Pieces.Kind.line.piece(of: pieces.line, beyond: released, limits)
        }
        return pieces
    }

    /// The first part of a run that reaches beyond `released` or may still grow, or where the run begins.
    private func runPiece(_ text: Text, from start: Int, across released: Int) -> Int {
        var piece = start
        guard released - piece > limits.run - limits.overlap else { return piece }
        var end = released
        while end < text.count, text[end].isToken { end += 1 }
        while piece < end, let part = runPiece(text, from: piece, to: end, isOpen: end == text.count),
            part.end <= released, part.next <= released
        {
            // Of dots that may go on, two are kept, which still end what is before them.
            if part.next == end, !part.isCut { return max(part.end, end - 2) }
            piece = part.next
        }
        return piece
    }

    /// The first piece of an atom that reaches beyond `released` or may still grow, or else where to begin in its word; and
    /// whether the atom, of which that is not the first piece, follows a placeholder.
    private func atomPiece(_ pass: Pass, across released: Int, after earlier: Pieces) -> (start: Int, follows: Bool) {
        let text = pass.text
        let start = wordStart(text, before: released, floor: earlier.word)
        var result = (start: start, follows: start == earlier.word && earlier.wordFollowsPlaceholder)
        guard released - start > limits.run - limits.overlap else { return result }
        let end = wordEnd(text, after: released)
        var follows = result.follows
        var isPiece = follows
        forEachAtom(Text(base: text.base, count: end), from: start, isFinal: false, passingUpTo: released) { atom in
            guard atom.begin <= released else { return false }
            if !isPiece { follows = atom.isCut && pass.followsPlaceholder(atom.start) }
            result = (atom.begin, isPiece && follows)
            isPiece = atom.isCut
            guard atom.end <= released, atom.isCut || atom.end < end else { return false }
            // What ended is not looked at again; of dots that may go on, two are kept, which still end what is before them.
            if !atom.isCut, atom.next <= released {
                result = (atom.next < end ? atom.next : max(atom.end, atom.next - 2), false)
            }
            return true
        }
        return result
    }

    /// Whether the byte at `index` belongs to the stretch of the byte before it.
    func continues(_ text: Text, _ index: Int, _ kind: Pieces.Kind) -> Bool {
        switch kind {
        case .run: text[index].isToken
        case .word: isWordByte(text, at: index)
        case .wide: alternates(text, index - 1, index)
        case .line: text[index] != .lineFeed
        }
    }

    /// Calls `body` with each piece of a stretch, the last of which reaches its end, until `body` returns false.
    func forEachPiece(
        _ start: Int, _ end: Int, of kind: Pieces.Kind, _ body: (_ start: Int, _ end: Int, _ isCut: Bool) -> Bool
    ) {
        let size = kind.size(limits)
        var piece = start
        while end - piece > size {
            guard body(piece, piece + size, true) else { return }
            piece += kind.step(limits)
        }
        _ = body(piece, end, false)
    }
}

/// Where the pieces begin in which over-long stretches are examined.
///
/// A token run, an atom of a word, a UTF-16 text and a line of any length are looked at in overlapping pieces that are counted
/// from the stretch's first byte. These are the first pieces that hold an undecided byte; nothing is followed back beyond them.
struct Pieces: Equatable {
    enum Kind {
        case run, word, wide
        /// A line that users' rules are searched for in.
        case line

        func size(_ limits: Limits) -> Int {
            switch self {
            case .run, .word: limits.run
            case .wide: 2 * limits.run
            case .line: limits.pattern
            }
        }

        func step(_ limits: Limits) -> Int {
            switch self {
            case .run, .word: limits.run - limits.overlap
            case .wide: 2 * limits.run - 2 * limits.overlap
            case .line: max(1, limits.pattern / 2)
            }
        }

        /// The first piece of the stretch at `start` that reaches beyond `released`.
        func piece(of start: Int, beyond released: Int, _ limits: Limits) -> Int {
            let excess = released - size(limits) - start
            return excess < 0 ? start : start + (excess / step(limits) + 1) * step(limits)
        }
    }

    var run = 0
    var word = 0
    var wide = 0
    var line = 0
    /// Whether the piece at `run` goes on with a run that follows a placeholder, the one at `word` with such an atom, and the one
    /// at `wide` with such a text.
    var runFollowsPlaceholder = false
    var wideFollowsPlaceholder = false
    var wordFollowsPlaceholder = false

    init(at index: Int = 0) { (run, word, wide, line) = (index, index, index, index) }

    var first: Int { min(run, word, wide, line) }

    func moved(by distance: Int) -> Pieces {
        var result = self
        result.run = max(0, run - distance)
        result.word = max(0, word - distance)
        result.wide = max(0, wide - distance)
        result.line = max(0, line - distance)
        return result
    }
}
