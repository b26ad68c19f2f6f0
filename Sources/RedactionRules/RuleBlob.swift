/// The compact form of a `RuleSet`, docs/formats/rule-blob.md.
///
/// Built-in rules are shipped in this form because a filter has to start in milliseconds, and parsing TOML does not.
enum RuleBlob {
    static let magic: [UInt8] = [0x70, 0x6D, 0x72, 0x75, 0x6C, 0x65, 0x73]  // "pmrules"
    static let version: UInt8 = 1

    /// Optional fields of a rule, in the order in which they follow.
    struct RuleFields: OptionSet {
        let rawValue: UInt8
        static let pack = Self(rawValue: 1)
        static let regex = Self(rawValue: 2)
        static let entropy = Self(rawValue: 4)
        static let pathRegex = Self(rawValue: 8)
        static let reference = Self(rawValue: 16)
        static let inner = Self(rawValue: 32)
        static let all: Self = [.pack, .regex, .entropy, .pathRegex, .reference, .inner]
    }
}

/// Why bytes are not a rule blob.
public struct RuleBlobError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of damage.
    public enum Code: String, Sendable {
        /// Does not begin with the magic bytes.
        case notABlob = "not a rule blob"
        /// Made by another version of the program.
        case unknownVersion = "unknown version"
        /// Ends before its contents do, or a count is larger than what is left.
        case truncated = "truncated"
        /// Bytes follow after the end.
        case trailingBytes = "trailing bytes"
        /// A number, flag or enumeration value is out of range.
        case badValue = "value out of range"
        /// A string is not UTF-8.
        case badString = "invalid UTF-8"
    }

    public let code: Code
    /// Where, in bytes from the start of the blob.
    public let offset: Int

    public var description: String { "\(code.rawValue) at byte \(offset)" }
}

// MARK: - Encoding

extension RuleSet {
    /// Returns the set as a blob. The same set gives the same bytes.
    package func blob() -> [UInt8] {
        var writer = BlobWriter()
        writer.bytes += RuleBlob.magic
        writer.bytes.append(RuleBlob.version)
        writer.list(rules) { $0.rule($1) }
        // Hundreds of providers share a few dozen lists of shapes: written once, and one array in memory.
        var shapeLists: [[TokenShape]] = []
        var indices: [[TokenShape]: Int] = [:]
        for provider in providers where indices[provider.shapes] == nil {
            indices[provider.shapes] = shapeLists.count
            shapeLists.append(provider.shapes)
        }
        writer.list(shapeLists) { writer, shapes in
            writer.list(shapes) { writer, shape in
                writer.number(shape.minimum)
                writer.number(shape.maximum)
                writer.choice(shape.alphabet)
            }
        }
        writer.list(providers) { writer, provider in
            writer.bytes.append(provider.weak ? 1 : 0)
            writer.string(provider.id)
            writer.strings(provider.keywords)
            writer.number(indices[provider.shapes, default: 0])
        }
        writer.list(allowlists) { $0.allowlist($1) }
        return writer.bytes
    }
}

private struct BlobWriter {
    var bytes: [UInt8] = []

