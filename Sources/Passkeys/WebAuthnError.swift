/// Why a passkey was not accepted. Holds constants only, never what was sent.
public struct WebAuthnError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable {
        /// What was sent is not in the form that the specification gives it.
        case malformed
        /// An algorithm or a format that is not known here.
        case unsupported
        /// It is well formed, and does not prove what it should.
        case refused
    }

    public let code: Code
    /// What did not fit.
    public let reason: StaticString

    static func malformed(_ reason: StaticString) -> Self { Self(code: .malformed, reason: reason) }
    static func unsupported(_ reason: StaticString) -> Self { Self(code: .unsupported, reason: reason) }
    static func refused(_ reason: StaticString) -> Self { Self(code: .refused, reason: reason) }

    public var description: String { "\(code.rawValue): \(reason)" }

    public static func == (left: Self, right: Self) -> Bool { left.description == right.description }
    public func hash(into hasher: inout Hasher) { hasher.combine(description) }
}
