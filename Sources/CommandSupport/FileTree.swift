internal import Glibc

/// One file that a walk found: where it is, by its directory, so that nothing can be swapped in on the way there.
package struct FoundFile {
    /// An open directory; valid during the visit.
    package let directory: Int32
    package let directoryPath: Path
    package let name: [UInt8]
    package let path: Path
    /// True if the user named it: then a symbolic link is followed for reading, as `cat` does.
    package let isNamed: Bool
}

/// Visits files and directories as the user named them, directories to their depths.
///
/// Within a directory the order is that of the names' bytes, so that two runs agree. Symbolic links, devices, pipes and
/// sockets met on the way are passed over, and so are `.git` directories: their files are compressed, and a change
/// would corrupt them.
package struct FileTree {
    /// Called for each regular file, and for whatever else the user named that is not a directory.
    package let visit: (FoundFile) throws(Failure) -> Void
    /// Called when something cannot be opened; the walk goes on.
    package let fail: (Failure) -> Void

    package init(
        visit: @escaping (FoundFile) throws(Failure) -> Void, fail: @escaping (Failure) -> Void
    ) {
        self.visit = visit
        self.fail = fail
    }

    /// Visits `path` and all below it.
    package func walk(_ path: Path) throws(Failure) {
        var status = stat()
        guard path.withCString({ stat($0, &status) }) == 0 else {
            fail(Failure(.input, "\(path.text): \(Diagnostics.reason(errno))"))
            return
        }
        if status.isDirectory {
            guard let directory = Descriptor.openDirectory(path) else {
                fail(Failure(.input, "\(path.text): \(Diagnostics.reason(errno))"))
                return
            }
            try walk(directory, path)
        } else {
            let (parent, name) = path.split
            guard let directory = Descriptor.openDirectory(parent) else {
                fail(Failure(.input, "\(parent.text): \(Diagnostics.reason(errno))"))
                return
            }
            try visit(
                FoundFile(directory: directory.number, directoryPath: parent, name: name, path: path, isNamed: true))
        }
    }

    private func walk(_ directory: borrowing Descriptor, _ path: Path) throws(Failure) {
        guard let names = FileTree.names(in: directory) else {
            fail(Failure(.input, "\(path.text): \(Diagnostics.reason(errno))"))
            return
        }
        for name in names {
            let inner = path.appending(name)
            var status = stat()
            guard
                Path.withCString(name, { fstatat(directory.number, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0
            else {
                fail(Failure(.input, "\(inner.text): \(Diagnostics.reason(errno))"))
                continue
            }
            if status.isRegularFile {
                try visit(
                    FoundFile(
                        directory: directory.number, directoryPath: path, name: name, path: inner, isNamed: false))
            } else if status.isDirectory, name != Array(".git".utf8) {
                guard
                    let descriptor = Descriptor.open(at: directory.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
                else {
                    fail(Failure(.input, "\(inner.text): \(Diagnostics.reason(errno))"))
                    continue
                }
                try walk(descriptor, inner)
            }
        }
    }

    /// The names in a directory, sorted; nil: `errno` has the reason.
    package static func names(in directory: borrowing Descriptor) -> [[UInt8]]? {
        // The stream owns its descriptor, so it gets one of its own.
        let own = fcntl(directory.number, F_DUPFD_CLOEXEC, 3)
        guard own >= 0, let stream = fdopendir(own) else { return nil }
        defer { closedir(stream) }
        var names: [[UInt8]] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else { break }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
        }
        guard errno == 0 else { return nil }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }
}
