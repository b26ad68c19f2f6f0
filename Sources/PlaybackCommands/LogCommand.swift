internal import ArgumentParser
internal import CommandSupport
internal import Glibc
internal import RunModel
internal import RunPlayback

typealias TranscriptOptions = Transcript.Options

/// `pipemason log`: what a run wrote, at once.
struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Print the log of a run.",
        discussion: """
            Prints what its commands wrote, with a line where a phase begins and ends. Colours are kept on a terminal; what \
            would do more to a terminal than show text is dropped, always.
            """)

    @OptionGroup var chosen: RunArgument

    @Flag(name: .shortAndLong, help: "Wait for more until the run ends.")
    var follow = false

    @OptionGroup var selection: SelectionOptions

    @Option(help: "Only what was written to this stream.")
    var stream: StreamName?

    @Flag(name: .shortAndLong, help: "Begin each line with its place in the log.")
    var times = false

    @Flag(
        help: "Write the bytes of the output as they were after scrubbing, without any line of ours; not to a terminal."
    )
    var raw = false

    @Flag(help: "Print the lines of the log themselves.")
    var json = false

    @Option(help: "Whether colours are kept.")
    var color = ColorChoice.auto

    enum StreamName: String, ExpressibleByArgument, CaseIterable { case stdout, stderr, tty }
    enum ColorChoice: String, ExpressibleByArgument, CaseIterable { case auto, always, never }

    /// Between looks at a log that has not grown, in microseconds.
    private static let interval: useconds_t = 100_000

    func run() throws {
        if raw, json { throw Failure(.usage, "--raw and --json exclude each other") }
        if raw, Terminal.isTerminal(STDOUT_FILENO) {
            throw Failure(.usage, "--raw writes what a terminal might obey; send it to a file or a program")
        }
        let source = try EventSource(try chosen.path(), keepsLines: json)
        var options = TranscriptOptions()
        selection.apply(to: &options)
        options.stream = stream.flatMap { CommandOutput.Stream(rawValue: $0.rawValue) }
        options.showsPlaces = times
        options.isTerminal = color == .always || color == .auto && Terminal.showsColour(STDOUT_FILENO)
        let writer = ByteWriter(STDOUT_FILENO, name: "standard output")
        var transcript = Transcript(options)
        var output: [UInt8] = []
        var hasEnded = false
        var isAbandoned = false
        func flush() throws(Failure) {
            output.withUnsafeBytes { writer.write($0) }
            output.removeAll(keepingCapacity: true)
            writer.flush()
            try writer.check()
        }
        do {
            while true {
                guard let event = try source.next() else {
                    try flush()
                    if !follow || hasEnded { break }
                    if isAbandoned {
                        Diagnostics.say(
                            "its runner is gone, and the log has no end; pipemason verify --repair gives it one")
                        break
                    }
                    // What it wrote before it let go is read once more.
                    isAbandoned = !source.hasWriter
                    if !isAbandoned { usleep(Self.interval) }
                    continue
                }
                if case .runFinished = event.body { hasEnded = true }
                write(event, from: source, options, &transcript, &output)
                if output.count >= 1 << 16 { try flush() }
            }
        } catch {
            // What stands before the bad line is shown.
            try flush()
            throw error
        }
        if !raw, !json { transcript.finish(to: &output) }
        try flush()
        try selection.check(source)
    }

    private func write(
        _ event: RunEvent, from source: EventSource, _ options: TranscriptOptions, _ transcript: inout Transcript,
        _ output: inout [UInt8]
    ) {
        if raw {
            guard options.admits(event), case .commandOutput(let data) = event.body else { return }
            output += data.bytes
        } else if json {
            guard options.admits(event) else { return }
            output += source.line + [0x0A]
        } else {
            transcript.write(event, to: &output)
        }
    }
}
