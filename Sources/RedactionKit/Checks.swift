internal import RedactionRules

/// Verdicts of the checks that rules name.
enum Checks {
    enum Verdict { case pass, fail, proof, doubt }

    /// Runs one check on the bytes of a match. Proving checks answer `.proof` or `.doubt`, required ones `.pass` or `.fail`.
    static func run(_ validator: Validator, on bytes: UnsafeRawBufferPointer) -> Verdict {
        switch validator {
        case .crc32Base62: crc32Base62(bytes) ? .proof : .doubt
        case .crc32Hex: crc32Hex(bytes, littleEndian: false) ? .proof : .doubt
        case .crc32HexLittleEndian: crc32Hex(bytes, littleEndian: true) ? .proof : .doubt
        case .bech32: bech32(bytes) ? .proof : .doubt
        case .base64urlJSON: decodesToObject(bytes) ? .pass : .fail
        case .base64Userinfo: decodesToUserPassword(bytes) ? .pass : .fail
        case .luhn: luhn(bytes) ? .pass : .fail
        case .mod97: mod97(bytes) ? .pass : .fail
        case .mixed: isMixed(bytes) ? .pass : .fail
        case .random: Randomness.looksRandom(bytes) ? .pass : .fail
        case .notPlaceholder: Placeholders.isDocumentation(bytes) ? .fail : .pass
        }
    }

    private static let crcTable: [UInt32] = (0..<256).map { index in
        var value = UInt32(index)
        for _ in 0..<8 { value = value & 1 != 0 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
        return value
    }

    /// CRC-32 as in zlib (ISO 3309).
    static func crc32(_ bytes: Slice<UnsafeRawBufferPointer>) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes { crc = crcTable[Int((crc ^ UInt32(byte)) & 0xFF)] ^ (crc >> 8) }
        return ~crc
    }

    /// The last 6 base62 digits are the CRC-32 of the bytes between the last `_` and them.
    static func crc32Base62(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 7, let underscore = bytes.dropLast(6).lastIndex(of: UInt8(ascii: "_")) else { return false }
        var value: UInt64 = 0
        for byte in bytes.suffix(6) {
            let digit: UInt8
            if byte.isDigit {
                digit = byte - 0x30
            } else if byte.isUpper {
                digit = byte - 0x41 + 10
            } else if byte.isLower {
                digit = byte - 0x61 + 36
            } else {
                return false
            }
            value = value * 62 + UInt64(digit)
        }
        return value == UInt64(crc32(bytes[(underscore + 1)..<(bytes.count - 6)]))
    }

    /// The last 8 hexadecimal digits are the CRC-32 of all before them, little-endian and after a `_` for Grafana.
    static func crc32Hex(_ bytes: UnsafeRawBufferPointer, littleEndian: Bool) -> Bool {
        guard bytes.count > 9 else { return false }
        var value: UInt32 = 0
        for byte in bytes.suffix(8) {
            guard byte.isHex else { return false }
            value = value << 4 | UInt32(byte.hexValue)
        }
        if littleEndian { return value.byteSwapped == crc32(bytes[0..<(bytes.count - 9)]) }
        return value == crc32(bytes[0..<(bytes.count - 8)])
    }

    /// BIP 173, "Bech32": upper-case or lower-case human part, `1`, data with a 30-bit checksum.
    static func bech32(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let digits: StaticString = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
        guard let one = bytes.lastIndex(of: UInt8(ascii: "1")), one > 0, bytes.count - one > 7 else { return false }
        var sum: UInt32 = 1
        func add(_ value: UInt32) {
            let top = sum >> 25
            sum = (sum & 0x1FF_FFFF) << 5 ^ value
            if top & 1 != 0 { sum ^= 0x3B6A_57B2 }
            if top & 2 != 0 { sum ^= 0x2650_8E6D }
            if top & 4 != 0 { sum ^= 0x1EA1_19FA }
            if top & 8 != 0 { sum ^= 0x3D42_33DD }
            if top & 16 != 0 { sum ^= 0x2A14_62B3 }
        }
        for byte in bytes[0..<one] { add(UInt32(lower(byte) >> 5)) }
        add(0)
        for byte in bytes[0..<one] { add(UInt32(lower(byte) & 31)) }
        for byte in bytes[(one + 1)...] {
            var value = 0
            while value < 32, digits.utf8Start[value] != lower(byte) { value += 1 }
            guard value < 32 else { return false }
            add(UInt32(value))
        }
        return sum == 1
    }

