package import Glibc

/// An open file descriptor that closes itself.
package struct Descriptor: ~Copyable {
    package let number: Int32

    package init(_ number: Int32) { self.number = number }

    deinit { _ = close(number) }

    /// Opens a file by path; nil: `errno` has the reason.
    package static func open(_ path: Path, _ flags: Int32) -> Descriptor? {
        open(at: AT_FDCWD, path.bytes, flags)
    }

    /// Opens `name` in the directory `directory`; nil: `errno` has the reason.
    package static func open(at directory: Int32, _ name: [UInt8], _ flags: Int32, mode: mode_t = 0) -> Descriptor? {
        let number = Path.withCString(name) { name in
            retrying { openat(directory, name, flags | O_CLOEXEC | O_NOCTTY, mode) }
        }
        return number < 0 ? nil : Descriptor(number)
    }

    /// Opens a directory; one that may be passed through but not listed serves to reach its files only.
    package static func openDirectory(_ path: Path) -> Descriptor? {
        // Linux's O_PATH, which Swift's Glibc does not show; the same number on x86-64 and arm64.
        let pathOnly: Int32 = 0o10000000
        if let readable = open(path, O_RDONLY | O_DIRECTORY) { return readable }
        return errno == EACCES ? open(path, pathOnly | O_DIRECTORY) : nil
    }

    /// What the system knows about the file; nil: `errno` has the reason.
    package var status: stat? {
        var result = stat()
        return fstat(number, &result) == 0 ? result : nil
    }

    /// How long `lock` asks again, in milliseconds.
    package static let lockPatience = 500

    /// Takes the file's lock (flock(2)), which lasts as long as the descriptor; false: another process has it.
    ///
    /// Who only asks whether there is a writer holds the lock for a moment, and so does a child between fork and exec. Neither is a
    /// writer: it is asked again for `lockPatience`.
    package func lock() -> Bool {
        for _ in 0..<Self.lockPatience {
            if flock(number, LOCK_EX | LOCK_NB) == 0 { return true }
            guard errno == EWOULDBLOCK || errno == EINTR else { return false }
            usleep(1000)
        }
        return false
    }

    /// Whether another open file has the lock.
    package var isLockedElsewhere: Bool { Self.isLockedElsewhere(number) }

    package static func isLockedElsewhere(_ number: Int32) -> Bool {
        guard flock(number, LOCK_SH | LOCK_NB) != 0 else {
            flock(number, LOCK_UN)
            return false
        }
        return errno == EWOULDBLOCK
    }

    /// Repeats a system call for as long as signals interrupt it.
    package static func retrying(_ call: () -> Int32) -> Int32 {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }

    /// Everything that can be read, up to `limit` bytes; nil: `errno` has the reason, EFBIG when there is more.
    package func readAll(limit: Int) -> [UInt8]? {
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(number, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                return nil
            }
            if count == 0 { return result }
            guard result.count + count <= limit else {
                errno = EFBIG
                return nil
            }
            result += chunk[..<count]
        }
    }
}

extension stat {
    package var kind: mode_t { st_mode & S_IFMT }
    package var isRegularFile: Bool { kind == S_IFREG }
    package var isDirectory: Bool { kind == S_IFDIR }
    package var isSymbolicLink: Bool { kind == S_IFLNK }

    /// True if both describe one file.
    package func isSameFile(as other: stat) -> Bool { st_dev == other.st_dev && st_ino == other.st_ino }

    /// True if the file was neither written nor replaced between the two.
    package func isUnchanged(since other: stat) -> Bool {
        isSameFile(as: other) && st_size == other.st_size && st_mtim.tv_sec == other.st_mtim.tv_sec
            && st_mtim.tv_nsec == other.st_mtim.tv_nsec
    }
}
