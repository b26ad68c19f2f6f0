internal import ArgumentParser
internal import CommandSupport
internal import EgressKit
internal import Glibc
internal import RunFiles
internal import RunModel

/// `pipemason egress`.
struct EgressCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "egress", abstract: "See what has left this machine, and send what has not.",
        subcommands: [Show.self, Push.self])

    /// `pipemason egress show`
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List every request that was made, from .pipeline/egress.jsonl.",
            discussion: """
                Each line was written before its request. --bytes prints what its body held, checked against the digest that was \
                noted. --dry-run shows what would be sent now.
                """)

        @Flag(help: "Print what was sent.")
        var bytes = false

        @Flag(help: "Show what would be sent now instead; nothing is.")
        var dryRun = false

        func run() throws {
            let logs = try RunDirectory.nearest()
            if dryRun { return try Push.showPending(logs, bytes: bytes) }
            let path = logs.inner(EgressLedger.fileName)
            guard let file = Descriptor.open(path, O_RDONLY) else {
                guard errno == ENOENT else { throw Failure(.input, "\(path.text): \(Diagnostics.reason(errno))") }
                return try StandardOutput.print("nothing has been sent")
            }
            let writer = ByteWriter(STDOUT_FILENO, name: "standard output")
            let bodies = SentBodies(logs)
            var number = 0
            try file.forEachLine(path, limit: EgressLedger.maximumLine) { line throws(Failure) in
                number += 1
                let entry: EgressLedger.Entry
                do { entry = try EgressLedger.parse(line.span) } catch {
                    throw Failure(.input, "\(path.text): line \(number): \(error)")
                }
                writer.write(Self.text(entry) + "\n")
                if bytes { try bodies.write(entry, to: writer) }
                try writer.check()
            }
            writer.flush()
            try writer.check()
        }

        static func text(_ entry: EgressLedger.Entry) -> String {
            var text = "\(entry.time) \(entry.category.rawValue) \(entry.method) \(entry.host)\(entry.path)"
            text += " \(entry.bytes) bytes sha256:\(entry.digest)"
            if let sequences = entry.sequences { text += " lines \(sequences.lowerBound)-\(sequences.upperBound)" }
            return Diagnostics.printable(text)
        }
    }

    /// `pipemason egress push`
    struct Push: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send what earlier runs could not.",
            discussion: "The oldest run first. Exit status 3 when something is left or the server refuses.")

        @OptionGroup var options: ServerOptions

        @Flag(help: "Show what would be sent; nothing is.")
        var dryRun = false

        @Flag(help: "With --dry-run: print the lines.")
        var bytes = false

        @Option(help: ArgumentHelp("How long to try, for each run.", valueName: "seconds"))
        var wait = 60

        func run() throws {
            let logs = try RunDirectory.nearest()
            if dryRun { return try Self.showPending(logs, bytes: bytes) }
            try handlingKeys {
                var isLeft = false
                for run in try Self.pending(logs) {
                    let directory = logs.directory(of: run).text
                    let outcome = try Uploading.upload(directory, options, watching: nil, patience: 1000 * wait) {
                        if case .warning(let text) = $0 { Diagnostics.warn(text) }
                    }
                    switch outcome {
                    case .delivered: try StandardOutput.print("\(run) delivered")
                    case .pending:
                        isLeft = true
                        Diagnostics.say("\(run): not everything could be sent")
                    case .stopped(let reason, let message):
                        isLeft = true
                        Diagnostics.say("\(run): \(message)")
                        if reason == "token-refused" { throw ExitCode(ExitStatus.input.code) }
                    }
                }
                if isLeft { throw ExitCode(ExitStatus.input.code) }
            }
        }

        /// Runs that are not delivered, the oldest first.
        static func pending(_ logs: RunDirectory) throws(Failure) -> [RunID] {
            try logs.runs().filter { run in
                let marker = logs.directory(of: run).appending(Array(RunUpload.deliveredName.utf8))
                return marker.withCString { access($0, F_OK) } != 0
            }
        }

        static func showPending(_ logs: RunDirectory, bytes: Bool) throws {
            let writer = ByteWriter(STDOUT_FILENO, name: "standard output")
            for run in try pending(logs) {
                let known = try delivered(run, logs)
                var spool = try Spool(path: logs.logPath(of: run).text)
                guard try spool.skip(to: known + 1) else { continue }
                while let batch = try spool.next() {
                    writer.write(
                        "\(run) logs lines \(batch.sequences.lowerBound)-\(batch.sequences.upperBound) \(batch.lines.count) bytes\n"
                    )
                    if bytes { batch.lines.withUnsafeBytes { writer.write($0) } }
                    for artifact in batch.artifacts {
                        writer.write("\(run) artifact \(artifact.name) \(artifact.mediaType) \(artifact.size) bytes\n")
                    }
                }
            }
            writer.flush()
            try writer.check()
        }

        /// The last line that a receipt of the server names; 0 when it gave none: what is shown may then be there already.
        private static func delivered(_ run: RunID, _ logs: RunDirectory) throws(Failure) -> Int {
            let path = logs.directory(of: run).appending(Array(Receipt.fileName.utf8))
            guard let file = Descriptor.open(path, O_RDONLY) else { return 0 }
            var last = 0
            try file.forEachLine(path, limit: Receipt.maximumLine) { line throws(Failure) in
                if let receipt = try? Receipt(parsing: line.span) { last = max(last, receipt.sequence) }
            }
            return last
        }
    }
}

/// The bodies of requests, put together again from the logs.
private final class SentBodies {
    private let logs: RunDirectory

    init(_ logs: RunDirectory) { self.logs = logs }

    func write(_ entry: EgressLedger.Entry, to writer: ByteWriter) throws(Failure) {
        if let body = entry.body {
            if !body.isEmpty { writer.write(Diagnostics.printable(body) + "\n") }
        } else if let run = entry.run, let sequences = entry.sequences {
            var spool = try Spool(path: logs.logPath(of: run).text)
            guard try spool.skip(to: sequences.lowerBound),
                let batch = try spool.next(maximumLines: sequences.count, maximumBytes: .max),
                batch.sequences == sequences, RunUpload.isBody(batch.lines, of: entry)
            else { return writer.write("(the log is not as it was sent)\n") }
            batch.lines.withUnsafeBytes { writer.write($0) }
        } else if entry.category == .artifact {
            writer.write("(the image \(entry.digest) in the run's directory)\n")
        } else {
            writer.write("(not kept: it holds codes)\n")
        }
    }
}
