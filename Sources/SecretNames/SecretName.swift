/// What the name of a variable says about its value, and what a value says about itself.
package enum SecretName {
    package enum Kind: Sendable, Equatable {
        /// `DB_PASSWORD`, `clientSecret`: the value is secret, whatever it looks like.
        case secret
        /// `DEPLOY_KEY`, `BASIC_AUTH`: secret unless it is a number, a path or a plain word.
        case likely
        /// `TOKEN_FILE`, `PASSWORD_MIN_LENGTH`: about a secret, but none.
        case harmless
        case unknown
    }

    /// Complexity: linear in the name.
    package static func kind(of name: String) -> Kind {
        let words = words(in: name)
        guard let last = words.last else { return .unknown }
        let joined = words.joined()
        // The working directory, and what programs call their sockets and agents.
        if joined == "PWD" || joined == "OLDPWD" { return .harmless }
        let isAbout =
            words.contains { secret.contains($0) || likely.contains($0) } || endings.contains(where: joined.hasSuffix)
        guard isAbout else { return .unknown }
        if harmlessLast.contains(last) || words.contains(where: harmlessAnywhere.contains) { return .harmless }
        if words.contains(where: secret.contains) || endings.contains(where: joined.hasSuffix) { return .secret }
        return .likely
    }

    /// Whether masking the value would hide ordinary text: words that every program prints, and numbers, switches and
    /// paths of the usual places.
    package static func isHarmless(_ value: [UInt8]) -> Bool {
        let text = String(decoding: value, as: UTF8.self).lowercased()
        if placeholders.contains(text) { return true }
        return places.contains(where: text.hasPrefix) && text.utf8.allSatisfy { isPathByte($0) }
    }

    /// Whether the value is a number or a single word of small letters.
    static func isPlain(_ value: [UInt8]) -> Bool {
        value.allSatisfy { isDigit($0) || $0 == UInt8(ascii: ".") }
            || value.count < 24
                && value.allSatisfy { isSmall($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
    }

    /// Whether the value has letters and digits mixed as no host, version, date or URL has them.
    static func looksRandom(_ value: [UInt8]) -> Bool {
        guard value.count >= 12, !value.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) else { return false }
        let text = String(decoding: value, as: UTF8.self)
        if text.contains("://") || text.hasPrefix("/") || text.hasPrefix(".") { return false }
        // `k8s-prod-eu1` rarely goes from letter to digit or from small to capital, a random text with most bytes.
        var changes = 0
        for (left, right) in zip(value.map(byteClass), value.map(byteClass).dropFirst())
        where left != right && left != 3 && right != 3 {
            changes += 1
        }
        return value.contains(where: isDigit) && changes * 3 >= value.count
    }

    /// The words of `DB_PASSWORD`, `db-password`, `dbPassword` and `DBPassword`, in capitals.
    static func words(in name: String) -> [String] {
        var words: [String] = []
        var word: [UInt8] = []
        func finish() {
            if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
            word = []
        }
        let bytes = Array(name.utf8)
        for (index, byte) in bytes.enumerated() {
            guard isSmall(byte) || isCapital(byte) || isDigit(byte) else {
                finish()
                continue
            }
            let previous = index > 0 ? bytes[index - 1] : 0
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0
            if isCapital(byte), isSmall(previous) || isCapital(previous) && isSmall(next) { finish() }
            word.append(isSmall(byte) ? byte - 0x20 : byte)
        }
        finish()
        return words
    }

    private static let secret: Set<String> = [
        "PASSWORD", "PASSWORDS", "PASSWD", "PASSPHRASE", "PASS", "PWD", "PW", "SECRET", "SECRETS", "TOKEN",
        "CREDENTIAL",
        "CREDENTIALS", "CREDS", "APIKEY", "PAT", "PSK", "BEARER", "JWT", "MNEMONIC", "COOKIE", "AUTHORIZATION", "OTP",
    ]
    private static let likely: Set<String> = [
        "KEY", "KEYS", "TOKENS", "AUTH", "DSN", "SALT", "PEPPER", "SEED", "WEBHOOK", "SIGNATURE", "SAS", "PIN",
    ]
    /// What names end in that are written as one word.
    private static let endings = ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "APIKEY", "SSHPASS"]
    /// A name that ends so is about a secret and holds none.
    private static let harmlessLast: Set<String> = [
        "FILE", "PATH", "DIR", "DIRECTORY", "SOCK", "SOCKET", "NAME", "ID", "TYPE", "LENGTH", "SIZE", "TTL", "EXPIRY",
        "EXPIRES", "EXPIRATION", "TIMEOUT", "ALGORITHM", "ALG", "ENABLED", "REQUIRED", "COUNT", "LIMIT", "MODE",
        "POLICY",
        "HOST", "PORT", "ISSUER", "AUDIENCE", "SCOPE", "SCOPES", "HELPER", "PROVIDER", "ENDPOINT", "FORMAT", "VERSION",
        "REGION", "USER", "USERNAME", "STORE", "BACKEND", "PARALLELISM",
    ]
    private static let harmlessAnywhere: Set<String> = ["PUBLIC", "MAX", "MIN"]
    private static let placeholders: Set<String> = [
        "password", "passwd", "secret", "changeme", "change-me", "change_me", "example", "default", "localhost",
        "postgres",
        "development", "production", "staging", "disabled", "enabled", "required", "redacted", "undefined", "unknown",
        "internal", "public", "private", "string", "username", "anonymous", "testing", "insecure",
    ]
    private static let places = [
        "/run/", "/var/", "/home/", "/root/", "/usr/", "/etc/", "/tmp/", "/opt/", "/proc/", "/dev/", "/mnt/", "/srv/",
        "~/", "./", "../",
    ]

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
    private static func isSmall(_ byte: UInt8) -> Bool { byte &- 0x61 < 26 }
    private static func isCapital(_ byte: UInt8) -> Bool { byte &- 0x41 < 26 }
    private static func byteClass(_ byte: UInt8) -> Int {
        isDigit(byte) ? 0 : isSmall(byte) ? 1 : isCapital(byte) ? 2 : 3
    }
    private static func isPathByte(_ byte: UInt8) -> Bool {
        isDigit(byte) || isSmall(byte) || isCapital(byte) || "/._-~:".utf8.contains(byte)
    }
}
