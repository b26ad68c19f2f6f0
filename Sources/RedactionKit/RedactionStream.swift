internal import CPrefilter
internal import Glibc
internal import RedactionRules

/// Redacts one stream of bytes, piece by piece.
///
/// Output depends on the bytes alone, never on how they were cut into writes. A byte is held back only while it may
/// still turn out to be inside a secret; everything else is passed to the sink before `write` returns. Memory is bounded
/// by `Limits`, whatever the input.
///
///     var stream = redactor.makeStream()
///     while let chunk = read() { stream.write(chunk, to: &sink) }
///     stream.finish(to: &sink)
public struct RedactionStream: ~Copyable {
    private let redactor: Redactor
    private let scanner: Scanner

    /// Bytes from `origin` on: context that has been released, then what has not.
    private var storage: UnsafeMutableRawPointer
    private var capacity: Int
    /// Bytes in use.
    private var count = 0
    /// Offset in the stream of the first byte of `storage`.
    private var origin: UInt64 = 0
    /// Index of the first byte that has not been released.
    private var released = 0
    /// Where the pieces begin of over-long stretches that cross `released`.
    private var pieces = Pieces()
    /// Where a list of secrets begins that has not ended; see `Pass.listStart`.
    private var openList = Int.max
    private let placeholderBytes: [Bool]
    /// What was open at the end of the last pass, and the offset in the stream of the first byte that it has not seen.
    private var open: OpenConstruct?
    private var openFrom: UInt64 = 0
    /// The last block of `Pass`, as offsets in the stream.
    private var block: Range<UInt64> = 0..<0
    /// Offset in the stream after the last redacted byte; a match that overlaps it continues that redaction.
    private var redactedTo: UInt64 = .max
    private var placeholders: [Int: [UInt8]] = [:]
    private var line = 1
    private var lineOrigin: UInt64 = 0
    private var countedTo: UInt64 = 0

    /// Bytes of input so far.
    public private(set) var bytesIn: UInt64 = 0
    /// Secrets redacted so far.
    public private(set) var findingCount = 0
    /// Memory of the buffer in bytes, which `Limits` bound.
    var bufferCapacity: Int { capacity }

    /// Bytes of a buffer for input that may go on.
    static let initialCapacity = 64 * 1024

    /// Largest piece of input that is examined at once, in bytes.
    private static let step = 256 * 1024

    /// - Parameter capacity: Bytes of the buffer, which grows when it must.
    init(redactor: Redactor, path: String?, kernel: Int32 = pm_best_kernel(), capacity: Int = Self.initialCapacity) {
        self.redactor = redactor
        scanner = Scanner(
            rules: redactor.rules, limits: redactor.options.limits, kernel: kernel, path: path)
        placeholderBytes = redactor.options.template.bytes
        self.capacity = capacity
        storage = .allocate(byteCount: capacity, alignment: 64)
        scanner.knownValues = redactor.knownValues
    }

    /// A stream that begins at `offset` of an input, with the bytes before it as context.
    ///
    /// It does what a stream does that has seen everything before, if that one's `seam` there is the one that this one begins with.
    init(
        redactor: Redactor, path: String?, at offset: UInt64, context: UnsafeRawBufferPointer,
        kernel: Int32 = pm_best_kernel()
    ) {
        self.init(redactor: redactor, path: path, kernel: kernel)
        if capacity < context.count { grow(to: context.count) }
        UnsafeMutableRawBufferPointer(start: storage, count: capacity).copyMemory(from: context)
        count = context.count
        released = count
        origin = offset - UInt64(count)
        lineOrigin = offset
        countedTo = offset
        let text = Text(base: UnsafePointer(storage.assumingMemoryBound(to: UInt8.self)), count: count)
        if count > 0 { pieces = scanner.pieces(newPass(text, false), across: released, after: pieces) }
    }

    deinit {
        // What was held may be secret.
        memset(storage, 0, capacity)
        storage.deallocate()
    }

    /// Rules that reached the match limit; what they could not decide was redacted.
    public var warnings: [String] {
        scanner.exhausted.sorted().map {
            "rule \"\(redactor.rules.rules[$0].id)\" reached its match limit; what it could not decide was redacted"
        }
    }

