internal import JSONText
internal import OpenSSLEngine
package import RunModel
internal import TextEncodings

/// The public key that a server signs receipts with.
package struct ReceiptKey: Sendable, Equatable {
    package var id: String
    /// 32 bytes, Ed25519.
    package var bytes: [UInt8]

    package init?(id: String, hex: String) {
        guard let bytes = Hex.decode(hex), bytes.count == Ed25519.keySize else { return nil }
        self.id = id
        self.bytes = bytes
    }

    /// Reads `{"id":…,"alg":"Ed25519","public":hex}`.
    init(_ value: JSONValue) throws(EgressError) {
        let members = try ControlPlane.Members(value)
        guard let id = members.text("id"), members.text("alg") == "Ed25519", let hex = members.text("public"),
            let key = ReceiptKey(id: id, hex: hex)
        else { throw EgressError("a receipt key that is none") }
        self = key
    }

    /// The id, a space, 64 hexadecimal digits: as a credentials file has it.
    package var text: String { id + " " + Hex.encode(bytes.span) }

    /// Reads `text`; nil for anything else.
    package init?(text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count == 2 else { return nil }
        self.init(id: words[0], hex: words[1])
    }
}

extension Receipt {
    /// The file's name in the directory of a run: one receipt a line, as it came.
    package static let fileName = "receipts.jsonl"
    /// The longest line in bytes.
    package static let maximumLine = 4096

    /// Whether the server signed it with `key`, and it speaks of a line of `run` that has the hash `head` there.
    package func isValid(by key: ReceiptKey, run: RunID, head: (Int) -> ChainHash?) -> Bool {
        guard key.id == self.key, run.description == self.run, head(sequence) == self.head else { return false }
        let message = signedBytes
        return (try? Ed25519.verify(signature.span, of: message.span, by: key.bytes.span)) ?? false
    }
}
