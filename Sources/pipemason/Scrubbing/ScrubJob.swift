internal import CPlatform
internal import CommandSupport
internal import Compression
internal import Glibc
internal import RedactionKit
internal import ScrubReports

/// One run of `scrub`.
final class ScrubJob {
    private let settings: ScrubSettings
    private let streams: StandardStreams
    private let pump: StreamPump
    private let recorder: FindingRecorder
    /// nil: nothing goes to standard output but perhaps the report.
    private let output: ByteWriter?
    private var masks: MaskChannel?
    /// While a directory is walked.
    private var treeProgress: TreeProgress?
    /// nil: one thread does it all.
    private let parallel: ParallelPump?
    private var warnings: [String]
    /// The gravest thing that happened to a single input.
    private var status = ExitStatus.success
    /// Files and directories that were passed over because an ignore file says so.
    private var ignored = 0

    /// Runs `scrub` and returns the exit status. Messages are on standard error.
    static func run(_ settings: ScrubSettings, streams: StandardStreams) -> ExitStatus {
        do {
            try settings.validate()
            pm_signals_install()
            return try scrub(settings, streams)
        } catch {
            if !error.message.isEmpty { Diagnostics.say(error.message) }
            return error.status
        }
    }

    private static func scrub(_ settings: ScrubSettings, _ streams: StandardStreams) throws(Failure) -> ExitStatus {
        let start = Clock.now
        let (options, warnings) = try settings.redactorOptions()
        let redactor: Redactor
        do {
            redactor = try Redactor(options)
        } catch {
            throw Failure(.usage, String(describing: error))
        }
        let writesOutput = settings.mode == .filter || settings.report.map { $0.file == nil } == true
        if writesOutput, !streams.hasOutput { throw Failure(.output, "standard output is closed") }

        var reportFile: ReportFile?
        var report: Report?
        if let target = settings.report {
            if let path = target.file { reportFile = try ReportFile(path) }
            let writer = reportFile?.writer ?? ByteWriter(STDOUT_FILENO, name: "standard output")
            report = Report(target.format, to: writer, ruleSet: options.ruleSet)
        }
        let style = Style(for: STDERR_FILENO)
        let recorder = FindingRecorder(report: report, explains: settings.explains, style: style)
        let job = try ScrubJob(
            settings, streams, redactor, recorder, warnings: warnings + redactor.warnings)
        for warning in job.warnings { Diagnostics.warn(warning) }
        try job.processAll()

        try recorder.finishReport(warnings: job.warnings, isComplete: job.status == .success)
        try reportFile?.commit()
        if job.ignored > 0 {
            Diagnostics.say(
                "passed over \(job.ignored) ignored files and directories; --no-ignore reads them")
        }
        if settings.showsSummary {
            Diagnostics.write(
                Summary.text(recorder.tally, seconds: Clock.now.seconds(since: start), style: style))
        }
        if settings.mode == .check, recorder.tally.findings > 0 { return job.status.orWorse(.found) }
        return job.status
    }

    private init(
        _ settings: ScrubSettings, _ streams: StandardStreams, _ redactor: Redactor, _ recorder: FindingRecorder,
        warnings: [String]
    ) throws(Failure) {
        self.settings = settings
        self.streams = streams
        self.recorder = recorder
        self.warnings = warnings
        output = settings.mode == .filter ? ByteWriter(STDOUT_FILENO, name: "standard output") : nil
        let jobs = settings.jobs ?? min(Int(pm_core_count()), ScrubSettings.maximumDefaultJobs)
        // Files are replaced one by one; a value that arrives meanwhile concerns everything that was not written.
        let isParallel = jobs > 1 && settings.mode != .inPlace && settings.maskDescriptor == nil
        parallel = isParallel ? ParallelPump(redactor: redactor, jobs: jobs) : nil
        pump = StreamPump(redactor: redactor, jobs: isParallel ? jobs : 1)
        if let number = settings.maskDescriptor { masks = try MaskChannel(number) }
    }

    private func processAll() throws(Failure) {
        let tree = FileTree(
            visit: { (found: FoundFile) throws(Failure) in try self.processFile(found) },
            fail: { self.note($0) },
            ignore: settings.respectsIgnoreFiles ? { _ in self.ignored += 1 } : nil)
        for input in settings.inputs.isEmpty ? [Path("-")] : settings.inputs {
            if input == Path("-") {
                try processStandardInput()
            } else {
                try tree.walk(input)
            }
        }
        try parallel?.finish()
        treeProgress?.finish()
    }

    // MARK: One input

    /// Counts an input of which everything has been delivered.
    private func end(_ path: Path?, bytes: UInt64) {
        recorder.end(bytes: bytes)
        treeProgress?.update(files: recorder.tally.inputs, bytes: recorder.tally.bytes, path: path?.text ?? "")
    }

    private func processStandardInput() throws(Failure) {
        try parallel?.finish()
        guard streams.hasInput else {
            note(Failure(.input, "standard input is closed"))
            return
        }
        recorder.begin(nil)
        if Terminal.isTerminal(STDIN_FILENO), Terminal.isTerminal(STDERR_FILENO) {
            Diagnostics.say("reading from the terminal; ^D ends the input")
        }
        var position = stat()
        if fstat(STDIN_FILENO, &position) == 0, isOwnOutput(position) {
            note(Failure(.input, "standard input is also the output"))
            return
        }
        let name = "standard input"
        try pass(
            STDIN_FILENO, name: name, path: nil,
            compressed: settings.decompressesInput ? CompressedInput(name: name) : nil, to: output)
    }

