package import RedactionKit

/// Collects the values of variables that look secret, to be masked wherever they appear.
///
/// A value counts by the variable's name (`SecretName`), or because a rule finds something in `NAME=value`; then what
/// the rule found is masked, such as the password in a URL. Of a `.env` file, which is where secrets are kept, values that
/// look random count as well.
package struct SecretVariables {
    /// Without duplicates, in the order in which they were added.
    package private(set) var values: [KnownValue] = []
    /// Secrets that cannot be masked, by their variable's name; never a value.
    package private(set) var warnings: [String] = []

    /// Where a variable comes from.
    package enum Origin: Sendable {
        case environment
        /// A `.env` file.
        case file
    }

    private let redactor: Redactor
    private var known: Set<[UInt8]> = []

    /// `redactor` says what its rules take for a secret.
    package init(_ redactor: Redactor) { self.redactor = redactor }

    /// Adds what is secret of one variable.
    ///
    /// Complexity: linear in the value.
    package mutating func add(name: String, value: [UInt8], from origin: Origin) {
        guard !value.isEmpty, !SecretName.isHarmless(value) else { return }
        let kind = SecretName.kind(of: name)
        let byName = kind == .secret || kind == .likely && !SecretName.isPlain(value)
        if byName || origin == .file && kind != .harmless && SecretName.looksRandom(value) {
            add(name, value, warns: kind == .secret)
            return
        }
        // `PWD=` announces a password to the rules, but is a directory.
        let prefix = kind == .harmless ? [] : Array("\(name)=".utf8)
        for finding in redactor.findings(in: prefix + value) where finding.category.rawValue != "email" {
            let start = Int(clamping: finding.offset) - prefix.count
            let end = start + Int(clamping: finding.length)
            guard end > 0, start < value.count else { continue }
            add(name, Array(value[max(0, start)..<min(end, value.count)]), warns: false)
        }
    }

    private mutating func add(_ name: String, _ value: [UInt8], warns: Bool) {
        guard known.insert(value).inserted else { return }
        do {
            values.append(try KnownValue(name: name, value: value))
        } catch {
            if warns { warnings.append(error.description) }
        }
    }
}