    /// Takes `chunk` and passes on what is decided.
    ///
    /// Complexity: linear in the chunk and in what is held, which is bounded by `Limits`.
    public mutating func write(_ chunk: UnsafeRawBufferPointer, to sink: inout some RedactionSink) {
        var rest = chunk[...]
        while !rest.isEmpty {
            let size = min(rest.count, Self.step)
            let room = inputBuffer(minimum: size)
            room.copyMemory(from: UnsafeRawBufferPointer(rebasing: rest.prefix(size)))
            commit(size, to: &sink)
            rest = rest.dropFirst(size)
        }
    }

    /// Room for at least `minimum` bytes of input, to be filled by the caller and then committed; it saves a copy.
    ///
    /// Valid until the next call of any method but `addKnownValue`: a value may arrive after the bytes were read.
    public mutating func inputBuffer(minimum: Int) -> UnsafeMutableRawBufferPointer {
        let minimum = min(max(minimum, 1), Self.step)
        if capacity - count < minimum {
            discard()
            if capacity - count < minimum { grow(to: count + minimum) }
        }
        return UnsafeMutableRawBufferPointer(start: storage + count, count: min(capacity - count, Self.step))
    }

    /// Takes the first `size` bytes of the last `inputBuffer` as input and passes on what is decided.
    public mutating func commit(_ size: Int, to sink: inout some RedactionSink) {
        precondition(size >= 0 && size <= capacity - count, "commit no more than the input buffer holds")
        guard size > 0 else { return }
        count += size
        bytesIn += UInt64(size)
        process(isFinal: false, to: &sink)
    }

    /// Registers a value while the stream runs; bytes that have not been released are scanned for it too.
    public mutating func addKnownValue(_ value: KnownValue) {
        if scanner.knownValues == nil { scanner.knownValues = KnownValueIndex(firstRule: redactor.rules.rules.count) }
        scanner.knownValues!.add(value)
    }

    /// Ends the input and passes on the rest. What is open then is redacted.
    public mutating func finish(to sink: inout some RedactionSink) {
        process(isFinal: true, to: &sink)
        released = count
        open = nil
    }

    /// Whether everything that was written has been released, and no construct is open. At the end of a line, a stream that
    /// begins with the last `contextSize` bytes then goes on as this one does.
    package var isSettled: Bool { released == count && open == nil }

    /// Bytes before what comes next that may decide about it.
    package var contextSize: Int { kept }

    // MARK: - Seams

    /// Where a stream stands when it has nothing in hand: every byte has been released, no construct and no list is open, no
    /// redaction ends there.
    ///
    /// What it does from there on depends on this and on the last `Redactor.contextLength` bytes only.
    package struct Seam: Equatable, Sendable {
        package let offset: UInt64
        /// Where the pieces of over-long stretches begin.
        let run, word, wide, line: UInt64
        /// The last key block or over-long value, if it is near.
        let block: Range<UInt64>
    }

    /// The seam at the end of what was written; nil if something is in hand.
    package var seam: Seam? {
        let end = origin + UInt64(count)
        guard released == count, open == nil, redactedTo != end, openList == .max,
            !pieces.runFollowsPlaceholder, !pieces.wordFollowsPlaceholder, !pieces.wideFollowsPlaceholder
        else { return nil }
        let isNear = !block.isEmpty && block.upperBound + UInt64(redactor.contextLength) > end
        return Seam(
            offset: end, run: origin + UInt64(pieces.run), word: origin + UInt64(pieces.word),
            wide: origin + UInt64(pieces.wide), line: origin + UInt64(pieces.line),
            block: isNear ? block : 0..<0)
    }

    /// The last `Redactor.contextLength` bytes of what was written, or as many as there are. Valid until the next call.
    package var context: UnsafeRawBufferPointer {
        let size = min(count, kept)
        return UnsafeRawBufferPointer(start: storage + (count - size), count: size)
    }

    /// Line ends in what was written since the stream began; 0 unless lines are counted.
    package mutating func lineEnds() -> Int {
        guard redactor.options.countsLines else { return 0 }
        countLines(upTo: count)
        return line - 1
    }

    // MARK: - Buffer

    /// Bytes before the first unreleased one that are kept: twice the context, since what looks back starts in it.
    private var kept: Int { redactor.contextLength }

    /// Moves what is still needed to the front.
    private mutating func discard() {
        let seen = open == nil ? released : Int(openFrom - origin)
        // A known value that began inside the last redaction may continue it.
        let overlap = origin + UInt64(released) == redactedTo ? scanner.knownValues?.longest ?? 0 : 0
        let from = max(0, min(released, pieces.first, seen, openList) - max(kept, overlap))
        guard from > 0 else { return }
        if redactor.options.countsLines { countLines(upTo: from) }
        memmove(storage, storage + from, count - from)
        count -= from
        released -= from
        pieces = pieces.moved(by: from)
        if openList != .max { openList -= from }
        origin += UInt64(from)
    }

