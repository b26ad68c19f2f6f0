internal import ArgumentParser
internal import CommandSupport
internal import Glibc
internal import RunPlayback

/// `pipemason replay`: a run again, as it went.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Show a run again, with its timing.",
        discussion: """
            Keys: space pauses, . goes on by one event, the right and left arrows move by 5 seconds, up and down by a minute, \
            + and - change the speed, ] and [ go to the next and previous phase, 0 to the beginning, q quits.

            What would do more to a terminal than show text is dropped: titles, the clipboard, queries.
            """)

    @OptionGroup var chosen: RunArgument

    @Option(name: .shortAndLong, help: ArgumentHelp("How many times faster; max does not wait.", valueName: "factor"))
    var speed: Speed = .init(factor: 1)

    @Option(name: .shortAndLong, help: ArgumentHelp("Cut pauses to this many seconds.", valueName: "seconds"))
    var idle: Double?

    @Option(help: ArgumentHelp("Begin at this place: seconds, mm:ss or hh:mm:ss.", valueName: "time"))
    var from: Place?

    @OptionGroup var selection: SelectionOptions

    func run() throws {
        if let idle, !(idle >= 0 && idle < 1e9) { throw Failure(.usage, "--idle takes a number of seconds") }
        var options = TranscriptOptions()
        selection.apply(to: &options)
        options.isTerminal = Terminal.isTerminal(STDOUT_FILENO)
        let source = try EventSource(try chosen.path())
        let player = Player(
            source, options, speed: speed.factor, idleLimit: idle.map { Int($0 * 1e6) }, from: from?.microseconds ?? 0)
        try player.play()
        try selection.check(source)
    }

    /// `2`, `0.5x`, `max`
    struct Speed: ExpressibleByArgument {
        let factor: Double

        init(factor: Double) { self.factor = factor }

        init?(argument: String) {
            if argument == "max" {
                factor = .infinity
                return
            }
            guard let factor = Double(argument.hasSuffix("x") ? String(argument.dropLast()) : argument), factor > 0,
                factor <= 1e6
            else { return nil }
            self.factor = factor
        }

        var defaultValueDescription: String { "1" }
    }

    /// A place in a log, such as `90`, `1:30` or `1:00:00.5`.
    struct Place: ExpressibleByArgument {
        let microseconds: Int

        init?(argument: String) {
            let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
            guard (1...3).contains(parts.count), let seconds = Double(parts[parts.count - 1]),
                (0..<1e9).contains(seconds)
            else { return nil }
            var total = 0.0
            for part in parts.dropLast() {
                guard let number = Int(part), (0..<1_000_000).contains(number) else { return nil }
                total = (total + Double(number)) * 60
            }
            microseconds = Int((total + seconds) * 1e6)
        }
    }
}
