/// Any JSON value. An object keeps the order of its members, and a number the digits that it was written with.
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([(name: String, value: JSONValue)])

    /// How deep arrays and objects may nest when they are read.
    public static let maximumDepth = 16

    public static func integer(_ value: Int) -> JSONValue { .number(String(value)) }

    /// An object of those members that have a value.
    public static func members(_ members: [(String, JSONValue?)]) -> JSONValue {
        .object(members.compactMap { name, value in value.map { (name, $0) } })
    }

    /// The value without white space.
    public var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let digits): digits
        case .string(let text): JSON.string(text)
        case .array(let elements): JSON.array(elements.map(\.text))
        case .object(let members): JSON.object(members.map { ($0.name, $0.value.text) })
        }
    }

    /// The value with every string that it holds replaced, names of members included.
    public func mappingStrings(_ change: (String) -> String) -> JSONValue {
        switch self {
        case .null, .bool, .number: self
        case .string(let text): .string(change(text))
        case .array(let elements): .array(elements.map { $0.mappingStrings(change) })
        case .object(let members): .object(members.map { (change($0.name), $0.value.mappingStrings(change)) })
        }
    }
}

extension JSONValue: Equatable {
    /// Equal when written the same: members in the same order, numbers with the same digits.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)):
            left.elementsEqual(right) { $0.name.utf8.elementsEqual($1.name.utf8) && $0.value == $1.value }
        default: false
        }
    }
}
