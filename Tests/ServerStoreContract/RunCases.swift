internal import ServerStore
internal import Testing

let runCases: [ContractCase] = [
    ContractCase("a run is made once, and found again with the same description") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        #expect(run.chain == genesis)
        #expect(!run.summary.isOver)
        let again = try await store.putRun(
            world.runnerScope, run.id, run.description, chain: genesis, now: World.start + .seconds(5))
        #expect(again == .existing(run))
        var other = run.description
        other.title = "another"
        let changed = try await store.putRun(
            world.runnerScope, run.id, other, chain: genesis, now: World.start + .seconds(5))
        #expect(changed == .conflict)
        #expect(try await store.run(world.ownerScope, run.id) == run)
    },
    ContractCase("a runner sees its own runs only") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        let hash = try newHash(.runner)
        let token = RunnerToken(id: .new(at: World.start), name: "b", created: World.start, createdBy: nil)
        try await store.createRunnerToken(world.ownerScope, token, hash: hash, now: World.start)
        let (other, _) = try #require(try await store.runner(hash, address: nil, now: World.start))
        #expect(try await store.run(other, run.id) == nil)
        #expect(try await store.runs(other, RunFilter(), before: nil, limit: 10).isEmpty)
        #expect(try await store.append(other, to: run.id, events(1...1), now: World.start) == .noRun)
        let put = try await store.putRun(other, run.id, run.description, chain: genesis, now: World.start)
        #expect(put == .conflict)
        #expect(try await store.events(other, of: run.id, after: 0, limit: 10, bytes: 10).isEmpty)
    },
    ContractCase("lists go from the newest to the oldest, page by page") { store in
        let world = try await World.make(in: store, "acme")
        var made: [RunID] = []
        for second in 0..<7 {
            // Two runs share each time, so that pages must not lose any of them.
            made.append(try await world.newRun("\(second)", at: World.start + .seconds(second / 2)).id)
        }
        var seen: [RunID] = []
        while true {
            let page = try await store.runs(world.ownerScope, RunFilter(), before: seen.last, limit: 2)
            guard !page.isEmpty else { break }
            seen += page.map(\.id)
        }
        #expect(seen.count == 7 && Set(seen) == Set(made))
        let times = try await store.runs(world.ownerScope, RunFilter(), before: nil, limit: 10).map(\.created)
        #expect(times == times.sorted(by: >))
        #expect(try await store.runs(world.ownerScope, RunFilter(), before: .new(at: World.start), limit: 10).isEmpty)
    },
    ContractCase("filters hold together") { store in
        let world = try await World.make(in: store, "acme")
        let first = try await world.newRun("Deploy 100%", at: World.start)
        let second = try await world.newRun("Test", at: World.start + .seconds(60))
        let ending = RunEffect.Ending(status: "failed", exitCode: 2, time: World.start + .seconds(9))
        _ = try await store.append(
            world.runnerScope, to: first.id, events(1...1, effect: RunEffect(phase: "build", ending: ending)),
            now: World.start + .seconds(9))
        func found(_ change: (inout RunFilter) -> Void) async throws -> [RunID] {
            var filter = RunFilter()
            change(&filter)
            return try await store.runs(world.ownerScope, filter, before: nil, limit: 10).map(\.id)
        }
        #expect(try await found { $0.status = "failed" } == [first.id])
        #expect(try await found { $0.phase = "build" } == [first.id])
        #expect(try await found { $0.branch = "main" } == [second.id, first.id])
        #expect(try await found { $0.branch = "other" } == [])
        #expect(try await found { $0.runner = world.runner } == [second.id, first.id])
        #expect(try await found { $0.text = "deploy" } == [first.id])
        #expect(try await found { $0.text = "%" } == [first.id])
        #expect(try await found { $0.text = "_" } == [])
        #expect(try await found { $0.createdFrom = World.start + .seconds(1) } == [second.id])
        #expect(try await found { $0.createdBefore = World.start + .seconds(60) } == [first.id])
        #expect(try await found { ($0.text, $0.status) = ("test", "failed") } == [])
    },
    ContractCase("cancelling is asked for once, and not of a run that is over") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        let cancelled = try await store.requestCancel(world.ownerScope, run.id, now: World.start + .seconds(1))
        #expect(cancelled?.cancelRequested == World.start + .seconds(1))
        let again = try await store.requestCancel(world.ownerScope, run.id, now: World.start + .seconds(2))
        #expect(again?.cancelRequested == World.start + .seconds(1))
        let over = try await world.newRun()
        let ending = RunEffect.Ending(status: "succeeded", exitCode: 0, time: World.start)
        _ = try await store.append(
            world.runnerScope, to: over.id, events(1...1, effect: RunEffect(ending: ending)), now: World.start)
        let late = try await store.requestCancel(world.ownerScope, over.id, now: World.start + .seconds(1))
        #expect(late?.cancelRequested == nil)
        #expect(try await store.requestCancel(world.ownerScope, .new(at: World.start), now: World.start) == nil)
        let audit = try await store.audit(world.ownerScope, before: nil, limit: 100)
        #expect(audit.filter { $0.action == .runCancelled }.count == 1)
    },
    ContractCase("deleting a run takes its events and artifacts") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        _ = try await world.append(1...3, to: run.id)
        #expect(try await store.deleteRun(world.ownerScope, run.id, now: World.start))
        #expect(try await store.run(world.ownerScope, run.id) == nil)
        #expect(try await store.events(world.ownerScope, of: run.id, after: 0, limit: 10, bytes: 10_000).isEmpty)
        #expect(try await !store.deleteRun(world.ownerScope, run.id, now: World.start))
        #expect(try await store.selfCheck() == [])
    },
]
