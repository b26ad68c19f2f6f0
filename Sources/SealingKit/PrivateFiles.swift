internal import CSealing
internal import Glibc
public import OpenSSLEngine
internal import TextEncodings

/// A directory that only its owner can enter, held open, so that nothing under it can be exchanged between a check
/// and a use (docs/formats/credentials.md, "Checks").
public struct PrivateDirectory: ~Copyable {
    /// Owned; closed in `deinit`.
    private let descriptor: CInt
    /// As given, for messages.
    private let path: String

    /// Opens the directory at `path`; makes it with mode 0700 when `create` is set and it is missing.
    /// - Throws: `.notPrivate` when it is a symbolic link, someone else's, or open to others; `.inputOutput`.
    public init(_ path: String, create: Bool = false) throws(SealingError) {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        var descriptor = Glibc.open(path, flags)
        if descriptor < 0, errno == ENOENT, create {
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .system("mkdir \(path)", errno) }
            descriptor = Glibc.open(path, flags)
        }
        guard descriptor >= 0 else {
            let number = errno
            if number == ELOOP || number == ENOTDIR {
                throw SealingError(.notPrivate, "\(path) is not a directory, or is a symbolic link")
            }
            throw .system("open \(path)", number)
        }
        do throws(SealingError) {
            try Self.check(descriptor, path, type: S_IFDIR, what: "a directory", repair: "chmod 700")
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.path = path
    }

    /// Returns the contents of the file `name`, or nil when there is none.
    ///
    /// The file must be regular, have one name, be ours, and be closed to group and others. It is opened without
    /// following links and without blocking on a pipe.
    /// - Throws: `.notPrivate`, `.limitExceeded`, `.inputOutput`.
    public func read(_ name: String, maximumSize: Int) throws(SealingError) -> WipedBuffer? {
        let file = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        let full = path + "/" + name
        guard file >= 0 else {
            let number = errno
            if number == ENOENT { return nil }
            if number == ELOOP { throw SealingError(.notPrivate, "\(full) is a symbolic link") }
            throw .system("open \(full)", number)
        }
        defer { close(file) }
        try Self.check(file, full, type: S_IFREG, what: "a regular file", repair: "chmod 600")
        return try readAll(file, maximumSize: maximumSize, name: full)
    }

    /// Replaces the file `name` by one that holds `bytes`, with mode 0600: whole or not at all, also after a crash.
    public func replace(_ name: String, with bytes: Span<UInt8>) throws(SealingError) {
        let file = try TemporaryFile(in: descriptor, for: name)
        var sink = DescriptorSink(file.descriptor)
        try sink.write(bytes)
        try file.commit()
    }

    /// Removes the file `name`, if it is there, for good.
    public func remove(_ name: String) throws(SealingError) {
        guard unlinkat(descriptor, name, 0) == 0 || errno == ENOENT else {
            throw .system("remove \(path)/\(name)", errno)
        }
        guard fsync(descriptor) == 0 else { throw .system("fsync \(path)", errno) }
    }

    /// Holds an exclusive lock for as long as the result lives, for read-modify-write.
    public func lock() throws(SealingError) -> FileLock {
        let file = openat(descriptor, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system("open \(path)/.lock", errno) }
        while flock(file, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let number = errno
                close(file)
                throw .system("flock \(path)/.lock", number)
            }
        }
        return FileLock(descriptor: file)
    }

    static func check(
        _ descriptor: CInt, _ path: String, type: mode_t, what: String, repair: String
    ) throws(SealingError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system("fstat \(path)", errno) }
        guard status.st_mode & S_IFMT == type else { throw SealingError(.notPrivate, "\(path) is not \(what)") }
        guard status.st_uid == geteuid() else { throw SealingError(.notPrivate, "\(path) belongs to another user") }
        guard status.st_mode & 0o077 == 0 else {
            throw SealingError(.notPrivate, "\(path) is open to other users; repair it with: \(repair) \(path)")
        }
        guard type != S_IFREG || status.st_nlink == 1 else {
            throw SealingError(.notPrivate, "\(path) has more than one name (hard links)")
        }
    }

    deinit { close(descriptor) }
}

