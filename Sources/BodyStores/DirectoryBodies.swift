internal import Glibc
internal import NIOPosix
public import ServerStore

/// Bodies as files of a directory that all servers share, such as one on NFS.
///
/// A file has another name until it is whole and flushed, so whoever finds a body finds all of it. Everything is open to its owner alone,
/// so the servers run as the same user (the same number, on a shared file system).
public struct DirectoryBodies: BodyStore {
    private let root: String

    /// - Parameter root: An existing directory. It is not made: a share that is not mounted must not become a directory of this
    ///   machine's.
    /// - Throws: `.refused` when it is no directory, or others may write to it.
    public init(_ root: String) throws {
        self.root = root
        var status = stat()
        guard stat(root, &status) == 0 else {
            throw StoreError(.refused, "\(root): \(String(cString: strerror(errno))); the directory must exist")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw StoreError(.refused, "\(root) is no directory") }
        guard status.st_mode & 0o022 == 0 else {
            throw StoreError(.refused, "\(root): others may write to it; repair it with: chmod go-w \(root)")
        }
    }

    public var place: String { root }

    public func put(_ scope: Scope, _ id: BodyID, _ body: [UInt8]) async throws {
        guard body.count <= BodyLimits.bytes else { throw StoreError(.refused, "body: too large") }
        try await write(body, to: Self.path(scope, id))
    }

    public func body(_ scope: Scope, _ id: BodyID) async throws -> [UInt8]? {
        try await read(Self.path(scope, id), limit: BodyLimits.bytes)
    }

    public func delete(_ scope: Scope, _ id: BodyID) async throws {
        let file = File(root: root, path: Self.path(scope, id))
        try await blocking {
            // The directory is flushed before anybody forgets the name.
            if try file.remove() { try file.flushDirectory() }
        }
    }

    public func owner() async throws -> String? {
        try await read(Self.ownerPath, limit: BodyLimits.owner).map { String(decoding: $0, as: UTF8.self) }
    }

    public func claim(_ owner: String) async throws { try await write(Array(owner.utf8), to: Self.ownerPath) }

    private func write(_ bytes: [UInt8], to path: String) async throws {
        let file = File(root: root, path: path)
        try await blocking { try file.write(bytes) }
    }

    private func read(_ path: String, limit: Int) async throws -> [UInt8]? {
        let file = File(root: root, path: path)
        return try await blocking { try file.read(limit: limit) }
    }

    /// Files on a share can block for long, which the threads of Swift's tasks must not.
    private func blocking<Value: Sendable>(_ body: @Sendable @escaping () throws -> Value) async throws -> Value {
        try await NIOThreadPool.singleton.runIfActive(body)
    }
}

/// A file below a root, at a path of ids: nothing in it leads elsewhere.
private struct File {
    let root: String
    let path: String

    private var whole: String { root + "/" + path }
    /// The directories on the way, the first one first.
    private var directories: [String] {
        let parts = path.split(separator: "/").dropLast()
        return parts.indices.map { root + "/" + parts[...$0].joined(separator: "/") }
    }
    private var directory: String { directories.last ?? root }
    /// What the file is called until it is whole. The same each time, so that what a crash leaves is found by the body's name.
    private var partial: String { whole + ".part" }

    func write(_ bytes: [UInt8]) throws {
        try makeDirectories()
        let file = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("open") }
        do {
            defer { close(file) }
            var offset = 0
            while offset < bytes.count {
                let written = bytes[offset...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { throw failure("write") }
                offset += written
            }
            guard fsync(file) == 0 else { throw failure("fsync") }
        } catch {
            unlink(partial)
            throw error
        }
        guard rename(partial, whole) == 0 else { throw failure("rename") }
        try flushDirectory()
    }

    /// Nil when there is no such file.
    func read(limit: Int) throws -> [UInt8]? {
        let file = open(whole, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            guard errno == ENOENT else { throw failure("open") }
            return nil
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure("fstat") }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else {
            throw StoreError(.damaged, "\(whole): no file of at most \(limit) bytes")
        }
        let size = Int(status.st_size)
        var bytes = [UInt8](repeating: 0, count: size)
        var offset = 0
        while offset < size {
            let count = bytes[offset...].withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read") }
            guard count > 0 else { throw StoreError(.damaged, "\(whole): it became shorter") }
            offset += count
        }
        return bytes
    }

    /// Returns whether there is a directory that the file could have been in.
    func remove() throws -> Bool {
        for name in [partial, whole] where unlink(name) != 0 {
            guard errno == ENOENT else { throw failure("unlink") }
        }
        return access(directory, F_OK) == 0
    }

    /// Makes names in the file's directory durable.
    func flushDirectory() throws { try flush(directory) }

    private func flush(_ directory: String) throws {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("fsync") }
    }

    private func makeDirectories() throws {
        var parent = root
        for directory in directories {
            if mkdir(directory, 0o700) == 0 {
                try flush(parent)
            } else if errno != EEXIST {
                throw failure("mkdir")
            }
            parent = directory
        }
    }

    private func failure(_ call: String) -> StoreError {
        StoreError(.unavailable, "\(whole): \(call): \(String(cString: strerror(errno)))")
    }
}
