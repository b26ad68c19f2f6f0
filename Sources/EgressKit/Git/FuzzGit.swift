/// Fuzz entry point: what git and the broker say, on any bytes.
///
/// Nothing may trap. What is accepted is read the same again when it is written; the environment comes back as it was.
package func fuzzGit(_ span: Span<UInt8>) {
    let bytes = span.withUnsafeBufferPointer { Array($0) }
    let text = String(decoding: bytes, as: UTF8.self)
    if let credential = GitCredential(parsing: bytes) {
        guard let again = GitCredential(parsing: credential.text), again == credential else {
            fatalError("a credential changes when it is written")
        }
        precondition(!credential.attributes.contains { $0.value.contains("\n") }, "a value of two lines")
    }
    if let remote = GitRemote(text, allowsShort: true) {
        let address = "\(remote.base)/\(remote.name)"
        precondition(GitRemote(address) == remote, "a remote changes when it is written")
        precondition(remote.isAsked(base: remote.base, name: remote.name), "a remote is not itself")
    }
    _ = GitRemote.list(bytes)
    let environment = bytes.split(separator: 0).map { Array($0) }
    let wired = GitWiring.wire(
        environment, bases: ["https://github.com"], program: "/p", socket: "/s", isStrict: false)
    _ = GitWiring.unwire(wired)
    _ = GitWiring.unwire(environment)
    var buffer = bytes
    while let message = try? BrokerMessage.take(from: &buffer) {
        var written = message.encoded
        guard let again = try? BrokerMessage.take(from: &written) else { fatalError("a message is not read again") }
        // Text that was no UTF-8 is not written as it was; values are.
        if case .value = message, again != message { fatalError("a value changes when it is written") }
    }
    _ = try? ControlPlane.minted(bytes)
}
