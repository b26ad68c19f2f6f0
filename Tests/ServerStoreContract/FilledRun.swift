public import ServerStore

/// A run with events, for tests of what happens to a database outside of a store.
public struct FilledRun {
    private let scope: Scope
    private let run: RunID

    /// Makes an organization with a run of 30 events in batches of 1 to 8.
    public static func make(in store: any ControlPlaneStore) async throws -> FilledRun {
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        var first: Int64 = 1
        for count in [1, 8, 3, 8, 2, 8] as [Int64] {
            _ = try await world.append(first...first + count - 1, to: run.id)
            first += count
        }
        return FilledRun(scope: world.ownerScope, run: run.id)
    }

    /// All of its events.
    public func events(in store: any ControlPlaneStore) async throws -> [StoredEvent] {
        try await store.events(scope, of: run, after: 0, limit: 100, bytes: 1 << 20)
    }
}
