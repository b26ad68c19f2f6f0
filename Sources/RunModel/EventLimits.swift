/// The bounds of a log line. Reading refuses what exceeds them, writing never makes it.
package enum EventLimits {
    /// Bytes of a line with its line feed. Output takes at most `outputText(output)` of them, and what stands around it less
    /// than the rest.
    package static let line = 160 << 10
    /// Bytes of output in one event.
    package static let output = 64 << 10
    /// Bytes that so many bytes of output may become as text; beyond, they are written in base64. Twice as many leave a
    /// log with colours readable, and a short piece may consist of escapes alone.
    package static func outputText(_ count: Int) -> Int { 2 * count + 1024 }
    /// Bytes of `data` as JSON, except for output.
    package static let data = 64 << 10
    /// Bytes of a short text: a phase, a branch, a name, a reason, one word of a command line.
    package static let text = 1024
    /// Words of a command line.
    package static let words = 256
    /// Rules in `hits`.
    package static let rules = 64
    /// Bytes of a rule's id in `hits`.
    package static let ruleID = 128
}
