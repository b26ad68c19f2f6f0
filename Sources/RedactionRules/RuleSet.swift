internal import CBuiltinRules
internal import TextEncodings

/// Rules and providers that are used together.
public struct RuleSet: Sendable, Equatable {
    public var rules: [Rule]
    public var providers: [Provider]
    /// Allowlists that hold for every rule.
    public var allowlists: [Allowlist]

    public init(rules: [Rule] = [], providers: [Provider] = [], allowlists: [Allowlist] = []) {
        self.rules = rules
        self.providers = providers
        self.allowlists = allowlists
    }

    /// The rules of `Rules/`, all packs included; see `selecting(_:)` for what is on by default.
    ///
    /// Decoded once, when first asked for.
    public static let builtin: RuleSet = {
        // The blob is constant data of this executable: it outlives the call.
        let blob = UnsafeRawBufferPointer(start: pm_builtin_rules(), count: pm_builtin_rules_size())
        do {
            return try RuleSet(blob: blob)
        } catch {
            // A build that carries a broken blob must not filter anything: a test keeps it from being released.
            fatalError("the built-in rules are damaged: \(error)")
        }
    }()

    /// Returns the rule with this id, or nil. Complexity: linear.
    public func rule(id: String) -> Rule? {
        rules.first { $0.id == id }
    }

    /// Returns the provider with this id, or nil. Complexity: linear.
    public func provider(id: String) -> Provider? {
        providers.first { $0.id == id }
    }

    /// The names of the packs that rules belong to, in alphabetical order.
    public var packs: [String] {
        Set(rules.compactMap(\.pack)).sorted()
    }
}

/// Which rules of a set are used.
///
/// Names are ids of rules, ids of providers, or categories, as `--only` and `--except` take them.
public struct RuleSelection: Sendable, Equatable {
    /// If not empty, nothing else is used. A rule named by its id is used even if its pack was not asked for.
    public var only: [String]
    /// Not used, even if named in `only`.
    public var except: [String]
    /// Packs to switch on.
    public var packs: [String]

    public init(only: [String] = [], except: [String] = [], packs: [String] = []) {
        self.only = only
        self.except = except
        self.packs = packs
    }
}

extension RuleSet {
    /// Returns the part of the set that `selection` asks for; with the default selection, all but the packs.
    ///
    /// Allowlists stay. A provider named in `only` keeps the provider rules and narrows them to that provider.
    /// - Throws: `RuleSelectionError` for a name that is no rule, provider, category or pack of this set.
    public func selecting(_ selection: RuleSelection) throws(RuleSelectionError) -> RuleSet {
        let names = selection.only + selection.except
        // Without names, which is how nearly every filter starts, the sets of a thousand strings are not made.
        let providerIDs = names.isEmpty ? [] : Set(providers.map(\.id))
        if !names.isEmpty {
            let known = providerIDs.union(rules.map(\.id)).union(Rule.Category.allCases.map(\.rawValue))
            for name in names where !known.contains(name) {
                throw RuleSelectionError(kind: .rule, name: name, suggestion: nearest(to: name, among: known))
            }
        }
        if !selection.packs.isEmpty {
            let known = Set(packs)
            for name in selection.packs where !known.contains(name) {
                throw RuleSelectionError(kind: .pack, name: name, suggestion: nearest(to: name, among: known))
            }
        }

        let only = Set(selection.only)
        let except = Set(selection.except)
        let onlyProviders = !only.isDisjoint(with: providerIDs)
        var result = self
        var allProviders = only.isEmpty
        result.rules = rules.filter { rule in
            if except.contains(rule.id) || except.contains(rule.category.rawValue) { return false }
            if only.contains(rule.id) {
                if rule.detector == .provider { allProviders = true }
                return true
            }
            if let pack = rule.pack, !selection.packs.contains(pack) { return false }
            if only.isEmpty { return true }
            if only.contains(rule.category.rawValue) {
                if rule.detector == .provider { allProviders = true }
                return true
            }
            return onlyProviders && rule.detector == .provider
        }
        result.providers = providers.filter { provider in
            (allProviders || only.contains(provider.id)) && !except.contains(provider.id)
        }
        return result
    }
}

/// A selection names something that is not in the set.
public struct RuleSelectionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was looked for.
    public enum Kind: String, Sendable {
        case rule, pack
    }

    public let kind: Kind
    public let name: String
    /// The most similar name that exists, if one is similar.
    public let suggestion: String?

    public var description: String {
        let looked = kind == .rule ? "no rule, provider or category" : "no pack"
        let hint = suggestion.map { "; did you mean \"\($0)\"?" } ?? ""
        return "\(looked) is called \"\(printable(name))\"\(hint)"
    }
}

/// Returns the name that differs from `name` in the fewest letters, if they are few: a third of its length.
///
/// Ties go to the first in alphabetical order. Names longer than 64 bytes have no neighbours.
package func nearest(to name: String, among names: some Sequence<String>) -> String? {
    let wanted = Array(name.utf8)
    guard wanted.count <= 64 else { return nil }
    var best: (distance: Int, name: String)?
    for candidate in names {
        let other = Array(candidate.utf8)
        let limit = max(1, min(wanted.count, other.count) / 3)
        guard other.count <= 64, abs(other.count - wanted.count) <= limit else { continue }
        let distance = editDistance(wanted, other)
        guard distance <= limit else { continue }
        if let best, (best.distance, best.name) <= (distance, candidate) { continue }
        best = (distance, candidate)
    }
    return best?.name
}

/// Levenshtein distance, without ASCII case.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    func folded(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }
    var row = Array(0...b.count)
    for i in a.indices {
        var diagonal = row[0]
        row[0] = i + 1
        for j in b.indices {
            let substitution = diagonal + (folded(a[i]) == folded(b[j]) ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substitution, row[j] + 1, row[j + 1] + 1)
        }
    }
    return row[b.count]
}

/// `text` for a message, safe to print on a terminal: cut after 120 characters.
package func printable(_ text: String) -> String { Printable.text(text, limit: 120) }
