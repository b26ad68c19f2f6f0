internal import ArgumentParser
internal import CommandSupport
internal import EgressKit
internal import Glibc
internal import RunModel
package import RunnerKit

/// Options of commands that keep a log which is sent while it grows.
package struct UploadOptions: ParsableArguments {
    @Flag(help: "Send nothing to the server that this machine is paired with.")
    package var noUpload = false

    @Option(
        help: ArgumentHelp("How long to go on sending when everything has ended.", valueName: "seconds"))
    package var uploadWait = 30

    package init() {}

    package var settings: UploadSettings { UploadSettings(isOn: !noUpload, patience: max(0, uploadWait)) }
}

/// Whether a log is sent while it grows.
package struct UploadSettings {
    package var isOn = true
    /// Seconds to go on when everything has ended.
    package var patience = 30

    /// Starts sending `log`, if this machine is paired with a server.
    package func start(_ log: RunLog?) -> RunUplink? {
        guard isOn, let log else { return nil }
        return RunUplink(log, patience: patience)
    }
}

/// The uploader of a run that goes on here. A cancel from the server ends the run as a signal does; lines that the server has
/// refused are scrubbed again.
package final class RunUplink {
    private let uplink: Uplink

    fileprivate init?(_ log: RunLog, patience: Int) {
        let requests = log.requests
        let uplink = Uplink.start(
            runDirectory: log.directory.directory(of: log.run).text, patience: patience
        ) { notice, reply in
            switch notice {
            case .cancel:
                Diagnostics.say("the server asks to end this run")
                kill(getpid(), SIGTERM)
            case .scrubAgain(let sequence, let rule):
                requests.post(LogRequests.Request(from: sequence, rule: rule, answer: reply))
            case .message(let text): Diagnostics.warn(text)
            }
        }
        guard let uplink else { return nil }
        self.uplink = uplink
    }

    /// The process; it is no part of any command.
    package var process: Int32 { uplink.process }

    /// Says that the run is over, and waits until the rest is sent or given up.
    package func finish() { uplink.finish() }
}
