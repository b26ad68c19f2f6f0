public import RedactionRules

/// A compiled set of rules with its settings: makes streams, and redacts what is complete already.
///
/// Immutable and safe to share; compiling costs well under a millisecond, since patterns are compiled when first needed.
public final class Redactor: Sendable {
    let rules: CompiledRules
    let options: RedactorOptions

    /// The known values, made once for all streams; nil without any.
    let knownValues: KnownValueIndex?

    /// What about the rules will be slow.
    public let warnings: [String]

    /// - Throws: `RedactionError` if a rule cannot be compiled or the selection names nothing.
    public init(_ options: RedactorOptions = RedactorOptions()) throws(RedactionError) {
        self.options = options
        var set = options.ruleSet
        var warnings: [String] = []
        var selection = options.selection
        selection.packs = Array(Set(selection.packs).union(options.packs)).sorted()
        do throws(RuleSelectionError) {
            set = try set.selecting(selection)
        } catch {
            throw RedactionError(.unknownName, rule: nil, error.description)
        }
        rules = try CompiledRules(set, limits: options.limits)
        for rule in rules.lineRules {
            warnings.append(
                "rule \"\(rules.rules[rule].id)\" has no keyword of 3 bytes or more and is searched for in every line, which is slow"
            )
        }
        self.warnings = warnings
        knownValues = KnownValueIndex(options.knownValues, firstRule: rules.rules.count)
    }

    /// The rules of `other`, compiled once, with further values to mask.
    package init(_ other: Redactor, adding values: [KnownValue]) {
        rules = other.rules
        warnings = other.warnings
        var options = other.options
        options.knownValues += values
        self.options = options
        knownValues = KnownValueIndex(options.knownValues, firstRule: rules.rules.count)
    }

    /// A new stream. `path` is what rules that are limited to paths are held against.
    public func makeStream(path: String? = nil) -> RedactionStream { RedactionStream(redactor: self, path: path) }

    /// Bytes before an undecided one that a stream keeps.
    package var contextLength: Int { 2 * options.limits.context + 2048 }

    /// A stream that begins at `offset` of an input, behind a line end, with `contextLength` bytes before it as context, or as many as
    /// there are; see `RedactionStream.Seam`.
    package func makeStream(
        path: String?, at offset: UInt64, context: UnsafeRawBufferPointer
    ) -> RedactionStream {
        RedactionStream(redactor: self, path: path, at: offset, context: context)
    }

    /// Redacts complete bytes.
    public func redact(_ bytes: [UInt8]) -> [UInt8] {
        complete(bytes).bytes
    }

    /// Redacts a complete string.
    public func redact(_ text: String) -> String { String(decoding: redact(Array(text.utf8)), as: UTF8.self) }

    /// Finds the secrets of complete bytes.
    public func findings(in bytes: [UInt8]) -> [Finding] {
        complete(bytes).findings
    }

    /// A line of a log is short, and so is the buffer for it.
    private func complete(_ bytes: [UInt8]) -> ArraySink {
        var stream = RedactionStream(
            redactor: self, path: nil, capacity: max(64, min(bytes.count, RedactionStream.initialCapacity)))
        var sink = ArraySink()
        bytes.withUnsafeBytes { stream.write($0, to: &sink) }
        stream.finish(to: &sink)
        return sink
    }
}

/// Settings of a `Redactor`.
public struct RedactorOptions: Sendable {
    public var ruleSet: RuleSet
    /// Optional packs that are on.
    public var packs: Set<String> = []
    public var selection = RuleSelection()
    /// Literal values to mask.
    public var knownValues: [KnownValue] = []
    public var template = PlaceholderTemplate.standard
    public var limits = Limits()
    /// Makes the keyed tag of a secret, so that two occurrences can be linked without being known.
    public var tagger: (@Sendable (_ ruleID: String, _ secret: UnsafeRawBufferPointer) -> String)?
    /// Findings carry line and column; costs one more look at every byte.
    public var countsLines = false
    /// Findings carry an explanation.
    public var explains = false

    public init(ruleSet: RuleSet = .builtin) { self.ruleSet = ruleSet }
}

/// Receives a stream's output, in order.
public protocol RedactionSink {
    /// Scrubbed bytes: clean ones as they came, or a placeholder. Valid during the call.
    mutating func write(_ bytes: UnsafeRawBufferPointer)
    /// A secret was found; its placeholder is written next.
    mutating func redacted(_ finding: Finding)
}

extension RedactionSink {
    public mutating func redacted(_ finding: Finding) {}
}

/// A secret that was redacted: where and why, never what.
public struct Finding: Sendable, Equatable {
    public let ruleID: String
    public let category: Rule.Category
    public let confidence: Rule.Confidence
    /// Offset of its first byte in the input.
    public let offset: UInt64
    /// Length in the input in bytes, as far as it is known when the placeholder is written; a private key or over-long
    /// token may go on.
    public let length: UInt64
    /// Line and column of its first byte, both from 1, the column in bytes; if asked for.
    public let line: Int?
    public let column: Int?
    public let tag: String?
    public let explanation: String?

    /// The same, so many lines further down.
    package func movedDown(by lines: Int) -> Finding {
        guard let line, lines > 0 else { return self }
        return Finding(
            ruleID: ruleID, category: category, confidence: confidence, offset: offset, length: length,
            line: line + lines, column: column, tag: tag, explanation: explanation)
    }
}

/// Why a redactor cannot be made. Holds names and places, never text that was scanned.
public struct RedactionError: Error, CustomStringConvertible, Sendable {
    public struct Code: Sendable, Equatable {
        let value: Int
        public static let invalidRule = Code(value: 1)
        public static let tooManyKeywords = Code(value: 2)
        public static let unknownName = Code(value: 3)
        public static let invalidTemplate = Code(value: 4)
    }
    public let code: Code
    public let ruleID: String?
    public let reason: String

    init(_ code: Code, rule: String?, _ reason: String) {
        self.code = code
        ruleID = rule
        self.reason = reason
    }

    public var description: String { ruleID.map { "rule \"\($0)\": \(reason)" } ?? reason }
}

/// Collects output in memory.
struct ArraySink: RedactionSink {
    var bytes: [UInt8] = []
    var findings: [Finding] = []
    mutating func write(_ bytes: UnsafeRawBufferPointer) { self.bytes.append(contentsOf: bytes) }
    mutating func redacted(_ finding: Finding) { findings.append(finding) }
}
