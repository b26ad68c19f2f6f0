/// Sends mail, or does not.
package protocol Mailer: Sendable {
    /// - Throws: when the mail was not taken over by whoever delivers it.
    func send(_ mail: Mail) async throws
}

/// A mail of plain text.
package struct Mail: Sendable {
    package let to: String
    package let subject: String
    package let text: String

    package init(to: String, subject: String, text: String) {
        self.to = to
        self.subject = subject
        self.text = text
    }
}

/// An address that can stand in a mail's header and on a program's command line: nothing in it that either would read as more than
/// an address.
package enum MailAddress {
    package static let maximumLength = 254

    /// The address in lower case; nil when it is none. Stricter than RFC 5321: no quoted parts, no comments, no literals.
    package static func normalize(_ text: String) -> String? {
        let address = text.lowercased()
        let bytes = Array(address.utf8)
        guard bytes.count <= maximumLength, let at = bytes.firstIndex(of: UInt8(ascii: "@")) else { return nil }
        let (local, domain) = (bytes[..<at], bytes[(at + 1)...])
        guard !local.isEmpty, local.count <= 64, local.allSatisfy(isLocal), local.first != UInt8(ascii: "-") else {
            return nil
        }
        let labels = domain.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.count >= 2 || domain.elementsEqual("localhost".utf8),
            labels.allSatisfy({ label in
                !label.isEmpty && label.count <= 63 && label.allSatisfy(isDomain) && label.first != UInt8(ascii: "-")
            })
        else { return nil }
        return address
    }

    private static func isDomain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
        default: false
        }
    }

    private static func isLocal(_ byte: UInt8) -> Bool {
        isDomain(byte) || [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "+")].contains(byte)
    }
}
