internal import CProcess
internal import CommandSupport
internal import Glibc
internal import RunModel

/// What a command's standard streams are connected to.
///
/// A program behaves differently on a terminal, so it gets one where it would have had one: if standard output is a
/// terminal, output and errors go to a pseudo-terminal as far as they are terminals here, and so does input. Standard
/// input that is not one is passed on as it is.
final class StreamSetup {
    /// Whether the pseudo-terminal carries standard output (otherwise: at most standard error).
    let stdoutIsTerminal: Bool
    /// Whether standard error has a pipe of its own.
    let hasOwnStderr: Bool
    /// Whether what comes on standard input here is typed there.
    let typesInput: Bool
    /// The number of the events descriptor in the command.
    let eventsNumber: Int32
    /// The size of the command's terminal when it was opened.
    let size: TerminalSize?

    private var reading = OutputEnds()
    private var slave: Handle?
    private var stdout: Handle?
    private var stderr: Handle?
    private var events: Handle?

    init(_ use: CommandPlan.TerminalUse) throws(Failure) {
        let isTerminal = (0...2).map { isatty(Int32($0)) == 1 }
        let usesTerminal = use == .always || use == .automatic && isTerminal[1]
        stdoutIsTerminal = usesTerminal
        hasOwnStderr = !(usesTerminal && (use == .always || isTerminal[2]))
        typesInput = usesTerminal && (use == .always || isTerminal[0])
        eventsNumber = Self.freeNumber
        var size: TerminalSize?
        if usesTerminal {
            let current = Self.terminalSize ?? TerminalSize(columns: 80, rows: 24)
            size = current
            var settings = termios()
            let hasSettings =
                isTerminal.contains(true) && tcgetattr(Int32(isTerminal.firstIndex(of: true)!), &settings) == 0
            var master: Int32 = -1
            var slave: Int32 = -1
            let columns = UInt16(clamping: current.columns)
            let rows = UInt16(clamping: current.rows)
            let number =
                hasSettings
                ? pm_terminal_open(&master, &slave, columns, rows, &settings)
                : pm_terminal_open(&master, &slave, columns, rows, nil)
            guard number == 0 else { throw Failure(.runner, "no pseudo-terminal: \(Diagnostics.reason(number))") }
            reading.tty = Handle(master)
            self.slave = Handle(slave)
        } else {
            let pipe = try Handle.pipe(size: OutputEnds.pipeSize)
            reading.stdout = pipe.reading
            stdout = pipe.writing
        }
        self.size = size
        if hasOwnStderr {
            let pipe = try Handle.pipe(size: OutputEnds.pipeSize)
            reading.stderr = pipe.reading
            stderr = pipe.writing
        }
        let pipe = try Handle.pipe()
        reading.events = pipe.reading
        events = pipe.writing
    }

    /// The ends for the scrubbing process; this one keeps none.
    func takeReading() -> OutputEnds {
        defer { reading = OutputEnds() }
        return reading
    }

    /// Pairs of the descriptor here and its number in the command.
    var commandDescriptors: [Int32] {
        var result: [Int32] = []
        if let slave {
            if typesInput { result += [slave.number, 0] }
            result += [slave.number, 1]
            if !hasOwnStderr { result += [slave.number, 2] }
        }
        if let stdout { result += [stdout.number, 1] }
        if let stderr { result += [stderr.number, 2] }
        if let events { result += [events.number, eventsNumber] }
        return result
    }

    /// The number in the command of the terminal that controls it, or -1.
    var terminalNumber: Int32 { slave == nil ? -1 : 1 }

    /// Closes the command's ends here, so that they end with the command.
    func closeWriting() {
        slave = nil
        stdout = nil
        stderr = nil
        events = nil
    }

    /// The size that the command's terminal should have now; nil if it has none.
    var currentSize: TerminalSize? { size == nil ? nil : Self.terminalSize }

    private static var terminalSize: TerminalSize? {
        for descriptor in [STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO] {
            var size = winsize()
            if ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 {
                return TerminalSize(columns: Int(size.ws_col), rows: Int(size.ws_row))
            }
        }
        return nil
    }

    /// The lowest number from 3 on that the command would not inherit as something else.
    private static var freeNumber: Int32 {
        var number: Int32 = 3
        while true {
            let flags = fcntl(number, F_GETFD)
            if flags < 0 || flags & FD_CLOEXEC != 0 { return number }
            number += 1
        }
    }
}
