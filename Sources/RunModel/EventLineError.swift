internal import JSONText

/// Why a line is not an event, or not the next one of its log. Names the place, never the content.
package struct EventLineError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// Not the JSON that is expected.
        case malformed
        /// Exceeds one of `EventLimits`.
        case tooLarge = "too large"
        /// A later version of the format.
        case unknownVersion = "unknown version"
        case unknownType = "unknown type"
        /// A member is missing, has the wrong kind, or a value that it cannot have.
        case badField = "bad field"
        /// The hash is not that of the line.
        case wrongHash = "wrong hash"
        /// The line does not continue the one before.
        case brokenChain = "broken chain"
        /// The line is not whole.
        case torn
    }
    package let code: Code
    /// A member's name, or `byte 17`.
    package let place: String

    package init(_ code: Code, _ place: String) {
        self.code = code
        self.place = place
    }

    package var description: String { "\(code.rawValue): \(place)" }
}

extension EventLineError: JSONFailure {
    package init(jsonOffset offset: Int) { self.init(.malformed, "byte \(offset)") }
}
