package import CommandSupport
internal import Glibc
internal import JSONText

/// How far a log that is followed has been passed on, so that a later start goes on there (docs/formats/hook-state.md).
package struct FollowState: Sendable, Equatable {
    /// A place in a file, by which the file is known again under any name.
    package struct Place: Sendable, Equatable {
        package var device: Int
        package var inode: Int
        /// Bytes before the place.
        package var offset: Int
        /// Of the file's first bytes.
        package var head: Fingerprint
        /// Of the bytes right before the place.
        package var tail: Fingerprint
    }

    /// Bytes that are known again without being kept: they may hold secrets.
    package struct Fingerprint: Sendable, Equatable {
        package var count: Int
        package var hash: UInt64

        package init(_ bytes: some Collection<UInt8>) {
            count = bytes.count
            // FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): nobody attacks it, since device and inode come first.
            hash = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        }

        package init(count: Int, hash: UInt64) {
            self.count = count
            self.hash = hash
        }
    }

    /// The file that the output went to, with its size when it had been written.
    package struct Output: Sendable, Equatable {
        package var device: Int
        package var inode: Int
        package var size: Int

        package init(device: Int, inode: Int, size: Int) {
            self.device = device
            self.inode = inode
            self.size = size
        }
    }

    /// The log's path, as it was given.
    package var path: String
    /// Everything before it has been passed on, and nothing of it was held back.
    package var place: Place
    /// Bytes of output since, of what stands behind the place.
    package var written: Int
    /// A digest of the rules that the output was made with.
    package var rules: String
    package var output: Output?

    package init(path: String, place: Place, written: Int, rules: String, output: Output?) {
        self.path = path
        self.place = place
        self.written = written
        self.rules = rules
        self.output = output
    }

    /// Bytes of a state: its file has as many, the rest of which are spaces and a line feed.
    package static let size = 4096

    /// The file's content; nil when it has no room for the path.
    package var encoded: [UInt8]? {
        let text = JSON.object([
            ("v", "1"), ("path", JSON.string(path)), ("device", String(place.device)), ("inode", String(place.inode)),
            ("offset", String(place.offset)), ("head_size", String(place.head.count)),
            ("head", JSON.string(String(place.head.hash, radix: 16))), ("tail_size", String(place.tail.count)),
            ("tail", JSON.string(String(place.tail.hash, radix: 16))), ("written", String(written)),
            ("rules", JSON.string(rules)), ("output_device", output.map { String($0.device) }),
            ("output_inode", output.map { String($0.inode) }), ("output_size", output.map { String($0.size) }),
        ])
        let bytes = Array(text.utf8)
        guard bytes.count < Self.size else { return nil }
        return bytes + [UInt8](repeating: 0x20, count: Self.size - 1 - bytes.count) + [0x0A]
    }

    /// Reads a file's content; nil for anything that `encoded` does not write.
    package init?(parsing bytes: [UInt8]) {
        guard bytes.count == Self.size, bytes.last == 0x0A else { return nil }
        let text = bytes.span.extracting(0..<(bytes.dropLast().lastIndex { $0 != 0x20 } ?? 0) + 1)
        var reader = JSONReader<StateError>()
        var numbers: [String: Int] = [:]
        var texts: [String: String] = [:]
        do throws(StateError) {
            try reader.object(text) { (reader, name) throws(StateError) in
                switch name {
                case "path", "head", "tail", "rules": texts[name] = try reader.string(text)
                case "v", "device", "inode", "offset", "head_size", "tail_size", "written", "output_device",
                    "output_inode", "output_size":
                    numbers[name] = try reader.integer(text)
                default: throw StateError(jsonOffset: 0)
                }
            }
            try reader.expectEnd(text)
        } catch { return nil }
        func fingerprint(_ name: String) -> Fingerprint? {
            guard let count = numbers[name + "_size"], (0...FollowedFile.fingerprint).contains(count),
                let hash = texts[name].flatMap({ UInt64($0, radix: 16) })
            else { return nil }
            return Fingerprint(count: count, hash: hash)
        }
        guard numbers["v"] == 1, let path = texts["path"], let rules = texts["rules"],
            let device = numbers["device"], let inode = numbers["inode"], let offset = numbers["offset"], offset >= 0,
            let head = fingerprint("head"), let tail = fingerprint("tail"), head.count <= offset, tail.count <= offset,
            let written = numbers["written"], written >= 0
        else { return nil }
        var output: Output?
        if let device = numbers["output_device"], let inode = numbers["output_inode"],
            let size = numbers["output_size"], size >= 0
        {
            output = Output(device: device, inode: inode, size: size)
        } else if numbers.keys.contains(where: { $0.hasPrefix("output_") }) {
            return nil
        }
        self.init(
            path: path,
            place: Place(device: device, inode: inode, offset: offset, head: head, tail: tail), written: written,
            rules: rules, output: output)
    }

    private struct StateError: JSONFailure {
        init(jsonOffset offset: Int) {}
    }
}

/// The file of a state. One process at a time has it.
package final class FollowStateFile {
    private let descriptor: Descriptor
    private let path: Path

    /// Opens the file, or makes it, for its owner alone.
    package init(_ path: Path) throws(Failure) {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW
        guard let descriptor = Descriptor.open(at: AT_FDCWD, path.bytes, flags, mode: 0o600) else {
            throw Failure(.output, "\(path.text): \(Diagnostics.reason(errno))")
        }
        guard descriptor.lock() else {
            throw Failure(.usage, "\(path.text): another process uses this state")
        }
        self.descriptor = descriptor
        self.path = path
    }

    /// What was saved; nil: nothing yet.
    package func load() throws(Failure) -> FollowState? {
        guard let bytes = descriptor.readAll(limit: FollowState.size) else {
            throw errno == EFBIG ? wrong : Failure(.input, "\(path.text): \(Diagnostics.reason(errno))")
        }
        if bytes.isEmpty { return nil }
        guard let state = FollowState(parsing: bytes) else { throw wrong }
        return state
    }

    private var wrong: Failure {
        Failure(.input, "\(path.text): is no state of a hook; without it, the log is read from its beginning")
    }

    /// Saves a state: at once and whole, unless the machine itself stops.
    package func save(_ state: FollowState) throws(Failure) {
        guard let bytes = state.encoded else { throw Failure(.usage, "\(path.text): the log's path is too long") }
        let count = bytes.withUnsafeBytes { pwrite(descriptor.number, $0.baseAddress, $0.count, 0) }
        guard count == bytes.count else {
            throw Failure(.output, "\(path.text): \(Diagnostics.reason(count < 0 ? errno : ENOSPC))")
        }
    }
}

/// The fuzz entry point: what is read is written again as it was read.
package func fuzzFollowState(_ bytes: [UInt8]) {
    guard let state = FollowState(parsing: bytes) else { return }
    guard let encoded = state.encoded else { return }
    precondition(FollowState(parsing: encoded) == state, "a state is not read as it was written")
}
