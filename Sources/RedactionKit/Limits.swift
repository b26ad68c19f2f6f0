/// Every bound of the engine. Memory and work per byte depend on these alone, never on the input.
///
/// Reaching a limit never lets bytes through that might be secret: what is undecided then is redacted, or has been
/// decided on what is known.
public struct Limits: Sendable, Equatable {
    /// Bytes before an undecided byte that stay readable as context.
    public var context = 1024

    /// Longest token run that is looked at in one piece; longer ones are cut into pieces that overlap by `overlap`.
    public var run = 32 * 1024

    /// Longest token that is certain to be found across two pieces of a run.
    public var overlap = 8 * 1024

    /// Longest value of an assignment, a header or a connection string.
    public var value = 4096

    /// Longest line inside a private key block.
    public var keyLine = 16 * 1024

    /// Longest text between `://` and the end of a URL's authority.
    public var authority = 1024

    /// Bytes of a secret that its keyed tag is made from; with tags, a secret is held back until so much of it is known.
    public var tagged = 16 * 1024

    /// Bytes that a user's pattern may look at after its keyword.
    public var pattern = 8 * 1024

    /// Encodings inside encodings that are undone.
    public var nesting = 2

    /// Backtracking steps of one search of a pattern.
    public var matchLimit: UInt32 = 1_000_000

    public init() {}
}