    private func processFile(_ found: FoundFile) throws(Failure) {
        if !found.isNamed, treeProgress == nil {
            treeProgress = TreeProgress(outputIsTerminal: settings.mode == .filter && Terminal.isTerminal(1))
        }
        do throws(Failure) {
            if settings.mode == .inPlace {
                recorder.begin(found.path)
                try replace(found)
            } else {
                try read(found)
            }
        } catch {
            // What concerns one file does not stop the others; a broken output does.
            guard error.status == .input || settings.mode == .inPlace else { throw error }
            note(error)
        }
    }

    private func read(_ found: FoundFile) throws(Failure) {
        let flags = found.isNamed ? O_RDONLY : O_RDONLY | O_NOFOLLOW | O_NONBLOCK
        guard let file = Descriptor.open(at: found.directory, found.name, flags), let status = file.status else {
            throw Failure(.input, "\(found.path.text): \(Diagnostics.reason(errno))")
        }
        // Met in a directory, and no longer what it was a moment ago.
        guard found.isNamed || status.isRegularFile else { return }
        guard !isOwnOutput(status) else { throw Failure(.input, "\(found.path.text): is also the output") }
        let compressed = CompressedInput.recognize(file.number, name: found.path.text)
        if let parallel, status.isRegularFile, compressed == nil {
            return try parallel.add(parallelFile(file, found, size: UInt64(max(0, status.st_size))))
        }
        try parallel?.finish()
        recorder.begin(found.path)
        try pass(file.number, name: found.path.text, path: found.path, compressed: compressed, to: output)
    }

    private func parallelFile(
        _ file: consuming Descriptor, _ found: FoundFile, size: UInt64
    ) -> ParallelFile {
        let name = found.path.text
        return ParallelFile(
            file, name: name, path: found.path, size: size, sink: ScrubSink(output: output, recorder: recorder),
            progress: progressBar(name: name, path: found.path, total: size),
            begin: { self.recorder.begin(found.path) },
            finished: { bytes, warnings in
                self.end(found.path, bytes: bytes)
                self.warn(warnings)
            },
            fail: { self.note($0) })
    }

    private func progressBar(name: String, path: Path?, total: UInt64) -> ProgressBar? {
        ProgressBar(
            name: path.map { String(decoding: $0.split.name, as: UTF8.self) } ?? name, total: total,
            outputIsTerminal: settings.mode == .filter && Terminal.isTerminal(1))
    }

    /// Replaces a file if there is something to replace. A clean file is only read.
    private func replace(_ found: FoundFile) throws(Failure) {
        let file = try InPlaceFile(found)
        var probe = ScrubSink(output: nil, recorder: nil)
        var noProgress: ProgressBar?
        let clean = try pump.run(
            file.source.number, name: found.path.text, path: found.path,
            compressed: CompressedInput.recognize(file.source.number, name: found.path.text), sink: &probe,
            masks: &masks, findingLimit: 1, progress: &noProgress)
        guard probe.findings > 0 else {
            end(found.path, bytes: clean.bytes)
            warn(clean.warnings)
            return
        }
        try file.rewind()
        let replacement = try file.makeReplacement(breakingHardLinks: settings.breaksHardLinks)
        let compressed = CompressedInput.recognize(file.source.number, name: found.path.text)
        let writer = ByteWriter(
            replacement.descriptor.number, name: found.path.text,
            encoder: try compressed?.format.map(CompressedOutput.init))
        try pass(
            file.source.number, name: found.path.text, path: found.path, compressed: compressed, to: writer)
        writer.finish()
        try writer.check()
        try file.replace(with: replacement)
        recorder.countReplaced()
    }

    private func pass(
        _ descriptor: Int32, name: String, path: Path?, compressed: CompressedInput?, to writer: ByteWriter?
    ) throws(Failure) {
        var sink = ScrubSink(output: writer, recorder: recorder)
        var progress = progressBar(name: name, path: path, total: size(descriptor))
        defer { progress?.finish() }
        let result = try pump.run(
            descriptor, name: name, path: path, compressed: compressed, sink: &sink, masks: &masks, progress: &progress,
            firstBytes: { self.warnIfCompressed($0, name: name) })
        end(path, bytes: result.bytes)
        warn(result.warnings)
    }

    /// Compressed bytes pass as they are where nobody asked for more, but not in silence: what is in them was not scanned.
    private func warnIfCompressed(_ bytes: UnsafeRawBufferPointer, name: String) {
        guard let format = CompressionFormat(startOf: bytes) else { return }
        warn(["\(name) is compressed (\(format.rawValue)) and was not looked into; --decompress does that"])
    }

    // MARK: Messages

    /// Tells of a failure that the run survives.
    private func note(_ failure: Failure) {
        if !failure.message.isEmpty { Diagnostics.say(failure.message) }
        status = status.orWorse(failure.status)
    }

    private func warn(_ new: [String]) {
        for warning in new where !warnings.contains(warning) {
            Diagnostics.warn(warning)
            warnings.append(warning)
        }
    }

    // MARK: Files

    /// True for the regular file that standard output writes to: reading it as well would never end.
    private func isOwnOutput(_ status: stat) -> Bool {
        guard settings.mode == .filter, status.isRegularFile else { return false }
        var outputStatus = stat()
        return fstat(STDOUT_FILENO, &outputStatus) == 0 && status.isSameFile(as: outputStatus)
    }

    private func size(_ descriptor: Int32) -> UInt64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.isRegularFile else { return 0 }
        return UInt64(max(0, status.st_size))
    }
}
