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
    /// Called for what a `.gitignore` file in or below a named directory ignores, which is then passed over; nil: such
    /// files mean nothing.
    package let ignore: ((Path) -> Void)?

    package init(
        visit: @escaping (FoundFile) throws(Failure) -> Void, fail: @escaping (Failure) -> Void,
        ignore: ((Path) -> Void)? = nil
    ) {
        self.visit = visit
        self.fail = fail
        self.ignore = ignore
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
            try walk(directory, path, below: [], ignoreFiles: [])
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

    /// `names` lead from the named directory to this one; each ignore file comes with how many of them stand above it.
    private func walk(
        _ directory: borrowing Descriptor, _ path: Path, below above: [[UInt8]],
        ignoreFiles: [(depth: Int, file: IgnoreFile)]
    ) throws(Failure) {
        guard let names = FileTree.names(in: directory) else {
            fail(Failure(.input, "\(path.text): \(Diagnostics.reason(errno))"))
            return
        }
        var ignoreFiles = ignoreFiles
        if ignore != nil, names.contains(Array(".gitignore".utf8)), let file = ignoreFile(in: directory, path) {
            ignoreFiles.append((above.count, file))
        }
        for name in names {
            let inner = path.appending(name)
            let below = above + [name]
            var status = stat()
            guard
                Path.withCString(name, { fstatat(directory.number, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0
            else {
                fail(Failure(.input, "\(inner.text): \(Diagnostics.reason(errno))"))
                continue
            }
            if status.isRegularFile || status.isDirectory, isIgnored(below, status.isDirectory, ignoreFiles) {
                ignore?(inner)
            } else if status.isRegularFile {
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
                try walk(descriptor, inner, below: below, ignoreFiles: ignoreFiles)
            }
        }
    }

    /// The innermost file that says anything decides.
    private func isIgnored(
        _ names: [[UInt8]], _ isDirectory: Bool, _ files: [(depth: Int, file: IgnoreFile)]
    ) -> Bool {
        for (depth, file) in files.reversed() {
            if let verdict = file.verdict(Array(names.dropFirst(depth)), isDirectory: isDirectory) { return verdict }
        }
        return false
    }

    private func ignoreFile(in directory: borrowing Descriptor, _ path: Path) -> IgnoreFile? {
        let name = Array(".gitignore".utf8)
        guard let file = Descriptor.open(at: directory.number, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
            file.status?.isRegularFile == true
        else { return nil }
        guard let bytes = file.readAll(limit: IgnoreFile.maximumSize) else {
            fail(Failure(.input, "\(path.appending(name).text): \(Diagnostics.reason(errno))"))
            return nil
        }
        return IgnoreFile(bytes)
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
