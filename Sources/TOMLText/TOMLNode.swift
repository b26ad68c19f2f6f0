/// A TOML value and the line it stands on.
package struct TOMLNode: Sendable {
    /// Counted from 1. Of a table: where it is first named.
    package let line: Int
    package let value: Value

    package enum Value: Sendable {
        case string(String)
        case integer(Int)
        case float(Double)
        case boolean(Bool)
        case array([TOMLNode])
        case table([String: TOMLNode])
        /// Dates and times, which none of our files has a use for.
        case date
    }

    /// For messages.
    package var typeName: String {
        switch value {
        case .string: "a string"
        case .integer: "an integer"
        case .float: "a number"
        case .boolean: "a boolean"
        case .array: "an array"
        case .table: "a table"
        case .date: "a date or time"
        }
    }

    /// Returns the line of the value at `path`, or of the nearest enclosing one. Elements of arrays are named by their
    /// position: `["rules", "3", "regex"]`. The document itself stands on line 0.
    package func line(of path: [String]) -> Int {
        var node = self
        for (depth, name) in path.enumerated() {
            let child: TOMLNode?
            switch node.value {
            case .table(let entries): child = entries[name]
            case .array(let elements): child = Int(name).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
            default: child = nil
            }
            guard let child else { return depth == 0 ? 0 : node.line }
            node = child
        }
        return path.isEmpty ? 0 : node.line
    }
}