    /// ISO/IEC 7812-1: the digits, other bytes skipped, have a valid Luhn sum and are not all alike.
    static func luhn(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var sum = 0
        var count = 0
        var isUniform = true
        var first: UInt8 = 0
        for byte in bytes.reversed() where byte.isDigit {
            if count == 0 { first = byte } else if byte != first { isUniform = false }
            var digit = Int(byte - 0x30)
            if count & 1 == 1 { digit = digit > 4 ? 2 * digit - 9 : 2 * digit }
            sum += digit
            count += 1
        }
        return count >= 12 && !isUniform && sum % 10 == 0
    }

    /// ISO 13616: the IBAN, blanks skipped, is 1 modulo 97 after its first four characters move to the end.
    static func mod97(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let compact = bytes.filter(\.isAlnum)
        guard compact.count >= 15, compact.count <= 34 else { return false }
        var remainder = 0
        for byte in compact[4...] + compact[..<4] {
            if byte.isDigit {
                remainder = (remainder * 10 + Int(byte - 0x30)) % 97
            } else {
                remainder = (remainder * 100 + Int(lower(byte) - 0x61 + 10)) % 97
            }
        }
        return remainder == 1
    }

    private static func isMixed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.contains(where: \.isDigit) && bytes.contains(where: \.isLetter)
    }

    /// Whether the first dot-separated segment is base64url of something that begins and ends like a JSON object.
    static func decodesToObject(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let segment = bytes.prefix { $0 != UInt8(ascii: ".") }
        guard segment.count >= 4, segment.count <= 8192 else { return false }
        var decoder = Base64Decoder()
        var first: UInt8?
        var last: UInt8 = 0
        for byte in segment where byte != UInt8(ascii: "=") {
            guard let value = byte.sextet else { return false }
            guard let decoded = decoder.push(value), !decoded.isWhitespace else { continue }
            if first == nil { first = decoded }
            last = decoded
        }
        return first == UInt8(ascii: "{") && last == UInt8(ascii: "}")
    }

    /// Whether the value is base64 of `user:password` in printable ASCII.
    static func decodesToUserPassword(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 8, bytes.count <= 1024 else { return false }
        var decoder = Base64Decoder()
        var colons = 0
        for byte in bytes where byte != UInt8(ascii: "=") {
            guard let value = byte.sextet else { return false }
            guard let decoded = decoder.push(value) else { continue }
            if decoded < 0x20 || decoded == 0x7f { return false }
            if decoded == UInt8(ascii: ":") { colons += 1 }
        }
        return colons >= 1
    }
}

/// Values that stand for a secret without being one.
enum Placeholders {
    /// What every placeholder of ours begins with; such text is never a match (promise: idempotence).
    static let mark: StaticString = "[REDACTED"

    /// Whether this is a documentation sample such as AWS's `…EXAMPLE`.
    static func isDocumentation(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        let text = Text(base: base.assumingMemoryBound(to: UInt8.self), count: bytes.count)
        if text.findFolded("example", in: 0..<text.count) != nil { return true }
        // One character over and over after the prefix: xxxx, 0000.
        var longest = 0
        var run = 1
        for i in 1..<max(1, text.count) {
            run = text[i] == text[i - 1] ? run + 1 : 1
            longest = max(longest, run)
        }
        return longest >= 8 && longest * 2 >= text.count
    }

