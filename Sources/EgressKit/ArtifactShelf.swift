package import CommandSupport
internal import Glibc
internal import ImageCleaning
package import RunModel

/// The images that may be sent: those that were named, and nothing else. A file gets here by `offer` alone, which takes
/// what is an image by its content and leaves out everything in it that is not picture.
package enum ArtifactShelf {
    /// In the run's directory.
    package static let directoryName = "artifacts"
    /// Follows the name of an image that the server has.
    package static let sentSuffix = ".sent"
    /// The largest file that is taken, in bytes.
    package static let maximumSize = CleanImage.maximumSize

    /// Takes the file at `path` into the run's directory, without its metadata, under the SHA-256 of what is left.
    ///
    /// - Throws: `Failure` when it cannot be read, is too large, or is not an image that can be cleaned.
    package static func offer(_ path: Path, to runDirectory: String) throws(Failure) -> Artifact {
        guard let file = Descriptor.open(path, O_RDONLY | O_NONBLOCK) else { throw failure(path, errno) }
        return try offer(file, path, name: path.split.name, to: runDirectory)
    }

    /// Takes a file that is open: `path` is for messages, `name` what it is called from here on.
    ///
    /// The digest and the size of the artifact are those of the cleaned image, which is what is kept and sent, never those of
    /// the file.
    package static func offer(
        _ file: borrowing Descriptor, _ path: Path, name: [UInt8], to runDirectory: String
    ) throws(Failure) -> Artifact {
        guard let status = file.status, status.isRegularFile else {
            throw Failure(.input, "\(path.text): not a regular file")
        }
        guard let content = file.readAll(limit: maximumSize) else {
            guard errno == EFBIG else { throw failure(path, errno) }
            throw Failure(.input, "\(path.text): larger than \(maximumSize) bytes, the limit of artifacts")
        }
        let image: CleanImage
        do { image = try CleanImage(content) } catch { throw Failure(.input, "\(path.text): \(error)") }
        let digest = ChainHash(of: image.bytes.span)
        let directory = Path(runDirectory + "/" + directoryName)
        guard directory.withCString({ mkdir($0, 0o700) }) == 0 || errno == EEXIST else {
            throw failure(directory, errno)
        }
        guard let opened = Descriptor.openDirectory(directory) else { throw failure(directory, errno) }
        var target = try AtomicFile(
            directory: opened.number, path: directory, name: Array("\(digest)".utf8), mode: 0o600, slot: 1)
        let writer = ByteWriter(target.descriptor.number, name: directory.text)
        image.bytes.withUnsafeBytes { writer.write($0) }
        writer.flush()
        try writer.check()
        let failure = target.commit()
        guard failure == 0 else { throw self.failure(directory, failure) }
        // A name is text for people: what is not printable ASCII would only be a way to hide something.
        let shown = String(decoding: name.suffix(200).map { (0x21...0x7E).contains($0) ? $0 : 0x5F }, as: UTF8.self)
        return Artifact(
            name: shown, digest: digest, size: image.bytes.count, mediaType: image.format.mediaType)
    }

    /// Returns the bytes of an image that was offered; nil when it is not there, or is not what was offered.
    package static func load(_ artifact: Artifact, from runDirectory: String) -> [UInt8]? {
        let path = Path(runDirectory + "/" + directoryName + "/\(artifact.digest)")
        guard let file = Descriptor.open(path, O_RDONLY | O_NOFOLLOW), let content = file.readAll(limit: maximumSize),
            ChainHash(of: content.span) == artifact.digest, content.count == artifact.size,
            let image = try? CleanImage(content), image.bytes == content, image.format.mediaType == artifact.mediaType
        else { return nil }
        return content
    }

    private static func failure(_ path: Path, _ number: Int32) -> Failure {
        Failure(.input, "\(path.text): \(Diagnostics.reason(number))")
    }
}
