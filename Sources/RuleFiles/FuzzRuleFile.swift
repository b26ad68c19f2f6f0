internal import RedactionRules

/// Fuzz entry point: parses any bytes as a rule file. Must not trap, whatever they are.
///
/// Opens no files: `extend.path` finds nothing.
package func fuzzRuleFile(_ bytes: UnsafeRawBufferPointer) {
    let text = String(decoding: bytes, as: UTF8.self)
    var limits = RuleFile.Limits()
    limits.bytes = 1 << 20
    do throws(RuleFileError) {
        let file = try RuleFile.parse(
            text, name: "fuzz.toml", limits: limits, builtin: { RuleSet() },
            read: { (path, _) throws(RuleFileError) in
                throw RuleFileError(.unreadable, file: path, "not opened")
            })
        // What was accepted survives the blob.
        let copy = file.ruleSet.blob().withUnsafeBytes { try? RuleSet(blob: $0) }
        precondition(copy == file.ruleSet, "a blob gives back the set it was made of")
    } catch {
        precondition(!error.problems.isEmpty && !error.description.isEmpty, "every error says why")
    }
}
