package import ServerStore
internal import Testing

/// One promise of a store. The suite of each store runs all of them, each on a store of its own.
package struct ContractCase: Sendable, CustomTestStringConvertible {
    package let name: String
    package let run: @Sendable (any ControlPlaneStore) async throws -> Void

    package var testDescription: String { name }

    package static let all: [ContractCase] =
        organizationCases + runnerTokenCases + runCases + eventCases + artifactCases + bodyCases + entranceCases
        + pairingCases
        + passkeyCases + keyCases + githubCases + tenancyCases + maintenanceCases

    init(_ name: String, _ run: @Sendable @escaping (any ControlPlaneStore) async throws -> Void) {
        self.name = name
        self.run = run
    }
}
