internal import CPostgres
internal import Glibc
internal import ServerStore

/// A connection to PostgreSQL over libpq. One thread at a time uses it.
///
/// It is in pipeline mode all its life (libpq manual, section "Pipeline Mode"): the statements of one call of `run` go out together
/// and their results come back together, one round trip for all. Statements are prepared once a connection. Values go both ways in
/// the binary format, so bytes are not escaped. Every wait has a deadline: a server that is not reachable any more is an error
/// soon, and not a thread that waits for ever.
final class Connection {
    private let handle: OpaquePointer
    private var prepared: [String: String] = [:]
    /// Whether an answer may still be on its way, or the connection is gone: it can not be used any more.
    private(set) var isBroken = false
    private let timeout: Duration

    /// A statement and its values.
    struct Step {
        let sql: String
        let values: [any PostgresValue]
    }

    /// How long the server may take for what is sent at once, before the connection counts as gone. Longer than the
    /// `statement_timeout` that is set on it.
    static let timeout: Duration = .seconds(40)

    /// Connects.
    /// - Parameter parameters: libpq's connection parameters.
    /// - Throws: `.unavailable` with libpq's message, which names the server and the user, never a password.
    init(_ parameters: [String: String], timeout: Duration = Connection.timeout) throws {
        let pairs = parameters.sorted { $0.key < $1.key }
        let handle = Self.withCStrings(pairs.map(\.key)) { names in
            Self.withCStrings(pairs.map(\.value)) { values in PQconnectdbParams(names, values, 0) }
        }
        guard let handle else { throw StoreError(.unavailable, "connect: no memory") }
        self.handle = handle
        self.timeout = timeout
        guard PQstatus(handle) == CONNECTION_OK else {
            // `deinit` closes it: every property is set.
            throw StoreError(.unavailable, "connect: \(Self.firstLine(PQerrorMessage(handle)))")
        }
        // Notices go to standard error unless somebody takes them.
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
            throw StoreError(.unavailable, "connect: no pipeline mode")
        }
    }

    deinit { PQfinish(handle) }

    /// The text of a libpq message up to its first line break.
    private static func firstLine(_ message: UnsafeMutablePointer<CChar>?) -> String {
        message.map { String(String(cString: $0).prefix { $0 != "\n" }) } ?? ""
    }

    // MARK: - Statements

    /// Sends statements together and returns their results. Without BEGIN among them, they are one transaction.
    ///
    /// - Throws: the first error as a `StoreError` that says the SQLSTATE; the statements behind it were not executed.
    func run(_ steps: [Step], place: String) throws -> [Rows] {
        guard !isBroken else { throw StoreError(.unavailable, "\(place): the connection is gone") }
        // Until all results are here, the connection is in the middle of something.
        isBroken = true
        var isPreparing: [Bool] = []
        for step in steps { isPreparing.append(try send(step, place)) }
        guard PQpipelineSync(handle) == 1 else { throw lost(place) }
        let deadline = ContinuousClock.now + timeout
        try flush(until: deadline, place)
        var results: [Rows] = []
        var failure: StoreError?
        for (step, isPreparing) in zip(steps, isPreparing) {
            if isPreparing {
                let result = try nextResult(until: deadline, place)
                if !result.isError { prepared[step.sql] = pending[step.sql] }
                failure = failure ?? result.error(place)
            }
            let result = try nextResult(until: deadline, place)
            failure = failure ?? result.error(place)
            results.append(result)
        }
        let sync = try oneResult(until: deadline, place)
        guard let sync, PQresultStatus(sync) == PGRES_PIPELINE_SYNC else {
            if let sync { PQclear(sync) }
            throw lost(place)
        }
        PQclear(sync)
        isBroken = false
        pending = [:]
        if let failure { throw failure }
        return results
    }

    /// Names of statements that are on their way to be prepared in this call of `run`.
    private var pending: [String: String] = [:]
    private var names = 0

    /// Sends one statement; returns whether it is prepared with this.
    private func send(_ step: Step, _ place: String) throws -> Bool {
        let types = step.values.map { type(of: $0).typeID }
        var isPreparing = false
        let name: String
        if let known = prepared[step.sql] ?? pending[step.sql] {
            name = known
        } else {
            names += 1
            name = "s\(names)"
            pending[step.sql] = name
            isPreparing = true
            guard PQsendPrepare(handle, name, step.sql, Int32(types.count), types) == 1 else { throw lost(place) }
        }
        let encoded = step.values.map(\.encoded)
        for case .some(let bytes) in encoded where bytes.count > Self.largestValue {
            throw StoreError(.refused, "\(place): a value is too large")
        }
        let isSent = Self.withPointers(encoded) { pointers in
            let lengths = encoded.map { Int32($0?.count ?? 0) }
            let formats = [Int32](repeating: 1, count: encoded.count)
            return PQsendQueryPrepared(handle, name, Int32(encoded.count), pointers, lengths, formats, 1)
        }
        guard isSent == 1 else { throw lost(place) }
        return isPreparing
    }

    /// The most bytes of one value: PostgreSQL's own limit is 1 GiB.
    private static let largestValue = 1 << 29

    // MARK: - Waiting

    /// Sends what libpq has not sent yet, and takes in what comes meanwhile: a server that can not write does not read either.
    private func flush(until deadline: ContinuousClock.Instant, _ place: String) throws {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                let ready = try wait(for: Int16(POLLIN | POLLOUT), until: deadline, place)
                if ready & Int16(POLLIN) != 0, PQconsumeInput(handle) == 0 { throw lost(place) }
            default: throw lost(place)
            }
        }
    }

    /// The result of the next statement, with the nothing that ends it.
    private func nextResult(until deadline: ContinuousClock.Instant, _ place: String) throws -> Rows {
        guard let result = try oneResult(until: deadline, place) else { throw lost(place) }
        let rows = Rows(result)
        if let further = try oneResult(until: deadline, place) {
            PQclear(further)
            throw lost(place)
        }
        return rows
    }

    private func oneResult(until deadline: ContinuousClock.Instant, _ place: String) throws -> OpaquePointer? {
        while PQisBusy(handle) == 1 {
            _ = try wait(for: Int16(POLLIN), until: deadline, place)
            if PQconsumeInput(handle) == 0 { throw lost(place) }
        }
        return PQgetResult(handle)
    }

    private func wait(for events: Int16, until deadline: ContinuousClock.Instant, _ place: String) throws -> Int16 {
        var descriptor = pollfd(fd: PQsocket(handle), events: events, revents: 0)
        while true {
            let left = (deadline - ContinuousClock.now).wholeMilliseconds
            guard left > 0 else { throw lost(place) }
            let count = poll(&descriptor, 1, Int32(clamping: left))
            if count > 0 { return descriptor.revents }
            if count < 0, errno != EINTR { throw lost(place) }
        }
    }

    private func lost(_ place: String) -> StoreError {
        isBroken = true
        return StoreError(.unavailable, "\(place): the connection was lost")
    }

    // MARK: - For the pool and the listener

    /// Whether nothing came unasked on an idle connection, which costs no round trip to see: what comes then is the server's farewell, or
    /// the end.
    func isAlive() -> Bool {
        guard !isBroken, PQstatus(handle) == CONNECTION_OK else { return false }
        var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, 0) == 0
    }

    /// Whether a transaction is open.
    var isInTransaction: Bool { PQtransactionStatus(handle) != PQTRANS_IDLE }

    /// The version of the server, such as 150020 for 15.20.
    var serverVersion: Int { Int(PQserverVersion(handle)) }

    /// Waits for notifications, and returns what they say: nothing when `limit` is over.
    /// - Parameter wake: A descriptor whose readability ends the wait as well.
    /// - Throws: when the connection is gone.
    func notifications(wake: Int32, limit: Duration) throws -> [String] {
        var found: [String] = []
        func take() {
            while let note = PQnotifies(handle) {
                if let text = note.pointee.extra { found.append(String(cString: text)) }
                PQfreemem(note)
            }
        }
        take()
        guard found.isEmpty else { return found }
        var descriptors = [
            pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0),
            pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
        ]
        let count = poll(&descriptors, 2, Int32(clamping: limit.wholeMilliseconds))
        if count > 0, descriptors[0].revents != 0 {
            guard PQconsumeInput(handle) == 1, PQstatus(handle) == CONNECTION_OK else { throw lost("listen") }
            take()
        }
        return found
    }

    // MARK: - Memory

    /// Lends null-terminated copies, and a null behind them, for as long as `body` runs.
    private static func withCStrings<Value>(
        _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Value
    ) -> Value {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        let pointers = copies.map { UnsafePointer($0) } + [nil]
        return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }

    /// Lends the bytes of values, one after another in a buffer that lives as long as `body` runs; a null for NULL.
    private static func withPointers<Value>(
        _ values: [[UInt8]?], _ body: ([UnsafePointer<CChar>?]) -> Value
    ) -> Value {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.reduce(1) { $0 + ($1?.count ?? 0) })
        var offsets: [Int?] = []
        for value in values {
            offsets.append(value.map { _ in bytes.count })
            if let value { bytes += value }
        }
        // Never empty, so that a value without bytes has a valid pointer too.
        bytes.append(0)
        return bytes.withUnsafeBytes { buffer in
            let start = buffer.baseAddress.map { $0.assumingMemoryBound(to: CChar.self) }
            return body(offsets.map { offset in offset.flatMap { start?.advanced(by: $0) } })
        }
    }
}
