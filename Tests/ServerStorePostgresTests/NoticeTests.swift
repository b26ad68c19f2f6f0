internal import PostgresTestSupport
internal import ServerStore
internal import Synchronization
internal import Testing

@testable internal import ServerStorePostgres

@Suite struct NoticeLineTests {
    private let run = RunReference(
        organization: .new(at: Timestamp(milliseconds: 1)), run: .new(at: Timestamp(milliseconds: 2)))

    @Test func noticesComeBackFromTheirLines() {
        let all: [StoreNotice] = [
            .events(run, last: .max), .events(run, last: 0), .run(run), .credentials(run.organization), .everything,
        ]
        #expect(StoreNotice.read(all.map { $0.line + "\n" }.joined()) == all)
    }

    @Test(arguments: [
        "", "x", "e", "e 1 2 3", "r", "c", "c x", "a b", "e  ", "\u{0}", "e \u{1F600} x 1",
        "e 00000000-0000-7000-8000-000000000000 00000000-0000-7000-8000-000000000000 -1",
        "e 00000000-0000-7000-8000-000000000000 00000000-0000-7000-8000-000000000000 99999999999999999999",
    ]) func whatIsNoNoticeIsLeftOut(_ line: String) {
        #expect(StoreNotice.read(line) == [])
        #expect(StoreNotice.read("a\n\(line)\na\n") == [.everything, .everything])
    }

    @Test func aThousandNoticesFitIntoPayloads() {
        let line = StoreNotice.events(run, last: .max).line
        #expect(line.utf8.count < 110)
        #expect(NoticeBoard.payloadSize < 8000)
    }
}

@Suite(.enabled(if: PostgresCluster.isExpected)) struct NoticeBoardTests {
    private final class Heard: Sendable {
        let notices = Mutex<[StoreNotice]>([])

        func wait(for notice: StoreNotice, _ limit: Duration = .seconds(10)) async throws -> Bool {
            let end = ContinuousClock.now + limit
            while ContinuousClock.now < end {
                if notices.withLock({ $0.contains(notice) }) { return true }
                try await Task.sleep(for: .milliseconds(5))
            }
            return false
        }
    }

    @Test func whatOneStoreTellsTheOtherHears() async throws {
        try await withStore { store, database, cluster in
            let other = try PostgresStore(try cluster.address(database), connections: 1)
            let (here, there) = (Heard(), Heard())
            let tasks = [(store, here), (other, there)].map { store, heard in
                Task { await store.listen { notice in heard.notices.withLock { $0.append(notice) } } }
            }
            #expect(try await here.wait(for: .everything))
            #expect(try await there.wait(for: .everything))
            let organization = OrganizationID.new(at: Timestamp(milliseconds: 1))
            // More than fit into one payload, and each of them the newest of its run.
            let runs = (0..<300).map { _ in
                RunReference(organization: organization, run: .new(at: Timestamp(milliseconds: 1)))
            }
            for last in Int64(1)...3 { for run in runs { store.notices.post(.events(run, last: last)) } }
            for run in runs { #expect(try await there.wait(for: .events(run, last: 3))) }
            // Its own come back as well, and a lost connection is made again, with a notice that some may be missing.
            #expect(try await here.wait(for: .events(runs[0], last: 3)))
            there.notices.withLock { $0 = [] }
            try cluster.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(database)' AND pid <> pg_backend_pid()"
            )
            #expect(try await there.wait(for: .everything))
            store.notices.post(.credentials(organization))
            var told = try await there.wait(for: .credentials(organization), .seconds(2))
            if !told {
                // It was lost with the old connection of the teller: that is what polling is for. The next is heard.
                store.notices.post(.credentials(organization))
                told = try await there.wait(for: .credentials(organization))
            }
            #expect(told)
            for task in tasks { task.cancel() }
            other.close()
        }
    }

    @Test func standingsAreOfTheRunsThatAreAskedFor() async throws {
        try await withStore { store, _, _ in
            let none = try await store.standings(of: [])
            #expect(none.isEmpty)
            let missing = RunReference(
                organization: .new(at: Timestamp(milliseconds: 1)), run: .new(at: Timestamp(milliseconds: 1)))
            let found = try await store.standings(of: [missing])
            #expect(found.isEmpty)
        }
    }
}
