internal import CPrefilter

/// One examination of a text: what is to be decided, and what has been found.
struct Pass {
    let text: Text
    /// Bytes before this are decided; they serve as context.
    let lower: Int
    /// Whether the text ends here. If not, what touches the end stays undecided.
    let isFinal: Bool
    /// Encodings that have been undone to get here.
    let depth: Int
    /// Whether the text was decoded from the authority of a URL, whose user is no address.
    private(set) var isInAuthority = false
    /// Whether a redaction ends at `lower`, which a secret that began inside it may continue.
    var continuesRedaction = false
    /// Found spans, in no order.
    var spans: [Span] = []
    /// Bytes from here on may still turn out to be inside a secret.
    var hold: Int
    /// `listStart` of the pass before.
    let openList: Int
    /// First byte of what announces a list of secrets that goes on at the end of the text: the next pass looks at it again,
    /// however far back it stands.
    private(set) var listStart = Int.max
    /// End of the last word whose atoms were decoded.
    var wordEnd = 0
    /// End of the last UTF-16 text.
    var wideEnd = 0
    /// End of the last run that was examined.
    var runEnd = 0
    /// The last run that was measured from its beginning, which depends on `pieces`.
    var knownRun = 0..<0
    /// End of the last run that was examined because of an anchor inside it.
    var innerEnd = 0
    /// End of the last long value without quotes; assignments inside it are part of it.
    var longValueEnd = 0
    /// Where the last credential word began whose value was examined.
    var lastWord = -1
    /// What is known of the commands before the last option.
    var commands = pm_commands()
    /// Where `afterPlaceholdersInOrder` has looked, and the last place in it that follows a placeholder.
    private var placeholdersSeen = 0..<0
    private var lastPlaceholder = 0
    /// Where the pieces of over-long stretches begin that cross `lower`.
    private(set) var pieces: Pieces
    /// The same at the beginning of the pass; what an over-long value takes along may have begun before it.
    let givenPieces: Pieces
    /// Whether each byte may stand within a placeholder of ours.
    private let placeholderBytes: [Bool]
    /// Where the `@` of a URL with a password stands.
    var userInfoEnds: [Int] = []
    /// The last key block, or rest of an over-long secret; candidates in it are part of it.
    var blockStart = 0
    var blockEnd = 0
    /// The one before, within this pass: a run that begins in it may be reported behind the beginning of the next.
    private(set) var earlierBlock = 0..<0
    /// A construct that is still open at the end of the text, where its redaction began and how far it reaches. What comes
    /// first counts, unless another reaches farther: what begins in an open construct belongs to it.
    private(set) var open: Opening?

    init(
        text: Text, lower: Int = 0, isFinal: Bool = true, depth: Int = 0, pieces: Pieces = Pieces(),
        openList: Int = .max, placeholderBytes: [Bool]
    ) {
        self.text = text
        self.lower = lower
        self.isFinal = isFinal
        self.depth = depth
        self.pieces = pieces
        givenPieces = pieces
        self.openList = openList
        self.placeholderBytes = placeholderBytes
        hold = text.count
    }

    /// The examination of a text that was decoded from this one.
    ///
    /// `isInAuthority`: what it was decoded from stands in the authority of a URL.
    func inner(_ text: Text, isInAuthority: Bool) -> Pass {
        var pass = Pass(text: text, depth: depth + 1, placeholderBytes: placeholderBytes)
        pass.isInAuthority = isInAuthority
        return pass
    }

    /// Whether the candidate at `index` lies in a key block.
    @inline(__always)
    func isInBlock(_ index: Int) -> Bool {
        index < blockEnd && index >= blockStart || index < earlierBlock.upperBound && index >= earlierBlock.lowerBound
    }

    /// The end of the key block that `index` lies in, or `index`; not beyond `end`.
    @inline(__always)
    func afterBlock(_ index: Int, upTo end: Int) -> Int {
        guard isInBlock(index) else { return index }
        return min(index < earlierBlock.upperBound ? earlierBlock.upperBound : blockEnd, end)
    }

    /// Takes note of a key block, or of the rest of an over-long value, that ends behind the last one.
    mutating func addBlock(_ range: Range<Int>) {
        guard range.upperBound > blockEnd else { return }
        if range.lowerBound > blockStart, blockStart < blockEnd { earlierBlock = blockStart..<blockEnd }
        (blockStart, blockEnd) = (range.lowerBound, range.upperBound)
    }