    private mutating func grow(to size: Int) {
        let wanted = max(size, capacity * 2)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 64)
        memcpy(larger, storage, count)
        memset(storage, 0, capacity)
        storage.deallocate()
        storage = larger
        capacity = wanted
    }

    // MARK: - Passes

    private mutating func process(isFinal: Bool, to sink: inout some RedactionSink) {
        let text = Text(base: UnsafePointer(storage.assumingMemoryBound(to: UInt8.self)), count: count)
        var first = newPass(text, isFinal)
        if let construct = open, !resume(construct, &first, to: &sink) {
            if case .stretch = construct { return }
            let start = origin + UInt64(first.blockStart)
            block = start..<max(start, origin + UInt64(released))
            return
        }
        var pass = newPass(text, isFinal)
        pass.inherit(first)
        pass.continuesRedaction = origin + UInt64(released) == redactedTo
        scanner.scan(&pass)
        var hold = isFinal ? count : max(pass.hold, released)
        var openEnd = count
        let opening = isFinal ? nil : pass.open
        var undecided: Int?
        if let opening, opening.construct.grows {
            // A control sequence that is cut off belongs to the next pass.
            openEnd = max(opening.start, withoutCutSequence(text, opening.end, isFinal).end)
            pass.spans.removeAll { $0.start >= openEnd }
            for i in pass.spans.indices where pass.spans[i].end > openEnd { pass.spans[i].end = openEnd }
            if redactor.options.tagger != nil, count - opening.start < redactor.options.limits.tagged {
                // Its tag is made from more of it than has been seen.
                hold = min(hold, opening.start)
            } else if hold >= opening.start {
                hold = openEnd
            } else {
                // What is undecided before it may reach beyond it.
                undecided = opening.start
            }
        }
        openList = isFinal ? .max : pass.listStart
        released = emit(&pass.spans, text, upTo: hold, undecided, isFinal: isFinal, to: &sink)
        pieces = scanner.pieces(pass, across: released, after: pieces)
        // As far as it has been redacted.
        let blockEnd = min(pass.blockEnd, released)
        block =
            pass.blockStart < blockEnd
            ? (origin + UInt64(pass.blockStart))..<(origin + UInt64(blockEnd)) : 0..<0
        open = nil
        guard let opening else { return }
        if case .key(var block, let rule) = opening.construct, !opening.construct.grows {
            // As far as its lines have been released.
            var lines = Pass(
                text: Text(base: text.base, count: released), isFinal: false, placeholderBytes: placeholderBytes)
            let outcome = scanner.advance(
                &block, &lines, from: opening.start, spanStart: opening.start, rule: rule)
            open = .key(block, rule: rule)
            openFrom = origin + UInt64(outcome.end)
        } else if released >= openEnd {
            // What is undecided inside a redaction belongs to it.
            open = opening.construct
            openFrom = origin + UInt64(released)
        }
    }

    private func newPass(_ text: Text, _ isFinal: Bool) -> Pass {
        var pass = Pass(
            text: text, lower: released, isFinal: isFinal, pieces: pieces, openList: openList,
            placeholderBytes: placeholderBytes)
        if block.upperBound > origin {
            pass.blockStart = Int(max(block.lowerBound, origin) - origin)
            pass.blockEnd = Int(block.upperBound - origin)
        }
        return pass
    }

    /// `end`, or where a control sequence begins that would be cut in two there: it stays in the output as a whole. `isOpen`:
    /// whether it is one is not known yet.
    private func withoutCutSequence(_ text: Text, _ end: Int, _ isFinal: Bool) -> (end: Int, isOpen: Bool) {
        let floor = max(released, end - Scanner.maximumSequence)
        if end == text.count, !isFinal {
            // What may become a placeholder is no sequence, though its second letter would end one.
            for length in 1..<Placeholders.mark.utf8CodeUnitCount
            where end - length > floor && text[end - length - 1] == .escape
                && text.isCut(Placeholders.mark, at: end - length)
            {
                return (end - length - 1, true)
            }
        }
        // Back over parameters, to ESC `[` (ECMA-48, 5.4). Most secrets end with a letter.
        var i = end
        while i > floor, text[i - 1].isParameter { i -= 1 }
        if i > floor, text[i - 1] == UInt8(ascii: "[") { i -= 1 }
        guard i > floor, text[i - 1] == .escape else { return (end, false) }
        i -= 1
        switch scanner.element(text, at: i, isFinal: isFinal) {
        case .incomplete: return (i, true)
        case .sequence(let length) where i + length > end: return (i, false)
        default: return (end, false)
        }
    }

    /// Goes on with what was open. Returns false if all bytes still belong to it.
    private mutating func resume(
        _ construct: OpenConstruct, _ pass: inout Pass, to sink: inout some RedactionSink
    ) -> Bool {
        let text = pass.text
        var i = Int(openFrom - origin)
        /// Where the block began that goes on.
        let blockStart = pass.blockEnd > 0 ? pass.blockStart : released
        switch construct {
        case .stretch(let kind, _):
            while i < text.count, scanner.continues(text, i, kind) { i += 1 }
        case .value(_, let quote):
            while i < text.count, !scanner.endsValue(text[i], quote: quote) { i += 1 }
            (pass.blockStart, pass.blockEnd) = (blockStart, i)
        case .key(var block, let rule):
            let wasInline = block.isInline
            let outcome = scanner.advance(&block, &pass, from: i, spanStart: i, rule: rule)
            if wasInline, block.column > 0 {
                // The rest of the marker's line belongs to its placeholder.
                for span in pass.spans where span.start == i { swallow(to: span.end, text, to: &sink) }
                pass.spans.removeAll { $0.start == i }
                if block.isInline {
                    open = outcome.isOpen ? .key(block, rule: rule) : nil
                    pass.blockEnd = released
                    return !outcome.isOpen
                }
            }
            if block.column > 0 {
                // Each line has its own placeholder; what stands around the key material is scanned.
                pass.blockEnd = 0
                if outcome.isOpen {
                    pass.openKey(outcome, block, rule: rule, start: released)
                    pass.holdFrom(outcome.end)
                }
                open = nil
                return true
            }
            i = outcome.end
            if origin + UInt64(released) != redactedTo {
                // Nothing of the block had been redacted, since its first line had not ended: it gets its placeholder now.
                if outcome.isOpen {
                    pass.openKey(outcome, block, rule: rule, start: released)
                    pass.holdFrom(i)
                }
                (pass.blockStart, pass.blockEnd) = (released, i)
                open = nil
                return true
            }
            pass.spans.removeAll()
            if outcome.isOpen {
                swallow(to: i, text, to: &sink)
                pieces = Pieces(at: released)
                open = .key(block, rule: rule)
                return false
            }
            (pass.blockStart, pass.blockEnd) = (blockStart, i)
        }
        var isWhole = i == text.count && !pass.isFinal
        // A key that is not open has seen its end.
        if case .key = construct { isWhole = false }
        swallow(to: withoutCutSequence(text, i, pass.isFinal).end, text, to: &sink)
        if case .stretch = construct {
            pieces = scanner.pieces(pass, across: released, after: pieces)
        } else {
            pieces = Pieces(at: released)
        }
        open = isWhole ? construct : nil
        return !isWhole
    }

    /// Bytes up to `index` belong to the redaction that has been written.
    private mutating func swallow(to index: Int, _ text: Text, to sink: inout some RedactionSink) {
        if index > released {
            writeSequences(in: released..<index, text, to: &sink)
            redactedTo = origin + UInt64(index)
        }
        released = index
        openFrom = origin + UInt64(index)
    }

    /// Writes everything up to `hold`, or to the end of a span that crosses it, but for one that holds the byte at `undecided`.
    /// Returns where it stopped.
    private mutating func emit(
        _ spans: inout [Span], _ text: Text, upTo hold: Int, _ undecided: Int?, isFinal: Bool,
        to sink: inout some RedactionSink
    ) -> Int {
        var cursor = released
        var hold = hold
        guard !spans.isEmpty else {
            if hold > cursor { sink.write(text.raw(cursor..<hold)) }
            return max(hold, cursor)
        }
        // Of spans that begin together, the surer and then the longer gives its name.
        spans.sort {
            ($0.start, $1.rank, $1.end, $0.rule) < ($1.start, $0.rank, $0.end, $1.rule)
        }
        var index = 0
        while index < spans.count {
            var span = spans[index]
            index += 1
            // The union of all spans that overlap it.
            while index < spans.count, spans[index].start < span.end {
                span.end = max(span.end, spans[index].end)
                index += 1
            }
            let whole = withoutCutSequence(text, span.end, isFinal)
            if whole.isOpen { hold = min(hold, max(whole.end, cursor)) }
            span.end = whole.end
            guard span.end > max(cursor, span.start) else { continue }
            if span.start < cursor {
                if origin + UInt64(cursor) == redactedTo {
                    writeSequences(in: cursor..<span.end, text, to: &sink)
                    cursor = span.end
                    redactedTo = origin + UInt64(cursor)
                    continue
                }
                // Part of it has been released: cannot be, by the contract of `Scanner`; the rest stays secret.
                span.start = cursor
            }
            guard span.start < hold else { break }
            if let undecided, span.start <= undecided, undecided < span.end {
                if span.start > cursor { sink.write(text.raw(cursor..<span.start)) }
                return span.start
            }
            if span.end > hold || whole.isOpen, redactor.options.tagger != nil,
                span.end - span.start < redactor.options.limits.tagged
            {
                // Something undecided may still join it, and its tag covers the whole.
                if span.start > cursor { sink.write(text.raw(cursor..<span.start)) }
                return span.start
            }
            if span.start > cursor { sink.write(text.raw(cursor..<span.start)) }
            redact(span, text, to: &sink)
            cursor = span.end
            redactedTo = origin + UInt64(cursor)
        }
        if hold > cursor { sink.write(text.raw(cursor..<hold)) }
        return max(hold, cursor)
    }

    private mutating func redact(_ span: Span, _ text: Text, to sink: inout some RedactionSink) {
        let secret = text.raw(span.start..<span.end)
        let id: String
        let category: Rule.Category
        if span.rule < redactor.rules.rules.count {
            id = redactor.rules.rules[span.rule].id
            category = redactor.rules.rules[span.rule].category
        } else {
            id = "known:" + (scanner.knownValues?.names[span.rule - redactor.rules.rules.count] ?? "value")
            category = .known
        }
        // Not `let options = redactor.options`: it would be copied for each secret.
        let tag = redactor.options.tagger?(
            id, UnsafeRawBufferPointer(rebasing: secret.prefix(redactor.options.limits.tagged)))
        let offset = origin + UInt64(span.start)
        var position: (line: Int, column: Int)?
        if redactor.options.countsLines { position = place(of: span.start) }
        findingCount += 1
        sink.redacted(
            Finding(
                ruleID: id, category: category,
                confidence: span.confidence == 2 ? .high : span.confidence == 1 ? .medium : .low,
                offset: offset, length: UInt64(span.end - span.start), line: position?.line, column: position?.column,
                tag: tag,
                explanation: redactor.options.explains ? span.reason.text : nil))
        if tag == nil, let known = placeholders[span.rule] {
            known.withUnsafeBytes { sink.write($0) }
        } else {
            let rendered = Array(redactor.options.template.render(rule: id, category: category.rawValue, tag: tag).utf8)
            if tag == nil { placeholders[span.rule] = rendered }
            rendered.withUnsafeBytes { sink.write($0) }
        }
        writeSequences(in: span.start..<span.end, text, to: &sink)
    }

    /// Control sequences inside a secret go on after its placeholder, so that colours end where they ended.
    private func writeSequences(in range: Range<Int>, _ text: Text, to sink: inout some RedactionSink) {
        guard memchr(text.base + range.lowerBound, Int32(UInt8.escape), range.count) != nil else { return }
        var i = range.lowerBound
        while i < range.upperBound {
            if text[i] == .escape,
                case .sequence(let length) = scanner.element(text, at: i, isFinal: true),
                i + length <= range.upperBound
            {
                sink.write(text.raw(i..<(i + length)))
                i += length
            } else {
                i += 1
            }
        }
    }

    /// Line and column of a byte; bytes must be asked for in order.
    private mutating func place(of index: Int) -> (line: Int, column: Int) {
        countLines(upTo: index)
        return (line, Int(origin + UInt64(index) - lineOrigin) + 1)
    }

    /// Counts the lines before `index`.
    private mutating func countLines(upTo index: Int) {
        let bytes = storage.assumingMemoryBound(to: UInt8.self)
        for i in Int(countedTo - origin)..<max(index, Int(countedTo - origin)) where bytes[i] == .lineFeed {
            line += 1
            lineOrigin = origin + UInt64(i) + 1
        }
        countedTo = max(countedTo, origin + UInt64(index))
    }
}
