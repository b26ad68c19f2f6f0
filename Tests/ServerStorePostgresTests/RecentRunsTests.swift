internal import PostgresTestSupport
internal import ServerStore
internal import Testing

@testable internal import ServerStoreContract
@testable internal import ServerStorePostgres

/// Two stores on one database, as two servers are: what one remembers of a run, the other changes.
@Suite(.enabled(if: PostgresCluster.isExpected)) struct RecentRunsTests {
    private func withTwo(
        _ body: (World, Run, _ other: PostgresStore, _ sql: (String) throws -> Void) async throws -> Void
    ) async throws {
        try await withStore(connections: 2) { store, database, cluster in
            let other = try PostgresStore(try cluster.address(database), connections: 2)
            defer { other.close() }
            let world = try await World.make(in: store, "acme")
            let run = try await world.newRun()
            guard case .accepted = try await world.append(1...3, to: run.id) else {
                Issue.record("the first batch was not accepted")
                return
            }
            let reference = RunReference(organization: world.organization, run: run.id)
            #expect(store.recentRuns.run(reference, before: events(4...4)[0]) != nil)
            try await body(world, run, other) { statement in
                _ = try cluster.sql(statement, database: database, role: "admin")
            }
        }
    }

    @Test func cancellingElsewhereReachesTheNextBatch() async throws {
        try await withTwo { world, run, other, _ in
            let time = World.start + .seconds(1)
            _ = try await other.requestCancel(world.ownerScope, run.id, now: time)
            guard case .accepted(let after, added: 2) = try await world.append(4...5, to: run.id) else {
                Issue.record("the batch was not accepted")
                return
            }
            #expect(after.cancelRequested == time)
            #expect(try await other.run(world.ownerScope, run.id) == after)
        }
    }

    @Test func batchesStoredElsewhereCount() async throws {
        try await withTwo { world, run, other, _ in
            let effect = RunEffect(redactions: 1)
            _ = try await other.append(
                world.runnerScope, to: run.id, events(4...6, effect: effect), now: World.start)
            // What is there already, then a fork of it, then what follows.
            guard case .accepted(_, added: 0) = try await world.append(4...6, to: run.id) else {
                Issue.record("the same batch was not accepted")
                return
            }
            _ = try await other.append(
                world.runnerScope, to: run.id, events(7...8, effect: effect), now: World.start)
            let fork = events(7...7).map { event in
                IncomingEvent(
                    sequence: event.sequence, previous: event.previous, hash: hash(7, salt: "x"), line: [1],
                    effect: effect)
            }
            let result = try await world.store.append(world.runnerScope, to: run.id, fork, now: World.start)
            #expect(result == .fork(at: 7, ChainHead(next: 9, hash: hash(8))))
            guard case .accepted(let after, added: 1) = try await world.append(9...9, to: run.id) else {
                Issue.record("the next batch was not accepted")
                return
            }
            #expect(after.summary.redactions == 5)
            #expect(try await other.run(world.ownerScope, run.id) == after)
            #expect(
                try await other.events(world.ownerScope, of: run.id, after: 0, limit: 20, bytes: 1 << 20)
                    .map(\.line) == events(1...9).map(\.line))
        }
    }

    @Test func runsThatAreGoneAreGone() async throws {
        try await withTwo { world, run, other, sql in
            try sql("DELETE FROM runs")
            #expect(try await world.append(4...5, to: run.id) == .noRun)
            // Nor is it remembered for the time after.
            #expect(try await world.append(4...5, to: run.id) == .noRun)
            #expect(try await other.events(world.ownerScope, of: run.id, after: 0, limit: 9, bytes: 9000).isEmpty)
        }
    }

    /// Another runner has the id now, and its run stands where the one that is gone stood.
    @Test func runsOfAnotherRunnerAreNotAddedTo() async throws {
        try await withTwo { world, run, other, sql in
            let token = RunnerToken(
                id: .new(at: World.start), name: "second", created: World.start, createdBy: world.owner.id)
            let tokenHash = try newHash(.runner)
            try await other.createRunnerToken(world.ownerScope, token, hash: tokenHash, now: World.start)
            let (second, _) = try #require(try await other.runner(tokenHash, address: nil, now: World.start))
            try sql("DELETE FROM runs")
            let made = try await other.putRun(
                second, run.id, RunDescription(title: "another"), chain: genesis, now: World.start)
            guard case .created = made else {
                Issue.record("the run was not made")
                return
            }
            _ = try await other.append(second, to: run.id, events(1...3), now: World.start)
            #expect(try await world.append(4...5, to: run.id) == .noRun)
            #expect(try await other.run(world.ownerScope, run.id)?.chain.next == 4)
        }
    }

    @Test func revokedElsewhereIsRevokedAtOnce() async throws {
        try await withTwo { world, _, other, _ in
            #expect(try await other.revokeRunnerToken(world.ownerScope, world.runner, now: World.start))
            // Each request asks this first; what is remembered of runs says nothing about who may add to them.
            let found = try await world.store.runner(world.runnerHash, address: nil, now: World.start)
            #expect(found == nil)
        }
    }

    @Test func whatIsRememberedIsBounded() async throws {
        let recent = RecentRuns()
        func run() -> Run {
            Run(
                id: .new(at: World.start), runner: .new(at: World.start), created: World.start,
                description: RunDescription(title: ""), summary: RunSummary(),
                chain: ChainHead(next: 4, hash: hash(3)), updated: World.start)
        }
        let organization = OrganizationID.new(at: World.start)
        func isKnown(_ run: Run, before event: IncomingEvent = events(4...4)[0]) -> Bool {
            recent.run(RunReference(organization: organization, run: run.id), before: event) != nil
        }
        let runs = (0...RecentRuns.capacity).map { _ in run() }
        for run in runs.dropLast() { recent.remember(run, as: RunReference(organization: organization, run: run.id)) }
        #expect(runs.dropLast().allSatisfy { isKnown($0) })
        #expect(!isKnown(runs[0], before: events(5...5)[0]))
        #expect(!isKnown(runs[0], before: events(4...4, salt: "x")[0]))
        let last = try #require(runs.last)
        recent.remember(last, as: RunReference(organization: organization, run: last.id))
        #expect(isKnown(last))
        #expect(!runs.dropLast().contains { isKnown($0) })
        // A run that is over gets no more batches.
        var over = last
        over.summary.ended = World.start
        recent.remember(over, as: RunReference(organization: organization, run: over.id))
        #expect(!isKnown(last))
    }
}