    /// Whether a value of an assignment is a template, a mask, a word of the format, or empty.
    static func isTemplate(_ text: Text, _ range: Range<Int>) -> Bool {
        let length = range.count
        guard length > 0 else { return true }
        let first = text[range.lowerBound]
        let second = text.at(range.lowerBound + 1)
        let last = text[range.upperBound - 1]
        // A value that holds a placeholder was looked at before.
        if text.findFolded("redacted", in: range) != nil { return true }
        switch first {
        case UInt8(ascii: "$"):
            // $VAR, ${VAR}, $(command), $1; but a password may begin with a dollar sign: `$` and no name is one.
            if second == UInt8(ascii: "{") || second == UInt8(ascii: "(") {
                return !isSecretBehindReference(text, range)
            }
            var i = range.lowerBound + 1
            while i < range.upperBound,
                text[i].isIdentifier || text[i] == UInt8(ascii: ".") || text[i] == UInt8(ascii: ":")
            { i += 1 }
            // $me->name
            if i == range.upperBound - 1, text[i] == UInt8(ascii: "-"), text.at(i + 1) == UInt8(ascii: ">") {
                return true
            }
            // A variable's name is a word; `$2y$10$…` and `$xK9!` are not.
            return i == range.upperBound && !Randomness.looksRandom(text.raw((range.lowerBound + 1)..<i))
        case UInt8(ascii: "{"), UInt8(ascii: "<"), UInt8(ascii: "["), UInt8(ascii: "("):
            if !isRandomBehindBracket(text, range) { return true }
        case UInt8(ascii: "%"):
            // %s, %(name)s, %ENV%, %{name}
            if second == UInt8(ascii: "(") || second == UInt8(ascii: "{") {
                return !isSecretBehindReference(text, range)
            }
            return length <= 2
                || last == UInt8(ascii: "%")
                    && !Randomness.looksRandom(text.raw((range.lowerBound + 1)..<(range.upperBound - 1)))
        case UInt8(ascii: "!"):
            // YAML tags: !vault, !ref
            return length >= 3 && (range.lowerBound + 1..<range.upperBound).allSatisfy { text[$0].isLower }
        case UInt8(ascii: "#"):
            return second == UInt8(ascii: "{") && !isSecretBehindReference(text, range)
        case UInt8(ascii: "@"):
            return second == UInt8(ascii: "{") && !isSecretBehindReference(text, range) || second == UInt8(ascii: "@")
        case .backslash where second == UInt8(ascii: "("):
            // Swift's interpolation.
            return true
        default: break
        }
        if holdsReference(text, range) { return true }
        // Masks: at least three of * • x X . - _ # and nothing else, or a tail of asterisks.
        var isMask = true
        var stars = 0
        for i in range {
            let byte = text[i]
            if byte == UInt8(ascii: "*") { stars += 1 }
            if byte != UInt8(ascii: "*"), byte | 0x20 != UInt8(ascii: "x"), byte != UInt8(ascii: "."),
                byte != UInt8(ascii: "-"),
                byte != UInt8(ascii: "_"), byte != UInt8(ascii: "#"), byte != UInt8(ascii: "?"), byte < 0x80
            {
                isMask = false
                break
            }
        }
        if isMask { return true }
        guard stars >= 3, let first = range.first(where: { text[$0] == UInt8(ascii: "*") }),
            let last = range.last(where: { text[$0] == UInt8(ascii: "*") })
        else { return false }
        return !holdsSecret(text, range, beside: first..<(last + 1))
    }

    /// Fewest random bytes beside a stand-in that count as a secret of their own, with nothing between, and with something.
    private static let gluedSecret = 8
    private static let separateSecret = 16

    /// Whether a value is a secret although a stand-in's word or a mask stands at `part` of it: the rest is random, and no
    /// shorter than the part. Random text holds `xxxx` or `todo` once in a while.
    private static func holdsSecret(_ text: Text, _ range: Range<Int>, beside part: Range<Int>) -> Bool {
        let isGlued =
            part.lowerBound > range.lowerBound && text[part.lowerBound - 1].isAlnum
            || part.upperBound < range.upperBound && text[part.upperBound].isAlnum
        guard range.count - part.count >= max(isGlued ? gluedSecret : separateSecret, part.count) else { return false }
        let rest = Array(text.raw(range.lowerBound..<part.lowerBound)) + text.raw(part.upperBound..<range.upperBound)
        // `1234567890abcdef` is what people write for random digits.
        let steps = zip(rest, rest.dropFirst()).count {
            $1 == $0 &+ 1 || $0 == UInt8(ascii: "9") && "0aA".utf8.contains($1)
        }
        return steps * 2 < rest.count && rest.withUnsafeBytes { Randomness.looksRandom($0) }
    }

    /// Whether a reference stands in the value: `app-${STAGE}`, `{{ tpl }}`, `$(cat x)`. Its brackets are in pairs, and nothing in
    /// it is as strange as in a password.
    private static func holdsReference(_ text: Text, _ range: Range<Int>) -> Bool {
        for i in range where text[i] == UInt8(ascii: "$") || text[i] == UInt8(ascii: "{") {
            guard text.has("${", at: i) || text.has("{{", at: i) || text.has("$(", at: i) else { continue }
            var depth = 0
            var isStrange = false
            var k = i + 2
            scan: while k < range.upperBound {
                switch text[k] {
                case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
                case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
                    depth -= 1
                    if depth < 0 { break scan }
                case UInt8(ascii: "#"), UInt8(ascii: "^"), UInt8(ascii: "~"), UInt8(ascii: "<"), UInt8(ascii: "@"):
                    isStrange = true
                default: break
                }
                k += 1
            }
            let closing: UInt8 = text.has("$(", at: i) ? UInt8(ascii: ")") : UInt8(ascii: "}")
            if !isStrange, k == range.upperBound || text[k] == closing { return true }
        }
        return false
    }

