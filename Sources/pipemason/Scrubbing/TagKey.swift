internal import Glibc

/// The key of `--tag-key`, and the tags made with it.
enum TagKey {
    /// Tags are 80 bits: 16 characters, and two different secrets share one by accident once in 2^80.
    static let tagBytes = 10

    private static let minimumLength = 16
    private static let maximumLength = 4096

    /// Reads a key file and returns the function that makes tags with it.
    ///
    /// Whoever has the key can test guesses against a tag, so a file that others can read is refused.
    static func makeTagger(
        keyFile path: Path
    ) throws(Failure) -> (@Sendable (_ ruleID: String, _ secret: UnsafeRawBufferPointer) -> String) {
        _ = try key(path)
        throw Failure(.usage, "--tag-key: this build has no HMAC-SHA-256")
    }

    private static func key(_ path: Path) throws(Failure) -> [UInt8] {
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
