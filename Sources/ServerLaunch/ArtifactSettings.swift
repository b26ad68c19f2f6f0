internal import BodyStores
internal import Foundation
package import ServerStore

extension ServerConfiguration {
    /// Where the bodies of artifacts are kept; nil: in the database.
    /// - Throws: `ConfigurationError` with the setting that does not fit, and what a directory or a file of credentials is refused for; never
    ///   a secret.
    package func bodies(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> (any BodyStore)? {
        guard let text = text(.artifacts) else { return nil }
        guard let location = try s3() else { return try DirectoryBodies(text) }
        let credentials = try self.text(.artifactsCredentialsFile).map { try S3CredentialSource(file: $0) }
        return S3Bodies(
            location, try credentials ?? S3CredentialSource(environment: environment),
            authorities: self.text(.artifactsCAFile))
    }

    /// The S3-compatible store of `artifacts`; nil when it names a directory, or nothing.
    func s3() throws(ConfigurationError) -> S3Location? {
        guard let uri = text(.artifacts), uri.hasPrefix("s3://") else { return nil }
        let region = text(.artifactsRegion) ?? S3Location.defaultRegion
        let addressing = text(.artifactsAddressing).flatMap { S3Location.Addressing(rawValue: $0) }
        let endpoint = text(.artifactsEndpoint)
        if let location = S3Location(uri, endpoint: endpoint, region: region, addressing: addressing) {
            return location
        }
        guard S3Location("s3://bucket", endpoint: nil, region: region) != nil else {
            throw fail(.artifactsRegion, "it must be a region's name, such as eu-central-1")
        }
        guard S3Location("s3://bucket", endpoint: endpoint, region: region) != nil else {
            throw fail(.artifactsEndpoint, "it must be https:// or http://, a host, perhaps a port, and nothing else")
        }
        throw fail(
            .artifacts, "it must be a directory, or s3://bucket, perhaps with a prefix of letters, digits and -_./")
    }

    /// What can be seen to be wrong without reading files.
    func checkArtifacts() throws(ConfigurationError) {
        if let addressing = text(.artifactsAddressing), S3Location.Addressing(rawValue: addressing) == nil {
            throw fail(.artifactsAddressing, "it must be path or virtual-host")
        }
        if try s3() != nil { return }
        for setting in [
            Setting.artifactsEndpoint, .artifactsRegion, .artifactsAddressing, .artifactsCredentialsFile,
            .artifactsCAFile,
        ] where text(setting) != nil {
            throw fail(setting, "artifacts must be s3://… for it")
        }
        if let path = text(.artifacts), !path.hasPrefix("/") {
            throw fail(.artifacts, "a directory must be an absolute path")
        }
    }
}

/// Whose the bodies in a place are: the first organization's id tells installations apart.
///
/// A share that is not mounted, or another bucket, would look like a place without the bodies that rows refer to.
package struct BodyOwner {
    private let store: any ControlPlaneStore

    package init(_ store: any ControlPlaneStore) { self.store = store }

    /// Says that the place belongs to this installation, if nobody did; the store must be this server's alone meanwhile.
    /// - Throws: `.refused` when it is another's, or when it is new and there are bodies somewhere already.
    package func claim(_ bodies: (any BodyStore)?) async throws {
        let organizations = try await store.organizations()
        guard let bodies, let first = organizations.first else { return }
        if try await isChecked(bodies, first) { return }
        for organization in organizations where try await store.hasBodiesElsewhere(.server(organization.id)) {
            throw StoreError(
                .refused,
                "\(bodies.place): this is not where the artifacts are; is it mounted, or the bucket another one?")
        }
        try await bodies.claim(first.id.description)
    }

    /// Looks whether the place is this installation's.
    /// - Throws: `.refused` when it is not.
    package func check(_ bodies: (any BodyStore)?) async throws {
        guard let bodies, let first = try await store.organizations().first else { return }
        guard try await isChecked(bodies, first) else {
            throw StoreError(.refused, "\(bodies.place): no server has kept artifacts there yet")
        }
    }

    /// False when nobody owns the place.
    private func isChecked(_ bodies: any BodyStore, _ first: Organization) async throws -> Bool {
        guard let owner = try await bodies.owner() else { return false }
        guard owner == first.id.description else {
            throw StoreError(.refused, "\(bodies.place): the artifacts there are another installation's")
        }
        return true
    }
}