/// An exclusive advisory lock on a file.
public struct FileLock: ~Copyable {
    fileprivate let descriptor: CInt
    deinit { close(descriptor) }
}

/// Files that hold secrets, by path.
public enum PrivateFile {
    /// What is asked of a file before it is read.
    public enum Policy: Sendable {
        /// As `PrivateDirectory.read` asks of a file; its directory is not checked.
        case ownerOnly
        /// Not open to other users, unless its directory is closed to them. Links and pipes are fine. For key files
        /// of ours that are named by hand.
        case closed
        /// Nothing: for files of other programs' formats, where `isOpenToOthers` allows a warning. Pipes are fine.
        case anything
    }

    /// Returns the contents of the file at `path`, and whether group or others may get at it.
    /// - Throws: `.notPrivate` when it breaks the policy; `.limitExceeded`; `.inputOutput`.
    public static func read(
        _ path: String, maximumSize: Int, policy: Policy, isOpenToOthers: inout Bool
    ) throws(SealingError) -> WipedBuffer {
        let strict = policy == .ownerOnly
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (strict ? O_NOFOLLOW | O_NONBLOCK : 0))
        guard file >= 0 else {
            if strict, errno == ELOOP { throw SealingError(.notPrivate, "\(path) is a symbolic link") }
            throw .system("open \(path)", errno)
        }
        defer { close(file) }
        if strict {
            try PrivateDirectory.check(file, path, type: S_IFREG, what: "a regular file", repair: "chmod 600")
        }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .system("fstat \(path)", errno) }
        isOpenToOthers =
            status.st_mode & S_IFMT == S_IFREG && status.st_mode & 0o077 != 0 && !isInClosedDirectory(path)
        guard policy != .closed || !isOpenToOthers else {
            throw SealingError(.notPrivate, "\(path) is open to other users; repair it with: chmod 600 \(path)")
        }
        return try readAll(file, maximumSize: maximumSize, name: path)
    }

    /// Whether only its owner can enter the directory that holds the file, links followed.
    private static func isInClosedDirectory(_ path: String) -> Bool {
        guard let real = realpath(path, nil) else { return false }
        defer { free(real) }
        guard let slash = strrchr(real, CInt(UInt8(ascii: "/"))) else { return false }
        slash[slash == real ? 1 : 0] = 0
        var status = stat()
        return stat(real, &status) == 0 && status.st_mode & 0o077 == 0
    }

    /// Replaces the file at `path` by one that holds `bytes`, with mode 0600: whole or not at all.
    public static func replace(_ path: String, with bytes: Span<UInt8>) throws(SealingError) {
        var file = try OutputFile(path)
        try file.write(bytes)
        try file.commit()
    }
}

/// Reads a descriptor to its end, at most `maximumSize` bytes.
public func readAll(_ descriptor: CInt, maximumSize: Int, name: String) throws(SealingError) -> WipedBuffer {
    // One byte more than allowed tells whether there is more.
    var buffer = WipedBuffer(capacity: maximumSize + 1)
    var source = DescriptorSource(descriptor)
    while true {
        let amount = try buffer.edit { (output) throws(SealingError) in try source.read(into: &output) }
        guard buffer.count <= maximumSize else {
            throw SealingError(.limitExceeded, "\(name) has more than \(maximumSize) bytes")
        }
        if amount == 0 { return buffer }
    }
}

/// An output file that appears under its name only when everything has been written.
///
/// A cut or damaged input must not leave a plausible beginning behind, so the bytes go to a temporary file beside
/// the destination, which `commit` flushes and renames. Without `commit` it is removed.
public struct OutputFile: ~Copyable, ByteSink {
    private let file: TemporaryFile
    private var sink: DescriptorSink

