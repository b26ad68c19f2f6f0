internal import Glibc
internal import OpenSSLEngine
package import SealingKit
package import ServerStore
internal import ServerStorePostgres
package import ServerStoreSQLite

/// The one directory that holds what the server keeps, and the key file.
package struct DataDirectory: Sendable {
    package let path: String
    package let kekPath: String
    /// Where PostgreSQL is; nil when the database is a file here.
    private let postgres: PostgresAddress?
    private let connections: Int

    package init(_ configuration: ServerConfiguration) {
        path = configuration.directory
        kekPath = configuration.kekPath
        postgres = configuration.postgres
        connections = configuration.databaseConnections
    }

    /// - Parameter path: For tests and tools that have no configuration.
    package init(path: String, kekPath: String? = nil) {
        self.path = path
        self.kekPath = kekPath ?? path + "/kek"
        postgres = nil
        connections = 0
    }

    /// Whether the database is a file in the directory.
    package var isEmbedded: Bool { postgres == nil }

    package var database: String { path + "/server.sqlite" }

    /// Makes the directory if it is not there, for the owner alone. One that others may enter is refused.
    package func prepare() throws {
        _ = umask(0o077)
        _ = try PrivateDirectory(path, create: true)
    }

    /// Makes the KEK file if it is not there, for a database that is empty.
    ///
    /// - Parameter isEmpty: Whether there is nothing yet that other keys would have to open.
    /// - Throws: when there is a database without its keys: a new key would open nothing of it.
    package func prepareKeks(isEmpty: Bool) throws {
        if access(kekPath, F_OK) != 0 {
            guard isEmpty else {
                let place = isEmbedded ? "in \(path)" : "with an organization in it"
                throw SealingError(.refused, "there is a database \(place), and no key file \(kekPath); restore it")
            }
            let keks = try KeyFile.generate()
            let text = keks.text
            try PrivateFile.replace(kekPath, with: text.bytes)
        }
    }

    /// Reads the KEK file.
    package func keks() throws -> KeyFile {
        var isOpenToOthers = false
        let contents = try PrivateFile.read(
            kekPath, maximumSize: KeyFile.maximumSize, policy: .ownerOnly, isOpenToOthers: &isOpenToOthers)
        return try KeyFile(parsing: contents.bytes)
    }

    /// Opens the database, wherever it is, and brings its schema up to date.
    package func open() throws -> any ControlPlaneStore {
        guard let postgres else { return try openEmbedded() }
        return try PostgresStore(postgres, connections: connections)
    }

    /// Opens the file in the directory.
    package func openEmbedded() throws -> SQLiteStore { try SQLiteStore(path: database) }

    /// Whether the file in the directory is there.
    package var hasDatabase: Bool { access(database, F_OK) == 0 }

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
