public import ArgumentParser

/// The commands that read logs, for the root command of `pipemason`.
public enum PlaybackCommands {
    /// replay, log, status, cast, report.
    public static let all: [any ParsableCommand.Type] = [
        ReplayCommand.self, LogCommand.self, StatusCommand.self, CastCommand.self, ReportCommand.self,
    ]
}
