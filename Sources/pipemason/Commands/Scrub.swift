internal import ArgumentParser
internal import CommandSupport
internal import ScrubReports

/// `pipemason scrub`: parses; `ScrubJob` works.
struct Scrub: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take secrets out of a stream, or out of files.",
        discussion: """
            Without FILES, standard input goes to standard output. Files are written to standard output one after \
            another, directories with everything below them, unless --in-place or --check is given. What is not a \
            secret passes byte for byte, and as soon as it arrives.

            Exit status: 0 done, 1 --check found something, 2 wrong usage or rule file, 3 an input could not be read, \
            4 output could not be written, 5 internal failure, 141 the reader went away, 128+n ended by signal n.
            """)

    @Argument(
        help: ArgumentHelp("Files and directories; - is standard input.", valueName: "files"), completion: .file())
    var files: [String] = []

    // MARK: What to do with the result

    @Flag(name: [.customShort("i"), .long], help: "Replace each file by its scrubbed content, in one step.")
    var inPlace = false

    @Flag(help: "With --in-place: replace a file that has several names (hard links).")
    var force = false

    @Flag(
        name: [.customShort("z"), .long],
        help: "Decompress standard input if it is gzip, zstd, xz or bzip2; files always are.")
    var decompress = false

    @Option(
        name: [.customShort("j"), .long],
        help: ArgumentHelp(
            "Scrub or check files with so many threads; the output is the same. As many as cores, unless given.",
            valueName: "number"))
    var jobs: Int?

    @Flag(help: "Write nothing; exit with status 1 if there is a secret.")
    var check = false

    @Flag(help: "With --check: read what .gitignore files in the directories ignore, too.")
    var noIgnore = false

    @Option(help: ArgumentHelp("Write a report of all findings: json or sarif.", valueName: "format"))
    var report: ReportFormat?

    @Option(
        help: ArgumentHelp(
            "Where the report goes; - is standard output, the default with --check and --in-place.", valueName: "file"),
        completion: .file())
    var reportFile: String?

    @Flag(help: "Print counts by category and rule to standard error at the end.")
    var summary = false

    @Flag(help: "Say for each finding where it is and why it was taken, on standard error, without its value.")
    var explain = false

    // MARK: What to look for

    @OptionGroup var detection: DetectionOptions

    @Option(
        help: ArgumentHelp(
            "Mask values that arrive on this descriptor while the stream runs, each ended by a newline or NUL.",
            valueName: "fd"))
    var maskFd: Int32?

    @Option(
        help: ArgumentHelp(
            "Add a tag made with the key in this file, equal for equal secrets.", valueName: "file"),
        completion: .file())
    var tagKey: String?

    /// The settings that the options stand for.
    func settings() throws -> ScrubSettings {
        if inPlace, check { throw Failure(.usage, "--in-place and --check exclude each other") }
        if noIgnore, !check { throw Failure(.usage, "--no-ignore needs --check; the other modes read everything") }
        if reportFile != nil, report == nil { throw Failure(.usage, "--report-file needs --report") }
        var settings = ScrubSettings()
        settings.inputs = files.map { Path($0) }
        settings.mode = inPlace ? .inPlace : check ? .check : .filter
        settings.breaksHardLinks = force
        settings.respectsIgnoreFiles = check && !noIgnore
        settings.decompressesInput = decompress
        settings.jobs = jobs
        settings.report = report.map {
            .init(format: $0.format, file: reportFile.flatMap { $0 == "-" ? nil : Path($0) })
        }
        settings.showsSummary = summary
        settings.explains = explain
        settings.detection = detection.settings
        settings.tagKey = tagKey.map { Path($0) }
        settings.maskDescriptor = maskFd
        return settings
    }

    enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
        case json, sarif

        var format: Report.Format { self == .json ? .json : .sarif }
    }
}
