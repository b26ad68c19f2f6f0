/// Ways to write a text that leave it readable for a program.
package enum Encoding: String, CaseIterable, Sendable {
    case base64, base64url, base64Unpadded, percent, percentAll, hexLower, hexUpper, jsonUnicode, hexEscapes, octal,
        jsonString, jsonTwice, entities, entitiesHex,
        utf16LE, utf16BE, colored, quotedPrintable

    /// Those that the engine undoes.
    package static let undone = allCases.filter { $0 != .quotedPrintable }

    package func apply(_ bytes: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        func some(_ each: (UInt8) -> String) -> [UInt8] {
            bytes.flatMap { random.chance() ? Array(each($0).utf8) : [$0] }
        }
        switch self {
        case .colored:
            return bytes.flatMap { random.chance(12) ? Array("\u{1b}[3\(random.below(8))m".utf8) + [$0] : [$0] }
        case .percent: return some { "%" + hex($0, upper: true) }
        case .hexEscapes: return some { "\\x" + hex($0) }
        case .jsonUnicode: return some { "\\u00" + hex($0) }
        case .octal:
            return some {
                $0 < 128 ? "\\" + String($0 / 64) + String($0 / 8 % 8) + String($0 % 8) : String(UnicodeScalar($0))
            }
        case .entities: return some { "&#\($0);" }
        case .quotedPrintable: return some { "=" + hex($0, upper: true) }
        case .entitiesHex: return some { "&#x" + hex($0) + ";" }
        default: return apply(bytes)
        }
    }

    /// The encoding of every byte.
    package func apply(_ bytes: [UInt8]) -> [UInt8] {
        func each(_ form: (UInt8) -> String) -> [UInt8] { bytes.flatMap { Array(form($0).utf8) } }
        switch self {
        case .base64: return encodeBase64(bytes, "+/", pad: true)
        case .base64url: return encodeBase64(bytes, "-_", pad: false)
        case .base64Unpadded: return encodeBase64(bytes, "+/", pad: false)
        case .percent, .percentAll: return each { "%" + hex($0, upper: true) }
        case .hexLower: return each { hex($0) }
        case .hexUpper: return each { hex($0, upper: true) }
        case .jsonUnicode: return each { "\\u00" + hex($0) }
        case .hexEscapes: return each { "\\x" + hex($0) }
        case .octal: return each { "\\" + String($0 / 64) + String($0 / 8 % 8) + String($0 % 8) }
        case .jsonString: return jsonEscaped(bytes)
        case .jsonTwice: return jsonEscaped(jsonEscaped(bytes))
        case .entities: return each { "&#\($0);" }
        case .quotedPrintable: return each { "=" + hex($0, upper: true) }
        case .entitiesHex: return each { "&#x" + hex($0) + ";" }
        case .utf16LE: return bytes.flatMap { [$0, 0] }
        case .utf16BE: return bytes.flatMap { [0, $0] }
        case .colored:
            let middle = bytes.count / 2
            return bytes[..<middle] + Array("\u{1b}[31m".utf8) + bytes[middle...]
        }
    }
}

package func hex(_ byte: UInt8, upper: Bool = false) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: upper)
}

package func jsonEscaped(_ bytes: [UInt8]) -> [UInt8] {
    bytes.flatMap { byte -> [UInt8] in
        switch byte {
        case 0x22: Array("\\\"".utf8)
        case 0x5c: Array("\\\\".utf8)
        case 0x0a: Array("\\n".utf8)
        case 0x0d: Array("\\r".utf8)
        case 0x09: Array("\\t".utf8)
        case 0..<0x20: Array(("\\u00" + hex(byte)).utf8)
        default: [byte]
        }
    }
}

package func encodeBase64(_ bytes: [UInt8], _ last: String, pad: Bool) -> [UInt8] {
    let digits = Array(("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + last).utf8)
    var result: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        var bits: UInt32 = 0
        for index in 0..<3 { bits = bits << 8 | (index < group.count ? UInt32(group[start + index]) : 0) }
        for index in 0...group.count { result.append(digits[Int(bits >> UInt32(18 - 6 * index) & 63)]) }
        if pad { result += Array(repeating: UInt8(ascii: "="), count: 3 - group.count) }
    }
    return result
}
