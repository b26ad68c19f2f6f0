internal import OpenSSLEngine
internal import SealingKit
internal import Synchronization

/// The short codes that people type to pair a runner (RFC 8628, section 6.1).
///
/// 8 of 20 consonants: 2.5 × 10¹⁰ codes, none of them a word, none with a letter that looks like another. That is far too few for a
/// plain hash to protect, so the store keeps an HMAC under a key that is not in the store.
package struct UserCodes: Sendable {
    private let key: SealingKey

    private static let letters = Array("BCDFGHJKLMNPQRSTVWXZ".utf8)
    private static let length = 8

    init(keks: KeyFile) throws { key = keks.primary }

    /// Makes a code of 8 letters; each is equally likely.
    static func make() throws -> String {
        var code: [UInt8] = []
        while code.count < length {
            for byte in try Random.publicBytes(count: 2 * length) where code.count < length {
                // 240 is the largest multiple of 20 that a byte reaches; what is above would favour some letters.
                if byte < 240 { code.append(letters[Int(byte) % letters.count]) }
            }
        }
        return String(decoding: code, as: UTF8.self)
    }

    /// How people see a code: two groups of four.
    static func display(_ code: String) -> String { "\(code.prefix(4))-\(code.suffix(4))" }

    /// What a person typed as a code; nil when it can be none. Case, spaces and hyphens do not matter.
    static func normalize(_ text: String) -> String? {
        let code = text.uppercased().utf8.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: " ") }
        guard code.count == length, code.allSatisfy({ letters.contains($0) }) else { return nil }
        return String(decoding: code, as: UTF8.self)
    }

    /// What the store keeps of a code.
    func mac(_ code: String) throws -> [UInt8] {
        let secret = try key.derived(for: "user-code")
        var hmac = try HMAC(key: secret)
        return try hmac.authenticate(Array(code.utf8).span)
    }
}
