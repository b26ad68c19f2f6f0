import Foundation
import Testing

@testable import TerminalText

/// `vectors.json` is what `terminal.js` is held against in a browser (scripts/test-pages.py). Its input is made here, so
/// `PIPEMASON_WRITE_VECTORS=1 swift test --filter VectorTests` writes it anew.
@Suite("Vectors for terminal.js")
struct VectorTests {
    @Test func `the file is current`() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "vectors.json")
        let written = Self.vectors()
        if ProcessInfo.processInfo.environment["PIPEMASON_WRITE_VECTORS"] != nil { try written.write(to: file) }
        #expect(try Data(contentsOf: file) == written)
    }

    /// An array of objects: `bytes`, and `html` of each line.
    static func vectors() -> Data {
        var lines: [String] = []
        let long = Array(repeating: UInt8(ascii: "x"), count: TerminalText.cellsPerLine + 5) + [0x0A]
        for input in (0..<400).map({ randomOutput(seed: $0) }) + [long] where !input.isEmpty {
            let compact = input.allSatisfy { $0 == UInt8(ascii: "x") || $0 == 0x0A }
            // A long run is written as a count.
            let numbers = input.map(String.init).joined(separator: ",")
            let bytes = compact ? "\"x\":\(input.count - 1)" : "\"bytes\":[\(numbers)]"
            let shown = compact ? html(input).map { String($0.utf8.count) } : html(input).map(quoted)
            lines.append("{\(bytes),\"\(compact ? "lengths" : "html")\":[\(shown.joined(separator: ","))]}")
        }
        return Data("[\n\(lines.joined(separator: ",\n"))\n]\n".utf8)
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case " "..."~": result.unicodeScalars.append(scalar)
            default:
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return result + "\""
    }
}
