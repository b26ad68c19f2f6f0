/// Where an S3-compatible store keeps our objects: endpoint, region, bucket, and what all keys begin with.
public struct S3Location: Sendable, Hashable, CustomStringConvertible {
    /// How a bucket stands in a request's address (docs.aws.amazon.com, "Virtual hosting of buckets").
    public enum Addressing: String, Sendable, CaseIterable {
        /// `https://host/bucket/key`: what most other servers understand.
        case path
        /// `https://bucket.host/key`: what Amazon wants.
        case virtualHost = "virtual-host"
    }

    let bucket: String
    /// Ends with a slash, or is empty.
    let prefix: String
    let region: String
    /// Scheme and host, perhaps a port; the bucket's with virtual hosts.
    let origin: String
    /// The field Host, as it is signed.
    let host: String
    /// What paths begin with.
    private let base: String
    public let isSecure: Bool

    public static let defaultRegion = "us-east-1"

    /// - Parameters:
    ///   - uri: `s3://bucket`, or `s3://bucket/prefix`. A prefix has letters, digits, `-`, `_`, `.` and `/`.
    ///   - endpoint: `https://host`, `http://host`, perhaps with a port; nil: Amazon's in the region.
    ///   - addressing: nil: `virtualHost` for Amazon, unless the bucket's name has a dot, which no certificate is for; otherwise `path`.
    /// - Returns: nil when `uri`, `endpoint` or `region` does not have its form.
    public init?(_ uri: String, endpoint: String?, region: String = defaultRegion, addressing: Addressing? = nil) {
        guard uri.hasPrefix("s3://"), Self.isRegion(region) else { return nil }
        let parts = uri.dropFirst(5).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let bucket = parts.first.map(String.init), Self.isBucket(bucket) else { return nil }
        var prefix = parts.count > 1 ? String(parts[1]) : ""
        if !prefix.isEmpty, !prefix.hasSuffix("/") { prefix += "/" }
        guard Self.isPrefix(prefix) else { return nil }
        guard let server = Self.server(endpoint ?? "https://s3.\(region).amazonaws.com") else { return nil }
        let isOwn = addressing.map { $0 == .virtualHost } ?? (endpoint == nil && !bucket.contains("."))
        self.bucket = bucket
        self.prefix = prefix
        self.region = region
        isSecure = server.scheme == "https"
        host = isOwn ? bucket + "." + server.authority : server.authority
        origin = server.scheme + "://" + host
        base = isOwn ? "/" : "/" + bucket + "/"
    }

    public var description: String { "s3://\(bucket)/\(prefix)" }

    /// The path of a request for an object. Nothing in it needs an escape.
    func path(_ key: String) -> String { base + prefix + key }

    /// What a bucket may be called (docs.aws.amazon.com, "General purpose bucket naming rules").
    private static func isBucket(_ text: String) -> Bool {
        (3...63).contains(text.utf8.count) && text.utf8.allSatisfy { isLower($0) || $0 == 0x2D || $0 == 0x2E }
            && isEdge(text) && !text.contains("..")
    }

    static func isRegion(_ text: String) -> Bool {
        (1...40).contains(text.utf8.count) && text.utf8.allSatisfy { isLower($0) || $0 == 0x2D } && isEdge(text)
    }

    /// Of the 1,024 bytes that a key may have, ours take 75.
    private static func isPrefix(_ text: String) -> Bool {
        text.utf8.count <= 500
            && text.split(separator: "/", omittingEmptySubsequences: false).dropLast().allSatisfy { part in
                !part.isEmpty && part != "." && part != ".."
                    && part.utf8.allSatisfy {
                        (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x2E
                            || $0 == 0x5F
                    }
            }
    }

    /// Reads `https://host:port`, with or without a slash at the end.
    private static func server(_ text: String) -> (scheme: String, authority: String)? {
        guard let scheme = ["https", "http"].first(where: { text.hasPrefix($0 + "://") }) else { return nil }
        var authority = text.dropFirst(scheme.count + 3).lowercased()
        if authority.hasSuffix("/") { authority.removeLast() }
        var host = authority[...]
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            let digits = authority[authority.index(after: colon)...]
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(digits), port > 0 else {
                return nil
            }
            host = authority[..<colon]
            // The port that goes without saying is not part of the field Host.
            if port == (scheme == "https" ? 443 : 80) { authority = String(host) }
        }
        let isName = host.utf8.allSatisfy { isLower($0) || $0 == 0x2D || $0 == 0x2E } && isEdge(String(host))
        guard (1...253).contains(host.utf8.count), isName || host == "[::1]" else { return nil }
        return (scheme, authority)
    }

    private static func isLower(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    /// Whether the first and the last character is a letter or a digit.
    private static func isEdge(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last else { return false }
        return isLower(first) && isLower(last)
    }
}
