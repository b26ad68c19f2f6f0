internal import ServerStore
internal import ServiceLifecycle

/// Follows what other servers of the same database do: hears their notices, and looks by itself now and then at the runs that somebody
/// here waits for, all of them in one question. Does nothing when this process is the only one.
package struct Follower: Service {
    private let store: any ControlPlaneStore
    private let hub: Hub

    package init(_ plane: ControlPlane) {
        store = plane.store
        hub = plane.hub
    }

    package func run() async throws {
        guard let interval = store.pollInterval else {
            // A service that ends takes the others with it.
            try? await gracefulShutdown()
            return
        }
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await store.listen { hub.take($0) } }
                group.addTask { await poll(every: interval) }
                await group.waitForAll()
            }
        }
    }

    private func poll(every interval: Duration) async {
        // A request to cancel is told once a run.
        var told: Set<RunReference> = []
        while !Task.isCancelled {
            try? await Task.sleep(for: interval)
            let awaited = hub.keys.map(\.reference)
            told.formIntersection(awaited)
            guard !awaited.isEmpty, let found = try? await store.standings(of: awaited) else { continue }
            for standing in found {
                hub.discover(Hub.Key(standing.run), standing.last)
                if standing.isCancelRequested, told.insert(standing.run).inserted { hub.signal(Hub.Key(standing.run)) }
            }
            // Gone: those who wait for it find out.
            for run in Set(awaited).subtracting(found.map(\.run)) where told.insert(run).inserted {
                hub.signal(Hub.Key(run))
            }
        }
    }
}
