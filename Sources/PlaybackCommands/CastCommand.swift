internal import ArgumentParser
internal import CommandSupport
internal import Glibc
internal import RunModel
internal import RunPlayback

/// `pipemason cast`: a run as a recording for asciinema and its players.
struct CastCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cast",
        abstract: "Write a run as an asciicast recording.",
        discussion: "asciinema and the players that web pages embed show it. Phases are markers.")

    @OptionGroup var chosen: RunArgument

    @OptionGroup var target: OutputOption

    @Option(help: "Version of the format.")
    var format: Format = .two

    @OptionGroup var selection: SelectionOptions

    enum Format: String, ExpressibleByArgument, CaseIterable { case two = "2", three = "3" }

    /// Events from the beginning in which a terminal's size is looked for.
    private static let lookahead = 1000

    func run() throws {
        let path = try chosen.path()
        var options = TranscriptOptions()
        selection.apply(to: &options)
        let size = try terminalSize(path, options)
        let source = try EventSource(path)
        guard let first = try source.next() else { throw Failure(.input, "\(path.text): the log is empty") }
        let version: CastWriter.Version = format == .two ? .two : .three
        try target.write { writer throws(Failure) in
            var output: [UInt8] = []
            var cast = CastWriter(version, start: first, size: size, options: options, to: &output)
            var event: RunEvent? = first
            while let current = event {
                cast.write(current, to: &output)
                output.withUnsafeBytes { writer.write($0) }
                output.removeAll(keepingCapacity: true)
                try writer.check()
                event = try source.next()
            }
            try selection.check(source)
            cast.finish(to: &output)
            output.withUnsafeBytes { writer.write($0) }
        }
    }

    private func terminalSize(_ path: Path, _ options: TranscriptOptions) throws(Failure) -> TerminalSize? {
        let source = try EventSource(path)
        for _ in 0..<Self.lookahead {
            guard let event = try source.next() else { return nil }
            if options.admits(event), case .commandStarted(let data) = event.body, let size = data.terminal {
                return size
            }
        }
        return nil
    }
}

/// The option that says where a command's result goes.
struct OutputOption: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Where it goes; - is standard output, the default.", valueName: "file"), completion: .file())
    var output: String?

    /// Lets `body` write. A file takes the place of an older one when it is whole, and is not there before.
    func write(_ body: (ByteWriter) throws(Failure) -> Void) throws(Failure) {
        guard let output, output != "-" else {
            let writer = ByteWriter(STDOUT_FILENO, name: "standard output")
            try body(writer)
            writer.flush()
            try writer.check()
            return
        }
        let path = Path(output)
        let (parent, name) = path.split
        guard let directory = Descriptor.openDirectory(parent) else {
            throw Failure(.output, "\(parent.text): \(Diagnostics.reason(errno))")
        }
        var file = try AtomicFile(directory: directory.number, path: parent, name: name, mode: 0o666, slot: 0)
        let writer = ByteWriter(file.descriptor.number, name: output)
        try body(writer)
        writer.flush()
        try writer.check()
        let reason = file.commit()
        guard reason == 0 else { throw Failure(.output, "\(output): \(Diagnostics.reason(reason))") }
    }
}
