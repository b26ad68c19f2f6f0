/// Makes texts in which constructs of every kind stand close together: tokens, words that announce them, encodings of
/// both, key blocks, colours, placeholders, all of them also cut off, glued together and with a byte changed.
package enum TextGenerator {
    private static let samples: [[UInt8]] = Repository.rules.flatMap(\.texts).filter { $0.count < 1500 }
    private static let lines: [[UInt8]] = Repository.logs.flatMap {
        $0.input.split(separator: 0x0a).map { Array($0) }
    }.filter { $0.count < 400 }
    private static let words = [
        "password", "passwd" + "=", "PASSWORD" + ": ", "api_key=", "\"token\": \"", "secret", "token: ",
        "client-secret",
        "Authorization: ", "Bearer ",
        "Basic ", "Cookie: ", "Set-Cookie: ", "curl -u ", "https://", "postgres://app:", "@", "@example.net", "user",
        "quinn.o", "data:\n",
        "\"data\":{", "\"d\":\"", "mailgun key = ", "heroku", "-----BEGIN ", "PRIVATE KEY-----",
        "-----END PRIVATE KEY-----", "Private-Lines: 2\n",
        "ey" + "J", "eyJhbGciOiJIUzI1NiJ9.", "gh" + "p_", "AK" + "IA", "xo" + "xb-", "sk-", "v2.local.",
        "[REDACTED:github-pat]", "[REDACTED", "example",
        "changeme", "${VAR}", "machine h login l password ", "--password ", "name: value", "<password>", "</password>",
        "IDENTIFIED BY '",
    ]
    private static let moreWords = [
        "password: |\n  ", "password:\n", "secret: >-\n    ", "kind: Secret\ndata:\n  a: ", "mysql -p", "sshpass -p ",
        "docker login -p ", "\"Authorization\": \"Basic ", "curl -H 'Authorization: Bearer ", "[REDACTED:email]",
        "[REDACTED:url-password]", "[REDACTED:known:V0]", "[REDACTED:", "REDACTED", "]", "[REDACTED:jwt:7KQ4ABCD]",
        "-----BEG" + "IN OPENSSH PRIV" + "ATE KEY-----\n", "-----BEG" + "IN RSA PRIV" + "ATE KEY-----\\n",
        "---- BEG" + "IN SSH2 ENCRYPTED PRIV" + "ATE KEY ----\n",
        "PuTTY-User-Key" + "-File-3: ssh-ed25519\n", "-----END RSA PRIV" + "ATE KEY-----", "-----END ",
        "Proc-Type: 4,ENCRYPTED\n",
        "mailgun", "sendgrid", "datadog_api_key=", "ssh deploy@", "git@", "\"quoted local\"@", "&quot;", "token%3D",
        "password is ", "set_password(\"", "user:", "://", "=?utf-8?q?", "\"k\":\"", "\"kty\":\"oct\",", "sig=",
        "AccountKey=",
        "d3VuZGVyYmFyIGlzIGEgd29yZA", "68656c6c6f20776f726c64212121", "4111 1111 1111 1111", "+1 202-555-0147",
        "2001:db8::", "DE44",
        "curl -s -u bob:", "tool -u bob -p ", "htpasswd -b f bob ", "smbclient -U bob%", "net user bob ",
        "sqlplus bob/",
        " -p", " --user=", "login('bob', '", "connect(\"h\", 22, \"bob\", \"", "bob:pw" + "12@tcp(", "bindpw=",
        "pw: ",
        "INSERT " + "INTO t (a, password) VALUES (1, '", "), (2, '", "IDENTIFIED WITH x BY ", "password: &str = \"",
        "Dim password As String = ", "password[] = ", "**password**: `", "<Password a=\"b\">", "<password><![CDATA[",
        "zq81-known-x9", "first of\nthe lines here", "caffee\"quoted\\value",
    ]
    private static let punctuation = [
        " ", " ", "\n", "\n", "\r\n", "\t", "=", ":", ": ", ",", ";", ".", "..", "...", "\"", "'", "`", "\\", "\\n",
        "\\\"", "\\\\", "%", "%20", "&", "&amp;", "\u{1b}[0m",
        "\u{1b}[1;31m", "\u{1b}", "\0", "/", "//", "://", "-", "--", "_", "+", "~", "@", "#", "$", "!", "|", "(", ")",
        "[", "]", "{", "}", "<", ">", "é", "ü", "日本", "\u{1F511}",
    ]
    private static let alphabets: [[UInt8]] = [
        Array("ab".utf8), Array("aA0".utf8), Array("0123456789abcdef".utf8), Array("eyJ.-_".utf8),
        Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=".utf8),
        Array("a@.-%\\=&\u{1b}[m;".utf8),
        Array(0...255),
    ]
    private static let alnum = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".utf8)
    private static let breaks = ["\n", "\r\n", "\\n", "\\\\n", "\n  ", "=\n", "\n> ", "\\r\\n", "\" +\n\""]

    /// Half of the texts are short sequences of parts; the others hold what is rarer.
    package static func text(with random: inout SplitMix) -> [UInt8] {
        random.chance() ? mixed(with: &random, more: false) : rare(with: &random)
    }

    static func mixed(with random: inout SplitMix, more: Bool) -> [UInt8] {
        var result: [UInt8] = []
        for _ in 0..<(1 + random.below(14)) {
            var part = part(with: &random, more: more)
            while random.chance(4) {
                part = Encoding.allCases[random.below(Encoding.allCases.count)].apply(part, &random)
            }
            if random.chance(6), !part.isEmpty { part.removeLast(random.below(part.count)) }
            if random.chance(8), !part.isEmpty { part.removeFirst(random.below(part.count)) }
            if random.chance(10), !part.isEmpty { part[random.below(part.count)] = UInt8(random.below(256)) }
            result += part
            if !random.chance(3) { result += Array(random.pick(punctuation).utf8) }
        }
        return result
    }

    private static func part(with random: inout SplitMix, more: Bool) -> [UInt8] {
        if more, random.chance(3) { return random.chance() ? Array(random.pick(moreWords).utf8) : random.pick(lines) }
        switch random.below(10) {
        case 0...3: return random.pick(samples)
        case 4...6: return Array(random.pick(words).utf8)
        case 7: return random.bytes(random.below(80), of: random.pick(alphabets))
        case 8: return Array((random.pick(words) + random.pick(punctuation) + random.base62(random.below(40))).utf8)
        default: return Array(random.pick(punctuation).utf8)
        }
    }

    private static func rare(with random: inout SplitMix) -> [UInt8] {
        switch random.below(12) {
        case 0, 1, 2, 3: return mixed(with: &random, more: true)
        case 4: return keyBlock(with: &random)
        case 5: return wrapped(mixed(with: &random, more: random.chance()), with: &random)
        case 6: return longRun(with: &random)
        case 7: return wide(with: &random)
        case 8: return encodedWhole(with: &random)
        case 9: return splices(with: &random)
        case 10: return withLineEnds("\r\n", mixed(with: &random, more: true))
        default: return longValue(with: &random)
        }
    }

    /// A key in one of many layouts, between other text, often damaged.
    private static func keyBlock(with random: inout SplitMix) -> [UInt8] {
        let label = random.pick([
            "PRIVATE", "RSA PRIVATE", "EC PRIVATE", "OPENSSH PRIVATE", "ENCRYPTED PRIVATE", "PGP PRIVATE", "PUBLIC",
        ])
        let prefix = random.pick([
            "", "", "  ", "> ", "2026-11-24T10:00:00Z web-1 ", "{\"log\":\"", "[web] ", "\u{1b}[31mweb |\u{1b}[0m ",
            "key: ",
        ])
        let suffix =
            prefix.hasPrefix("{") ? "\\n\",\"stream\":\"stdout\"}" : random.pick(["", "", "", "\"", " \\", ","])
        let end = random.pick(["\n", "\n", "\n", "\r\n", "\\n", "\\\\n", " "])
        var lines = ["-----BEGIN \(label) KEY-----"]
        if random.chance(5) { lines.append("Proc-Type: 4,ENCRYPTED") }
        if random.chance(9) { lines.append("") }
        let width = random.pick([16, 40, 64, 64, 64, 70, 76])
        for _ in 0..<random.below(6) {
            lines.append(String(decoding: random.bytes(width, of: alphabets[4].dropLast(1)), as: UTF8.self))
        }
        if !random.chance(4) {
            lines.append(
                String(decoding: random.bytes(random.below(width), of: alnum), as: UTF8.self)
                    + random.pick(["", "=", "=="]))
        }
        if !random.chance(3) { lines.append("-----END \(label) KEY-----") }
        if random.chance(3) { lines.append(random.pick(["next line", "ok", "MIIEow", "200", ""])) }
        var text = ""
        for line in lines where !random.chance(12) { text += prefix + line + suffix + end }
        var bytes = Array(text.utf8)
        if random.chance(5) { bytes.removeLast(random.below(bytes.count + 1)) }
        if random.chance(6), !bytes.isEmpty { bytes[random.below(bytes.count)] = UInt8(random.below(256)) }
        if random.chance(4) { bytes = Encoding.allCases[random.below(Encoding.allCases.count)].apply(bytes, &random) }
        return part(with: &random, more: true) + Array(random.pick(punctuation).utf8) + bytes
            + part(with: &random, more: true)
    }

    /// Base64 or quoted-printable text with line ends in it.
    private static func wrapped(_ bytes: [UInt8], with random: inout SplitMix) -> [UInt8] {
        let encoded =
            random.chance(4)
            ? Encoding.quotedPrintable.apply(bytes, &random)
            : encodeBase64(bytes, random.chance() ? "+/" : "-_", pad: random.chance())
        let width = random.pick([19, 60, 64, 72, 76, 76])
        let end = Array(random.pick(breaks).utf8)
        var result: [UInt8] = random.chance() ? part(with: &random, more: true) : []
        for start in stride(from: 0, to: encoded.count, by: width) {
            result += encoded[start..<min(start + width, encoded.count)] + end
        }
        return result + part(with: &random, more: true)
    }

    /// A run of token bytes that is longer than some limit, with something in it.
    private static func longRun(with random: inout SplitMix) -> [UInt8] {
        var result = part(with: &random, more: true)
        let alphabet = random.pick(alphabets.dropLast(2) + [alnum])
        for _ in 0..<(1 + random.below(3)) {
            result += random.bytes(random.below(700), of: alphabet)
            let sample = random.pick(samples)
            result +=
                random.chance()
                ? sample : Encoding.allCases[random.below(Encoding.allCases.count)].apply(sample, &random)
        }
        return result + random.bytes(random.below(700), of: alphabet) + part(with: &random, more: true)
    }

    /// UTF-16 between and within other text.
    private static func wide(with random: inout SplitMix) -> [UInt8] {
        var result: [UInt8] = random.chance() ? part(with: &random, more: true) : []
        for _ in 0..<(1 + random.below(3)) {
            let inner = mixed(with: &random, more: random.chance())
            result += (random.chance() ? Encoding.utf16LE : .utf16BE).apply(inner)
            if random.chance(3) { result += Array(random.pick(punctuation).utf8) }
            if random.chance(5) { result += [0] }
            if random.chance(5) { result += part(with: &random, more: true) }
        }
        if random.chance(4) { result.removeFirst(random.below(result.count + 1)) }
        return result
    }

    /// Several parts under one or two encodings.
    private static func encodedWhole(with random: inout SplitMix) -> [UInt8] {
        var inner = mixed(with: &random, more: random.chance()).prefix(600).map { $0 }
        for _ in 0..<(1 + random.below(3)) {
            let encoding = Encoding.allCases[random.below(Encoding.allCases.count)]
            inner = random.chance() ? encoding.apply(inner) : encoding.apply(inner, &random)
            if inner.count > 4000 { break }
        }
        return part(with: &random, more: true) + inner + part(with: &random, more: true)
    }

    /// Pieces of samples put end to end, with nothing or one mark between.
    private static func splices(with random: inout SplitMix) -> [UInt8] {
        var result: [UInt8] = []
        for _ in 0..<(2 + random.below(8)) {
            let sample = random.chance(3) ? Array(random.pick(moreWords).utf8) : random.pick(samples)
            let start = random.below(sample.count + 1)
            result += sample[start..<(start + random.below(sample.count - start + 1))]
            if random.chance(3) { result += Array(random.pick(punctuation).utf8) }
        }
        return result
    }

    /// An assignment, header, cookie or URL whose value goes beyond limits.
    private static func longValue(with random: inout SplitMix) -> [UInt8] {
        var result = Array(
            random.pick([
                "password=", "api_key: \"", "Authorization: Bearer ", "Cookie: a=", "curl -u x:", "https://u:",
                "\"d\":\"", "IDENTIFIED" + " BY '", "mysql -p", "token='", "tool -u bob -p ",
                "login('bob', '", "INSERT INTO t (password) VALUES ('", "net user bob ", "mysql -u bob; x:",
            ]).utf8)
        for _ in 0..<(1 + random.below(4)) {
            result += random.bytes(
                random.below(220), of: random.pick([alnum, alnum + [0x5e], alphabets[4], Array("a1!#$%^*".utf8)]))
            result += random.chance() ? Array(random.pick(punctuation).utf8) : part(with: &random, more: true)
        }
        return part(with: &random, more: true) + Array(random.pick(punctuation).utf8) + result
            + part(with: &random, more: true)
    }

    private static func withLineEnds(_ end: String, _ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { $0 == 0x0a ? Array(end.utf8) : [$0] }
    }
}
