internal import Glibc
internal import OpenSSLEngine
internal import TextEncodings

/// Signs requests as S3 wants it: AWS Signature Version 4 in the field Authorization, over the whole payload's hash.
///
/// docs.aws.amazon.com, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk (AWS Signature Version
/// 4)".
struct S3Signature {
    let credentials: S3Credentials
    let region: String

    private static let algorithm = "AWS4-HMAC-SHA256"

    /// Returns the field Authorization.
    /// - Parameters:
    ///   - path: As it is sent, but without escapes.
    ///   - headers: What is signed, Host and `x-amz-date` among it: lower-case names.
    ///   - payload: SHA-256 of the body in hexadecimal digits, as in `x-amz-content-sha256`.
    ///   - time: As in `x-amz-date`.
    func authorization(
        _ method: String, _ path: String, headers: [(name: String, value: String)], payload: String, time: S3Time
    ) throws(CryptoError) -> String {
        let headers = headers.sorted { $0.name < $1.name }
        let names = headers.map(\.name).joined(separator: ";")
        let request = [
            method, Self.escaped(path), "", headers.map { "\($0.name):\($0.value)\n" }.joined(), names, payload,
        ].joined(separator: "\n")
        let scope = "\(time.day)/\(region)/s3/aws4_request"
        let text = [Self.algorithm, time.text, scope, try hash(Array(request.utf8))].joined(separator: "\n")
        let signature = try authenticate(text, with: try key(time.day))
        return
            "\(Self.algorithm) Credential=\(credentials.keyID)/\(scope),SignedHeaders=\(names),Signature=\(signature)"
    }

    /// The key of a day, a region and a service: each the code of the next word under the one before.
    private func key(_ day: String) throws(CryptoError) -> Secret {
        var key = try code(day, credentials.seed)
        for word in [region, "s3", "aws4_request"] { key = try code(word, key) }
        return key
    }

    private func code(_ word: String, _ key: borrowing Secret) throws(CryptoError) -> Secret {
        var hmac = try HMAC(key: key)
        let code = try hmac.authenticate(Array(word.utf8).span)
        return try Secret(copying: code.span)
    }

    private func authenticate(_ text: String, with key: borrowing Secret) throws(CryptoError) -> String {
        var hmac = try HMAC(key: key)
        let code = try hmac.authenticate(Array(text.utf8).span)
        return Hex.encode(code.span)
    }

    private func hash(_ bytes: [UInt8]) throws(CryptoError) -> String {
        let digest = try Digest.sha256(bytes.span)
        return Hex.encode(digest.span)
    }

    /// RFC 3986, section 2.1, as S3 wants it: everything but unreserved characters and slashes, once.
    static func escaped(_ path: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in path.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F, 0x7E: result.append(byte)
            default: result += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// A time as signatures have it.
struct S3Time {
    /// `20130524T000000Z`: UTC.
    let text: String

    var day: String { String(text.prefix(8)) }

    /// - Parameter seconds: Since 1970.
    init(seconds: Int64) {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        func digits(_ number: Int32, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let day = digits(parts.tm_year + 1900, 4) + digits(parts.tm_mon + 1, 2) + digits(parts.tm_mday, 2)
        text = day + "T" + digits(parts.tm_hour, 2) + digits(parts.tm_min, 2) + digits(parts.tm_sec, 2) + "Z"
    }
}