    /// Where the pieces begin of the over-long stretches around `index`: what stands before the rest of an over-long value, or
    /// goes on into it, is looked at as if the value were none.
    func pieces(around index: Int) -> Pieces { index < blockStart ? givenPieces : pieces }

    /// Whether a construct that ends at `index` is complete there: what follows it is known, and is no placeholder that is cut off.
    @inline(__always)
    func isComplete(at index: Int) -> Bool {
        isFinal || index < text.count && (text[index] != UInt8(ascii: "[") || !text.isCut(Placeholders.mark, at: index))
    }

    /// Whether `index` lies in a placeholder of ours, whose words announce nothing.
    func isInsidePlaceholder(_ index: Int) -> Bool {
        var i = index - 1
        let floor = max(0, index - PlaceholderTemplate.maximumLength)
        while i >= floor {
            if text[i] == UInt8(ascii: "[") { return text.has(Placeholders.mark, at: i) }
            guard placeholderBytes[Int(text[i])] else { return false }
            i -= 1
        }
        return false
    }

    /// Whether a placeholder ends right before `index`, or before the control sequences there: those of a secret stand behind
    /// its placeholder.
    @inline(__always)
    func followsPlaceholder(_ index: Int) -> Bool {
        var end = index
        while let start = text.sequenceStart(before: end), index - start < Self.maximumSequences { end = start }
        return text.at(end - 1) == UInt8(ascii: "]") && isInsidePlaceholder(end - 1)
    }

    /// Whether the run that begins at `start`, or whose piece does, follows a placeholder.
    func runFollowsPlaceholder(_ start: Int) -> Bool {
        start == givenPieces.run && givenPieces.runFollowsPlaceholder || followsPlaceholder(start)
    }

    /// Bytes of control sequences behind a placeholder that are passed over.
    private static let maximumSequences = 1024

    /// The part of `range` after the last placeholder of ours, whose words announce nothing. What stands before it was farther
    /// away before.
    func afterPlaceholders(_ range: Range<Int>) -> Range<Int> {
        (lastPlaceholderEnd(in: range) ?? range.lowerBound)..<range.upperBound
    }

    /// The same, if it is asked from front to back: then each byte is looked at once.
    mutating func afterPlaceholdersInOrder(_ range: Range<Int>) -> Range<Int> {
        guard range.upperBound >= placeholdersSeen.upperBound, placeholdersSeen.contains(range.lowerBound) else {
            if range.upperBound < placeholdersSeen.upperBound { return afterPlaceholders(range) }
            placeholdersSeen = range
            lastPlaceholder = lastPlaceholderEnd(in: range) ?? range.lowerBound
            return lastPlaceholder..<range.upperBound
        }
        lastPlaceholder = lastPlaceholderEnd(in: placeholdersSeen.upperBound..<range.upperBound) ?? lastPlaceholder
        placeholdersSeen = placeholdersSeen.lowerBound..<range.upperBound
        return max(lastPlaceholder, range.lowerBound)..<range.upperBound
    }

    /// The last place behind the first of `range` that follows a placeholder.
    private func lastPlaceholderEnd(in range: Range<Int>) -> Int? {
        // Without a control sequence, what follows one follows a bracket.
        let reach = max(0, range.lowerBound - Text.maximumSequence - 2)..<range.upperBound
        if text.last(.escape, in: reach) == nil {
            var end = range.upperBound
            while let bracket = text.last(UInt8(ascii: "]"), in: range.lowerBound..<end) {
                if isInsidePlaceholder(bracket) { return bracket + 1 }
                end = bracket
            }
            return nil
        }
        var i = range.upperBound
        while i > range.lowerBound {
            if followsPlaceholder(i) { return i }
            i -= 1
        }
        return nil
    }

    /// Whether a placeholder stands right before or right behind `range`.
    @inline(__always)
    func touchesPlaceholder(_ range: Range<Int>) -> Bool {
        followsPlaceholder(range.lowerBound)
            || text.at(range.upperBound) == UInt8(ascii: "[") && text.has(Placeholders.mark, at: range.upperBound)
    }

    mutating func holdFrom(_ index: Int) {
        if index < hold { hold = max(index, lower) }
    }

