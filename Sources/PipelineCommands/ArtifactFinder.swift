internal import CommandSupport
internal import Glibc
internal import RunModel

/// Finds the files that a phase offers as artifacts: images below the working directory.
///
/// Nothing is read beyond what the pipeline names, symbolic links are not followed, and what is no image is told and passed
/// over: only images can be uploaded.
struct ArtifactFinder {
    private let patterns: [Glob]

    /// Of one phase.
    static let maximumCount = 100
    /// In bytes.
    static let maximumSize = 16 << 20

    init(_ patterns: [Glob]) { self.patterns = patterns }

    /// In the order of their paths.
    func find() -> [Artifact] {
        var artifacts: [String: Artifact] = [:]
        for pattern in patterns {
            let tree = FileTree(
                visit: { (file: FoundFile) throws(Failure) in
                    let name = Self.relative(file.path)
                    guard pattern.matches(name), artifacts[name] == nil else { return }
                    guard artifacts.count < Self.maximumCount else {
                        throw Failure(.input, "a phase offers at most \(Self.maximumCount) artifacts")
                    }
                    if let artifact = Self.artifact(file, name) { artifacts[name] = artifact }
                },
                fail: { _ in })
            do throws(Failure) { try tree.walk(Self.root(pattern)) } catch { Diagnostics.warn(error.message) }
        }
        return artifacts.values.sorted { $0.name < $1.name }
    }

    /// The directory above the first wildcard, or the file itself.
    private static func root(_ pattern: Glob) -> Path {
        guard !pattern.isLiteral else { return Path("./" + pattern.pattern) }
        let parts = pattern.pattern.split(separator: "/", omittingEmptySubsequences: true)
        let fixed = parts.prefix { !$0.contains("*") && !$0.contains("?") }
        return Path((["."] + fixed.map(String.init)).joined(separator: "/"))
    }

    private static func relative(_ path: Path) -> String {
        path.text.hasPrefix("./") ? String(path.text.dropFirst(2)) : path.text
    }

    private static func artifact(_ found: FoundFile, _ name: String) -> Artifact? {
        guard let file = Descriptor.open(at: found.directory, found.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
            file.status?.isRegularFile == true
        else { return nil }
        guard let bytes = file.readAll(limit: maximumSize) else {
            Diagnostics.warn(
                "\(name): not offered: \(errno == EFBIG ? "larger than \(maximumSize >> 20) MiB" : Diagnostics.reason(errno))"
            )
            return nil
        }
        guard let mediaType = mediaType(bytes) else {
            Diagnostics.warn("\(name): not offered: it is no image")
            return nil
        }
        guard name.utf8.count <= EventLimits.text else { return nil }
        return Artifact(name: name, digest: ChainHash(of: bytes.span), size: bytes.count, mediaType: mediaType)
    }

    /// By the first bytes (WHATWG MIME Sniffing, 6.1), not by the name.
    static func mediaType(_ bytes: [UInt8]) -> String? {
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return "image/png" }
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
        if bytes.starts(with: "GIF87a".utf8) || bytes.starts(with: "GIF89a".utf8) { return "image/gif" }
        if bytes.starts(with: "RIFF".utf8), bytes.dropFirst(8).starts(with: "WEBPVP".utf8) { return "image/webp" }
        return nil
    }
}
