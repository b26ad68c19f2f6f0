internal import Glibc

/// A file's path as the system has it: bytes, not necessarily UTF-8.
package struct Path: Equatable, Sendable {
    /// Without the final NUL.
    package let bytes: [UInt8]

    package init(_ text: String) { bytes = Array(text.utf8) }
    package init(bytes: [UInt8]) { self.bytes = bytes }

    /// For people, reports and the engine's path rules; bytes that are not UTF-8 are replaced.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package func appending(_ name: [UInt8]) -> Path {
        bytes.last == UInt8(ascii: "/") ? Path(bytes: bytes + name) : Path(bytes: bytes + [UInt8(ascii: "/")] + name)
    }

    /// The directory that holds the file, and the file's name in it.
    package var split: (directory: Path, name: [UInt8]) {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return (Path("."), bytes) }
        let directory = slash == 0 ? [UInt8(ascii: "/")] : Array(bytes[..<slash])
        return (Path(bytes: directory), Array(bytes[(slash + 1)...]))
    }

    /// Calls `body` with the path as C has it.
    package func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        Path.withCString(bytes, body)
    }

    package static func withCString<Result>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (bytes + [0]).withUnsafeBytes { body($0.assumingMemoryBound(to: CChar.self).baseAddress!) }
    }
}
