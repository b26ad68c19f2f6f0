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
    package let path: Path

    package static let name = ".pipeline"
    package static let logName = "iterations.log"

    /// - Parameter directory: The project's directory.
    package init(in directory: Path = Path(".")) { path = directory.appending(Array(Self.name.utf8)) }

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
    package var runs: [RunID] { entries(inner("runs")) }

    /// Runs whose log was not finished: they go on, or their runner was killed.
    package var unfinished: [RunID] { entries(inner("unfinished")) }

    /// The run whose log has the name `iterations.log`, or else the newest one there is.
    package var newest: RunID? {
        let runs = self.runs
        var named = stat()
        guard latestLog.withCString({ stat($0, &named) }) == 0 else { return runs.last }
        return runs.last { run in
            var status = stat()
            return logPath(of: run).withCString { stat($0, &status) } == 0 && status.isSameFile(as: named)
        } ?? runs.last
    }

    package func directory(of run: RunID) -> Path { inner("runs").appending(Array(run.description.utf8)) }

    package func logPath(of run: RunID) -> Path { directory(of: run).appending(Array(Self.logName.utf8)) }

    /// The name that the newest run's log has too.
    package var latestLog: Path { inner(Self.logName) }

    /// Whether a runner writes this run's log now.
    package func isLive(_ run: RunID) -> Bool { Self.isLocked(logPath(of: run)) }

    // MARK: What the log's writer does here

    func markUnfinished(_ run: RunID) throws(Failure) {
        let mark = unfinishedPath(run)
        let file = mark.withCString { open($0, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) }
        guard file >= 0 else { throw failure(mark) }
        close(file)
    }

    func markFinished(_ run: RunID) { _ = unfinishedPath(run).withCString { unlink($0) } }

    func makeDirectory(of run: RunID) throws(Failure) { try make(directory(of: run), 0o700) }

    /// Gives the log of `run` the name of the newest, unless that is one which is still written: then this run was
    /// started from within another, or beside it.
    func nameLatest(_ run: RunID) {
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

    /// Removes a run that has nothing in it.
    func remove(_ run: RunID) {
        if newest == run { _ = latestLog.withCString { unlink($0) } }
        _ = logPath(of: run).withCString { unlink($0) }
        _ = directory(of: run).withCString { rmdir($0) }
        markFinished(run)
    }

    private func unfinishedPath(_ run: RunID) -> Path { inner("unfinished").appending(Array(run.description.utf8)) }

    private func inner(_ name: String) -> Path { path.appending(Array(name.utf8)) }

    private func entries(_ directory: Path) -> [RunID] {
        guard let directory = Descriptor.openDirectory(directory), let names = FileTree.names(in: directory) else {
            return []
        }
        return names.compactMap { RunID(String(decoding: $0, as: UTF8.self)) }.sorted()
    }

    private func make(_ path: Path, _ mode: mode_t) throws(Failure) {
        guard path.withCString({ mkdir($0, mode) }) == 0 || errno == EEXIST else { throw failure(path) }
    }

    private func failure(_ path: Path) -> Failure {
        Failure(.runner, "\(path.text): \(Diagnostics.reason(errno))")
    }

    private static func isLocked(_ log: Path) -> Bool {
        guard let file = Descriptor.open(log, O_RDONLY) else { return false }
        guard flock(file.number, LOCK_SH | LOCK_NB) != 0 else { return false }
        return errno == EWOULDBLOCK
    }
}

extension ExitStatus {
    /// The runner itself failed, and the command did not run or was stopped: as `env`, `timeout` and container tools count.
    package static let runner = ExitStatus(code: 125)
}
