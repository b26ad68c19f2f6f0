package import CommandSupport
package import Glibc

/// A log that another program writes and a third one rotates: every byte once, in order.
///
/// Two ways of rotating are followed. **Rename and create**: the old file is read to its end, for as long as its writer still
/// holds it, and then the new one. **Copy and truncate**: what was not read before the file was cut is read from the copy,
/// which is known by its bytes. What a writer adds between copy and cut is lost by the rotation itself (logrotate(8),
/// "copytruncate").
package final class FollowedFile {
    /// Seconds without a byte after which a file that was renamed counts as ended.
    package static let quiet = 1.0
    /// Bytes by which a file is known again.
    static let fingerprint = 256
    private static let readSize = 256 << 10
    /// Files that wait to be read.
    private static let maximumSuccessors = 64

    private let path: Path
    private var descriptor: Int32 = -1
    private var identity = stat()
    private var offset: off_t = 0
    private var head: [UInt8] = []
    /// The last bytes before `offset`.
    private var tail: [UInt8] = []
    /// When the file was written last, as far as was seen.
    private var touched = timespec()
    /// When a byte was read last, or the file was found to have lost its name.
    private var lastByte = Clock.now
    /// Files that got the name since, the oldest first: several, when it rotates faster than its end is known.
    private var successors: [(descriptor: Int32, identity: stat)] = []
    /// Part of a copy that is still to be read, and up to where.
    private var copy: (descriptor: Int32, offset: off_t)?
    package private(set) var warnings: [String] = []

    /// - Parameter skipsOld: Begin at the end of the file that is there now.
    package init(_ path: Path, skipsOld: Bool) {
        self.path = path
        if open(), skipsOld {
            offset = identity.st_size
            tail = Self.read(
                descriptor, max(0, offset - off_t(Self.fingerprint)), Int(min(offset, off_t(Self.fingerprint))))
        }
    }

    /// Goes on at a place where another process ended, also in a file that has been rotated since.
    ///
    /// - Parameter passes: Files that are no part of the log though they may be called like it.
    package init(_ path: Path, at place: FollowState.Place, passing passes: [stat] = []) {
        self.path = path
        let named = openNamed()
        if let named, place.isIn(named.descriptor, named.identity, asCopy: false) {
            begin(named)
            resume(at: place)
            return
        }
        guard let found = find(place, passes) else {
            warnings.append(
                "\(path.text): was rotated, and its old file is not here; what was not read before is lost")
            if let named { begin(named) }
            return
        }
        begin(found.file)
        resume(at: place)
        successors = found.later
        if let named {
            // The newest; it may be what was read last, cut.
            if successors.count < Self.maximumSuccessors { successors.append(named) } else { close(named.descriptor) }
        }
    }

    private func resume(at place: FollowState.Place) {
        offset = off_t(place.offset)
        head = Self.read(descriptor, 0, place.head.count)
        tail = Self.read(descriptor, offset - off_t(place.tail.count), place.tail.count)
    }

    /// Where the next byte is read, by which a later start finds it again; nil while that is in a copy.
    package var place: FollowState.Place? {
        guard descriptor >= 0, copy == nil else { return nil }
        return FollowState.Place(
            device: Int(bitPattern: UInt(identity.st_dev)), inode: Int(bitPattern: UInt(identity.st_ino)),
            offset: Int(offset), head: FollowState.Fingerprint(head), tail: FollowState.Fingerprint(tail))
    }

    /// So many bytes before the place where the next one is read, or as many as there are.
    package func bytesBehind(_ count: Int) -> [UInt8] {
        guard descriptor >= 0, copy == nil else { return [] }
        let start = max(0, offset - off_t(count))
        return Self.read(descriptor, start, Int(offset - start))
    }

    private typealias File = (descriptor: Int32, identity: stat)

    /// The file that has the place, under another name or as a copy, and those that were written after it.
    private func find(_ place: FollowState.Place, _ passes: [stat]) -> (file: File, later: [File])? {
        let (parent, name) = path.split
        guard let directory = Descriptor.openDirectory(parent), let names = FileTree.names(in: directory) else {
            return nil
        }
        var files: [File] = []
        for other in names where Self.isRotation(other, of: name) {
            let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
            guard let file = Descriptor.open(at: directory.number, other, flags), let status = file.status,
                status.isRegularFile, !passes.contains(where: { $0.isSameFile(as: status) })
            else { continue }
            files.append((fcntl(file.number, F_DUPFD_CLOEXEC, 3), status))
        }
        // Each was written last when the next one began, or was copied then.
        files.sort {
            ($0.identity.st_mtim.tv_sec, $0.identity.st_mtim.tv_nsec)
                < ($1.identity.st_mtim.tv_sec, $1.identity.st_mtim.tv_nsec)
        }
        let index =
            files.firstIndex { place.isIn($0.descriptor, $0.identity, asCopy: false) }
            ?? files.firstIndex { place.isIn($0.descriptor, $0.identity, asCopy: true) }
        guard let index else {
            for file in files { close(file.descriptor) }
            return nil
        }
        for file in files[..<index] { close(file.descriptor) }
        let later = files[(index + 1)...]
        for file in later.dropFirst(Self.maximumSuccessors - 1) { close(file.descriptor) }
        return (files[index], Array(later.prefix(Self.maximumSuccessors - 1)))
    }

    /// Whether a name is what logrotate makes of `name`: a dot or a hyphen, and a number or a date.
    static func isRotation(_ other: [UInt8], of name: [UInt8]) -> Bool {
        guard other.starts(with: name), other.count > name.count + 1 else { return false }
        let rest = other[name.count...]
        return (rest.first == UInt8(ascii: ".") || rest.first == UInt8(ascii: "-"))
            && rest.dropFirst().allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
        if let copy { close(copy.descriptor) }
        for file in successors { close(file.descriptor) }
    }

    /// The next bytes; empty: there are none now.
    package func next() throws(Failure) -> [UInt8] {
        if let bytes = nextOfCopy() { return bytes }
        noteSuccessor()
        guard descriptor >= 0 || open() else { return [] }
        var now = stat()
        guard fstat(descriptor, &now) == 0 else { throw Failure(.input, "\(path.text): \(Diagnostics.reason(errno))") }
        // A file may be cut and have grown again since, to any size.
        let isTouched = now.st_mtim.tv_sec != touched.tv_sec || now.st_mtim.tv_nsec != touched.tv_nsec
        touched = now.st_mtim
        if now.st_size < offset || isTouched && !isSame(descriptor) {
            wasTruncated()
            return try next()
        }
        let bytes = Self.read(descriptor, offset, Self.readSize)
        if !bytes.isEmpty {
            advance(bytes)
            return bytes
        }
        // Its writer may hold it a little longer than its name.
        guard !successors.isEmpty, Clock.now.seconds(since: lastByte) >= Self.quiet else { return [] }
        close(descriptor)
        begin(successors.removeFirst())
        return try next()
    }

    package func takeWarnings() -> [String] {
        defer { warnings = [] }
        return warnings
    }

    private func advance(_ bytes: [UInt8]) {
        if head.count < Self.fingerprint { head += bytes.prefix(Self.fingerprint - head.count) }
        tail = Array((tail + bytes.suffix(Self.fingerprint)).suffix(Self.fingerprint))
        offset += off_t(bytes.count)
        lastByte = Clock.now
    }

    /// Begins with the file that has the name now.
    private func open() -> Bool {
        guard let file = openNamed() else { return false }
        begin(file)
        return true
    }

    private func begin(_ file: (descriptor: Int32, identity: stat)) {
        (descriptor, identity) = file
        offset = 0
        head = []
        tail = []
        lastByte = Clock.now
    }

    private func openNamed() -> (descriptor: Int32, identity: stat)? {
        let number = path.withCString { name in
            Descriptor.retrying { Glibc.open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) }
        }
        guard number >= 0 else { return nil }
        var status = stat()
        guard fstat(number, &status) == 0, status.isRegularFile else {
            close(number)
            return nil
        }
        return (number, status)
    }

    /// Opens the file that has the name now, if that is another one than before, so that it is not missed when it, too, is
    /// renamed.
    private func noteSuccessor() {
        var named = stat()
        guard descriptor >= 0, path.withCString({ stat($0, &named) }) == 0,
            !named.isSameFile(as: successors.last?.identity ?? identity), successors.count < Self.maximumSuccessors,
            let file = openNamed()
        else { return }
        if successors.isEmpty { lastByte = Clock.now }
        successors.append(file)
    }

    /// Whether what stands before `offset` is what was read there.
    private func isSame(_ file: Int32) -> Bool {
        Self.read(file, offset - off_t(tail.count), tail.count) == tail
    }

    private func wasTruncated() {
        if let file = findCopy() {
            copy = (file, offset)
        } else {
            warnings.append(
                "\(path.text): was truncated, and there is no copy of it here; what was not read before is lost")
        }
        offset = 0
        head = []
        tail = []
    }

    /// A file beside this one that begins and goes on like it.
    private func findCopy() -> Int32? {
        let (parent, name) = path.split
        guard let directory = Descriptor.openDirectory(parent), let names = FileTree.names(in: directory) else {
            return nil
        }
        for other in names where other != name && other.starts(with: name) {
            guard let file = Descriptor.open(at: directory.number, other, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
                let status = file.status, status.isRegularFile, status.st_size >= offset, isSame(file.number),
                Self.read(file.number, 0, head.count) == head
            else { continue }
            return fcntl(file.number, F_DUPFD_CLOEXEC, 3)
        }
        return nil
    }

    private func nextOfCopy() -> [UInt8]? {
        guard let (file, place) = copy else { return nil }
        let bytes = Self.read(file, place, Self.readSize)
        guard !bytes.isEmpty else {
            close(file)
            copy = nil
            return nil
        }
        copy = (file, place + off_t(bytes.count))
        return bytes
    }

    fileprivate static func read(_ file: Int32, _ offset: off_t, _ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, pread(file, buffer.baseAddress, count, offset))
        }
    }
}

extension FollowState.Place {
    /// Whether an open file has this place: the same file, or one with the same bytes before it.
    fileprivate func isIn(_ file: Int32, _ status: stat, asCopy: Bool) -> Bool {
        let isSame = Int(bitPattern: UInt(status.st_dev)) == device && Int(bitPattern: UInt(status.st_ino)) == inode
        guard isSame || asCopy && offset > 0, Int(status.st_size) >= offset else { return false }
        let start = FollowedFile.read(file, 0, head.count)
        let end = FollowedFile.read(file, off_t(offset - tail.count), tail.count)
        return FollowState.Fingerprint(start) == head && FollowState.Fingerprint(end) == tail
    }
}
