package import CommandSupport
internal import Glibc
package import RunModel

/// Where runs are kept: `.pipeline` in the directory that a project is worked on in.
///
///     .pipeline/iterations.log              another name of the newest run's log
///     .pipeline/runs/<run>/iterations.log   a run's log
///     .pipeline/unfinished/<run>            an empty file for each run whose log has not been finished
///     .pipeline/.gitignore                  keeps all of these out of the repository, and itself
package struct RunDirectory: Sendable {
    /// The `.pipeline` itself.
    package let path: Path

    package static let name = ".pipeline"
    package static let logName = "iterations.log"

    /// - Parameter directory: The project's directory.
    package init(in directory: Path = Path(".")) {
        path = directory == Path(".") ? Path(Self.name) : directory.appending(Array(Self.name.utf8))
    }

    /// The nearest `.pipeline` of this directory or one above it.
    ///
    /// - Throws: when there is none.
    package static func nearest() throws(Failure) -> RunDirectory {
        var path = Path(".")
        var last: stat?
        while true {
            let candidate = RunDirectory(in: path)
            if Self.status(candidate.path)?.isDirectory == true { return candidate }
            guard let here = Self.status(path), last.map({ !$0.isSameFile(as: here) }) ?? true else {
                throw Failure(.input, "there is no .pipeline here or above: nothing has run yet")
            }
            last = here
            path = path == Path(".") ? Path("..") : path.appending(Array("..".utf8))
        }
    }

    /// The log that a user names: nothing for the newest, a file, a run's directory, or the beginning or end of a run's id.
    package static func findLog(_ name: String?) throws(Failure) -> Path {
        if let name, name.utf8.contains(UInt8(ascii: "/")) || status(Path(name))?.isRegularFile == true {
            let path = Path(name)
            return status(path)?.isDirectory == true ? path.appending(Array(logName.utf8)) : path
        }
        let directory = try nearest()
        guard let name else {
            guard let newest = try directory.newest() else { throw Failure(.input, "nothing has run yet") }
            return directory.logPath(of: newest)
        }
        let found = try directory.runs().filter { $0.description.hasPrefix(name) || $0.description.hasSuffix(name) }
        guard let run = found.first else {
            throw Failure(.input, "there is no run \(name); pipemason status --all lists them")
        }
        guard found.count == 1 else {
            throw Failure(.usage, "\(name) may be any of \(found.count) runs; give more of its id")
        }
        return directory.logPath(of: run)
    }

    /// Makes what is missing.
    package func create() throws(Failure) {
        try make(path, 0o755)
        try make(inner("runs"), 0o700)
        try make(inner("unfinished"), 0o700)
        let ignored = inner(".gitignore")
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = ignored.withCString { open($0, flags, 0o644) }
        guard file >= 0 else {
            if errno == EEXIST { return }
            throw failure(ignored)
        }
        defer { close(file) }
        let writer = ByteWriter(file, name: ignored.text)
        writer.write("/.gitignore\n/runs/\n/unfinished/\n/\(Self.logName)\n/egress.jsonl\n")
        writer.flush()
        try writer.check()
    }

    /// The runs that are here, oldest first.
    ///
    /// - Throws: when the directory is there and cannot be read.
    package func runs() throws(Failure) -> [RunID] { try entries(inner("runs")) }

    /// Runs whose log was not finished: they go on, or their runner was killed.
    package var unfinished: [RunID] { (try? entries(inner("unfinished"))) ?? [] }

    /// The run whose log has the name `iterations.log`, or else the newest one there is.
    package func newest() throws(Failure) -> RunID? {
        let runs = try self.runs()
        guard let named = Self.status(latestLog) else { return runs.last }
        return runs.last { Self.status(logPath(of: $0))?.isSameFile(as: named) == true } ?? runs.last
    }

    package func directory(of run: RunID) -> Path { inner("runs").appending(Array(run.description.utf8)) }

    package func logPath(of run: RunID) -> Path { directory(of: run).appending(Array(Self.logName.utf8)) }

    /// The name that the newest run's log has too.
    package var latestLog: Path { inner(Self.logName) }

    /// Another file in the directory.
    package func inner(_ name: String) -> Path { path.appending(Array(name.utf8)) }

    /// Whether a runner writes this run's log now.
    package func isLive(_ run: RunID) -> Bool { Self.isLocked(logPath(of: run)) }

    // MARK: What the log's writer does here

    package func markUnfinished(_ run: RunID) throws(Failure) {
        let mark = unfinishedPath(run)
        let file = mark.withCString { open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) }
        guard file >= 0 else { throw failure(mark) }
        close(file)
    }

    package func markFinished(_ run: RunID) { _ = unfinishedPath(run).withCString { unlink($0) } }

    package func makeDirectory(of run: RunID) throws(Failure) { try make(directory(of: run), 0o700) }

    /// Gives the log of `run` the name of the newest, unless that is one which is still written: then this run was
    /// started from within another, or beside it.
    package func nameLatest(_ run: RunID) {
        guard !Self.isLocked(latestLog) else { return }
        let temporary = inner(".\(run).tmp")
        let log = logPath(of: run)
        var linked = log.withCString { from in temporary.withCString { to in link(from, to) } }
        if linked != 0 {
            // A file system without hard links.
            linked = temporary.withCString { symlink("runs/\(run)/\(Self.logName)", $0) }
        }
        guard linked == 0 else { return }
        if temporary.withCString({ from in latestLog.withCString { to in rename(from, to) } }) != 0 {
            _ = temporary.withCString { unlink($0) }
        }
    }

    // MARK: Removing

    /// Removes a run that has nothing in it.
    package func removeEmpty(_ run: RunID) {
        unnameLatest(run)
        _ = logPath(of: run).withCString { unlink($0) }
        _ = directory(of: run).withCString { rmdir($0) }
        markFinished(run)
    }

    /// Removes a run with all its files, its log last, so that what is interrupted can be done again. Returns the bytes of
    /// the files.
    ///
    /// - Throws: what could not be removed.
    package func remove(_ run: RunID) throws(Failure) -> Int {
        let place = directory(of: run)
        var bytes = try removeFiles(in: place, but: Array(Self.logName.utf8))
        unnameLatest(run)
        bytes += try removeFiles(in: place, but: [])
        guard place.withCString({ rmdir($0) }) == 0 || errno == ENOENT else { throw failure(place, .output) }
        markFinished(run)
        return bytes
    }

    private func removeFiles(in directory: Path, but spared: [UInt8]) throws(Failure) -> Int {
        guard let opened = Descriptor.openDirectory(directory), let names = FileTree.names(in: opened) else {
            if errno == ENOENT { return 0 }
            throw failure(directory, .output)
        }
        var bytes = 0
        for name in names where name != spared {
            let inner = directory.appending(name)
            var status = stat()
            guard inner.withCString({ lstat($0, &status) }) == 0 else { throw failure(inner, .output) }
            if status.isDirectory {
                bytes += try removeFiles(in: inner, but: [])
            } else {
                bytes += Int(status.st_size)
            }
            guard inner.withCString({ status.isDirectory ? rmdir($0) : unlink($0) }) == 0 else {
                throw failure(inner, .output)
            }
        }
        return bytes
    }

    private func unnameLatest(_ run: RunID) {
        guard let named = Self.status(latestLog), Self.status(logPath(of: run))?.isSameFile(as: named) == true else {
            return
        }
        _ = latestLog.withCString { unlink($0) }
    }

    // MARK: Parts

    private func unfinishedPath(_ run: RunID) -> Path { inner("unfinished").appending(Array(run.description.utf8)) }

    private func entries(_ directory: Path) throws(Failure) -> [RunID] {
        guard let opened = Descriptor.openDirectory(directory), let names = FileTree.names(in: opened) else {
            if errno == ENOENT { return [] }
            throw failure(directory, .input)
        }
        return names.compactMap { RunID(String(decoding: $0, as: UTF8.self)) }.sorted()
    }

    private func make(_ path: Path, _ mode: mode_t) throws(Failure) {
        guard path.withCString({ mkdir($0, mode) }) == 0 || errno == EEXIST else { throw failure(path) }
    }

    private func failure(_ path: Path, _ status: ExitStatus = .runner) -> Failure {
        Failure(status, "\(path.text): \(Diagnostics.reason(errno))")
    }

    private static func isLocked(_ log: Path) -> Bool {
        Descriptor.open(log, O_RDONLY)?.isLockedElsewhere ?? false
    }

    private static func status(_ path: Path) -> stat? {
        var result = stat()
        return path.withCString { stat($0, &result) } == 0 ? result : nil
    }
}

extension ExitStatus {
    /// The runner itself failed, and the command did not run or was stopped: as `env`, `timeout` and container tools count.
    package static let runner = ExitStatus(code: 125)
}