    /// LEB128.
    mutating func number(_ value: Int) {
        precondition(value >= 0, "a rule blob holds no negative numbers")
        var rest = UInt(value)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func string(_ value: String) {
        number(value.utf8.count)
        bytes += value.utf8
    }

    mutating func list<T>(_ values: [T], _ write: (inout Self, T) -> Void) {
        number(values.count)
        for value in values { write(&self, value) }
    }

    mutating func strings(_ values: [String]) { list(values) { $0.string($1) } }

    /// The position of `value` in its enumeration.
    mutating func choice<T: CaseIterable & Equatable>(_ value: T) {
        guard let index = Array(T.allCases).firstIndex(of: value) else { preconditionFailure("every case is listed") }
        bytes.append(UInt8(index))
    }

    mutating func rule(_ rule: Rule) {
        var fields: RuleBlob.RuleFields = []
        if rule.pack != nil { fields.insert(.pack) }
        if rule.regex != nil { fields.insert(.regex) }
        if rule.entropy != nil { fields.insert(.entropy) }
        if rule.pathRegex != nil { fields.insert(.pathRegex) }
        if rule.reference != nil { fields.insert(.reference) }
        if rule.inner { fields.insert(.inner) }
        bytes.append(fields.rawValue)
        string(rule.id)
        string(rule.summary)
        choice(rule.category)
        choice(rule.confidence)
        choice(rule.detector)
        number(rule.secretGroup)
        if let pack = rule.pack { string(pack) }
        if let regex = rule.regex { string(regex) }
        if let entropy = rule.entropy {
            for shift in stride(from: 0, to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: entropy.bitPattern >> shift))
            }
        }
        if let pathRegex = rule.pathRegex { string(pathRegex) }
        if let reference = rule.reference { string(reference) }
        strings(rule.keywords)
        strings(rule.anchors)
        strings(rule.contexts)
        strings(rule.tags)
        list(rule.validators) { $0.choice($1) }
        list(rule.allowlists) { $0.allowlist($1) }
    }

    mutating func allowlist(_ allowlist: Allowlist) {
        bytes.append(allowlist.requiresAll ? 1 : 0)
        choice(allowlist.target)
        strings(allowlist.regexes)
        strings(allowlist.stopwords)
        strings(allowlist.paths)
    }
}

// MARK: - Decoding

extension RuleSet {
    /// Decodes a blob. Every read is checked against the end; damaged bytes give an error or another valid set, never
    /// a trap.
    ///
    /// Complexity: linear in the size of the blob; no more memory than a small multiple of it.
    package init(blob: UnsafeRawBufferPointer) throws(RuleBlobError) {
        var reader = BlobReader(bytes: blob)
        for byte in RuleBlob.magic {
            guard reader.position < blob.count, blob[reader.position] == byte else {
                throw RuleBlobError(code: .notABlob, offset: reader.position)
            }
            reader.position += 1
        }
        guard try reader.byte() == RuleBlob.version else {
            throw RuleBlobError(code: .unknownVersion, offset: RuleBlob.magic.count)
        }
        self.init()
        rules = try reader.list { (reader) throws(RuleBlobError) in try reader.rule() }
        let shapeLists = try reader.list { (reader) throws(RuleBlobError) in
            try reader.list { (reader) throws(RuleBlobError) in try reader.shape() }
        }
        providers = try reader.list { (reader) throws(RuleBlobError) in try reader.provider(shapeLists) }
        allowlists = try reader.list { (reader) throws(RuleBlobError) in try reader.allowlist() }
        guard reader.position == blob.count else {
            throw RuleBlobError(code: .trailingBytes, offset: reader.position)
        }
    }
}

private struct BlobReader {
    let bytes: UnsafeRawBufferPointer
    /// Offset of the next byte; never above `bytes.count`.
    var position = 0

    // `allCases` makes an array each time it is asked.
    private let categories = Rule.Category.allCases
    private let confidences = Rule.Confidence.allCases
    private let detectors = Rule.Detector.allCases
    private let validators = Validator.allCases
    private let targets = Allowlist.Target.allCases
    private let alphabets = TokenShape.Alphabet.allCases

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    func failure(_ code: RuleBlobError.Code) -> RuleBlobError { RuleBlobError(code: code, offset: position) }

    mutating func byte() throws(RuleBlobError) -> UInt8 {
        guard position < bytes.count else { throw failure(.truncated) }
        defer { position += 1 }
        return bytes[position]
    }

    /// LEB128, at most five bytes: nothing here is larger than 32 bits.
    mutating func number() throws(RuleBlobError) -> Int {
        // Nearly all numbers are lengths below 128.
        if position < bytes.count, bytes[position] < 0x80 {
            defer { position += 1 }
            return Int(bytes[position])
        }
        var value = 0
        for shift in stride(from: 0, through: 28, by: 7) {
            let next = try byte()
            value |= Int(next & 0x7F) << shift
            if next < 0x80 { return value }
        }
        throw failure(.badValue)
    }