    /// Adds a span.
    ///
    /// What touches a placeholder is left alone: where it stands, it touched a secret and was looked at together with it. So
    /// scrubbing again changes nothing. Known values count wherever they stand, and of a key what was redacted before the
    /// placeholder behind it came.
    mutating func add(
        _ range: Range<Int>, rule: Int, confidence: UInt8 = 1, reason: Reason = .pattern, isKey: Bool = false
    ) {
        guard range.upperBound > lower, !range.isEmpty,
            reason == .knownValue || reason == .limit
                || (isKey ? !followsPlaceholder(range.lowerBound) : !touchesPlaceholder(range))
        else { return }
        spans.append(
            Span(start: range.lowerBound, end: range.upperBound, rule: rule, confidence: confidence, reason: reason))
    }

    /// Adds the rest of a secret that was too long to be looked at as a whole. In the rest of a value nothing is looked for,
    /// nor across it.
    mutating func addRest(_ range: Range<Int>, rule: Int, of construct: OpenConstruct) {
        add(range, rule: rule, confidence: 0, reason: .limit)
        if case .value = construct, range.upperBound > blockEnd {
            addBlock(range)
            pieces = Pieces(at: range.upperBound)
            knownRun = 0..<0
        }
        if !isComplete(at: range.upperBound) { open(construct, range) }
    }

    /// Remembers that a list of secrets, announced at `index`, goes on at the end of the text.
    mutating func reopenList(at index: Int) { listStart = min(listStart, index) }

    /// Remembers that `construct` is open, with the bytes that are known to belong to it.
    mutating func open(_ construct: OpenConstruct, _ range: Range<Int>) {
        guard let first = open else {
            open = Opening(construct: construct, start: range.lowerBound, end: range.upperBound)
            return
        }
        // Another key ends the lines of the one before.
        if case .key = construct, !first.construct.grows {
            open = Opening(construct: construct, start: range.lowerBound, end: range.upperBound)
            return
        }
        // No byte of a run or a word ends a value that holds it, so that the value reaches farther.
        if case .value = construct, case .stretch(let kind, _) = first.construct, kind == .run || kind == .word {
            open = Opening(
                construct: construct, start: min(first.start, range.lowerBound), end: range.upperBound)
        }
    }

    /// Takes over what an earlier pass over the same text found.
    mutating func inherit(_ other: Pass) {
        spans = other.spans
        (blockStart, blockEnd) = (other.blockStart, other.blockEnd)
        hold = min(hold, max(other.hold, lower))
        open = other.open
    }
}

/// A secret found in a text. Half-open.
struct Span: Equatable {
    var start: Int
    var end: Int
    /// Index of the compiled rule.
    var rule: Int
    /// 0 low, 1 medium, 2 high.
    var confidence: UInt8
    var reason: Reason

    /// Of spans that begin together, the one with the highest rank gives its name. What is opened before its end is seen
    /// gives its name at once.
    var rank: UInt8 { reason == .limit ? 3 : confidence }
}

/// How a span was found, for `--explain`.
enum Reason: UInt8, Sendable {
    case pattern, checksum, context, structure, decodedBase64, decodedHex, decodedEscapes, decodedUTF16, knownValue,
        limit

    var text: String {
        switch self {
        case .pattern: "matched its pattern"
        case .checksum: "matched its pattern, and its checksum is valid"
        case .context: "follows a name that announces it"
        case .structure: "has the structure"
        case .decodedBase64: "found after decoding base64"
        case .decodedHex: "found after decoding hexadecimal"
        case .decodedEscapes: "found after undoing escapes"
        case .decodedUTF16: "found after decoding UTF-16"
        case .knownValue: "equals a value that was registered"
        case .limit: "a limit was reached, and what cannot be decided is redacted"
        }
    }
}

/// An open construct and the bytes that are known to belong to it.
struct Opening {
    let construct: OpenConstruct
    let start: Int
    let end: Int
}

/// A secret whose beginning has been redacted and whose end has not been seen.
enum OpenConstruct: Equatable {
    /// A token that fills a whole piece of an over-long stretch: everything up to the stretch's end belongs to it.
    case stretch(Pieces.Kind, rule: Int)
    /// A value that was over-long: everything up to its terminator belongs to it.
    case value(rule: Int, quote: UInt8)
    /// A private key.
    case key(KeyBlock, rule: Int)

    /// Whether the placeholder that was written last stands for more bytes to come.
    var grows: Bool {
        if case .key(let block, _) = self { return block.isInline || block.column == 0 }
        return true
    }
}
