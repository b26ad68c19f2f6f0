/// Text of other people, to be printed: file names, ids and messages may hold what a terminal obeys.
public enum Printable {
    /// Returns `text` with controls and marks of direction spelled as `\u{…}`, and `…` for what follows after `limit`
    /// characters (Unicode scalars).
    ///
    /// What is a sequence in output of a terminal is dropped instead of spelled: `TerminalFilter`.
    public static func text(_ text: String, limit: Int = .max) -> String {
        guard text.utf8.count > limit || text.unicodeScalars.contains(where: isObeyed) else { return text }
        var result = ""
        var count = 0
        for scalar in text.unicodeScalars {
            if count == limit {
                result += "…"
                break
            }
            count += 1
            if isObeyed(scalar) {
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// C0, DEL, C1, and what turns the direction of text.
    private static func isObeyed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}