    /// A count of things that take a byte or more each, so no more than what is left: damaged counts cannot make
    /// large allocations.
    mutating func count() throws(RuleBlobError) -> Int {
        let count = try number()
        guard count <= bytes.count - position else { throw failure(.truncated) }
        return count
    }

    mutating func string() throws(RuleBlobError) -> String {
        let length = try count()
        let slice = UnsafeBufferPointer(
            rebasing: bytes.assumingMemoryBound(to: UInt8.self)[position..<position + length])
        // `String(validating:as:)` takes several times as long.
        guard let text = try? UTF8Span(validating: slice.span) else { throw failure(.badString) }
        position += length
        return String(copying: text)
    }

    mutating func list<T>(_ read: (inout Self) throws(RuleBlobError) -> T) throws(RuleBlobError) -> [T] {
        let count = try count()
        guard count > 0 else { return [] }
        var values: [T] = []
        // A count may lie within the limit above and still be far too high; a true one grows past this at no cost.
        values.reserveCapacity(min(count, 4096))
        for _ in 0..<count { values.append(try read(&self)) }
        return values
    }

    mutating func strings() throws(RuleBlobError) -> [String] {
        try list { (reader) throws(RuleBlobError) in try reader.string() }
    }

    mutating func choice<T>(_ cases: [T]) throws(RuleBlobError) -> T {
        let index = Int(try byte())
        guard index < cases.count else { throw failure(.badValue) }
        return cases[index]
    }

    mutating func flag() throws(RuleBlobError) -> Bool {
        let value = try byte()
        guard value <= 1 else { throw failure(.badValue) }
        return value == 1
    }

    mutating func rule() throws(RuleBlobError) -> Rule {
        let fields = RuleBlob.RuleFields(rawValue: try byte())
        guard fields.isSubset(of: .all) else { throw failure(.badValue) }
        var rule = Rule(id: try string())
        rule.summary = try string()
        rule.category = try choice(categories)
        rule.confidence = try choice(confidences)
        rule.detector = try choice(detectors)
        rule.secretGroup = try number()
        if fields.contains(.pack) { rule.pack = try string() }
        if fields.contains(.regex) { rule.regex = try string() }
        if fields.contains(.entropy) {
            var bits: UInt64 = 0
            for shift in stride(from: 0, to: 64, by: 8) { bits |= UInt64(try byte()) << shift }
            let entropy = Double(bitPattern: bits)
            guard entropy.isFinite else { throw failure(.badValue) }
            rule.entropy = entropy
        }
        if fields.contains(.pathRegex) { rule.pathRegex = try string() }
        if fields.contains(.reference) { rule.reference = try string() }
        rule.inner = fields.contains(.inner)
        rule.keywords = try strings()
        rule.anchors = try strings()
        rule.contexts = try strings()
        rule.tags = try strings()
        rule.validators = try list { (reader) throws(RuleBlobError) in try reader.choice(reader.validators) }
        rule.allowlists = try list { (reader) throws(RuleBlobError) in try reader.allowlist() }
        return rule
    }

    mutating func allowlist() throws(RuleBlobError) -> Allowlist {
        Allowlist(
            requiresAll: try flag(), target: try choice(targets), regexes: try strings(), stopwords: try strings(),
            paths: try strings())
    }

    mutating func shape() throws(RuleBlobError) -> TokenShape {
        let minimum = try number()
        let maximum = try number()
        guard minimum >= 1, maximum >= minimum else { throw failure(.badValue) }
        return TokenShape(minimum: minimum, maximum: maximum, alphabet: try choice(alphabets))
    }

    mutating func provider(_ shapeLists: [[TokenShape]]) throws(RuleBlobError) -> Provider {
        let weak = try flag()
        let id = try string()
        let keywords = try strings()
        let index = try number()
        guard index < shapeLists.count else { throw failure(.badValue) }
        return Provider(id: id, keywords: keywords, shapes: shapeLists[index], weak: weak)
    }
}
