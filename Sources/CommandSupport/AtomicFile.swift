internal import CPlatform
package import Glibc

/// A file written under a temporary name in its own directory, which takes its place in one step or never.
///
/// Unless `commit()` is reached, the temporary file is removed and what stood at the name stays as it was, also when
/// a signal ends the process.
package struct AtomicFile: ~Copyable {
    /// Where to write.
    package let descriptor: Descriptor

    private let directory: Int32
    private let name: [UInt8]
    private let temporaryName: [UInt8]
    private let slot: Int32
    private var isCommitted = false

    /// Creates the temporary file.
    ///
    /// - Parameters:
    ///   - directory: An open directory, which must stay open.
    ///   - path: The path of that directory, for clearing up after a signal.
    ///   - name: The file to replace or create in it.
    ///   - mode: Permissions, before the process's mask.
    ///   - slot: 0 or 1; one file at a time in each.
    package init(directory: Int32, path: Path, name: [UInt8], mode: mode_t, slot: Int32) throws(Failure) {
        var random = SystemRandomNumberGenerator()
        let temporaryName = Array(".pipemason-\(String(random.next(), radix: 36)).tmp".utf8)
        let registered = path.appending(temporaryName).withCString { pm_signals_remove_at_exit(slot, $0) }
        guard registered == 0 else { throw Failure(.internal, Diagnostics.reason(registered)) }
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW
        guard let descriptor = Descriptor.open(at: directory, temporaryName, flags, mode: mode) else {
            let reason = errno
            _ = pm_signals_remove_at_exit(slot, nil)
            throw Failure(.output, "\(path.text): cannot create a file here: \(Diagnostics.reason(reason))")
        }
        self.descriptor = descriptor
        self.directory = directory
        self.name = name
        self.temporaryName = temporaryName
        self.slot = slot
    }

    deinit {
        if !isCommitted { _ = Path.withCString(temporaryName) { unlinkat(directory, $0, 0) } }
        _ = pm_signals_remove_at_exit(slot, nil)
    }

    /// Puts the file in its place; on disk, both the bytes and the name. Returns 0, or the error number.
    package mutating func commit() -> Int32 {
        guard Descriptor.retrying({ fsync(descriptor.number) }) == 0 else { return errno }
        let renamed = Path.withCString(temporaryName) { from in
            Path.withCString(name) { to in renameat(directory, from, directory, to) }
        }
        guard renamed == 0 else { return errno }
        isCommitted = true
        // The name is only as durable as its directory; some file systems cannot sync one, and then it is as good as
        // it gets.
        _ = fsync(directory)
        return 0
    }
}
