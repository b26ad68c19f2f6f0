internal import RunModel
package import SealingKit
package import ServerKit
internal import ServerStore

/// Opens everything and checks every chain, without showing any of it.
package struct Verification: Sendable {
    /// What was looked at.
    package struct Report: Sendable, Equatable {
        package var organizations = 0
        package var keys = 0
        package var runs = 0
        package var events = 0
        package var artifacts = 0
        /// What is wrong: ids and places.
        package var problems: [String] = []
    }

    private let plane: ControlPlane
    private let keks: KeyFile

    package init(plane: ControlPlane, keks: KeyFile) {
        self.plane = plane
        self.keks = keks
    }

    package func run() async throws -> Report {
        var report = Report()
        report.problems += try await plane.store.selfCheck()
        for organization in try await plane.store.organizations() {
            report.organizations += 1
            try await check(organization, &report)
        }
        return report
    }

    private func check(_ organization: Organization, _ report: inout Report) async throws {
        let scope = Scope.server(organization.id)
        await note("keys of organization \(organization.id)", &report) {
            let ring = KeyRing(store: AnyKeyRingStore(base: plane.store.keys), keks: keks)
            _ = try await ring.open(organization.id.description)
            return try await plane.store.keys.keys(of: organization.id.description).count
        }.map { report.keys += $0 }
        await note("receipt key of organization \(organization.id)", &report) {
            try await plane.opensReceiptKey(scope)
        }
        var last: ServerStore.RunID?
        while true {
            let runs = try await plane.store.runs(scope, RunFilter(), before: last, limit: 200)
            guard let final = runs.last else { return }
            for run in runs { try await check(run, scope, &report) }
            last = final.id
        }
    }

    private func check(_ run: ServerStore.Run, _ scope: Scope, _ report: inout Report) async throws {
        report.runs += 1
        var verifier = ChainVerifier(run: RunModel.RunID(run.id.description))
        var cursor: Int64 = 0
        while true {
            let events = try await plane.store.events(scope, of: run.id, after: cursor, limit: 1000, bytes: 4 << 20)
            guard let final = events.last else { break }
            for event in events {
                do throws(EventLineError) { _ = try verifier.add(event.line.span) } catch {
                    report.problems.append("run \(run.id), event \(event.sequence): \(error)")
                    return
                }
            }
            report.events += events.count
            cursor = final.sequence
        }
        if Int64(verifier.nextSequence) != run.chain.next || verifier.head.bytes != run.chain.hash {
            report.problems.append("run \(run.id): its events do not end where it says")
        }
        for artifact in try await plane.store.artifacts(scope, of: run.id) {
            report.artifacts += 1
            await note("artifact of run \(run.id)", &report) {
                _ = try await plane.openArtifact(scope, run: run.id, artifact.digest)
            }
        }
    }

    /// Does `work`; what fails is a line of the report.
    @discardableResult private func note<Value>(
        _ place: String, _ report: inout Report, _ work: () async throws -> Value
    ) async -> Value? {
        do { return try await work() } catch {
            report.problems.append("\(place): \(error)")
            return nil
        }
    }
}
