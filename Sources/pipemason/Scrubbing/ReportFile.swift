internal import CommandSupport
internal import Glibc

/// The file a report goes to: complete or not there, where the system can do that.
struct ReportFile: ~Copyable {
    let writer: ByteWriter
    // Before `directory`: properties are destroyed in this order, and the temporary file is removed from an open one.
    private var atomic: AtomicFile?
    private let plain: Descriptor?
    private let directory: Descriptor?
    private let path: Path

    /// Opens `path`. A pipe, a device or a symbolic link is written to directly.
    init(_ path: Path) throws(Failure) {
        self.path = path
        var status = stat()
        let exists = path.withCString { lstat($0, &status) } == 0
        if exists, !status.isRegularFile {
            guard let file = Descriptor.open(at: AT_FDCWD, path.bytes, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o666) else {
                throw Failure(.output, "\(path.text): \(Diagnostics.reason(errno))")
            }
            writer = ByteWriter(file.number, name: path.text)
            plain = consume file
            atomic = nil
            directory = nil
            return
        }
        let (parent, name) = path.split
        guard let opened = Descriptor.openDirectory(parent) else {
            throw Failure(.output, "\(path.text): \(Diagnostics.reason(errno))")
        }
        let file = try AtomicFile(directory: opened.number, path: parent, name: name, mode: 0o666, slot: 1)
        writer = ByteWriter(file.descriptor.number, name: path.text)
        atomic = consume file
        directory = consume opened
        plain = nil
    }

    /// Writes what is left and puts the report in its place.
    mutating func commit() throws(Failure) {
        writer.flush()
        try writer.check()
        let reason = atomic?.commit() ?? 0
        guard reason == 0 else { throw Failure(.output, "\(path.text): \(Diagnostics.reason(reason))") }
    }
}
