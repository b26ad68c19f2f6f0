internal import RedactionRules

/// Everything that is wrong with a rule file.
///
/// Holds at least one problem; checking goes on after the first one, up to `RuleFile.Limits.problems`.
public struct RuleFileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// File by file, in the order of lines.
    public let problems: [RuleFileProblem]

    init(_ problems: [RuleFileProblem]) {
        precondition(!problems.isEmpty, "an error has a reason")
        self.problems = problems
    }

    init(_ code: RuleFileProblem.Code, file: String, line: Int = 0, _ reason: String) {
        self.init([RuleFileProblem(code: code, file: file, line: line, rule: nil, reason: reason)])
    }

    /// One line for each problem.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// One error or warning about a rule file. Carries text of the file, never of samples or of scrubbed data.
public struct RuleFileProblem: Sendable, Equatable, CustomStringConvertible {
    /// What kind of problem it is. More may be added.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The file cannot be opened or read.
        public static let unreadable = Code(rawValue: "unreadable")
        /// A limit of `RuleFile.Limits` is exceeded.
        public static let limit = Code(rawValue: "limit")
        /// Not UTF-8, or not TOML.
        public static let syntax = Code(rawValue: "syntax")
        /// A value has the wrong type.
        public static let type = Code(rawValue: "type")
        /// A value is missing, empty or out of range, or is not one of the names that are allowed.
        public static let value = Code(rawValue: "value")
        /// An id is used twice in one file.
        public static let duplicate = Code(rawValue: "duplicate")
        /// PCRE2 does not accept a pattern.
        public static let pattern = Code(rawValue: "pattern")
        /// A rule lacks what its detector needs.
        public static let incomplete = Code(rawValue: "incomplete")
        /// A rule or provider is named that does not exist.
        public static let unknownRule = Code(rawValue: "unknown-rule")
        /// A key is not known; warning.
        public static let unknownKey = Code(rawValue: "unknown-key")
        /// Something is understood but has no effect here; warning.
        public static let ignored = Code(rawValue: "ignored")
        /// A rule works but costs much time; warning.
        public static let slow = Code(rawValue: "slow")
    }

    public let code: Code
    /// The name of the file as it was given.
    public let file: String
    /// Counted from 1; 0 if the problem is the file itself.
    public let line: Int
    /// The id of the rule or provider, if the problem lies in one that has an id.
    public let rule: String?
    public let reason: String

    /// `file:line: rule "id": reason`, safe to print on a terminal.
    public var description: String {
        var text = printable(file)
        if line > 0 { text += ":\(line)" }
        if let rule { text += ": rule \"\(printable(rule))\"" }
        return text + ": " + reason
    }
}
