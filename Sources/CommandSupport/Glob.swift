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
        return Self.matches(pattern.count, name.count, isStar: { pattern[$0] == "*" }) { p, n in
            pattern[p] == "?" || pattern[p] == name[n] ? p + 1 : nil
        }
    }

    /// Matches a pattern with stars, which stand for any number of elements, against a name: the one loop for all of them.
    /// - Parameters:
    ///   - step: Where the pattern goes on behind the place `p`, which is no star, if what stands there matches the element `n`; nil if
    ///     it does not.
    /// - Complexity: The product of the two lengths at worst: a star is extended, never tried again from an earlier one.
    static func matches(
        _ pattern: Int, _ name: Int, isStar: (Int) -> Bool, step: (_ p: Int, _ n: Int) -> Int?
    ) -> Bool {
        var (p, n) = (0, 0)
        var star: (pattern: Int, name: Int)?
        while n < name {
            if p < pattern, isStar(p) {
                star = (p, n)
                p += 1
            } else if p < pattern, let next = step(p, n) {
                p = next
                n += 1
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                (p, n) = (last.pattern + 1, last.name + 1)
            } else {
                return false
            }
        }
        return (p..<pattern).allSatisfy(isStar)
    }

    package static func trimmed(_ text: some StringProtocol) -> String {
        var rest = Substring(text)
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
