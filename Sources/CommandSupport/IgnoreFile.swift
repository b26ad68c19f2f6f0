/// The patterns of a `.gitignore` file (gitignore(5)): which files below its directory are not looked at.
///
/// Understood are comments, `!`, a trailing and a leading slash, `*`, `?`, `[…]`, `**` and backslashes. A pattern that cannot be
/// read, such as `a[`, matches nothing.
package struct IgnoreFile: Sendable, Equatable {
    /// Of one file, in bytes; a larger one is an error to whoever reads it.
    package static let maximumSize = 1 << 20

    private struct Pattern: Sendable, Equatable {
        /// Between slashes; an empty one stands for `**`, any number of directories.
        var components: [[UInt8]]
        var isNegated = false
        var matchesDirectoriesOnly = false
    }

    private var patterns: [Pattern] = []

    package init(_ bytes: [UInt8]) {
        for line in bytes.split(separator: 0x0a) {
            if let pattern = Self.pattern(line) { patterns.append(pattern) }
        }
    }

    /// Whether the file ignores the entry (true), takes it back (false), or says nothing of it.
    ///
    /// `path` are the names from the file's directory down to the entry. The last pattern that matches decides.
    /// Complexity: the number of patterns times the product of the lengths of pattern and path, at most.
    package func verdict(_ path: [[UInt8]], isDirectory: Bool) -> Bool? {
        for pattern in patterns.reversed() where isDirectory || !pattern.matchesDirectoriesOnly {
            if Self.matches(pattern.components, path) { return !pattern.isNegated }
        }
        return nil
    }

    private static func pattern(_ line: ArraySlice<UInt8>) -> Pattern? {
        var line = line
        if line.last == 0x0d { line = line.dropLast() }
        // Blanks at the end count only behind a backslash.
        while line.last == 0x20, line.dropLast().last != UInt8(ascii: "\\") { line = line.dropLast() }
        var pattern = Pattern(components: [])
        guard let first = line.first, first != UInt8(ascii: "#") else { return nil }
        if first == UInt8(ascii: "!") {
            pattern.isNegated = true
            line = line.dropFirst()
        }
        if line.last == UInt8(ascii: "/") {
            pattern.matchesDirectoriesOnly = true
            line = line.dropLast()
        }
        // Without a slash in it, a pattern matches at any depth.
        let isAnchored = line.contains(UInt8(ascii: "/"))
        if line.first == UInt8(ascii: "/") { line = line.dropFirst() }
        guard !line.isEmpty else { return nil }
        if !isAnchored { pattern.components.append([]) }
        for part in line.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard !part.isEmpty else { return nil }
            pattern.components.append(part.allSatisfy { $0 == UInt8(ascii: "*") } && part.count == 2 ? [] : Array(part))
        }
        // What `a/**` matches is inside `a`.
        if isAnchored, pattern.components.last == [] { pattern.components.append([UInt8(ascii: "*")]) }
        return pattern
    }

    /// `components` against the whole path; an empty one is any stretch of directories.
    private static func matches(_ components: [[UInt8]], _ path: [[UInt8]]) -> Bool {
        Glob.matches(components.count, path.count, isStar: { components[$0].isEmpty }) { i, j in
            glob(components[i], path[j]) ? i + 1 : nil
        }
    }

    /// Shell pattern against one name.
    private static func glob(_ pattern: [UInt8], _ name: [UInt8]) -> Bool {
        Glob.matches(pattern.count, name.count, isStar: { pattern[$0] == UInt8(ascii: "*") }) { i, j in
            one(pattern, i, name[j])
        }
    }

    /// Where the pattern goes on if what stands at `i` matches `byte`.
    private static func one(_ pattern: [UInt8], _ i: Int, _ byte: UInt8) -> Int? {
        switch pattern[i] {
        case UInt8(ascii: "?"): return i + 1
        case UInt8(ascii: "\\"):
            return i + 1 < pattern.count && pattern[i + 1] == byte ? i + 2 : nil
        case UInt8(ascii: "["):
            var k = i + 1
            var isNegated = false
            if k < pattern.count, pattern[k] == UInt8(ascii: "!") || pattern[k] == UInt8(ascii: "^") {
                isNegated = true
                k += 1
            }
            var isIn = false
            let first = k
            while k < pattern.count, pattern[k] != UInt8(ascii: "]") || k == first {
                if pattern[k] == UInt8(ascii: "\\"), k + 1 < pattern.count { k += 1 }
                let low = pattern[k]
                var high = low
                if k + 2 < pattern.count, pattern[k + 1] == UInt8(ascii: "-"), pattern[k + 2] != UInt8(ascii: "]") {
                    k += 2
                    if pattern[k] == UInt8(ascii: "\\"), k + 1 < pattern.count { k += 1 }
                    high = pattern[k]
                }
                if low <= byte, byte <= high { isIn = true }
                k += 1
            }
            guard k < pattern.count else { return nil }
            return isIn != isNegated ? k + 1 : nil
        default: return pattern[i] == byte ? i + 1 : nil
        }
    }
}
