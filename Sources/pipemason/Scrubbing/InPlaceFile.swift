internal import CPlatform
internal import CommandSupport
internal import Glibc

/// Checks that a file may be replaced, and puts the replacement in its place with the same owner, mode and attributes.
///
/// Refused are symbolic links (the link would be replaced, not the file), files with further names (those would keep
/// the old content), and files that change meanwhile.
struct InPlaceFile: ~Copyable {
    let found: FoundFile
    /// The file, open for reading.
    let source: Descriptor
    private let status: stat

    init(_ found: FoundFile) throws(Failure) {
        self.found = found
        // Non-blocking, so that a named pipe cannot stop the run before it is refused.
        guard
            let source = Descriptor.open(
                at: found.directory, found.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        else {
            let reason = errno
            if reason == ELOOP { throw Failure(.input, "\(found.path.text): is a symbolic link; name its target") }
            throw Failure(.input, "\(found.path.text): \(Diagnostics.reason(reason))")
        }
        guard let status = source.status else {
            throw Failure(.input, "\(found.path.text): \(Diagnostics.reason(errno))")
        }
        guard status.isRegularFile else { throw Failure(.input, "\(found.path.text): is not a regular file") }
        self.source = source
        self.status = status
    }

    /// Goes back to the beginning of the file.
    func rewind() throws(Failure) {
        guard lseek(source.number, 0, SEEK_SET) == 0 else {
            throw Failure(.input, "\(found.path.text): \(Diagnostics.reason(errno))")
        }
    }

    /// Creates the file that is to take the place.
    func makeReplacement(breakingHardLinks: Bool) throws(Failure) -> AtomicFile {
        guard status.st_nlink == 1 || breakingHardLinks else {
            throw Failure(
                .input, "\(found.path.text): has \(status.st_nlink) names (hard links); --force replaces this one only")
        }
        return try AtomicFile(
            directory: found.directory, path: found.directoryPath, name: found.name, mode: S_IRUSR | S_IWUSR, slot: 0)
    }

    /// Puts `replacement` in the place of the file.
    func replace(with replacement: consuming AtomicFile) throws(Failure) {
        keepOwnerAndMode(replacement.descriptor.number)
        let attributes = pm_copy_extended_attributes(source.number, replacement.descriptor.number)
        if attributes != 0 {
            Diagnostics.warn(
                "\(found.path.text): an extended attribute was not kept: \(Diagnostics.reason(attributes))")
        }
        var named = stat()
        let isNamed =
            Path.withCString(found.name) { fstatat(found.directory, $0, &named, AT_SYMLINK_NOFOLLOW) } == 0
        guard isNamed, named.isUnchanged(since: status) else {
            throw Failure(.input, "\(found.path.text): changed while it was read; left as it is")
        }
        let reason = replacement.commit()
        guard reason == 0 else {
            throw Failure(.output, "\(found.path.text): cannot be replaced: \(Diagnostics.reason(reason))")
        }
    }

    private func keepOwnerAndMode(_ descriptor: Int32) {
        var mode = status.st_mode & 0o7777
        if fchown(descriptor, status.st_uid, status.st_gid) != 0 {
            // Only root gives files away. Then the group, if that is possible, and no set-id bit for another identity.
            let keptGroup = fchown(descriptor, uid_t.max, status.st_gid) == 0
            if status.st_uid != geteuid() {
                mode &= ~0o4000
                Diagnostics.warn("\(found.path.text): its owner could not be kept")
            }
            if !keptGroup {
                mode &= ~0o2000
                Diagnostics.warn("\(found.path.text): its group could not be kept")
            }
        }
        // After the owner: changing that clears set-id bits.
        if fchmod(descriptor, mode) != 0 {
            Diagnostics.warn("\(found.path.text): its mode could not be kept: \(Diagnostics.reason(errno))")
        }
    }
}
