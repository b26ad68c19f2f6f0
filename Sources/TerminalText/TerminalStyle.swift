/// How text looks: colours of the 256-colour palette and other renditions (ECMA-48, 8.3.117).
package struct TerminalStyle: Sendable, Hashable {
    /// 0–255, or nil for the default. Colours of 24 bits are the nearest of the palette.
    package var foreground: UInt8?
    package var background: UInt8?
    package var renditions: Renditions = []

    package struct Renditions: OptionSet, Sendable, Hashable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let bold = Renditions(rawValue: 1)
        package static let faint = Renditions(rawValue: 2)
        package static let italic = Renditions(rawValue: 4)
        package static let underlined = Renditions(rawValue: 8)
        package static let inverse = Renditions(rawValue: 16)
        package static let struck = Renditions(rawValue: 32)
    }

    package init() {}

    /// The classes of the style sheet, in a fixed order; empty for plain text.
    package var classes: [String] {
        var classes: [String] = []
        if renditions.contains(.inverse) {
            classes.append(background.map { "f\($0)" } ?? "fi")
            classes.append(foreground.map { "g\($0)" } ?? "gi")
        } else {
            if let foreground { classes.append("f\(foreground)") }
            if let background { classes.append("g\(background)") }
        }
        if renditions.contains(.bold) { classes.append("tb") }
        if renditions.contains(.faint) { classes.append("tf") }
        if renditions.contains(.italic) { classes.append("ti") }
        if renditions.contains(.underlined) { classes.append("tu") }
        if renditions.contains(.struck) { classes.append("ts") }
        return classes
    }

    /// Selects graphic renditions.
    /// - Parameter groups: What stood between semicolons, each split at its colons; -1 where there was nothing, or no number.
    mutating func apply(_ groups: [[Int]]) {
        var index = 0
        while index < groups.count {
            let group = groups[index]
            index += 1
            if group.count > 1 {
                applyExtended(group)
            } else if group[0] == 38 || group[0] == 48 {
                // The form with semicolons: 38;5;n or 38;2;r;g;b.
                let rest = groups[index...].map { $0[0] }
                let count = rest.first == 5 ? 2 : rest.first == 2 ? 4 : 1
                if rest.count >= count { setColour(group[0], Array(rest.prefix(count))) }
                index += min(count, rest.count)
            } else {
                applySingle(max(0, group[0]))
            }
        }
    }

    /// The forms with colons (ITU-T T.416, 13.1.8): 38:5:n, 38:2:r:g:b, 38:2:space:r:g:b, and 4:n.
    private mutating func applyExtended(_ group: [Int]) {
        switch group[0] {
        case 4: set(.underlined, group[1] != 0)
        case 38, 48:
            if group[1] == 2, group.count >= 6 {
                setColour(group[0], [2] + group[3...5])
            } else {
                setColour(group[0], Array(group[1...]))
            }
        default: break
        }
    }

    private mutating func applySingle(_ code: Int) {
        switch code {
        case 0: self = TerminalStyle()
        case 1: set(.bold, true)
        case 2: set(.faint, true)
        case 3: set(.italic, true)
        case 4, 21: set(.underlined, true)
        case 7: set(.inverse, true)
        case 9: set(.struck, true)
        case 22: set([.bold, .faint], false)
        case 23: set(.italic, false)
        case 24: set(.underlined, false)
        case 27: set(.inverse, false)
        case 29: set(.struck, false)
        case 30...37: foreground = UInt8(code - 30)
        case 39: foreground = nil
        case 40...47: background = UInt8(code - 40)
        case 49: background = nil
        case 90...97: foreground = UInt8(code - 90 + 8)
        case 100...107: background = UInt8(code - 100 + 8)
        default: break
        }
    }

    private mutating func set(_ rendition: Renditions, _ on: Bool) {
        if on { renditions.formUnion(rendition) } else { renditions.subtract(rendition) }
    }

    /// - Parameter colour: 5 and an index, or 2 and three components.
    private mutating func setColour(_ target: Int, _ colour: [Int]) {
        let value: UInt8
        switch (colour.first, colour.count) {
        case (5, 2...): guard let index = UInt8(exactly: max(0, colour[1])) else { return }; value = index
        case (2, 4...):
            let components = colour[1...3].compactMap { UInt8(exactly: max(0, $0)) }
            guard components.count == 3 else { return }
            value = TerminalPalette.nearest(Int(components[0]), Int(components[1]), Int(components[2]))
        default: return
        }
        if target == 38 { foreground = value } else { background = value }
    }

    /// Splits parameters at semicolons and colons. Numbers beyond 65535 and what is no number are -1.
    static func groups(of parameters: [Unicode.Scalar]) -> [[Int]] {
        parameters.split(separator: ";", omittingEmptySubsequences: false).map { group in
            group.split(separator: ":", omittingEmptySubsequences: false).map { digits in
                var number = digits.isEmpty ? -1 : 0
                for digit in digits {
                    guard ("0"..."9").contains(digit), number >= 0 else { return -1 }
                    number = number * 10 + Int(digit.value - 0x30)
                    if number > 65535 { return -1 }
                }
                return number
            }
        }
    }

    /// The first parameter, or what it is when there is none.
    static func number(_ parameters: [Unicode.Scalar], default value: Int) -> Int {
        let first = groups(of: parameters)[0][0]
        return first < 0 ? value : first
    }
}

/// The palette of xterm: 16 colours, a cube of 6×6×6, 24 greys.
package enum TerminalPalette {
    private static let levels = [0, 95, 135, 175, 215, 255]

    /// Red, green and blue of the colours from 16 on.
    package static func components(_ index: UInt8) -> (Int, Int, Int) {
        if index >= 232 {
            let grey = 8 + 10 * (Int(index) - 232)
            return (grey, grey, grey)
        }
        let cube = max(0, Int(index) - 16)
        return (levels[cube / 36], levels[cube / 6 % 6], levels[cube % 6])
    }

    /// The nearest colour of the cube and the greys, by the square of the distance; the cube's if both are as near.
    static func nearest(_ red: Int, _ green: Int, _ blue: Int) -> UInt8 {
        func level(_ component: Int) -> Int {
            component < 48 ? 0 : component < 115 ? 1 : (component - 35) / 40
        }
        func distance(_ other: (Int, Int, Int)) -> Int {
            let (r, g, b) = (red - other.0, green - other.1, blue - other.2)
            return r * r + g * g + b * b
        }
        let cube = UInt8(16 + 36 * level(red) + 6 * level(green) + level(blue))
        let average = (red + green + blue) / 3
        let grey = UInt8(232 + min(23, max(0, (average - 3) / 10)))
        return distance(components(grey)) < distance(components(cube)) ? grey : cube
    }
}

enum TerminalLink {
    /// Longest target, in bytes.
    static let limit = 2048

    /// Returns a target that a page may link to: `http` or `https`, printable ASCII, without spaces and quotation marks.
    static func safe(_ target: String) -> String? {
        let bytes = target.utf8
        guard bytes.count <= limit, bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }) else {
            return nil
        }
        let lowered = target.lowercased()
        return lowered.hasPrefix("http://") || lowered.hasPrefix("https://") ? target : nil
    }
}
