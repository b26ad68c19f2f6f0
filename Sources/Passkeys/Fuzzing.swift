/// Entry point for fuzzers: any bytes, read as each thing that a browser sends. Must not trap by itself; traps when a key that
/// was read does not read the same again, or when a signature that nobody made is accepted.
package func fuzzPasskey(_ bytes: [UInt8]) {
    if let key = try? CredentialKey(encoded: bytes) {
        guard key.encoded == bytes, (try? CredentialKey(encoded: key.encoded)) == key else {
            fatalError("a key reads differently the second time")
        }
    }
    guard let party = RelyingParty(origin: "https://pipemason.example", name: "pipemason") else { return }
    let challenge = (try? RelyingParty.challenge(in: bytes)) ?? []
    let client =
        #"{"type":"webauthn.create","challenge":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","origin":"https://pipemason.example"}"#
    let zeros = [UInt8](repeating: 0, count: RelyingParty.challengeSize)
    if let made = try? party.register(clientData: Array(client.utf8), attestation: bytes, challenge: zeros) {
        let accepted = try? party.authenticate(
            clientData: bytes, authenticatorData: bytes, signature: bytes, challenge: challenge, key: made.key,
            signCount: 0)
        guard accepted == nil else { fatalError("a signature of nobody is accepted") }
    }
}
