internal import Gzip
internal import HTTPTypes
package import Hummingbird
internal import JSONText
internal import NIOCore

/// Reading bodies, each within a bound.
package enum Body {
    /// Returns the body's bytes. How long they may take is `PaceHandler`'s affair.
    package static func bytes(_ request: Request, limit: Int) async throws -> [UInt8] {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit {
            throw Problem.tooLarge("The body is larger than the limit.", limit: limit)
        }
        var bytes: [UInt8] = []
        for try await buffer in request.body {
            guard bytes.count + buffer.readableBytes <= limit else {
                throw Problem.tooLarge("The body is larger than the limit.", limit: limit)
            }
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return bytes
    }

    /// Returns the body's bytes, inflated when it says that it is compressed.
    package static func inflated(_ request: Request, limit: Int, inflatedLimit: Int) async throws -> [UInt8] {
        let coding = request.headers[.contentEncoding]
        guard coding == nil || coding == "gzip" || coding == "identity" else {
            throw Problem(
                .unsupportedMediaType, "unsupported-encoding",
                "The content encoding is not supported; send gzip or none.",
                headers: [.acceptEncoding: "gzip"])
        }
        let bytes = try await bytes(request, limit: limit)
        guard coding == "gzip" else { return bytes }
        do {
            return try Gzip.inflate(bytes, limit: inflatedLimit)
        } catch .tooLarge {
            throw Problem.tooLarge("The body inflates to more than the limit.", limit: inflatedLimit)
        } catch {
            throw Problem.badField("body", "It is not gzip.")
        }
    }

    /// Reads the body as one JSON object. An empty body is an empty object.
    package static func document(_ request: Request, limit: Int) async throws -> Document {
        guard Self.mediaType(request) == "application/json" else {
            throw Problem(
                .unsupportedMediaType, "unsupported-media-type", "The body must be application/json.")
        }
        return try Document(parsing: try await bytes(request, limit: limit))
    }

    /// Reads a form as browsers send it: `application/x-www-form-urlencoded`. A name that occurs twice is refused.
    package static func form(_ request: Request, limit: Int) async throws -> Form {
        guard Self.mediaType(request) == "application/x-www-form-urlencoded" else {
            throw Problem(
                .unsupportedMediaType, "unsupported-media-type",
                "The body must be application/x-www-form-urlencoded.")
        }
        guard let form = Form(parsing: try await bytes(request, limit: limit)) else {
            throw Problem.badField("body", "It is not a form.")
        }
        return form
    }

    /// The media type without its parameters, in lower case.
    package static func mediaType(_ request: Request) -> String? {
        request.headers[.contentType]?.split(separator: ";").first.map {
            $0.split(separator: " ").joined().lowercased()
        }
    }
}

/// The members of a JSON object, each asked for once by name; what nobody asked for is an error.
package struct Document {
    private var members: [(name: String, value: JSONValue)]

    package init(parsing bytes: [UInt8]) throws(Problem) {
        guard !bytes.isEmpty else {
            members = []
            return
        }
        do {
            var reader = JSONReader<Malformed>()
            let value = try reader.value(bytes.span)
            try reader.expectEnd(bytes.span)
            guard case .object(let members) = value else { throw Malformed(jsonOffset: 0) }
            self.members = members
        } catch {
            throw .malformedJSON
        }
    }

    private struct Malformed: JSONFailure {
        init(jsonOffset offset: Int) {}
    }

    private mutating func take(_ name: String) -> JSONValue? {
        guard let index = members.firstIndex(where: { $0.name == name }) else { return nil }
        let value = members.remove(at: index).value
        if case .null = value { return nil }
        return value
    }

    package mutating func optionalText(_ name: String, limit: Int) throws(Problem) -> String? {
        guard let value = take(name) else { return nil }
        guard case .string(let text) = value else { throw .badField(name, "It must be a string.") }
        guard text.utf8.count <= limit else { throw .badField(name, "It is longer than \(limit) bytes.") }
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) else {
            throw .badField(name, "It holds a control character.")
        }
        return text
    }

    /// A text of several lines, which may be empty or missing.
    package mutating func prose(_ name: String, limit: Int) throws(Problem) -> String {
        guard let value = take(name) else { return "" }
        guard case .string(let text) = value else { throw .badField(name, "It must be a string.") }
        guard text.utf8.count <= limit else { throw .badField(name, "It is longer than \(limit) bytes.") }
        let isText = text.unicodeScalars.allSatisfy { scalar in
            scalar.value >= 0x20 && scalar.value != 0x7f || [9, 10, 13].contains(scalar.value)
        }
        guard isText else { throw .badField(name, "It holds a control character.") }
        return text
    }

    package mutating func text(_ name: String, limit: Int) throws(Problem) -> String {
        guard let text = try optionalText(name, limit: limit), !text.isEmpty else {
            throw .badField(name, "It is missing or empty.")
        }
        return text
    }

    package mutating func optionalInteger(_ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let value = take(name) else { return nil }
        guard case .number(let digits) = value, let number = Int(digits), range.contains(number) else {
            throw .badField(name, "It must be an integer from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    package mutating func bool(_ name: String) throws(Problem) -> Bool {
        guard case .bool(let value)? = take(name) else { throw .badField(name, "It must be true or false.") }
        return value
    }

    /// Whether a member is there, null or not.
    package func has(_ name: String) -> Bool { members.contains { $0.name == name } }

    /// Confirms that all members were asked for.
    package func finish() throws(Problem) {
        guard members.isEmpty else { throw .badField("body", "It has a member that is not known.") }
    }
}

/// The fields of a form.
package struct Form: Sendable {
    private let fields: [String: String]

    package init?(parsing bytes: [UInt8]) {
        var fields: [String: String] = [:]
        for pair in bytes.split(separator: UInt8(ascii: "&")) {
            let sides = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decode(sides[0]), let value = Self.decode(sides.count > 1 ? sides[1] : []),
                fields.updateValue(value, forKey: name) == nil
            else { return nil }
        }
        self.fields = fields
    }

    package subscript(_ name: String) -> String? { fields[name] }

    package func text(_ name: String, limit: Int) throws(Problem) -> String {
        guard let text = fields[name], !text.isEmpty else { throw .badField(name, "It is missing or empty.") }
        guard text.utf8.count <= limit else { throw .badField(name, "It is longer than \(limit) bytes.") }
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) else {
            throw .badField(name, "It holds a control character.")
        }
        return text
    }

    /// Undoes `+` and percent-encoding (URL Standard, section 5.1); nil for what is not UTF-8 then.
    package static func decode(_ bytes: some Sequence<UInt8>) -> String? {
        var result: [UInt8] = []
        var iterator = bytes.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "+"): result.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(digit), let low = iterator.next().flatMap(digit) else {
                    return nil
                }
                result.append(high << 4 | low)
            default: result.append(byte)
            }
        }
        return String(validating: result, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}
