internal import Foundation
internal import Glibc
public import ServerStore
internal import Synchronization

/// Tells the other servers what this one stored, and hears what they tell, over one connection of its own with a thread of its own.
///
/// NOTIFY stays out of the transactions that store: they would commit one after another, since a lock of the whole database is held
/// while a notifying transaction commits. Here what is told collects while the last notification is on its way, so its rate does not grow
/// with the rate of events. What gets lost is found by polling.
final class NoticeBoard: Sendable {
    private struct State {
        /// The newest event to tell of, by run.
        var events: [RunReference: Int64] = [:]
        var others: Set<StoreNotice> = []
        var listeners: [UInt64: @Sendable (StoreNotice) -> Void] = [:]
        var nextListener: UInt64 = 0
        var isStarted = false
        var isClosed = false
    }

    private let connect: @Sendable () throws -> Connection
    private let state = Mutex(State())
    /// A pipe: a byte in it ends the wait for notifications.
    private let wakeRead: Int32
    private let wakeWrite: Int32

    /// Notices that wait to be told; more are dropped.
    static let capacity = 10_000
    /// The time between two notifications, in which what is to be told collects.
    static let pause: Duration = .milliseconds(5)
    /// Without a word for so long, the server is asked whether it is still there.
    static let silence: Duration = .seconds(2)
    /// The time before another attempt to connect.
    static let retry: Duration = .milliseconds(500)
    /// PostgreSQL's limit is 8000 bytes for a payload.
    static let payloadSize = 7900
    private static let channel = "pipemason"

    init(connect: @Sendable @escaping () throws -> Connection) throws {
        self.connect = connect
        var descriptors: [Int32] = [0, 0]
        guard pipe(&descriptors) == 0 else { throw StoreError(.unavailable, "notices: no pipe") }
        for descriptor in descriptors {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        }
        (wakeRead, wakeWrite) = (descriptors[0], descriptors[1])
    }

    deinit {
        Glibc.close(wakeRead)
        Glibc.close(wakeWrite)
    }

    /// Tells the others, soon. What changed must be committed.
    func post(_ notice: StoreNotice) {
        let isTaken = state.withLock { state in
            guard !state.isClosed, state.isStarted, state.events.count + state.others.count < Self.capacity else {
                return false
            }
            if case .events(let run, let last) = notice {
                state.events[run] = max(last, state.events[run] ?? 0)
            } else {
                state.others.insert(notice)
            }
            return true
        }
        if isTaken { wake() }
    }

    /// Calls `body` with what is told, until the task is cancelled.
    func listen(_ body: @Sendable @escaping (StoreNotice) -> Void) async {
        let (id, isFirst) = state.withLock { state in
            state.nextListener += 1
            state.listeners[state.nextListener] = body
            defer { state.isStarted = true }
            return (state.nextListener, !state.isStarted)
        }
        if isFirst {
            let thread = Thread { [weak self] in NoticeBoard.serve { self } }
            thread.name = "notices"
            thread.start()
        }
        while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
        state.withLock { _ = $0.listeners.removeValue(forKey: id) }
    }

    func close() {
        state.withLock { $0.isClosed = true }
        wake()
    }

    private func wake() {
        var byte: UInt8 = 0
        // A full pipe is awake already.
        _ = write(wakeWrite, &byte, 1)
    }

    // MARK: - The thread

    /// Connects, again whenever the connection is lost, until the board is closed or gone.
    private static func serve(_ board: () -> NoticeBoard?) {
        while let board = board(), !board.state.withLock({ $0.isClosed }) {
            do { try board.serveConnection() } catch { usleep(UInt32(retry.wholeMilliseconds * 1000)) }
        }
    }

