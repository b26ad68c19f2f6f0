/// What an S3-compatible store says when it refuses: a small XML document (docs.aws.amazon.com, "Error responses").
///
///     <Error><Code>NoSuchKey</Code><Message>…</Message>…</Error>
///
/// Of it only code and region are taken, if they have the form of one: messages repeat what was signed.
struct S3Refusal: Equatable {
    var code: String?
    /// Where the bucket is, if it is elsewhere.
    var region: String?

    /// The most bytes of a document; real ones have some hundred.
    static let maximumSize = 64 << 10
    /// The deepest nesting of elements.
    static let maximumDepth = 16

    /// Reads a document. What is none, or not of this form, says nothing.
    init(_ bytes: [UInt8]) {
        guard bytes.count <= Self.maximumSize else { return }
        var reader = Reader(bytes)
        var path: [ArraySlice<UInt8>] = []
        var found = S3Refusal()
        while let token = reader.next() {
            switch token {
            case .open(let name):
                guard path.count < Self.maximumDepth, !path.isEmpty || name.elementsEqual("Error".utf8) else { return }
                path.append(name)
            case .close(let name):
                guard path.last == name else { return }
                path.removeLast()
                if path.isEmpty {
                    if reader.isAtEnd { self = found }
                    return
                }
            case .text(let text):
                guard path.count == 2 else { continue }
                if path[1].elementsEqual("Code".utf8) { found.code = Self.word(text) }
                if path[1].elementsEqual("Region".utf8) { found.region = Self.region(text) }
            }
        }
    }

    init() {}

    /// A code: letters, digits and dots.
    static func word(_ text: ArraySlice<UInt8>) -> String? {
        let isWord = text.allSatisfy {
            (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x2E
        }
        return isWord && (1...64).contains(text.count) ? String(decoding: text, as: UTF8.self) : nil
    }

    private static func region(_ text: ArraySlice<UInt8>) -> String? {
        let text = String(decoding: text, as: UTF8.self)
        return S3Location.isRegion(text) ? text : nil
    }

    /// Elements and text of a document without a type, whose attributes, comments and instructions are passed over.
    private struct Reader {
        enum Token {
            case open(ArraySlice<UInt8>), close(ArraySlice<UInt8>)
            /// As it stands there, with its references.
            case text(ArraySlice<UInt8>)
        }

        private let bytes: [UInt8]
        private var place = 0
        /// The element that `<name/>` has opened.
        private var pending: ArraySlice<UInt8>?

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
            // The byte order mark (XML 1.0, section 4.3.3).
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { place = 3 }
        }

        /// Whether nothing but white space follows.
        var isAtEnd: Bool { bytes[place...].allSatisfy { [0x20, 0x09, 0x0A, 0x0D].contains($0) } }

        /// The next token; nil at the end and at what is no XML that we read.
        mutating func next() -> Token? {
            if let name = pending {
                pending = nil
                return .close(name)
            }
            while place < bytes.count {
                guard bytes[place] == UInt8(ascii: "<") else {
                    let end = bytes[place...].firstIndex(of: UInt8(ascii: "<")) ?? bytes.count
                    defer { place = end }
                    return .text(bytes[place..<end])
                }
                let rest = bytes[(place + 1)...]
                if rest.starts(with: "?".utf8) {
                    guard skip(to: "?>") else { return nil }
                } else if rest.starts(with: "!--".utf8) {
                    guard skip(to: "-->") else { return nil }
                } else if rest.starts(with: "!".utf8) {
                    // A document type can define what names mean.
                    return nil
                } else {
                    return tag()
                }
            }
            return nil
        }

        private mutating func tag() -> Token? {
            guard let end = endOfTag() else { return nil }
            defer { place = end + 1 }
            var inside = bytes[(place + 1)..<end]
            let isClosing = inside.first == UInt8(ascii: "/")
            if isClosing { inside = inside.dropFirst() }
            let isEmpty = inside.last == UInt8(ascii: "/")
            if isEmpty { inside = inside.dropLast() }
            let name = inside.prefix { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
            guard !name.isEmpty, !(isClosing && isEmpty) else { return nil }
            if isClosing { return .close(name) }
            if isEmpty { pending = name }
            return .open(name)
        }

        /// The `>` that ends the tag: one inside an attribute's quotes does not.
        private func endOfTag() -> Int? {
            var quote: UInt8?
            for index in place..<bytes.count {
                let byte = bytes[index]
                if let open = quote {
                    if byte == open { quote = nil }
                } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    quote = byte
                } else if byte == UInt8(ascii: ">") {
                    return index
                }
            }
            return nil
        }

        private mutating func skip(to end: StaticString) -> Bool {
            let end = end.withUTF8Buffer { Array($0) }
            while place < bytes.count {
                if bytes[place...].starts(with: end) {
                    place += end.count
                    return true
                }
                place += 1
            }
            return false
        }
    }
}

/// Fuzz entry point: everything that reads what an S3-compatible store answers, and what people write of one, on any bytes.
///
/// Nothing may trap. What is taken of an answer can go into a log as it is; what is accepted of a location names one place, on one host.
package func fuzzBodyStores(_ bytes: [UInt8]) {
    let refusal = S3Refusal(bytes)
    if let code = refusal.code { precondition(S3Refusal.word(Array(code.utf8)[...]) == code, "a code is none") }
    if let region = refusal.region { precondition(S3Location.isRegion(region), "a region is none") }
    precondition(S3Refusal(bytes + [0x0A]) == refusal || bytes.count == S3Refusal.maximumSize, "white space at the end")
    if let credentials = S3Credentials(file: bytes.span) {
        precondition("\(credentials)" == "<redacted>", "a secret is printed")
        precondition(credentials.keyID.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "a key's name leads elsewhere")
    }
    let text = String(decoding: bytes, as: UTF8.self)
    for location in [S3Location(text, endpoint: nil), S3Location("s3://bucket/a", endpoint: text)] {
        guard let location else { continue }
        let path = location.path("b")
        precondition(S3Signature.escaped(path) == path && !path.contains("//"), "a path needs an escape")
        precondition(!path.split(separator: "/").contains(".."), "a path leads elsewhere")
        precondition(location.origin.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x40 }, "another host")
    }
}
