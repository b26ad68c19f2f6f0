/// A pattern for names: `*` stands for any text, `?` for one character, everything else for itself.
package struct Glob: Equatable, Sendable {
    package let pattern: String

    package init(pattern: String) { self.pattern = pattern }

    /// Splits a list such as `AWS_*,*_TOKEN`; white space around a pattern does not count.
    package static func list(_ text: String) -> [Glob] {
        text.split(separator: ",").map(trimmed).filter { !$0.isEmpty }.map { Glob(pattern: $0) }
    }

    /// True if the pattern can match one name only.
    package var isLiteral: Bool { !pattern.contains { $0 == "*" || $0 == "?" } }

    /// Runs in time proportional to the product of the two lengths at worst: a `*` is extended, never tried again from
    /// an earlier one.
    package func matches(_ name: String) -> Bool {
        let pattern = Array(self.pattern.unicodeScalars)
        let name = Array(name.unicodeScalars)
        var p = 0
        var n = 0
        var star: (pattern: Int, name: Int)?
        while n < name.count {
            if p < pattern.count, pattern[p] == "*" {
                star = (p, n)
                p += 1
            } else if p < pattern.count, pattern[p] == "?" || pattern[p] == name[n] {
                p += 1
                n += 1
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                p = last.pattern + 1
                n = last.name + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == "*" }
    }

    package static func trimmed(_ text: some StringProtocol) -> String {
        var rest = Substring(text)
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
