internal import CProcess
package import CommandSupport
internal import Glibc

/// What this machine gives a scrubbing process, found out by starting one and letting it try.
package struct Examination: Sendable {
    /// Something that a confined process must not be able to do.
    package struct Trial: Sendable {
        package let name: String
        package let isPrevented: Bool
        package let result: String
    }
    /// The kernel's release.
    package let kernel: String
    /// The version of Landlock; 0: none.
    package let landlock: Int
    package let protections: Protections
    package let trials: [Trial]

    /// Whether everything is as good as it can be.
    package var isSound: Bool { protections.missing.isEmpty && trials.allSatisfy(\.isPrevented) }

    private static let deeds: [(deed: UInt32, name: String)] = [
        (PM_OPEN_FILE.rawValue, "open a file"), (PM_CREATE_FILE.rawValue, "create a file"),
        (PM_OPEN_SOCKET.rawValue, "open a socket"), (PM_EXECUTE.rawValue, "execute a program"),
        (PM_FORK.rawValue, "start a process"), (PM_TRACE.rawValue, "trace"),
        (PM_SIGNAL_PARENT.rawValue, "signal its parent"),
    ]

    /// - Parameter scrubberArguments: With which this program becomes a scrubbing process.
    package static func perform(scrubberArguments: [String]) throws(Failure) -> Examination {
        let scrubber = try Scrubber(
            Scrubber.Program(arguments: scrubberArguments), streams: OutputEnds(), hasInput: false)
        try scrubber.send(.begin)
        _ = try scrubber.waitUntilReady()
        var trials: [Trial] = []
        for (deed, name) in deeds { trials.append(try attempt(deed, name, scrubberArguments)) }
        var names = utsname()
        uname(&names)
        let release = withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return Examination(
            kernel: release, landlock: Int(pm_landlock_version()), protections: scrubber.protections, trials: trials)
    }

    private static func attempt(_ deed: UInt32, _ name: String, _ arguments: [String]) throws(Failure) -> Trial {
        let null = try Handle.checked(open("/dev/null", O_RDWR | O_CLOEXEC))
        let program = Scrubber.Program(arguments: [])
        let id = launch(
            program.path, [program.path] + arguments + ["attempt", String(deed)], environment: [],
            descriptors: [null.number, 0, null.number, 1, null.number, 2], closesOthers: true)
        guard id > 0 else { throw Failure(.runner, "no process: \(Diagnostics.reason(errno))") }
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        if signal == SIGSYS { return Trial(name: name, isPrevented: true, result: "ended by the filter") }
        let code = status >> 8 & 0xFF
        if signal == 0, code == 2 { return Trial(name: name, isPrevented: true, result: "refused") }
        return Trial(name: name, isPrevented: false, result: signal == 0 && code == 1 ? "possible" : "not known")
    }
}
