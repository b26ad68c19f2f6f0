internal import CommandSupport
internal import Glibc
internal import OpenSSLEngine
internal import Synchronization

/// The key of `--tag-key`, and the tags made with it.
///
/// A tag is the first 80 bits of HMAC-SHA-256 over the secret's bytes, in base32; the HMAC key is HKDF-SHA-256 of the
/// key file with the label "pipemason/v1/tag" (docs/formats/tag.md). Equal secrets have equal tags, and whoever lacks
/// the key can neither find the secret from a tag nor test a guess.
final class TagKey: Sendable {
    /// 16 characters of base32: two different secrets share a tag by accident once in 2^80.
    static let tagBytes = 10

    private static let label = "pipemason/v1/tag"
    private static let minimumLength = 16
    private static let maximumLength = 4096

    private let hmac: Mutex<HMAC>

    /// Reads a key file.
    ///
    /// Whoever has the key can test guesses against a tag, so a file that others can read is refused.
    init(file path: Path) throws(Failure) {
        var bytes = try TagKey.read(path)
        let noSalt: [UInt8] = []
        let label = Array(TagKey.label.utf8)
        defer { for index in bytes.indices { bytes[index] = 0 } }
        do {
            let key = try HKDF.derive(
                .sha256, key: try Secret(copying: bytes.span), salt: noSalt.span, info: label.span,
                count: 32)
            hmac = Mutex(try HMAC(.sha256, key: key))
        } catch {
            throw Failure(.internal, "--tag-key: \(error)")
        }
    }

    /// What the engine calls for each secret, made from a key file.
    static func tagger(
        keyFile path: Path
    ) throws(Failure) -> @Sendable (_ ruleID: String, _ secret: UnsafeRawBufferPointer) -> String {
        let key = try TagKey(file: path)
        return { _, secret in key.tag(secret) }
    }

    /// The tag of a secret.
    func tag(_ secret: UnsafeRawBufferPointer) -> String {
        hmac.withLock { hmac in
            do {
                // The engine's buffer outlives the call.
                let code = try hmac.authenticate(Span(_unsafeBytes: secret))
                return TagKey.base32(code.prefix(TagKey.tagBytes))
            } catch {
                // No tag is better than one that says nothing true.
                return "UNTAGGED"
            }
        }
    }

    private static func read(_ path: Path) throws(Failure) -> [UInt8] {
        guard let file = Descriptor.open(path, O_RDONLY), let status = file.status else {
            throw Failure(.usage, "--tag-key: \(path.text): \(Diagnostics.reason(errno))")
        }
        guard status.isRegularFile else { throw Failure(.usage, "--tag-key: \(path.text) is not a regular file") }
        guard status.st_mode & 0o077 == 0 else {
            throw Failure(.usage, "--tag-key: others can read \(path.text); run: chmod 600 \(path.text)")
        }
        guard let bytes = file.readAll(limit: maximumLength) else {
            throw Failure(.usage, "--tag-key: \(path.text): \(Diagnostics.reason(errno))")
        }
        guard bytes.count >= minimumLength else {
            throw Failure(
                .usage, "--tag-key: \(path.text) holds \(bytes.count) bytes; at least \(minimumLength) are needed")
        }
        return bytes
    }

    /// RFC 4648 base32 without padding: upper-case letters and digits, safe in every place a placeholder can stand.
    static func base32(_ bytes: some Sequence<UInt8>) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".unicodeScalars)
        var result = String.UnicodeScalarView()
        var bits = 0
        var value: UInt32 = 0
        for byte in bytes {
            value = value << 8 | UInt32(byte)
            bits += 8
            while bits >= 5 {
                bits -= 5
                result.append(alphabet[Int(value >> UInt32(bits)) & 31])
            }
            value &= (1 << UInt32(bits)) - 1
        }
        if bits > 0 { result.append(alphabet[Int(value << UInt32(5 - bits)) & 31]) }
        return String(result)
    }
}
