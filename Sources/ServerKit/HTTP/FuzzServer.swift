internal import Gzip
internal import HTTPTypes
internal import RunModel
internal import ServerStore

/// Fuzz entry point: everything that reads what a stranger sends, on any bytes.
///
/// Nothing may trap. What is accepted has one form only: reading what was written from it gives the same again.
package func fuzzServer(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    if let form = Form(parsing: bytes) { _ = form["a"] }
    if var document = try? Document(parsing: bytes) {
        _ = try? document.optionalText("a", limit: 10)
        _ = try? document.finish()
    }
    if let id = RunID(text) {
        precondition(id.description == text && RunID(bytes: id.bytes) == id, "an id has two forms")
    }
    if let address = MailAddress.normalize(text) {
        precondition(MailAddress.normalize(address) == address, "an address changes when it is read again")
        precondition(!address.utf8.contains { $0 <= 0x20 || $0 >= 0x7f }, "an address holds what ends a header")
        precondition(address.utf8.first != UInt8(ascii: "-"), "an address is an option")
    }
    if let code = UserCodes.normalize(text) {
        precondition(UserCodes.normalize(UserCodes.display(code)) == code, "a code changes when it is shown")
    }
    if let range = AddressRange(text) { _ = range.contains("192.0.2.1") || range.contains("2001:db8::1") }
    let trusted = [AddressRange("0.0.0.0/0"), AddressRange("::/0")].compactMap { $0 }
    let client = AddressRange.client(peer: "192.0.2.1", forwarded: text, trusted: trusted)
    precondition(client.map { AddressRange($0) != nil } ?? false, "a client's address is none")
    _ = Authenticator.sessionHash([.cookie: text])
    _ = ArtifactFormat.hidesText(png: bytes)
    for type in ArtifactFormat.pictures { _ = ArtifactFormat.agrees(bytes, with: type) }
    if let inflated = try? Gzip.inflate(bytes, limit: 1000) {
        precondition(inflated.count <= 1000, "the limit did not hold")
    }
    if let batch = try? Batch(parsing: bytes, run: RunID.new(at: .now), first: 1, limit: 10) {
        precondition(batch.events.isEmpty, "a line of another run was taken")
    }
    if let receipt = try? Receipt(parsing: bytes.span) {
        let again = try? Receipt(parsing: Array(receipt.json.utf8).span)
        precondition(again == receipt, "a receipt changes when it is written")
    }
}
