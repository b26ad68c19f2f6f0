internal import Glibc
internal import JSONText
package import Logging
internal import RunModel
internal import ServerKit
internal import ServerStore
internal import Synchronization

/// Writes log events to standard error, one JSON object a line, or one line of text.
///
/// Wrapped in RedactionLogging's handler by whoever installs it.
package struct LogOutput: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let isText: Bool

    package init(label: String, level: Logger.Level, isText: Bool) {
        self.label = label
        logLevel = level
        self.isText = isText
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = metadata
        if let provider = metadataProvider { all.merge(provider.get()) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        let members = all.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value.description) }
        let time = ServerStore.Timestamp.now.text
        let line: String
        if isText {
            let rest = members.map { " \($0.name)=\(JSON.string($0.value))" }.joined()
            line = "\(time) \(event.level.rawValue) \(JSON.string(event.message.description))\(rest)\n"
        } else {
            line =
                JSON.object([
                    ("time", JSON.string(time)), ("level", JSON.string(event.level.rawValue)),
                    ("label", JSON.string(label)), ("message", JSON.string(event.message.description)),
                    ("metadata", JSON.object(members.map { ($0.name, JSON.string($0.value)) })),
                ]) + "\n"
        }
        Self.write(line)
    }

    /// One write for a line, so that lines of several threads do not mix. What can not be written is lost: a log must not stop the
    /// server.
    private static func write(_ line: String) {
        var bytes = Array(line.utf8)
        bytes.withUnsafeMutableBytes { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
