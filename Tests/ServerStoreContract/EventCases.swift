internal import ServerStore
internal import Testing

let eventCases: [ContractCase] = [
    ContractCase("events come back byte for byte") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        let sent = events(1...5)
        guard case .accepted(let after, added: 5) = try await world.append(1...5, to: run.id) else {
            Issue.record("the batch was not accepted")
            return
        }
        #expect(after.chain == ChainHead(next: 6, hash: hash(5)))
        #expect(after.eventBytes == Int64(sent.reduce(0) { $0 + $1.line.count }))
        let stored = try await store.events(world.ownerScope, of: run.id, after: 0, limit: 10, bytes: 1 << 20)
        #expect(stored.map(\.line) == sent.map(\.line))
        #expect(stored.map(\.sequence) == [1, 2, 3, 4, 5])
        #expect(try await store.run(world.ownerScope, run.id) == after)
    },
    ContractCase("a hundred times the same batch is one batch") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        let usage = RunEffect(redactions: 1, usage: .init(inputTokens: 10, outputTokens: 2))
        for attempt in 0..<100 {
            let result = try await store.append(
                world.runnerScope, to: run.id, events(1...3, effect: usage), now: World.start)
            guard case .accepted(let after, let added) = result else {
                Issue.record("attempt \(attempt)")
                return
            }
            #expect(added == (attempt == 0 ? 3 : 0))
            #expect(after.summary.inputTokens == 30 && after.summary.redactions == 3)
        }
        #expect(try await store.events(world.ownerScope, of: run.id, after: 0, limit: 10, bytes: 9000).count == 3)
    },
    ContractCase("an overlap is skipped, the rest is added") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        _ = try await world.append(1...4, to: run.id)
        guard case .accepted(let after, added: 2) = try await world.append(3...6, to: run.id) else {
            Issue.record("the overlap was not accepted")
            return
        }
        #expect(after.chain.next == 7)
    },
    ContractCase("a gap stores nothing and says where to go on") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        _ = try await world.append(1...2, to: run.id)
        #expect(try await world.append(4...5, to: run.id) == .gap(ChainHead(next: 3, hash: hash(2))))
        #expect(try await store.run(world.ownerScope, run.id)?.chain.next == 3)
    },
    ContractCase("a fork is refused wherever it begins, and stores nothing") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        _ = try await world.append(1...4, to: run.id)
        let head = ChainHead(next: 5, hash: hash(4))
        // In what is stored.
        #expect(try await world.append(2...6, to: run.id, salt: "x") == .fork(at: 2, head))
        // Right behind it.
        #expect(try await world.append(5...6, to: run.id, salt: "x") == .fork(at: 5, head))
        // In the middle of what is stored.
        let mixed = events(3...3) + events(4...4, salt: "x")
        #expect(try await store.append(world.runnerScope, to: run.id, mixed, now: World.start) == .fork(at: 4, head))
        #expect(try await store.events(world.ownerScope, of: run.id, after: 0, limit: 9, bytes: 9000).count == 4)
    },
    ContractCase("reading is bounded in number and bytes, and always goes on") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        _ = try await world.append(1...20, to: run.id)
        let size = events(1...1)[0].line.count
        #expect(
            try await store.events(world.ownerScope, of: run.id, after: 3, limit: 4, bytes: 1 << 20).map(\.sequence)
                == [4, 5, 6, 7])
        #expect(
            try await store.events(world.ownerScope, of: run.id, after: 0, limit: 20, bytes: 3 * size + 9).count == 3)
        #expect(try await store.events(world.ownerScope, of: run.id, after: 0, limit: 20, bytes: 1).count == 1)
        #expect(try await store.events(world.ownerScope, of: run.id, after: 20, limit: 20, bytes: 1 << 20).isEmpty)
        #expect(
            try await store.events(world.ownerScope, of: .new(at: World.start), after: 0, limit: 9, bytes: 9).isEmpty)
    },
    ContractCase("a batch of more than a block comes back, is bounded, and is known again") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        let sent = events(1...9).map { event in
            IncomingEvent(
                sequence: event.sequence, previous: event.previous, hash: event.hash,
                line: event.line.padded(to: 30_000), effect: event.effect)
        }
        func page(after: Int64, _ limit: Int, _ bytes: Int) async throws -> [Int64] {
            let events = try await store.events(world.ownerScope, of: run.id, after: after, limit: limit, bytes: bytes)
            #expect(events.allSatisfy { $0.line == sent[Int($0.sequence) - 1].line })
            return events.map(\.sequence)
        }
        _ = try await store.append(world.runnerScope, to: run.id, Array(sent[..<4]), now: World.start)
        // Overlaps what is there by a part of a block.
        for _ in 1...2 {
            let result = try await store.append(world.runnerScope, to: run.id, Array(sent[2...]), now: World.start)
            guard case .accepted(let after, _) = result else { throw StoreError(.conflict, "\(result)") }
            #expect(after.chain.next == 10 && after.eventBytes == 9 * 30_000)
        }
        #expect(try await page(after: 0, 100, 1 << 20) == Array(1...9))
        #expect(try await page(after: 3, 2, 1 << 20) == [4, 5])
        #expect(try await page(after: 1, 100, 90_000) == [2, 3, 4])
        #expect(try await page(after: 5, 100, 1) == [6])
        #expect(try await store.selfCheck().isEmpty)
    },
    ContractCase("the summary adds up, saturates, and bounds currencies") { store in
        let world = try await World.make(in: store, "acme")
        let run = try await world.newRun()
        var sent: [IncomingEvent] = []
        for number in Int64(1)...12 {
            let currency = "C" + String(UnicodeScalar(UInt8(64 + number))) + "X"
            let usage = RunEffect.Usage(
                inputTokens: .max, outputTokens: 1, costMicros: number, currency: currency)
            sent += events(number...number, effect: RunEffect(phase: "p\(number)", iteration: number, usage: usage))
        }
        _ = try await store.append(world.runnerScope, to: run.id, sent, now: World.start)
        let summary = try #require(try await store.run(world.ownerScope, run.id)?.summary)
        #expect(summary.inputTokens == .max && summary.outputTokens == 12)
        #expect(summary.costs.count == RunSummary.maximumCurrencies && summary.costs["CAX"] == 1)
        #expect(summary.phase == "p12" && summary.iteration == 12)
    },
    ContractCase("runs that stream at once lose nothing") { store in
        let world = try await World.make(in: store, "acme")
        let runs = try await withThrowingTaskGroup(of: RunID.self) { group in
            for _ in 0..<20 { group.addTask { try await world.newRun().id } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for run in runs {
                group.addTask {
                    for batch in Int64(0)..<10 {
                        let first = batch * 7 + 1
                        guard case .accepted = try await world.append(first...first + 6, to: run) else {
                            Issue.record("batch \(batch)")
                            return
                        }
                        // A fork beside it fails alone.
                        #expect(
                            try await world.append(1...1, to: run, salt: "x")
                                == .fork(at: 1, ChainHead(next: first + 7, hash: hash(first + 6))))
                    }
                }
            }
            try await group.waitForAll()
        }
        for run in runs {
            let stored = try await store.events(world.ownerScope, of: run, after: 0, limit: 100, bytes: 1 << 20)
            #expect(stored.map(\.sequence) == Array(1...70))
        }
        #expect(try await store.selfCheck() == [])
    },
]
