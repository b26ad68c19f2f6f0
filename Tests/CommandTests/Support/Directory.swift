internal import Foundation
internal import Glibc

/// A directory for one test, removed with everything in it.
final class Directory {
    let path: String
    private let isTemporary: Bool

    /// A directory that is there already, and stays.
    init(existing path: String) {
        self.path = path
        isTemporary = false
    }

    init() {
        var template = Array("/tmp/pipemason-test-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "no temporary directory")
        isTemporary = true
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        if isTemporary { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Creates a file and returns its path.
    @discardableResult
    func write(_ name: String, _ text: String, mode: mode_t = 0o644) -> String {
        write(name, Array(text.utf8), mode: mode)
    }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8], mode: mode_t = 0o644) -> String {
        let full = path + "/" + name
        let file = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        precondition(file >= 0, "cannot create \(full)")
        let written = Glibc.write(file, bytes, bytes.count)
        precondition(written == bytes.count, "cannot write \(full)")
        fchmod(file, mode)
        close(file)
        return full
    }

    func makeDirectory(_ name: String) { mkdir(path + "/" + name, 0o755) }

    func read(_ name: String) -> String? {
        let file = open(path + "/" + name, O_RDONLY)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
        }
    }

    /// Names in the directory, sorted.
    var names: [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    func status(_ name: String) -> stat {
        var status = stat()
        lstat(path + "/" + name, &status)
        return status
    }
}
