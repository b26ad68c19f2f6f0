internal import Glibc
internal import OpenSSLEngine
package import SealingKit
package import ServerStoreSQLite

/// The one directory that holds what the server keeps, and the key file.
package struct DataDirectory: Sendable {
    package let path: String
    package let kekPath: String

    package init(_ configuration: ServerConfiguration) {
        path = configuration.directory
        kekPath = configuration.kekPath
    }

    /// - Parameter path: For tests and tools that have no configuration.
    package init(path: String, kekPath: String? = nil) {
        self.path = path
        self.kekPath = kekPath ?? path + "/kek"
    }

    package var database: String { path + "/server.sqlite" }

    /// Makes the directory if it is not there, for the owner alone. One that others may enter is refused.
    package func prepare() throws {
        _ = umask(0o077)
        _ = try PrivateDirectory(path, create: true)
    }

    /// Reads the KEK file; makes it when it is not there and the database is not there either.
    ///
    /// - Throws: when there is a database without its keys: a new key would open nothing of it.
    package func keks() throws -> KeyFile {
        if access(kekPath, F_OK) != 0 {
            guard access(database, F_OK) != 0 else {
                throw SealingError(.refused, "there is a database in \(path), and no key file \(kekPath); restore it")
            }
            let keks = try KeyFile.generate()
            let text = keks.text
            try PrivateFile.replace(kekPath, with: text.bytes)
            return keks
        }
        var isOpenToOthers = false
        let contents = try PrivateFile.read(
            kekPath, maximumSize: KeyFile.maximumSize, policy: .ownerOnly, isOpenToOthers: &isOpenToOthers)
        return try KeyFile(parsing: contents.bytes)
    }

    package func open() throws -> SQLiteStore { try SQLiteStore(path: database) }

    /// Holds the directory for one server. The lock goes with the process, however that ends.
    package func lock() throws -> DirectoryLock { try DirectoryLock(path + "/lock") }
}

/// An exclusive lock on a file, as long as this exists.
package final class DirectoryLock: Sendable {
    private let descriptor: Int32

    fileprivate init(_ path: String) throws {
        descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw SealingError(.inputOutput, "the lock file can not be opened") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw SealingError(.refused, "another server uses this directory")
        }
    }

    deinit { close(descriptor) }
}
