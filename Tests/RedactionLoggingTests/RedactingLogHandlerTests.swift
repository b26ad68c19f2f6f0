import Logging
import RedactionKit
import RedactionLogging
import Synchronization
import Testing

@Suite("Logging")
struct RedactingLogHandlerTests {
    private static let redactor = Result { try Redactor() }
    /// Put together here, so that this file holds no token.
    private let secret = "gh" + "p_" + "q3vgy3iyzcAcaoFRo6RfNKImHfZLMe0H0H36"
    private let mark = "[REDACTED:github-pat]"

    private func logger(_ prepare: (inout Recorder) -> Void = { _ in }) throws -> (Logger, Log) {
        let log = Log()
        var recorder = Recorder(log: log)
        prepare(&recorder)
        let redactor = try Self.redactor.get()
        let base = recorder
        return (Logger(label: "test", factory: { _ in RedactingLogHandler(wrapping: base, redactor: redactor) }), log)
    }

    @Test func `messages are scrubbed`() throws {
        let (logger, log) = try logger()
        logger.info("pushing with \(secret) now")
        #expect(log.text == "info pushing with \(mark) now {}")
    }

    @Test func `metadata is scrubbed at any depth`() throws {
        let (logger, log) = try logger()
        let deepest: Logger.Metadata = ["c": .stringConvertible(Wrapper(text: secret))]
        let middle: Logger.Metadata = ["b": ["plain", "t \(secret)", .dictionary(deepest)]]
        logger.info("x", metadata: ["a": .dictionary(middle), "n": .stringConvertible(7)])
        #expect(log.text == "info x {a={b=[plain,t \(mark),{c=\(mark)}]} n=7}")
    }

    @Test func `keys announce their values`() throws {
        let (logger, log) = try logger()
        logger.info("x", metadata: ["password": .string("cor" + "rect-horse9"), "user": "jane"])
        #expect(log.text == "info x {password=[REDACTED:generic-password] user=jane}")
    }

    @Test func `metadata of the logger is scrubbed`() throws {
        var (logger, log) = try logger()
        logger[metadataKey: "token"] = "\(secret)"
        #expect(logger[metadataKey: "token"] == "\(mark)")
        logger.info("x")
        #expect(log.text == "info x {token=\(mark)}")
    }

    @Test func `metadata of the wrapped handler is scrubbed`() throws {
        let secret = secret
        let (logger, log) = try logger {
            $0.metadata = ["a": "\(secret)"]
            $0.metadataProvider = Logger.MetadataProvider { ["b": "\(secret)"] }
        }
        logger.info("x")
        #expect(log.text == "info x {a=\(mark) b=\(mark)}")
    }

    @Test func `errors are scrubbed`() throws {
        let (logger, log) = try logger()
        logger.error("failed", error: Failure(detail: "for \(secret)"))
        #expect(log.text.contains(mark) && !log.text.contains(secret))
        logger.error("failed", error: Failure(detail: "plain"))
        #expect(log.text.contains("error is Failure"))
    }

    @Test func `labels are scrubbed by the factory`() throws {
        let log = Log()
        let factory = RedactingLogHandler.factory(try Self.redactor.get()) { label in
            log.append("label \(label)")
            return Recorder(log: log)
        }
        _ = factory("worker \(secret)")
        #expect(log.text == "label worker \(mark)")
    }

    @Test func `levels pass through`() throws {
        var (logger, log) = try logger()
        logger.logLevel = .error
        logger.info("\(secret)")
        #expect(log.text == "")
        #expect(logger.handler.logLevel == .error)
    }
}

private struct Wrapper: CustomStringConvertible, Sendable {
    let text: String
    var description: String { text }
}

private struct Failure: Error {
    let detail: String
}

/// What came out.
private final class Log: Sendable {
    private let lines = Mutex<[String]>([])
    var text: String { lines.withLock { $0.last ?? "" } }
    func append(_ line: String) { lines.withLock { $0.append(line) } }
}

/// Writes an event in one line.
private struct Recorder: LogHandler {
    let log: Log
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(log: Log) { self.log = log }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        for part in [metadataProvider?.get(), event.metadata] {
            if let part { all.merge(part) { $1 } }
        }
        var line = "\(event.level) \(event.message) \(render(.dictionary(all)))"
        if let error = event.error { line += " error is \(type(of: error)) \(error)" }
        log.append(line)
    }

    private func render(_ value: Logger.Metadata.Value) -> String {
        switch value {
        case .string(let text): text
        case .stringConvertible(let value): value.description
        case .array(let values): "[" + values.map(render).joined(separator: ",") + "]"
        case .dictionary(let members):
            "{" + members.sorted { $0.key < $1.key }.map { "\($0.key)=\(render($0.value))" }.joined(separator: " ")
                + "}"
        }
    }
}
