/// JSON text (RFC 8259), put together from pieces that are JSON themselves.
public enum JSON {
    /// A string literal. Control characters, quotes and backslashes are escaped, and so are U+2028 and U+2029, which
    /// some readers of JSON in scripts take for line ends.
    package static func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7F || scalar.value == 0x2028 || scalar.value == 0x2029 {
                    let digits = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }

    /// An object with its members in the order given; members without a value are left out.
    package static func object(_ members: [(name: String, value: String?)]) -> String {
        let parts = members.compactMap { member in
            member.value.map { string(member.name) + ":" + $0 }
        }
        return "{" + parts.joined(separator: ",") + "}"
    }

    package static func array(_ elements: [String]) -> String { "[" + elements.joined(separator: ",") + "]" }
}
