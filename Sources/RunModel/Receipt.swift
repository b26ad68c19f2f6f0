package import JSONText
internal import TextEncodings

/// The control plane's word that it has a run's events up to a number: signed, for people to hold against it
/// (docs/formats/receipt.md).
package struct Receipt: Sendable, Equatable {
    /// The run's id.
    package let run: String
    /// The number of the last event that is stored.
    package let sequence: Int
    /// That event's hash.
    package let head: ChainHash
    /// The rules digest that the runner gave for the run, if it gave one.
    package let rules: ChainHash?
    /// The id of the signing key: the first 16 hexadecimal digits of the SHA-256 of the public key.
    package let key: String
    /// Ed25519 (RFC 8032), 64 bytes.
    package var signature: [UInt8]

    package static let version = 1
    package static let signatureSize = 64

    package init(
        run: String, sequence: Int, head: ChainHash, rules: ChainHash?, key: String, signature: [UInt8]
    ) {
        self.run = run
        self.sequence = sequence
        self.head = head
        self.rules = rules
        self.key = key
        self.signature = signature
    }

    /// What is signed: lines of text, so that it has one form only (docs/formats/receipt.md, "What is signed").
    package var signedBytes: [UInt8] {
        Array(
            "pipemason receipt \(Self.version)\nrun \(run)\nseq \(sequence)\nhead \(head)\nrules \(rules?.description ?? "-")\nkey \(key)\n"
                .utf8)
    }

    /// The receipt as JSON without white space.
    package var json: String {
        JSON.object([
            ("v", String(Self.version)), ("run", JSON.string(run)), ("seq", String(sequence)),
            ("head", JSON.string(head.description)), ("rules", JSON.string(rules.map { "sha256:\($0)" } ?? "-")),
            ("key", JSON.string(key)), ("sig", JSON.string(Hex.encode(signature.span))),
        ])
    }

    /// Reads a receipt as JSON.
    package init(parsing bytes: Span<UInt8>) throws(EventLineError) {
        var reader = JSONReader<EventLineError>()
        let value = try reader.value(bytes)
        try reader.expectEnd(bytes)
        try self.init(value)
    }

    /// Reads a receipt. Its signature is not looked at: that takes the public key.
    ///
    /// - Throws: `.badField`, `.unknownVersion` or `.malformed`, with the place.
    package init(_ value: JSONValue) throws(EventLineError) {
        guard case .object(let members) = value else { throw EventLineError(.malformed, "receipt") }
        let expected = ["v", "run", "seq", "head", "rules", "key", "sig"]
        for name in expected where !members.contains(where: { $0.name == name }) {
            throw EventLineError(.badField, name)
        }
        guard members.count == expected.count else { throw EventLineError(.badField, "receipt") }
        func text(_ name: String) throws(EventLineError) -> String {
            guard case .string(let text)? = members.first(where: { $0.name == name })?.value else {
                throw EventLineError(.badField, name)
            }
            return text
        }
        func number(_ name: String) throws(EventLineError) -> Int {
            guard case .number(let digits)? = members.first(where: { $0.name == name })?.value, let number = Int(digits)
            else { throw EventLineError(.badField, name) }
            return number
        }
        guard try number("v") == Self.version else { throw EventLineError(.unknownVersion, "v") }
        guard let run = RunID(try text("run")) else { throw EventLineError(.badField, "run") }
        let sequence = try number("seq")
        guard sequence > 0 else { throw EventLineError(.badField, "seq") }
        guard let head = ChainHash(try text("head")) else { throw EventLineError(.badField, "head") }
        let rules = try text("rules")
        var digest: ChainHash?
        if rules != "-" {
            guard rules.hasPrefix("sha256:"), let hash = ChainHash(String(rules.dropFirst(7))) else {
                throw EventLineError(.badField, "rules")
            }
            digest = hash
        }
        let key = try text("key")
        guard key.utf8.count == 16, Hex.decode(key) != nil else { throw EventLineError(.badField, "key") }
        guard let signature = Hex.decode(try text("sig")), signature.count == Self.signatureSize else {
            throw EventLineError(.badField, "sig")
        }
        self.init(
            run: run.description, sequence: sequence, head: head, rules: digest, key: key, signature: signature)
    }
}