    /// Whether a value that begins with `${` or the like is a secret all the same: what it opens is not closed and random, or
    /// what stands behind it is.
    private static func isSecretBehindReference(_ text: Text, _ range: Range<Int>) -> Bool {
        let opening = text[range.lowerBound + 1]
        let closing = opening == UInt8(ascii: "(") ? UInt8(ascii: ")") : UInt8(ascii: "}")
        let inner = range.lowerBound + 2
        guard let end = (inner..<range.upperBound).last(where: { text[$0] == closing }) else {
            // Cut off at a blank, as in `${NAME:-a b}`, it is made of names.
            let profile = Randomness.profile(text.raw(inner..<range.upperBound))
            return profile.length >= gluedSecret && profile.digits > 0 && profile.symbols > 0
                && !(inner..<range.upperBound).contains { text[$0].isOne(of: ":.-/|[(?") }
                && Randomness.looksRandom(profile)
        }
        let rest = (end + 1)..<range.upperBound
        return rest.count >= separateSecret && !rest.contains { text[$0].isOne(of: "${%<") }
            && Randomness.looksRandom(text.raw(rest))
    }

    /// Whether a value that begins with a bracket is a password all the same: what the bracket holds is random, and no list.
    private static func isRandomBehindBracket(_ text: Text, _ range: Range<Int>) -> Bool {
        var inner = (range.lowerBound + 1)..<range.upperBound
        if text.has(mark, at: range.lowerBound) { return false }
        if isEncrypted(text, range) { return true }
        // <tag>, [name], {name}, also with something behind it.
        var end = inner.lowerBound
        while end < inner.upperBound, text[end].isIdentifier || text[end].isOne(of: "-./: ") { end += 1 }
        if end < inner.upperBound, text[end].isOne(of: ">]})") { return false }
        for i in inner {
            switch text[i] {
            case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "{"), .space, .quote,
                .apostrophe:
                return false
            case UInt8(ascii: "}"), UInt8(ascii: ">"), UInt8(ascii: "]"), UInt8(ascii: ")"):
                if i == range.upperBound - 1 { inner = inner.lowerBound..<i }
            default: break
            }
        }
        let profile = Randomness.profile(text.raw(inner))
        return profile.symbols > 0 && Randomness.looksRandom(profile)
    }

    /// Fewest digits of base64 in braces that are more than a name.
    private static let encrypted = 24

    /// Maven and Jenkins keep what they have encrypted in base64 and in braces.
    private static func isEncrypted(_ text: Text, _ range: Range<Int>) -> Bool {
        guard text[range.lowerBound] == UInt8(ascii: "{"), text[range.upperBound - 1] == UInt8(ascii: "}"),
            range.count >= encrypted + 2
        else { return false }
        let inner = (range.lowerBound + 1)..<(range.upperBound - 1)
        guard let end = inner.first(where: { !text[$0].isBase64 }) ?? Optional(inner.upperBound),
            end - inner.lowerBound >= encrypted,
            (end..<inner.upperBound).allSatisfy({ text[$0] == UInt8(ascii: "=") })
        else { return false }
        let profile = Randomness.profile(text.raw(inner.lowerBound..<end))
        return profile.digits > 0 && profile.uppers > 0 && profile.lowers > 0 && Randomness.looksRandom(profile)
    }

    /// Words that say what a value is or that there is none, in lower case, of at most `ShortWords.maximumLength` bytes.
    static let words: [StaticString] = [
        "null", "nil", "none", "nan", "true", "false", "yes", "no", "on", "off", "undefined", "void", "empty", "blank",
        "required", "optional", "missing", "invalid", "incorrect", "expired", "wrong", "valid", "ok", "unset", "set",
        "unknown",
        "string", "str", "text", "char", "varchar", "bytes", "bytearray", "object", "boolean", "bool", "int", "integer",
        "number",
        "password", "passwd", "secret", "token", "apikey", "api_key", "key", "hidden", "masked", "encrypted", "hashed",
        "disabled", "enabled", "default", "auto", "any", "all", "never", "always", "prompt", "stdin", "env", "file",
        "vault",
        "placeholder", "example", "sample", "dummy", "todo", "tbd", "na", "n/a", "bearer", "basic", "digest", "plain",
        "oauth",
        "oauth2", "jwt", "auth", "authentication", "authorization", "changed", "updated", "failed", "success",
        "accepted",
        "rejected", "denied", "granted", "revoked", "rotated", "created", "deleted", "found", "not", "is", "was", "and",
        "for",
        "must", "should", "will", "has", "with", "from", "this", "that", "the", "your", "you", "new", "old", "self",
        "config",
        "settings", "files", "compat", "options", "request", "response", "args", "input", "getpass", "value", "values",
        "field", "type",
        "name",
    ]

    /// Whether the value is one of the words of formats and messages.
    static func isWord(_ text: Text, _ range: Range<Int>) -> Bool {
        wordTable.contains(text, range)
    }

    private static let wordTable = ShortWords(words)

    /// Length of the one of `words`, in lower case, that stands at `index`; 0 if none does.
    private static func longest(_ words: [StaticString], _ text: Text, _ index: Int) -> Int {
        words.first { text.hasFolded($0, at: index) }?.utf8CodeUnitCount ?? 0
    }

    /// Whether the value speaks of itself as a stand-in: `your-api-key`, `changeme`, `<token>`, `test_secret_here`.
    static func isStandIn(_ text: Text, _ range: Range<Int>) -> Bool {
        isTemplate(text, range) || isWord(text, range) || speaksOfItself(text, range)
    }

    /// The part of `isStandIn` that is about words in it.
    static func speaksOfItself(_ text: Text, _ range: Range<Int>) -> Bool {
        for i in range {
            let length =
                switch text[i] | 0x20 {
                case UInt8(ascii: "y"):
                    longest(["your_", "your-", "yourapi", "yourtoken", "yoursecret", "yourpass"], text, i)
                case UInt8(ascii: "c"): longest(["changeme", "change_me", "change-me"], text, i)
                case UInt8(ascii: "p"): longest(["placeholder"], text, i)
                case UInt8(ascii: "e"): longest(["example"], text, i)
                case UInt8(ascii: "i"): longest(["insert_", "insert-"], text, i)
                case UInt8(ascii: "r"): longest(["replace_", "replace-", "replaceme"], text, i)
                case UInt8(ascii: "h"): i > range.lowerBound && !text[i - 1].isAlnum ? longest(["here"], text, i) : 0
                case UInt8(ascii: "d"): longest(["dummy"], text, i)
                case UInt8(ascii: "x"): longest(["xxxx"], text, i)
                case UInt8(ascii: "t"): longest(["todo"], text, i)
                default: 0
                }
            guard length > 0 else { continue }
            var end = i + length
            while end < range.upperBound, text[end] == text[end - 1] { end += 1 }
            if !holdsSecret(text, range, beside: i..<min(end, range.upperBound)) { return true }
        }
        return false
    }
}

