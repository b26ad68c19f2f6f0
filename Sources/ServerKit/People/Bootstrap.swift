package import ServerStore

extension ControlPlane {
    /// Makes an organization with its owner, its keys and the key of its receipts.
    package func createOrganization(name: String, ownerEmail text: String) async throws -> Scope {
        guard let email = MailAddress.normalize(text) else {
            throw Problem.badField("email", "It is not a mail address.")
        }
        let now = now()
        let organization = Organization(id: .new(at: now), name: name, created: now)
        let owner = User(id: .new(at: now), email: email, name: String(email.prefix { $0 != "@" }), created: now)
        let scope = try await store.createOrganization(organization, owner: owner, now: now)
        try await cabinet.create(scope, now: now)
        return scope
    }
}

extension ControlPlane {
    /// - Throws: when the key that signs the organization's receipts does not open.
    package func opensReceiptKey(_ scope: Scope) async throws { _ = try await cabinet.signer(scope, now: now()) }
}
