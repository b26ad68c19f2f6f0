public import Logging
public import RedactionKit

/// A log handler that takes secrets out of everything it passes to another one.
///
///     let redactor = try Redactor()
///     LoggingSystem.bootstrap(RedactingLogHandler.factory(redactor) { StreamLogHandler.standardError(label: $0) })
///
/// Scrubbed are messages, errors, metadata (values at any depth and keys; a key such as `password` announces its value),
/// what a metadata provider adds, the source, and, with `factory`, labels. Metadata is scrubbed when it is set, a message
/// when it is logged, so a message whose level is off costs nothing.
///
/// The name of the file and of the function come from the program's text and pass unchanged.
public struct RedactingLogHandler: LogHandler {
    /// Everything it holds has been scrubbed.
    private var base: any LogHandler
    private let redactor: Redactor

    /// Wraps `base`; metadata that it holds already is scrubbed now.
    public init(wrapping base: any LogHandler, redactor: Redactor) {
        self.base = base
        self.redactor = redactor
        self.base.metadata = scrub(base.metadata)
        if let provider = base.metadataProvider { self.base.metadataProvider = scrub(provider) }
    }

    /// Returns what `LoggingSystem.bootstrap` takes: `make` gets the scrubbed label, and its handler is wrapped.
    public static func factory(
        _ redactor: Redactor, _ make: @escaping @Sendable (_ label: String) -> any LogHandler
    ) -> @Sendable (_ label: String) -> any LogHandler {
        { label in RedactingLogHandler(wrapping: make(redactor.redact(label)), redactor: redactor) }
    }

    public var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }

    public var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = scrub(newValue) }
    }

    public var metadataProvider: Logger.MetadataProvider? {
        get { base.metadataProvider }
        set { base.metadataProvider = newValue.map(scrub) }
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: redactor.redact(key)] }
        set { base[metadataKey: redactor.redact(key)] = newValue.map { scrub($0, under: key) } }
    }

    public func log(event: LogEvent) {
        var event = event
        event.message = Logger.Message(stringLiteral: redactor.redact(event.message.description))
        event.error = event.error.map(scrub)
        event.metadata = event.metadata.map(scrub)
        event.source = redactor.redact(event.source)
        base.log(event: event)
    }

    // MARK: - Scrubbing

    private func scrub(_ provider: Logger.MetadataProvider) -> Logger.MetadataProvider {
        Logger.MetadataProvider { scrub(provider.get()) }
    }

    private func scrub(_ metadata: Logger.Metadata) -> Logger.Metadata {
        var result: Logger.Metadata = [:]
        for (key, value) in metadata { result[redactor.redact(key)] = scrub(value, under: key) }
        return result
    }

    private func scrub(_ value: Logger.Metadata.Value, under key: String) -> Logger.Metadata.Value {
        switch value {
        case .string(let text): return .string(scrub(text, under: key))
        case .stringConvertible(let value):
            // A number stays one, for handlers that write JSON, unless its key says that it is a secret.
            let text = value.description
            let scrubbed = scrub(text, under: key)
            let isPlain = value is any BinaryInteger || value is any BinaryFloatingPoint || value is Bool
            return isPlain && scrubbed == text ? .stringConvertible(value) : .string(scrubbed)
        case .dictionary(let members): return .dictionary(scrub(members))
        case .array(let elements): return .array(elements.map { scrub($0, under: key) })
        }
    }

    /// Scrubs a value by itself, and then as what its key says it is.
    private func scrub(_ text: String, under key: String) -> String {
        let scrubbed = redactor.redact(text)
        // Quoted, so that a value with blanks is one value.
        let (head, tail) = ("\(key)=\"", "\"")
        let member = redactor.redact(head + scrubbed + tail)
        guard member.hasPrefix(head), member.hasSuffix(tail), member.utf8.count >= head.utf8.count + tail.utf8.count
        else {
            // The key itself was changed, or a secret goes over its end: then all of it is one.
            return member == head + scrubbed + tail ? scrubbed : member
        }
        return String(Substring(member.utf8.dropFirst(head.utf8.count).dropLast(tail.utf8.count)))
    }

    /// The error itself if its descriptions hold no secret, else one that has the scrubbed description only.
    private func scrub(_ error: any Error) -> any Error {
        let texts = [String(describing: error), String(reflecting: error)]
        if texts.allSatisfy({ redactor.redact($0) == $0 }) { return error }
        return RedactedError(description: redactor.redact(texts[0]))
    }
}

/// Stands for an error whose description held a secret.
public struct RedactedError: Error, CustomStringConvertible, Sendable {
    /// The original error's description, scrubbed.
    public let description: String
}