/// A set of short words, letters compared without case: a look-up is one hash and a comparison of two numbers.
struct ShortWords: Sendable {
    /// Longest word, in bytes.
    static let maximumLength = 15

    private struct Entry {
        var low: UInt64 = 0
        var high: UInt64 = 0
    }
    /// Open addressing, at most half full; an entry of zeros is free.
    private var slots: [Entry]

    /// Makes a set of words in lower case.
    init(_ words: [StaticString]) {
        var size = 64
        while size < 2 * words.count { size *= 2 }
        slots = Array(repeating: Entry(), count: size)
        for word in words {
            precondition(word.utf8CodeUnitCount <= Self.maximumLength, "a word fits an entry")
            let entry = Self.entry(word.utf8Start, word.utf8CodeUnitCount)
            var slot = self.slot(entry)
            while slots[slot].high != 0 { slot = (slot + 1) & (size - 1) }
            slots[slot] = entry
        }
    }

    /// The bytes as two numbers, in lower case, with their count in the last place: a word with NUL behind it is another.
    @inline(__always)
    private static func entry(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Entry {
        var entry = Entry(high: UInt64(count) << 56)
        for i in 0..<min(count, 8) { entry.low |= UInt64(lower(bytes[i])) << UInt64(8 * i) }
        if count > 8 {
            for i in 8..<count { entry.high |= UInt64(lower(bytes[i])) << UInt64(8 * (i - 8)) }
        }
        return entry
    }

    @inline(__always)
    private func slot(_ entry: Entry) -> Int {
        let mixed = (entry.low ^ entry.high &* 0x9E37_79B9_7F4A_7C15) &* 0xC2B2_AE3D_27D4_EB4F
        return Int(truncatingIfNeeded: mixed >> 40) & (slots.count - 1)
    }

    func contains(_ text: Text, _ range: Range<Int>) -> Bool {
        guard range.count <= Self.maximumLength, !range.isEmpty else { return false }
        let entry = Self.entry(text.base + range.lowerBound, range.count)
        var slot = slot(entry)
        while slots[slot].high != 0 {
            if slots[slot].low == entry.low && slots[slot].high == entry.high { return true }
            slot = (slot + 1) & (slots.count - 1)
        }
        return false
    }
}
