internal import CPlatform
internal import CProcess
package import CommandSupport
internal import Glibc

/// A descriptor that several may hold; the last one closes it.
final class Handle: Sendable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }

    static func checked(_ number: Int32) throws(Failure) -> Handle {
        guard number >= 0 else { throw Failure(.runner, "no descriptor: \(Diagnostics.reason(errno))") }
        return Handle(number)
    }

    /// A pipe that children do not inherit.
    ///
    /// - Parameter size: Room for so many bytes, if the system gives it.
    static func pipe(size: Int32? = nil) throws(Failure) -> (reading: Handle, writing: Handle) {
        var reading: Int32 = -1
        var writing: Int32 = -1
        let number = pm_pipe(&reading, &writing, size ?? 0)
        guard number == 0 else { throw Failure(.runner, "no pipe: \(Diagnostics.reason(number))") }
        return (Handle(reading), Handle(writing))
    }
}

/// The reading ends of what a command writes.
struct OutputEnds {
    var stdout: Handle?
    var stderr: Handle?
    var tty: Handle?
    var events: Handle?

    /// Room in a pipe: below, a loud command and its scrubber wake each other for every 64 KiB.
    static let pipeSize: Int32 = 1 << 20
}

/// Starts a process; its id, or -1 with the reason in `errno`.
func launch(
    _ program: String, _ arguments: [String], environment: [[UInt8]], descriptors: [Int32], closesOthers: Bool,
    terminal: Int32 = -1, deathSignal: Int32 = 0, inherited: Inherited? = nil
) -> pid_t {
    launch(
        Array(program.utf8), arguments.map { Array($0.utf8) }, environment: environment, descriptors: descriptors,
        closesOthers: closesOthers, terminal: terminal, deathSignal: deathSignal, inherited: inherited)
}

func launch(
    _ program: [UInt8], _ arguments: [[UInt8]], environment: [[UInt8]], descriptors: [Int32], closesOthers: Bool,
    terminal: Int32 = -1, deathSignal: Int32 = 0, inherited: Inherited? = nil
) -> pid_t {
    func strings(_ texts: [[UInt8]]) -> [UnsafeMutablePointer<CChar>?] {
        texts.map { text in text.map { CChar(bitPattern: $0) } + [0] }.map { text in
            text.withUnsafeBufferPointer { strdup($0.baseAddress!) }
        }
            + [nil]
    }
    let argv = strings(arguments)
    let envp = strings(environment)
    let name = strings([program])
    defer { for text in argv + envp + name { free(text) } }
    // Everything that the plan points to outlives the call.
    return argv.withUnsafeBufferPointer { argv in
        envp.withUnsafeBufferPointer { envp in
            descriptors.withUnsafeBufferPointer { numbers in
                withUnsafePointer(to: inherited?.value ?? pm_inherited()) { state in
                    var plan = pm_launch_plan()
                    plan.program = UnsafePointer(name[0])
                    plan.arguments = argv.baseAddress
                    plan.environment = envp.baseAddress
                    plan.descriptors = numbers.baseAddress
                    plan.descriptor_count = numbers.count / 2
                    plan.closes_others = closesOthers ? 1 : 0
                    plan.terminal = terminal
                    plan.death_signal = deathSignal
                    plan.inherited = inherited == nil ? nil : state
                    return pm_launch(&plan)
                }
            }
        }
    }
}

/// What this process was started with and passes on: signals that are blocked or ignored, and limits.
struct Inherited {
    fileprivate var value: pm_inherited
}

/// The signals of this process, taken one by one from a descriptor.
///
/// Made once, before any thread and any other process is started.
package final class Signals {
    let descriptor: Handle
    let inherited: Inherited

    package init() throws(Failure) {
        // Whoever began in raw mode gets the terminal back.
        pm_crashes_install(ExitStatus.runner.code, pm_terminal_restore)
        var inherited = pm_inherited()
        let number = pm_signal_open(&inherited)
        guard number >= 0 else { throw Failure(.runner, "no signals: \(Diagnostics.reason(errno))") }
        descriptor = Handle(number)
        self.inherited = Inherited(value: inherited)
        _ = pm_adopt_orphans()
    }

    /// The next signal that has come; nil if there is none. A command that runs takes them itself.
    package func next() -> Int32? {
        let number = pm_signal_next(descriptor.number)
        return number > 0 ? number : nil
    }
}
