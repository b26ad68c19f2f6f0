internal import CommandSupport
internal import RedactionKit
internal import RedactionRules
internal import ScrubReports

/// Everything `scrub` was asked for, checked for contradictions and ready to run. The defaults are the plain filter.
struct ScrubSettings {
    /// Files and directories; empty: standard input. `-` stands for standard input too.
    var inputs: [Path] = []
    var mode = Mode.filter
    /// In directories, what `.gitignore` files ignore is passed over.
    var respectsIgnoreFiles = false
    /// Replace files that have other names as well, which leaves the other names with the old content.
    var breaksHardLinks = false
    /// Threads that scrub files at once; nil: as many as there are cores.
    var jobs: Int?
    /// Look into standard input if it is compressed; files are always looked into.
    var decompressesInput = false
    var report: ReportTarget?
    var showsSummary = false
    var explains = false

    var detection = DetectionSettings()
    var tagKey: Path?
    var maskDescriptor: Int32?

    /// Each takes some megabytes.
    static let jobsRange = 1...64
    /// More are only used if asked for: each takes about 1.5 MiB.
    static let maximumDefaultJobs = 12

    enum Mode: Equatable {
        /// Scrubbed bytes to standard output.
        case filter
        /// Each file is replaced by its scrubbed content.
        case inPlace
        /// Only the findings count.
        case check
    }

    struct ReportTarget: Equatable {
        var format: Report.Format
        /// nil: standard output.
        var file: Path?
    }

    /// Throws if the settings contradict each other.
    func validate() throws(Failure) {
        let standardInput = inputs.isEmpty || inputs.contains(Path("-"))
        if mode == .inPlace, standardInput {
            throw Failure(.usage, "--in-place needs files or directories")
        }
        if inputs.filter({ $0 == Path("-") }).count > 1 {
            throw Failure(.usage, "standard input (-) can be read only once")
        }
        if let report, report.file == nil, mode == .filter {
            throw Failure(.usage, "--report needs --report-file, because standard output carries the scrubbed bytes")
        }
        if let jobs, !ScrubSettings.jobsRange.contains(jobs) {
            throw Failure(.usage, "--jobs takes a number from 1 to \(ScrubSettings.jobsRange.upperBound)")
        }
        if breaksHardLinks, mode != .inPlace {
            throw Failure(.usage, "--force is about --in-place")
        }
    }

    /// Reads the rule files, keys and values that the settings name, and says what the engine needs to know.
    func redactorOptions() throws(Failure) -> (options: RedactorOptions, warnings: [String]) {
        var (options, warnings) = try detection.redactorOptions()
        if let tagKey { options.tagger = try TagKey.tagger(keyFile: tagKey) }
        options.countsLines = report != nil || explains
        options.explains = explains
        return (options, warnings)
    }
}