    /// Prepares to replace `path`.
    /// - Throws: `.inputOutput` when the destination exists and is not a regular file: a rename would replace a
    ///   device or a symbolic link instead of writing to it.
    public init(_ path: String) throws(SealingError) {
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            throw SealingError(.inputOutput, "\(path) exists and is not a regular file")
        }
        var parent = "."
        var name = path
        if let slash = path.lastIndex(of: "/") {
            parent = slash == path.startIndex ? "/" : String(path[..<slash])
            name = String(path[path.index(after: slash)...])
        }
        guard !name.isEmpty else { throw SealingError(.inputOutput, "\(path) names no file") }
        let directory = Glibc.open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw .system("open \(parent)", errno) }
        file = try TemporaryFile(in: directory, ownsDirectory: true, for: name)
        sink = DescriptorSink(file.descriptor)
    }

    public mutating func write(_ bytes: Span<UInt8>) throws(SealingError) { try sink.write(bytes) }

    /// Flushes the bytes to disk and gives the file its name.
    public func commit() throws(SealingError) { try file.commit() }
}

/// A file in a directory, mode 0600, that has no name before it is committed.
///
/// However the process ends before that, even killed, nothing stays behind. On file systems without such files (NFS,
/// older overlays) it has a random name, which goes in `deinit` and on the signals that end a process, but not on a kill.
private final class TemporaryFile {
    let descriptor: CInt
    /// Closed in `deinit` when it is ours; otherwise it outlives this object.
    private let directory: CInt
    private let ownsDirectory: Bool
    /// The random name: in use at once when `isNamed`, else for the moment between the file and its destination.
    private let name: String
    private let destination: String
    private var isNamed: Bool

    init(in directory: CInt, ownsDirectory: Bool = false, for destination: String) throws(SealingError) {
        let suffix: [UInt8]
        do { suffix = try Random.publicBytes(count: 12) } catch {
            if ownsDirectory { close(directory) }
            throw SealingError(error)
        }
        name = "." + destination + "." + Hex.encode(suffix.span)
        self.directory = directory
        self.ownsDirectory = ownsDirectory
        self.destination = destination
        let unnamed = TemporaryFiles.mayBeUnnamed ? pm_open_unnamed(directory) : -1
        isNamed = unnamed < 0
        if isNamed {
            if ownsDirectory { pm_remove_on_signal(directory, name) }
            descriptor = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        } else {
            descriptor = unnamed
        }
        guard descriptor >= 0 else {
            isNamed = false  // nothing to remove
            throw .system("create \(destination)", errno)
        }
        // The process's mask may have taken bits away; nothing may have added any.
        _ = fchmod(descriptor, 0o600)
    }

    func commit() throws(SealingError) {
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw .system("fsync \(destination)", errno) }
        if !isNamed {
            // The destination itself, when it is free; otherwise a name that then replaces it.
            var failure = pm_name(descriptor, directory, destination)
            if failure == EEXIST {
                // Signals change the process, so this is only for output files of commands: one at a time.
                if ownsDirectory { pm_remove_on_signal(directory, name) }
                failure = pm_name(descriptor, directory, name)
                isNamed = failure == 0
            }
            guard failure == 0 else { throw .system("name \(destination)", failure) }
        }
        if isNamed {
            guard renameat(directory, name, directory, destination) == 0 else {
                throw .system("rename \(destination)", errno)
            }
            isNamed = false
        }
        if ownsDirectory { pm_remove_on_signal(directory, nil) }
        guard fsync(directory) == 0 || errno == EINVAL else { throw .system("fsync directory", errno) }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if isNamed { unlinkat(directory, name, 0) }
        guard ownsDirectory else { return }
        pm_remove_on_signal(directory, nil)
        close(directory)
    }
}

/// How output files come into being.
enum TemporaryFiles {
    /// Whether to try files without a name first. The slow twin is what file systems without them get;
    /// PIPEMASON_NAMED_FILES, which only tests set, asks for it.
    static let mayBeUnnamed = getenv("PIPEMASON_NAMED_FILES") == nil
}