    private func serveConnection() throws {
        let connection = try connect()
        // A notification that a power cut takes away is one that nobody needs.
        _ = try connection.run(
            [
                Connection.Step(sql: "SELECT set_config('synchronous_commit', 'off', false)", values: []),
                Connection.Step(sql: "LISTEN \(Self.channel)", values: []),
            ], place: "listen")
        // What was told before this is missed.
        deliver(.everything)
        while !state.withLock({ $0.isClosed }) {
            let texts = try connection.notifications(wake: wakeRead, limit: Self.silence)
            for notice in texts.flatMap(StoreNotice.read) { deliver(notice) }
            if try tell(connection) {
                usleep(UInt32(Self.pause.wholeMilliseconds * 1000))
            } else if texts.isEmpty {
                _ = try connection.single("listen", Visibility(), "SELECT 1::bigint AS n", [])
            }
        }
    }

    private func deliver(_ notice: StoreNotice) {
        for listener in state.withLock({ Array($0.listeners.values) }) { listener(notice) }
    }

    /// Sends what has collected; returns whether there was anything.
    private func tell(_ connection: Connection) throws -> Bool {
        var bytes = [UInt8](repeating: 0, count: 1024)
        while Glibc.read(wakeRead, &bytes, bytes.count) == bytes.count {}
        let notices = state.withLock { state in
            let notices = state.events.map { StoreNotice.events($0.key, last: $0.value) } + state.others
            state.events = [:]
            state.others = []
            return notices
        }
        guard !notices.isEmpty else { return false }
        var payloads = [""]
        for line in notices.map(\.line) {
            if payloads[payloads.count - 1].utf8.count + line.utf8.count >= Self.payloadSize { payloads.append("") }
            payloads[payloads.count - 1] += line + "\n"
        }
        let steps = payloads.map {
            Connection.Step(sql: "SELECT pg_notify('\(Self.channel)', $1)::text AS done", values: [$0])
        }
        _ = try connection.run(steps, place: "notify")
        return true
    }
}

extension StoreNotice {
    /// One line: a letter and what it is about.
    var line: String {
        switch self {
        case .events(let run, let last): "e \(run.organization) \(run.run) \(last)"
        case .run(let run): "r \(run.organization) \(run.run)"
        case .credentials(let organization): "c \(organization)"
        case .everything: "a"
        }
    }

    /// Reads a payload. What is not a notice, as a newer version of this program may send, is left out.
    static func read(_ payload: String) -> [StoreNotice] {
        payload.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            var run: RunReference? {
                guard words.count > 2, let organization = OrganizationID(String(words[1])),
                    let id = RunID(String(words[2]))
                else { return nil }
                return RunReference(organization: organization, run: id)
            }
            switch words.first {
            case "e" where words.count == 4:
                guard let run, let last = Int64(words[3]), last >= 0 else { return nil }
                return .events(run, last: last)
            case "r" where words.count == 3: return run.map { .run($0) }
            case "c" where words.count == 2: return OrganizationID(String(words[1])).map { .credentials($0) }
            case "a" where words.count == 1: return .everything
            default: return nil
            }
        }
    }
}

extension PostgresStore {
    public func listen(_ body: @Sendable @escaping (StoreNotice) -> Void) async { await notices.listen(body) }

    public func standings(of runs: [RunReference]) async throws -> [RunStanding] {
        let byOrganization = Dictionary(grouping: runs, by: \.organization)
        return try await pool.run("standings") { connection in
            var found: [RunStanding] = []
            // All in one round trip; each statement sees the organization that was set right before it.
            let organizations = byOrganization.sorted { $0.key < $1.key }
            let steps = organizations.flatMap { organization, runs in
                Visibility(organization: organization).steps + [
                    Connection.Step(
                        sql: """
                            SELECT run_id, next_seq, (cancel_requested IS NOT NULL) AS is_cancelled FROM runs
                            WHERE org_id = $1 AND run_id = ANY ($2)
                            """, values: [organization, Identifiers(runs.map(\.run.bytes))])
                ]
            }
            guard !steps.isEmpty else { return [] }
            let results = try connection.run(steps, place: "standings")
            for (index, (organization, _)) in organizations.enumerated() {
                found += try results[2 * index + 1].map { row in
                    RunStanding(
                        run: RunReference(organization: organization, run: try row.value("run_id")),
                        last: try row.value("next_seq", as: Int64.self) - 1,
                        isCancelRequested: try row.flag("is_cancelled"))
                }
            }
            return found
        }
    }
}
