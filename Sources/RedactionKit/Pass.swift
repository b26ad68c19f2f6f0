/// One examination of a text: what is to be decided, and what has been found.
struct Pass {
    let text: Text
    /// Bytes before this are decided; they serve as context.
    let lower: Int
    /// Whether the text ends here. If not, what touches the end stays undecided.
    let isFinal: Bool
    /// Encodings that have been undone to get here.
    let depth: Int
    /// Whether a redaction ends at `lower`, which a secret that began inside it may continue.
    var continuesRedaction = false
    /// Found spans, in no order.
    var spans: [Span] = []
    /// Bytes from here on may still turn out to be inside a secret.
    var hold: Int
    /// End of the last atom that was decoded.
    var atomEnd = 0
    /// End of the last UTF-16 text.
    var wideEnd = 0
    /// End of the last run that was examined.
    var runEnd = 0
    /// End of the last run that was examined because of an anchor inside it.
    var innerEnd = 0
    /// End of the last long value without quotes; assignments inside it are part of it.
    var longValueEnd = 0
    /// Where the current piece of an over-long run begins; runs are not followed back beyond it.
    var pieceStart: Int
    /// Where the `@` of a URL with a password stands.
    var userInfoEnds: [Int] = []
    /// The last key block; candidates in it are part of it.
    var blockStart = 0
    var blockEnd = 0
    /// A construct that is still open at the end of the text, where its redaction began and how far it reaches.
    var open: Opening?

    init(text: Text, lower: Int, isFinal: Bool, depth: Int, pieceStart: Int = 0) {
        self.text = text
        self.lower = lower
        self.isFinal = isFinal
        self.depth = depth
        self.pieceStart = pieceStart
        hold = text.count
    }

    /// Whether the candidate at `index` lies in a key block.
    @inline(__always)
    func isInBlock(_ index: Int) -> Bool { index < blockEnd && index >= blockStart }

    /// Whether a construct that ends at `index` is complete there.
    @inline(__always)
    func isComplete(at index: Int) -> Bool { index < text.count || isFinal }

    mutating func holdFrom(_ index: Int) {
        if index < hold { hold = max(index, lower) }
    }

    mutating func add(_ range: Range<Int>, rule: Int, confidence: UInt8 = 1, reason: Reason = .pattern) {
        guard range.upperBound > lower, !range.isEmpty else { return }
        spans.append(
            Span(start: range.lowerBound, end: range.upperBound, rule: rule, confidence: confidence, reason: reason))
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
    /// A token that fills a whole piece of an over-long run: everything up to the run's end belongs to it.
    case run(rule: Int)
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
