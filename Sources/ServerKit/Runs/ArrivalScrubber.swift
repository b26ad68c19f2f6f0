internal import RedactionKit

/// The second line of defence: looks for secrets in whatever arrives, and refuses it.
///
/// Nothing is rewritten. That would break the runner's hash chain, and would let a runner that does not scrub go on.
struct ArrivalScrubber: Sendable {
    private let redactor: Redactor

    init() throws(RedactionError) { redactor = try Redactor() }

    /// The rule of the first secret in `bytes`; nil when there is none.
    func rule(in bytes: [UInt8]) -> String? { finding(in: bytes)?.rule }

    /// The first secret in `bytes`: its rule, and where it begins.
    func finding(in bytes: [UInt8]) -> (rule: String, offset: Int)? {
        redactor.findings(in: bytes).first.map { ($0.ruleID, Int($0.offset)) }
    }

    /// - Throws: `unscrubbed-content`, with the field's name, when `text` holds a secret.
    func require(_ text: String?, field: String) throws(Problem) {
        guard let text, let rule = rule(in: Array(text.utf8)) else { return }
        throw .unscrubbed(rule: rule, field: field)
    }
}
