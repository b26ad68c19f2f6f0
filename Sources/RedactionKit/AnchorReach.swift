internal import Glibc

/// Where in the matches of a token rule one of its anchors stands, as far as the source of its pattern tells.
///
/// So a rule is tried at few places before an anchor and not searched for in all of a run. A pattern that is not understood, or of
/// which some match has no anchor that is written in it, has no reach.
struct AnchorReach {
    /// Bytes of a match before an anchor, at least and at most.
    let before: ClosedRange<Int>
    /// What a match may begin with.
    let first: ByteSet

    /// Most bytes before an anchor.
    static let maximum = 256
    /// Steps that are made before a pattern counts as not understood.
    private static let maximumSteps = 4000

    private indirect enum Part {
        case set(ByteSet, ClosedRange<Int>)
        case group([[Part]], ClosedRange<Int>)
    }

    init?(_ pattern: String, anchors: [String]) {
        if let first = Self.plainBeginning(pattern, anchors) {
            self.before = 0...0
            self.first = ByteSet(first...first)
            return
        }
        var search = Search(anchors: anchors.map { Array($0.utf8) })
        var reader = PatternHints.Reader(pattern)
        guard let branches = Self.branches(&reader), reader.isAtEnd,
            let before = search.before([.group(branches, 1...1)]), before.upperBound <= Self.maximum
        else { return nil }
        self.before = before
        first = Self.first([.group(branches, 1...1)]).set
    }

    // MARK: - Reading

    /// The first byte of a pattern that begins with an anchor as it stands, as most do: no more of it has to be understood.
    private static func plainBeginning(_ pattern: String, _ anchors: [String]) -> UInt8? {
        var pattern = pattern
        return pattern.withUTF8 { pattern in
            guard memchr(pattern.baseAddress!, Int32(UInt8(ascii: "|")), pattern.count) == nil else { return nil }
            for var anchor in anchors {
                let begins = anchor.withUTF8 { anchor in
                    anchor.count < pattern.count && memcmp(anchor.baseAddress!, pattern.baseAddress!, anchor.count) == 0
                        && anchor.allSatisfy { $0.isAlnum || $0.isOne(of: "_-") }
                        && !pattern[anchor.count].isOne(of: "?*+{")
                }
                if begins { return pattern[0] }
            }
            return nil
        }
    }

    /// Branches up to the end, or to a bracket that closes what stands around them.
    private static func branches(_ reader: inout PatternHints.Reader) -> [[Part]]? {
        var result: [[Part]] = []
        repeat {
            var parts: [Part] = []
            while !reader.isAtEnd, !reader.isAt("|"), !reader.isAt(")") {
                if reader.take("(?<!") || reader.take("(?<=") || reader.take("(?=") || reader.take("(?!") {
                    guard reader.skipLookAround() else { return nil }
                } else if reader.take("(?:") || !reader.isAt("(?") && reader.take("(") {
                    guard let inner = branches(&reader), reader.take(")"), let counts = reader.counts() else {
                        return nil
                    }
                    parts.append(.group(inner, counts))
                } else {
                    guard let set = reader.set(), let counts = reader.counts() else { return nil }
                    parts.append(.set(set, counts))
                }
            }
            result.append(parts)
        } while reader.take("|")
        return result
    }

    // MARK: - Asking

    private struct Search {
        let anchors: [[UInt8]]
        private var steps = 0

        init(anchors: [[UInt8]]) { self.anchors = anchors }

        /// Bytes before the first place at which every match of `parts` has an anchor; each branch may have its own.
        mutating func before(_ parts: [Part]) -> ClosedRange<Int>? {
            var (least, most) = (0, 0)
            for (index, part) in parts.enumerated() {
                if isAnchor(parts[index...], []) { return least...most }
                switch part {
                case .group(let branches, 1...1):
                    var hull: ClosedRange<Int>?
                    for branch in branches {
                        guard let range = before(Array(parts[..<index] + branch + parts[(index + 1)...])) else {
                            return nil
                        }
                        hull =
                            min(
                                hull?.lowerBound ?? .max, range.lowerBound)...max(
                                hull?.upperBound ?? 0, range.upperBound)
                    }
                    return hull
                default:
                    let length = AnchorReach.length(part)
                    least += length.lowerBound
                    most += length.upperBound
                }
            }
            return nil
        }

        /// Whether everything that begins with `prefix` and goes on with `parts` begins with an anchor.
        private mutating func isAnchor(_ parts: ArraySlice<Part>, _ prefix: [UInt8]) -> Bool {
            steps += 1
            if anchors.contains(where: { prefix.starts(with: $0) }) { return true }
            guard steps < AnchorReach.maximumSteps, let part = parts.first,
                anchors.contains(where: { $0.starts(with: prefix) })
            else { return false }
            let rest = parts.dropFirst()
            switch part {
            case .set(let set, let counts):
                if counts.lowerBound == 0, !isAnchor(rest, prefix) { return false }
                let more = AnchorReach.fewer(counts).map { [Part.set(set, $0)] } ?? []
                return set.allSatisfy { isAnchor((more + rest)[...], prefix + [$0]) }
            case .group(let branches, let counts):
                if counts.lowerBound == 0, !isAnchor(rest, prefix) { return false }
                let more = AnchorReach.fewer(counts).map { [Part.group(branches, $0)] } ?? []
                for branch in branches where !isAnchor((branch + more + rest)[...], prefix) { return false }
            }
            return true
        }
    }

    /// What is left to come after one time; nil if nothing is.
    private static func fewer(_ counts: ClosedRange<Int>) -> ClosedRange<Int>? {
        counts.upperBound > 1 ? max(0, counts.lowerBound - 1)...(counts.upperBound - 1) : nil
    }

    private static func length(_ part: Part) -> ClosedRange<Int> {
        switch part {
        case .set(_, let counts): return counts
        case .group(let branches, let counts):
            let lengths = branches.map { branch in
                branch.map(length).reduce(0...0) { ($0.lowerBound + $1.lowerBound)...($0.upperBound + $1.upperBound) }
            }
            let (least, most) = (lengths.map(\.lowerBound).min() ?? 0, lengths.map(\.upperBound).max() ?? 0)
            return (least * counts.lowerBound)...(most * counts.upperBound)
        }
    }

    /// What `parts` may begin with, and whether they may be empty.
    private static func first(_ parts: [Part]) -> (set: ByteSet, mayBeEmpty: Bool) {
        var result = ByteSet()
        for part in parts {
            var mayBeEmpty: Bool
            switch part {
            case .set(let set, let counts):
                result.formUnion(set)
                mayBeEmpty = counts.lowerBound == 0
            case .group(let branches, let counts):
                mayBeEmpty = counts.lowerBound == 0
                for branch in branches {
                    let inner = first(branch)
                    result.formUnion(inner.set)
                    if inner.mayBeEmpty { mayBeEmpty = true }
                }
            }
            if !mayBeEmpty { return (result, false) }
        }
        return (result, true)
    }
}
