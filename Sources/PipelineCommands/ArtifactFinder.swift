internal import CommandSupport
internal import EgressKit
internal import Glibc
internal import RunModel

/// Finds the files that a phase offers as artifacts: images below the working directory.
///
/// Nothing is read beyond what the pipeline names, symbolic links are not followed, and what is no image is told and passed
/// over: only images can be uploaded. What is offered is the cleaned image, in the run's directory.
struct ArtifactFinder {
    private let patterns: [Glob]
    private let runDirectory: String

    /// Of one phase.
    static let maximumCount = 100

    /// - Parameter runDirectory: Where the images are put.
    init(_ patterns: [Glob], runDirectory: String) {
        self.patterns = patterns
        self.runDirectory = runDirectory
    }

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
                    if let artifact = offer(file, name) { artifacts[name] = artifact }
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

    private func offer(_ found: FoundFile, _ name: String) -> Artifact? {
        guard name.utf8.count <= EventLimits.text,
            let file = Descriptor.open(at: found.directory, found.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
            file.status?.isRegularFile == true
        else { return nil }
        do throws(Failure) {
            return try ArtifactShelf.offer(file, Path(name), name: Array(name.utf8), to: runDirectory)
        } catch {
            Diagnostics.warn("\(error.message); not offered")
            return nil
        }
    }
}
