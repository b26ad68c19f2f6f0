package import CommandSupport
package import RedactionKit

/// A scrubbing process for one command, started before anything else: while it reads its rules and confines itself, its
/// runner reads its own, looks for values to mask, and opens the log.
///
///     let prepared = try PreparedScrubber(.automatic, arguments)
///     … // everything that takes time
///     try prepared.begin(values)
///     … = try prepared.protections()
///     CommandRun.run(plan, prepared: prepared, …)
package final class PreparedScrubber {
    let streams: StreamSetup
    let scrubber: Scrubber
    private var hasBegun = false
    private var isReady = false

    /// - Parameters:
    ///   - terminal: As the command's plan will have it.
    ///   - arguments: With which this program becomes a scrubbing process.
    package init(_ terminal: CommandPlan.TerminalUse, arguments: [String]) throws(Failure) {
        streams = try StreamSetup(terminal)
        scrubber = try Scrubber(
            Scrubber.Program(arguments: arguments), streams: streams.takeReading(), hasInput: streams.typesInput)
    }

    /// Sends values to mask; more may follow, until the command is started.
    package func begin(_ values: [KnownValue]) throws(Failure) {
        try scrubber.send(values)
        if !hasBegun { try scrubber.send(.begin) }
        hasBegun = true
    }

    /// Waits until it has confined itself, tells what it warns of, and returns what holds.
    package func protections() throws(Failure) -> Protections {
        if !isReady {
            for warning in try scrubber.waitUntilReady() { Diagnostics.warn(warning) }
            isReady = true
        }
        return scrubber.protections
    }
}
