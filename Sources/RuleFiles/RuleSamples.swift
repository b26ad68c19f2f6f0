/// The samples of one rule, for `pipemason rules test`.
public struct RuleSamples: Sendable, Equatable {
    /// Id of the rule.
    public let id: String
    /// Texts in which the rule finds a secret.
    public var matches: [RuleSample]
    /// Texts in which it finds none, though they are similar.
    public var nearMisses: [String]
}

/// A text in which a secret is found.
public struct RuleSample: Sendable, Equatable {
    /// Without the markers.
    public let text: String
    /// The marked secrets, in bytes of the UTF-8 of `text`, in order; empty if none is marked.
    public let secrets: [Range<Int>]

    /// Takes the markers out of a stored sample: `<cut>` (so that files of samples hold no whole secret), and
    /// `<span>` and `</span>` around what is to be found. Returns nil if the latter are not in pairs.
    public init?(stored: String) {
        let bytes = Array(stored.utf8)
        var text: [UInt8] = []
        var secrets: [Range<Int>] = []
        var open: Int?
        var index = 0
        func holds(_ marker: StaticString) -> Bool {
            // A static string's bytes live as long as the process.
            let wanted = UnsafeBufferPointer(start: marker.utf8Start, count: marker.utf8CodeUnitCount)
            return bytes[index...].starts(with: wanted)
        }
        while index < bytes.count {
            if bytes[index] == 0x3C {
                if holds("<cut>") {
                    index += "<cut>".utf8.count
                    continue
                }
                if holds("<span>") {
                    guard open == nil else { return nil }
                    open = text.count
                    index += "<span>".utf8.count
                    continue
                }
                if holds("</span>") {
                    guard let start = open, start < text.count else { return nil }
                    secrets.append(start..<text.count)
                    open = nil
                    index += "</span>".utf8.count
                    continue
                }
            }
            text.append(bytes[index])
            index += 1
        }
        guard open == nil else { return nil }
        self.text = String(decoding: text, as: UTF8.self)
        self.secrets = secrets
    }
}
